"""The transform against torch.stft, and its inverse against the pseudo-inverse of a dense matrix."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

from diffFx_pytorch.spectrogram import STFT

MODES = ("reflect", "constant", "replicate", "circular")


def noise(*shape, dtype=torch.float64):
    return torch.randn(*shape, dtype=dtype)


def db(error, reference):
    return 20 * torch.log10(error.norm() / reference.norm())


@pytest.mark.parametrize("center", [True, False])
@pytest.mark.parametrize("normalized", [True, False])
@pytest.mark.parametrize(("n_fft", "hop", "win"), [(64, 16, 64), (65, 16, 65), (64, 20, 50), (33, 33, 33), (128, 1, 7)])
def test_forward_is_torch_stft(n_fft, hop, win, center, normalized):
    window = torch.rand(win, dtype=torch.float64) + 0.1
    stft = STFT(n_fft, hop, win, window, center, "constant", normalized)
    x = noise(3, 300)
    oracle = torch.stft(x, n_fft, hop, win, window, center, "constant", normalized, onesided=True, return_complex=True)
    torch.testing.assert_close(stft.forward(x), oracle)
    assert oracle.shape[-2:] == (stft.bins, stft.frames(300))


@pytest.mark.parametrize("pad_mode", MODES)
@pytest.mark.parametrize("length", [1, 2, 20, 40, 101])
@pytest.mark.parametrize(("n_fft", "hop", "center"), [(16, 4, True), (17, 5, True), (16, 16, True), (16, 4, False)])
def test_inverse_is_the_pseudo_inverse_edges_included(n_fft, hop, center, length, pad_mode):
    stft = STFT(n_fft, hop, window="hamming", center=center, pad_mode=pad_mode)
    if not center and length < n_fft:
        pytest.skip("no frame")

    # Whole frames in the time domain, so that a bin counts for itself and its negative frequency.
    def flat(S):
        return torch.fft.irfft(S.mT, n=n_fft, norm="ortho").flatten(1)

    matrix = flat(stft.forward(torch.eye(length, dtype=torch.float64))).T
    S = torch.complex(*noise(2, 3, stft.bins, stft.frames(length)))
    solution = flat(S) @ torch.linalg.pinv(matrix).T
    torch.testing.assert_close(stft.inverse(S, length), solution)


def test_short_signals_are_reflected_as_numpy_does():
    x = noise(1, 5)
    stft = STFT(64, 16, window="rectangular")
    padded = torch.from_numpy(np.pad(x[0].numpy(), 32, mode="reflect"))
    torch.testing.assert_close(stft.forward(x)[0, :, 0], torch.fft.rfft(padded[:64]))


@pytest.mark.parametrize(("n_fft", "hop"), [(512, 128), (1024, 256), (2048, 512), (4096, 1024), (1023, 200)])
def test_round_trip_in_float32_is_under_120_db(n_fft, hop):
    x = noise(2, 30_001, dtype=torch.float32)
    stft = STFT(n_fft, hop)
    assert db(stft.inverse(stft.forward(x), 30_001) - x, x) < -120


def test_round_trip_without_centring_gives_all_that_a_window_sees():
    x = noise(5000)
    stft = STFT(512, 128, center=False)
    y = stft.inverse(stft.forward(x), 5000)
    seen = stft.length(stft.frames(5000))
    torch.testing.assert_close(y[1:seen], x[1:seen], atol=1e-7, rtol=0)
    assert y[0] == 0  # the Hann window is zero there
    assert not y[seen:].any()
    assert y.isfinite().all()


@pytest.mark.parametrize("pad_mode", MODES)
@pytest.mark.parametrize("length", [None, 1000, 1010])
@pytest.mark.parametrize(("n_fft", "center"), [(64, True), (65, True), (64, False)])
def test_project_is_idempotent_and_leaves_signals_alone(n_fft, center, length, pad_mode):
    stft = STFT(n_fft, 16, center=center, pad_mode=pad_mode)
    S = torch.complex(*noise(2, 2, stft.bins, stft.frames(length or 1000)))
    P = stft.project(S, length)
    torch.testing.assert_close(stft.project(P, length), P)
    own = stft.forward(noise(2, 1000))
    torch.testing.assert_close(stft.project(own, 1000), own)


def test_project_is_the_nearest():
    stft = STFT(64, 16)
    S = torch.complex(*noise(2, stft.bins, 20))
    x = stft.inverse(S)
    bins = torch.full((stft.bins, 1), 2.0, dtype=torch.float64)
    bins[[0, -1]] = 1

    def distance(x):
        D = S - stft.forward(x)
        D = torch.cat([D[:1].real + 0j, D[1:-1], D[-1:].real + 0j])  # a signal's first and last bins are real
        return (bins * D.abs().square()).sum()

    best = distance(x)
    for _ in range(20):
        assert distance(x + 1e-3 * noise(*x.shape)) > best


def test_any_leading_dimensions_and_none():
    stft = STFT(64)
    x = noise(2, 0, 3, 200)
    assert stft.forward(x).shape == (2, 0, 3, 33, 13)
    assert stft.inverse(stft.forward(x), 200).shape == x.shape
    x = noise(2, 3, 200)
    S = stft.forward(x)
    torch.testing.assert_close(S[1, 2], stft.forward(x[1, 2]))
    torch.testing.assert_close(stft.inverse(S)[1, 2], stft.inverse(S[1, 2]))
    torch.testing.assert_close(stft.magnitude(x), S.abs())


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_precision_is_the_signals(dtype):
    stft = STFT(64)
    S = stft.forward(noise(200, dtype=dtype))
    assert S.dtype == dtype.to_complex()
    assert stft.inverse(S).dtype == dtype


def test_gradients():
    for pad_mode, length in (("reflect", 40), ("reflect", 7), ("circular", 40)):
        stft = STFT(16, 4, pad_mode=pad_mode)
        x = noise(2, length).requires_grad_()
        assert torch.autograd.gradcheck(lambda x, s=stft: torch.view_as_real(s.forward(x)), x)
        S = torch.complex(*noise(2, 1, 9, stft.frames(length))).requires_grad_()
        assert torch.autograd.gradcheck(lambda S, s=stft, n=length: s.inverse(S, n), S)


def test_gradient_of_a_magnitude_of_silence_is_finite():
    x = torch.zeros(200, requires_grad=True)
    STFT(64).magnitude(x).sum().backward()
    assert x.grad.isfinite().all()


def test_gradients_flow_though_the_first_call_was_in_inference_mode():
    stft = STFT(64)
    with torch.inference_mode():
        stft.inverse(stft.forward(torch.randn(200)))
    x = torch.randn(200, requires_grad=True)
    stft.inverse(stft.forward(x)).sum().backward()


def test_the_window_is_made_once():
    stft = STFT(64)
    assert stft.window_for(torch.zeros(1)) is stft.window_for(torch.zeros(2))
    assert stft.window_for(torch.zeros(1, dtype=torch.complex128)).dtype == torch.float64
    for length in range(1000, 1100):
        stft.inverse(stft.forward(torch.zeros(length)), length)
    assert len(stft._cache) < 20


def test_frozen_equal_hashable_copied_pickled():
    stft = STFT(64, window=torch.hann_window(64, dtype=torch.float64))
    stft.inverse(stft.forward(torch.randn(200)))
    for other in (copy.deepcopy(stft), pickle.loads(pickle.dumps(stft))):
        assert other == stft
        assert hash(other) == hash(stft)
        assert other is not stft
    assert stft != STFT(64)
    with pytest.raises(AttributeError):
        stft.n_fft = 3


def test_a_window_changed_later_changes_nothing():
    window = torch.hann_window(64)
    stft = STFT(64, window=window)
    window.zero_()
    assert stft.window_for(window).any()


@pytest.mark.parametrize(
    ("construction", "words"),
    [
        ({"n_fft": 1}, "n_fft"),
        ({"n_fft": 64.0}, "n_fft"),
        ({"n_fft": 64, "hop_length": 0}, "hop_length"),
        ({"n_fft": 64, "win_length": 65}, "win_length"),
        ({"n_fft": 64, "window": "hand"}, "hann"),
        ({"n_fft": 64, "window": torch.ones(63)}, "63 samples"),
        ({"n_fft": 64, "window": torch.full((64,), torch.nan)}, "NaN"),
        ({"n_fft": 64, "pad_mode": "mirror"}, "reflect"),
        ({"n_fft": 64, "hop_length": 64}, "overlap-add"),
        ({"n_fft": 64, "hop_length": 65, "window": "rectangular"}, "overlap-add"),
        ({"n_fft": 64, "hop_length": 32, "win_length": 16}, "overlap-add"),
        ({"n_fft": 64, "window": torch.zeros(64)}, "overlap-add"),
    ],
)
def test_what_cannot_be_built_says_why(construction, words):
    with pytest.raises(ValueError, match=words):
        STFT(**construction)


def test_unknown_keywords_raise():
    with pytest.raises(TypeError, match="hop"):
        STFT(64, hop=16)


def test_hop_of_a_whole_rectangular_frame():
    stft = STFT(64, 64, window="rectangular")
    x = noise(640)
    torch.testing.assert_close(stft.inverse(stft.forward(x), 640), x)


def test_forgetting_the_window_warns_when_it_costs():
    with pytest.warns(UserWarning, match="rectangular"):
        STFT(64, window=None)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        STFT(64, 64, window=None)
        STFT(64, window="rectangular")


def test_wrong_spectra_say_what_would_fit():
    stft = STFT(64)
    with pytest.raises(ValueError, match="n_fft=80 or 81"):
        stft.inverse(torch.zeros(41, 9, dtype=torch.complex64))
    with pytest.raises(ValueError, match="exchanged"):
        stft.project(torch.zeros(9, 33, dtype=torch.complex64))
    with pytest.raises(ValueError, match="shape"):
        stft.inverse(torch.zeros(33, dtype=torch.complex64))
    with pytest.raises(ValueError, match="at least one frame"):
        stft.inverse(torch.zeros(33, 0, dtype=torch.complex64))
    with pytest.raises(ValueError, match="carry 128 to 143 samples"):
        stft.inverse(torch.zeros(33, 9, dtype=torch.complex64), 144)
    with pytest.raises(ValueError, match="positive"):
        stft.inverse(torch.zeros(33, 9, dtype=torch.complex64), 0)


def test_wrong_signals():
    with pytest.raises(ValueError, match="real"):
        STFT(64).forward(torch.zeros(100, dtype=torch.complex64))
    with pytest.raises(ValueError, match="no frame"):
        STFT(64).forward(torch.zeros(0))
    with pytest.raises(ValueError, match="center=False"):
        STFT(64, center=False).forward(torch.zeros(63))


@pytest.mark.parametrize("length", [128, 135, 143, 100, 1])
def test_the_length_asked_for(length):
    stft = STFT(64)
    S = stft.forward(noise(128))
    assert stft.inverse(S, length).shape == (length,)
