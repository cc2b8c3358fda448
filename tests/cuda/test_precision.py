"""What three passes of TF32 lose, which the interpreter multiplies in float32: emulated, and against float64."""

import importlib
import math

import numpy as np
import pytest
import torch

import diffFx_pytorch.recursion as R
from diffFx_pytorch.dsp.biquad import low_pass, peak
from tests.cuda.interpreted import on_triton

RATE = 48000


def rounded(values):
    """To the ten bits of TF32, as tensor cores round: to the nearest."""
    bits = np.ascontiguousarray(values, np.float32).view(np.uint32)
    return ((bits + np.uint32(0x1000)) & np.uint32(0xFFFFE000)).view(np.float32)


def tf32(a, b):
    return np.matmul(rounded(a), rounded(b), dtype=np.float32)


def tf32x3(a, b):
    small_a, small_b = a - rounded(a), b - rounded(b)
    return tf32(small_a, b) + tf32(a, small_b) + tf32(a, b)


def error_db(monkeypatch, product, sos):
    interpreter = importlib.import_module("triton.runtime.interpreter")

    def dot(self, a, b, d, input_precision, max_num_imprecise_acc):
        return interpreter.TensorHandle(product(a.data, b.data) + d.data, d.dtype.scalar)

    monkeypatch.setattr(interpreter.InterpreterBuilder, "create_dot", dot)
    x = torch.randn(1, 3000, generator=torch.Generator().manual_seed(1))
    with on_triton():
        found = R.sosfilt(x, sos)
    expected = R.sosfilt(x.double(), sos)
    return 20 * math.log10(float((found - expected).norm() / expected.norm()))


CASES = {
    "low-pass 20 Hz, Q 10": lambda: low_pass(torch.tensor([20.0]), torch.tensor([10.0]), RATE),
    "peak 20 Hz, Q 10": lambda: peak(torch.tensor([20.0]), torch.tensor([10.0]), torch.tensor([12.0]), RATE),
    "four low-passes 20 Hz": lambda: low_pass(torch.full((4,), 20.0), torch.full((4,), 0.7), RATE),
}


@pytest.mark.usefixtures("interpreter")
@pytest.mark.parametrize("name", CASES)
def test_three_passes_are_as_good_as_float32(name, monkeypatch):
    sos = CASES[name]().double()
    assert error_db(monkeypatch, tf32x3, sos) <= -120
    assert error_db(monkeypatch, tf32, sos) >= -100  # so that the emulation is known to lose what TF32 does


@pytest.fixture
def interpreter():
    """Marks what needs the interpreter."""
