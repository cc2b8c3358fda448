"""What follows levels, and what clamps."""

from __future__ import annotations

import torch
from torch import Tensor

import diffFx_pytorch.recursion as R
from diffFx_pytorch.dsp.gain_computer import compress, overshoot
from tests.cuda.calls.call import Call
from tests.cuda.signals import between, noise


def _level(samples: int) -> Tensor:
    """Decibels that rise and fall, with silence held at the lowest."""
    swell = torch.sin(torch.arange(samples, dtype=torch.float64) / 40)
    return (20 * torch.log10((noise(3, samples, seed=5) * swell.clamp_min(0)).abs() + 1e-9)).clamp_min(-80)


def _loud(samples: int) -> Tensor:
    """Between silence and full scale."""
    return torch.linspace(0, 1, samples, dtype=torch.float64) ** 2


def _knee(*shape: int) -> list[Tensor]:
    return [between(-3, -1, *shape), between(0.2, 1.5, *shape)]


def _steps(samples: int) -> Tensor:
    """Few values, so that many are equal."""
    return (2 * noise(2, samples, seed=6)).round()


CALLS = {
    "attack_release": Call(
        {"attack_release"},
        lambda T: [_level(T), torch.tensor([0.9, 0.0, 0.99])[:, None].double(), between(0.995, 0.9999, 1), noise(3)],
        lambda x, a, r, zi: R.attack_release(x, a[..., 0], r[..., 0], zi, True),
    ),
    "attack_release, moving": Call(
        {"attack_release"},
        lambda T: [_level(T)[:2] + noise(2, T), between(0.8, 0.9999, 2, T), between(0.5, 0.99, T)],
        # Samples of the rows by turns, as spectra stand in memory.
        lambda x, a, r: (R.attack_release(x.mT.contiguous().mT, a, r.expand(x.shape), time_varying=True),),
        variant=True,
    ),
    "loop_overshoot": Call(
        {"loop_overshoot"},
        lambda T: [
            *(_level(T), between(2, 12, 3), between(0, 9, 1), torch.tensor([0.9, 0.0, 0.99]).double()),
            *(between(0.995, 0.9999, 1), noise(3).abs()),
        ],
        lambda level, *knobs: R.loop_overshoot(level + 30, *knobs, return_zf=True, time_varying=False),
        1e-5,
    ),
    "loop_overshoot, moving": Call(
        {"loop_overshoot"},
        lambda T: [
            _level(T)[:2],
            between(2, 12, T),
            between(0, 9, 2, T),
            between(0.8, 0.9999, T),
            between(0.5, 0.99, T),
        ],
        lambda level, *knobs: (R.loop_overshoot(level + 30, *(k.expand(level.shape) for k in knobs)),),
        1e-5,
        variant=True,
    ),
    "overshoot": Call(
        {"gain_computer"},
        lambda T: [_loud(T) * noise(2, 3, T), *_knee(2, 1, 1)],
        lambda key, threshold, width: (overshoot(key, threshold, width),),
    ),
    "overshoot, linked": Call(
        {"gain_computer"},
        # Channels that are equally loud, and silence.
        lambda T: [_loud(T) * _steps(T)[:, None] * torch.tensor([1.0, -1, 0.5])[:, None], *_knee(2, 1, T)],
        lambda key, threshold, width: (overshoot(key, threshold, width, link=True),),
        variant=True,
    ),
    "overshoot of powers": Call(
        {"gain_computer"},
        lambda T: [_loud(T) * noise(1, 2, T).square(), *_knee(1, 1, 1)],
        lambda power, threshold, width: (
            overshoot(power, threshold, width, power=True),
            overshoot(power, threshold, width, power=True, link=True),
        ),
        variant=True,
    ),
    "gain": Call(
        {"gain_computer"},
        lambda T: [noise(2, 3, T), between(0, 3, 2, 1, T), *(between(0, 1, 2, 1, 1, seed=s) for s in range(3))],
        lambda x, over, *knobs: (compress(x, over, *knobs),),
    ),
    "gain, moving": Call(
        {"gain_computer"},
        lambda T: [noise(2, 3, T), between(0, 3, 2, 3, T), *(between(0, 1, 2, 1, n, seed=n) for n in (1, T, T))],
        lambda x, over, *knobs: (compress(x, over, *knobs),),
        variant=True,
    ),
    "running_max": Call({"running_max_index"}, lambda T: [_steps(T)], lambda x: (R.running_max(x, 37),)),
    "running_max, long": Call(
        {"running_max_index"}, lambda T: [_steps(T)], lambda x: (R.running_max(x, 600),), variant=True
    ),
    "backlash": Call(
        {"backlash_source"},
        lambda T: [_steps(T), between(0, 2, 1, T), noise(1)],
        lambda x, w, zi: R.backlash(x, w, zi, True),
    ),
    "backlash, constant": Call(
        {"backlash_source"}, lambda T: [_steps(T), between(0, 2, 1)], lambda x, w: (R.backlash(x, w),), variant=True
    ),
    "plays": Call(
        {"plays"},
        lambda T: [noise(2, 2, T), between(0.2, 0.9, 2, 1), between(0.5, 3, 2), noise(2, 1, 3)],
        lambda x, h, c, zi: R.plays(x, h, c, 3, zi, True),
    ),
    "plays, moving": Call(
        {"plays"},
        lambda T: [noise(2, T).cumsum(-1) / 5, between(0.2, 0.9, 1, T), between(0.5, 3, 2, T)],
        lambda x, h, c: (R.plays(x, h, c),),
        variant=True,
    ),
}
