"""Room analysis on responses whose decay is known."""

import math

import pytest
import torch

from diffFx_pytorch.dsp.room_analysis import (
    clarity,
    definition,
    early_decay_time,
    echo_density,
    energy_decay_curve,
    mixing_time,
    octave_bands,
    octave_centres,
    onset,
    reverberation_time,
    spectral_flatness,
)

RATE = 48000


def exponential(t60, seconds=2.0, rate=RATE):
    return torch.exp(-math.log(1000) * torch.arange(int(seconds * rate), dtype=torch.float64) / rate / t60)


def noise(seconds=2.0, rate=RATE, batch=()):
    generator = torch.Generator().manual_seed(0)
    return torch.randn(*batch, int(seconds * rate), generator=generator, dtype=torch.float64)


def test_the_decay_curve_of_an_exponential_is_a_straight_line():
    level = energy_decay_curve(exponential(0.5))
    expected = -60 * torch.arange(level.shape[-1], dtype=torch.float64) / RATE / 0.5
    assert (level - expected)[:RATE].abs().max() < 1e-6
    assert level[0] == 0


@pytest.mark.parametrize("t60", [0.2, 0.5, 1.0, 3.0])
def test_reverberation_time_of_an_exponential(t60):
    h = exponential(t60, 2.5 * t60)
    assert float(reverberation_time(h, RATE)) == pytest.approx(t60, rel=1e-6)
    assert float(reverberation_time(h, RATE, fit_db=(-5, -25))) == pytest.approx(t60, rel=1e-6)
    assert float(early_decay_time(h, RATE)) == pytest.approx(t60, rel=1e-6)


def test_reverberation_time_of_decaying_noise():
    h = exponential(1.2) * noise(batch=(3,))
    assert torch.allclose(reverberation_time(h, RATE), torch.full((3,), 1.2, dtype=torch.float64), rtol=0.02)


@pytest.mark.slow
def test_every_octave_has_its_own_time():
    # Noise in one octave each, so that the sum decays at 2 s at the bottom and at 0.5 s at the top.
    centres = octave_centres(RATE)
    assert centres == [125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0]
    times = [2.0, 1.8, 1.5, 1.2, 1.0, 0.8, 0.5]
    spectrum = torch.fft.rfft(noise(4.0))
    freq = torch.fft.rfftfreq(4 * RATE, 1 / RATE)
    h = torch.zeros(4 * RATE, dtype=torch.float64)
    for centre, t in zip(centres, times, strict=True):
        inside = (freq > centre * 2**-0.25) & (freq < centre * 2**0.25)
        h += exponential(t, 4.0) * torch.fft.irfft(spectrum * inside)
    found = reverberation_time(h, RATE, bands="octave")
    # A narrow band of noise decays in bumps: a third of an octave at 125 Hz has some 80 of them in 2 s.
    assert torch.allclose(found, torch.tensor(times, dtype=torch.float64), rtol=0.06), found
    white = reverberation_time(exponential(1.0, 3.0) * noise(3.0, batch=(8,)), RATE, bands="octave").mean(0)
    assert torch.allclose(white, torch.ones(7, dtype=torch.float64), rtol=0.05)
    assert torch.allclose(white[3:], torch.ones(4, dtype=torch.float64), rtol=0.02)


def test_powers_of_the_bands_add_up():
    x = noise(1.0)
    centres = [1000.0 * 2.0**i for i in range(-3, 4)]
    bands = octave_bands(x, RATE, centres)
    spectrum = torch.fft.rfft(x).abs().square()
    inside = slice(150, 8000)  # 1 Hz a bin
    power = torch.fft.rfft(bands).abs().square().sum(0)[inside]
    assert torch.allclose(power.sum(), spectrum[inside].sum(), rtol=0.02)


def test_a_tone_lands_in_its_octave():
    time = torch.arange(RATE, dtype=torch.float64) / RATE
    for i, centre in enumerate(octave_centres(RATE)):
        level = octave_bands(torch.sin(2 * math.pi * centre * time), RATE)[:, RATE // 4 : -RATE // 4].std(-1)
        assert float(level[i]) == pytest.approx(math.sqrt(0.5), rel=1e-3)
        others = torch.cat([level[:i], level[i + 1 :]])
        assert float(others.max()) < 1e-2


@pytest.mark.parametrize(("early_ms", "t60"), [(50.0, 0.4), (80.0, 1.0), (80.0, 3.0)])
def test_clarity_and_definition_of_an_exponential(early_ms, t60):
    h = torch.nn.functional.pad(exponential(t60, 4 * t60), (700, 0))  # clarity counts from the arrival
    ratio = math.exp(2 * math.log(1000) * early_ms / 1000 / t60)
    assert float(clarity(h, RATE, early_ms)) == pytest.approx(10 * math.log10(ratio - 1), abs=1e-6)
    assert float(definition(h, RATE, early_ms)) == pytest.approx(1 - 1 / ratio, abs=1e-6)
    assert int(onset(h)) == 700


def test_echo_density_is_one_for_noise_and_small_for_echoes():
    dense = echo_density(noise() * exponential(1.0), RATE)
    assert dense.shape[-1] == 2000
    assert float(dense[20:-20].mean()) == pytest.approx(1.0, abs=0.02)
    sparse = torch.zeros(RATE, dtype=torch.float64)
    sparse[:: RATE // 100] = 1.0  # an echo every 10 ms
    assert float(echo_density(sparse, RATE).max()) < 0.05
    # Echoes that grow in number: nothing until 0.2 s, then noise.
    grows = torch.cat([sparse[: RATE // 5], noise(0.5) * 0.1])
    assert float(mixing_time(grows, RATE)) == pytest.approx(0.2, abs=0.02)


def test_flatness():
    impulse = torch.zeros(2, RATE, dtype=torch.float64)
    impulse[:, 100] = 1.0
    assert torch.allclose(spectral_flatness(impulse, RATE), torch.ones(2, dtype=torch.float64))
    assert float(spectral_flatness(noise(), RATE)) == pytest.approx(math.exp(-0.5772), rel=0.02)
    assert float(spectral_flatness(noise(4.0), RATE, bins=64)) > 0.97
    ringing = torch.sin(torch.arange(RATE, dtype=torch.float64)) * exponential(1.0, 1.0)
    assert float(spectral_flatness(ringing, RATE)) < 0.05


def test_noise_is_taken_away():
    h = exponential(0.5, 3.0) * noise(3.0) + 5e-3 * noise(3.0).flip(-1)
    plain = float(reverberation_time(h, RATE, fit_db=(-5, -25)))
    cleaned = float(reverberation_time(h, RATE, fit_db=(-5, -25), noise_share=0.3))
    assert plain > 0.55
    assert cleaned == pytest.approx(0.5, rel=0.02)


def test_everything_is_finite_on_silence_and_has_gradients():
    measures = (
        lambda h: energy_decay_curve(h).clamp_min(-80),
        lambda h: reverberation_time(h, RATE, bands="octave"),
        lambda h: early_decay_time(h, RATE),
        lambda h: clarity(h, RATE, 5.0),
        lambda h: definition(h, RATE, 5.0),
        lambda h: spectral_flatness(h, RATE),
    )
    for h in (torch.zeros(2, 2000), torch.eye(1, 2000), (noise(1.0) * exponential(0.1, 1.0)).float()[:2000]):
        leaf = h.clone().requires_grad_()
        for measure in measures:
            value = measure(leaf)
            assert torch.isfinite(value).all()
            if value.requires_grad:
                (gradient,) = torch.autograd.grad(value.sum(), leaf)
                assert torch.isfinite(gradient).all()
        assert torch.isfinite(echo_density(h, RATE)).all()


def test_the_reverberation_time_can_be_fitted():
    t60 = torch.tensor(0.6, dtype=torch.float64, requires_grad=True)
    h = torch.exp(-math.log(1000) * torch.arange(RATE, dtype=torch.float64) / RATE / t60) * noise(1.0)
    (gradient,) = torch.autograd.grad(reverberation_time(h, RATE), t60)
    assert float(gradient) == pytest.approx(1.0, rel=0.1)


def test_bad_input():
    h = torch.zeros(100)
    with pytest.raises(ValueError, match="fall"):
        reverberation_time(h, RATE, fit_db=(-35, -5))
    with pytest.raises(ValueError, match="octave"):
        reverberation_time(h, RATE, bands="third")
    with pytest.raises(ValueError, match="noise_share"):
        energy_decay_curve(h, 0.9)


@pytest.mark.real_audio
def test_a_measured_room(audio_folder):
    import soundfile

    path = audio_folder / "room_ir_48k.flac"
    if not path.exists():
        pytest.skip("no room response")
    data, rate = soundfile.read(path, always_2d=True)
    h = torch.from_numpy(data.T.copy())
    times = reverberation_time(h, rate, bands="octave", noise_share=0.1)
    assert torch.isfinite(times).all()
    assert ((times > 0.1) & (times < 10)).all()
