"""The recursions' equations, as a device without kernels runs them, against the kernels on what is hard."""

import contextlib
import functools
import math

import pytest
import torch

from diffFx_pytorch.dsp import biquad
from diffFx_pytorch.kernels import precision
from diffFx_pytorch.recursion import (
    allpole,
    attack_release,
    feedback_delay,
    linear_recursion,
    sos_to_svf,
    sosfilt,
    svfilt,
)
from tests.without_kernels import without_kernels

LENGTHS = (0, 1, 2, 63, 64, 65, 700)
DTYPES = (torch.float32, torch.float64)


def noise(*shape, seed=0):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def results(call, inputs):
    """Outputs, and the gradient of each input, of a call that returns output and state."""
    leaves = [t.clone().requires_grad_() for t in inputs]
    outputs = call(*leaves)
    along = [noise(*y.shape, seed=n).to(y.dtype) for n, y in enumerate(outputs)]
    return [*(y.detach() for y in outputs), *torch.autograd.grad(outputs, leaves, along)]


def decibels(got, expected):
    """RMS error relative to the expected signal."""
    got, expected = got.double(), expected.double()
    if not got.numel():
        return -400.0
    return float(20 * torch.log10((got - expected).norm() / expected.norm().clamp_min(1e-30) + 1e-20))


def assert_equations_are_the_kernels(call, inputs, limit, of_state=None):
    """Every output and gradient within ``limit`` dB of that of the kernels in float64.

    The last state may be small beside those before, whose errors it has.
    """
    expected = results(call, [t.double() for t in inputs])
    with without_kernels():
        got = results(call, inputs)
    for n, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
        assert ours.shape == theirs.shape
        assert decibels(ours, theirs) < (of_state if of_state and n == 1 else limit), n


SECTIONS = {
    "20 Hz, Q 10": biquad.peak(torch.tensor([20.0, 20.0]).double(), 10.0, 12.0, 48000),
    "low-pass 20 Hz": biquad.low_pass(torch.full((4,), 20.0).double(), 0.7, 48000),
    "all over": biquad.peak(torch.tensor([30.0, 700.0, 23000.0]).double(), torch.tensor([0.1, 1.0, 10.0]), -9.0, 48000),
    "r = .9999": torch.tensor([[1, 0, 0, 2, -4 * 0.9999 * math.cos(0.0026), 2 * 0.9999**2]], dtype=torch.float64),
    "real, in pairs, at zero": torch.tensor(
        [[1, 0.3, 0.2, 1, -1.8, 0.81], [0.5, 1, 0, 1, 0, 0], [0, 0, 1, 1, -0.5, 0], [1, 0, 0, 1, 0, -0.98]]
    ).double(),
}


def sections(x, sos, zi, **options):
    return sosfilt(x, sos, zi, return_zf=True, **options)


def state_variable(x, svf, zi, **options):
    return svfilt(x, svf, zi, return_zf=True, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", LENGTHS)
def test_constant_sections(samples, dtype):
    sos = SECTIONS["all over"]
    zi = noise(2, 3, len(sos), 2)
    limit = -110 if dtype.itemsize == 4 else -220
    for shape in ((), (2, 1), (2, 3)):
        inputs = [noise(2, 3, samples).to(dtype), sos.expand(*shape, -1, -1), zi]
        assert_equations_are_the_kernels(sections, inputs, limit)
    assert_equations_are_the_kernels(state_variable, [inputs[0], sos_to_svf(sos), zi], limit)


@pytest.mark.parametrize("name", SECTIONS)
def test_constant_sections_that_are_hard(name):
    sos = SECTIONS[name]
    inputs = [noise(2, 20000).float(), sos, noise(len(sos), 2)]
    assert_equations_are_the_kernels(sections, inputs, -110)
    assert_equations_are_the_kernels(sections, [inputs[0].double(), *inputs[1:]], -180)
    with without_kernels(), torch.no_grad():
        y = sosfilt(inputs[0], sos)
    assert decibels(y, sosfilt(inputs[0].double(), sos)) < -130


def moving(hertz, q=10.0):
    """Sections at every sample, (T, 2, 6)."""
    return torch.stack([biquad.low_pass(hertz, q, 48000), biquad.peak(1.5 * hertz, q, 6.0, 48000)], -2)


def position(samples):
    return torch.arange(samples, dtype=torch.float64) / max(samples, 1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", [n for n in LENGTHS if n != 64])
def test_moving_sections(samples, dtype):
    sos = moving(200 * 30 ** position(samples), 2.0)
    limit = -105 if dtype.itemsize == 4 else -210
    for shape in ((), (2, 1), (2, 3)):
        own = (sos * 2).expand(*shape, *sos.shape).to(dtype)
        inputs = [noise(2, 3, samples).to(dtype), own, noise(2, 3, 2, 2)]
        assert_equations_are_the_kernels(functools.partial(sections, time_varying=True), inputs, limit)
        inputs[1] = sos_to_svf(own).to(dtype)
        assert_equations_are_the_kernels(functools.partial(state_variable, time_varying=True), inputs, limit)


SWEEPS = {
    "20 Hz": lambda t: 20 + 0 * t,
    "20 to 40 Hz": lambda t: 20 + 20 * t,
    "vibrato": lambda t: 1000 * 2 ** torch.sin(6 * t),
    "20 Hz to 15 kHz": lambda t: 20 * 750**t,
}


@pytest.mark.parametrize("name", SWEEPS)
def test_moving_sections_that_are_hard(name):
    samples = 12000
    sos = moving(SWEEPS[name](position(samples)))[:, :1]
    for call, coef in ((sections, sos), (state_variable, sos_to_svf(sos))):
        call, inputs = functools.partial(call, time_varying=True), [noise(2, samples).float(), coef, noise(2, 1, 2)]
        assert_equations_are_the_kernels(call, inputs, -100, of_state=-75)
        exact = call(inputs[0].double(), *inputs[1:])[0]
        with without_kernels(), torch.no_grad():
            assert decibels(call(*inputs)[0], exact) < -115


def test_control_points():
    at = torch.tensor([0, 100, 100, 900])
    svf = sos_to_svf(moving(torch.tensor([100.0, 3000.0, 50.0, 60.0]).double()))
    joined = functools.partial(svfilt, at=at, return_zf=True)
    inputs = [noise(2, 3, 900), svf.expand(2, 1, -1, -1, -1), noise(2, 3, 2, 2)]
    for dtype, limit in ((torch.float32, -100), (torch.float64, -200)):
        given = [inputs[0].to(dtype), *inputs[1:]]
        assert_equations_are_the_kernels(lambda x, svf, zi: joined(x, svf, zi), given, limit)


def test_unstable_sections_are_computed_as_given():
    sos = torch.tensor([[1, 0.5, 0.2, 1, -2 * 1.001 * math.cos(0.3), 1.001**2], [1, 0, 0, 1, -2, 1]]).double()
    assert_equations_are_the_kernels(sections, [noise(2, 3000), sos, noise(2, 2)], -180)


def test_sections_without_float64(monkeypatch):
    monkeypatch.setattr(precision, "WITHOUT_FLOAT64", {"cpu"})
    sos = SECTIONS["all over"].float()
    x = noise(2, 20000)
    expected = sosfilt(x, sos.double())
    with without_kernels():
        assert decibels(sosfilt(x.float(), sos), expected) < -90
        svf = sos_to_svf(SECTIONS["low-pass 20 Hz"]).float()
        assert decibels(svfilt(x.float(), svf), svfilt(x, svf.double())) < -110


def outputs(x, a, zi, **options):
    return allpole(x, a, zi, return_zf=True, **options)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("order", [1, 2, 3])
def test_constant_all_pole(order, samples, dtype):
    a = 0.3 * noise(2, 1, order, seed=1)
    limit = -110 if dtype.itemsize == 4 else -220
    for shape in ((), (2, 1)):
        inputs = [noise(2, 3, samples).to(dtype), a if shape else a[0, 0], noise(2, 3, order)]
        assert_equations_are_the_kernels(outputs, inputs, limit)


@pytest.mark.parametrize("radius", [0.5, 0.9999, 1.001])
@pytest.mark.parametrize("turn", [0.0, 0.0026, 1.0, 3.1])
def test_constant_all_pole_that_is_hard(radius, turn):
    a = torch.tensor([-2 * radius * math.cos(turn), radius**2], dtype=torch.float64)
    inputs = [noise(2, 20000 if radius < 1 else 3000).float(), a, noise(2, 2)]
    assert_equations_are_the_kernels(outputs, inputs, -110)
    assert_equations_are_the_kernels(outputs, [inputs[0].double(), *inputs[1:]], -140)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", [n for n in LENGTHS if n != 64])
@pytest.mark.parametrize("order", [1, 2, 3])
def test_moving_all_pole(order, samples, dtype):
    a = 0.3 * noise(2, 1, samples, order, seed=1).tanh()
    limit = -110 if dtype.itemsize == 4 else -220
    for shape in ((), (2, 1)):
        inputs = [noise(2, 3, samples).to(dtype), a if shape else a[0, 0], noise(2, 3, order)]
        assert_equations_are_the_kernels(functools.partial(outputs, time_varying=True), inputs, limit)


@pytest.mark.parametrize("name", SWEEPS)
def test_moving_all_pole_that_is_hard(name):
    sos = moving(SWEEPS[name](position(12000)))[:, 0]
    inputs = [noise(2, 12000).float(), sos[:, 4:] / sos[:, 3:4], noise(2, 2)]
    assert_equations_are_the_kernels(functools.partial(outputs, time_varying=True), inputs, -110)


def test_leave_to_round_products_is_not_taken():
    x, sos = noise(2, 2000).float(), SECTIONS["20 Hz, Q 10"]
    with without_kernels():
        exact = sosfilt(x, sos)
        given = torch.get_float32_matmul_precision()
        torch.set_float32_matmul_precision("high")
        try:
            with precision.exact_products(x.device):
                assert torch.backends.cuda.matmul.fp32_precision == "ieee"
            assert torch.get_float32_matmul_precision() == "high"
            with torch.autocast("cpu", dtype=torch.bfloat16):
                assert torch.equal(sosfilt(x, sos), exact)
        finally:
            torch.set_float32_matmul_precision(given)


def smoothed(x, attack, release, zi):
    return attack_release(x, attack, release, zi, return_zf=True)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("samples", LENGTHS)
@pytest.mark.parametrize("moving", [False, True])
def test_attack_release(samples, moving, dtype):
    shape = (2, 1, samples) if moving else (2, 1)
    attack, release = noise(*shape, seed=1).sigmoid(), 1 - 0.01 * noise(*shape, seed=2).sigmoid()
    x = noise(2, 3, samples).abs()
    x[..., samples // 2 :] = 0.0  # silence
    inputs = [x, attack, release, noise(2, 3).abs()]
    assert_equations_are_the_kernels(
        smoothed, [inputs[0].to(dtype), *inputs[1:]], -120 if dtype.itemsize == 4 else -240
    )


def test_attack_release_that_changes_at_every_sample():
    """A long wait for the last choice: a staircase that falls as fast as the level does."""
    x = (0.9 ** torch.arange(300, dtype=torch.float64)).expand(2, 300) * (1 + 1e-9 * noise(2, 300))
    a, r = torch.tensor([0.2, 0.9]).double(), torch.tensor([0.9, 0.2]).double()
    assert_equations_are_the_kernels(smoothed, [x, a, r, torch.ones(2).double()], -230)


def test_no_rows():
    with without_kernels():
        for call, *inputs in (
            (smoothed, noise(0, 9), *noise(2).sigmoid(), noise(0)),
            (sections, noise(0, 9), SECTIONS["all over"], noise(0, 3, 2)),
        ):
            assert all(y.isfinite().all() for y in results(call, inputs))


def test_attack_release_without_float64(monkeypatch):
    monkeypatch.setattr(precision, "WITHOUT_FLOAT64", {"cpu"})
    inputs = [noise(2, 3000).abs().float(), torch.tensor(0.99), torch.tensor(0.999), torch.zeros(2)]
    assert_equations_are_the_kernels(smoothed, inputs, -90)


@pytest.mark.parametrize("equation", [False, True])
def test_an_all_pass_close_to_the_present_loses_what_cancels(equation):
    """The gradient of a feedback is a sum over all samples: where it is small, its digits are those of the terms."""
    x, delay = noise(1, 400), torch.tensor(1.2, dtype=torch.float64)
    terms = []
    for dtype in (torch.float64, torch.float32):
        feedback = torch.full((1, 400), 0.5, dtype=torch.float64, requires_grad=True)
        with without_kernels() if equation else contextlib.nullcontext():
            y = feedback_delay(x.to(dtype), delay, feedback, interpolation="allpass")
            (y * x.to(dtype).flip(-1)).sum().backward()
        terms.append(feedback.grad)
    exact, found = terms
    assert (found - exact).sum().abs() <= 1e-7 * exact.abs().sum()


@pytest.mark.parametrize("moving", [False, True])
def test_state_space(moving):
    """States of float64 whatever the sound is."""
    A = 0.3 * noise(*((2, 40) if moving else ()), 3, 3)
    for dtype, limit in ((torch.float32, -110), (torch.float64, -230)):
        assert_equations_are_the_kernels(_vectors, [noise(2, 40, 3).to(dtype), A.to(dtype), noise(2, 3)], limit)


def _vectors(u, A, zi):
    return linear_recursion(u, A, zi, return_zf=True)
