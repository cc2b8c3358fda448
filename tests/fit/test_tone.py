"""Settings of filters read off a response: bands of it are right, and settings come back from them."""

import math

import pytest
import torch

from diffFx_pytorch import Chain, registry
from diffFx_pytorch.fit.bands import BandResponse, Struck, band_frequencies, said_powers
from diffFx_pytorch.fit.filters import filters, reread
from diffFx_pytorch.fit.knobs import FreeKnobs
from diffFx_pytorch.fit.task import Task
from diffFx_pytorch.fit.tone import is_filter, tones
from diffFx_pytorch.processors import (
    FeedbackDelay,
    Gain,
    LinearPhaseEqualizer,
    ParametricEqualizer,
    Peak,
    TanH,
    Tremolo,
)
from tests.fit.test_search import RATE, rendered, sound


def test_a_response_by_bands_is_the_filters():
    dry = sound(1.0)
    bands = BandResponse(dry[0], RATE)
    powers, trust = bands.between(rendered(Gain(RATE), dry, gain_db=-6.0)[0])
    assert torch.allclose(10 * powers.log10(), torch.full_like(powers, -6.0), atol=0.01)
    assert float(trust.min()) > 0.9
    peak = Peak(RATE, freq_hz=1000.0, gain_db=12.0, q=2.0)
    powers, _ = bands.between(rendered(peak, dry)[0])
    assert abs(10 * math.log10(float(powers[(band_frequencies(RATE) - 1000).abs().argmin()])) - 12.0) < 0.5


@pytest.mark.parametrize(
    "fx", [Peak(RATE, freq_hz=900.0, gain_db=15.0, q=10.0), LinearPhaseEqualizer(RATE, peak_1_gain_db=9.0)], ids=str
)
def test_a_recording_and_an_impulse_show_the_same(fx):
    dry = sound(1.0)
    bands = BandResponse(dry[0], RATE)
    of_sound, _ = bands.between(rendered(fx, dry)[0])
    here = fx.demap_parameters(fx.to_flat({})).float()
    of_impulse = Struck(fx, bands).sounds(here, 8192)[0, 0]
    high = band_frequencies(RATE) > 200  # below, a bin of the impulse's transform is wider than a band
    assert float(10 * (of_sound / of_impulse)[high].log10().abs().max()) < 0.2


def test_what_has_nothing_in_common_is_not_trusted():
    _, trust = BandResponse(sound(1.0)[0], RATE).between(sound(1.0, seed=5)[0])
    assert float(trust.median()) < 0.6


def test_a_filter_of_a_chain_is_read_off_what_the_chain_lacks():
    """Behind it a shaper and echoes, before it a gain: as long as they stand they cancel."""
    fx, dry = Chain(gain=Gain(RATE), peak=Peak(RATE), tanh=TanH(RATE), echo=FeedbackDelay(RATE)), sound(1.0)
    held = {"gain.gain_db": 6.0, "tanh.drive_db": 12.0, "echo.delay_ms": 180.0, "echo.mix": 0.4}
    wet = rendered(fx, dry, **held, **{"peak.gain_db": -12.0, "peak.freq_hz": 1800.0, "peak.q": 2.0})
    here = fx.demap_parameters(fx.to_flat(held))[0].float()
    (gain, peak) = filters(fx)
    assert (gain.columns, peak.columns) == (slice(0, 1), slice(1, 4))
    task = Task(fx, dry, wet)
    read = reread(task, peak, FreeKnobs(fx), here, torch.Generator().manual_seed(0), math.inf)
    found = fx.to_dict(fx.map_parameters(read[:1]))
    assert float(found["peak.freq_hz"]) == pytest.approx(1800, rel=0.05)
    assert float(found["peak.gain_db"]) == pytest.approx(-12, abs=2)
    assert torch.equal(read[:, 4:], here[4:].expand(len(read), -1))
    assert not len(reread(task, peak, FreeKnobs(fx, free=["gain.gain_db"]), here, torch.Generator(), math.inf))


@pytest.mark.slow
def test_an_equaliser_is_read_off_its_response():
    dry = sound(1.0)
    fx = ParametricEqualizer(RATE)
    knobs = {"peak_1_gain_db": -14.0, "peak_1_freq_hz": 300.0, "peak_3_gain_db": 9.0, "peak_3_freq_hz": 2500.0}
    wet = rendered(fx, dry, **knobs)
    best = tones(fx, BandResponse(dry[0], RATE), wet, torch.Generator().manual_seed(0))[0][:1]
    with torch.no_grad():
        left = fx(dry, norm_params=best) - wet
    assert float(left.square().sum()) < 0.01 * float(wet.square().sum())


def test_only_filters_are_told_by_their_bands():
    assert is_filter(ParametricEqualizer(RATE))
    assert is_filter(Gain(RATE))
    assert not any(is_filter(fx) for fx in (FeedbackDelay(RATE), Tremolo(RATE), TanH(RATE)))


SAYING = [cls for cls in registry.effects().values() if hasattr(cls, "power")]


@pytest.mark.parametrize("cls", SAYING, ids=lambda cls: cls.__name__)
def test_the_power_that_a_filter_says_is_that_of_its_response(cls):
    fx = cls(8000)
    positions = 0.3 + 0.4 * torch.rand(2, len(fx.params), dtype=torch.float64)
    impulse = torch.zeros(1, 1, 1 << 15, dtype=torch.float64)
    impulse[..., 0] = 1
    H = torch.fft.rfft(fx(impulse.expand(2, -1, -1), norm_params=positions))[:, 0]
    bins = torch.arange(80, 1 << 14, 997)  # a window over the taps smooths what is lower
    said = said_powers(fx, positions, bins.double() * (8000 / (1 << 15)))
    torch.testing.assert_close(said.double(), H[:, bins].abs().square(), rtol=2e-2, atol=1e-4)
    assert said.std() > 1e-3 or cls.__name__ == "AllPass"
