"""Second-order sections against scipy, the loop of the paper and themselves: exact in every shape, at every pole."""

import numpy as np
import pytest
import scipy.signal
import torch

from diffFx_pytorch.dsp import biquad
from diffFx_pytorch.recursion.fallback.sections import cascade, sections_matrices
from diffFx_pytorch.recursion.ops import sections
from diffFx_pytorch.recursion.ops.sections import sosfilt
from diffFx_pytorch.recursion.ops.svf import svfilt
from tests.recursion.reference.sections import sosfilt_loop

DTYPES = (torch.float32, torch.float64)


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def cascade_of(count, low=0.02, high=0.4):
    """Stable sections of all kinds, a0 not 1."""
    edges = np.linspace(low, high, count)
    kinds = ("lowpass", "highpass")
    sos = np.vstack([scipy.signal.butter(2, w, kinds[i % 2], output="sos") for i, w in enumerate(edges)])
    return torch.tensor(sos * np.linspace(0.5, 2.0, count)[:, None])


def resonator(radius, theta):
    return torch.tensor([1.0, 0.0, 0.0, 1.0, -2 * radius * np.cos(theta), radius**2], dtype=torch.float64)[None]


def scipy_filter(x, sos, zi=None):
    """scipy in float64, its states with the sections before the last axis as ours."""
    sos, x = (sos / sos[:, 3:4]).double().numpy(), x.detach().double().numpy()
    if zi is None:
        return torch.from_numpy(scipy.signal.sosfilt(sos, x))
    y, zf = scipy.signal.sosfilt(sos, x, zi=np.moveaxis(zi.detach().double().numpy(), -2, 0))
    return torch.from_numpy(y), torch.from_numpy(np.moveaxis(zf, 0, -2))


def error_db(got, expected):
    return 20 * torch.log10((got.double() - expected).norm() / expected.norm() + 1e-20)


def error(got, expected):
    return ((got.double() - expected.double()).norm() / expected.double().norm().clamp_min(1e-30)).item()


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize(
    ("rows", "T", "K"), [(1, 1, 1), (3, 127, 2), (5, 128, 3), (17, 261, 6), (1, 18000, 2), (5, 3000, 4), (8, 9, 1)]
)
def test_output_and_states_are_scipys(rows, T, K, time_varying, dtype):
    x, sos, zi = torch.randn(rows, T, dtype=dtype), cascade_of(K), torch.randn(rows, K, 2, dtype=torch.float64)
    y, zf = sosfilt(x, sos.expand(rows, T, K, 6) if time_varying else sos, zi, return_zf=True)
    expected = scipy_filter(x, sos, zi)
    limit = -135 if dtype == torch.float32 else -240
    assert (y.dtype, zf.dtype) == (dtype, torch.float64)
    assert error_db(y, expected[0]) < limit
    assert error_db(zf, expected[1]) < -220


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize(("rows", "T", "K"), [(2, 1, 1), (2, 150, 3), (5, 129, 2)])
def test_gradients_are_the_loops_by_name(rows, T, K, time_varying):
    sos = cascade_of(K).expand(rows, K, 6)
    if time_varying:
        sos = sos[:, None] * (1 + 0.02 * torch.randn(rows, T, K, 6))
    inputs = {
        "x": torch.randn(rows, T, dtype=torch.float64),
        "sos": sos.contiguous(),
        "zi": torch.randn(rows, K, 2, dtype=torch.float64),
    }
    ours, loops = ([v.clone().requires_grad_() for v in inputs.values()] for _ in range(2))
    outputs, expected = sosfilt(*ours, return_zf=True), sosfilt_loop(*loops, time_varying)
    along = [torch.randn_like(v) for v in outputs]
    grads = torch.autograd.grad(outputs, ours, along)
    truths = torch.autograd.grad(expected, loops, along)
    for name, grad, truth in zip(inputs, grads, truths, strict=True):
        assert error(grad, truth) < 1e-11, name


@pytest.mark.parametrize("gain", [0.0, 1e-9, -3.0, 1e30])
def test_gains_of_sections_of_any_size_and_sign(gain):
    """The kernel gathers them in the first section where it can, and must find its way back."""
    sos = cascade_of(3) / cascade_of(3)[:, 3:4]
    sos[1, 0] *= gain
    x, zi = torch.randn(2, 200, dtype=torch.float64), torch.randn(2, 3, 2, dtype=torch.float64)
    ours, loops = ([v.clone().requires_grad_() for v in (x, sos, zi)] for _ in range(2))
    outputs, expected = sosfilt(*ours, return_zf=True), sosfilt_loop(*loops, False)
    assert all(error(got, truth) < 1e-12 for got, truth in zip(outputs, expected, strict=True))
    along = [torch.randn_like(v) for v in outputs]
    grads, truths = torch.autograd.grad(outputs, ours, along), torch.autograd.grad(expected, loops, along)
    assert all(error(got, truth) < 1e-11 for got, truth in zip(grads, truths, strict=True))


@pytest.mark.parametrize("time_varying", [False, True])
def test_float32_gradients_are_close_to_those_of_float64(time_varying):
    T, sos = 8000, biquad.peak(torch.tensor([40.0, 700.0, 9000.0]), 2.0, 6.0, 44100)
    sos = sos.expand(T, 3, 6).contiguous() if time_varying else sos
    x = torch.randn(2, T, dtype=torch.float64)
    grads = {}
    for dtype in DTYPES:
        inputs = [x.to(dtype).requires_grad_(), sos.clone().requires_grad_()]
        y = sosfilt(*inputs, time_varying=time_varying)
        grads[dtype] = torch.autograd.grad(y.sin().sum(), inputs)
    for name, got, expected in zip(("x", "sos"), *grads.values(), strict=True):
        assert error(got, expected) < 1e-4, name


@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000])
@pytest.mark.parametrize("design", ["matched", "bilinear"])
def test_float32_audio_within_120_db_of_scipy_over_the_whole_range(design, sample_rate):
    freqs = torch.tensor([20.0, 100.0, 0.1 * sample_rate, 0.49 * sample_rate]).double()
    qs = torch.tensor([0.1, 0.7071, 10.0]).double()
    f, q = (v.reshape(-1) for v in torch.meshgrid(freqs, qs, indexing="ij"))
    designs = [biquad.peak(f, q, 12.0, sample_rate, design), biquad.low_pass(f, q, sample_rate, design)]
    designs += [biquad.high_shelf(f, q, -24.0, sample_rate, design), biquad.high_pass(f, q, sample_rate, design)]
    sos = torch.cat(designs)[:, None]
    x = torch.randn(12000)
    constant = sosfilt(x, sos, time_varying=False)
    moved = sosfilt(x[:3000], sos[:, None].expand(-1, 3000, 1, 6), time_varying=True)
    for row, section in enumerate(sos):
        expected = scipy_filter(x, section)
        assert error_db(constant[row], expected) < -120
        assert error_db(moved[row], expected[:3000]) < -120


@pytest.mark.parametrize("order", [8, 12, 16])
def test_high_order_butterworth_in_float32(order):
    x = torch.randn(2, 30000)
    for cutoff in (0.01, 0.2):
        sos = torch.from_numpy(scipy.signal.butter(order, cutoff, output="sos"))
        assert error(sosfilt(x, sos), scipy_filter(x, sos)) < 1e-6


@pytest.mark.parametrize("radius", [0.99, 0.999, 0.9999, 0.99999])
@pytest.mark.parametrize("T", [1000, pytest.param(40_000, marks=pytest.mark.slow), 150_001])
def test_poles_near_the_unit_circle_however_the_signal_is_cut(radius, T):
    for theta in (2 * np.pi * 20 / 44100, 0.5, 3.1):
        sos, x = resonator(radius, theta).repeat(2, 1), torch.randn(1, T)
        got = sosfilt(x, sos)
        assert error_db(got, scipy_filter(x, sos)) < -120


@pytest.mark.parametrize("dtype", DTYPES)
@pytest.mark.parametrize("time_varying", [False, True])
def test_blocks_that_pass_their_states_on_are_one_pass(dtype, time_varying):
    T, K = 5000, 4
    x, sos = torch.randn(3, T, dtype=dtype), cascade_of(K, 0.001)
    sos = sos.expand(3, T, K, 6) if time_varying else sos
    whole, last = sosfilt(x, sos, return_zf=True)
    state, pieces, at = None, [], 0
    for size in (1, 63, 64, 65, 0, 1000, 3807):
        part = sos[:, at : at + size] if time_varying else sos
        y, state = sosfilt(x[:, at : at + size], part, state, return_zf=True)
        pieces.append(y)
        at += size
    assert at == T
    assert error_db(torch.cat(pieces, -1), whole.double()) < -120
    assert error_db(state, last) < -120


def test_moving_coefficients_keep_the_states_as_scipy_called_in_blocks_does():
    sets, state, expected = [cascade_of(2, low) for low in (0.02, 0.1, 0.3)], torch.zeros(2, 2).double(), []
    x = torch.randn(300, dtype=torch.float64)
    for i, sos in enumerate(sets):
        y, state = scipy_filter(x[100 * i : 100 * (i + 1)], sos, state)
        expected.append(y)
    time_varying = torch.cat([s.expand(100, 2, 6) for s in sets])
    assert error(sosfilt(x, time_varying), torch.cat(expected)) < 1e-13


def test_a_step_from_its_steady_state_stays_constant():
    sos = cascade_of(3)
    zi = torch.from_numpy(scipy.signal.sosfilt_zi((sos / sos[:, 3:4]).numpy()))
    y = sosfilt(torch.ones(500, dtype=torch.float64), sos, zi)
    assert torch.allclose(y, y[:1].expand(500), rtol=0, atol=1e-12)


@pytest.mark.parametrize("time_varying", [False, True])
def test_silence_after_a_sound_ends_in_exact_zeros(time_varying):
    sos = cascade_of(2)
    for dtype, T in ((torch.float32, 20000), (torch.float64, 60000)):
        x = torch.zeros(2, T, dtype=dtype)
        x[:, 0] = 1
        y, zf = sosfilt(x, sos.expand(T, 2, 6) if time_varying else sos, return_zf=True, time_varying=time_varying)
        assert torch.equal(zf, torch.zeros_like(zf))
        assert torch.equal(y[:, -64:], torch.zeros(2, 64, dtype=dtype))


def test_shapes_broadcast_and_gradients_come_back_in_the_shapes_given():
    x = torch.randn(2, 3, 70, dtype=torch.float64, requires_grad=True)
    sos = (cascade_of(2).repeat(2, 1, 1, 1)).requires_grad_()
    zi = torch.randn(3, 2, 2, dtype=torch.float64, requires_grad=True)
    y = sosfilt(x, sos, zi)
    for b in range(2):
        for c in range(3):
            assert torch.allclose(y[b, c], sosfilt(x[b, c], sos[b, 0], zi[c]), atol=1e-13)
    grads = torch.autograd.grad(y.square().sum(), (x, sos, zi))
    assert [g.shape for g in grads] == [x.shape, sos.shape, zi.shape]
    truth = torch.autograd.grad(sosfilt_loop(x, sos, zi.expand(2, 3, 2, 2), False)[0].square().sum(), (x, sos, zi))
    assert all(error(g, t) < 1e-12 for g, t in zip(grads, truth, strict=True))
    time_varying = sos.unsqueeze(-3).expand(2, 1, 70, 2, 6)
    assert torch.allclose(sosfilt(x, time_varying, zi), y, atol=1e-12)
    (g,) = torch.autograd.grad(sosfilt(x, time_varying, zi).square().sum(), sos)
    assert error(g, grads[1]) < 1e-11
    assert sosfilt(x[0, 0], sos.detach(), time_varying=False).shape == (2, 1, 70)


def test_strides_do_not_matter():
    x, sos = torch.randn(100, 4, dtype=torch.float64).t(), cascade_of(6)[::2]
    assert torch.equal(sosfilt(x, sos), sosfilt(x.contiguous(), sos.contiguous()))


@pytest.mark.parametrize("form", [sosfilt, svfilt])
@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("shape", [(0, 100), (2, 0), (0,), (0, 0), (3, 0, 50)])
def test_nothing_in_gives_nothing_out(shape, time_varying, form):
    x, zi = torch.randn(shape, requires_grad=True), torch.ones(3, 2, requires_grad=True)
    coef = torch.full((3, 6 if form is sosfilt else 5), 0.1, requires_grad=True)
    own = torch.full((*shape[:-1], shape[-1], *coef.shape), 0.1, requires_grad=True)
    for given in (coef.expand(shape[-1], *coef.shape), own) if time_varying else (coef,):
        y, zf = form(x, given, zi, return_zf=True, time_varying=time_varying)
        assert y.shape == shape
        assert torch.equal(zf, torch.ones(*shape[:-1], 3, 2).double())
        grads = torch.autograd.grad(y.sum() + zf.sum(), (x, given, zi), create_graph=True)
        assert torch.equal(grads[2], torch.full((3, 2), float(zf.numel() // 6)))
        again = torch.autograd.grad(sum(g.sum() for g in grads), (x, given), allow_unused=True)
        assert all(g is None or torch.isfinite(g).all() for g in (*grads, *again))


def test_no_sections_are_a_wire():
    x = torch.randn(2, 50)
    y, zf = sosfilt(x, torch.zeros(0, 6), return_zf=True)
    assert torch.equal(y, x)
    assert zf.shape == (2, 0, 2)


@pytest.mark.parametrize("threads", [2, 4])
def test_the_number_of_threads_changes_no_bit(threads):
    x, sos = torch.randn(40, 5000), cascade_of(3)
    before = torch.get_num_threads()
    try:
        results = []
        for count in (1, threads):
            torch.set_num_threads(count)
            c = sos.clone().requires_grad_()
            y = sosfilt(x, c)
            results.append((y.detach(), *torch.autograd.grad(y.sum(), c)))
    finally:
        torch.set_num_threads(before)
    assert all(torch.equal(a, b) for a, b in zip(*results, strict=True))


@pytest.mark.parametrize("time_varying", [False, True])
def test_first_and_second_derivatives_match_finite_differences(time_varying):
    T = 4
    sos = cascade_of(2, 0.2)
    sos = (sos.expand(T, 2, 6) * (1 + 0.1 * torch.rand(T, 2, 6)) if time_varying else sos).double().requires_grad_()
    x = torch.randn(2, T, dtype=torch.float64, requires_grad=True)
    zi = torch.randn(2, 2, dtype=torch.float64, requires_grad=True)

    def f(x, sos, zi):
        return sosfilt(x, sos, zi, return_zf=True, time_varying=time_varying)

    assert torch.autograd.gradcheck(f, (x, sos, zi), check_forward_ad=True)
    assert torch.autograd.gradgradcheck(f, (x, sos, zi), fast_mode=True)


@pytest.mark.parametrize("time_varying", [False, True])
def test_function_transforms(time_varying):
    sos = cascade_of(2, 0.1)
    sos = sos.expand(40, 2, 6).contiguous() if time_varying else sos
    x = torch.randn(3, 40, dtype=torch.float64)

    def loss(x, sos):
        return sosfilt(x, sos).square().sum()

    c = sos.clone().requires_grad_()
    (expected,) = torch.autograd.grad(loss(x[0], c), c)
    assert error(torch.func.grad(loss, 1)(x[0], sos), expected) < 1e-12
    assert torch.allclose(
        torch.func.vmap(sosfilt, (0, None))(x, sos), sosfilt(x, sos, time_varying=time_varying), atol=1e-13
    )
    per_item = torch.func.vmap(torch.func.grad(loss, 1), (0, None))(x, sos)
    assert error(per_item[0], expected) < 1e-12
    assert per_item.shape == (3, *sos.shape)
    many = sos * torch.tensor([1.0, 0.9, 1.1]).double().reshape(3, *[1] * sos.ndim)
    y = torch.func.vmap(sosfilt, (None, 0))(x[0], many)
    assert torch.allclose(y[1], sosfilt(x[0], many[1]), atol=1e-13)
    tangent = torch.func.jvp(lambda s: sosfilt(x[0], s), (sos,), (torch.ones_like(sos),))[1]
    step = 1e-6
    difference = (sosfilt(x[0], sos + step) - sosfilt(x[0], sos - step)) / (2 * step)
    assert error(tangent, difference) < 1e-6


@pytest.mark.parametrize("time_varying", [False, True])
def test_compiles_without_a_break_and_exports(time_varying):
    sos = cascade_of(2)
    sos = sos.expand(70, 2, 6).contiguous() if time_varying else sos
    x = torch.randn(2, 70)

    def f(x, sos):
        return sosfilt(x, sos, time_varying=time_varying)

    compiled = torch.compile(f, fullgraph=True, backend="aot_eager")
    inputs = [x.clone().requires_grad_(), sos.clone().requires_grad_()]
    y = compiled(*inputs)
    assert torch.equal(y, f(x, sos))
    grads = torch.autograd.grad(y.sum(), inputs)
    truth = torch.autograd.grad(f(*inputs).sum(), inputs)
    assert all(torch.equal(g, t) for g, t in zip(grads, truth, strict=True))

    class Filter(torch.nn.Module):
        def forward(self, x, sos):
            return f(x, sos)

    assert torch.equal(torch.export.export(Filter(), (x, sos)).module()(x, sos), f(x, sos))


@pytest.mark.parametrize("name", ["sections", "sections_time_varying", "svf"])
def test_operators_pass_opcheck(name):
    K, T = 2, 20
    width, length = {"sections": (6, 1), "sections_time_varying": (6, T), "svf": (5, T)}[name]
    coef = torch.full((1, length, K, width), 0.3, dtype=torch.float64)
    args = [torch.randn(2, T), coef, torch.randn(2, K, 2, dtype=torch.float64)]
    y, zf, kept = getattr(torch.ops.diffFx, name)(*args, True)
    given = [a.clone().requires_grad_() for a in args]
    # The states kept for the derivative to sos need not exist where nothing asks for one.
    torch.library.opcheck(getattr(torch.ops.diffFx, name).default, (*given, True))
    torch.library.opcheck(getattr(torch.ops.diffFx, name).default, (*args, False))
    torch.library.opcheck(
        getattr(torch.ops.diffFx, f"{name}_backward").default,
        (torch.randn_like(y), torch.randn_like(zf), *args, kept, [True] * 3),
    )


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("T", [1, 2, 7, 100])
def test_the_plain_path_is_the_loop(T, time_varying):
    sos = cascade_of(2) / cascade_of(2)[:, 3:4]
    sos = sos.expand(3, T, 2, 6) * (1 + 0.02 * torch.randn(3, T, 2, 6)) if time_varying else sos.expand(3, 2, 6)
    x, zi = torch.randn(3, T, dtype=torch.float64), torch.randn(3, 2, 2, dtype=torch.float64)
    coef = (torch.cat([sos[..., :3], sos[..., 4:]], -1) / sos[..., 3:4]).reshape(3, -1, 2, 5)
    for got, expected in zip(
        cascade(x, sections_matrices(coef), zi), sosfilt_loop(x, sos, zi, time_varying), strict=True
    ):
        assert error(got, expected) < 1e-11


def test_the_plain_path_survives_poles_near_the_unit_circle():
    sos, x = resonator(0.99999, 0.003), torch.randn(1, 20000, dtype=torch.float64)
    coef = sos[:, [0, 1, 2, 4, 5]][None, None]
    y, _ = cascade(x, sections_matrices(coef), torch.zeros(1, 1, 2, dtype=torch.float64))
    assert error_db(y, scipy_filter(x, sos)) < -140


def test_unstable_and_broken_coefficients_are_computed_as_given():
    x = torch.zeros(1, 20000, dtype=torch.float64)
    x[0, 0] = 1
    growing = sosfilt(x, resonator(1.001, 0.3))
    assert error(growing, scipy_filter(x, resonator(1.001, 0.3))) < 1e-6
    broken = resonator(0.9, 0.3)
    broken[0, 4] = torch.nan
    assert sosfilt(x, broken)[0, 2:].isnan().all()
    x[0, 100] = torch.inf
    assert torch.equal(torch.isfinite(sosfilt(x, resonator(0.9, 0.3)))[0], torch.arange(20000) < 100)


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("asked", [("x",), ("sos",), ("zi",), ("x", "zi")])
def test_a_gradient_asked_for_alone_is_that_of_all(time_varying, asked):
    given = {"x": torch.randn(3, 400), "sos": cascade_of(2).float(), "zi": torch.randn(3, 2, 2, dtype=torch.float64)}
    if time_varying:
        given["sos"] = given["sos"].expand(400, 2, 6).clone()

    def gradients(names):
        leaves = {n: t.clone().requires_grad_(n in names) for n, t in given.items()}
        y, zf = sosfilt(**leaves, return_zf=True, time_varying=time_varying)
        return dict(zip(names, torch.autograd.grad(y.sum() + zf.sum(), [leaves[n] for n in names]), strict=True))

    whole = gradients(tuple(given))
    for name, grad in gradients(asked).items():
        torch.testing.assert_close(grad, whole[name])


BAD = {
    "numpy signal": (lambda x, s: sosfilt(x.numpy(), s), TypeError, "torch.as_tensor"),
    "numpy sections": (lambda x, s: sosfilt(x, s.numpy()), TypeError, "torch.as_tensor"),
    "integer audio": (lambda x, s: sosfilt((x * 100).short(), s), TypeError, "int16"),
    "narrow sections": (lambda x, s: sosfilt(x.double(), s.float()), TypeError, "float64"),
    "width": (lambda x, s: sosfilt(x, s[:, :5]), ValueError, r"\(\.\.\., K, 6\)"),
    "states": (lambda x, s: sosfilt(x, s, torch.zeros(3, 2)), ValueError, r"2, 2\)"),
    "state order": (lambda x, s: sosfilt(x, s, torch.zeros(2, 3)), ValueError, "2"),
    "time": (lambda x, s: sosfilt(x, s.expand(2, 49, 2, 6)), ValueError, "50"),
    "broadcast": (lambda x, s: sosfilt(x, s.expand(3, 2, 6)), ValueError, "broadcast"),
}


@pytest.mark.parametrize("case", BAD)
def test_bad_input_is_named(case):
    call, kind, message = BAD[case]
    with pytest.raises(kind, match=message):
        call(torch.randn(2, 50), cascade_of(2))


@pytest.mark.parametrize(("rows", "T", "K"), [(8, 1024, 10), (5, 929, 7), (18, 700, 4)])
def test_sections_in_two_stages_are_the_sections_in_one(monkeypatch, rows, T, K):
    """The same numbers to the last bit; gradients of coefficients are summed in another order."""
    poles = torch.rand(rows, K, dtype=torch.float64) * 3
    a1, a2 = -2 * 0.999 * poles.cos(), torch.full_like(poles, 0.998001)
    one = torch.ones_like(a1)
    sos = torch.stack([1.1 * one, 0.99 * a1, 0.98 * a2, one, a1, a2], -1)
    inputs = [torch.randn(rows, T), sos, torch.randn(rows, K, 2, dtype=torch.float64)]
    inputs = [t.requires_grad_() for t in inputs]
    weights = torch.randn(rows, T), torch.randn(rows, K, 2, dtype=torch.float64)
    results = []
    for staged in (True, False):
        monkeypatch.setattr(sections, "_in_stages", lambda *_, staged=staged: staged)
        monkeypatch.setattr(sections, "_in_pairs", lambda *_, staged=staged: staged)
        out = sosfilt(*inputs, return_zf=True)
        results.append((*out, *torch.autograd.grad(out, inputs, weights)))
    (y, zf, gx, gcoef, gzi), expected = results
    for got, want in zip((y, zf, gx, gzi), (*expected[:3], expected[4]), strict=True):
        assert torch.equal(got, want)
    assert torch.allclose(gcoef, expected[3], rtol=1e-11, atol=1e-11)


def test_forward_over_reverse_is_the_derivative_of_the_gradient():
    x = torch.randn(2, 20, dtype=torch.float64)
    sos = torch.tensor([[1.0, 0.2, 0.1, 1.0, -0.5, 0.3], [0.9, 0.1, 0.0, 1.0, 0.2, 0.1]], dtype=torch.float64)

    def loss(s):
        return sosfilt(x, s).square().sum()

    slope, step = torch.func.grad(loss), torch.randn_like(sos)
    _, tangent = torch.func.jvp(slope, (sos,), (step,))
    torch.testing.assert_close(
        tangent, (slope(sos + 1e-6 * step) - slope(sos - 1e-6 * step)) / 2e-6, rtol=1e-6, atol=1e-6
    )
