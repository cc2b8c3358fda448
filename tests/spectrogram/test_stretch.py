"""Time stretching: lengths, pitch, level, attacks, the stereo image, and a slow twin."""

import cmath
import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from diffFx_pytorch.spectrogram import time_stretch

METHODS = ("locked", "gradient")


def tone(freq, length=30000):
    return (2 * math.pi * freq * torch.arange(length, dtype=torch.float64)).sin()


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def frequency(x):
    """Of the strongest partial of x, in cycles a sample."""
    spectrum = torch.fft.rfft(x * torch.hann_window(len(x), dtype=x.dtype), n=16 * len(x)).abs()
    k = int(spectrum.argmax())
    a, b, c = spectrum[k - 1 : k + 2].log()
    return (k + float(0.5 * (a - c) / (a - 2 * b + c))) / (16 * len(x))


def slow_stretch(x, rate, N, H, method):
    """Frame by frame with complex numbers, one channel: from the equations of the papers."""
    T, F = len(x), N // 2 + 1
    window = 0.5 - 0.5 * np.cos(2 * math.pi * np.arange(N) / N)
    count = math.ceil(math.ceil(T / rate) / H) + 1
    padded = np.concatenate((np.zeros(N // 2 + H), x, np.zeros(int(count * H * rate) + N)))
    sign = (-1.0) ** np.arange(F)
    y, weight = np.zeros(count * H + N), np.zeros(count * H + N)
    theta, early, late = (
        np.zeros(F),
        *((u - math.sin(2 * math.pi * u) / (2 * math.pi)) for u in (0.5 - H / N / 2, 0.5 + H / N / 2)),
    )
    X = None
    for m in range(count):
        t = round(m * H * rate)
        old, before = X, np.fft.rfft(window * padded[t : t + N]) * sign
        X = np.fft.rfft(window * padded[t + H : t + H + N]) * sign
        old = before if old is None else old
        ahead = [theta[k] + cmath.phase(old[k] * before[k].conjugate()) for k in range(F)]
        A, B = abs(X), abs(before)
        now = np.zeros(F)
        if method == "locked":
            peaks = [k for k in range(F) if (k == 0 or A[k - 1] < A[k]) and A[k] >= A[min(k + 1, 2 * F - 3 - k)]]
            lows = [a + int(np.argmin(A[a : b + 1])) for a, b in pairwise(peaks)]
            edges = [0] + [t if A[t + 1] > A[t - 1] else t + 1 for t in lows] + [F]
            for p, low, high in zip(peaks, edges[:-1], edges[1:], strict=True):
                now[low:high] = 0.0 if A[p] > late / early * B[p] else ahead[p]
        else:
            heap, done = [(B[k], k, True) for k in range(F)], set()
            while len(done) < F:
                heap.sort()
                _, k, past = heap.pop()
                for j in [k] if past else [k - 1, k + 1]:
                    if 0 <= j < F and j not in done:
                        across = X[max(j, k)] * X[min(j, k)].conjugate()
                        now[j] = ahead[j] if past else now[k] + (j - k) * cmath.phase(across) * (1 / rate - 1)
                        done.add(j)
                        heap.append((A[j], j, False))
        theta = now
        y[m * H : m * H + N] += window * np.fft.irfft(X * np.exp(1j * theta) * sign, N)
        weight[m * H : m * H + N] += window**2
    return (y / np.maximum(weight, 1e-9))[N // 2 : N // 2 + math.ceil(T / rate)]


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate", [0.7, 1.6])
def test_it_is_the_papers_algorithm(method, rate):
    x = tone(0.05, 300) + 0.5 * tone(0.13, 300) + 0.01 * noise(300)
    y = time_stretch(x, rate, n_fft=32, hop_length=8, method=method, transients=False)
    torch.testing.assert_close(y, torch.tensor(slow_stretch(x.numpy(), rate, 32, 8, method)), rtol=0, atol=1e-9)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate", [0.5, 0.83, 1.25, 3.0])
def test_length_pitch_and_level(method, rate):
    x = tone(0.0217)
    y = time_stretch(x, rate, n_fft=1024, method=method)
    assert len(y) == math.ceil(len(x) / rate)
    inner = y[1024:-1024]
    assert abs(1200 * math.log2(frequency(inner) / 0.0217)) < 1
    assert abs(20 * math.log10(inner.std() * math.sqrt(2))) < 0.2


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("link", [True, False])
def test_a_rate_of_1_is_the_input(method, link):
    x = noise(2, 2, 5000)
    torch.testing.assert_close(time_stretch(x, 1.0, n_fft=512, method=method, link=link), x, rtol=0, atol=1e-12)


@pytest.mark.parametrize("method", METHODS)
def test_two_tones_keep_their_balance(method):
    y = time_stretch(tone(0.02) + 0.1 * tone(0.031), 0.6, n_fft=2048, method=method)[2048:-2048]
    spectrum = torch.fft.rfft(y * torch.hann_window(len(y), dtype=y.dtype)).abs()
    strong, weak = (spectrum[round(f * len(y)) - 3 : round(f * len(y)) + 4].max() for f in (0.02, 0.031))
    assert abs(20 * math.log10(strong / weak) - 20) < 1


@pytest.mark.parametrize(("method", "sharp"), [("locked", 0.35), ("gradient", 0.35)])
def test_an_attack_stays_where_it_belongs(method, sharp):
    x = torch.zeros(16000, dtype=torch.float64)
    x[8000:] = noise(8000) * (-torch.arange(8000) / 800).exp()
    y = time_stretch(x, 0.5, n_fft=1024, method=method).square()
    attack = y[15400:17000]
    assert y[: 16000 - 1024].sum() < 1e-3 * y.sum()
    assert y[16000 - 1024 : 16000].sum() < sharp * attack.sum()


def hits(rate=44100, seconds=4.0):
    """Bursts of noise that decay, over a quiet chord, and where they begin."""
    n = torch.arange(int(rate * seconds))
    x = 0.01 * sum(tone(f / rate, len(n)) for f in (220, 277, 330))
    onsets = list(range(11003, len(n) - 15000, 12007))
    for i, at in enumerate(onsets):
        x[at:] += noise(len(n) - at, seed=i) * torch.exp(-torch.arange(len(n) - at) / 1500.0)
    return x, onsets


def before_over_after(y, onsets, rate=44100):
    """Energy of the 20 ms before attacks over that of the 20 ms after, in dB, but for the last millisecond."""
    w, guard = round(0.02 * rate), round(0.001 * rate)
    ratios = [float(y[t - w - guard : t - guard].square().sum() / y[t : t + w].square().sum()) for t in onsets]
    return 10 * math.log10(sum(ratios) / len(ratios))


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("rate", [2 / 3, 1.5])
def test_attacks_are_not_smeared(method, rate):
    x, onsets = hits()
    places = [round(t / rate) for t in onsets]
    kept = before_over_after(time_stretch(x, rate, method=method), places)
    assert kept < before_over_after(x, onsets) + 3
    assert before_over_after(time_stretch(x, rate, method=method, transients=False), places) > kept + 6


def test_a_chord_under_attacks_goes_on():
    """The partials that do not begin with an attack keep their turns: level and pitch are those of the chord."""
    x, onsets = hits()
    chord = time_stretch(x, 2 / 3)[onsets[5] * 3 // 2 + 12000 :][:4000]
    assert abs(frequency(chord) * 44100 - 277) < 60
    assert float(chord.std()) == pytest.approx(0.01 * math.sqrt(1.5), rel=0.3)


@pytest.mark.parametrize("rate", [0.5, 2 / 3, 1.5, 2.0])
def test_attacks_close_to_each_other_are_not_smeared(rate):
    """90 ms apart, give or take 10, where a frame has 46: nothing is heard before a click."""
    places = [4000 * i + round(440 * math.sin(2.1 * i)) for i in range(1, 13)]
    x = torch.zeros(54000, dtype=torch.float64)
    x[places] = 1.0
    y = time_stretch(x, rate)
    for place in places:
        there = round(place / rate)
        assert float(y[there - 1 : there + 2].max()) == pytest.approx(1.0, abs=0.01)
        assert y[there - 882 : there - 1].abs().max() < 0.01


def test_attacks_without_room_between_them():
    x = torch.zeros(9000, dtype=torch.float64)
    x[500::700] = 1.0
    for rate in (0.4, 0.9, 3.0):
        y = time_stretch(x, rate, n_fft=1024)
        assert len(y) == math.ceil(9000 / rate)
        assert y.isfinite().all()


@pytest.mark.real_audio
@pytest.mark.parametrize("rate", [2 / 3, 1.5])
def test_drums_keep_their_attacks(audio_folder, rate):
    soundfile = pytest.importorskip("soundfile")
    x, sample_rate = soundfile.read(audio_folder / "drums.flac", frames=8 * 44100, always_2d=True)
    x = torch.from_numpy(x[:, 0].copy())
    piece = sample_rate // 200
    energy = x[: len(x) // piece * piece].view(-1, piece).square().mean(-1)
    onsets: list[int] = []
    for i in range(10, len(energy) - 20):
        if energy[i] > 20 * energy[i - 8 : i].mean() and energy[i] > 1e-4 and (not onsets or i - onsets[-1] > 16):
            onsets.append(i)
    near = [x[(i - 1) * piece : (i + 2) * piece].abs() for i in onsets]
    onsets = [(i - 1) * piece + int((v > 0.3 * v.max()).byte().argmax()) for i, v in zip(onsets, near, strict=True)]
    places = [round(t / rate) for t in onsets]
    assert len(onsets) > 10
    here = before_over_after(x, onsets, sample_rate)
    assert before_over_after(time_stretch(x, rate), places, sample_rate) < here + 1


@pytest.mark.parametrize("method", METHODS)
def test_the_stereo_image_stays(method):
    mono = tone(0.03, 9000) + 0.3 * noise(9000)
    x = torch.stack((mono, -0.25 * mono))
    y = time_stretch(x, 0.8, n_fft=1024, method=method)
    torch.testing.assert_close(y[1], -0.25 * y[0])


@pytest.mark.parametrize("method", METHODS)
def test_items_and_unlinked_channels_do_not_touch(method):
    x = noise(2, 3, 4000)
    y = time_stretch(x, 1.3, n_fft=256, method=method)
    torch.testing.assert_close(y, torch.stack([time_stretch(item, 1.3, n_fft=256, method=method) for item in x]))
    apart = time_stretch(x, 1.3, n_fft=256, method=method, link=False)
    torch.testing.assert_close(apart[1, 2], time_stretch(x[1, 2], 1.3, n_fft=256, method=method))
    assert (apart - y).abs().max() > 0.1


def test_blocks_of_frames_do_not_show(monkeypatch):
    x = tone(0.03, 9000) + 0.3 * noise(9000)
    whole = {m: time_stretch(x, 0.7, n_fft=256, method=m) for m in METHODS}
    monkeypatch.setattr("diffFx_pytorch.spectrogram.phase_vocoder.BLOCK", 7)
    for method in METHODS:
        torch.testing.assert_close(time_stretch(x, 0.7, n_fft=256, method=method), whole[method])


@pytest.mark.parametrize("method", METHODS)
def test_gradients_match_finite_differences(method):
    x, direction, weights = noise(2, 200), noise(2, 200, seed=1), noise(2, 160, seed=2)

    def loss(x):
        return (time_stretch(x, 1.25, n_fft=32, method=method) * weights).sum()

    (gradient,) = torch.autograd.grad(loss(x.requires_grad_()), x)
    with torch.no_grad():
        numeric = (loss(x + 1e-6 * direction) - loss(x - 1e-6 * direction)) / 2e-6
    torch.testing.assert_close((gradient * direction).sum(), numeric, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("method", METHODS)
def test_silence_tiny_and_empty(method):
    for shape in ((1,), (2, 5), (0, 2, 100), (2, 0), (1, 1, 300)):
        y = time_stretch(torch.zeros(shape, requires_grad=True), 0.75, n_fft=64, method=method)
        assert y.shape == (*shape[:-1], math.ceil(shape[-1] / 0.75))
        assert not y.any()
    x = torch.zeros(2, 900)
    x[:, 300:600] = noise(2, 300).float()
    x.requires_grad_()
    time_stretch(x, 0.75, n_fft=64, method=method).square().sum().backward()
    assert x.grad.isfinite().all()


def test_bad_input_is_refused():
    x = torch.zeros(100)
    for settings, message in (
        ({"rate": 0.0}, "rate"),
        ({"rate": math.inf}, "rate"),
        ({"rate": 1.0, "n_fft": 33}, "n_fft"),
        ({"rate": 1.0, "n_fft": 32, "hop_length": 17}, "hop_length"),
        ({"rate": 1.0, "method": "fast"}, "method"),
    ):
        with pytest.raises(ValueError, match=message):
            time_stretch(x, **settings)
    with pytest.raises(ValueError, match="float32"):
        time_stretch(x.int(), 1.0)
    with pytest.raises(TypeError, match=r"must be a tensor, got ndarray; use torch\.as_tensor"):
        time_stretch(x.numpy(), 1.0)
