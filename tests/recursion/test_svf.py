"""State variable sections: the biquads they stand for when constant, and never an explosion when time-varying."""

import numpy as np
import pytest
import scipy.signal
import torch

from diffFx_pytorch.dsp import biquad
from diffFx_pytorch.recursion.fallback.sections import cascade, svf_matrices
from diffFx_pytorch.recursion.ops.sections import sosfilt
from diffFx_pytorch.recursion.ops.svf import sos_to_svf, svf_to_sos, svfilt
from tests.recursion.reference.sections import svfilt_loop

DTYPES = (torch.float32, torch.float64)


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def error(got, expected):
    return ((got.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-30)).item()


def error_db(got, expected):
    return 20 * np.log10(error(got, expected) + 1e-20)


def some_sections():
    """A peak, a first-order high-pass, real and complex poles, and a0 not 1."""
    sections = [
        biquad.peak(1000.0, 2.0, 6.0, 44100),
        biquad.high_pass_first_order(200.0, 44100),
        biquad.low_shelf(300.0, 0.1, -9.0, 44100),
        3 * biquad.low_pass(15000.0, 5.0, 44100, "bilinear"),
    ]
    return torch.stack(sections)


def random_svf(*lead):
    g, r = torch.rand(2, *lead, dtype=torch.float64).add(0.05).unbind(0)
    return torch.cat([torch.stack([g, r], -1), torch.randn(*lead, 3, dtype=torch.float64)], -1)


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("time_varying", [False, True])
def test_constant_coefficients_are_the_biquad(dtype, time_varying):
    x, sos = torch.randn(3, 1000, dtype=dtype), some_sections()
    svf = sos_to_svf(sos)
    y = svfilt(x, svf.expand(1000, 4, 5) if time_varying else svf, time_varying=time_varying)
    expected = torch.from_numpy(scipy.signal.sosfilt((sos / sos[:, 3:4]).numpy(), x.double().numpy()))
    assert y.dtype == dtype
    assert error_db(y, expected) < (-135 if dtype == torch.float32 else -230)


def test_forms_convert_both_ways():
    sos = some_sections()
    assert error(svf_to_sos(sos_to_svf(sos)), sos / sos[:, 3:4]) < 1e-13
    assert error(sos_to_svf(svf_to_sos(random_svf(7))), sos_to_svf(svf_to_sos(random_svf(7)))) > 0.1
    svf = random_svf(7)
    assert error(sos_to_svf(svf_to_sos(svf)), svf) < 1e-12
    assert torch.autograd.gradcheck(sos_to_svf, sos.requires_grad_(), atol=1e-4)


@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000])
def test_float32_audio_within_120_db_of_scipy_over_the_whole_range(sample_rate):
    freqs = torch.tensor([20.0, 100.0, 0.1 * sample_rate, 0.49 * sample_rate]).double()
    qs = torch.tensor([0.1, 0.7071, 10.0]).double()
    f, q = (v.reshape(-1) for v in torch.meshgrid(freqs, qs, indexing="ij"))
    sos = torch.cat([biquad.peak(f, q, 12.0, sample_rate), biquad.high_pass(f, q, sample_rate)])[:, None]
    x = torch.randn(6000)
    y = svfilt(x, sos_to_svf(sos), time_varying=False)
    for row, section in zip(y, sos, strict=True):
        assert error_db(row, torch.from_numpy(scipy.signal.sosfilt(section.numpy(), x.double().numpy()))) < -120


def test_coefficients_that_jump_at_every_sample_let_the_sound_decay_where_the_direct_form_explodes():
    T, radius = 20000, 0.9
    theta = np.pi * (0.1 + 0.8 * torch.rand(T, dtype=torch.float64))
    a1, a2 = -2 * radius * torch.cos(theta), torch.full_like(theta, radius**2)
    one, zero = torch.ones_like(a1), torch.zeros_like(a1)
    sos = torch.stack([one, zero, zero, one, a1, a2], -1)[:, None]
    x = torch.zeros(T, dtype=torch.float64)
    x[0] = 1
    assert not torch.isfinite(sosfilt(x, sos)).all()
    y = svfilt(x, sos_to_svf(sos))
    assert torch.isfinite(y).all()
    assert y[-1000:].abs().max() < 1e-12


def test_a_fast_oscillator_on_a_sharp_resonance_stays_bounded_where_the_direct_form_explodes():
    T, radius = 44100, 0.999
    t = torch.arange(T, dtype=torch.float64) / 44100
    theta = np.pi * (0.05 + 0.045 * torch.sin(2 * np.pi * 100 * t))
    one, zero = torch.ones_like(t), torch.zeros_like(t)
    sos = torch.stack([one, zero, zero, one, -2 * radius * torch.cos(theta), radius**2 * one], -1)[:, None]
    x = torch.zeros(T, dtype=torch.float64)
    x[0] = 1
    direct = sosfilt(x, sos)
    assert not direct.abs().max() < 1e6
    svf = sos_to_svf(sos)
    y = svfilt(x, svf)
    assert y.abs().max() < 1e3
    assert y[-4410:].abs().max() < 1e-10


def test_the_state_never_grows_without_input():
    T = 500
    svf = torch.cat([10 ** (6 * torch.rand(T, 1, 2) - 3), torch.randn(T, 1, 3)], -1).double()
    state = torch.tensor([[1.0, -2.0]], dtype=torch.float64)
    for t in range(T):
        _, after = svfilt(torch.zeros(1, dtype=torch.float64), svf[t : t + 1], state, return_zf=True)
        assert after.norm() <= state.norm() * (1 + 1e-12)
        state = after


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize(("rows", "T", "K"), [(1, 1, 1), (1, 150, 3), (9, 129, 2)])
def test_output_states_and_gradients_are_the_loops_by_name(rows, T, K, time_varying):
    inputs = {
        "x": torch.randn(rows, T, dtype=torch.float64),
        "svf": random_svf(rows, T, K) if time_varying else random_svf(rows, K),
        "zi": torch.randn(rows, K, 2, dtype=torch.float64),
    }
    ours, loops = ([v.clone().requires_grad_() for v in inputs.values()] for _ in range(2))
    outputs, expected = svfilt(*ours, return_zf=True), svfilt_loop(*loops, time_varying)
    for name, got, true in zip(("y", "zf"), outputs, expected, strict=True):
        assert error(got, true) < 1e-12, name
    along = [torch.randn_like(v) for v in outputs]
    grads = torch.autograd.grad(outputs, ours, along)
    truths = torch.autograd.grad(expected, loops, along)
    for name, grad, truth in zip(inputs, grads, truths, strict=True):
        assert error(grad, truth) < 1e-11, name


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("T", [1, 7, 100])
def test_the_plain_path_is_the_loop(T, time_varying):
    x, zi = torch.randn(3, T, dtype=torch.float64), torch.randn(3, 2, 2, dtype=torch.float64)
    svf = random_svf(3, T, 2) if time_varying else random_svf(3, 2)
    got = cascade(x, svf_matrices(svf if time_varying else svf[:, None]), zi)
    for g, e in zip(got, svfilt_loop(x, svf, zi, time_varying), strict=True):
        assert error(g, e) < 1e-12


def test_channels_share_moving_coefficients_and_their_gradient_is_the_sum():
    x, svf = torch.randn(2, 3, 80, dtype=torch.float64), random_svf(2, 1, 80, 2).requires_grad_()
    y = svfilt(x, svf)
    apart = svfilt(x, svf.expand(2, 3, 80, 2, 5).contiguous())
    assert torch.allclose(y, apart, atol=1e-13)
    (grad,) = torch.autograd.grad(y.square().sum(), svf)
    (truth,) = torch.autograd.grad(apart.square().sum(), svf)
    assert error(grad, truth) < 1e-13


@pytest.mark.parametrize("dtype", DTYPES)
def test_blocks_that_pass_their_states_on_are_one_pass(dtype):
    x, svf = torch.randn(3, 1000, dtype=dtype), random_svf(1000, 2)
    whole, last = svfilt(x, svf, return_zf=True, time_varying=True)
    state, pieces = None, []
    for part in ((0, 1), (1, 65), (65, 65), (65, 1000)):
        cut = slice(*part)
        y, state = svfilt(x[:, cut], svf[cut], state, return_zf=True, time_varying=True)
        pieces.append(y)
    assert error_db(torch.cat(pieces, -1), whole) < -120
    assert error(state, last) < 1e-14


def test_float32_gradients_are_close_to_those_of_float64():
    svf = sos_to_svf(biquad.peak(torch.tensor([40.0, 700.0, 9000.0]), 2.0, 6.0, 44100)).expand(5000, 3, 5)
    x = torch.randn(2, 5000, dtype=torch.float64)
    grads = {}
    for dtype in DTYPES:
        inputs = [x.to(dtype).requires_grad_(), svf.clone().requires_grad_()]
        grads[dtype] = torch.autograd.grad(svfilt(*inputs, time_varying=True).sin().sum(), inputs)
    for name, got, expected in zip(("x", "svf"), *grads.values(), strict=True):
        assert error(got, expected) < 1e-4, name


@pytest.mark.parametrize("time_varying", [False, True])
def test_first_and_second_derivatives_match_finite_differences(time_varying):
    svf = (random_svf(4, 2) if time_varying else random_svf(2)).requires_grad_()
    x = torch.randn(2, 4, dtype=torch.float64, requires_grad=True)
    zi = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)

    def f(x, svf, zi):
        return svfilt(x, svf, zi, return_zf=True, time_varying=time_varying)

    assert torch.autograd.gradcheck(f, (x, svf, zi), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(f, (x, svf, zi), fast_mode=True)


def test_function_transforms_and_compile():
    x, svf = torch.randn(3, 40, dtype=torch.float64), random_svf(40, 2)

    def loss(x, svf):
        return svfilt(x, svf).square().sum()

    c = svf.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(x[0], c), c)
    per_item = torch.func.vmap(torch.func.grad(loss, 1), (0, None))(x, svf)
    assert error(per_item[0], expected) < 1e-12
    compiled = torch.compile(lambda x, svf: svfilt(x, svf, time_varying=True), fullgraph=True, backend="aot_eager")
    assert torch.equal(compiled(x, svf), svfilt(x, svf, time_varying=True))


def test_silence_after_a_sound_ends_in_exact_zeros():
    x = torch.zeros(2, 40000)
    x[:, 0] = 1
    _, zf = svfilt(x, sos_to_svf(some_sections()[:1]), return_zf=True)
    assert torch.equal(zf, torch.zeros_like(zf))


def test_bad_input_is_named():
    with pytest.raises(ValueError, match=r"svfilt: svf must be \(\.\.\., K, 5\)"):
        svfilt(torch.randn(10), torch.zeros(2, 6))
    with pytest.raises(TypeError, match="svfilt"):
        svfilt(torch.arange(10), torch.zeros(2, 5))
