"""Poles near the unit circle, long signals: where block and tree scans in float32 break."""

from decimal import Decimal, localcontext

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.recursion.fallback import allpole as plain
from diffFx_pytorch.recursion.ops.allpole import allpole
from tests.recursion.reference import allpole as reference


def decibels(error):
    return 20 * np.log10(error + 1e-30)


def relative(y, y_true):
    y = y.numpy() if isinstance(y, torch.Tensor) else y
    return np.sqrt(np.sum((y - y_true) ** 2) / np.sum(np.square(y_true)))


@pytest.mark.parametrize("time_varying", [False, True])
@pytest.mark.parametrize("radius", [0.9, 0.999, 0.9999, 0.99999])
@pytest.mark.parametrize("hertz", [20.0, 5000.0, 21000.0])
def test_poles_near_the_unit_circle(hertz, radius, time_varying):
    """float32 audio, float64 coefficients: -120 dB of float64 scipy, where the plain float32 loop is at 1e-3."""
    w = 2 * np.pi * hertz / 44100
    a = np.array([1.0, -2 * radius * np.cos(w), radius**2])
    x = np.random.default_rng(0).standard_normal(20_000).astype(np.float32)
    y_true = signal.lfilter([1.0], a, x.astype(np.float64))
    coefs = torch.from_numpy(a[1:])
    y = allpole(torch.from_numpy(x), coefs.expand(20_000, 2) if time_varying else coefs)
    assert decibels(relative(y, y_true)) < -120


def exact(x, a):
    """The loop in 40 decimal digits."""
    order = len(a)
    with localcontext() as context:
        context.prec = 40
        y = [Decimal(0)] * order
        taps = [Decimal(float(c)) for c in a]
        for v in x:
            y.append(Decimal(float(v)) - sum(c * past for c, past in zip(taps, reversed(y[-order:]), strict=True)))
        return np.array([float(v) for v in y[order:]])


def denominators():
    for order in (2, 4, 10, 16):
        for radius in (0.99, 0.99999):
            poles = radius * np.exp(1j * np.linspace(0.15, 3.0, order // 2))
            yield f"{order} poles at {radius}", np.poly(np.r_[poles, poles.conj()]).real
    yield "20 Hz", np.array([1.0, -2 * 0.99999 * np.cos(2 * np.pi * 20 / 44100), 0.99999**2])
    for order, corner in ((4, 0.05), (8, 0.05), (8, 0.2), (12, 0.05), (12, 0.2), (16, 0.2), (16, 0.4)):
        yield f"Butterworth {order} at {corner}", signal.butter(order, corner)[1]


@pytest.mark.parametrize(("name", "a"), list(denominators()), ids=lambda v: v if isinstance(v, str) else "")
def test_never_worse_than_the_plain_loop(name, a):
    """Blocks of 16 samples, and chunks of any size, against the loop in the same or narrower precision."""
    a = a[1:]
    x = np.random.default_rng(1).standard_normal(300).astype(np.float32).astype(np.float64)
    y_true = exact(x, a)
    xt, at, zi = torch.from_numpy(x), torch.from_numpy(a), torch.zeros(len(a), dtype=torch.float64)
    loop = relative(reference.allpole(xt, at, zi, False)[0], y_true)
    assert relative(allpole(xt, at), y_true) < 10 * loop + 1e-15  # one decimal digit of float64's sixteen
    assert relative(allpole(xt.float(), at), y_true) < 4 * loop + 1e-7
    assert relative(plain.allpole(xt, at[None], zi)[0], y_true) < 10 * loop + 1e-15
    moving = at.expand(300, len(a))
    for chunk in (1, 32, 300):
        assert relative(plain.allpole(xt, moving, zi, chunk=chunk)[0], y_true) < 10 * loop + 1e-15, chunk


@pytest.mark.slow
def test_two_million_samples_one_row_four_threads():
    x = torch.randn(1, 2_000_000)
    a = np.array([1.0, -1.9979, 0.998])
    y_true = signal.lfilter([1.0], a, x.numpy().astype(np.float64))
    threads = torch.get_num_threads()
    torch.set_num_threads(4)
    try:
        y, zf = allpole(x, torch.from_numpy(a[1:]), return_zf=True)
    finally:
        torch.set_num_threads(threads)
    assert decibels(relative(y, y_true)) < -120
    np.testing.assert_allclose(zf[0].numpy(), y_true[0, :-3:-1], rtol=1e-6)
