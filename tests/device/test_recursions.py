"""The recursions' equations, as a device without kernels runs them, against the kernels on what is hard."""

import pytest
import torch

from diffFx_pytorch.kernels import precision
from diffFx_pytorch.recursion import attack_release
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


def assert_equations_are_the_kernels(call, inputs, limit):
    """Every output and gradient within ``limit`` dB of that of the kernels in float64."""
    expected = results(call, [t.double() for t in inputs])
    with without_kernels():
        got = results(call, inputs)
    for n, (ours, theirs) in enumerate(zip(got, expected, strict=True)):
        assert ours.shape == theirs.shape
        assert decibels(ours, theirs) < limit, n


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
        for y in results(smoothed, [noise(0, 9), *noise(2).sigmoid(), noise(0)]):
            assert y.isfinite().all()


def test_attack_release_without_float64(monkeypatch):
    monkeypatch.setattr(precision, "WITHOUT_FLOAT64", {"cpu"})
    inputs = [noise(2, 3000).abs().float(), torch.tensor(0.99), torch.tensor(0.999), torch.zeros(2)]
    assert_equations_are_the_kernels(smoothed, inputs, -90)
