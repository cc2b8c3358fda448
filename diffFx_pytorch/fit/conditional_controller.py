"""Device knobs in, effect knobs out: what a pedal's own knobs do to the effects that model it."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Mapping

import torch
from torch import Tensor, nn

from ..processor import Processor
from .knobs import FreeKnobs, inside


class FiLM(nn.Module):
    r"""Features scaled and shifted by a linear map of a condition, the identity at the start.

    .. math:: y_h = (1 + \gamma_h(c))\, x_h + \beta_h(c)

    Args:
        condition: size of the condition; 0 leaves features alone.
        features: size of what it turns.

    Shape:
        x (B, ..., features), condition (B, condition).

    References:
        E. Perez, F. Strub, H. de Vries, V. Dumoulin, A. Courville, "FiLM: visual reasoning with a general conditioning
        layer", AAAI 2018, equations 1 and 2.
    """

    def __init__(self, condition: int, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(condition, 2 * features) if condition else None
        if self.linear is not None:
            nn.init.zeros_(self.linear.weight)
            nn.init.zeros_(self.linear.bias)

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """The features, turned."""
        if self.linear is None:
            return x
        assert condition is not None
        gamma, beta = self.linear(condition).chunk(2, -1)
        between = [1] * (x.dim() - 2)
        return (1 + gamma.reshape(-1, *between, x.shape[-1])) * x + beta.reshape(-1, *between, x.shape[-1])


class KnobHead(nn.Module):
    """Features to positions of knobs, which begin where the effect holds them.

    Args:
        knobs: which are free.
        features: size of the features.

    Shape:
        (..., features) to (..., K) in 0 .. 1.
    """

    start: Tensor

    def __init__(self, knobs: FreeKnobs, features: int) -> None:
        super().__init__()
        self.linear = nn.Linear(features, len(knobs.names))
        nn.init.normal_(self.linear.weight, std=1e-2)
        nn.init.zeros_(self.linear.bias)
        self.register_buffer("start", torch.logit(inside(knobs.rest[0, knobs.index])))

    def forward(self, features: Tensor) -> Tensor:
        """The positions."""
        return torch.sigmoid(self.linear(features) + self.start.to(features))


class ConditionalController(nn.Module):
    """A perceptron from the knobs of a device to those of an effect: ``fx(x, norm_params=controller(device_knobs))``.

    Args:
        fx: the effect to control.
        controls: number of device knobs.
        frozen: names of the knobs that stay where the effect holds them, or a dict of name to value in its unit.
        free: names of the knobs to turn, instead of ``frozen``.
        hidden: width of the hidden layers.
        layers: number of hidden layers.

    Shape:
        device knobs (B, controls), about 0 .. 1, to ``norm_params`` (B, P). At the start these are what the effect has
        (knobs at an end of their range a hundredth inside), nearly whatever the device knobs are.

    Raises:
        ValueError: for knobs the effect does not have, and controls of another shape.

    References:
        M. Comunita, C. J. Steinmetz, J. D. Reiss, "NablAFx: a framework for differentiable black-box and gray-box
        modeling of audio effects", 2025 (static conditional controller).
    """

    def __init__(
        self,
        fx: Processor,
        controls: int,
        frozen: Iterable[str] | Mapping[str, float] = (),
        free: Iterable[str] | None = None,
        *,
        hidden: int = 32,
        layers: int = 2,
    ) -> None:
        super().__init__()
        if controls < 1 or layers < 1:
            raise ValueError(f"ConditionalController: controls and layers must be 1 or more, got {controls}, {layers}")
        self.controls, self.knobs = controls, FreeKnobs(fx, frozen, free)
        sizes = [controls, *[hidden] * layers]
        steps = [nn.Sequential(nn.Linear(a, b), nn.Tanh()) for a, b in itertools.pairwise(sizes)]
        self.network = nn.Sequential(*steps)
        self.head = KnobHead(self.knobs, hidden)

    def forward(self, controls: Tensor) -> Tensor:
        """Positions of all knobs for the device knobs."""
        if controls.dim() != 2 or controls.shape[1] != self.controls:
            raise ValueError(f"ConditionalController: controls must be (B, {self.controls}), got {controls.shape}")
        return self.knobs(self.head(self.network(2 * controls - 1)))
