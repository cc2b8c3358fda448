"""Spectra of all frequencies, complex windows, a transform found from its bins, and a complex start."""

import pytest
import torch

from diffFx_pytorch.spectrogram import (
    STFT,
    inconsistency,
    invert_spectrogram,
    pghi,
    rtisi_la,
    spectral_convergence,
)
from tests.spectrogram.signals import notes, random_phase, tones

LENGTH = 2000


def complex_window(size=128):
    n = torch.arange(size, dtype=torch.float64)
    return torch.polar(torch.hann_window(size, dtype=torch.float64), 2e-3 * (n - size / 2).square())


@pytest.mark.parametrize("window", [torch.hann_window(128, dtype=torch.float64), complex_window()])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("normalized", [False, True])
def test_forward_is_torch_stft(window, dtype, normalized):
    x = tones(2, dtype=dtype)
    stft = STFT(128, 32, window=window, onesided=False, normalized=normalized)
    cast = window.to(dtype.to_complex() if window.is_complex() else dtype)
    oracle = torch.stft(x, 128, 32, window=cast, onesided=False, normalized=normalized, return_complex=True)
    assert stft.bins == 128
    torch.testing.assert_close(stft.forward(x), oracle)


def test_a_complex_window_has_two_sides():
    assert not STFT(128, window=complex_window()).onesided
    with pytest.raises(ValueError, match="onesided"):
        STFT(128, window=complex_window(), onesided=True)


@pytest.mark.parametrize("construction", [{"window": complex_window(16)}, {"onesided": False, "n_fft": 17}])
def test_inverse_is_the_pseudo_inverse(construction):
    stft = STFT(**{"n_fft": 16, "hop_length": 4, **construction})
    length = 40

    def flat(S):
        return torch.view_as_real(S.mT.contiguous()).flatten(-3)

    matrix = flat(stft.forward(torch.eye(length, dtype=torch.float64))).mT
    S = torch.complex(*torch.randn(2, stft.bins, stft.frames(length), dtype=torch.float64))
    torch.testing.assert_close(stft.inverse(S, length), torch.linalg.pinv(matrix) @ flat(S))


@pytest.mark.parametrize("method", ["griffin_lim", "accelerated_griffin_lim", "admm", "difference_map"])
def test_both_sides_of_a_real_window_are_one(method):
    one, two = STFT(128), STFT(128, onesided=False)
    x = tones(2)
    for init in ("pghi", "spsi", "zero"):
        y = invert_spectrogram(one.magnitude(x), one, method, 10, init, LENGTH + 1000)
        other = invert_spectrogram(two.magnitude(x), two, method, 10, init, LENGTH + 1000)
        torch.testing.assert_close(other, y, atol=1e-7, rtol=0)


@pytest.mark.parametrize("method", ["auto", "griffin_lim", "lbfgs"])
def test_under_a_complex_window_signals_are_found(method):
    stft = STFT(128, 16, window=complex_window())
    A = stft.magnitude(tones())
    errors = [
        float(spectral_convergence(stft.forward(invert_spectrogram(A, stft, method, n, "spsi")), A)) for n in (0, 60)
    ]
    assert errors[1] < min(-15, errors[0] - 8)


def test_a_solution_is_a_fixed_point_of_both_kinds():
    for stft in (STFT(128, window=complex_window()), STFT(127, onesided=False)):
        S = stft.forward(tones())
        assert inconsistency(S, stft, 3000) < -200
        y = invert_spectrogram(S, stft, "griffin_lim", 5, length=3000)
        torch.testing.assert_close(stft.forward(y), S, atol=1e-7, rtol=0)


@pytest.mark.parametrize("start", ["gradient", "overlap"])
@pytest.mark.parametrize("reading", ["weighted", "plain", "asymmetric"])
def test_rtisi_of_two_sides(start, reading):
    one, two = STFT(64, 16), STFT(64, 16, onesided=False)
    x = notes(600)
    kw = {"start": start, "reading": reading}
    A = one.magnitude(x)
    y, other = rtisi_la(A, one, **kw), rtisi_la(two.magnitude(x), two, **kw)
    # Quiet bins of a plain reading start with the phase of rounding errors.
    torch.testing.assert_close(one.magnitude(other), one.magnitude(y), atol=0.02 * float(A.max()), rtol=0)
    stft = STFT(128, 16, window=complex_window())
    assert rtisi_la(stft.magnitude(x), stft, **kw).isfinite().all()


def test_what_needs_one_side_says_so():
    stft = STFT(128, onesided=False)
    with pytest.raises(ValueError, match="onesided"):
        pghi(stft.magnitude(tones()), stft)


def test_a_transform_is_found_from_its_bins():
    for stft in (STFT(512, 100), STFT(64, 32, onesided=False), STFT(129, window=complex_window(129))):
        S = stft.forward(tones())
        found = STFT.of(S, hop_length=stft.hop_length, window=stft.window, onesided=stft.onesided)
        assert (found.n_fft, found.bins) == (stft.n_fft, stft.bins)
    assert STFT.of(torch.zeros(3, 513, 4)) == STFT(1024)
    assert STFT.of(torch.zeros(3, 513, 4), window=complex_window(513)).n_fft == 513


def test_a_complex_spectrum_is_a_magnitude_and_a_start():
    stft = STFT(128)
    A = stft.magnitude(tones(2))
    start = random_phase(A)
    y = invert_spectrogram(start, stft, "griffin_lim", 5)
    torch.testing.assert_close(y, invert_spectrogram(A, stft, "griffin_lim", 5, start))
    zero = invert_spectrogram(A, stft, "griffin_lim", 5, "zero")
    torch.testing.assert_close(invert_spectrogram(start, stft, "griffin_lim", 5, "zero"), zero)
