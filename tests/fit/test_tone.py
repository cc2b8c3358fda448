"""Settings of filters read off a response: bands of it are right, and settings come back from them."""

import math

import pytest
import torch

from diffFx_pytorch.fit.tone import band_frequencies, band_response, is_tone, tones
from diffFx_pytorch.processors import FeedbackDelay, Gain, ParametricEqualizer, Peak, TanH, Tremolo
from tests.fit.test_search import RATE, rendered, sound


def test_a_response_by_bands_is_the_filters():
    dry = sound(1.0)
    powers, trust = band_response(dry, rendered(Gain(RATE), dry, gain_db=-6.0), RATE)
    assert torch.allclose(10 * powers.log10(), torch.full_like(powers, -6.0), atol=0.01)
    assert float(trust.min()) > 0.9
    peak = Peak(RATE, freq_hz=1000.0, gain_db=12.0, q=2.0)
    powers, _ = band_response(dry, rendered(peak, dry), RATE)
    assert abs(10 * math.log10(float(powers[(band_frequencies(RATE) - 1000).abs().argmin()])) - 12.0) < 0.5


def test_what_has_nothing_in_common_is_not_trusted():
    _, trust = band_response(sound(1.0), sound(1.0, seed=5), RATE)
    assert float(trust.median()) < 0.6


@pytest.mark.slow
def test_an_equaliser_is_read_off_its_response():
    dry = sound(1.0)
    fx = ParametricEqualizer(RATE)
    knobs = {"peak_1_gain_db": -14.0, "peak_1_freq_hz": 300.0, "peak_3_gain_db": 9.0, "peak_3_freq_hz": 2500.0}
    wet = rendered(fx, dry, **knobs)
    best = tones(fx, dry, wet, torch.Generator().manual_seed(0))[0][:1]
    with torch.no_grad():
        left = fx(dry, norm_params=best) - wet
    assert float(left.square().sum()) < 0.01 * float(wet.square().sum())


def test_only_filters_are_told_by_their_bands():
    assert is_tone(ParametricEqualizer(RATE))
    assert is_tone(Gain(RATE))
    assert not any(is_tone(fx) for fx in (FeedbackDelay(RATE), Tremolo(RATE), TanH(RATE)))
