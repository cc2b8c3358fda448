"""Dynamics beside torchcomp, dasp-pytorch and diffFx-pytorch 0.0.5: forward and backward to all knobs and the sound.

B=4, C=2, T=2**17. The last peer goes by the name of this package; put it in a folder of its own and say where:
``pip install --no-deps --target FOLDER diffFx-pytorch==0.0.5``, ``DIFFFX_PEER=FOLDER python tests/benchmarks``.
"""

from __future__ import annotations

import importlib
import importlib.util
import os
import sys
from collections.abc import Callable
from types import ModuleType

import torch
from harness import Memory, Speed, loads

from diffFx_pytorch import Processor
from diffFx_pytorch.processors import Compressor, DeEsser, DePlosive, Limiter, MultiBandCompressor, NoiseGate

B, C, T = 4, 2, 2**17
RATE = 44100


def _sound(rows: tuple[int, ...]) -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (0.2 * torch.randn(*rows, T, generator=generator)).requires_grad_()


def compressor(construction: dict | None = None) -> Callable[[], object]:
    return _step(Compressor(RATE, **(construction or {})))


def _step(fx: Processor) -> Callable[[], object]:
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


def _feed_back() -> Callable[[], object]:
    return compressor({"topology": "feed-back"})


def _vca() -> Callable[[], object]:
    return compressor({"detector": "vca"})


def _opto() -> Callable[[], object]:
    return compressor({"detector": "opto"})


def _upward() -> Callable[[], object]:
    return compressor({"direction": "upward"})


def _half_linked() -> Callable[[], object]:
    return compressor({"link": 0.5})


def _multi_band() -> Callable[[], object]:
    return _step(MultiBandCompressor(RATE, num_bands=3))


def _multi_band_forward(construction: dict | None = None) -> Callable[[], object]:
    fx, x = MultiBandCompressor(RATE, **(construction or {})), _minute()
    return lambda: fx(x)


def _multi_band_in_phase() -> Callable[[], object]:
    return _multi_band_forward({"crossover": "linear-phase"})


def _peer(module: str) -> ModuleType:
    """A module of diffFx-pytorch 0.0.5, imported in the place of this package's, which is then put back."""
    folder = os.environ.get("DIFFFX_PEER")
    if not folder:
        raise ImportError("DIFFFX_PEER names no folder with diffFx-pytorch 0.0.5")
    ours = {name: sys.modules.pop(name) for name in list(sys.modules) if name.split(".")[0] == "diffFx_pytorch"}
    sys.path.insert(0, folder)
    stand_in = ModuleType("torchaudio.functional")
    stand_in.lfilter = None
    if not loads("torchaudio"):
        # It is imported beside filters that the compressor does not use, and does not run beside a CPU-only torch.
        sys.modules |= {"torchaudio": ModuleType("torchaudio"), "torchaudio.functional": stand_in}
    try:
        return importlib.import_module(f"diffFx_pytorch.{module}")
    finally:
        sys.path.remove(folder)
        if sys.modules.get("torchaudio.functional") is stand_in:
            del sys.modules["torchaudio"], sys.modules["torchaudio.functional"]
        for name in [name for name in sys.modules if name.split(".")[0] == "diffFx_pytorch"]:
            del sys.modules[name]
        sys.modules.update(ours)


def _peer_multi_band() -> Callable[[], object]:
    fx = _peer("processors.dynamics.compressor").MultiBandCompressor(RATE, num_bands=3)
    x = _sound((B, C))
    knobs = torch.full((B, len(fx.params)), 0.5, requires_grad=True)
    upstream = torch.ones(B, C, T)
    return lambda: torch.autograd.grad(fx(x, nn_params=knobs), (x, knobs), upstream, allow_unused=True)


def _limiter_forward(construction: dict | None = None) -> Callable[[], object]:
    fx, x = Limiter(RATE, **(construction or {})), _minute()
    return lambda: fx(x)


def _limiter_true_peak() -> Callable[[], object]:
    return _limiter_forward({"true_peak": True})


def _pedalboard_limiter() -> Callable[[], object]:
    """Without look-ahead: two compressors and a clipper."""
    import pedalboard

    fx, x = pedalboard.Limiter(), _minute()[0].numpy()
    return lambda: fx(x, RATE)


def _minute() -> torch.Tensor:
    return 0.2 * torch.randn(1, C, 60 * RATE, generator=torch.Generator().manual_seed(0))


def _de_plosive() -> Callable[[], object]:
    fx, x = DePlosive(RATE), _minute()
    return lambda: fx(x)


def _de_esser() -> Callable[[], object]:
    fx, x = DeEsser(RATE), _minute()
    return lambda: fx(x)


def _no_peer() -> Callable[[], object]:
    raise ImportError("no differentiable peer is known")


SPEED = [
    Speed("compressor, forward + backward", compressor, torchcomp_gain, "torchcomp compexp_gain", 1.5, B * C * T),
    Speed("compressor, rms, forward + backward", _rms, torchcomp_gain, "torchcomp compexp_gain", None, B * C * T),
    Speed(
        "compressor, unlinked, forward + backward", _unlinked, torchcomp_gain, "torchcomp compexp_gain", None, B * C * T
    ),
    Speed(
        "compressor, half linked, forward + backward",
        _half_linked,
        torchcomp_gain,
        "torchcomp compexp_gain",
        None,
        B * C * T,
    ),
    Speed("compressor, feed-back, forward + backward", _feed_back, torchcomp_gain, "torchcomp", None, B * C * T),
    Speed("compressor, vca, forward + backward", _vca, torchcomp_gain, "torchcomp", None, B * C * T),
    Speed("compressor, opto, forward + backward", _opto, torchcomp_gain, "torchcomp", None, B * C * T),
    Speed("compressor, upward, forward + backward", _upward, torchcomp_gain, "torchcomp", None, B * C * T),
    Speed("compressor, forward + backward", compressor, dasp_compressor, "dasp-pytorch", 5.0, B * C * T),
    Speed(
        "compressor in 3 bands, forward + backward",
        _multi_band,
        _peer_multi_band,
        "diffFx-pytorch 0.0.5",
        8.0,
        B * C * T,
    ),
    Speed(
        "compressor in 3 bands of linear phase, forward",
        _multi_band_in_phase,
        _multi_band_forward,
        "ours, Linkwitz-Riley",
        None,
        C * 60 * RATE,
    ),
    Speed("limiter, forward", _limiter_forward, _pedalboard_limiter, "pedalboard Limiter", None, C * 60 * RATE),
    Speed(
        "limiter, true peak, forward",
        _limiter_true_peak,
        _pedalboard_limiter,
        "pedalboard Limiter",
        None,
        C * 60 * RATE,
    ),
    Speed("limiter, forward + backward", lambda: _step(Limiter(RATE)), _no_peer, "none known", None, B * C * T),
    Speed("de-plosive, forward", _de_plosive, _de_esser, "ours, DeEsser", None, C * 60 * RATE),
    Speed("noise gate, forward + backward", lambda: _step(NoiseGate(RATE)), _no_peer, "none known", None, B * C * T),
]
MEMORY = [
    Memory("compressor, forward + backward", compressor, B * C * T * 4, 12.0),
    Memory("compressor, rms, forward + backward", _rms, B * C * T * 4, 12.0),
]
