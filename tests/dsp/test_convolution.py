"""Convolution by FFT against scipy's, at every range and cut, whole and in blocks."""

import itertools

import numpy as np
import pytest
import scipy.signal
import torch

from diffFx_pytorch.dsp import convolution, partition_kernel
from diffFx_pytorch.dsp.convolution import convolve
from diffFx_pytorch.dsp.cpu.odd_transform import factors, forward, inverse
from diffFx_pytorch.dsp.partitioned_convolution import convolve_block, needed_taps, partitions
from diffFx_pytorch.kernels import njit

CUTS = [(10, 4, 0, 10), (4, 10, 0, 12), (1, 1, 0, 1), (500, 70, 33, 600), (500, 70, -20, 100), (3000, 70, 69, 3100),
        (900, 1, 0, 900), (7, 7, 30, 5)]  # fmt: skip


@pytest.fixture(params=[1 << 20, 256], ids=["whole", "segments"])
def _largest(request, monkeypatch):
    monkeypatch.setattr(convolution, "_LARGEST", request.param)
    convolution._remembered_plan.cache_clear()
    yield
    convolution._remembered_plan.cache_clear()


def _expected(x, h, start, samples):
    """x (B, I, T), h (O, I, L): every output sums over the inputs."""
    full = np.array(
        [[sum(scipy.signal.convolve(a, b, method="direct") for a, b in zip(item, row, strict=True)) for row in h]
         for item in x]
    )  # fmt: skip
    y = np.zeros((*full.shape[:2], samples))
    index = np.arange(start, start + samples)
    inside = (index >= 0) & (index < full.shape[-1])
    y[..., inside] = full[..., index[inside]]
    return torch.from_numpy(y)


@pytest.mark.usefixtures("_largest")
@pytest.mark.parametrize(("T", "L", "start", "samples"), CUTS)
@pytest.mark.parametrize("matrix", [False, True])
def test_equals_direct_convolution(T, L, start, samples, matrix):
    x = torch.randn(2, 3 if matrix else 1, T, dtype=torch.float64, requires_grad=True)
    h = torch.randn(2, 3 if matrix else 1, L, dtype=torch.float64, requires_grad=True)
    y = convolve(x, h if matrix else h.squeeze(1), start=start, samples=samples, matrix=matrix)
    expected = _expected(x.detach().numpy(), h.detach().numpy(), start, samples)
    assert torch.allclose(y, expected, rtol=0, atol=1e-11)

    weights = torch.randn_like(y)
    gx, gh = torch.autograd.grad((y * weights).sum(), (x, h))
    # Bilinear: the value is the gradient along x, and along h.
    assert torch.isclose((gx * x).sum(), (y * weights).sum(), atol=1e-9)
    assert torch.isclose((gh * h).sum(), (y * weights).sum(), atol=1e-9)
    other = torch.randn_like(x)
    moved = convolve(other, h if matrix else h.squeeze(1), start=start, samples=samples, matrix=matrix)
    assert torch.isclose((gx * other).sum(), (moved * weights).sum(), atol=1e-9)
    other = torch.randn_like(h)
    moved = convolve(x, other if matrix else other.squeeze(1), start=start, samples=samples, matrix=matrix)
    assert torch.isclose((gh * other).sum(), (moved * weights).sum(), atol=1e-9)


@pytest.mark.usefixtures("_largest")
@pytest.mark.parametrize("matrix", [False, True])
def test_gradients_of_any_order(matrix):
    x = torch.randn(1, 2, 12, dtype=torch.float64, requires_grad=True)
    h = torch.randn(*((3, 2, 5) if matrix else (2, 1, 5)), dtype=torch.float64, requires_grad=True)

    def f(x, h):
        return convolve(x, h, start=2, samples=14, matrix=matrix)

    assert torch.autograd.gradcheck(f, (x, h))
    assert torch.autograd.gradgradcheck(f, (x, h))


def test_transforms_see_the_same_gradient():
    x, h = torch.randn(3, 40, dtype=torch.float64), torch.randn(3, 9, dtype=torch.float64, requires_grad=True)
    (expected,) = torch.autograd.grad(convolve(x, h).square().sum(), h)
    assert torch.allclose(torch.func.grad(lambda h: convolve(x, h).square().sum())(h), expected)
    assert torch.allclose(torch.func.vmap(convolve)(x, h), convolve(x, h))
    _, tangent = torch.func.jvp(lambda h: convolve(x, h), (h,), (torch.ones_like(h),))
    assert torch.allclose(tangent, convolve(x, torch.ones_like(h)))


@pytest.mark.parametrize(("T", "L", "samples"), [(0, 5, 5), (5, 0, 5), (5, 5, 0)])
@pytest.mark.parametrize("matrix", [False, True])
def test_empty(T, L, samples, matrix):
    y = convolve(
        torch.ones(2, 3, T), torch.ones(4, 3, L) if matrix else torch.ones(3, L), samples=samples, matrix=matrix
    )
    assert y.shape == (2, 4 if matrix else 3, samples)
    assert not y.any()


def test_float32_is_float64_rounded():
    x, h = torch.randn(2, 60000, dtype=torch.float64), torch.randn(1, 20000, dtype=torch.float64)
    exact = convolve(x, h)
    assert (convolve(x.float(), h.float()) - exact).norm() < 2e-6 * exact.norm()


def test_partitions_cover_the_response():
    for taps in (1, 256, 257, 5000, 88200):
        edges = [256, *(end for _, end in partitions(taps))]
        assert [begin for begin, _ in partitions(taps)] == edges[:-1]
        assert edges[-1] >= taps
        assert all(b % a == 0 for a, b in itertools.pairwise(edges[:-1]))


SIZES = {
    "ones": [1] * 50,
    "mixed": [7, 100, 900, 30] * 20,
    "far apart": [3000, 3, 3, 0, 3, 20000, 20, 20, 8000],
    "growing": [64] * 40 + [20000],
}


@pytest.mark.parametrize("by_kernel", [True, False], ids=["kernel", "operations"])
@pytest.mark.parametrize(("latency", "matrix"), [(0, False), (0, True), (64, False), (1024, True)])
@pytest.mark.parametrize("taps", [1, 100, 18000])
@pytest.mark.parametrize("sizes", SIZES.values(), ids=SIZES)
def test_blocks_equal_the_whole(sizes, taps, latency, matrix, by_kernel):
    x = torch.randn(1, 2, sum(sizes), dtype=torch.float64)
    h = torch.randn(*((2, 2, taps) if matrix else (2, taps)), dtype=torch.float64)
    late = torch.nn.functional.pad(convolve(x, h, matrix=matrix), (latency, 0))
    if not by_kernel:
        h.requires_grad_()
    state, blocks, forms = None, [], set()
    for block in x.split(sizes, -1):
        needed = needed_taps(state, block.shape[-1], taps)
        y, state = convolve_block(block, h[..., :needed], state, taps=taps, latency=latency, matrix=matrix)
        blocks.append(y.detach())
        forms |= {*state}
    assert torch.allclose(torch.cat(blocks, -1), late[..., : x.shape[-1]], rtol=0, atol=1e-10)
    if taps > 5000 and len(blocks) > 50:
        assert ("memory" in forms, "lines" in forms) == (by_kernel, not by_kernel)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize(("signal", "response"), [((2, 1), (2,)), ((3, 2), (3, 2)), ((1, 2), (3, 1))])
def test_items_and_channels_broadcast(signal, response, dtype):
    x, h = torch.randn(*signal, 6000, dtype=torch.float64), torch.randn(*response, 3000, dtype=torch.float64)
    expected, state, blocks = convolve(x, h), None, []
    for block in x.to(dtype).split(200, -1):
        y, state = convolve_block(block, h.to(dtype), state)
        blocks.append(y)
    error = torch.cat(blocks, -1) - expected
    assert error.norm() < (1e-6 if dtype == torch.float32 else 1e-14) * expected.norm()


def test_a_state_of_the_kernel_goes_on_where_gradients_are_asked_for():
    x, h = torch.randn(1, 4000, dtype=torch.float64), torch.randn(1, 1500, dtype=torch.float64)
    blocks, state, expected = [], None, convolve(x, h)
    for number, block in enumerate(x.split(200, -1)):
        y, state = convolve_block(block.requires_grad_(number > 10), h, state)
        blocks.append(y.detach())
        assert ("lines" in state) == (number > 10)
    assert torch.allclose(torch.cat(blocks, -1), expected, rtol=0, atol=1e-11)


@pytest.mark.parametrize("latency", [0, 512])
@pytest.mark.parametrize("sizes", [[512], [480], [100], [33, 512, 1]])
def test_a_block_may_be_computed_again_from_the_memory_it_wrote(sizes, latency):
    """What a tape does with a block that was turned down: the memory stays, and the clock goes back."""
    generator = torch.Generator().manual_seed(0)
    h = torch.randn(9000, dtype=torch.float64, generator=generator)
    h, x = h[None, None], torch.randn(1, 30000, dtype=torch.float64, generator=generator)
    found = partition_kernel.layout(9000 + latency, 512, 1, 1, latency == 512, torch.float64)
    spectra = partition_kernel.spectra_of(h, latency, found)
    memory, clock = partition_kernel.fresh(x, (), found)
    kept, at, blocks = memory.clone(), 0, []
    for size in itertools.cycle(sizes):
        if at + size > x.shape[-1]:
            break
        block = x[:, at : at + size]
        _, kept, _ = partition_kernel.block(torch.randn_like(block), spectra, kept, clock, found)
        again, kept, _ = partition_kernel.block(block, spectra, kept, clock, found)
        once, memory, clock = partition_kernel.block(block, spectra, memory, clock, found)
        assert torch.equal(again, once)
        blocks.append(once)
        at += size
    expected = torch.nn.functional.pad(convolve(x, h[0]), (latency, 0))[..., :at]
    assert torch.allclose(torch.cat(blocks, -1), expected, rtol=0, atol=1e-10)


@njit(cache=True)
def there_and_back(work, size, w, spectrum):
    forward(work, size, w)
    spectrum[:] = work
    inverse(work, size, w)


@pytest.mark.parametrize("dtype", [np.float32, np.float64])
@pytest.mark.parametrize("size", [64, 128, 256, 512, 1024])
def test_transform_is_the_values_at_the_roots(size, dtype):
    frame, spectrum = np.random.default_rng(0).standard_normal(2 * size).astype(dtype), np.empty(2 * size, dtype)
    work = frame.copy()
    there_and_back(work, size, factors(size, dtype), spectrum)
    eps = np.finfo(dtype).eps
    np.testing.assert_allclose(work / size, frame, atol=20 * eps)
    turns = np.outer(1 + 4 * np.arange(size), np.arange(size)) % (4 * size) / (4 * size)
    roots = np.exp(2j * np.pi * turns)
    values = roots @ (frame[:size] + 1j * frame[size:].astype(np.float64))
    ours = spectrum[:size] + 1j * spectrum[size:]
    away = np.abs(ours[:, None] - values).min(0), np.abs(ours[:, None] - values).min(1)
    assert max(map(np.max, away)) < 100 * eps * np.sqrt(size)


def test_a_response_kept_between_blocks_is_transformed_once():
    x, h = torch.randn(1, 2, 6000, dtype=torch.float64), torch.randn(2, 2000, dtype=torch.float64)
    state, blocks, kept = None, [], []
    for i, block in enumerate(x.split(300, -1)):
        h = 2 * h if i == 10 else h
        y, state = convolve_block(block, h, state)
        blocks.append(y)
        kept.append(state.get("spectra"))
    assert kept[8] is kept[9] is not None
    assert kept[9] is not kept[10]
    assert kept[10] is kept[11]
    lasting = convolve(x, h / 2)
    y = torch.cat(blocks, -1)
    assert torch.allclose(y[..., :3000], lasting[..., :3000], rtol=0, atol=1e-10)
    # All that is heard by now came after the change.
    assert torch.allclose(y[..., 5600:], 2 * lasting[..., 5600:], rtol=0, atol=1e-10)


def test_gradients_cross_blocks():
    x = torch.randn(1, 1500, dtype=torch.float64, requires_grad=True)
    h = torch.randn(1, 700, dtype=torch.float64, requires_grad=True)
    weights = torch.randn_like(x)
    expected = torch.autograd.grad((convolve(x, h) * weights).sum(), (x, h))
    state, blocks = None, []
    for block in x.split(100, -1):
        y, state = convolve_block(block, h, state)
        blocks.append(y)
    for a, b in zip(torch.autograd.grad((torch.cat(blocks, -1) * weights).sum(), (x, h)), expected, strict=True):
        assert torch.allclose(a, b, rtol=0, atol=1e-10)
