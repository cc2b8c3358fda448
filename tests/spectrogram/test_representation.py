"""Signals back from any differentiable representation of them."""

import math

import pytest
import torch

from diffFx_pytorch.spectrogram import STFT, invert, invert_spectrogram, spectral_convergence
from diffFx_pytorch.spectrogram.mel import MelScale

LENGTH = 2048
STFT256 = STFT(256, 64)


def _tones(batch=2, dtype=torch.float64):
    n = torch.arange(LENGTH, dtype=dtype)
    rows = [
        torch.sin(0.05 * (1 + i) * n + 1e-5 * n**2) * (0.3 + torch.hann_window(LENGTH, dtype=dtype))
        for i in range(batch)
    ]
    return torch.stack(rows)


def _seed(seed=0):
    return torch.Generator().manual_seed(seed)


def test_a_magnitude_is_inverted():
    x = _tones()
    A = STFT256.magnitude(x)
    y, info = invert(A, STFT256.magnitude, LENGTH, 60, generator=_seed(), return_info=True)
    assert y.shape == x.shape
    reached = spectral_convergence(STFT256.forward(y), A, "none")
    assert torch.allclose(reached, info.history[:, -1], atol=1e-6)
    assert (reached < -20).all()


def test_other_representations_are_inverted():
    mel = MelScale(20, 8000, 256)

    def log_mel(x):
        return mel.forward(STFT256.magnitude(x)).clamp_min(1e-3).log()

    def envelope(x):
        return torch.nn.functional.avg_pool1d(x.square().unsqueeze(1), 64, 16).squeeze(1)

    x = _tones()
    for transform, least in ((log_mel, -10), (envelope, -35), (lambda x: STFT256.forward(x), -80)):
        _, info = invert(transform(x), transform, LENGTH, 60, generator=_seed(), return_info=True)
        assert (info.history[:, -1] < least).all(), info.history[:, -1]


def test_the_error_never_rises_and_more_iterations_are_no_worse():
    A = STFT256.magnitude(_tones())
    _, long = invert(A, STFT256.magnitude, LENGTH, 40, generator=_seed(), return_info=True)
    assert (long.history.diff(dim=-1) <= 0).all()
    _, short = invert(A, STFT256.magnitude, LENGTH, 20, generator=_seed(), return_info=True)
    assert torch.equal(short.history, long.history[:, :21])


def test_the_start_is_never_changed():
    x = _tones()
    start = 0.1 * torch.randn(x.shape, generator=_seed(), dtype=x.dtype)
    kept = start.clone()
    y = invert(STFT256.magnitude(x), STFT256.magnitude, LENGTH, 5, init=start)
    assert torch.equal(start, kept)
    assert not torch.equal(y, start)
    assert torch.equal(invert(STFT256.magnitude(x), STFT256.magnitude, LENGTH, 0, init=start), start)


def test_a_batch_is_a_loop():
    x = _tones(3)
    A = STFT256.magnitude(x)
    start = 0.1 * torch.randn(x.shape, generator=_seed(), dtype=x.dtype)
    together = invert(A, STFT256.magnitude, LENGTH, 12, init=start)
    alone = torch.cat([invert(A[i : i + 1], STFT256.magnitude, LENGTH, 12, init=start[i : i + 1]) for i in range(3)])
    assert torch.allclose(together, alone, atol=1e-8)


@pytest.mark.parametrize("batch_shape", [(), (1,), (2, 3)])
def test_any_batch_shape(batch_shape):
    x = _tones(math.prod(batch_shape)).reshape(*batch_shape, LENGTH)
    y, info = invert(STFT256.magnitude(x), STFT256.magnitude, LENGTH, 3, return_info=True)
    assert y.shape == x.shape
    assert info.history.shape == (*batch_shape, 4)
    assert info.iterations.shape == info.converged.shape == batch_shape


def test_an_empty_batch():
    x = torch.zeros(0, LENGTH)
    assert invert(STFT256.magnitude(x), STFT256.magnitude, LENGTH, 3).shape == (0, LENGTH)


@pytest.mark.parametrize("gain", [1e-6, 1e4])
def test_scaling_the_target_scales_the_result(gain):
    A = STFT256.magnitude(_tones())
    y = invert(A, STFT256.magnitude, LENGTH, 10, generator=_seed())
    scaled = invert(gain * A, STFT256.magnitude, LENGTH, 10, generator=_seed())
    assert torch.allclose(scaled, gain * y, rtol=1e-6, atol=1e-9 * gain)


def test_the_same_seed_gives_the_same_bits():
    A = STFT256.magnitude(_tones(dtype=torch.float32))
    first, second = (invert(A, STFT256.magnitude, LENGTH, 5, generator=_seed(3)) for _ in range(2))
    assert torch.equal(first, second)
    assert first.dtype == torch.float32
    assert not torch.equal(first, invert(A, STFT256.magnitude, LENGTH, 5, generator=_seed(4)))


def test_silence_stays_silent_beside_sound():
    x = _tones()
    x[0] = 0
    y, info = invert(STFT256.magnitude(x), STFT256.magnitude, LENGTH, 20, generator=_seed(), return_info=True)
    assert y[0].abs().max() < 1e-6
    assert torch.isfinite(info.history).all()
    assert info.history[1, -1] < -10


def test_an_item_that_has_converged_stops_alone():
    x = _tones()
    start = x.clone()
    start[1] = 0.1 * torch.randn(LENGTH, generator=_seed(), dtype=x.dtype)
    _, info = invert(
        STFT256.magnitude(x), STFT256.magnitude, LENGTH, 30, init=start, tolerance_db=1e-3, return_info=True
    )
    assert info.iterations[0] < info.iterations[1] == 30
    assert info.converged.tolist() == [True, False]


def test_no_graph_is_left_and_none_is_needed():
    x = _tones()
    A = STFT256.magnitude(x).requires_grad_()
    assert not invert(A, STFT256.magnitude, LENGTH, 2).requires_grad
    for mode in (torch.no_grad, torch.inference_mode):
        with mode():
            y = invert(STFT256.magnitude(x), STFT256.magnitude, LENGTH, 2, generator=_seed())
            assert torch.isfinite(y).all()


def test_a_callback_hears_the_signal_and_ends_the_search():
    A = STFT256.magnitude(_tones())
    heard = []

    def callback(step, history, signal):
        heard.append((step, history.shape, signal().shape))
        return step == 4

    _, info = invert(A, STFT256.magnitude, LENGTH, 50, callback=callback, return_info=True)
    assert heard == [(i, (2,), (2, LENGTH)) for i in range(1, 5)]
    assert (info.iterations == 4).all()
    assert (info.history[:, 4:] == info.history[:, 4:5]).all()


def test_progress_goes_to_the_error_stream(capsys):
    invert(STFT256.magnitude(_tones()), STFT256.magnitude, LENGTH, 2, progress=True)
    out, err = capsys.readouterr()
    assert not out
    assert "iteration 2 of 2" in err


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"target": torch.full((2, 129, 33), math.nan)}, "NaN"),
        ({"target": torch.ones(2, 129, 33).long()}, "floating point"),
        ({"target": torch.ones(2, 100, 33)}, r"the target must be \(\.\.\., 129, 33\)"),
        ({"target": torch.ones(2, 129, 33) + 0j}, "complex64"),
        ({"transform": lambda x: STFT256.magnitude(x.detach())}, "no gradient"),
        ({"length": 0}, "length must be"),
        ({"n_iter": -1}, "n_iter must be"),
        ({"n_iter": 2.5}, "n_iter must be"),
        ({"init": torch.zeros(2, 100)}, "init must be a signal of shape"),
        ({"init": torch.zeros(2, LENGTH) + 0j}, "init must be a signal"),
    ],
)
def test_what_is_wrong_is_said(change, pattern):
    given = {"target": torch.ones(2, 129, 33), "transform": STFT256.magnitude, "length": LENGTH, "n_iter": 2}
    with pytest.raises(ValueError, match=f"^invert: .*{pattern}"):
        invert(**{**given, **change})


@pytest.mark.parametrize("unknown", ["maxiter", "hop", "n_iters"])
def test_unknown_keywords_raise(unknown):
    with pytest.raises(TypeError, match=unknown):
        invert(torch.ones(129, 33), STFT256.magnitude, LENGTH, **{unknown: 5})


# As a method of invert_spectrogram ----------------------------------------------------------------------------------


def test_it_stands_beside_the_projections():
    A = STFT256.magnitude(_tones())
    y, info = invert_spectrogram(A, STFT256, "lbfgs", 40, length=LENGTH, return_info=True)
    assert y.shape == (2, LENGTH)
    reached = spectral_convergence(STFT256.magnitude(y), A, "none")
    assert torch.allclose(reached, info.history[:, -1], atol=1e-6)
    plain = spectral_convergence(STFT256.magnitude(invert_spectrogram(A, STFT256, "griffin_lim", 40)), A, "none")
    assert (reached < plain).all()
    assert (info.history.diff(dim=-1) <= 0).all()


def test_it_starts_from_the_phase_asked_for_and_cuts_the_length():
    A = STFT256.magnitude(_tones())
    for n_iter in (0, 2):
        drawn = [
            invert_spectrogram(A, STFT256, "lbfgs", n_iter, "random", LENGTH, torch.Generator().manual_seed(1))
            for _ in range(2)
        ]
        assert torch.equal(*drawn)
    start = invert_spectrogram(A, STFT256, "griffin_lim", 0, "random", LENGTH, torch.Generator().manual_seed(1))
    zero = invert_spectrogram(A, STFT256, "lbfgs", 0, "random", LENGTH, torch.Generator().manual_seed(1))
    assert torch.allclose(zero, start, atol=1e-9)
    heard = []
    short = invert_spectrogram(A, STFT256, "lbfgs", 2, length=1990, callback=lambda i, h, s: heard.append(s().shape))
    assert short.shape == (2, 1990)
    assert heard == [(2, 1990)] * 2


def test_what_it_cannot_do_is_said():
    A = STFT256.magnitude(_tones())
    for wrong in ({"known_phase": torch.zeros(A.shape, dtype=A.dtype)}, {"differentiable": True}):
        with pytest.raises(ValueError, match='"lbfgs" keeps no known_phase and is not differentiable'):
            invert_spectrogram(A, STFT256, "lbfgs", 2, **wrong)
