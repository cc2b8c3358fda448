"""Physics of the vocoder: levels of bands go over to the carrier, formants with them, and silence is silent."""

import math

import pytest
import torch

from diffFx_pytorch.dsp.pulses import pulse_train
from diffFx_pytorch.processors import Vocoder

RATE = 22050
PLAIN = {"sibilance_db": -60.0, "tilt_db": 0.0}


def noise(seconds, seed=0):
    return torch.randn(int(seconds * RATE), generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def tone(hertz, seconds):
    return (2 * math.pi * hertz / RATE * torch.arange(int(seconds * RATE), dtype=torch.float64)).sin()


def spectrum_db(y, centres, width=1.19):
    """Power in bands around centres, in dB."""
    power = torch.fft.rfft(y * torch.hann_window(len(y), dtype=y.dtype)).abs().square()
    freq = torch.arange(len(power), dtype=torch.float64) * (RATE / len(y))
    return torch.stack([10 * power[(freq > c / width) & (freq < c * width)].sum().log10() for c in centres])


def level_db(y):
    return 10 * float(y.square().mean().log10())


def test_silence_in_is_silence_out():
    for carrier in ("saw", "pulse", "noise"):
        assert Vocoder(RATE, carrier=carrier)(torch.zeros(2000)).abs().max() == 0
    assert Vocoder(RATE)(torch.zeros(2000, dtype=torch.float64), sidechain=noise(2000 / RATE)).abs().max() == 0


def test_a_silent_carrier_says_nothing():
    x = noise(0.2)
    assert Vocoder(RATE, sibilance_db=-60)(x, sidechain=torch.zeros_like(x)).abs().max() < 1e-3 * x.abs().max()


def test_with_noise_as_the_carrier_the_spectrum_is_that_of_the_sound():
    # 0 dB in 1 kHz is a variance of fs / 2 kHz.
    x, key = 0.3 * noise(4.0), noise(4.0, 1) * math.sqrt(RATE / 2000)
    sloped = torch.fft.irfft(torch.fft.rfft(x) / (1 + torch.linspace(0, 20, len(x) // 2 + 1)), n=len(x))
    fx = Vocoder(RATE, attack_ms=20, release_ms=20, **PLAIN)
    centres = fx.centres[2:-2]
    for sound in (x, sloped):
        away = spectrum_db(fx(sound, sidechain=key), centres) - spectrum_db(sound, centres)
        assert away.abs().max() < 2.0
    own = Vocoder(RATE, carrier="noise", attack_ms=20, release_ms=20, **PLAIN)(x)
    assert (spectrum_db(own, centres) - spectrum_db(x, centres)).abs().max() < 3.0


def test_the_envelope_of_a_band_is_that_of_the_sound():
    fx = Vocoder(RATE, carrier="pulse", pitch_hz=220.0, num_bands=8, **PLAIN)
    hertz = fx.centres[4]
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    swell = 0.55 - 0.45 * torch.cos(2 * math.pi * 4 * t)
    y = fx(swell * tone(hertz, 1.0))
    around = y.square().unfold(-1, RATE // 50, RATE // 100).mean(-1).sqrt()[10:]
    wanted = swell.square().unfold(-1, RATE // 50, RATE // 100).mean(-1).sqrt()[10:]
    kept = torch.corrcoef(torch.stack((around, wanted)))[0, 1]
    assert kept > 0.98


def test_attack_and_release_are_times_of_the_power():
    fx = Vocoder(RATE, num_bands=6, attack_ms=30.0, release_ms=120.0, width=1.5, **PLAIN)
    hertz, on = fx.centres[5], int(0.5 * RATE)
    x = torch.cat((tone(hertz, 0.5), torch.zeros(on, dtype=torch.float64)))
    carrier = tone(hertz, 1.0)
    power = fx(x, sidechain=carrier).square()
    power = power.unfold(-1, 64, 1).mean(-1)
    settled = power[on - 2000 : on - 200].mean()
    rises = int((power > (1 - 1 / math.e) * settled).int().argmax()) / RATE
    falls = int((power[on:] < settled / math.e).int().argmax()) / RATE
    # A sine's square is above its mean half of the time: it settles where rise and fall are equal, not at the mean.
    assert 0.015 < rises < 0.06
    assert falls == pytest.approx(0.120, abs=0.02)


def test_formants_of_the_sound_are_in_the_carrier():
    t = torch.arange(2 * RATE, dtype=torch.float64) / RATE
    vowel = torch.zeros_like(t)
    for k in range(1, 80):
        f = 130.0 * k
        gain = sum(abs(90 * f / (c**2 - f**2 + 90j * f)) for c in (500.0, 1700.0, 2500.0))
        vowel = vowel + gain * (2 * math.pi * f * t + k * k).cos()
    vowel = 0.3 * vowel / vowel.abs().max()
    fx = Vocoder(RATE, carrier="pulse", pitch_hz=90.0, num_bands=20, **PLAIN)
    centres = [c for c in fx.centres if 250 < c < 4000]
    spoken = spectrum_db(fx(vowel), centres)
    pulses = pulse_train(90.0 * t, torch.tensor(0.45 * RATE / 90.0))
    said, plain = (spectrum_db(v, centres) for v in (vowel, pulses))

    def distance(a, b):
        d = a - b
        return float((d - d.mean()).square().mean().sqrt())

    assert distance(spoken, said) < 3.8, "dB"
    assert distance(plain, said) > 1.7 * distance(spoken, said)
    # Shifted, a formant is elsewhere.
    higher = spectrum_db(fx(vowel, formant_shift=7.0), centres)
    assert distance(higher, said) > 1.7 * distance(spoken, said)


@pytest.mark.parametrize("carrier", ["saw", "pulse"])
def test_carriers_are_harmonics_of_their_pitch_and_nothing_else(carrier):
    fx = Vocoder(RATE, carrier=carrier, pitch_hz=201.7, **PLAIN)
    octaves = torch.full((1, 1, 1), math.log2(201.7), dtype=torch.float64)
    own, _ = fx._own(torch.zeros(1, 1, 2 * RATE, dtype=torch.float64), octaves, None)
    own = own[0, 0, RATE // 2 :]
    power = torch.fft.rfft(own * torch.hann_window(len(own), dtype=own.dtype)).abs().square()
    freq = torch.arange(len(power)) * (RATE / len(own))
    beside = (freq - 201.7 * (freq / 201.7).round()).abs() > 25
    assert 10 * math.log10(power[beside & (freq > 60)].sum() / power.sum()) < -90
    first, tenth = (power[(freq - k * 201.7).abs() < 3].sum() for k in (1, 10))
    assert 10 * math.log10(first / tenth) == pytest.approx(20.0 if carrier == "saw" else 0.0, abs=0.2)


def test_pulses_are_a_sum_of_cosines_and_none_appears_at_once():
    phase = torch.linspace(-2, 2, 101, dtype=torch.float64)
    for count in (1.0, 5.0, 7.25):
        wanted = sum(min(1.0, count - k + 1) * (2 * math.pi * k * phase).cos() for k in range(1, math.ceil(count) + 1))
        assert torch.allclose(pulse_train(phase, torch.tensor(count)), wanted, atol=1e-9)


def test_sibilance_is_the_sound_above_5_khz():
    x = tone(8000, 0.5)
    quiet, loud = (Vocoder(RATE, num_bands=4, sibilance_db=v, highest_hz=2000)(x) for v in (-60.0, 0.0))
    assert level_db(loud) == pytest.approx(level_db(x), abs=1.0)
    assert level_db(quiet) < level_db(x) - 25


def test_a_carrier_for_each_channel():
    x = 0.2 * noise(0.3).expand(2, -1)
    key = torch.stack((noise(0.3, 1), torch.zeros(int(0.3 * RATE), dtype=torch.float64)))
    left, right = Vocoder(RATE, **PLAIN)(x, sidechain=key)
    assert level_db(left) > level_db(right) + 40
