"""How well a sound determines the knobs that were found from it."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import torch
from torch import Tensor

from ..explaining import digits
from ..params import EffectParam
from .least_squares import LeastSquares

_HEARD = 1e-6
_BESIDE = 1e-2
"""A change of the sound that counts: -60 dB of its energy, or -20 dB of the residual where that is more."""
_LOOSE = 0.5
"""Share of its range over which a knob may move unheard, after which it counts as undetermined."""
_PARTNER = 0.3
_ALIKE = 1.05
"""An error, relative to the best one, that is as good: in noise a worse setting shows by less than a decibel."""
_APART = 0.05
"""Share of its range by which a knob that other starts took elsewhere is reported."""


@dataclass(frozen=True)
class Certainty:
    """Between which values a knob could be, the sound changing by no more than -60 dB (or -20 dB of the residual).

    Args:
        low: lowest value, in the knob's unit; other knobs may move with it.
        high: highest value.
        determined: whether that is less than half of the knob's range.
        at_end: whether the value found lies at an end of its range that is not its default, and something is left to
            explain: perhaps the right one lies beyond.
        against: knobs that make up for its turns, strongest first; none where it is determined by itself.
        reached: lowest and highest value that other starts of the search led to, with an error hardly larger.
    """

    low: float
    high: float
    determined: bool
    at_end: bool
    against: tuple[str, ...]
    reached: tuple[float, float] = (math.nan, math.nan)


def certainties(
    fit: LeastSquares, names: list[str], position: Tensor, others: Tensor | None = None
) -> dict[str, Certainty]:
    """Of each free knob, from the curvature of the waveform's error around a setting.

    With J the derivatives of the waveform by the positions, a turn d changes the sound by d^T J^T J d; the farthest
    turn of knob i that stays within e, all others free, is sqrt(e ((J^T J)^-1)_ii).

    Args:
        fit: the waveform's error.
        names: of the free knobs.
        position: the setting, (P,).
        others: where other starts led, (n, P).
    """
    if not names:
        return {}
    turns = torch.full((len(names),), 1e-3).to(position)
    for _ in range(4):  # finds the right turns
        r, J, turns = fit.jacobian(position, turns)
    left = float(r.double().square().sum())
    allowed = max(_BESIDE * left, _HEARD * fit.energy)
    J = J.double()
    A = J @ J.T / allowed
    # No knob moves by more than its range: an unheard one has a curvature of 1 for the whole.
    A = A + torch.eye(len(names), dtype=A.dtype, device=A.device)
    inverse = torch.linalg.inv(A)
    met = position[None]
    if others is not None and len(others):
        error = float(fit.errors(met)[0])
        # As good is what sounds the same, or leaves as much.
        met = torch.cat([met, others[fit.errors(others.to(met)) < max(_ALIKE * error, _HEARD)]])
    found = {}
    for column, name in enumerate(names):
        param = fit.task.fx.params[name]
        at = int(fit.free[column])
        place = float(position[at])
        reach = math.sqrt(float(inverse[column, column]))
        alone = 1 / math.sqrt(float(A[column, column]))
        low, high = max(0.0, place - reach), min(1.0, place + reach)
        partners: list[str] = []
        if reach > 3 * alone:
            shares = (inverse[column] / inverse[column, column]).abs()
            order = shares.argsort(descending=True).tolist()
            partners = [names[i] for i in order if i != column and float(shares[i]) > _PARTNER][:3]
        found[name] = Certainty(
            param.to_physical(low),
            param.to_physical(high),
            high - low < _LOOSE,
            left > _HEARD * fit.energy
            and (place < 1e-3 or place > 1 - 1e-3)
            and abs(place - param.to_norm(param.default)) > 0.01,
            tuple(partners),
            (param.to_physical(float(met[:, at].min())), param.to_physical(float(met[:, at].max()))),
        )
    return found


def sentences(certainty: dict[str, Certainty], params: Mapping[str, EffectParam]) -> list[str]:
    """What a person should know of the knobs that the sound does not settle."""
    said = []
    for name, known in certainty.items():
        unit = params[name].unit
        low, high = (params[name].to_norm(value) for value in known.reached)
        if known.determined and high - low > _APART:
            first, second = (digits(value, 3) for value in known.reached)
            said.append(f"{name} was found at {first} and at {second} {unit}".rstrip() + " from other starts, as good")
        if not known.determined:
            against = f", {' and '.join(known.against)} making up for it" if known.against else ""
            between = f"{name} between {digits(known.low, 3)} and {digits(known.high, 3)} {unit}".rstrip()
            said.append(f"{between}: no difference heard{against}")
        if known.at_end:
            said.append(f"{name} lies at the end of its range: the right value may lie beyond")
    return said
