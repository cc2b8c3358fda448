"""Bad input: an error that says what was given, what is legal, and the cure; or the documented result."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.recursion.checks import assert_stable, is_stable
from diffFx_pytorch.recursion.ops.allpole import allpole
from diffFx_pytorch.recursion.ops.lfilter import lfilter
from diffFx_pytorch.recursion.ops.one_pole import one_pole

X = torch.randn(2, 10)
A = torch.tensor([-0.5, 0.1])


@pytest.mark.parametrize(
    ("run", "error", "message"),
    [
        (lambda: allpole(np.zeros(4), A), TypeError, r"allpole: x is a ndarray; .*torch\.as_tensor\(x\)"),
        (lambda: allpole(X, [0.1]), TypeError, r"allpole: a is a list; .*\(\.\.\., N\)"),
        (lambda: allpole(torch.zeros(4, dtype=torch.int16), A), TypeError, r"torch\.int16.*x\.float\(\) / 32768"),
        (lambda: allpole(X.half(), A), TypeError, r"torch\.float16.*use x\.float\(\)"),
        (lambda: allpole(X.double(), A), TypeError, r"a has dtype torch\.float32 where x has torch\.float64"),
        (lambda: allpole(X, A.to(torch.complex64)), TypeError, r"take the real part of a, or make x complex"),
        (lambda: allpole(X.to(torch.complex64), A), TypeError, r"use a\.to\(torch\.complex128\)"),
        (lambda: allpole(X[0, 0], A), ValueError, r"x is a scalar"),
        (lambda: allpole(X, A[:0]), ValueError, r"order of at least 1"),
        (lambda: allpole(X, A[0]), ValueError, r"a has shape \(\); it needs at least 1 axes"),
        (lambda: allpole(X, A.expand(3, 2)), ValueError, r"do not broadcast: x \(2,\), a \(3,\)"),
        (lambda: allpole(X, A.expand(2, 9, 2)), ValueError, r"time-varying over 9 samples, but x .* has 10"),
        (lambda: allpole(X, A.expand(1, 1, 1, 2)), ValueError, r"pass time_varying=True or time_varying=False"),
        (lambda: allpole(X, A, torch.zeros(3)), ValueError, r"zi has shape \(3,\); .*last length 2"),
        (lambda: allpole(X, A, torch.zeros(5, 2)), ValueError, r"do not broadcast: .*zi \(5,\)"),
        (lambda: allpole(X, A, np.zeros(2)), TypeError, r"zi is a ndarray"),
        (lambda: allpole(X, A, torch.zeros(2, dtype=torch.int64)), TypeError, r"use zi\.to\(torch\.float64\)"),
        (lambda: allpole(X, A.to("meta")), ValueError, r"a is on meta, x on cpu: use a\.to\(x\.device\)"),
        (lambda: lfilter(X, np.ones(2), A), TypeError, r"lfilter: b is a ndarray"),
        (lambda: lfilter(X, A, A[:0]), ValueError, r"need at least one coefficient"),
        (lambda: lfilter(X, A, A, torch.zeros(2)), ValueError, r"lfilter: zi has shape \(2,\).*last length 1"),
        (lambda: one_pole(X, "0.5"), TypeError, r"one_pole: coef is a str"),
        (lambda: one_pole(X, torch.rand(2, 9)), ValueError, r"time-varying over 9 samples"),
        (lambda: one_pole(X, torch.tensor(0.5), torch.zeros(3)), ValueError, r"do not broadcast"),
    ],
)
def test_errors_say_what_to_do(run, error, message):
    with pytest.raises(error, match=message):
        run()


def test_moving_overrides_the_rank():
    x, a = torch.randn(10), torch.randn(10, 2) * 0.1
    constant = allpole(x, a, time_varying=False)  # ten filters over one signal
    assert constant.shape == (10, 10)
    torch.testing.assert_close(constant[3], allpole(x, a[3]))
    assert allpole(x, a).shape == (10,)
    assert one_pole(x, torch.rand(10), time_varying=False).shape == (10, 10)


def test_wider_coefficients_and_states_are_legal():
    y, zf = allpole(X, A.double(), torch.zeros(2), return_zf=True)
    assert (y.dtype, zf.dtype) == (torch.float32, torch.float64)
    torch.testing.assert_close(y, allpole(X, A))


@pytest.mark.parametrize("kind", [torch.float64, torch.complex128])
def test_stability_is_that_of_the_roots(kind):
    a = torch.randn(200, 5, dtype=kind) * 0.5
    radius = [np.abs(np.roots(np.r_[1.0, row.numpy()])).max() for row in a]
    assert torch.equal(is_stable(a), torch.tensor(radius) < 1.0)
    assert torch.equal(is_stable(a, margin=0.1), torch.tensor(radius) < 0.9)


def test_debug_check():
    assert_stable(torch.tensor([-1.9, 0.95]))
    with pytest.raises(ValueError, match=r"1 of 2 filters.*a\[1\] = \[-2\.0, 1\.5\]"):
        assert_stable(torch.tensor([[-1.0, 0.5], [-2.0, 1.5]]))
    with pytest.raises(ValueError, match="not finite"):
        assert_stable(torch.tensor([0.1, float("nan")]))
    with pytest.raises(ValueError, match="1 of 1"):
        assert_stable(torch.tensor([-1.0]))  # a pole on the circle
