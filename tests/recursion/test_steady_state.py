"""Initial states and zero-phase filters against scipy's, one by one and in batches, with gradients."""

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.recursion import filtfilt, lfilter_zi, lfiltic, sosfilt_zi, sosfiltfilt

FILTERS = {
    "low-pass": signal.butter(3, 0.2),
    "slow low-pass": signal.butter(2, 1e-3),
    "more zeros": ([0.5, 0.2, -0.1, 0.3], [2.0, 0.4]),
    "more poles": ([0.5], [1.0, -0.3, 0.2, 0.1]),
    "high-pass": signal.cheby1(5, 1, 0.3, "high"),
}
SOS = {
    "even": signal.butter(4, 0.1, output="sos"),
    "odd": signal.butter(5, 0.1, output="sos"),
    "high-pass": signal.ellip(5, 1, 40, 0.2, "high", output="sos"),
}


def tensors(*arrays):
    return [torch.from_numpy(np.ascontiguousarray(v, dtype=np.float64)) for v in arrays]


@pytest.mark.parametrize("name", FILTERS)
def test_states_are_scipys(name):
    b, a = FILTERS[name]
    np.testing.assert_allclose(lfilter_zi(*tensors(b, a)), signal.lfilter_zi(b, a), rtol=1e-10, atol=1e-10)
    rng = np.random.default_rng(0)
    for outputs, inputs in ((1, 1), (2, 9), (9, 2)):
        y, x = rng.standard_normal(outputs), rng.standard_normal(inputs)
        np.testing.assert_allclose(lfiltic(*tensors(b, a, y, x)), signal.lfiltic(b, a, y, x), rtol=1e-10, atol=1e-12)
        np.testing.assert_allclose(lfiltic(*tensors(b, a, y)), signal.lfiltic(b, a, y), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("name", SOS)
def test_states_of_sections_are_scipys(name):
    np.testing.assert_allclose(sosfilt_zi(*tensors(SOS[name])), signal.sosfilt_zi(SOS[name]), rtol=1e-10, atol=1e-12)


@pytest.mark.parametrize("padtype", ["odd", "even", "constant", None])
@pytest.mark.parametrize("padlen", [None, 0, 5])
@pytest.mark.parametrize("name", FILTERS)
def test_filtfilt_is_scipys(name, padlen, padtype):
    b, a = FILTERS[name]
    x = np.random.default_rng(0).standard_normal((2, 60)) + 1
    y = filtfilt(*tensors(b, a, x), padtype=padtype, padlen=padlen)
    np.testing.assert_allclose(y, signal.filtfilt(b, a, x, padtype=padtype, padlen=padlen), rtol=1e-10, atol=1e-10)


@pytest.mark.parametrize("padtype", ["odd", "even", "constant", None])
@pytest.mark.parametrize("padlen", [None, 7])
@pytest.mark.parametrize("name", SOS)
def test_sosfiltfilt_is_scipys(name, padlen, padtype):
    x = np.random.default_rng(0).standard_normal((2, 60)) + 1
    y = sosfiltfilt(*tensors(SOS[name], x), padtype=padtype, padlen=padlen)
    true = signal.sosfiltfilt(SOS[name], x, padtype=padtype, padlen=padlen)
    np.testing.assert_allclose(y, true, rtol=1e-10, atol=1e-10)


def test_batches_are_their_items():
    filters = [signal.butter(2, f) for f in (0.1, 0.2, 0.3)]
    b, a = tensors(*map(np.stack, zip(*filters, strict=True)))
    sos = torch.stack([*tensors(*(signal.butter(4, f, output="sos") for f in (0.1, 0.2, 0.3)))])
    x = torch.randn(3, 2, 50, dtype=torch.float64)
    both, sections = filtfilt(b[:, None], a[:, None], x), sosfiltfilt(sos[:, None], x)
    states = lfiltic(b, a, x[:, 0, :4], x[:, 1, :4])
    for i in range(3):
        torch.testing.assert_close(both[i], filtfilt(b[i], a[i], x[i]))
        torch.testing.assert_close(sections[i], sosfiltfilt(sos[i], x[i]))
        torch.testing.assert_close(states[i], lfiltic(b[i], a[i], x[i, 0, :4], x[i, 1, :4]))
    assert filtfilt(b[:, None], a[:, None], x[0]).shape == x.shape
    assert filtfilt(b[0], a[0], x.float()).dtype == torch.float32


def test_gradients():
    b, a, x = (
        t.requires_grad_() for t in tensors(*signal.butter(2, 0.2), np.random.default_rng(0).standard_normal(12))
    )
    sos = tensors(signal.butter(4, 0.2, output="sos"))[0].requires_grad_()
    assert torch.autograd.gradcheck(lambda *v: filtfilt(*v, padlen=4), (b, a, x))
    assert torch.autograd.gradcheck(lambda s, v: sosfiltfilt(s, v, padlen=4), (sos, x))
    assert torch.autograd.gradcheck(lambda b, a, x: lfiltic(b, a, x[:3], x[3:7]), (b, a, x))


def test_a_gain_has_no_state():
    """scipy refuses it."""
    b, a, x = tensors([2.0], [0.5], np.arange(9.0))
    assert lfilter_zi(b, a).shape == lfiltic(b, a, x).shape == (0,)
    torch.testing.assert_close(filtfilt(b, a, x), 16 * x)


def test_refusals_name_the_cure():
    b, a = tensors(*signal.butter(2, 0.2))
    with pytest.raises(ValueError, match=r"x has 9 samples and must have more than the 9 .* a smaller padlen"):
        filtfilt(b, a, torch.zeros(9))
    with pytest.raises(ValueError, match="padtype must be 'odd', 'even', 'constant' or None"):
        filtfilt(b, a, torch.zeros(90), padtype="reflect")
    with pytest.raises(TypeError, match="a must be a float"):
        lfilter_zi(b, torch.ones(3, dtype=torch.int64))
    with pytest.raises(ValueError, match=r"sos must be \(\.\.\., K, 6\)"):
        sosfilt_zi(torch.ones(6))
    with pytest.raises(ValueError, match="do not broadcast"):
        lfiltic(b.expand(2, 3), a.expand(3, 3), torch.zeros(2))
