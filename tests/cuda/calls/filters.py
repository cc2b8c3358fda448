"""Recursive filters."""

from __future__ import annotations

import torch
from torch import Tensor

import diffFx_pytorch.recursion as R
from diffFx_pytorch.recursion.ops.allpass_loop import allpass_loop
from tests.cuda.calls.call import Call
from tests.cuda.signals import between, few, noise


def _svf(*shape: int) -> Tensor:
    """Sections between 20 Hz and 20 kHz, Q up to 10."""
    g = torch.tan(torch.pi * 20 * 1000 ** between(0, 1, *shape, seed=2) / 48000)
    return torch.stack([g, between(0.1, 1, *shape, seed=3), *noise(3, *shape, seed=4)], -1)


def _disk(*shape: int) -> Tensor:
    """Complex numbers, most of them within the unit circle."""
    return torch.complex(noise(*shape, seed=8), noise(*shape, seed=9)) / 3


def _poles(samples: int) -> Tensor:
    """Coefficients of a pair of poles that turns."""
    angle, radius = torch.linspace(0.02, 1, samples, dtype=torch.float64), between(0.9, 0.99, 2, 1, 1)
    return torch.stack(torch.broadcast_tensors(-2 * radius * torch.cos(angle), radius * radius), -1)


def _sweep(samples: int) -> Tensor:
    """A section whose frequency rises from 20 Hz to 4 kHz: biquads that jump may blow up."""
    g = torch.tan(torch.pi * 20 * 200 ** torch.linspace(0, 1, samples, dtype=torch.float64) / 48000)
    ones = torch.ones_like(g)
    return torch.stack([g, 0.2 * ones, 0.5 * ones, -0.7 * ones, 0.3 * ones], -1).unsqueeze(-2)


def _jumps(x: Tensor) -> Tensor:
    """Where seven points stand."""
    last = max(x.shape[-1] - 1, 0)
    return torch.tensor(
        [0, last // 7, last // 7, last // 3, last // 2, min(last // 2 + 1, last), last], device=x.device
    )


CALLS = {
    "one pole": Call(
        {"allpole"},
        lambda T: [noise(2, 2, T), between(0.98, 1, 2, 1), noise(2)],
        lambda x, c, zi: R.one_pole(x, c, zi, True, time_varying=False),
    ),
    "allpole, moving": Call(
        {"allpole"},
        lambda T: [noise(2, 2, T), -between(-0.9, 1, 2, 1, T, 1), noise(2, 1)],
        lambda x, a, zi: R.allpole(x, a, zi, True),
    ),
    "allpole of order 2": Call(
        {"allpole"},
        lambda T: [noise(2, 1, T), torch.tensor([[-1.99, 0.9905], [0.3, 0.0]]).double(), noise(2, 1, 2)],
        lambda x, a, zi: R.allpole(x, a, zi, True),
        1e-5,
        variant=True,
    ),
    "allpole of order 2, moving": Call(
        {"allpole"},
        lambda T: [noise(2, 1, T), _poles(T), noise(2, 1, 2)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=True),
        1e-5,
        variant=True,
    ),
    "allpole of order 5": Call(
        {"allpole"},
        lambda T: [noise(2, 3, T), between(-0.15, 0.15, 2, 1, 5), noise(3, 5)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=False),
        variant=True,
    ),
    "allpole of order 4, moving": Call(
        {"allpole"},
        lambda T: [noise(2, 3, T), between(-0.2, 0.2, 3, T, 4), noise(2, 3, 4)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=True),
        variant=True,
    ),
    "allpole, complex": Call(
        {"allpole"},
        lambda T: [_disk(2, T), _disk(1, 1), _disk(2, 1)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=False),
        variant=True,
    ),
    "allpole, complex and moving": Call(
        {"allpole"},
        lambda T: [_disk(2, T), _disk(T, 3) / 2, _disk(1, 3)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=True),
        variant=True,
    ),
    "allpass loop": Call(
        {"allpass_loop"},
        lambda T: [noise(2, 3, T), between(-0.5, 0.99, 2, 1), between(-0.9, 0.9, 3, seed=2), noise(2, 1, 2, 2)],
        lambda x, b, g, zi: allpass_loop(x, b, g, 2, zi=zi, return_zf=True, time_varying=False),
    ),
    "allpass loop, moving": Call(
        {"allpass_loop"},
        lambda T: [noise(2, 2, T), between(-0.5, 0.99, 2, 1, T), between(-0.9, 0.9, 1, seed=2)],
        lambda x, b, g: (allpass_loop(x, b, g.expand(x.shape[-1]), 6, time_varying=True),),
        variant=True,
    ),
    "allpass loop of second order": Call(
        {"allpass_loop"},
        lambda T: [noise(2, T), *between(-0.8, 0.98, 2, 2, 1), between(-0.9, 0.9, 2), noise(3, 2)],
        lambda x, b, d, g, zi: allpass_loop(
            x, b[..., 0], g, 2, outer=d[..., 0], zi=zi, return_zf=True, time_varying=False
        ),
        variant=True,
    ),
    "allpass loop of second order, moving": Call(
        {"allpass_loop"},
        lambda T: [noise(2, T), *between(-0.8, 0.98, 2, T), between(-0.9, 0.9, 2, T), noise(2, 3, 2)],
        lambda x, b, d, g, zi: allpass_loop(
            x, *(k.expand(x.shape) for k in (b, g)), 2, outer=d.expand(x.shape), zi=zi, return_zf=True
        ),
        variant=True,
    ),
    "allpass loop of 16 stages": Call(
        {"allpass_loop"},
        lambda T: [noise(2, few(T)), between(-0.5, 0.99, few(T)), between(-0.9, 0.9, few(T))],
        lambda x, b, g: (allpass_loop(x, b.expand(x.shape), g.expand(x.shape), 16),),
        variant=True,
    ),
    "svfilt, moving": Call(
        {"svf"},
        lambda T: [noise(2, 1, T), _svf(2, 1, T, 2), noise(2, 1, 2, 2)],
        lambda x, c, zi: R.svfilt(x, c, zi, True),
        1e-5,
    ),
    "svfilt, constant": Call(
        {"svf"},
        lambda T: [noise(2, T), _svf(1), noise(2, 1, 2)],
        lambda x, c, zi: R.svfilt(x, c, zi, True),
        1e-5,
        variant=True,
    ),
    "svfilt, one row": Call(  # Triton compiles for a size of 1 anew
        {"svf"},
        lambda T: [noise(1, T), _svf(T, 1)],
        lambda x, c: (R.svfilt(x, c, time_varying=True),),
        1e-5,
        variant=True,
    ),
    "svfilt, control points": Call(
        {"svf_points"},
        lambda T: [noise(2, T), _svf(2, 3, 1), noise(1, 1, 2)],
        lambda x, c, zi: R.svfilt(
            x, c, zi, True, at=torch.tensor([0, x.shape[-1] // 3, max(x.shape[-1] - 1, 0)], device=x.device)
        ),
        1e-5,
    ),
    "svfilt, jumps": Call(
        {"svf_points"},
        # Coefficients that change their sign on the way, too.
        lambda T: [noise(1, T), _svf(7, 2)],
        lambda x, c: (R.svfilt(x, c, at=_jumps(x)),),
        1e-5,
        variant=True,
    ),
    "sosfilt, constant": Call(
        {"sections", "sections_time_varying"},  # one sample is filtered as if it moved
        lambda T: [noise(2, T), R.svf_to_sos(_svf(3)), noise(2, 3, 2)],
        lambda x, c, zi: R.sosfilt(x, c, zi, True),
        1e-5,
    ),
    "sosfilt, a cascade an item": Call(
        {"sections", "sections_time_varying"},
        lambda T: [noise(2, 2, T), R.svf_to_sos(_svf(2, 1, 3))],
        lambda x, c: (R.sosfilt(x, c),),
        1e-5,
        variant=True,
    ),
    "sosfilt, many": Call(
        {"sections", "sections_time_varying"},
        lambda T: [noise(1, T), R.svf_to_sos(_svf(17))],
        lambda x, c: (R.sosfilt(x, c),),
        1e-5,
        variant=True,
    ),
    "sosfilt, moving": Call(
        {"sections_time_varying"},
        lambda T: [noise(2, T), R.svf_to_sos(_sweep(T)) * between(0.5, 2, T, 1, 1), noise(2, 1, 2)],
        lambda x, c, zi: R.sosfilt(x, c, zi, True, time_varying=True),
    ),
    "state space": Call(
        {"state_space"},
        lambda T: [noise(2, 3, T, 3), 0.3 * noise(2, 1, 3, 3, seed=2), noise(3, 3, seed=3)],
        lambda u, A, zi: R.linear_recursion(u, A, zi, True, time_varying=False),
    ),
    "state space, moving": Call(
        {"state_space"},
        lambda T: [noise(5, T, 4), 0.3 * noise(T, 4, 4, seed=2), noise(4, seed=3)],
        lambda u, A, zi: R.linear_recursion(u, A, zi, True, time_varying=True),
        variant=True,
    ),
    "state space of 12": Call(
        {"state_space"},
        lambda T: [noise(2, few(T), 12), 0.15 * noise(12, 12, seed=2)],
        lambda u, A: (R.linear_recursion(u, A),),
        variant=True,
    ),
}
