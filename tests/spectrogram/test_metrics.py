"""Each measure by its formula in numpy, at a perfect match, on silence, and its gradient."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.spectrogram import (
    STFT,
    inconsistency,
    log_spectral_distance,
    magnitude_snr,
    spectral_convergence,
)

PAIRED = (spectral_convergence, magnitude_snr, log_spectral_distance)


def pair(*batch_shape):
    A = torch.rand(*batch_shape, 33, 9, dtype=torch.float64) + 0.1
    return A + 0.1 * torch.rand_like(A), A


def test_formulas():
    X, A = pair()
    x, a = X.numpy(), A.numpy()
    sc = 20 * np.log10(np.linalg.norm(x - a) / np.linalg.norm(a))
    assert float(spectral_convergence(X, A)) == pytest.approx(sc)
    assert -float(spectral_convergence(X, A)) == pytest.approx(10 * np.log10((a**2).sum() / ((x - a) ** 2).sum()))
    difference = x / np.linalg.norm(x) - a / np.linalg.norm(a)
    assert float(magnitude_snr(X, A)) == pytest.approx(-10 * np.log10((difference**2).sum()))
    lsd = np.sqrt(((20 * np.log10(x / a)) ** 2).mean(0)).mean()
    assert float(log_spectral_distance(X, A)) == pytest.approx(lsd)


def test_known_values():
    _, A = pair()
    assert float(spectral_convergence(1.1 * A, A)) == pytest.approx(-20)
    assert float(log_spectral_distance(10 * A, A)) == pytest.approx(20)
    assert float(magnitude_snr(10 * A, A)) > 200  # levels aside


def test_inconsistency():
    stft = STFT(64)
    S = stft.forward(torch.randn(2, 300, dtype=torch.float64))
    assert float(inconsistency(S, stft, 300)) < -250
    R = torch.complex(*torch.randn(2, *S.shape, dtype=torch.float64))
    expected = 20 * torch.log10((R - stft.project(R)).flatten(1).norm(dim=1) / R.flatten(1).norm(dim=1))
    torch.testing.assert_close(inconsistency(R, stft, reduction="none"), expected)
    with pytest.raises(ValueError, match="complex"):
        inconsistency(S.abs(), stft)


@pytest.mark.parametrize("metric", PAIRED)
def test_reductions_and_complex_spectra(metric):
    X, A = pair(2, 3)
    values = metric(X, A, reduction="none")
    assert values.shape == (2, 3)
    torch.testing.assert_close(metric(X, A), values.mean())
    torch.testing.assert_close(metric(X, A, reduction="sum"), values.sum())
    torch.testing.assert_close(values[1, 2], metric(X[1, 2], A[1, 2]))
    torch.testing.assert_close(metric(torch.polar(X, X), torch.polar(A, -A)), metric(X, A))
    with pytest.raises(ValueError, match="reduction"):
        metric(X, A, reduction="median")
    with pytest.raises(ValueError, match="shapes differ"):
        metric(X, A[..., :-1])


@pytest.mark.parametrize("metric", PAIRED)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", ["match", "silent target", "silent estimate", "both silent"])
def test_finite_with_finite_gradients(metric, dtype, case):
    A = torch.rand(33, 9).to(dtype)
    X = A.clone() if case == "match" else torch.rand(33, 9).to(dtype)
    if case in ("silent target", "both silent"):
        A = torch.zeros_like(A)
    if case in ("silent estimate", "both silent"):
        X = torch.zeros_like(X)
    X.requires_grad_()
    value = metric(X, A)
    assert value.isfinite()
    (gradient,) = torch.autograd.grad(value, X)
    assert gradient.isfinite().all()


@pytest.mark.parametrize("metric", PAIRED)
def test_gradients(metric):
    X, A = pair(2)
    assert torch.autograd.gradcheck(lambda X: metric(X, A), X.requires_grad_(), fast_mode=True)


@pytest.mark.parametrize("metric", PAIRED)
def test_scale_of_both_is_of_no_account(metric):
    X, A = pair(2)
    torch.testing.assert_close(metric(1e-6 * X, 1e-6 * A), metric(X, A))


def test_silence_is_consistent():
    stft = STFT(64)
    assert inconsistency(torch.zeros(33, 9, dtype=torch.complex64), stft).isfinite()
