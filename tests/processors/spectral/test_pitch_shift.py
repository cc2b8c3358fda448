"""Physics of the pitch shift: cents, level, balance, attacks, the stereo image, moving knobs."""

import cmath
import math

import pytest
import torch

from diffFx_pytorch.processors import PitchShift

RATE = 22050
METHODS = ("locked", "gradient")


def sine(freq, seconds=0.8):
    return (2 * math.pi * freq / RATE * torch.arange(int(seconds * RATE), dtype=torch.float64)).sin()


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def shift(x, method="locked", semitones=0.0, cents=0.0, **construction):
    fx = PitchShift(RATE, method=method, **construction)
    return fx(x.expand(1, 1, -1), dsp_params={"semitones": semitones, "cents": cents})[0, 0]


def spectrum(y):
    return torch.fft.rfft(y * torch.hann_window(len(y), dtype=y.dtype), n=8 * len(y)).abs()


def frequency(y):
    s = spectrum(y)
    k = int(s.argmax())
    a, b, c = s[k - 1 : k + 2].log()
    return (k + float(0.5 * (a - c) / (a - 2 * b + c))) * RATE / (8 * len(y))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize(("semitones", "cents"), [(3.0, 0.0), (-12.0, 0.0), (12.0, 0.0), (-5.0, 30.0), (0.0, 7.0)])
def test_a_sine_lands_within_a_cent_at_its_level(method, semitones, cents):
    y = shift(sine(440.3), method, semitones, cents)
    assert len(y) == int(0.8 * RATE)
    inner = y[3000:-3000]
    wanted = 440.3 * 2 ** (semitones / 12 + cents / 1200)
    assert abs(1200 * math.log2(frequency(inner) / wanted)) < 1
    assert abs(20 * math.log10(inner.std() * math.sqrt(2))) < 0.1


@pytest.mark.parametrize("method", METHODS)
def test_partials_keep_their_balance(method):
    y = shift(sine(400) + 0.1 * sine(1130), method, 4.0)[3000:-3000]
    s, at = spectrum(y), [round(f * 2 ** (4 / 12) / RATE * 8 * len(y)) for f in (400, 1130)]
    low, high = (s[k - 12 : k + 13].max() for k in at)
    assert abs(20 * math.log10(low / high) - 20) < 0.5


@pytest.mark.parametrize("method", METHODS)
def test_nothing_folds_back(method):
    # An octave up, 8 kHz lies above half the sampling rate: it has to go, not to come back at 6.05 kHz.
    y = shift(sine(8000), method, 12.0)[3000:-3000]
    assert 20 * math.log10(y.std() * math.sqrt(2)) < -60


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("semitones", [-7.0, 5.0])
def test_an_attack_stays_where_it_is(method, semitones):
    x = torch.zeros(12000, dtype=torch.float64)
    x[6000:] = noise(6000) * (-torch.arange(6000) / 600).exp()
    energy = shift(x, method, semitones).square()
    N = PitchShift(RATE).window
    assert energy[: 6000 - N].sum() < 1e-4 * energy.sum()
    assert energy[: 6000 - N // 8].sum() < 0.05 * energy.sum()
    centre, before = ((e * torch.arange(12000)).sum() / e.sum() for e in (energy, x.square()))
    assert abs(centre - before) < N / 8


@pytest.mark.parametrize("method", METHODS)
def test_the_stereo_image_stays(method):
    mono = sine(300) + 0.2 * noise(int(0.8 * RATE))
    y = PitchShift(RATE, method=method)(torch.stack((mono, -0.3 * mono))[None], dsp_params={"semitones": 3.3})[0]
    torch.testing.assert_close(y[1], -0.3 * y[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
def test_there_and_back(method):
    x = sine(330) + 0.5 * sine(495)
    back = shift(shift(x, method, 5.0), method, -5.0)[6000:-6000]
    s, t = spectrum(back), spectrum(x[6000:-6000])
    assert (s - t).norm() < 0.05 * t.norm()


def test_a_glide_goes_where_the_knob_goes():
    fx = PitchShift(RATE)
    y = fx(sine(440, 2.0)[None, None], dsp_params={"semitones": torch.tensor([[0.0, 0.0, 7.0, 7.0]])})[0, 0]
    third = len(y) // 3
    assert abs(1200 * math.log2(frequency(y[2000 : third - 1500]) / 440)) < 2
    assert abs(1200 * math.log2(frequency(y[2 * third + 1500 : -2000]) / (440 * 2 ** (7 / 12)))) < 2
    loudness = y[2000:-2000].unfold(0, 1000, 1000).std(-1)
    assert loudness.max() < 1.1 * loudness.min()


def test_blocks_of_frames_do_not_show(monkeypatch):
    x = sine(440, 0.2) + 0.1 * noise(int(0.2 * RATE))
    moving = torch.tensor([[-3.0, 4.0, 4.0]])
    whole = [shift(x, m, moving) for m in METHODS]
    monkeypatch.setattr("diffFx_pytorch.processors.spectral.shifting.BLOCK", 5)
    for method, expected in zip(METHODS, whole, strict=True):
        torch.testing.assert_close(shift(x, method, moving), expected, rtol=0, atol=1e-10)


def test_it_does_not_stream():
    with pytest.raises(ValueError, match="needs the whole signal"):
        PitchShift().stream()


def vowel(freq, seconds=0.8):
    """Harmonics under two formants, and what the formants are at some frequencies, in dB."""
    poles = [math.exp(-math.pi * width / RATE) * cmath.exp(2j * math.pi * f / RATE) for f, width in FORMANTS]

    def level(f):
        z = cmath.exp(-2j * math.pi * f / RATE)
        return -20 * math.log10(abs(math.prod((1 - p * z) * (1 - p.conjugate() * z) for p in poles)))

    partials = range(1, int(0.45 * RATE / freq))
    t = torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE
    x = sum(10 ** (level(k * freq) / 20) * (2 * math.pi * k * freq * t + k * k).cos() for k in partials)
    return x / x.abs().max(), level


FORMANTS = ((700.0, 90.0), (1800.0, 120.0))


@pytest.mark.parametrize("semitones", [4.0, -4.0])
def test_formants_stay_where_they_are_asked_to(semitones):
    x, level = vowel(150.0)
    partials = [150 * 2 ** (semitones / 12) * k for k in range(1, 14)]
    wanted = torch.tensor([level(f) for f in partials])
    off = {}
    for formants in ("move", "keep"):
        s = spectrum(shift(x, semitones=semitones, formants=formants)[3000:-3000])
        at = [round(f / RATE * 8 * len(x[3000:-3000])) for f in partials]
        found = 20 * torch.tensor([float(s[k - 12 : k + 13].max()) for k in at]).log10()
        off[formants] = float(((found - wanted) - (found - wanted).median()).abs().mean())
    assert off["keep"] < 2.5
    assert off["move"] > 4


def test_keeping_formants_leaves_silence_and_an_unshifted_sound_alone():
    assert shift(torch.zeros(8000, dtype=torch.float64), semitones=5.0, formants="keep").abs().max() == 0
    x = noise(8000)
    assert torch.allclose(shift(x, formants="keep"), x, atol=1e-12)
