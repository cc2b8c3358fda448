"""One optimisation step of the colourless network beside FLAMO's: forward, loss, backward, Adam; nfft 96000."""

from __future__ import annotations

import importlib
import sys
import types
from collections import OrderedDict
from collections.abc import Callable

import torch
from harness import Memory, Speed, loads

from diffFx_pytorch import lti
from diffFx_pytorch.fit import MagnitudeError, sparsity

NFFT, RATE = 96_000, 48_000
POINTS = NFFT // 2 + 1
DELAYS = [887, 911, 941, 1699, 1951, 2053, *range(1009, 1750, 74)]
CENTRES = tuple(31.25 * 2 ** (i * 9 / 11) for i in range(12))
Call = Callable[[], object]


def flamo() -> types.SimpleNamespace:
    """FLAMO's modules. It imports torchaudio, for what is not measured here: an empty module stands in where that
    does not import.
    """
    if not loads("torchaudio"):
        for name in ("torchaudio", "torchaudio.transforms", "torchaudio.functional"):
            sys.modules[name] = types.ModuleType(name)
        sys.modules["torchaudio.transforms"].MelSpectrogram = object  # type: ignore[attr-defined]
        sys.modules["torchaudio"].transforms = sys.modules["torchaudio.transforms"]  # type: ignore[attr-defined]
        sys.modules["torchaudio"].functional = sys.modules["torchaudio.functional"]  # type: ignore[attr-defined]
    return types.SimpleNamespace(
        dsp=importlib.import_module("flamo.processor.dsp"),
        system=importlib.import_module("flamo.processor.system"),
        loss=importlib.import_module("flamo.optimize.loss"),
    )


def flamo_step(n: int, dtype: torch.dtype, equalised: bool = False, times: int = 1) -> Call:
    """FLAMO's step, ``times`` over."""
    f = flamo()
    kw = {"nfft": NFFT, "alias_decay_db": 30, "dtype": dtype, "device": "cpu"}
    m = torch.tensor(DELAYS[:n])
    delays = f.dsp.parallelDelay(size=(n,), max_len=m.max(), isint=True, requires_grad=False, **kw)
    delays.assign_value(delays.sample2s(m))
    feedback = f.dsp.Matrix(size=(n, n), matrix_type="orthogonal", requires_grad=True, **kw)
    back = feedback
    if equalised:
        eq = f.dsp.parallelGEQ(size=(n,), octave_interval=1, fs=RATE, requires_grad=True, **kw)
        eq.map = lambda x: 20 * torch.log10(torch.sigmoid(x))
        back = f.system.Series(OrderedDict(mixing_matrix=feedback, attenuation=eq))
    core = f.system.Series(
        OrderedDict(
            input_gain=f.dsp.Gain(size=(n, 1), requires_grad=True, **kw),
            feedback_loop=f.system.Recursion(fF=delays, fB=back),
            output_gain=f.dsp.Gain(size=(1, n), requires_grad=True, **kw),
        )
    )
    net = f.system.Shell(
        core=core, input_layer=f.dsp.FFT(NFFT, dtype=dtype), output_layer=f.dsp.Transform(torch.abs, dtype=dtype)
    )
    optimizer = torch.optim.Adam(net.parameters(), lr=1e-3)
    impulse = torch.zeros(1, POINTS, 1, dtype=dtype)
    impulse[:, 0] = 1.0
    flat, colour, dense = torch.ones(1, POINTS, 1, dtype=dtype), f.loss.mse_loss(nfft=NFFT), f.loss.sparsity_loss()

    def step() -> None:
        for _ in range(times):
            optimizer.zero_grad()
            y = net(impulse)
            (colour(y, flat) + 0.2 * dense(y, flat, net)).backward()
            optimizer.step()

    return step


def network(n: int, dtype: torch.dtype, equalised: bool) -> lti.Series:
    back: lti.System = lti.Matrix(n, requires_grad=True, dtype=dtype)
    if equalised:
        eq = lti.GEQ(
            torch.full((n, 12), -3.0, dtype=dtype),
            sample_rate=RATE,
            centres_hz=CENTRES,
            diagonal=True,
            map=lti.Bounded(-60.0, 0.0),
            requires_grad=True,
        )
        back = lti.Series(mixing=back, attenuation=eq)
    return lti.Series(
        b=lti.Gain(size=(n, 1), requires_grad=True, dtype=dtype),
        loop=lti.Recursion(lti.Delay(torch.tensor(DELAYS[:n]), dtype=dtype), back),
        c=lti.Gain(size=(1, n), requires_grad=True, dtype=dtype),
    )


def our_step(n: int, dtype: torch.dtype, equalised: bool = False) -> Call:
    system = network(n, dtype, equalised)
    shell = lti.Shell(system, NFFT, alias_decay_db=30.0)
    optimizer = torch.optim.Adam([p for p in shell.parameters() if p.requires_grad], lr=1e-3)
    colour, flat = MagnitudeError(), torch.ones(1, 1, 1, dtype=dtype)
    back = system.loop.feedback
    mixing = back.mixing if equalised else back

    def step() -> None:
        optimizer.zero_grad()
        (colour(shell(), flat) + 0.2 * sparsity(mixing.value("matrix"))).backward()
        optimizer.step()

    return step


def predicted(n: int, sets: int, calls: int) -> Call:
    """Forward and backward of predicted parameters, ``sets`` a call."""
    system = network(n, torch.float32, False)
    shell = lti.Shell(system, NFFT, alias_decay_db=30.0)
    numbers = sum(p.numel() for p in system.parameters() if p.requires_grad)
    flat, colour = torch.ones(1, 1, 1), MagnitudeError()
    raw = torch.randn(sets, numbers, requires_grad=True)

    def step() -> None:
        for _ in range(calls):
            loss = colour(shell(parameters=system.split_parameters(raw)), flat)
            torch.autograd.grad(loss, raw)

    return step


def step_row(n: int, dtype: torch.dtype, equalised: bool, target: float) -> Speed:
    name = f"FDN training step, N={n}, {str(dtype).removeprefix('torch.')}" + (", graphic EQ" if equalised else "")
    make = (n, dtype, equalised)
    return Speed(name, lambda: our_step(*make), lambda: flamo_step(*make), "FLAMO", target, n * POINTS)


SPEED = [
    step_row(6, torch.float32, False, 3.0),
    step_row(6, torch.float64, False, 3.0),
    step_row(8, torch.float32, False, 4.0),
    step_row(16, torch.float32, False, 6.0),
    step_row(16, torch.float64, False, 5.0),
    step_row(6, torch.float32, True, 8.0),
    step_row(16, torch.float32, True, 8.0),
    Speed(
        "FDN, 8 predicted parameter sets in one call, N=8",
        lambda: predicted(8, 8, 1),
        lambda: flamo_step(8, torch.float32, times=8),
        "FLAMO, 8 calls",
        3.0,
        64 * POINTS,
    ),
    Speed(
        "FDN, 8 predicted parameter sets in one call, N=8",
        lambda: predicted(8, 8, 1),
        lambda: predicted(8, 1, 8),
        "ours, 8 calls",
        None,
        64 * POINTS,
    ),
]
MEMORY = [
    Memory("FDN training step, N=16, float32, in MiB", lambda: our_step(16, torch.float32), 2**20, 437 / 3),
]
