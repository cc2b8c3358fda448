"""What settings are likely, as a term of a loss."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal, get_args

import torch
from torch import Tensor, nn

from ..control import KnobValue, unknown_name
from ..fit.knobs import positions_of
from ..processor import Processor

Shape = Literal["gaussian", "laplace"]

_LEAST_SPREAD = 0.02


class SettingsPrior(nn.Module):
    r"""Minus the logarithm of how likely settings are, up to a constant: a mean over items and knobs.

    .. math:: L = \mathrm{mean}\, \tfrac12 \left(\frac{p - c}{s}\right)^2 \quad\text{or}\quad
        \mathrm{mean} \left|\frac{p - c}{s}\right|,
        \quad \text{and } w\, \mathrm{mean}\, (p_{f+1} - 2 p_f + p_{f-1})^2 / s^2 \text{ of knobs that move}

    p are knob positions, c their centres, s their spreads. "laplace" about neutral settings prefers to leave knobs
    alone: the short answer.

    Args:
        fx: the effect.
        centre: values in their units where settings are likely; names left out are where the effect holds them.
            "neutral" is where the effect does nothing.
        spread: standard deviation (or, "laplace", scale) as a part of the range: one for all, or by name; names left
            out have no prior.
        shape: "gaussian" or "laplace".
        smooth: w, the weight of the bending of moving knobs.

    Shape:
        ``norm_params`` (B, P) or (B, P, F), or a dict, to one number.

    Raises:
        ValueError: for unknown names, a spread that is not positive, another shape, or nothing neutral.

    Examples:
        >>> from diffFx_pytorch.processors import Gain
        >>> prior = SettingsPrior(Gain(gain_db=0.0), spread=0.1)
        >>> float(prior(torch.tensor([[0.5 + 0.1]]))) < float(prior(torch.tensor([[0.5 + 0.3]])))
        True
    """

    centre: Tensor
    spread: Tensor

    def __init__(
        self,
        fx: Processor,
        centre: Mapping[str, KnobValue] | Literal["neutral"] | None = None,
        spread: float | Mapping[str, float] = 0.25,
        *,
        shape: Shape = "gaussian",
        smooth: float = 0.0,
    ) -> None:
        super().__init__()
        name = type(fx).__name__
        if shape not in get_args(Shape):
            raise ValueError(f"SettingsPrior: shape must be 'gaussian' or 'laplace', got {shape!r}")
        if centre == "neutral" and not fx.neutral:
            raise ValueError(f"SettingsPrior: {name} has no neutral settings; give a centre")
        values = fx.neutral if centre == "neutral" else (centre or {})
        spreads = spread if isinstance(spread, Mapping) else dict.fromkeys(fx.params, float(spread))
        for knob, width in spreads.items():
            if knob not in fx.params:
                raise ValueError(f"SettingsPrior: {unknown_name(knob, fx.params, 'knob')}")
            if not width > 0:
                raise ValueError(f"SettingsPrior: the spread of {knob} must be positive, got {width!r}")
        self.names, self.shape, self.smooth = list(fx.params), shape, smooth
        self.register_buffer("centre", positions_of(fx, values)[0].float())
        self.register_buffer("spread", torch.tensor([spreads.get(knob, torch.inf) for knob in fx.params]))

    @classmethod
    def of_examples(cls, fx: Processor, norm_params: Tensor, **options: Any) -> SettingsPrior:
        """The prior of settings seen, positions (N, P): means and deviations, a fiftieth of the range at least."""
        prior = cls(fx, **options)
        prior.centre.copy_(norm_params.mean(0))
        prior.spread.copy_(norm_params.std(0, correction=0).clamp_min(_LEAST_SPREAD))
        return prior

    def forward(self, norm_params: Tensor | Mapping[str, Tensor]) -> Tensor:
        """The term."""
        each = norm_params.unbind(1) if isinstance(norm_params, Tensor) else [norm_params[name] for name in self.names]
        total, terms = self.centre.new_zeros(()), 0
        for p, c, s in zip(each, self.centre, self.spread, strict=True):
            if not s.isinf():
                off = (p - c) / s
                total, terms = total + (off.abs() if self.shape == "laplace" else off.square() / 2).mean(), terms + 1
            if self.smooth and p.dim() == 2 and p.shape[-1] > 2:
                scale = torch.where(s.isinf(), 1.0, s)
                total = total + self.smooth * (p.diff(n=2, dim=-1) / scale).square().mean()
        return total / max(terms, 1)
