"""From features of any network to positions of knobs."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..fit.knobs import FreeKnobs, inside
from ..processor import Processor

_SPREAD = 1e-2
"""Standard deviation of the weights: at the start no feature moves a knob far."""


class ParameterHead(nn.Module):
    r"""Features to ``norm_params`` of an effect, which begin where the effect holds its knobs.

    .. math:: p = \sigma(W f + b), \quad b = \operatorname{logit}(p_0), \quad W \text{ small}

        head = ParameterHead(fx, in_features=512)
        y = fx(x, norm_params=head(network(x)))

    Its ``state_dict`` knows the names and ranges of the knobs: one of another chain is refused.

    Args:
        processor: the effect or chain to control.
        in_features: size of the features.
        frozen: names of the knobs that stay where the effect holds them, or a dict of name to value in its unit.
        free: names of the knobs to turn, instead of ``frozen``.

    Shape:
        (B, in_features) to (B, P). (B, F, in_features) to (B, P, F), knobs that move through F points spread evenly
        over the sound; where the effect has knobs that cannot move, to a dict of (B, F), those (B,) by the mean.

    Raises:
        ValueError: for knobs the effect does not have, and features of another size.
    """

    def __init__(
        self,
        processor: Processor,
        in_features: int,
        frozen: Iterable[str] | Mapping[str, float] = (),
        free: Iterable[str] | None = None,
    ) -> None:
        super().__init__()
        self.knobs = FreeKnobs(processor, frozen, free)
        self.table = {name: (p.min_val, p.max_val, p.curve) for name, p in processor.params.items()}
        self.standing = {name for name, param in processor.params.items() if not param.automatable}
        self.linear = nn.Linear(in_features, len(self.knobs.names))
        nn.init.normal_(self.linear.weight, std=_SPREAD)
        with torch.no_grad():
            self.linear.bias.copy_(torch.logit(inside(self.knobs.rest[0, self.knobs.index])))

    @property
    def names(self) -> list[str]:
        """The knobs that are turned."""
        return self.knobs.names

    def positions(self, features: Tensor) -> Tensor:
        """Positions of the turned knobs alone: (..., in_features) to (..., K)."""
        if features.shape[-1] != self.linear.in_features:
            raise ValueError(
                f"ParameterHead: features must be (B, {self.linear.in_features}) or (B, F, {self.linear.in_features}), "
                f"got {tuple(features.shape)}"
            )
        return torch.sigmoid(self.linear(features))

    def forward(self, features: Tensor) -> Any:
        """``norm_params``."""
        if features.dim() not in (2, 3):
            raise ValueError(f"ParameterHead: features must be (B, D) or (B, F, D), got {tuple(features.shape)}")
        found = self.positions(features)
        if features.dim() == 2:
            return self.knobs(found)
        flat = self.knobs(found.mT)
        if not self.standing:
            return flat
        by_name = dict(zip(self.table, flat.unbind(1), strict=True))
        return {name: value.mean(-1) if name in self.standing else value for name, value in by_name.items()}

    def get_extra_state(self) -> Tensor:
        """The table of knobs, as bytes: what any format of weights can hold."""
        said = json.dumps({"knobs": self.table, "turned": self.names})
        return torch.frombuffer(bytearray(said.encode()), dtype=torch.uint8)

    def set_extra_state(self, state: Tensor) -> None:
        """Refuse the state of a head for other knobs.

        Raises:
            ValueError: naming what differs.
        """
        said = json.loads(bytes(state.cpu().tolist()))
        theirs = {name: tuple(row) for name, row in said["knobs"].items()}
        wrong = differences(theirs, self.table)
        if not wrong and said["turned"] != self.names:
            wrong = [f"it turns {', '.join(said['turned'])}; this one {', '.join(self.names)}"]
        if wrong:
            raise ValueError(
                f"this checkpoint is of another chain: {'; '.join(wrong)}. Build the controller for the chain that it "
                "was trained with (load_controlled does)"
            )


def differences(theirs: Mapping[str, tuple[Any, ...]], ours: Mapping[str, tuple[Any, ...]]) -> list[str]:
    """What differs between the tables of knobs of a checkpoint and of a chain, a phrase each, at most five."""
    found = [f"it has {name}, this chain has not" for name in theirs if name not in ours]
    found += [f"it has no {name}, this chain has" for name in ours if name not in theirs]
    for name, row in theirs.items():
        if name in ours and row != ours[name]:
            (low, high, curve), (our_low, our_high, our_curve) = row, ours[name]
            found.append(f"its {name} is {low:g} .. {high:g} ({curve}), here {our_low:g} .. {our_high:g} ({our_curve})")
    if not found and [*theirs] != [*ours]:
        found.append("its knobs stand in another order")
    return [*found[:5], f"and {len(found) - 5} more"] if len(found) > 5 else found
