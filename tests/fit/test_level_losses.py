"""Measures of sounds: they are the meters', finite everywhere, and have gradients."""

import functools
import math

import pytest
import torch

from diffFx_pytorch import fit
from diffFx_pytorch.render.loudness import Loudness, loudness_range

RATE = 16000
FEATURES = {
    "loudness": functools.partial(fit.loudness_lufs, sample_rate=RATE),
    "range": functools.partial(fit.loudness_range_lu, sample_rate=RATE),
    "crest": fit.crest_db,
    "envelope": functools.partial(fit.envelope_db, sample_rate=RATE),
    "width": fit.width_db,
    "balance": fit.balance_db,
}


def programme(seconds=8.0, batch=2):
    """Noise, louder and softer by turns."""
    samples = round(seconds * RATE)
    t = torch.arange(samples) / RATE
    level = torch.stack([10 ** (-1 - 0.7 * torch.sin(2 * math.pi * t / (11 + i))) for i in range(batch)])
    left = torch.randn(batch, samples) * level
    return torch.stack([left, 0.5 * left + 0.2 * torch.randn(batch, samples) * level], 1)


def test_loudness_and_its_range_are_the_meters():
    x = programme()
    x[1, :, : 3 * RATE] = 0  # the gates shut
    for item, lufs, lu in zip(x, fit.loudness_lufs(x, RATE), fit.loudness_range_lu(x, RATE), strict=True):
        meter = Loudness(RATE, 2)
        meter.add(item.T.numpy())
        assert float(lufs) == pytest.approx(meter.integrated(), abs=0.05)
        assert float(lu) == pytest.approx(loudness_range(meter), abs=0.1)
        assert float(lu) > 3


def test_a_gain_moves_loudness_by_itself_and_a_short_sound_has_one():
    x = programme(0.2)
    louder = fit.loudness_lufs(2 * x, RATE) - fit.loudness_lufs(x, RATE)
    torch.testing.assert_close(louder, torch.full((2,), 20 * math.log10(2)), atol=1e-4, rtol=0)
    tone = torch.sin(2 * math.pi * 997 / RATE * torch.arange(RATE)).expand(1, 1, -1)
    assert float(fit.loudness_lufs(tone[..., :4800], RATE)) == pytest.approx(-3.01, abs=0.1)


def test_measures_are_what_they_say():
    t = torch.arange(RATE) / RATE
    tone = torch.sin(2 * math.pi * 100 * t)
    assert float(fit.crest_db(tone[None, None])) == pytest.approx(3.01, abs=0.01)
    stereo = torch.stack([tone, 0.5 * tone])[None]
    assert float(fit.balance_db(stereo)) == pytest.approx(-6.02, abs=0.01)
    assert float(fit.width_db(stereo)) == pytest.approx(20 * math.log10(0.25 / 0.75), abs=0.01)
    assert float(fit.width_db(tone.expand(1, 2, -1))) < -60
    swell = fit.envelope_db((tone * 10 ** (-2 * t))[None, None], RATE, 50.0)[0, 0]
    fall = swell.diff().mean() / 0.025  # dB a second
    assert float(fall) == pytest.approx(-40.0, rel=0.02)


@pytest.mark.parametrize("name", FEATURES)
def test_errors_are_nothing_for_equals_and_finite_on_silence(name):
    loss = fit.FeatureError(FEATURES[name])
    x = programme(4.0)
    assert float(loss(x, x)) == 0
    assert loss(x, x[:1]).dim() == 0
    assert fit.FeatureError(FEATURES[name], reduction="none")(x, x).shape == (2,)
    for samples in (4 * RATE, 100, 1):
        for target in (x, torch.zeros_like(x)):
            silence = torch.zeros(2, 2, samples, requires_grad=True)
            value = loss(silence, target[..., :samples])
            assert value.isfinite()
            if value.requires_grad:
                value.backward()
                assert silence.grad.isfinite().all()


@pytest.mark.parametrize("name", FEATURES)
def test_gradients(name):
    x = (0.3 * programme(3.2, 1)).double()
    step = torch.randn_like(x) * x.abs()

    def at(move):
        return FEATURES[name](x + move * step).square().sum()

    move = torch.zeros((), dtype=torch.float64, requires_grad=True)
    at(move).backward()
    slow = (at(1e-6) - at(-1e-6)) / 2e-6
    assert float(move.grad) == pytest.approx(float(slow), rel=1e-4)
    assert float(slow) != 0
