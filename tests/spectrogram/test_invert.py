"""What ``invert_spectrogram`` promises about lengths, batches, scales, seeds, silence, gradients and errors."""

import math

import pytest
import torch

from diffFx_pytorch.spectrogram import METHODS, STFT, Momentum, invert_spectrogram, spectral_convergence
from tests.spectrogram.signals import random_phase, tones

LENGTH = 3000
N_ITER = 12


def seed(number=0):
    return torch.Generator().manual_seed(number)


EVERY = ["auto", *METHODS]


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_a_batch_is_its_items_to_the_bit(method, dtype):
    stft = STFT(128)
    A = stft.magnitude(tones(2, 3, dtype=dtype))
    start = random_phase(A)
    y = invert_spectrogram(A, stft, method, N_ITER, start, LENGTH)
    assert y.dtype == dtype
    assert y.shape == (2, 3, LENGTH)
    for i in range(2):
        for j in range(3):
            assert torch.equal(y[i, j], invert_spectrogram(A[i, j], stft, method, N_ITER, start[i, j], LENGTH))


def test_a_batch_is_its_items_by_tensor_operations_too():
    stft = STFT(128)
    A = stft.magnitude(tones(3)).requires_grad_()
    start = random_phase(A.detach())
    together = invert_spectrogram(A, stft, "auto", N_ITER, start, tolerance_db=0.3, differentiable=True)
    for i in range(3):
        one = invert_spectrogram(A[i], stft, "auto", N_ITER, start[i], tolerance_db=0.3, differentiable=True)
        torch.testing.assert_close(one, together[i], atol=1e-9, rtol=0)


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("factor", [2.0**-40, 2.0**-10, 2.0**30])
def test_scaling_the_target_scales_the_result(method, factor):
    stft = STFT(128)
    A = stft.magnitude(tones(dtype=torch.float32))
    start = random_phase(A)
    y = invert_spectrogram(A, stft, method, N_ITER, start)
    assert torch.equal(invert_spectrogram(A * factor, stft, method, N_ITER, start), y * factor)


@pytest.mark.parametrize("init", ["pghi", "spsi", "random", "zero"])
@pytest.mark.parametrize("factor", [2.0**-90, 2.0**90])
def test_scaling_leaves_the_initial_phase(init, factor):
    stft = STFT(128)
    A = stft.magnitude(tones(dtype=torch.float32))
    y = invert_spectrogram(A, stft, "auto", N_ITER, init, generator=seed())
    other = invert_spectrogram(A * factor, stft, "auto", N_ITER, init, generator=seed())
    torch.testing.assert_close(other / factor, y, atol=1e-3 * float(y.abs().max()), rtol=0)


def test_scaling_by_any_number():
    stft = STFT(128)
    A = stft.magnitude(tones())
    y = invert_spectrogram(A, stft, n_iter=N_ITER)
    torch.testing.assert_close(invert_spectrogram(A * 0.3, stft, n_iter=N_ITER), 0.3 * y)


@pytest.mark.parametrize("length", [None, 2976, 3000, 3007, 1234])
def test_the_length_asked_for(length):
    stft = STFT(128)
    A = stft.magnitude(tones())
    assert invert_spectrogram(A, stft, n_iter=3, length=length).shape == (length or 2976,)


@pytest.mark.parametrize("center", [True, False])
def test_first_and_last_frame_are_no_worse_than_the_middle(center):
    stft = STFT(256, center=center, window="hann" if center else "hamming")
    # From silence to silence: a signal cut in mid-wave makes a crease with its mirror image, hard for any method.
    fade = (torch.arange(LENGTH, dtype=torch.float64) / 512 - 0.25).clamp(0, 1)
    x = tones(8) * fade * fade.flip(0)
    A = stft.magnitude(x)
    y = invert_spectrogram(A, stft, n_iter=100, length=LENGTH)
    error = (stft.magnitude(y) - A).square().sum(-2).sqrt().mean(0)
    middle = error[4:-4].mean()
    assert error[0] < 1.5 * middle
    assert error[-1] < 1.5 * middle


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("length", [1, 2, 60, 500])
def test_signals_shorter_than_a_frame(method, length):
    stft = STFT(128)
    A = stft.magnitude(tones(length=length))
    y = invert_spectrogram(A, stft, method, N_ITER, "random", length)
    assert y.shape == (length,)
    assert y.isfinite().all()


@pytest.mark.parametrize("init", ["pghi", "spsi", "random", "zero"])
def test_a_single_frame(init):
    stft = STFT(128, center=False, window="hamming")
    x = tones(length=128)
    y = invert_spectrogram(stft.magnitude(x), stft, n_iter=50, init=init)
    assert y.shape == (128,)
    # Any phase will do for one frame alone.
    assert spectral_convergence(stft.forward(y), stft.magnitude(x)) < -100


@pytest.mark.parametrize(
    "construction",
    [
        {"center": False},
        {"center": False, "window": "sine"},
        {"hop_length": 128, "window": "rectangular"},
        {"hop_length": 64},
        {"win_length": 50},
        {"n_fft": 127},
        {"pad_mode": "circular", "window": "blackman"},
    ],
)
@pytest.mark.parametrize("method", ["auto", "griffin_lim"])
def test_transforms_of_every_kind(construction, method):
    stft = STFT(**{"n_fft": 128, **construction})
    A = stft.magnitude(tones(dtype=torch.float32))
    errors = []
    for n in (0, 60):
        y = invert_spectrogram(A, stft, method, n, "random", LENGTH, seed())
        assert y.isfinite().all()
        errors.append(float(spectral_convergence(stft.forward(y), A)))
    assert errors[1] < errors[0] - 3


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("init", ["pghi", "spsi", "random", "zero"])
def test_silence_is_silence(method, init):
    stft = STFT(128)
    A = torch.zeros(2, stft.bins, 10)
    A[1] = stft.magnitude(torch.randn(288))
    y, info = invert_spectrogram(A, stft, method, N_ITER, init, return_info=True)
    assert not y[0].any()
    assert y.isfinite().all()
    assert info.history.isfinite().all()


@pytest.mark.parametrize("method", EVERY)
def test_zero_bins_and_zero_frames(method):
    stft = STFT(128)
    A = stft.magnitude(tones(dtype=torch.float32))
    A[:20] = 0
    A[:, 30:45] = 0
    A[5, 60] = 1e-30
    y = invert_spectrogram(A, stft, method, N_ITER)
    assert y.isfinite().all()


@pytest.mark.parametrize("method", EVERY)
@pytest.mark.parametrize("fixed", [False, True])
def test_spectra_that_all_but_vanish(method, fixed):
    """Sizes whose squares no float32 holds; by kernels, and with a known phase by tensor operations."""
    stft = STFT(128)
    A = stft.magnitude(tones(dtype=torch.float32)) ** 8
    A[:, 20:40] *= 1e-30
    known = torch.full_like(A, torch.nan) if fixed else None
    y = invert_spectrogram(A, stft, method, N_ITER, known_phase=known)
    assert y.isfinite().all()


def test_no_items():
    stft = STFT(128)
    y, info = invert_spectrogram(torch.zeros(3, 0, stft.bins, 10), stft, n_iter=4, init="zero", return_info=True)
    assert y.shape == (3, 0, 288)
    assert info.history.shape == (3, 0, 5)


def test_no_iterations_give_the_initial_estimate():
    stft = STFT(128)
    A = stft.magnitude(tones())
    start = random_phase(A)
    torch.testing.assert_close(invert_spectrogram(A, stft, n_iter=0, init=start), stft.inverse(start))
    torch.testing.assert_close(invert_spectrogram(A, stft, n_iter=0, init="zero"), stft.inverse(A.to(torch.complex128)))


def test_one_iteration_of_auto():
    stft = STFT(128)
    assert invert_spectrogram(stft.magnitude(tones()), stft, n_iter=1).isfinite().all()


def test_the_magnitude_of_an_initial_spectrum_is_of_no_account():
    stft = STFT(128)
    A = stft.magnitude(tones())
    start = random_phase(A)
    y = invert_spectrogram(A, stft, n_iter=N_ITER, init=start)
    torch.testing.assert_close(invert_spectrogram(A, stft, n_iter=N_ITER, init=1e-9 * start), y)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_one_seed_is_one_result(dtype):
    stft = STFT(128)
    A = stft.magnitude(tones(2, dtype=dtype))
    y = invert_spectrogram(A, stft, n_iter=N_ITER, init="random", generator=seed(3))
    assert torch.equal(invert_spectrogram(A, stft, n_iter=N_ITER, init="random", generator=seed(3)), y)
    assert not torch.equal(invert_spectrogram(A, stft, n_iter=N_ITER, init="random", generator=seed(4)), y)


@pytest.mark.parametrize("threads", [1, 2])
def test_threads_change_no_bit(threads):
    stft = STFT(512)
    A = stft.magnitude(tones(length=20_000, dtype=torch.float32))
    before = torch.get_num_threads()
    results = []
    for number in (1, threads):
        torch.set_num_threads(number)
        results.append(invert_spectrogram(A, stft, n_iter=N_ITER))
    torch.set_num_threads(before)
    assert torch.equal(*results)


def test_inputs_are_left_alone():
    stft = STFT(128)
    A = stft.magnitude(tones())
    start = random_phase(A)
    copies = A.clone(), start.clone()
    for method in EVERY:
        invert_spectrogram(A, stft, method, 3, start)
    assert torch.equal(A, copies[0])
    assert torch.equal(start, copies[1])


def test_history_is_of_the_estimates_and_ends_with_the_result():
    stft = STFT(128)
    A = stft.magnitude(tones(2, 2))
    y, info = invert_spectrogram(A, stft, "griffin_lim", 5, "zero", LENGTH, return_info=True)
    assert info.history.shape == (2, 2, 6)
    assert (info.iterations == 5).all()
    for n in range(6):
        y = invert_spectrogram(A, stft, "griffin_lim", n, "zero", LENGTH)
        torch.testing.assert_close(info.history[..., n], spectral_convergence(stft.forward(y), A, "none"))


def test_items_stop_one_by_one():
    stft = STFT(128)
    length = 1000
    x = tones(3, length=length)
    A = stft.magnitude(x)
    start = random_phase(A)
    start[1] = stft.forward(x[1])
    kw = {"tolerance_db": 0.2, "return_info": True}
    y, info = invert_spectrogram(A, stft, "griffin_lim", 200, start, length, **kw)
    assert info.converged.all()
    assert info.iterations[1] < 15
    assert len(set(info.iterations.tolist())) > 1
    assert (info.iterations < 200).all()
    for i in range(3):
        n = int(info.iterations[i])
        assert (info.history[i, n:] == info.history[i, n]).all()
        assert torch.equal(y[i], invert_spectrogram(A[i], stft, "griffin_lim", n, start[i], length))
    # A batch by tensor operations stops its items at the same moments.
    slow, other = invert_spectrogram(
        A.clone().requires_grad_(), stft, "griffin_lim", 200, start, length, differentiable=True, **kw
    )
    assert torch.equal(other.iterations, info.iterations)
    torch.testing.assert_close(slow.detach(), y, atol=1e-6, rtol=0)


def test_converged_is_not_claimed_too_early():
    stft = STFT(128)
    A = stft.magnitude(tones())
    _, info = invert_spectrogram(A, stft, "griffin_lim", 20, "random", return_info=True, generator=seed())
    assert not info.converged


def test_a_callback_sees_every_iteration_and_may_end_it():
    stft = STFT(128)
    A = stft.magnitude(tones(2))
    seen = []

    def callback(step, convergence_db, signal):
        seen.append((step, convergence_db, signal()))
        return step == 4

    y, info = invert_spectrogram(A, stft, n_iter=10, callback=callback, return_info=True)
    assert [s for s, _, _ in seen] == [1, 2, 3, 4]
    assert torch.equal(seen[-1][2], y)
    assert all(c.shape == (2,) for _, c, _ in seen)
    torch.testing.assert_close(torch.stack([c for _, c, _ in seen], -1), info.history[:, :4])
    assert torch.equal(info.iterations, torch.tensor([4, 4]))
    free = invert_spectrogram(A, stft, n_iter=10)
    assert torch.equal(invert_spectrogram(A, stft, n_iter=10, callback=lambda *_: None), free)


def test_progress_is_on_the_error_stream(capsys):
    stft = STFT(128)
    invert_spectrogram(stft.magnitude(tones()), stft, n_iter=3, progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert "iteration 3 of 3" in err


def test_known_phases_stay_and_help():
    stft = STFT(256)
    x = tones(2, length=6000)
    S = stft.forward(x)
    known = S.angle()
    hidden = torch.zeros_like(known, dtype=torch.bool)
    hidden[..., 10:16] = True
    known[hidden] = torch.nan
    y = invert_spectrogram(S.abs(), stft, n_iter=200, length=6000, known_phase=known)
    blind = invert_spectrogram(S.abs(), stft, n_iter=200, length=6000)
    assert (y - x).norm() < 0.1 * x.norm()
    assert (blind - x).norm() > 0.5 * x.norm()  # its sign and much else is free
    # All known is the signal itself, whatever the start.
    y = invert_spectrogram(S.abs(), stft, n_iter=3, init="random", length=6000, known_phase=S.angle())
    torch.testing.assert_close(y, x)


def test_unknown_keywords_raise():
    stft = STFT(64)
    A = torch.ones(33, 9)
    for wrong in ("maxiter", "hop", "alpha"):
        with pytest.raises(TypeError, match=wrong):
            invert_spectrogram(A, stft, **{wrong: 5})


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"magnitude": torch.full((33, 9), torch.nan)}, "NaN"),
        ({"magnitude": torch.full((33, 9), math.inf)}, "infinite"),
        ({"magnitude": -torch.ones(33, 9)}, "negative"),
        ({"magnitude": torch.ones(33, 9).long()}, "float32"),
        ({"magnitude": torch.ones(513, 9)}, "n_fft=1024 or 1025"),
        ({"magnitude": torch.ones(9, 33)}, "exchanged"),
        ({"magnitude": torch.ones(33)}, "shape"),
        ({"magnitude": torch.ones(33, 0)}, "at least one frame"),
        ({"method": "grifin_lim"}, "griffin_lim"),
        ({"method": [Momentum()] * 3}, "3 rules"),
        ({"init": "noise"}, "random"),
        ({"init": torch.ones(33, 9)}, "complex"),
        ({"init": torch.ones(33, 8, dtype=torch.complex64)}, "shape"),
        ({"known_phase": torch.ones(33, 8)}, "known_phase"),
        ({"known_phase": torch.ones(33, 9, dtype=torch.complex64)}, "radians"),
        ({"n_iter": -1}, "n_iter"),
        ({"n_iter": 1.5}, "n_iter"),
        ({"length": 200}, "carry 128 to 143"),
        ({"length": -1}, "positive"),
        ({"n_iter": 0, "length": 0}, "positive"),
    ],
)
def test_bad_input_says_what_is_wrong(change, words):
    arguments = {"magnitude": torch.ones(33, 9), "stft": STFT(64), "n_iter": 2, **change}
    with pytest.raises(ValueError, match=words):
        invert_spectrogram(**arguments)
