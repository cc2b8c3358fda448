"""Crossovers: flat in sum, fourth-order in slope."""

import math

import pytest
import torch

from diffFx_pytorch.dsp.crossover import linkwitz_riley

RATE = 48000


def _response(svf, freqs_hz):
    """H at ``freqs_hz`` of the sections [g r h b l], through s = (z - 1) / (g (z + 1))."""
    z = torch.exp(2j * math.pi * freqs_hz / RATE)
    g, r, h, b, low = svf.unbind(-1)
    s = (z - 1) / (z + 1) / g[..., None]
    section = (h[..., None] * s**2 + b[..., None] * s + low[..., None]) / (s**2 + r[..., None] * s + 1)
    return section.prod(-2)


@pytest.mark.parametrize("freqs", [[1000.0], [1000.0, 1200.0], [100.0, 100.0, 8000.0], [20.0, 200.0, 2000.0, 20000.0]])
def test_bands_sum_flat(freqs):
    at = torch.logspace(1, math.log10(23000), 400, dtype=torch.float64)
    bands = _response(linkwitz_riley(torch.tensor(freqs), RATE), at)
    assert bands.shape == (len(freqs) + 1, 400)
    assert (20 * torch.log10(bands.sum(0).abs())).abs().max() < 1e-9


def test_bands_meet_at_minus_six_and_fall_at_24_db_per_octave():
    at = torch.tensor([500.0, 1000.0, 125.0, 4000.0, 8000.0], dtype=torch.float64)
    low, high = 20 * torch.log10(_response(linkwitz_riley(torch.tensor([1000.0]), RATE), at).abs())
    assert low[1] == pytest.approx(-6.02, abs=0.01)
    assert high[1] == pytest.approx(-6.02, abs=0.01)
    assert high[0] - high[2] == pytest.approx(48.0, abs=0.6)
    assert low[3] - low[4] > 24.0
    assert low[0] > -0.6


def test_gradients_and_batches():
    freqs = torch.tensor([[200.0, 2000.0], [500.0, 501.0]], dtype=torch.float64, requires_grad=True)
    assert linkwitz_riley(freqs, RATE).shape == (2, 3, 4, 5)
    assert torch.autograd.gradcheck(lambda f: linkwitz_riley(f, RATE), freqs)
