"""Equalisers beside dasp-pytorch and scipy, and many bands beside few: B=4, C=2, T=2**17, float32."""

from __future__ import annotations

from collections.abc import Callable

import torch
from harness import Memory, Speed

from diffFx_pytorch import Processor
from diffFx_pytorch.processors import (
    Cabinet,
    DeHum,
    DynamicEqualizer,
    GraphicEqualizer,
    LinearPhaseEqualizer,
    ParametricEqualizer,
    PassiveEqualizer,
    TiltEqualizer,
    ToneStack,
)

B, C, T = 4, 2, 2**17
RATE = 44100
CENTRES = (100.0, 500.0, 2000.0, 5000.0)


def _sound() -> torch.Tensor:
    generator = torch.Generator().manual_seed(0)
    return (0.2 * torch.randn(B, C, T, generator=generator)).requires_grad_()


def _both_ways(fx: Processor) -> Callable[[], object]:
    """Forward and backward to every knob and the sound."""
    x, upstream = _sound(), torch.ones(B, C, T)
    knobs = (0.2 + 0.6 * torch.rand(B, len(fx.params), generator=torch.Generator().manual_seed(1))).requires_grad_()
    return lambda: torch.autograd.grad(fx(x, norm_params=knobs), (x, knobs), upstream)


def parametric() -> Callable[[], object]:
    return _both_ways(ParametricEqualizer(RATE, num_peaks=4))


def parametric_forward() -> Callable[[], object]:
    fx, x = ParametricEqualizer(RATE, num_peaks=4), _sound().detach()
    knobs = torch.full((B, len(fx.params)), 0.4)
    return lambda: fx(x, norm_params=knobs)


def dasp() -> Callable[[], object]:
    """Six filters too: two shelves and four peaks, by the frequency sampling it is made of."""
    import dasp_pytorch

    x, upstream = _sound(), torch.ones(B, C, T)
    bands = [(6.0, 80.0, 0.7), *((-4.0, f, 1.0) for f in CENTRES), (3.0, 8000.0, 0.7)]
    knobs = [torch.full((B, 1), v, requires_grad=True) for band in bands for v in band]
    return lambda: torch.autograd.grad(dasp_pytorch.functional.parametric_eq(x, RATE, *knobs), (x, *knobs), upstream)


def scipy_cascade() -> Callable[[], object]:
    """The same six sections in scipy, float32."""
    import numpy as np
    from scipy import signal

    fx, x = ParametricEqualizer(RATE, num_peaks=4), _sound().detach()
    knobs = fx.knobs(x, norm_params=torch.full((B, len(fx.params)), 0.4))
    sections, audio = fx.sections(**knobs)[0, 0, 0].numpy().astype(np.float32), x.numpy()
    return lambda: signal.sosfilt(sections, audio)


def graphic_ten() -> Callable[[], object]:
    return _both_ways(GraphicEqualizer(RATE, bands="octave"))


def graphic_thirty_one() -> Callable[[], object]:
    return _both_ways(GraphicEqualizer(RATE, bands="third_octave"))


def dynamic() -> Callable[[], object]:
    return _both_ways(DynamicEqualizer(RATE))


def tone_stack() -> Callable[[], object]:
    return _both_ways(ToneStack(RATE))


def _forward(fx: Processor) -> Callable[[], object]:
    x, knobs = _sound().detach(), torch.full((B, len(fx.params)), 0.4)
    return lambda: fx(x, norm_params=knobs)


def linear_phase() -> Callable[[], object]:
    return _forward(LinearPhaseEqualizer(RATE))


def scipy_fir() -> Callable[[], object]:
    """A filter of as many taps, by overlap-add in scipy, float32."""
    from scipy import signal

    taps = torch.randn(1, 1, 4095, generator=torch.Generator().manual_seed(2)).numpy()
    audio = _sound().detach().numpy()
    return lambda: signal.oaconvolve(audio, taps, axes=-1)


def tilt() -> Callable[[], object]:
    return _forward(TiltEqualizer(RATE))


def de_hum_following() -> Callable[[], object]:
    return _forward(DeHum(RATE, follow=True))


def passive() -> Callable[[], object]:
    return _forward(PassiveEqualizer(RATE))


def scipy_third() -> Callable[[], object]:
    from scipy import signal

    audio, sos = _sound().detach().numpy(), signal.butter(6, 650, fs=RATE, output="sos").astype("float32")
    return lambda: signal.sosfilt(sos, audio)


def scipy_first_order() -> Callable[[], object]:
    from scipy import signal

    audio = _sound().detach().numpy()
    b, a = signal.butter(1, 650, fs=RATE)
    return lambda: signal.lfilter(b.astype("float32"), a.astype("float32"), audio)


def de_hum() -> Callable[[], object]:
    return _forward(DeHum(RATE))


def scipy_notches() -> Callable[[], object]:
    """Sixteen notches in scipy, float32."""
    import numpy as np
    from scipy import signal

    sections = np.concatenate([signal.tf2sos(*signal.iirnotch(50 * k, 25 * k, RATE)) for k in range(1, 17)])
    sections, audio = sections.astype(np.float32), _sound().detach().numpy()
    return lambda: signal.sosfilt(sections, audio)


def cabinet() -> Callable[[], object]:
    return _forward(Cabinet(RATE))


def scipy_five() -> Callable[[], object]:
    """The sections of a cabinet in scipy, float32."""
    from scipy import signal

    fx, audio = Cabinet(RATE), _sound().detach()
    knobs = fx.knobs(audio[:1], norm_params=torch.full((1, len(fx.params)), 0.4))
    sections = fx.control(**knobs)["sections"][0, 0, 0].float().numpy()
    samples = audio.numpy()
    return lambda: signal.sosfilt(sections, samples)


SPEED = [
    Speed("parametric equaliser, 6 sections, both ways", parametric, dasp, "dasp-pytorch", 5.0, B * C * T),
    Speed(
        "parametric equaliser, 6 sections, forward", parametric_forward, scipy_cascade, "scipy, float32", 2.0, B * C * T
    ),
    # Ten bands may not be more than 2.5 times faster than 31: a ratio of 0.4.
    Speed("graphic equaliser, 31 bands, both ways", graphic_thirty_one, graphic_ten, "its own 10", 0.4, B * C * T),
    Speed("dynamic equaliser, 3 bands, both ways", dynamic, dasp, "dasp-pytorch's parametric", None, B * C * T),
    Speed("tone stack, both ways", tone_stack, dasp, "dasp-pytorch's parametric", None, B * C * T),
    Speed("linear-phase equaliser, 4095 taps, forward", linear_phase, scipy_fir, "scipy oaconvolve", None, B * C * T),
    Speed("tilt equaliser, forward", tilt, scipy_first_order, "scipy lfilter, float32", None, B * C * T),
    Speed("cabinet, 5 sections, forward", cabinet, scipy_five, "scipy sosfilt, float32", None, B * C * T),
    Speed("passive equaliser, forward", passive, scipy_third, "scipy sosfilt, float32", None, B * C * T),
    Speed("DeHum, 16 notches, forward", de_hum, scipy_notches, "scipy sosfilt, float32", None, B * C * T),
    Speed("DeHum, notches that follow, forward", de_hum_following, de_hum, "its still ones", None, B * C * T),
]
MEMORY = [
    Memory("parametric equaliser, 6 sections, both ways", parametric, B * C * T * 4, 12.0),
    Memory("graphic equaliser, 31 bands, both ways", graphic_thirty_one, B * C * T * 4, 12.0),
    Memory("dynamic equaliser, 3 bands, both ways", dynamic, B * C * T * 4, 15.0),
]
