"""What the benchmark of devices times: the engines at usual sizes, effects, and peers of both."""

from __future__ import annotations

import math
import shutil
import tempfile
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

import diffFx_pytorch.recursion as R
from diffFx_pytorch.dsp.biquad import low_pass, peak
from diffFx_pytorch.dsp.gain_computer import compress, overshoot
from diffFx_pytorch.lti import ops
from diffFx_pytorch.recursion.ops.allpass_loop import allpass_loop

B, T, FS = 16, 65536, 48000
SHRINK = 1
"""What sizes are divided by: tests run every row at small ones."""


def _rows(count: int) -> int:
    return max(1, count // SHRINK)


def _few(samples: int) -> int:
    return max(64, samples // SHRINK)


@dataclass(frozen=True)
class Row:
    """What is timed.

    Attributes:
        name: what is done.
        make: from a device to the tensors that have gradients, the first of them the signal, float32.
        run: from the tensors to the output.
        asked: milliseconds forward, and both ways.
        peer: another library's name, and from a device to a call of it both ways; it may fail to import.
        whole: instead of ``make`` and ``run``, from a device to a call that has no gradient.
    """

    name: str
    make: Callable[[str], list[Any]] = lambda _: []
    run: Callable[..., Tensor] = torch.cat
    asked: tuple[float | None, float | None] = (None, None)
    peer: tuple[str, Callable[[str], Callable[[], Any]]] | None = None
    whole: Callable[[str], Callable[[], Any]] | None = None


def _noise(device: str, *shape: int) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(0)).to(device)


def _sound(device: str, samples: int = T) -> Tensor:
    return _noise(device, _rows(B), _few(samples))


def _each(device: str, value: float) -> Tensor:
    return torch.full((_rows(B),), value, device=device)


def _level(device: str, rows: int, samples: int) -> Tensor:
    return _noise(device, rows, samples).abs().clamp_min(1e-5).log()


def _six(device: str) -> Tensor:
    freq = torch.tensor([80.0, 200, 600, 1800, 5000, 12000], dtype=torch.float64)
    return peak(freq, torch.ones_like(freq), torch.full_like(freq, 3.0), FS).to(device)


def _sweep(device: str) -> Tensor:
    f = 1000 * 2 ** torch.sin(torch.arange(_few(T)) * 2 * math.pi * 5 / FS)
    ones = torch.ones(_few(T))
    return torch.stack([torch.tan(math.pi * f / FS), 0.2 * ones, 0 * ones, 0 * ones, ones], -1)[None, :, None].to(
        device
    )


def _network(x: Tensor, delays: Tensor, matrix: Tensor, gains: Tensor, absorption: Tensor | None = None) -> Tensor:
    return R.feedback_network(x, delays, matrix, gains, gains.mT, absorption, longest=2000)


def _absorption(device: str) -> Tensor:
    return torch.tensor([0.9, 0, 0, 1, -0.1, 0], dtype=torch.float64, device=device).expand(8, 1, 6).contiguous()


def _decaying(device: str, count: int) -> Tensor:
    """Coefficients that begin with 1 and whose others sum up to less."""
    return (-0.45) ** torch.arange(count, dtype=torch.float64, device=device)


def _network_inputs(device: str) -> list[Any]:
    matrix = torch.linalg.qr(_noise("cpu", 8, 8).double())[0] * 0.98
    delays = torch.tensor([1061.0, 1153, 1277, 1361, 1423, 1523, 1627, 1747], dtype=torch.float64)
    gains = torch.ones(8, 1, dtype=torch.float64) / 8
    return [_noise(device, _rows(B), 1, _few(T)), *(t.to(device) for t in (delays, matrix, gains))]


def _loop_inputs(device: str) -> list[Any]:
    z = torch.exp(-1j * torch.linspace(0, math.pi, _few(96000)))[None] ** torch.arange(600, 616)[:, None]
    matrix = torch.linalg.qr(_noise("cpu", 16, 16))[0] * 0.98
    return [z.to(device), matrix.to(device), torch.ones(16, 1, 1, dtype=torch.complex64, device=device)]


def _closed_loop(z: Tensor, matrix: Tensor, rhs: Tensor) -> Tensor:
    return ops.closed_loop(z, matrix, None, rhs).abs()


def _linalg_solve(device: str) -> Callable[[], Any]:
    z, matrix, rhs = (t.requires_grad_() for t in _loop_inputs(device))
    identity = torch.eye(16, dtype=z.dtype, device=device)

    def run() -> Any:
        y = torch.linalg.solve(identity - z.mT.unsqueeze(-1) * matrix, rhs.squeeze(-1))
        return torch.autograd.grad(y.abs().square().mean(), (z, matrix, rhs))

    return run


def _effects(device: str) -> list[Any]:
    from diffFx_pytorch.processors import Chorus, Compressor, FeedbackDelay, Limiter, ParametricEqualizer
    from diffFx_pytorch.routing import Chain

    chain = Chain(*(kind(44100) for kind in (ParametricEqualizer, Compressor, Chorus, FeedbackDelay, Limiter))).to(
        device
    )
    return [
        _noise(device, _rows(64), 2, _few(3 * 44100)),
        torch.full((_rows(64), len(chain.params)), 0.5, device=device),
        chain,
    ]


def _compressor(device: str) -> list[Any]:
    from diffFx_pytorch.processors import Compressor

    fx = Compressor(44100).to(device)
    return [_noise(device, _rows(64), 2, _few(2**17)), torch.full((_rows(64), len(fx.params)), 0.5, device=device), fx]


def _process(x: Tensor, knobs: Tensor, fx: Any) -> Tensor:
    return fx(x, norm_params=knobs)


def _points(device: str) -> list[Any]:
    at = torch.arange(0, _few(T) + 31, 32).clamp_max(_few(T) - 1)
    return [_noise(device, _rows(B), _few(T)), _sweep("cpu")[:, at].contiguous().to(device), at.to(device)]


def _gain_inputs(device: str) -> list[Any]:
    numbers = (-3.0, 1.0, 0.75, 0.1, 0.9)
    return [_noise(device, _rows(B), 2, _few(T)), *(torch.full((_rows(B), 1, 1), v, device=device) for v in numbers)]


def _gain(x: Tensor, threshold: Tensor, width: Tensor, *knobs: Tensor) -> Tensor:
    return compress(x, overshoot(x, threshold, width, link=True), *knobs)


def _effect(name: str) -> Callable[[str], list[Any]]:
    def make(device: str) -> list[Any]:
        import diffFx_pytorch.processors as processors

        fx = getattr(processors, name)(44100).to(device)
        return [_noise(device, _rows(B), 2, _few(T)), torch.full((_rows(B), len(fx.params)), 0.5, device=device), fx]

    return make


def _rendering(device: str) -> Callable[[], Any]:
    """Files of 20 s, 16 of them, through a chain: on the device as one batch, on the CPU in one process."""
    import soundfile

    from diffFx_pytorch.presets import load_chain
    from diffFx_pytorch.render import render_batch

    folder = Path(tempfile.mkdtemp())
    weakref.finalize(render_batch, shutil.rmtree, folder, ignore_errors=True)
    for i in range(_rows(B)):
        soundfile.write(folder / f"{i}.wav", _noise("cpu", _few(20 * 44100), 2).mul(0.1).numpy(), 44100, "PCM_16")
    chain = load_chain("lead-vocal")
    jobs = [(folder / f"{i}.wav", folder / device / f"{i}.wav") for i in range(_rows(B))]

    def run() -> None:
        outcomes = list(render_batch(chain.build, jobs, device=None if device == "cpu" else device))
        assert all(o.status == "done" for o in outcomes), outcomes

    return run


def _torchcomp(device: str) -> Callable[[], Any]:
    from torchcomp import compexp_gain

    level = _noise(device, _rows(128), _few(2**17)).abs().requires_grad_()
    numbers = (-20.0, 4.0, -60.0, 0.5, 0.05, 0.005)
    knobs = [torch.full((_rows(128),), v, device=device, requires_grad=True) for v in numbers]

    def run() -> Any:
        return torch.autograd.grad(compexp_gain(level, *knobs).sum(), [level, *knobs])

    run()
    return run


def _torchlpc(device: str) -> Callable[[], Any]:
    from torchlpc import sample_wise_lpc

    x, a = (
        _noise(device, 1, _few(2**22)).requires_grad_(),
        torch.full((1, _few(2**22), 1), -0.999, device=device).requires_grad_(),
    )

    def run() -> Any:
        return torch.autograd.grad(sample_wise_lpc(x, a).sum(), (x, a))

    run()
    return run


ROWS = (
    Row("6 constant sections, 16 x 65536", lambda d: [_sound(d), _six(d)], R.sosfilt, (0.06, 0.2)),
    Row("constant section, 16 x 441000",
        lambda d: [_sound(d, 441000), low_pass(torch.tensor(100.0), torch.tensor(0.7), FS)[None].to(d)], R.sosfilt),
    Row("moving section, 16 x 65536", lambda d: [_sound(d), _sweep(d)], R.svfilt, (0.08, 0.25)),
    Row("one pole, 1 x 16384", lambda d: [_noise(d, 1, _few(16384)), torch.tensor([0.999], device=d)],
        lambda x, c: R.one_pole(x, c, time_varying=False)),
    Row("one pole, 16 x 441000", lambda d: [_sound(d, 441000), _each(d, 0.999)], R.one_pole),
    Row("moving allpole N=1, 1 x 4194304",
        lambda d: [_noise(d, 1, _few(2**22)), torch.full((1, _few(2**22), 1), -0.999, device=d)], R.allpole,
        peer=("torchlpc", _torchlpc)),
    Row("attack/release, 16 x 65536",
        lambda d: [_level(d, _rows(B), _few(T)), _each(d, 0.99), _each(d, 0.9999)],
        R.attack_release, (0.25, 0.35)),
    Row("feedback delay 441, 16 x 65536", lambda d: [_sound(d), _each(d, 441.0)],
        lambda x, delay: R.feedback_delay(x, delay, 0.7), (0.5, 1.2)),
    Row("network of 8 lines, 16 x 65536", _network_inputs, _network, (0.5, 1.5)),
    Row("moving section, points every 32, 16 x 65536", _points, lambda x, c, at: R.svfilt(x, c, at=at)),
    Row("attack/release, 1 x 65536",
        lambda d: [_level(d, 1, _few(T)), torch.full((1,), 0.99, device=d), torch.full((1,), 0.9999, device=d)],
        R.attack_release),
    Row("gain computer, 16 x 2 x 65536", _gain_inputs, _gain),
    Row("FDNReverb, 16 x 2 x 65536", _effect("FDNReverb"), _process),
    Row("PlateReverb, 16 x 2 x 65536", _effect("PlateReverb"), _process),
    Row("SchroederReverb, 16 x 2 x 65536", _effect("SchroederReverb"), _process),
    Row("plays of 16, 16 x 65536", lambda d: [_sound(d), _each(d, 0.5), _each(d, 1.0)], lambda *g: R.plays(*g, 16)),
    Row("feed-back overshoot, 16 x 65536",
        lambda d: [20 + 8.7 * _level(d, _rows(B), _few(T)), *(_each(d, v) for v in (6.0, 3.0, 0.95, 0.9995))],
        R.loop_overshoot),
    Row("lfilter N=4, 16 x 65536", lambda d: [_sound(d), _decaying(d, 5), _decaying(d, 5)], R.lfilter),
    Row("allpole N=8, 64 x 65536", lambda d: [_noise(d, _rows(64), _few(T)), _decaying(d, 9)[1:]], R.allpole),
    Row("allpole N=64, 16 x 65536", lambda d: [_sound(d), _decaying(d, 65)[1:]], R.allpole),
    Row("moving allpole N=16, 16 x 65536",
        lambda d: [_sound(d), _decaying(d, 17)[1:].expand(_few(T), -1).contiguous()], R.allpole),
    Row("complex allpole N=1, 16 x 65536", lambda d: [_sound(d), *(_each(d, v)[:, None] for v in (-0.9, 0.3))],
        lambda x, a, b: R.allpole(torch.complex(x, x), torch.complex(a, b), time_varying=False).real),
    Row("loop of six all-passes, 16 x 65536", lambda d: [_sound(d), _each(d, 0.8), _each(d, 0.5)],
        lambda x, b, g: allpass_loop(x, b, g, 6)),
    Row("Phaser, 16 x 2 x 65536", _effect("Phaser"), _process),
    Row("state space of 8, 16 x 65536",
        lambda d: [_noise(d, _rows(B), _few(T), 8), 0.9 * torch.linalg.qr(_noise("cpu", 8, 8))[0].to(d)],
        R.linear_recursion),
    Row("network of 8 lines with absorption, 16 x 65536", lambda d: [*_network_inputs(d), _absorption(d)],
        lambda *g: _network(*g[:4], absorption=g[4])),
    Row("running maximum 220, 16 x 65536", lambda d: [_sound(d)], lambda x: R.running_max(x, 220)),
    Row("backlash, 16 x 65536", lambda d: [_level(d, _rows(B), _few(T))], lambda x: R.backlash(x, 3.0)),
    Row("FDN step of 16 lines, 96000 points", _loop_inputs, _closed_loop, peer=("linalg.solve", _linalg_solve)),
    Row("Compressor, 64 x 2 x 131072", _compressor, _process, peer=("torchcomp", _torchcomp)),
    Row("chain of five, 64 x 2 x 3 s", _effects, _process),
    Row("16 files of 20 s through lead-vocal", whole=_rendering),
)  # fmt: skip
