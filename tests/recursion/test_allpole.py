"""All-pole recursion: kernels and plain-torch path against the loop of the paper, by name, in every shape."""

import pytest
import torch

from diffFx_pytorch.recursion.fallback import allpole as plain
from diffFx_pytorch.recursion.ops.allpole import allpole
from tests.recursion.reference import allpole as reference

TOLERANCE = {torch.float32: 2e-6, torch.complex64: 2e-6, torch.float64: 1e-12, torch.complex128: 1e-11}
REAL = (torch.float32, torch.float64)
COMPLEX = (torch.complex64, torch.complex128)


pytestmark = pytest.mark.usefixtures("poisoned_memory")


def wide(v):
    return v.detach().to(torch.complex128 if v.is_complex() else torch.float64).requires_grad_()


def stable(shape, order, dtype, radius=0.8):
    """Coefficients of poles inside the circle, conjugate ones for real types."""
    double = torch.complex128
    r = radius * torch.rand(*shape, order, dtype=torch.float64).sqrt()
    p = torch.polar(r, torch.rand(*shape, order, dtype=torch.float64) * 3)
    if not dtype.is_complex:
        half = order // 2
        p = torch.cat([p[..., :half], p[..., :half].conj(), p[..., 2 * half :].real.to(double)], dim=-1)
    a = torch.ones(*shape, 1, dtype=double)
    for k in range(order):
        a = torch.nn.functional.pad(a, (0, 1)) - p[..., k : k + 1] * torch.nn.functional.pad(a, (1, 0))
    a = a[..., 1:]
    return (a if dtype.is_complex else a.real).to(dtype).contiguous()


def assert_close(name, got, expected, dtype):
    assert got.shape == expected.shape, name
    if got.numel():
        error = (got.to(expected.dtype) - expected).abs().max() / expected.abs().max().clamp_min(1e-3)
        assert error < TOLERANCE[dtype], f"{name}: relative error {error:.1e}"


def compare(x, a, zi, time_varying):
    """Output, final state and each gradient, by name, of both implementations against the reference."""
    dtype = x.dtype
    x, a, zi = (v.detach().requires_grad_() for v in (x, a, zi))
    y, zf = allpole(x, a, zi, return_zf=True, time_varying=time_varying)
    assert y.dtype == dtype
    assert zf.dtype == wide(x).dtype
    given = [wide(v) for v in (x, a, zi)]
    y_true, zf_true = reference.allpole(*given, time_varying)
    grad_y, grad_zf = torch.randn_like(y), torch.randn_like(zf)
    grads = torch.autograd.grad((y, zf), (x, a, zi), (grad_y, grad_zf))
    grads_true = torch.autograd.grad((y_true, zf_true), given, (grad_y.to(zf.dtype), grad_zf))
    expected = dict(zip(("y", "zf", "grad x", "grad a", "grad zi"), (y_true, zf_true, *grads_true), strict=True))
    for (name, value), got in zip(expected.items(), (y, zf, *grads), strict=True):
        assert_close(name, got, value, dtype)
    for got, given_one in zip(grads, (x, a, zi), strict=True):
        assert got.dtype == given_one.dtype

    values = [v.detach() for v in (x, a, zi)]
    values[1] = values[1] if time_varying else values[1].unsqueeze(-2)
    y_plain, zf_plain = plain.allpole(*values, chunk=7 if time_varying else None)
    plain_grads = plain.allpole_backward(grad_y, grad_zf, y.detach(), *values[1:])
    plain_grads = [g.sum_to_size(v.shape).reshape(e.shape) for g, v, e in zip(plain_grads, values, grads, strict=True)]
    for (name, value), got in zip(expected.items(), (y_plain, zf_plain, *plain_grads), strict=True):
        assert_close(f"plain torch, {name}", got, value, dtype)


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("dtype", [*REAL, *COMPLEX])
@pytest.mark.parametrize("order", [1, 2, 3, 16])
def test_matches_reference(order, dtype, time_varying):
    # Past one block of 16, one tile of 64 or 256 and one vector of 8 rows, and a rest of each.
    rows, samples = 5, 150 if order == 16 else 45
    x = torch.randn(rows, samples, dtype=dtype)
    a = stable((rows, samples) if time_varying else (rows,), order, dtype, 0.5 if time_varying or order == 16 else 0.8)
    compare(x, a, torch.randn(rows, order, dtype=dtype), time_varying)


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("dtype", REAL)
def test_matches_reference_over_several_tiles(dtype, time_varying):
    x = torch.randn(9, 1100, dtype=dtype)
    a = stable((9, 1100) if time_varying else (9,), 2, dtype, 0.5 if time_varying else 0.8)
    compare(x, a, torch.randn(9, 2, dtype=dtype), time_varying)


@pytest.mark.parametrize("time_varying", [False, True])
def test_order_64(time_varying):
    x = torch.randn(2, 90, dtype=torch.float64)
    a = torch.randn(2, 90, 64, dtype=torch.float64) * 0.01
    compare(x, a if time_varying else a[:, 0], torch.randn(2, 64, dtype=torch.float64), time_varying)


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.complex128])
@pytest.mark.parametrize(
    ("x_lead", "a_lead", "zi_lead"),
    [
        ((), (), ()),
        ((3,), (), ()),
        ((2, 3), (2, 1), ()),
        ((2, 3), (3,), (2, 3)),
        ((4, 1), (1, 3), (4, 3)),
        ((), (9,), ()),
    ],
)
def test_leading_dimensions_broadcast(x_lead, a_lead, zi_lead, dtype, time_varying):
    x = torch.randn(*x_lead, 20, dtype=dtype)
    a = stable((*a_lead, 20) if time_varying else a_lead, 3, dtype, 0.5)
    compare(x, a, torch.randn(*zi_lead, 3, dtype=dtype), time_varying)


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("lead", [(0,), (2,), (8,)])
@pytest.mark.parametrize("samples", [0, 1, 3, 16])
def test_empty_and_short(samples, lead, time_varying):
    """No rows, no samples, fewer samples than the order."""
    dtype, order = torch.float64, 5
    x = torch.randn(*lead, samples, dtype=dtype)
    a = stable((*lead, samples) if time_varying else lead, order, dtype, 0.5)
    zi = torch.randn(*lead, order, dtype=dtype)
    if samples and lead != (0,):
        compare(x, a, zi, time_varying)
    else:
        x, a, zi = (v.requires_grad_() for v in (x, a, zi))
        y, zf = allpole(x, a, zi, return_zf=True, time_varying=time_varying)
        assert y.shape == x.shape
        assert torch.equal(zf, zi)
        grads = torch.autograd.grad((y, zf), (x, a, zi), (torch.randn_like(y), torch.ones_like(zf)))
        assert [g.shape for g in grads] == [x.shape, a.shape, zi.shape]
        assert torch.equal(grads[2], torch.ones_like(zi))


@pytest.mark.parametrize("time_varying", [False, True])
def test_memory_layout_does_not_matter(time_varying):
    x = torch.randn(40, 2, 3).permute(2, 1, 0)
    a = (
        stable((3, 2, 40) if time_varying else (3, 2), 2, torch.float32, 0.5)
        .transpose(0, 1)
        .contiguous()
        .transpose(0, 1)
    )
    zi = torch.randn(2, 2, 3).permute(2, 1, 0)
    y = allpole(x, a, zi, time_varying=time_varying)
    assert torch.equal(y, allpole(x.contiguous(), a.contiguous(), zi.contiguous(), time_varying=time_varying))
    compare(x, a, zi, time_varying)
    compare(x[..., ::3], a[..., ::3, :] if time_varying else a, zi, time_varying)


def test_lazy_conjugates_are_seen():
    x, a = torch.randn(2, 30, dtype=torch.complex128), stable((2,), 2, torch.complex128)
    y = allpole(x.conj(), a.conj())
    torch.testing.assert_close(y, allpole(x, a).conj().resolve_conj())


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("dtype", REAL)
def test_blocks_with_state_are_one_pass(dtype, time_varying):
    x = torch.randn(3, 2000, dtype=dtype)
    a = stable((3, 2000) if time_varying else (3,), 4, torch.float64, 0.5 if time_varying else 0.99)
    a = a.to(dtype)
    whole, zf_whole = allpole(x, a, return_zf=True)
    zf, pieces, start = None, [], 0
    for size in (1, 2, 16, 17, 500, 700, 764):
        stop = start + size
        y, zf = allpole(x[:, start:stop], a[:, start:stop] if time_varying else a, zf, return_zf=True)
        pieces.append(y)
        start = stop
    assert start == 2000
    error = (torch.cat(pieces, -1) - whole).norm() / whole.norm()
    assert 20 * torch.log10(error + 1e-30) < (-120 if dtype == torch.float32 else -250)
    torch.testing.assert_close(zf, zf_whole, rtol=1e-9, atol=1e-9)


@pytest.mark.parametrize("time_varying", [False, True])
def test_undone_by_fir(time_varying):
    x = torch.randn(4, 500, dtype=torch.float64)
    a = stable((4, 500) if time_varying else (4,), 6, torch.float64, 0.5)
    y = allpole(x, a)
    past = torch.nn.functional.pad(y, (6, 0))
    fir = y + sum(
        (a[..., i - 1] if time_varying else a[:, i - 1, None]) * past[:, 6 - i : 506 - i] for i in range(1, 7)
    )
    torch.testing.assert_close(fir, x, rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("dtype", [*REAL, torch.complex64])
def test_constant_given_as_moving_is_the_same(dtype):
    x, a = torch.randn(9, 300, dtype=dtype), stable((9,), 3, dtype)
    zi = torch.randn(9, 3, dtype=dtype)
    constant, zf = allpole(x, a, zi, return_zf=True)
    time_varying, zf_moving = allpole(x, a.unsqueeze(1).expand(-1, 300, -1), zi, return_zf=True)
    torch.testing.assert_close(constant, time_varying)
    torch.testing.assert_close(zf, zf_moving)


@pytest.mark.parametrize("size", [1, 3, 16, 64, 1000])
@pytest.mark.parametrize("time_varying", [False, True])
def test_plain_torch_with_any_chunk(size, time_varying):
    x = torch.randn(2, 130, dtype=torch.float64)
    a = stable((2, 130) if time_varying else (2,), 4, torch.float64, 0.5)
    zi = torch.randn(2, 4, dtype=torch.float64)
    y, zf = plain.allpole(x, a if time_varying else a.unsqueeze(-2), zi, chunk=size)
    y_true, zf_true = reference.allpole(x, a, zi, time_varying)
    torch.testing.assert_close(y, y_true)
    torch.testing.assert_close(zf, zf_true)


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_decayed_tails_become_silence(dtype, time_varying):
    """Denormal numbers are slow, so a state far below audibility is put to zero."""
    x = torch.zeros(8, 200_000, dtype=dtype)
    x[:, 0] = 1.0
    a = torch.tensor([-1.9, 0.95], dtype=dtype)
    y = allpole(x, a.expand(8, 200_000, 2) if time_varying else a)
    smallest = torch.finfo(dtype).tiny
    assert not ((y != 0) & (y.abs() < smallest)).any()
    assert y[:, -1].eq(0).all()
    assert y[:, 1000].ne(0).all()


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("bad", [float("nan"), float("inf")])
def test_not_finite_samples_spread_forwards_only(bad, time_varying):
    x = torch.randn(2, 100)
    x[0, 41] = bad
    a = stable((2, 100) if time_varying else (2,), 2, torch.float32, 0.5)
    y = allpole(x, a)
    assert y[0, :41].isfinite().all()
    assert not y[0, 41:].isfinite().any()
    assert y[1].isfinite().all()


def test_not_finite_coefficients_spread():
    x = torch.ones(2, 40)
    a = torch.tensor([[0.1, float("nan")], [0.1, 0.2]])
    y = allpole(x, a)
    assert y[0, 1:].isnan().all()
    assert y[1].isfinite().all()


def test_unstable_filters_are_computed_as_given():
    x = torch.zeros(1, 2000)
    x[0, 0] = 1.0
    y = allpole(x, torch.tensor([-2.0]))
    torch.testing.assert_close(y[0, :100], 2.0 ** torch.arange(100))
    assert y[0, -1].isinf()
