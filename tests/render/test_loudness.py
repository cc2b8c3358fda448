"""Loudness against the figures of ITU-R BS.1770-4 and EBU Tech 3341, and against pyloudnorm where that is right."""

import math

import numpy as np
import pyloudnorm
import pytest
import torch

from diffFx_pytorch.dsp.biquad import sos_response
from diffFx_pytorch.dsp.loudness import channel_weights, k_weighting
from diffFx_pytorch.render import Loudness
from diffFx_pytorch.render.loudness import integrated_loudness

RATES = (8000, 11025, 16000, 22050, 32000, 44100, 48000, 88200, 96000, 176400, 192000)


def sine(rate, seconds, level_db, hz=1000.0):
    return 10 ** (level_db / 20) * np.sin(2 * np.pi * hz / rate * np.arange(round(rate * seconds)))


def measured(x, rate, **how):
    meter = Loudness(rate, x.shape[1], **how)
    for block in np.array_split(x, 7):
        meter.add(block)
    whole = integrated_loudness(torch.from_numpy(x.T[None].copy()), rate, **how)
    assert float(whole) == pytest.approx(meter.integrated(), abs=1e-9)
    return meter.integrated()


@pytest.mark.parametrize("rate", RATES)
def test_the_anchor(rate):
    assert measured(sine(rate, 2, 0.0, 997.0)[:, None], rate) == pytest.approx(-3.01, abs=0.01)


def test_the_table_at_48_khz():
    shelf, high_pass = k_weighting(48000).numpy()
    wanted = (1.53512485958697, -2.69169618940638, 1.19839281085285, 1.0, -1.69065929318241, 0.73248077421585)
    np.testing.assert_allclose(shelf, wanted, atol=1e-9)
    np.testing.assert_allclose(high_pass, (1.0, -2.0, 1.0, 1.0, -1.99004745483398, 0.99007225036621), atol=1e-9)


@pytest.mark.parametrize("rate", RATES)
def test_one_weighting_at_all_rates(rate):
    freqs = torch.logspace(1, math.log10(min(20000, 0.49 * rate)), 300, dtype=torch.float64)
    there, here = (20 * sos_response(k_weighting(r), freqs, r).abs().log10() for r in (48000, rate))
    assert float((here - there).abs().max()) < (0.03 if rate < 11000 else 0.01)


# EBU Tech 3341 (2016), table 1: tones of 1 kHz as (seconds, level in dBFS) in both channels, read within 0.1 LU.
@pytest.mark.parametrize("rate", [44100, 48000])
@pytest.mark.parametrize(
    ("parts", "wanted"),
    [
        ([(20, -23.0)], -23.0),
        ([(20, -33.0)], -33.0),
        ([(10, -36.0), (60, -23.0), (10, -36.0)], -23.0),
        ([(10, -72.0), (10, -36.0), (60, -23.0), (10, -36.0), (10, -72.0)], -23.0),
        ([(20, -26.0), (20.1, -20.0), (20, -26.0)], -23.0),
    ],
)
def test_ebu_tech_3341(rate, parts, wanted):
    tone = np.concatenate([sine(rate, *part) for part in parts])
    assert measured(np.stack([tone, tone], 1), rate) == pytest.approx(wanted, abs=0.1)


@pytest.mark.parametrize("mask", [None, 0x3F, 0x60F])
def test_ebu_tech_3341_in_5_1(mask):
    """Signal 6: -28 dBFS left and right, -24 in the centre, -30 in the surrounds; a LFE counts nothing."""
    levels = (-28.0, -28.0, -24.0, 0.0, -30.0, -30.0)
    x = np.stack([sine(48000, 20, level) for level in levels], 1)
    assert measured(x, 48000, mask=mask) == pytest.approx(-23.0, abs=0.1)


@pytest.mark.parametrize(
    ("channels", "mask", "wanted"),
    [
        (1, None, (1.0,)),
        (2, 0x3, (1.0, 1.0)),
        (3, None, (1.0, 1.0, 1.0)),
        (4, None, (1.0, 1.0, 1.41, 1.41)),
        (4, 0x107, (1.0, 1.0, 1.0, 1.0)),  # 4.0 with a back centre
        (5, None, (1.0, 1.0, 1.0, 1.41, 1.41)),
        (6, 0, (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)),
        (6, 0x60F, (1.0, 1.0, 1.0, 0.0, 1.41, 1.41)),
        (3, 0xB, (1.0, 1.0, 0.0)),  # 2.1
        (7, None, (1.0, 1.0, 1.0, 0.0, 1.0, 1.41, 1.41)),
        (8, None, (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41)),
        (8, 0x3, (1.0,) * 8),  # channels without a place
        (12, 0x2D63F, (1.0, 1.0, 1.0, 0.0, 1.0, 1.0, 1.41, 1.41, 1.0, 1.0, 1.0, 1.0)),  # 7.1.4
        (16, None, (1.0,) * 16),
    ],
)
def test_channels_weigh_by_their_place(channels, mask, wanted):
    assert channel_weights(channels, mask) == wanted


def test_the_lfe_of_7_1_counts_nothing():
    x = np.zeros((96000, 8))
    x[:, 0] = sine(48000, 2, -20.0, 997.0)
    x[:, 3] = sine(48000, 2, 0.0, 60.0)
    assert measured(x, 48000) == pytest.approx(-23.01, abs=0.01)


def test_dual_mono_is_the_same_sound_in_both_channels():
    tone = sine(48000, 2, -20.0)[:, None]
    assert measured(tone, 48000, dual_mono=True) == pytest.approx(measured(tone.repeat(2, 1), 48000), abs=1e-9)
    two = measured(tone.repeat(2, 1), 48000, dual_mono=True)
    assert two == measured(tone.repeat(2, 1), 48000)


def test_pyloudnorms_but_for_the_height_of_its_shelf():
    for rate, channels, seconds in ((44100, 2, 3.21), (48000, 1, 1.0), (96000, 5, 2.0)):
        n = int(rate * seconds)
        x = np.random.default_rng(3).standard_normal((n, channels)) * np.linspace(0, 0.3, n)[:, None] ** 3
        wanted = pyloudnorm.Meter(rate).integrated_loudness(x)
        assert measured(x, rate) == pytest.approx(wanted, abs=0.06)


def test_silence_and_short_sounds_have_no_loudness():
    assert measured(np.zeros((48000, 2)), 48000) == -math.inf
    assert measured(sine(48000, 0.39, 0.0)[:, None], 48000) == -math.inf


def test_a_loss_of_loudness_has_the_right_gradient():
    x = (
        torch.from_numpy(np.random.default_rng(1).standard_normal((2, 1, 24000)))
        * torch.tensor([0.1, 0.0])[:, None, None]
    )
    gain = torch.ones(2, dtype=torch.float64, requires_grad=True)
    loud = integrated_loudness(x * gain[:, None, None], 48000)
    (grad,) = torch.autograd.grad(loud[0], gain)
    assert grad.tolist() == pytest.approx([20 / math.log(10), 0.0])
    x.requires_grad_()
    (grad,) = torch.autograd.grad(integrated_loudness(x, 48000)[0], x)
    assert torch.isfinite(grad).all()
