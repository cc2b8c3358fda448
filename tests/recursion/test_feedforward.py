"""Filters of zeros against their equations, and states across blocks."""

import pytest
import torch
from scipy import signal

from diffFx_pytorch.recursion import fir_filter

T = 30


def equation(x, b, form):
    y = torch.zeros_like(x)
    for t in range(T):
        for i in range(min(b.shape[-1], t + 1)):
            y[..., t] += b[..., t if form == "direct" else t - i, i] * x[..., t - i]
    return y


@pytest.mark.parametrize("form", ["direct", "transposed"])
@pytest.mark.parametrize("moves", [False, True])
@pytest.mark.parametrize("order", [0, 1, 4])
def test_it_is_its_equation_in_blocks_too(form, moves, order):
    x, b = torch.randn(2, T, dtype=torch.float64), torch.randn(2, T, order + 1, dtype=torch.float64)
    b = b if moves else b[:, :1].expand(2, T, order + 1)
    given = b if moves else b[:, 0]
    y = fir_filter(x, given, form=form)
    torch.testing.assert_close(y, equation(x, b, form))
    state, blocks = None, []
    for start, stop in ((0, 2), (2, 3), (3, 3), (3, T)):
        part = given[:, start:stop] if moves else given
        block, state = fir_filter(x[:, start:stop], part, state, return_zf=True, form=form, time_varying=moves)
        blocks.append(block)
    torch.testing.assert_close(torch.cat(blocks, -1), y)
    assert fir_filter(x.float(), given, form=form).dtype == torch.float32
    if not moves:
        torch.testing.assert_close(y[0], torch.from_numpy(signal.lfilter(given[0].numpy(), [1.0], x[0].numpy())))


@pytest.mark.parametrize("form", ["direct", "transposed"])
def test_gradients(form):
    x, b, zi = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in ((2, 7), (2, 7, 3), (2, 2)))
    assert torch.autograd.gradcheck(lambda *v: fir_filter(*v, return_zf=True, form=form), (x, b, zi))


def test_refusals():
    with pytest.raises(ValueError, match="form must be 'direct' or 'transposed'"):
        fir_filter(torch.zeros(3), torch.ones(1), form="lattice")
    with pytest.raises(ValueError, match="at least one coefficient"):
        fir_filter(torch.zeros(3), torch.ones(0))
