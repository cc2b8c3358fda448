"""Single pass spectrogram inversion, against a slow twin from the paper."""

import math
from itertools import pairwise

import numpy as np
import pytest
import torch

from diffFx_pytorch.spectrogram import STFT, spsi


def slow_spsi(A, N, H):
    """A loop over frames and peaks; A is (F, frames)."""
    F, M = A.shape
    phase, last = np.zeros((F, M)), np.zeros(F)
    for n in range(M):
        s = np.log(np.maximum(A[:, n], 1e-10 * A.max()))
        mirrored = np.concatenate(([s[1]], s, [s[-2]]))
        peaks = [k for k in range(F) if mirrored[k] < s[k] >= mirrored[k + 2]]
        lowest = [a + int(np.argmin(s[a : b + 1])) for a, b in pairwise(peaks)]
        # The trough itself belongs to its louder side.
        troughs = [0] + [t if s[t + 1] > s[t - 1] else t + 1 for t in lowest] + [F]
        now = last.copy()
        for p, low, high in zip(peaks, troughs[:-1], troughs[1:], strict=True):
            a, b, c = mirrored[p : p + 3]
            offset = 0.5 * (a - c) / (a - 2 * b + c)
            now[low:high] = last[p] + 2 * math.pi * H * (p + offset) / N
        phase[:, n] = last = now
    return phase - math.pi * np.arange(F)[:, None]


def test_it_is_the_papers_algorithm():
    rng = np.random.default_rng(0)
    A = rng.random((65, 30)) + 0.1
    S = spsi(torch.tensor(A), STFT(128))
    slow = A * np.exp(1j * slow_spsi(A, 128, 32))
    np.testing.assert_allclose(S.numpy(), slow, atol=1e-9)


@pytest.mark.parametrize("n_fft", [512, 511])
def test_a_steady_sine_comes_back(n_fft):
    stft, n = STFT(n_fft, 128), torch.arange(8000, dtype=torch.float64)
    x = (2 * math.pi * 0.0433 * n).sin()
    A = stft.magnitude(x)
    error = stft.magnitude(stft.inverse(spsi(A, stft), len(x))) - A
    assert 20 * math.log10(error[:, 4:-4].norm() / A.norm()) < -25


def test_two_tones_and_a_batch():
    stft, n = STFT(512), torch.arange(8000, dtype=torch.float64)
    x = torch.stack([(2 * math.pi * f * n).sin() + (2 * math.pi * 0.15 * n).cos() for f in (0.03, 0.0512)])
    A = stft.magnitude(x)
    S = spsi(A, stft)
    error = stft.magnitude(stft.inverse(S, x.shape[-1])) - A
    assert 20 * math.log10(error.norm() / A.norm()) < -15
    assert torch.equal(S, torch.stack([spsi(a, stft) for a in A]))


def test_scale_silence_and_plateaus():
    stft = STFT(64)
    A = torch.rand(33, 9)
    torch.testing.assert_close(spsi(2 * A, stft), 2 * spsi(A, stft))
    assert not spsi(0 * A, stft).abs().any()
    A[5:20] = 0.5
    A[25:] = 0
    assert spsi(A, stft).isfinite().all()
    with pytest.raises(ValueError, match="negative"):
        spsi(-A, stft)
