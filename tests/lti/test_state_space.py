"""Poles, residues and stability of small systems and of long loops."""

import warnings

import pytest
import torch

from diffFx_pytorch import lti
from diffFx_pytorch.lti.stability import UnstableLoop

D = torch.float64


def _fdn(delays, gain, filters=True):
    torch.manual_seed(1)
    n = len(delays)
    attenuation = lti.Gain(torch.full((n,), gain, dtype=D), diagonal=True)
    shelf = lti.Biquad("high_shelf", torch.full((n, 1), 4000.0, dtype=D), 0.7, -3.0, sample_rate=48000.0, diagonal=True)
    back = (lti.Matrix(n, dtype=D), attenuation, shelf) if filters else (lti.Matrix(n, dtype=D), attenuation)
    loop = lti.Recursion(lti.Delay(torch.tensor(delays), dtype=D), lti.Series(*back))
    return lti.Series(lti.Gain(size=(n, 2), dtype=D), loop, lti.Gain(size=(1, n), dtype=D))


def _sum_of_poles(p, R, direct, z):
    return direct.unsqueeze(-1) + (R.unsqueeze(-2) / (z.unsqueeze(-1) - p)).sum(-1)


@pytest.mark.parametrize(
    "system",
    [
        lambda: _fdn([11, 17, 23, 31], 0.9),
        lambda: lti.Series(
            lti.Biquad("peak", torch.tensor([[[300.0, 5000.0], [800.0, 90.0]]], dtype=D), 2.0, 6.0, sample_rate=48000.0)
        ),
        lambda: lti.Recursion(
            lti.AllPass(torch.tensor([3, 5]), torch.tensor([0.5, -0.3], dtype=D)),
            lti.Gain(torch.tensor([[0.35, 0.2], [0.1, -0.45]], dtype=D)),
        ),
    ],
)
def test_poles_and_residues_make_the_response(system):
    system = system()
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        p, R, direct = lti.poles_and_residues(system)
    keep = R.abs().amax((0, 1)) > 1e-14 * float(R.abs().max())
    z = torch.polar(torch.full((40,), 1.1, dtype=D), torch.linspace(0.1, 3.0, 40, dtype=D))
    found = _sum_of_poles(p[keep], R[..., keep], direct, z)
    assert torch.allclose(found, system.probe(z), atol=1e-8 * float(found.abs().max()))


def test_scattering_loops_have_poles_too():
    torch.manual_seed(0)
    loop = lti.Recursion(
        lti.Delay(torch.tensor([7, 9, 12]), dtype=D),
        lti.ScatteringMatrix(3, 2, dtype=D, gain_per_sample=0.999),
    )
    assert float(lti.poles(loop)[0].abs()) == pytest.approx(lti.pole_radius(loop), abs=1e-7)


def test_a_lossless_loop_has_all_poles_on_the_circle():
    p = lti.poles(_fdn([7, 11, 13], 1.0, filters=False))
    assert len(p) == 31
    assert torch.allclose(p.abs(), torch.ones(31, dtype=D), atol=1e-12)


@pytest.mark.parametrize("gain", [0.5, 0.95, 1.02])
def test_the_pole_radius_is_that_of_the_outermost_pole(gain):
    loop = _fdn([11, 17, 23, 31], gain).get_submodule("1")
    assert lti.pole_radius(loop) == pytest.approx(float(lti.poles(loop)[0].abs()), abs=1e-7)


@pytest.mark.slow
def test_long_loops_warn_where_they_grow():
    long = [887, 1699, 2053]  # more samples than a state space may have states
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert lti.check_stability(_fdn(long, 1.0, filters=False)) == pytest.approx(1.0, abs=1e-9)
    with pytest.warns(UnstableLoop, match="outermost pole has radius 1.00001"):
        radius = lti.check_stability(_fdn(long, 1.01, filters=False))
    assert 1.01 ** (1 / 2053) < radius < 1.01 ** (1 / 887)


def test_what_has_no_state_space_says_so():
    with pytest.raises(ValueError, match="too large"):
        lti.poles(_fdn([3000, 4000], 0.9))
    with pytest.raises(ValueError, match="not whole"):
        lti.poles(lti.Delay(torch.tensor([2.5]), integer=False))
    with pytest.raises(ValueError, match="multiple poles"):
        lti.poles_and_residues(lti.Parallel(_fdn([3, 5], 0.8), lti.FIR(torch.randn(1, 2, 6, dtype=D))))
    with pytest.raises(ValueError, match="one system at a time"):
        lti.poles(lti.Gain(torch.randn(3, 2, 2)))
