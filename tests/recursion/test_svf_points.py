"""State variable sections between control points: the dense equation, its derivatives, and how exact the joins are."""

import math

import pytest
import torch

from diffFx_pytorch.dsp import biquad
from diffFx_pytorch.recursion import ControlPoints, filter_sections, join_points, sos_to_svf, svfilt
from diffFx_pytorch.recursion.ops.svf_points import svf_points
from tests.kernels.operator_contract import check_operator

pytestmark = pytest.mark.usefixtures("poisoned_memory")

RATE = 44100


def error(got, expected):
    return ((got.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-30)).item()


def error_db(got, expected):
    return 20 * math.log10(error(got, expected) + 1e-20)


def random_points(*batch, signs=True):
    """Points with zeros, changes of sign, equal neighbours and jumps over sixty decades among them."""
    g, r = torch.rand(2, *batch, dtype=torch.float64).add(0.05).unbind(0)
    svf = torch.cat([torch.stack([g, r], -1), torch.randn(*batch, 3, dtype=torch.float64)], -1)
    if signs:
        svf[..., 2::5, :, 2] = 0
        svf[..., 3::7, :, 3:] = svf[..., 2::7, :, 3:][..., : svf[..., 3::7, :, :].shape[-3], :, :]
        svf[..., 5::6, :, 4] *= 1e-30
        svf[..., 4::6, :, 0] *= 100
    return svf


def irregular(T, F=12):
    """Positions with repeats and neighbours, some before the first sample and after the last."""
    at = torch.sort(torch.randint(-9, T + 9, (F,)))[0]
    at[0], at[-1] = min(int(at[0]), -4), max(int(at[-1]), T + 2)
    at[3] = at[2]
    at[6] = at[5] + 1 if at[5] + 1 <= at[7] else at[5]
    return at


def dense(x, points, at, zi=None):
    return svfilt(x, join_points(points.double(), at, x.shape[-1]), zi, True, time_varying=True)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("T", [0, 1, 31, 32, 33, 700])
@pytest.mark.parametrize(("rows", "shared"), [(1, False), (2, True), (3, False), (9, True), (11, False)])
def test_the_kernel_is_the_dense_filter_by_name(rows, shared, T, dtype):
    at = irregular(T, 12 if T < 100 else 40)
    inputs = {
        "x": torch.randn(rows, T, dtype=dtype),
        "svf": random_points(1 if shared else rows, len(at), 3),
        "zi": torch.randn(rows, 3, 2, dtype=torch.float64),
    }
    ours, theirs = ([v.clone().requires_grad_() for v in inputs.values()] for _ in range(2))
    outputs = svfilt(*ours, return_zf=True, at=at)
    truths = dense(*theirs[:2], at, theirs[2])
    close = 1e-11 if dtype == torch.float64 else 1e-6
    for name, got, true in zip(("y", "zf"), outputs, truths, strict=True):
        assert error(got, true) < close, name
    along = [torch.randn_like(v) for v in outputs]
    grads, expected = torch.autograd.grad(outputs, ours, along), torch.autograd.grad(truths, theirs, along)
    for name, grad, truth in zip(inputs, grads, expected, strict=True):
        assert error(grad, truth) < close, name
        assert torch.isfinite(grad).all(), name


def test_points_in_float32_get_their_gradients_in_float32():
    x, at = torch.randn(2, 100), irregular(100)
    points = random_points(1, 12, 2).float().requires_grad_()
    y = svfilt(x, points, at=at)
    (grad,) = torch.autograd.grad(y.sum(), points)
    wide = points.detach().double().requires_grad_()
    (truth,) = torch.autograd.grad(svfilt(x.double(), wide, at=at).sum(), wide)
    assert grad.dtype == torch.float32
    assert error(grad, truth) < 1e-5


@pytest.mark.slow
def test_the_contract_of_operators():
    at = torch.tensor([-2, 1, 1, 2, 5])
    points = random_points(1, 5, 2, signs=False)
    check_operator(svf_points, torch.randn(2, 2, 5), points, at, torch.randn(1, 2, 2, 2))


def test_zeros_and_changes_of_sign_have_derivatives():
    at = torch.tensor([0, 3, 3, 6])
    points = random_points(4, 1, signs=False)
    points[:, 0, 2] = torch.tensor([0.0, 1.0, -1.0, 2.0])
    points[:, 0, 3] = torch.tensor([-1.0, -2.0, 0.5, 0.0])
    inputs = torch.randn(7, dtype=torch.float64), points, torch.randn(1, 2, dtype=torch.float64)
    inputs = [t.requires_grad_() for t in inputs]
    assert torch.autograd.gradcheck(lambda x, p, zi: svfilt(x, p, zi, True, at=at), inputs, eps=1e-7, atol=1e-4)


def test_rows_with_positions_of_their_own():
    x, points = torch.randn(3, 50, dtype=torch.float64), random_points(12, 2)
    at = torch.stack([irregular(50) for _ in range(3)])

    def run(x, points, at):
        return svf_points(x, points, at, x.new_zeros(2, 2))[0]

    batched = torch.func.vmap(run, (0, None, 0))(x, points, at)
    grads = torch.func.vmap(torch.func.grad(lambda *a: run(*a).square().sum(), 1), (0, None, 0))(x, points, at)
    for n in range(3):
        own = points.clone().requires_grad_()
        y = run(x[n], own, at[n])
        assert error(batched[n], y) < 1e-13
        assert error(grads[n], torch.autograd.grad(y.square().sum(), own)[0]) < 1e-12


@pytest.mark.parametrize("T", [1, 32, 33, 500])
def test_channels_share_points_and_their_gradient_is_the_sum(T):
    x, at = torch.randn(4, 2, T, dtype=torch.float64), irregular(T)
    points = random_points(4, 1, 12, 2).requires_grad_()
    y = svfilt(x, points, at=at)
    apart = svfilt(x, points.expand(4, 2, 12, 2, 5).contiguous(), at=at)
    assert torch.allclose(y, apart, atol=1e-13)
    (grad,) = torch.autograd.grad(y.square().sum(), points)
    (truth,) = torch.autograd.grad(apart.square().sum(), points)
    assert error(grad, truth) < 1e-13


def test_blocks_are_the_whole():
    T, period = 1000, 32
    x = torch.randn(2, T, dtype=torch.float64)
    grid = torch.arange(0, T + period, period)
    points = random_points(1, len(grid), 3)
    whole, last = svfilt(x, points, return_zf=True, at=grid)
    state, pieces, start = None, [], 0
    for size in (1, 30, 1, 64, 200, 7, 697):
        first = int(torch.searchsorted(grid, start, right=True)) - 1
        end = int(torch.searchsorted(grid, start + size - 1))
        own = slice(first, end + 1)
        block = x[:, start : start + size]
        y, state = svfilt(block, points[:, own], state, return_zf=True, at=grid[own] - start)
        pieces.append(y)
        start += size
    assert start == T
    assert error(torch.cat(pieces, -1), whole) < 1e-12
    assert error(state, last) < 1e-12


def test_a_jump_is_exact():
    x, a, b = torch.randn(1, 90, dtype=torch.float64), *random_points(2, 1, 2)
    y = svfilt(x, torch.cat([a, a, b, b])[None], at=torch.tensor([0, 40, 40, 89]))
    steps = torch.cat([a.expand(40, 2, 5), b.expand(50, 2, 5)])
    assert error(y, svfilt(x, steps[None])) < 1e-14


def test_the_state_stays_bounded_however_far_coefficients_jump():
    T = 4000
    at = torch.sort(torch.randint(0, T, (400,)))[0]
    at[0], at[-1] = 0, T
    g, r = 10 ** (12 * torch.rand(2, 400, 1, dtype=torch.float64) - 6)
    zero, one = torch.zeros_like(g), torch.ones_like(g)
    points = torch.stack([g, r, zero, zero, one], -1)
    x = torch.zeros(1, T, dtype=torch.float64)
    state = torch.tensor([[[1.0, -2.0]]], dtype=torch.float64)
    for cut in range(0, T, 500):
        first = int(torch.searchsorted(at, cut, right=True)) - 1
        block = x[:, cut : cut + 500]
        _, after = svfilt(block, points[None, first:], state, return_zf=True, at=at[first:] - cut)
        assert after.norm() <= state.norm() * (1 + 1e-9)
        state = after


def test_constant_points_are_the_constant_filter():
    x, svf = torch.randn(2, 500), sos_to_svf(biquad.peak(torch.tensor([40.0, 9000.0]), 2.0, 6.0, RATE))
    y = svfilt(x, svf.expand(1, 3, 2, 5), at=torch.tensor([-7, 100, 499]))
    assert error_db(y, svfilt(x, svf)) < -135


def test_silence_after_a_sound_ends_in_exact_zeros():
    x = torch.zeros(2, 40000)
    x[:, 0] = 1
    svf = sos_to_svf(biquad.peak(1000.0, 2.0, 6.0, RATE))
    _, zf = svfilt(x, svf.expand(1, 2, 1, 5), return_zf=True, at=torch.tensor([0, 40000]))
    assert torch.equal(zf, torch.zeros_like(zf))


def test_compiled():
    x, points, at = torch.randn(2, 50), random_points(1, 12, 2), irregular(50)
    run = torch.compile(lambda x, p: svfilt(x, p, at=at), fullgraph=True, backend="aot_eager")
    assert torch.equal(run(x, points), svfilt(x, points, at=at))


# What the joins cost in accuracy: coefficients at control points beside those of every sample.


def grid_of(period, samples, corners=()):
    """The multiples of a period, and the sample of each corner and the next."""
    marks = [c for corner in corners for c in (math.floor(corner), math.floor(corner) + 1)]
    return torch.tensor(sorted({*range(0, samples + period, period), *marks}))


def at_points_and_everywhere(design, period, samples, corners=()):
    """The loss in dB of joining what ``design`` gives at fractional sample times; 0 dB is the signal."""
    x = torch.randn(1, samples, dtype=torch.float64)
    at = grid_of(period, samples, corners)
    everywhere = sos_to_svf(design(torch.arange(samples, dtype=torch.float64)))
    return error_db(svfilt(x, sos_to_svf(design(at.double()))[None], at=at), svfilt(x, everywhere[None]))


def sweep(t, q=10.0, design="matched"):
    """A peak from 100 Hz to 10 kHz in 50 ms from sample 1000.3 on."""
    octave = ((t - 1000.3) / (0.05 * RATE)).clamp(0, 1)
    return biquad.peak(100.0 * 100.0**octave, q, 12.0, RATE, design)[:, None]


def wide_sweep(t):
    return sweep(t, 0.7, "bilinear")


def gains(t):
    """A gain that moves 24 dB in 10 ms."""
    gain = -12 + 24 * ((t - 1000.3) / (0.01 * RATE)).clamp(0, 1)
    return biquad.peak(torch.full_like(t, 1000.0), 0.7, gain, RATE, "bilinear")[:, None]


def vibrato(t):
    """A peak that an oscillator of 20 Hz moves over an octave."""
    return biquad.peak(1000.0 * 2 ** (0.5 * torch.sin(2 * math.pi * 20 / RATE * t)), 0.7, 12.0, RATE, "bilinear")[
        :, None
    ]


@pytest.mark.parametrize(("period", "floor_db"), [(32, -80), (8, -100)])
@pytest.mark.parametrize(("design", "ms"), [(sweep, 50), (wide_sweep, 50), (gains, 10)])
def test_moves_with_their_corners_as_points_are_as_at_every_sample(design, ms, period, floor_db):
    corners = (1000.3, 1000.3 + ms / 1000 * RATE)
    assert at_points_and_everywhere(design, period, 8000, corners) < floor_db


def test_frequencies_between_points_are_a_straight_line_in_octaves():
    w = torch.linspace(0, 1, 101, dtype=torch.float64)
    points = torch.zeros(2, 1, 5, dtype=torch.float64)
    for low, high in ((0.02, 0.022), (0.2, 0.22), (0.4, 0.42), (0.45, 0.455)):
        points[:, 0, 0] = torch.tan(math.pi * torch.tensor([low, high], dtype=torch.float64))
        g = join_points(points, torch.tensor([0, 100]), 101)[:, 0, 0]
        straight = low * (high / low) ** w
        unbent = torch.atan(points[0, 0, 0] ** (1 - w) * points[1, 0, 0] ** w) / math.pi
        off, unbent_off = ((f / straight).log().abs().max() for f in (torch.atan(g) / math.pi, unbent))
        assert off < 0.1 * unbent_off


@pytest.mark.parametrize(("period", "floor_db"), [(32, -72), (8, -96)])
def test_an_oscillator_between_points_is_as_close_as_its_curvature_allows(period, floor_db):
    assert at_points_and_everywhere(vibrato, period, 8000) < floor_db


# Sections as biquads.


def test_blocks_at_points_and_constant_blocks_go_on_from_each_other():
    x = torch.randn(1, 2, 900, dtype=torch.float64)
    sos = biquad.peak(torch.tensor([200.0, 3000.0]), 1.0, 6.0, RATE)[None, None, None]
    whole, _ = filter_sections(x, sos)
    state, pieces = None, []
    for n, block in enumerate(x.split(150, -1)):
        points = ControlPoints(sos.expand(1, 1, 2, 2, 6), torch.tensor([0, 149]))
        y, state = filter_sections(block, points if n % 2 else sos, state)
        pieces.append(y)
    assert error_db(torch.cat(pieces, -1), whole) < -200


def test_sections_at_points_are_joined_as_state_variables():
    x = torch.randn(2, 2, 200)
    sos = biquad.peak(torch.tensor([100.0, 400.0, 4000.0]), 1.0, 6.0, RATE)[None, None, :, None]
    at = torch.tensor([0, 70, 199])
    y, state = filter_sections(x, ControlPoints(sos, at))
    expected, zf = svfilt(x, sos_to_svf(sos), return_zf=True, at=at)
    assert torch.equal(y, expected)
    assert torch.equal(state["svf"], zf)


def test_bad_input_is_named():
    x, points = torch.randn(10), torch.rand(3, 1, 5)
    for at, message in (
        (torch.tensor([0, 5, 8]), "span the samples 0 to 9"),
        (torch.tensor([1, 5, 9]), "span the samples 0 to 9"),
        (torch.tensor([0, 5, 4]), "must not decrease"),
        (torch.tensor([0, 9]), "has 3 points"),
    ):
        with pytest.raises(ValueError, match=f"svfilt: .*{message}"):
            svfilt(x, points, at=at)
    with pytest.raises(TypeError, match="svfilt: at must be a tensor of int64"):
        svfilt(x, points, at=torch.tensor([0.0, 5.0, 9.0]))
    with pytest.raises(ValueError, match=r"svfilt: svf must be \(\.\.\., K, 5\)"):
        svfilt(x, torch.rand(3, 1, 6), at=torch.tensor([0, 5, 9]))
