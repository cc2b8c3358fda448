"""Products of an operator's equation are exact, whatever a program allows: what they round off, a loop keeps."""

import pytest
import torch

from tests.device.dispatched import Dispatched
from tests.device.test_operators import CALLS

HAVE_PRODUCTS = {"feedback_network", "delay_graph", "loop_impulse", "closed_loop", "sosfilt", "allpole", "allpass_loop"}
PRODUCTS = {"mm", "bmm", "baddbmm", "addmm", "linalg_solve_ex", "_linalg_solve_ex"}


class _Allowed(Dispatched):
    """Notes with what precision each product may be computed, and in what dtype."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def __torch_dispatch__(self, func, types, args=(), kwargs=None):
        if func._schema.name.split("::")[1] in PRODUCTS:
            self.seen.append((torch.backends.cuda.matmul.fp32_precision, args[0].dtype))
        return super().__torch_dispatch__(func, types, args, kwargs)


@pytest.fixture
def rounding():
    """A program that allows products to be rounded."""
    before = torch.backends.cuda.matmul.fp32_precision
    torch.backends.cuda.matmul.fp32_precision = "tf32"
    yield
    torch.backends.cuda.matmul.fp32_precision = before


@pytest.mark.usefixtures("rounding")
@pytest.mark.parametrize("name", CALLS)
def test_no_product_is_rounded_to_ten_bits(name):
    single, leaves = {torch.float64: torch.float32, torch.complex128: torch.complex64}, []

    def make(t):
        t = t.to(single.get(t.dtype, t.dtype))
        leaves.append(t.requires_grad_(t.is_floating_point() or t.is_complex()))
        return t

    with _Allowed() as allowed, torch.autocast("cpu", torch.bfloat16):
        y = CALLS[name](make)
        (y[0] if isinstance(y, tuple) else y).abs().sum().backward()
    assert allowed.seen or name not in HAVE_PRODUCTS
    assert {precision for precision, _ in allowed.seen} <= {"ieee"}
    assert torch.bfloat16 not in {dtype for _, dtype in allowed.seen}
    assert torch.backends.cuda.matmul.fp32_precision == "tf32"
