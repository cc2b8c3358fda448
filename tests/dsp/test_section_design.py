"""Sections from their knobs as one operator: the kernel against the equation, derivatives, broadcasting, transforms."""

import itertools

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp import biquad
from diffFx_pytorch.dsp.section_design import _KINDS as KINDS
from diffFx_pytorch.dsp.section_design import _equation as equation
from diffFx_pytorch.dsp.section_design import section_design

DESIGNS = ("matched", "bilinear")
MIXED = ("low_shelf", "peak", "notch", "high_pass_first_order")


def doubles(*values):
    return torch.tensor(values, dtype=torch.float64)


def grid(sample_rate):
    """Knobs (N,): corners, the double pole at Q 0.5 and its sides, 0 dB and its sides."""
    freqs = [20.0, 100.0, 0.05 * sample_rate, 0.25 * sample_rate, 0.49 * sample_rate]
    qs, gains = [0.1, 0.4999, 0.5, 0.7071, 3.0, 100.0], [-24.0, -3.0, -1e-9, 0.0, 1e-9, 6.0, 24.0]
    return doubles(*itertools.product(freqs, qs, gains)).unbind(-1)


def reference(kinds, freq, q, gain, sample_rate, how):
    return equation(freq, q, gain, [KINDS.index(k) for k in kinds], sample_rate, how == "matched")


def knobs_of(count, batch=2):
    generator = torch.Generator().manual_seed(3)
    u = torch.rand(3, batch, count, generator=generator, dtype=torch.float64)
    return [k.requires_grad_() for k in (50.0 * 200 ** u[0], 0.2 * 20 ** u[1], 40 * (u[2] - 0.5))]


@pytest.mark.parametrize("how", DESIGNS)
@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("sample_rate", [8000, 44100, 192000])
def test_the_kernel_is_the_equation_in_values_and_gradients(kind, how, sample_rate):
    given = [k.clone().requires_grad_() for k in grid(sample_rate)]
    ours, expected = section_design((kind,), *given, sample_rate, how), reference((kind,), *given, sample_rate, how)
    largest = expected.detach().abs().amax(-1, keepdim=True)
    # The zeros of a narrow peak of 24 dB at 20 Hz are small differences, at 192 kHz of a few digits of the sixteen.
    bound = 3e-13 if (kind, how) == ("peak", "matched") else 1e-13
    assert ((ours - expected).detach().abs() / largest).max() < bound
    for column in (0, 1, 2, 4, 5):
        found = torch.autograd.grad(ours[..., column].sum(), given, retain_graph=True, allow_unused=True)
        wanted = torch.autograd.grad(
            expected[..., column].sum(), given, retain_graph=True, allow_unused=True, materialize_grads=True
        )
        for f, w in zip(found, wanted, strict=True):
            torch.testing.assert_close(torch.zeros_like(w) if f is None else f, w, rtol=1e-7, atol=1e-10)


@pytest.mark.parametrize("how", DESIGNS)
@pytest.mark.parametrize("kind", ["peak", "low_shelf", "high_shelf"])
def test_at_0_db_numerator_and_denominator_are_the_same_to_the_last_bit(kind, how):
    freq, q, gain = grid(44100)
    sos = section_design((kind,), freq, q, gain, 44100, how)[gain == 0]
    assert torch.equal(sos[..., :3], sos[..., 3:])


@pytest.mark.parametrize("how", DESIGNS)
@pytest.mark.parametrize("kind", KINDS)
def test_gradients_at_0_db_and_at_the_double_pole_are_those_of_finite_differences(kind, how):
    knobs = [doubles(900.0, 900.0, 9000.0), doubles(0.5, 2.0, 0.5), doubles(0.0, 0.0, 6.0)]
    leaves = [k.clone().requires_grad_() for k in knobs]
    weights = doubles(0.3, -1.1, 0.7, 0.0, 0.9, -0.4)
    found = torch.autograd.grad((section_design((kind,), *leaves, 44100, how) * weights).sum(), leaves)
    # The coefficients of a matched shelf have a corner at 0 dB, where boost and cut meet: seen from the boost's side.
    for i, step in enumerate((1e-3, 1e-6, -1e-4 if kind == "high_shelf" else 1e-4)):
        at = []
        for count in range(3):
            moved = [k + count * step if j == i else k for j, k in enumerate(knobs)]
            at.append((section_design((kind,), *moved, 44100, how) * weights).sum(-1))
        difference = (4 * at[1] - 3 * at[0] - at[2]) / (2 * step)
        torch.testing.assert_close(found[i], difference, rtol=1e-5, atol=1e-8)


def test_kinds_of_the_last_axis_are_the_functions_one_by_one():
    freq, q, gain = (k.detach() for k in knobs_of(4))
    sos = section_design(MIXED, freq, q, gain, 48000, "matched")
    alone = [
        biquad.low_shelf(freq[:, 0], q[:, 0], gain[:, 0], 48000),
        biquad.peak(freq[:, 1], q[:, 1], gain[:, 1], 48000),
        biquad.notch(freq[:, 2], q[:, 2], 48000),
        biquad.high_pass_first_order(freq[:, 3], 48000),
    ]
    assert torch.equal(sos, torch.stack(alone, -2))


def test_knobs_broadcast_and_their_gradients_are_summed():
    freq, q, gain = torch.full((3, 1), 300.0), torch.tensor(0.8), torch.tensor([1.0, -2.0], dtype=torch.float64)
    given = [k.requires_grad_() for k in (freq, q, gain)]
    sos = biquad.peak(*given, 44100)
    assert sos.shape == (3, 2, 6)
    assert sos.dtype == torch.float64
    full = [k.detach().double().expand(3, 2).clone().requires_grad_() for k in given]
    alone = torch.autograd.grad(biquad.peak(*full, 44100).square().sum(), full)
    for g, k, a in zip(torch.autograd.grad(sos.square().sum(), given), given, alone, strict=True):
        assert g.dtype == k.dtype
        torch.testing.assert_close(g.double(), a.sum_to_size(k.shape), rtol=1e-6, atol=1e-12)


@pytest.mark.parametrize("how", DESIGNS)
def test_derivatives_of_second_order_and_forward_mode(how):
    def scaled(f, q, g):
        return section_design(MIXED, f * 1000, q, g, 44100, how)

    freq, q, gain = knobs_of(4, 1)
    given = ((freq.detach() / 1000).requires_grad_(), q, gain)
    assert torch.autograd.gradcheck(scaled, given, check_forward_ad=True)
    assert torch.autograd.gradgradcheck(scaled, given, atol=1e-4)


def test_vmap_and_compile_and_fake():
    freq, q, gain = (k.detach() for k in knobs_of(4, 3))

    def designed(f, q, g):
        return section_design(MIXED, f, q, g, 44100, "matched")

    expected = designed(freq, q, gain[0])
    assert torch.equal(torch.vmap(designed, (0, 0, None))(freq, q, gain[0]), expected)
    assert torch.equal(torch.vmap(lambda f: biquad.low_pass(f, 0.7, 44100))(freq), biquad.low_pass(freq, 0.7, 44100))
    assert torch.equal(torch.compile(designed, backend="aot_eager", fullgraph=True)(freq, q, gain[0]), expected)
    meta = section_design(MIXED, *(k.to("meta") for k in (freq, q, gain)), 44100, "matched")
    assert meta.shape == (3, 4, 6)
    assert meta.dtype == torch.float64


def test_nothing_in_nothing_out():
    assert biquad.peak(torch.zeros(0), 1.0, 0.0, 44100).shape == (0, 6)


def test_bad_arguments_name_what_is_legal():
    with pytest.raises(ValueError, match="low_shelf"):
        section_design(("shelf",), 100.0, 1.0, 0.0, 44100, "matched")
    with pytest.raises(ValueError, match="one per kind"):
        section_design(("peak", "peak"), torch.ones(3), 1.0, 0.0, 44100, "matched")


def test_numbers_are_taken_too():
    np.testing.assert_array_equal(biquad.notch(100, 1, 44100), biquad.notch(torch.tensor(100.0), 1.0, 44100.0))
