"""The tangent around a working point against what it stands for, and all that holds for an operator."""

import pytest
import torch

from diffFx_pytorch.dsp.biased_tanh import _shifted, biased_tanh
from tests.kernels.operator_contract import check_operator


def noise(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


@pytest.mark.parametrize("factor", [1, 2, 4, 8])
@pytest.mark.parametrize("samples", [1, 3, 1024, 2500])
@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize(("dtype", "error"), [(torch.float32, 1e-6), (torch.float64, 1e-14)])
def test_it_is_what_it_stands_for(factor, samples, moves, dtype, error):
    u = (3 * noise(2, 2, samples * factor)).to(dtype)
    bias = noise(2, 1, samples * factor if moves else 1, seed=1).clamp(-1, 1).to(dtype)
    y, added = biased_tanh(u, bias, factor)
    shaped = (u.double() + bias.double()).tanh() - bias.double().tanh()
    assert torch.allclose(y.double(), shaped, rtol=0, atol=error)
    means = (shaped - u.double().tanh()).unflatten(-1, (samples, factor)).mean(-1)
    assert torch.allclose(added.double(), means, rtol=0, atol=error)


@pytest.mark.parametrize("shape", [(1,), (6,)])
def test_derivatives_and_transforms(shape):
    check_operator(_shifted, noise(2, 6).tanh(), noise(*shape, seed=1).tanh(), 2)
