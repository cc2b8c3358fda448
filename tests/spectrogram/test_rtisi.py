"""RTISI with look-ahead against a slow twin, as a stream, and at its limits."""

import math

import numpy as np
import pytest
import torch

from diffFx_pytorch.spectrogram import RTISI, STFT, rtisi_la, spsi
from tests.spectrogram.signals import notes


def convergence(stft, x, A):
    return 20 * math.log10((stft.magnitude(x) - A).norm() / A.norm())


def slow_rtisi(A, N, H, look_ahead, n_iter, momentum):
    """The class's equations over whole signals: frame by frame, no buffer; A is (F, frames), the start "overlap"."""
    F, M = A.shape
    w = 0.5 - 0.5 * np.cos(2 * math.pi * np.arange(N) / N)
    g = w / sum(np.roll(w**2, i * H) for i in range(N // H))
    centre = np.exp(1j * math.pi * np.arange(F))
    frames, before = {}, {}

    def reading(m):
        y, weight = np.zeros((M + 1) * H + N), np.zeros((M + 1) * H + N)
        for i, frame in frames.items():
            y[i * H : i * H + N] += frame
            weight[i * H : i * H + N] += w * g
        return np.fft.rfft(w * y[m * H : m * H + N] / (weight[m * H : m * H + N] + 0.03))

    for n in range(M + look_ahead):
        if n < M:
            seen = reading(n)
            before[n] = A[:, n] * (seen / np.abs(seen) if n else 1 / centre)
            frames[n] = g * np.fft.irfft(before[n], N)
        for _ in range(n_iter):
            now = {i: reading(i) for i in range(max(0, n - look_ahead), min(n + 1, M))}
            for i, S in now.items():
                T = S + momentum * (S - before[i])
                frames[i] = g * np.fft.irfft(A[:, i] * T / np.abs(T), N)
            before.update(now)
    x, weight = np.zeros((M - 1) * H + N), np.zeros((M - 1) * H + N)
    for i, frame in frames.items():
        x[i * H : i * H + N] += frame
        weight[i * H : i * H + N] += w * g
    return (x / np.maximum(weight, 0.03))[N // 2 :]


@pytest.mark.parametrize(("look_ahead", "n_iter", "momentum"), [(3, 2, 0.0), (0, 3, 0.0), (2, 2, 0.5), (30, 1, 0.0)])
def test_it_is_the_algorithm(look_ahead, n_iter, momentum):
    stft = STFT(64, 16)
    A = stft.magnitude(notes(320, click=0))
    x = rtisi_la(A, stft, look_ahead, n_iter, 320, momentum=momentum, start="overlap")
    slow = slow_rtisi(A.numpy(), 64, 16, min(look_ahead, A.shape[-1]), n_iter, momentum)[:320]
    torch.testing.assert_close(x, torch.tensor(slow), rtol=0, atol=1e-7)


@pytest.mark.parametrize("start", ["gradient", "overlap"])
@pytest.mark.parametrize("sizes", [(1,), (5, 1, 9)])
@pytest.mark.parametrize("look_ahead", [0, 3])
def test_a_stream_in_blocks_is_the_whole_to_the_bit(look_ahead, sizes, start):
    stft = STFT(256, 60)
    A = torch.stack([stft.magnitude(notes(3000, click=0, seed=i)) for i in range(2)]).float()
    stream, out, n, count = RTISI(stft, look_ahead, 2, start=start), [], 0, 0
    assert stream.latency_samples == look_ahead * 60 + 128
    while n < A.shape[-1]:
        size = sizes[count % len(sizes)]
        block = A[..., n : n + size]
        out.append(stream.push(block))
        assert out[-1].shape == (2, block.shape[-1] * 60)
        n, count = n + size, count + 1
    out.append(stream.flush())
    streamed = torch.cat(out, -1)[..., stream.latency_samples :][..., :3000]
    assert torch.equal(streamed, rtisi_la(A, stft, look_ahead, 2, 3000, start=start))


def test_latency_is_what_it_says():
    stft, t = STFT(256), torch.arange(4000)
    x = (0.3 * t).sin() * (-(((t - 2000) / 150) ** 2)).exp()
    stream = RTISI(stft)
    y = torch.cat((stream.push(stft.magnitude(x)), stream.flush()))
    centre = (y.square() * torch.arange(len(y))).sum() / y.square().sum()
    assert abs(centre - stream.latency_samples - 2000) < 5


def test_momentum_and_start_are_worth_it():
    stft, x = STFT(512), notes(16000, click=0)
    A = stft.magnitude(x)
    paper, best = (
        convergence(stft, rtisi_la(A, stft, length=16000, momentum=momentum, start=start), A)
        for momentum, start in ((0.0, "overlap"), (0.99, "gradient"))
    )
    assert best < paper - 1
    assert paper < -19
    assert best < convergence(stft, stft.inverse(spsi(A, stft), 16000), A) - 3


def test_no_iterations_is_the_initial_estimate():
    stft, x = STFT(256), notes(click=0)
    A = stft.magnitude(x)
    start = convergence(stft, rtisi_la(A, stft, n_iter=0, length=6000), A)
    assert -25 < start < -8
    assert convergence(stft, rtisi_la(A, stft, length=6000), A) < start


@pytest.mark.parametrize(
    "stft",
    [
        STFT(256, 256, window="rectangular"),
        STFT(256, 100),
        STFT(255, 64),
        STFT(256, 64, win_length=200, center=False),
        STFT(256, 32, normalized=True),
    ],
)
@pytest.mark.parametrize("start", ["gradient", "overlap"])
def test_any_transform(stft, start):
    x = notes(2000, click=0).float()
    A = stft.magnitude(x)
    y = rtisi_la(A, stft, length=2000, start=start)
    assert y.shape == (2000,)
    assert y.isfinite().all()
    assert convergence(stft, y, A) < -5
    # However loud it gets where hardly any window reaches, it is no louder than the signal.
    assert y.abs().max() < 3 * x.abs().max()


@pytest.mark.parametrize("start", ["gradient", "overlap"])
def test_batch_scale_silence_few_frames(start):
    stft = STFT(256)
    A = torch.stack([stft.magnitude(notes(2000, click=0, seed=i)) for i in range(3)]).view(3, 1, stft.bins, -1)
    x = rtisi_la(A, stft, start=start)
    torch.testing.assert_close(x, torch.stack([rtisi_la(a, stft, start=start) for a in A]))
    torch.testing.assert_close(rtisi_la(8 * A, stft, start=start), 8 * x, rtol=1e-5, atol=1e-5)
    assert not rtisi_la(0 * A, stft, start=start).any()
    for frames in (1, 2, 3):  # look-ahead beyond the frames: each waits for the last
        few = rtisi_la(A[..., :frames], stft, start=start)
        assert few.isfinite().all()
        assert few.shape == (3, 1, stft.length(frames))
        assert torch.equal(few, rtisi_la(A[..., :frames], stft, look_ahead=50, start=start))
    A[..., 3:9] = 0
    assert rtisi_la(A, stft, start=start).isfinite().all()
    assert not rtisi_la(A.requires_grad_(), stft).requires_grad


def test_bad_input_is_refused():
    stft = STFT(256)
    A = torch.rand(129, 6)
    for settings, message in (
        ({"look_ahead": -2}, "look_ahead"),
        ({"reading": "loud"}, "reading"),
        ({"n_iter": 1.5}, "n_iter"),
        ({"momentum": -1.0}, "momentum"),
        ({"start": "zero"}, "start"),
        ({"length": 99999}, "length"),
    ):
        with pytest.raises(ValueError, match=message):
            rtisi_la(A, stft, **settings)
    for bad, message in ((A + 0j, "real"), (-A, "negative"), (A[:65], "n_fft=128"), (A / 0, "NaN or infinite")):
        with pytest.raises(ValueError, match=message):
            rtisi_la(bad, stft)
        with pytest.raises(ValueError, match=message):
            RTISI(stft).push(bad)
    stream = RTISI(stft)
    with pytest.raises(ValueError, match="nothing was pushed"):
        stream.flush()
    stream.push(A)
    with pytest.raises(ValueError, match="leading dimensions"):
        stream.push(A[None])
