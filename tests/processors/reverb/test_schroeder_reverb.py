"""Freeverb's structure beside pedalboard's, which is the same, and its decay."""

import math

import pytest
import torch

from diffFx_pytorch import EffectParam
from diffFx_pytorch.dsp.room_analysis import echo_density, reverberation_time
from diffFx_pytorch.processors import SchroederReverb

RATE = 44100


def impulse(seconds, rate=RATE):
    x = torch.zeros(1, 2, int(seconds * rate), dtype=torch.float64)
    x[..., 0] = 1.0
    return x


@pytest.mark.parametrize("rate", [44100, 48000, 22050])
@pytest.mark.parametrize(
    ("room_size", "damping", "width", "mix"), [(0.5, 0.5, 1.0, 0.3), (0.0, 0.0, 0.3, 1.0), (1.0, 0.9, 0.0, 0.5)]
)
def test_computes_what_pedalboard_computes(rate, room_size, damping, width, mix):
    pedalboard = pytest.importorskip("pedalboard")
    x = 0.1 * torch.randn(2, 2 * rate)
    # Theirs has one pole at every rate; ours one |H|^2 = 1 / (1 + k w^2).
    pole = 0.4 * damping
    k = pole / (1 - pole) ** 2 * (rate / 44100) ** 2
    pole = (1 + 2 * k - math.sqrt(1 + 4 * k)) / (2 * k) if k else 0.0
    peer = pedalboard.Reverb(
        room_size=room_size,
        damping=pole / 0.4,
        wet_level=mix / 3 * 0.0208 / 0.015,
        dry_level=(1 - mix) / 2,
        width=width,
    )(x.numpy(), rate)
    for dtype in (torch.float32, torch.float64):
        knobs = {"room_size": room_size, "damping": damping, "width": width, "mix": mix}
        y = SchroederReverb(rate)(x.to(dtype)[None], dsp_params=knobs)[0]
        error = y - torch.from_numpy(peer)
        assert error.norm() < 10 ** (-110 / 20) * y.norm()


@pytest.mark.parametrize("rate", [22050, 44100, 96000])
def test_decays_as_long_at_every_rate(rate):
    knobs = {"room_size": 0.5, "damping": 0.0, "mix": 1.0}
    t60 = reverberation_time(SchroederReverb(rate)(impulse(2.0, rate), dsp_params=knobs)[0], rate)
    # 60 dB at 0.84 a turn of the mean comb, 1378 samples at 44.1 kHz; the longer combs last longer.
    mean = -60 / (20 * math.log10(0.84)) * 1378 / 44100
    assert torch.allclose(t60, torch.full_like(t60, mean), rtol=0.1)


def test_damping_shortens_the_highs_only():
    open_, damped = (
        reverberation_time(
            SchroederReverb(RATE)(impulse(3.0), dsp_params={"damping": d, "mix": 1.0})[0, 0], RATE, [250.0, 8000.0]
        )
        for d in (0.0, 1.0)
    )
    assert float(damped[0] / open_[0]) > 0.9
    assert float(damped[1] / open_[1]) < 0.4


def test_grows_dense_and_keeps_the_level():
    h = SchroederReverb(RATE)(impulse(1.0), dsp_params={"mix": 1.0})[0]
    assert float(echo_density(h[0], RATE)[200:400].mean()) > 0.8
    x = 0.1 * torch.randn(1, 2, 3 * RATE)
    wet = SchroederReverb(RATE)(x, dsp_params={"mix": 1.0})[..., RATE:]
    assert -8 < float(20 * torch.log10(wet.std() / x.std())) < 3


def test_sides_differ_as_width_says():
    for width, least, most in ((0.0, 0.999, 1.001), (1.0, -0.3, 0.3)):
        h = SchroederReverb(RATE)(impulse(1.0), dsp_params={"mix": 1.0, "width": width})[0]
        correlation = float((h[0] * h[1]).sum() / (h[0].norm() * h[1].norm()))
        assert least < correlation < most


def test_predelay_moves_all_of_it():
    early, late = (SchroederReverb(RATE)(impulse(0.5), dsp_params={"mix": 1.0, "predelay_ms": d}) for d in (0.0, 100.0))
    assert torch.allclose(late[..., 4410:], early[..., :-4410], atol=1e-12)
    # At the default nothing is read late, in a block after one that was, something is.
    fx, x = SchroederReverb(RATE), torch.randn(1, 2, 6000, dtype=torch.float64)
    _, state = fx.run(x, None, dsp_params={"predelay_ms": 0.0})
    after, _ = fx.run(torch.zeros_like(x), state, dsp_params={"predelay_ms": 100.0, "mix": 1.0})
    nothing, _ = fx.run(torch.zeros_like(x), state, dsp_params={"predelay_ms": 0.0, "mix": 1.0})
    assert (after - nothing)[..., 1116:].abs().max() > 1e-3


def test_rests_at_zero_after_the_sound():
    x = torch.zeros(1, 2, 10 * RATE)
    x[..., :100] = 0.5
    y = SchroederReverb(RATE)(x, dsp_params={"room_size": 0.0, "mix": 1.0})
    assert y[..., -RATE:].abs().max() == 0.0


def test_range_can_be_replaced():
    fx = SchroederReverb(RATE, param_range={"predelay_ms": EffectParam(0.0, 500.0, 0.0)})
    h = fx(impulse(1.0), dsp_params={"predelay_ms": 400.0, "mix": 1.0})
    assert h[..., :17640].abs().max() < 1e-12
