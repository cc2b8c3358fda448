"""The methods against each other's definitions: one loop, tensor operations and kernels alike."""

from itertools import pairwise

import pytest
import torch

from diffFx_pytorch.spectrogram import (
    METHODS,
    STFT,
    DifferenceMap,
    Momentum,
    Reflection,
    invert_spectrogram,
    spectral_convergence,
)
from diffFx_pytorch.spectrogram.cycle import KernelCycle, TensorCycle
from tests.spectrogram import signals

LENGTH = 3000


def tones(*batch_shape, length=LENGTH):
    return signals.tones(*batch_shape, length=length, fade=1.0)


def random_phase(A, seed=0):
    turns = torch.rand(A.shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))
    return torch.polar(A, (2 * torch.pi * turns).to(A.dtype))


def both_sides(stft, S):
    """The squared norm that counts a bin for itself and its negative frequency."""
    weight = torch.full((stft.bins, 1), 2.0, dtype=torch.float64)
    weight[0] = 1
    if stft.n_fft % 2 == 0:
        weight[-1] = 1
    return (weight * S.abs().square()).sum((-1, -2))


@pytest.mark.parametrize("name", METHODS)
@pytest.mark.parametrize(
    ("construction", "length"),
    [
        ({"n_fft": 64}, 1000),
        ({"n_fft": 65, "hop_length": 20, "normalized": True}, 1003),
        ({"n_fft": 64, "hop_length": 20, "center": False, "window": "hamming"}, 1001),
        ({"n_fft": 64, "hop_length": 64, "window": "rectangular"}, 1000),
        ({"n_fft": 64, "pad_mode": "constant"}, 1000),
        ({"n_fft": 64, "pad_mode": "replicate"}, 1000),
        ({"n_fft": 64, "pad_mode": "circular"}, 1000),
        ({"n_fft": 64}, 9),
        ({"n_fft": 64, "win_length": 40}, 1),
    ],
)
def test_kernels_are_the_equations(name, construction, length):
    stft = STFT(**construction)
    rule = METHODS[name]
    A = stft.magnitude(tones(1, length=length)).mT.contiguous()
    start = random_phase(A)
    slow, fast = TensorCycle(stft, A, length), KernelCycle(stft, A, length)
    a, b = (start, start), (start[0].clone(),) * 2
    for _ in range(4):
        a, error_a = slow.iterate(rule, a)
        b, error_b = fast.iterate(rule, b)
        torch.testing.assert_close(b[0], a[0][0])
        torch.testing.assert_close(b[1], a[1][0])
        torch.testing.assert_close(error_b, error_a)
    torch.testing.assert_close(fast.signal(b[1]), slow.signal(a[1]))
    torch.testing.assert_close(fast.error(b[1]), slow.error(a[1]))


def griffin_lim(c, P_C, P_A):
    for _ in range(5):
        c = P_A(P_C(c))
    return c


def fast_griffin_lim(t, P_C, P_A, alpha=0.7):
    previous = None
    for _ in range(5):
        c = P_C(P_A(t))
        t = c if previous is None else c + alpha * (c - previous)
        previous = c
    return P_A(t)


def accelerated_griffin_lim(c, P_C, P_A, alpha=0.09, beta=1.1, gamma=0.2):
    t_previous = d = P_C(P_A(c))
    for _ in range(5):
        t = (1 - gamma) * d + gamma * P_C(P_A(c))
        c = t + alpha * (t - t_previous)
        d = t + beta * (t - t_previous)
        t_previous = t
    return P_A(c)


def admm(Z, P_C, P_A, rho=0.15):
    U = torch.zeros_like(Z)
    for _ in range(6):
        X = P_A(Z - U)
        Y = X + U
        Z = (rho * Y + P_C(Y)) / (1 + rho)
        U = Y - Z
    return X


def raar(x, P_C, P_A, beta=0.85):
    for _ in range(5):
        reflected = 2 * P_C(x) - x
        last = P_A(reflected)
        x = beta / 2 * ((2 * last - reflected) + x) + (1 - beta) * P_C(x)
    return last


def difference_map(x, P_C, P_A, beta=0.8):
    for _ in range(5):
        f_C = P_C(x) + (P_C(x) - x) / beta
        f_A = P_A(x) - (P_A(x) - x) / beta
        last = P_A(f_C)
        x = x + beta * (last - P_C(f_A))
    return last


@pytest.mark.parametrize(
    ("method", "definition"),
    [
        ("griffin_lim", griffin_lim),
        (Momentum(alpha=0.7), fast_griffin_lim),
        (Momentum(0.09, 1.1, 0.2), accelerated_griffin_lim),
        (Reflection(rho=0.15), admm),
        (Reflection(beta=0.85), raar),
        (DifferenceMap(0.8), difference_map),
    ],
)
def test_a_method_is_its_definition(method, definition):
    """The estimate after five iterations, in whole-spectrum formulas."""
    stft = STFT(128)
    A = stft.magnitude(tones())
    start = random_phase(A)
    expected = definition(start, lambda c: stft.project(c, LENGTH), lambda c: A * torch.exp(1j * c.angle()))
    y = invert_spectrogram(A, stft, method, 5, start, LENGTH)
    torch.testing.assert_close(y, stft.inverse(expected, LENGTH))


@pytest.mark.parametrize("rule", [Momentum(0.0), Momentum(0.0, 0.7, 1.0), Momentum(0.0, 1.35, 1.0)])
def test_a_momentum_of_zero_is_griffin_lim_to_the_bit(rule):
    stft = STFT(128)
    A = stft.magnitude(tones()).float()
    plain = invert_spectrogram(A, stft, "griffin_lim", 20, "zero")
    assert torch.equal(invert_spectrogram(A, stft, rule, 20, "zero"), plain)


def test_the_family_meets_where_it_should():
    """RAAR, ADMM and the difference map are Douglas-Rachford at (beta, rho, beta) = (1, 0, 1)."""
    stft = STFT(128)
    A = stft.magnitude(tones())
    start = random_phase(A)
    one = invert_spectrogram(A, stft, Reflection(0.0, 1.0), 6, start)
    torch.testing.assert_close(invert_spectrogram(A, stft, DifferenceMap(1.0), 6, start), one)


@pytest.mark.parametrize("consistent", [True, False])
@pytest.mark.parametrize("init", ["random", "zero"])
@pytest.mark.parametrize("n_fft", [128, 129])
def test_griffin_lims_error_never_rises(n_fft, init, consistent):
    stft = STFT(n_fft, 32)
    A = stft.magnitude(tones())
    if not consistent:
        A = torch.rand_like(A)
    errors = []

    def keep(step, convergence_db, signal):
        errors.append(both_sides(stft, stft.magnitude(signal()) - A))

    generator = torch.Generator().manual_seed(0)
    invert_spectrogram(A, stft, "griffin_lim", 60, init, LENGTH, generator, callback=keep)
    errors = torch.stack(errors)
    assert (errors[1:] <= errors[:-1] * (1 + 1e-12)).all()
    assert errors[-1] < 0.95 * errors[0]


@pytest.mark.parametrize("method", ["auto", *METHODS])
def test_a_solution_is_a_fixed_point(method):
    stft = STFT(128)
    x = tones(2)
    S = stft.forward(x)
    y = invert_spectrogram(S.abs(), stft, method, 20, S, LENGTH)
    torch.testing.assert_close(y, x, atol=1e-9, rtol=0)


@pytest.mark.parametrize("method", ["auto", "fast_griffin_lim", "accelerated_griffin_lim", "admm", "raar"])
@pytest.mark.parametrize("init", ["pghi", "random"])
def test_more_iterations_are_no_worse(method, init):
    stft = STFT(256)
    A = stft.magnitude(tones(3))

    def error(n):
        y = invert_spectrogram(A, stft, method, n, init, LENGTH, torch.Generator().manual_seed(0))
        return spectral_convergence(stft.forward(y), A)

    errors = [error(n) for n in (0, 8, 16, 32, 64)]
    assert all(b <= a for a, b in pairwise(errors))


def test_every_acceleration_is_faster_than_griffin_lim():
    stft = STFT(256)
    A = stft.magnitude(tones(3))

    def error(method):
        y = invert_spectrogram(A, stft, method, 60, "random", LENGTH, torch.Generator().manual_seed(0))
        return spectral_convergence(stft.forward(y), A)

    plain = error("griffin_lim")
    for method in ("fast_griffin_lim", "accelerated_griffin_lim", "admm", "auto"):
        assert error(method) < plain - 1
