"""What a recorder did to a wet recording, as far as only settings that are nearly right show it: delay and level."""

from __future__ import annotations

import math
from dataclasses import replace

import torch
from torch import Tensor

from .alignment import Alignment, moved, relevelled
from .features import Waveform
from .knobs import FreeKnobs
from .least_squares import LeastSquares
from .task import Task

_REACH = 1.5
"""Samples by which a pair that was moved into step may still be out of it."""
_GRID = 61
_LATE = 0.002
_MOVED = 0.1
"""Error left, relative to that before, by which a delay between samples is believed: -10 dB."""
_LEVEL_DB = 0.2
_LEVELLED = 0.8
"""The same of a level, from which a search with free level is worth while."""
_EXACT = 1e-5
"""Error, relative to the wet sound, under which nothing is left over."""
_MET = 1e-2
"""The same under which a level that was found is believed: -20 dB."""
_SECONDS = 0.5
_SPAN = 0.1
"""Share of a sound that may be left of it by a change of level made of turns of knobs."""


def level_is_off(sound: Tensor, wet: Tensor) -> bool:
    """Whether another gain would bring a processed sound clearly nearer to the wet one, both (1, C, T)."""
    power, energy, alike = (float((a * b).double().sum()) for a, b in ((sound, sound), (wet, wet), (sound, wet)))
    if alike <= 0:
        return False
    before, after = energy - 2 * alike + power, energy - alike**2 / power
    is_clear = after < _LEVELLED * before and after < _LEVELLED * energy
    return is_clear and abs(20 * math.log10(alike / power)) > _LEVEL_DB


def has_level(task: Task, free: FreeKnobs, places: Tensor) -> bool:
    """Whether knobs of an effect make its sound louder and nothing else, at any of some settings (n, P)."""
    fit = LeastSquares(task, task.samples(_SECONDS), Waveform(0.0), free.index)
    for place in places:
        turns = torch.full((len(free.index),), 1e-3).to(place)
        for _ in range(2):
            r, J, turns = fit.jacobian(place, turns)
        sound, J = (r + fit.target[0]).double(), J.double().nan_to_num(0.0, 0.0, 0.0)
        A = (J @ J.T).cpu()
        A = A + 1e-9 * torch.diag(A.diagonal().clamp_min(1e-20))
        b = (J @ sound).cpu()
        left = float(sound.square().sum()) - float(b @ torch.linalg.solve(A, b))
        if left < _SPAN**2 * float(sound.square().sum()):
            return True
    return False


def mended(lies: Alignment, task: Task, place: Tensor, at_last: bool = True) -> Alignment:
    """How a wet recording lies, once a setting (1, P) shows it: the rest of its delay, and its level where it is free.

    Args:
        lies: how it was thought to lie; the same is returned where nothing is left over.
        task: of it, with the level as it is.
        place: the best setting so far.
        at_last: whether a free level is settled: what was found is then nearly met, or it is none.
    """
    wet = task.wet
    sound = task.sounds(place, wet.shape[-1])
    gain = float(task.level(sound)[0]) if lies.level_free else 1.0
    late, left = _late(gain * sound, wet)
    if late:
        lies = moved(lies, late, task.fx.sample_rate)
    if not (lies.level_free and at_last):
        return lies
    return relevelled(lies, gain) if left < _MET else replace(lies, level_free=False)


def _late(sound: Tensor, wet: Tensor) -> tuple[float, float]:
    """Samples by which wet comes after a processed sound, 0 where that explains too little, and the error that is left.

    With S and Y their spectra, Re sum Y S* exp(i w t) is largest at the delay t.
    """
    S, Y = (torch.fft.rfft(s[0].double(), 2 * s.shape[-1]) for s in (sound, wet))
    cross = (Y * S.conj()).sum(0)
    power, energy = (max(float(Z.abs().square().sum()), 1e-30) for Z in (S, Y))
    w = torch.linspace(0, math.pi, len(cross), dtype=torch.float64, device=cross.device)

    def error(late: float) -> float:
        alike = (cross * torch.polar(torch.ones_like(w), w * late)).real.sum()
        return (energy - 2 * float(alike) + power) / energy

    before = error(0.0)
    if before < _EXACT:
        return 0.0, before
    step = 2 * _REACH / (_GRID - 1)
    late = min((-_REACH + step * i for i in range(_GRID)), key=error)
    for _ in range(6):
        low, mid, high = error(late - step), error(late), error(late + step)
        late += step * max(-1.0, min(1.0, 0.5 * (low - high) / max(low + high - 2 * mid, 1e-30)))
        step /= 4
    after = error(late)
    return (late, after) if abs(late) > _LATE and after < _MOVED * before else (0.0, before)
