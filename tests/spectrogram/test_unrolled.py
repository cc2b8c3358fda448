"""Gradients through the iterations."""

import pytest
import torch

from diffFx_pytorch.spectrogram import METHODS, STFT, Momentum, invert_spectrogram
from tests.spectrogram.signals import random_phase, tones

STFT32 = STFT(32, 8)
ALL = [*METHODS, "auto"]


def _magnitude(frames=9, dtype=torch.float64, batch=()):
    generator = torch.Generator().manual_seed(0)
    return STFT32.magnitude(torch.randn(*batch, 8 * (frames - 1), generator=generator, dtype=dtype))


def _start(A):
    phase = torch.rand(A.shape, generator=torch.Generator().manual_seed(1), dtype=A.dtype)
    return torch.polar(torch.ones_like(A), 6 * phase)


def _loss(A, method="griffin_lim", n_iter=4, init=None, **more):
    x = invert_spectrogram(
        A, STFT32, method, n_iter, init=_start(A) if init is None else init, differentiable=True, **more
    )
    return (x * torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)).sum() + x.pow(3).sum()


@pytest.mark.parametrize("method", ALL)
def test_gradients_match_finite_differences(method):
    A = _magnitude() + 0.1
    leaf = A.clone().requires_grad_()
    (gradient,) = torch.autograd.grad(_loss(leaf, method), leaf)
    for seed in range(2):
        direction = torch.randn(A.shape, generator=torch.Generator().manual_seed(seed), dtype=A.dtype)
        h = 1e-6
        with torch.no_grad():
            numeric = sum(sign * _plain(A + sign * h * direction, method) / (2 * h) for sign in (1, -1))
        assert torch.isclose((gradient * direction).sum(), numeric, rtol=1e-4)


def _plain(A, method):
    # What is differentiated is what runs without a graph.
    x = invert_spectrogram(A, STFT32, method, 4, init=_start(A))
    return (x * torch.linspace(-1, 1, x.shape[-1], dtype=x.dtype)).sum() + x.pow(3).sum()


@pytest.mark.parametrize("method", ["auto", "difference_map", "fast_griffin_lim"])
def test_checkpoints_change_nothing(method):
    leaf = _magnitude(batch=(2,)).requires_grad_()
    (kept,) = torch.autograd.grad(_loss(leaf, method, 6), leaf)
    (again,) = torch.autograd.grad(_loss(leaf, method, 6, checkpoints=True), leaf)
    assert torch.allclose(kept, again, rtol=1e-9, atol=1e-12)


def test_checkpoints_keep_less():
    A = _magnitude(frames=33)
    kept = {}
    for checkpoints in (False, True):
        sizes = []
        with torch.autograd.graph.saved_tensors_hooks(lambda t, s=sizes: s.append(t.numel()) or t, lambda t: t):
            _loss(A.clone().requires_grad_(), "griffin_lim", 10, checkpoints=checkpoints)
        kept[checkpoints] = sum(sizes)
    assert kept[True] < 0.5 * kept[False]


@pytest.mark.parametrize("init", ["pghi", "spsi", "zero", "random"])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_zeros_and_silence_have_finite_gradients(init, dtype):
    A = _magnitude(dtype=dtype, batch=(3,))
    A[0] = 0
    A[1, 5:9] = 0
    A[2, :, 3] = 0
    leaf = A.clone().requires_grad_()
    for method in ALL:
        loss = _loss(leaf, method, 3, init, generator=torch.Generator().manual_seed(0))
        (gradient,) = torch.autograd.grad(loss, leaf)
        assert torch.isfinite(gradient).all(), method
        assert gradient[2].abs().max() > 0


def test_the_first_phase_is_a_constant():
    A = _magnitude()
    phase = 6 * torch.rand(A.shape, dtype=A.dtype, generator=torch.Generator().manual_seed(1))
    phase.requires_grad_()
    leaf = A.clone().requires_grad_()
    loss = _loss(leaf, "griffin_lim", 2, torch.polar(torch.ones_like(A), phase))
    (to_phase,) = torch.autograd.grad(loss, phase, retain_graph=True, allow_unused=True)
    assert to_phase is None
    assert torch.autograd.grad(loss, leaf)[0].abs().max() > 0


def test_there_is_no_graph_unless_it_is_asked_for():
    leaf = _magnitude().requires_grad_()
    assert not invert_spectrogram(leaf, STFT32, n_iter=3).requires_grad
    assert invert_spectrogram(leaf, STFT32, n_iter=3, differentiable=True).requires_grad
    with torch.no_grad():
        assert not invert_spectrogram(leaf, STFT32, n_iter=3, differentiable=True).requires_grad


@pytest.mark.parametrize("method", ALL)
def test_unrolled_gives_what_plain_gives(method):
    A = _magnitude(batch=(2,))
    plain = invert_spectrogram(A, STFT32, method, 8, init=_start(A))
    unrolled = invert_spectrogram(A.requires_grad_(), STFT32, method, 8, init=_start(A), differentiable=True)
    assert torch.allclose(plain, unrolled, rtol=1e-7, atol=1e-9)


def test_items_of_a_batch_keep_their_gradients_to_themselves():
    leaf = _magnitude(batch=(3,)).requires_grad_()
    x = invert_spectrogram(leaf, STFT32, "auto", 4, init=_start(leaf), differentiable=True)
    (gradient,) = torch.autograd.grad(x[1].square().sum(), leaf)
    assert (gradient[[0, 2]] == 0).all()
    assert gradient[1].abs().max() > 0


def test_a_network_learns_through_the_iterations():
    target = STFT32.inverse(torch.polar(_magnitude(), _start(_magnitude()).angle()))
    A, init = STFT32.magnitude(target), STFT32.forward(target)
    level = torch.full_like(A, 0.3).requires_grad_()
    optimizer = torch.optim.Adam([level], 0.05)
    losses = []
    for _ in range(25):
        optimizer.zero_grad()
        x = invert_spectrogram(A * level.exp(), STFT32, "griffin_lim", 2, init=init, differentiable=True)
        loss = (x - target).square().sum()
        loss.backward()
        optimizer.step()
        losses.append(float(loss.detach()))
    assert losses[-1] < 0.1 * losses[0]


@pytest.mark.parametrize("method", ["auto", "griffin_lim", "difference_map", Momentum(0.5, 1.1, 0.8)])
@pytest.mark.parametrize("checkpoints", [False, True])
def test_gradients_through_the_iterations(method, checkpoints):
    stft = STFT(16)
    A = (stft.magnitude(tones(2, length=40)) + 0.5).requires_grad_()
    start = random_phase(A.detach())

    def run(A):
        return invert_spectrogram(A, stft, method, 4, start, differentiable=True, checkpoints=checkpoints)

    assert torch.autograd.gradcheck(run, A, fast_mode=True)
    torch.testing.assert_close(run(A).detach(), invert_spectrogram(A.detach(), stft, method, 4, start))


def test_checkpoints_change_nothing_but_memory():
    stft = STFT(64)
    A = stft.magnitude(tones(2, length=500)).requires_grad_()

    def gradient(**kw):
        y = invert_spectrogram(A, stft, "auto", 8, differentiable=True, **kw)
        return torch.autograd.grad(y.square().sum(), A)[0]

    torch.testing.assert_close(gradient(checkpoints=True), gradient(checkpoints=False))


def test_gradients_are_finite_on_silence_and_zero_bins():
    stft = STFT(64)
    A = stft.magnitude(tones(2, length=500))
    A[0] = 0
    A[1, :5] = 0
    A.requires_grad_()
    for init in ("zero", "random", "pghi"):
        y = invert_spectrogram(A, stft, "auto", 6, init, differentiable=True)
        (gradient,) = torch.autograd.grad(y.sum(), A)
        assert gradient.isfinite().all()


def test_no_graph_by_default():
    stft = STFT(64)
    A = stft.magnitude(tones(length=500)).requires_grad_()
    assert not invert_spectrogram(A, stft, n_iter=2).requires_grad
    with torch.no_grad():
        assert not invert_spectrogram(A, stft, n_iter=2, differentiable=True).requires_grad
