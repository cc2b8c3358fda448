"""Dynamics beside torchcomp and dasp-pytorch: forward and backward to all knobs and the sound, B=4, C=2, T=2**17."""

from __future__ import annotations

from collections.abc import Callable

import torch
from harness import Memory, Speed

from diffFx_pytorch.processors import Compressor

B, C, T = 4, 2, 2**17
RATE = 44100


def _sound(rows: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (0.2 * torch.randn(*rows, T, generator=generator)).requires_grad_()


def compressor(construction: dict | None = None) -> Callable[[], object]:
    fx = Compressor(RATE, **(construction or {}))
    x = _sound((B, C))
    knobs = torch.full((B, len(fx.params)), 0.5, requires_grad=True)
    upstream = torch.ones(B, C, T)
    return lambda: torch.autograd.grad(fx(x, norm_params=knobs), (x, knobs), upstream)


def compressor_forward() -> Callable[[], object]:
    fx, x = Compressor(RATE), _sound((B, C)).detach()
    return lambda: fx(x)


def torchcomp_gain() -> Callable[[], object]:
    """The gain alone: level given, hard knee, one smoother; no detection, knee, make-up or mix."""
    import torchcomp

    level = _sound((B * C,)).detach().abs().add(1e-4).requires_grad_()
    values = (-20.0, 4.0, -80.0, 0.5, 0.01, 0.001)
    knobs = [torch.full((B * C,), v, requires_grad=True) for v in values]
    upstream = torch.ones(B * C, T)
    return lambda: torch.autograd.grad(torchcomp.compexp_gain(level, *knobs), (level, *knobs), upstream)


def dasp_compressor() -> Callable[[], object]:
    import dasp_pytorch

    x = _sound((B, C))
    values = (-20.0, 4.0, 10.0, 100.0, 6.0, 0.0)
    knobs = [torch.full((B, 1), v, requires_grad=True) for v in values]
    upstream = torch.ones(B, C, T)
    # Its release and some others reach nothing; the gradient of those is None.
    return lambda: torch.autograd.grad(
        dasp_pytorch.functional.compressor(x, RATE, *knobs), (x, *knobs), upstream, allow_unused=True
    )


def _unlinked() -> Callable[[], object]:
    return compressor({"link": False})


def _rms() -> Callable[[], object]:
    return compressor({"detector": "rms"})


SPEED = [
    Speed("compressor, forward + backward", compressor, torchcomp_gain, "torchcomp compexp_gain", 1.5, B * C * T),
    Speed("compressor, rms, forward + backward", _rms, torchcomp_gain, "torchcomp compexp_gain", None, B * C * T),
    Speed(
        "compressor, unlinked, forward + backward", _unlinked, torchcomp_gain, "torchcomp compexp_gain", None, B * C * T
    ),
    Speed("compressor, forward + backward", compressor, dasp_compressor, "dasp-pytorch", 5.0, B * C * T),
]
MEMORY = [
    Memory("compressor, forward + backward", compressor, B * C * T * 4, 12.0),
    Memory("compressor, rms, forward + backward", _rms, B * C * T * 4, 12.0),
]
