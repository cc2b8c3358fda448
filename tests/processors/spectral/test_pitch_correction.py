"""Physics of pitch correction: a voice lands on its note, vibrato by the speed, what has no pitch passes, formants."""

import cmath
import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp.pitch import clearest_period
from diffFx_pytorch.presets import load_chain
from diffFx_pytorch.processors import PitchCorrection, PitchShift
from tests.reference.pitch_correction import twin

RATE = 22050
FORMANTS = ((700.0, 80.0), (1220.0, 90.0), (2600.0, 120.0))


def vowel(cents, hertz=220.0, seconds=1.6):
    """A sung a, whose pitch is away by cents, a number or a function of the time in seconds."""
    t = torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE
    away = cents(t) if callable(cents) else torch.full_like(t, cents)
    freq = hertz * (away / 1200).exp2()
    phase, y = 2 * math.pi * freq.cumsum(0) / RATE, torch.zeros_like(t)
    for k in range(1, int(5000 / hertz)):
        f = k * hertz
        response = math.prod(c**2 / (c**2 - f**2 + 1j * f * width) for c, width in FORMANTS) / k
        y = y + abs(response) * (k * phase + cmath.phase(response)).cos()
    return 0.5 * y / y.abs().max()


def swinging(t):
    """40 cents too high, with a vibrato of 30 cents at 5 Hz."""
    return 40 + 30 * torch.sin(2 * math.pi * 5 * t)


def period_track(y, low=150.0, high=350.0):
    """The pitch of every 5 ms by the autocorrelation of 60 ms, in Hz: an oracle of its own."""
    found, N = [], int(0.06 * RATE)
    for start in range(RATE // 4, len(y) - N - RATE // 10, RATE // 200):
        part = np.asarray(y[start : start + N]) * np.hanning(N)
        r = np.fft.irfft(np.abs(np.fft.rfft(part, 8 * N)) ** 2)
        w = np.fft.irfft(np.abs(np.fft.rfft(np.hanning(N), 8 * N)) ** 2)
        lags = np.arange(int(RATE / high), int(RATE / low))
        k = lags[np.argmax(r[lags] / w[lags])]
        a, b, c = (r[k + i] / w[k + i] for i in (-1, 0, 1))
        found.append(RATE / (k + 0.5 * (a - c) / (a - 2 * b + c)))
    return np.array(found)


def cents_from(y, hertz):
    return 1200 * np.log2(period_track(y) / hertz)


def test_the_oracle_hears_the_vibrato():
    heard = cents_from(vowel(swinging), 220.0)
    assert heard.mean() == pytest.approx(40, abs=2)
    assert heard.std() == pytest.approx(30 / math.sqrt(2), rel=0.1)


def test_a_fast_speed_lands_on_the_note_and_a_slow_one_leaves_the_vibrato():
    x = vowel(swinging)
    fast = cents_from(PitchCorrection(RATE, speed_ms=1.0)(x), 220.0)
    assert np.abs(fast).max() < 4
    slow = cents_from(PitchCorrection(RATE, speed_ms=300.0)(x), 220.0)[100:]
    assert abs(slow.mean()) < 8
    assert slow.std() == pytest.approx(30 / math.sqrt(2), rel=0.15)


@pytest.mark.slow
def test_librosa_hears_the_note():
    librosa = pytest.importorskip("librosa")
    y = PitchCorrection(RATE, speed_ms=1.0)(vowel(swinging, seconds=1.0)).numpy()
    f0, _, _ = librosa.pyin(y, fmin=150, fmax=350, sr=RATE, frame_length=1024, hop_length=256, resolution=0.05)
    heard = 1200 * np.log2(f0[20:-10] / 220)
    assert np.nanmax(np.abs(heard)) <= 5


@pytest.mark.parametrize(("amount", "left"), [(0.5, 20.0), (1.0, 0.0)])
def test_a_share_of_the_correction(amount, left):
    y = PitchCorrection(RATE, speed_ms=1.0, amount=amount)(vowel(40.0, seconds=1.0))
    assert cents_from(y, 220.0).mean() == pytest.approx(left, abs=1)


def test_the_notes_of_a_scale_and_its_tuning():
    x = vowel(0.0, 233.08, 1.0)  # B flat, which C major has not
    assert cents_from(PitchCorrection(RATE, scale="major", key="C", speed_ms=1.0, a4_hz=442)(x), 220.0).mean() < 230
    near = {"major": 246.94, (0, 2, 4, 9): 220.0, "chromatic": 233.08}  # 233.08 is 0.08 cents nearer to B than to A
    for scale, note in near.items():
        given = list(scale) if isinstance(scale, tuple) else scale
        y = PitchCorrection(RATE, scale=given, speed_ms=1.0)(vowel(5.0, 233.08, 1.0))
        assert abs(cents_from(y, note).mean()) < 2, scale
    y = PitchCorrection(RATE, speed_ms=1.0, a4_hz=442.0)(vowel(0.0, 220.0, 1.0))
    assert abs(cents_from(y, 221.0).mean()) < 1


def test_a_leap_is_followed_at_once_and_a_vibrato_holds_its_note():
    x = vowel(lambda t: torch.where(t < 0.8, 20.0, 320.0))
    heard = cents_from(PitchCorrection(RATE, speed_ms=1.0)(x), 220.0)
    times = 0.25 + np.arange(len(heard)) / 200 + 0.03 - PitchCorrection(RATE).latency_samples / RATE
    assert np.abs(heard[times < 0.76]).max() < 3
    assert np.abs(heard[times > 0.86] - 300).max() < 3


def test_a_short_mean_lets_a_vibrato_change_the_note():
    x = vowel(swinging, seconds=1.0)
    held, swung = (PitchCorrection(RATE, speed_ms=1.0, note_ms=ms)(x) for ms in (150.0, 5.0))
    assert cents_from(held, 220.0).std() < 4
    assert cents_from(swung, 220.0).std() > 30


def test_noise_and_silence_pass_untouched():
    x = 0.3 * torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    x[..., RATE // 2 :] = 0.0
    fx = PitchCorrection(RATE, transpose=5.0)
    late = fx.latency_samples
    assert torch.allclose(fx(x)[..., late:], x[..., :-late], rtol=0, atol=1e-14)


def test_formants_stay_where_they_were():
    x = vowel(0.0)
    y = PitchCorrection(RATE, amount=0.0, transpose=5.0)(x)
    higher = 220.0 * 2 ** (5 / 12)
    assert cents_from(y, higher).mean() == pytest.approx(0, abs=1)
    sung, moved = vowel(0.0, higher), PitchShift(RATE)(x[None], semitones=5.0)[0]
    away = [_harmonics(v, higher) - _harmonics(sung, higher) for v in (y, moved)]
    kept, gone = ((d - d.mean()).square().mean().sqrt() for d in away)
    assert kept < 6.0, "dB from the same vowel sung higher"
    assert gone > 1.6 * kept


def _harmonics(y, hertz, count=8):
    part = y[RATE // 2 : RATE]
    window = torch.hann_window(len(part), dtype=part.dtype)
    n = torch.arange(len(part), dtype=torch.float64)
    lines = [(part * window * torch.exp(-2j * math.pi * k * hertz / RATE * n)).sum().abs() for k in range(1, count + 1)]
    return 20 * torch.stack(lines).log10()


def test_between_the_harmonics_there_is_nothing():
    y = PitchCorrection(RATE, speed_ms=1.0)(vowel(40.0))[RATE // 2 : RATE + RATE // 2]
    power = torch.fft.rfft(y * torch.hann_window(len(y), dtype=y.dtype)).abs().square()
    freq = torch.arange(len(power)) * (RATE / len(y))
    beside = (freq - 220 * (freq / 220).round()).abs() > 8
    assert 10 * math.log10(power[beside & (freq > 60)].sum() / power.sum()) < -45


@pytest.mark.parametrize("hertz", [85.0, 220.3, 470.0, 900.0])
def test_periods_are_right_to_a_cent(hertz):
    t = torch.arange(2048, dtype=torch.float64) / 44100
    x = sum((2 * math.pi * k * hertz * t + k).sin() / k for k in range(1, 9))
    period, clarity = clearest_period(x.expand(1, 1, 1, -1), 44, 600)
    assert abs(1200 * math.log2(44100 / float(period) / hertz)) < 1
    assert float(clarity) > 0.99


def test_noise_has_no_clear_period():
    x = torch.randn(50, 1, 1, 1100, generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    _, clarity = clearest_period(x, 44, 550)
    assert clarity.max() < 0.5
    assert clearest_period(torch.zeros_like(x), 44, 550)[1].abs().max() == 0


def test_linked_channels_equal_the_twin():
    x = 0.1 * torch.randn(2, 1200, generator=torch.Generator().manual_seed(2), dtype=torch.float64)
    x = x + vowel(30.0, 420.0, 1200 / RATE) * torch.tensor([[1.0], [-0.5]])
    knobs = {"speed_ms": 5.0, "amount": 0.9, "transpose": 1.5, "a4_hz": 438.0, "clarity": 0.5}
    options = {"lowest_hz": 300.0, "highest_hz": 900.0, "note_ms": 20.0}
    y, apart = (PitchCorrection(RATE, link=link, **options)(x, **knobs) for link in (True, False))
    expected = torch.tensor(twin(x.tolist(), RATE, **knobs, **options), dtype=torch.float64)
    assert (y - expected).norm() < 1e-8 * expected.norm()
    assert (y - apart).norm() > 1e-3 * y.norm()


def test_a_scale_that_is_none_is_refused():
    with pytest.raises(ValueError, match="scale must be 'chromatic'"):
        PitchCorrection(RATE, scale="dorian-ish")
    with pytest.raises(ValueError, match="scale must be"):
        PitchCorrection(RATE, scale=[0, 12.5])
    with pytest.raises(ValueError, match="lowest_hz must be the lower of them"):
        PitchCorrection(RATE, lowest_hz=500, highest_hz=400)


def test_in_a_chain_file(tmp_path):
    (tmp_path / "chain.yaml").write_text(
        "version: 1\nchain:\n  - {effect: PitchCorrection, options: {scale: [0, 3, 7], key: D}}\n"
    )
    built, _ = load_chain(tmp_path / "chain.yaml").build(RATE)
    step = next(iter(built.steps.values()))
    assert step.notes == (0.0, 5.0, 8.0)
