"""What a recorder does to a wet recording: level, constants, delays between samples, clocks; taken out and said."""

import pytest
import torch

from diffFx_pytorch import EffectParam
from diffFx_pytorch.fit import fit
from diffFx_pytorch.fit.alignment import aligned, offsets_of
from diffFx_pytorch.fit.drift import undrifted, without_drift
from diffFx_pytorch.fit.knobs import FreeKnobs, positions_of
from diffFx_pytorch.fit.leftover import has_level, level_is_off, mended
from diffFx_pytorch.fit.outcome import percent
from diffFx_pytorch.fit.task import Task
from diffFx_pytorch.processors import Chorus, Compressor, Gain, LowPass, LowShelf, Phaser, TanH

from .test_search import RATE, rendered, sound


def later(x, samples):
    """x delayed by samples, between two of them."""
    spectrum = torch.fft.rfft(x.double(), 2 * x.shape[-1])
    w = torch.linspace(0, torch.pi, spectrum.shape[-1], dtype=torch.float64)
    return torch.fft.irfft(spectrum * torch.polar(torch.ones_like(w), -w * samples))[..., : x.shape[-1]].to(x)


@pytest.mark.parametrize("gain", [0.5, -0.4, 3.0])
def test_a_filter_is_found_however_loud_late_and_inverted_its_sound_is(gain):
    dry = torch.nn.functional.pad(sound(0.5), (400, 400))
    wet = gain * later(rendered(LowPass(RATE), dry, freq_hz=1500.0, q=1.5), 20.4)
    found = fit(LowPass(RATE), dry, wet, time_budget_s=600, choose=False)
    assert found.settings == pytest.approx({"freq_hz": 1500.0, "q": 1.5}, rel=0.02)
    assert found.residual_db < -40
    (lies,) = found.alignments
    assert lies.offset_samples == pytest.approx(20.4, abs=0.05)
    assert lies.inverted == (gain < 0)
    assert 10 ** (lies.level_db / 20) == pytest.approx(abs(gain), rel=0.01)
    louder = "louder" if abs(gain) > 1 else "quieter"
    assert any(notice.endswith(f"dB {louder} than the effect") for notice in found.notices)


def test_a_level_that_a_sweep_cannot_make():
    dry = sound(1.0)
    fx = Phaser(RATE)
    found = fit(fx, dry, 0.5 * rendered(fx, dry, rate_hz=2.0), time_budget_s=600)
    assert found.settings["rate_hz"] == pytest.approx(2.0, rel=0.01)
    assert found.alignments[0].level_db == pytest.approx(-6.02, abs=0.05)
    assert found.residual_db < -50


def test_a_level_that_is_right_is_left():
    dry = sound(0.5)
    found = fit(LowShelf(RATE), dry, rendered(LowShelf(RATE), dry, gain_db=-9.0), time_budget_s=600)
    assert found.settings["gain_db"] == pytest.approx(-9.0, abs=0.01)
    assert found.alignments[0].level_db == 0.0
    assert not any("than the effect" in notice for notice in found.notices)


def test_which_effects_have_a_level():
    dry = sound(0.5)
    for fx, has in [(Gain(RATE), True), (Compressor(RATE), True), (TanH(RATE), True), (LowPass(RATE), False)]:
        place = positions_of(fx, {})
        assert has_level(Task(fx, dry, dry), FreeKnobs(fx, rest=place), place) is has


def test_a_level_is_off_only_where_that_would_help():
    x, y = sound(0.2), sound(0.2, seed=1)
    assert level_is_off(x, 0.5 * x)
    assert not level_is_off(x, 0.99 * x)
    assert not level_is_off(x, y)


@pytest.mark.parametrize("late", [0.0, 0.37, -1.2])
def test_a_delay_between_samples_shows_where_the_rest_is_met(late):
    fx, dry = Compressor(RATE), sound(0.5)
    place = positions_of(fx, {})
    wet = later(rendered(fx, dry), late)
    lies = aligned(dry, wet, RATE, may_be_late=False)
    lies = mended(lies, Task(fx, dry, lies.wet, skipped=lies.skipped), place)
    assert lies.offset_samples == pytest.approx(late, abs=0.01)
    assert mended(lies, Task(fx, dry, lies.wet, skipped=lies.skipped), place) is lies


def test_constants_are_taken_out_and_said():
    dry = sound(0.5)
    low = rendered(LowPass(RATE), dry, freq_hz=1500.0)
    assert offsets_of(dry, low, RATE) is None
    assert float(offsets_of(dry, low + 0.05, RATE)) == pytest.approx(0.05, abs=1e-4)
    assert offsets_of(dry + 0.05, low + 0.05, RATE) is None
    found = fit(LowPass(RATE), dry, low + 0.05, time_budget_s=600)
    assert found.settings["freq_hz"] == pytest.approx(1500.0, rel=0.01)
    assert found.residual_db < -60
    assert "the wet recording had a constant offset of 0.05, which was taken out" in found.notices


def test_what_a_bias_adds_is_no_recorders_constant():
    dry = sound(0.5)
    wet = rendered(TanH(RATE), dry, drive_db=12.0, bias=0.4)
    found = fit(TanH(RATE), dry, wet, time_budget_s=600)
    assert found.residual_db < -60
    assert not any("offset" in notice for notice in found.notices)


def test_a_slow_sweep_is_no_clock(monkeypatch):
    """What ``drift`` takes for one does not make the two correlate more sharply."""
    dry = sound(4.0)
    wet = rendered(Chorus(RATE), dry, rate_hz=0.2, depth=0.3, mix=0.3)
    _, share = undrifted(dry, without_drift(wet, -3e-5))
    assert share == pytest.approx(3e-5, rel=0.15)
    monkeypatch.setattr("diffFx_pytorch.fit.drift.drift", lambda *args, **kwargs: 3e-6)
    moved, share = undrifted(dry, wet)
    assert share == 0.0
    assert moved is wet


def test_wet_may_be_a_part_of_what_was_recorded():
    dry = sound(3.0)
    found = fit(Gain(RATE), dry, 0.5 * dry[..., 2 * RATE : 2 * RATE + 8000], time_budget_s=600)
    assert found.alignments[0].offset_samples == -2 * RATE
    assert found.settings["gain_db"] == pytest.approx(-6.02, abs=0.01)
    assert found.residual_db < -100


def test_an_end_that_explains_all_is_not_reported():
    dry = 0.01 * sound()
    fx = Gain(RATE, param_range={"gain_db": EffectParam(-6.0, 6.0)})
    found = fit(fx, dry, 10 ** (6.0 / 20) * dry)
    assert found.residual_db < -90
    assert found.notices == []


def test_shares_have_as_many_nines_as_they_need():
    shares = (1.0, 1 - 1e-9, 0.9999, 0.97, 0.03, -0.5)
    assert [percent(share) for share in shares] == ["100 %", "100 %", "99.99 %", "97 %", "3 %", "0 %"]
