"""Responses of the recursive filters against scipy, at every design and in both precisions."""

import functools

import numpy as np
import pytest
import scipy.signal
import torch

from diffFx_pytorch import lti
from diffFx_pytorch.dsp import biquad

RATE = 48000.0
KINDS = ("low_pass", "high_pass", "band_pass", "notch", "all_pass", "peak", "low_shelf", "high_shelf")


def _values(dtype, *size):
    generator = torch.Generator().manual_seed(3)
    freq = 30.0 * 600.0 ** torch.rand(*size, generator=generator, dtype=dtype)
    q = 0.3 * 20.0 ** torch.rand(*size, generator=generator, dtype=dtype)
    gain = 24 * torch.rand(*size, generator=generator, dtype=dtype) - 12
    return freq, q, gain


@functools.cache
def _filters(dtype):
    freq, q, gain = _values(dtype, 2, 3, 2)
    return (
        *(lti.Biquad(kind, freq, q, gain, sample_rate=RATE) for kind in KINDS),
        lti.Biquad("peak", freq, q, gain, sample_rate=RATE, design="matched"),
        lti.SVF(freq, 1 / q, gain, 2.0, 1.0, sample_rate=RATE),
        lti.PEQ(*_values(dtype, 2, 3, 5), sample_rate=RATE),
        lti.PEQ(*_values(dtype, 2, 3, 5), sample_rate=RATE, design="svf"),
        lti.Biquad.between(freq.clamp_max(8000.0), 2 * freq.clamp_max(8000.0), gain, sample_rate=RATE),
        lti.GEQ(_values(dtype, 2, 3, 10)[2], sample_rate=RATE),
        lti.GEQ(_values(dtype, 2, 3, 10)[2], sample_rate=RATE, accurate=True),
        lti.SOS(lti.Biquad("peak", freq, q, gain, sample_rate=RATE).sections().to(dtype)),
    )


@pytest.mark.parametrize(("dtype", "tolerance"), [(torch.float64, 1e-12), (torch.float32, 1e-4)])
@pytest.mark.parametrize("index", range(16))
def test_the_response_is_that_of_scipy(index, dtype, tolerance):
    system = _filters(dtype)[index]
    sections = system.sections().detach()
    sections = sections / sections[..., 3:4]
    nfft = 4800  # a point every 10 Hz
    H = system.frequency_response(nfft).detach().numpy()
    omega = 2 * np.pi * np.arange(nfft // 2 + 1) / nfft
    for o in range(system.outputs):
        for i in range(system.inputs):
            _, expected = scipy.signal.freqz_sos(sections[o, i].numpy(), omega)
            error = np.abs(H[o, i] - expected)[2:] / np.maximum(1.0, np.abs(expected)[2:])
            assert error.max() < tolerance * (1 if dtype == torch.float32 else 50)


def test_designs_are_those_of_the_shared_designer():
    freq, q, gain = _values(torch.float64, 1, 1, 1)
    peak = lti.Biquad("peak", freq, q, gain, sample_rate=RATE).sections()[0, 0]
    assert torch.allclose(peak, biquad.peak(freq, q, gain, RATE, "bilinear")[0, 0], rtol=1e-9)
    level = lti.Biquad("low_pass", freq, q, gain, sample_rate=RATE).sections()[0, 0]
    expected = biquad.low_pass(freq, q, RATE, "bilinear")[0, 0]
    assert torch.allclose(level[..., :3], expected[..., :3] * 10 ** (gain[0, 0] / 20), rtol=1e-9)


def test_an_svf_can_be_each_of_its_three_filters():
    freq, damping = torch.full((1, 1), 1000.0, dtype=torch.float64), 0.5
    H = [
        lti.SVF(freq, damping, *mix, sample_rate=RATE, diagonal=True).frequency_response(
            freqs_hz=torch.tensor([1.0, 1000.0, 23990.0]), sample_rate=RATE
        )
        for mix in ((1, 0, 0), (0, 1, 0), (0, 0, 1))
    ]
    low, band, high = (h.abs()[0, 0] for h in H)
    assert torch.allclose(low, torch.tensor([1.0, 1.0, 0.0], dtype=torch.float64), atol=1e-4)
    assert torch.allclose(band, torch.tensor([0.0, 1.0, 0.0], dtype=torch.float64), atol=2e-3)
    assert torch.allclose(high, torch.tensor([0.0, 1.0, 1.0], dtype=torch.float64), atol=1e-4)


def test_an_accurate_graphic_equaliser_goes_through_its_gains():
    gain = torch.tensor([[6.0, -6, 6, -6, 0, 12, -3, 4, -9, 5]], dtype=torch.float64)
    for rate in (44100.0, 96000.0):
        eq = lti.GEQ(gain, sample_rate=rate, diagonal=True, accurate=True)
        H = eq.frequency_response(freqs_hz=torch.tensor(eq.centres_hz), sample_rate=rate)
        assert (20 * H[0, 0].abs().log10() - gain[0]).abs().max() < 0.1
    plain = lti.GEQ(gain, sample_rate=44100.0, diagonal=True)
    H = plain.frequency_response(freqs_hz=torch.tensor(plain.centres_hz), sample_rate=44100.0)
    assert (20 * H[0, 0].abs().log10() - gain[0]).abs().max() > 0.5


def test_thirds_of_an_octave_and_centres_of_ones_own():
    assert len(lti.band_centres(1, 48000)) == 10
    assert len(lti.band_centres(3, 48000)) == 31
    eq = lti.GEQ(torch.zeros(1, 3), sample_rate=RATE, centres_hz=(100.0, 1000.0, 8000.0), diagonal=True)
    assert torch.allclose(eq.frequency_response(64).abs(), torch.ones(1))
    with pytest.raises(ValueError, match="one gain per band"):
        lti.GEQ(torch.zeros(1, 4), sample_rate=RATE, diagonal=True)
    with pytest.raises(ValueError, match="must rise"):
        lti.GEQ(torch.zeros(1, 2), sample_rate=RATE, centres_hz=(1000.0, 100.0), diagonal=True)


def test_absorption_is_what_the_decay_times_ask_of_each_line():
    delays = torch.tensor([1000, 2500])
    low, high = torch.tensor([2.0], dtype=torch.float64), torch.tensor([0.5], dtype=torch.float64)
    absorption = lti.ShelvingAbsorption(low, high, delays, crossover_hz=3000.0, sample_rate=RATE)
    H = absorption.frequency_response(freqs_hz=torch.tensor([0.1, 3000.0, 23999.9]), sample_rate=RATE).abs()
    db = 20 * torch.diagonal(H.movedim(-1, 0), dim1=-2, dim2=-1).log10()
    lost = -60 * delays.double() / RATE
    expected = torch.stack([lost / 2.0, lost * 0.5 * (1 / 2.0 + 1 / 0.5), lost / 0.5])
    assert torch.allclose(db, expected, atol=1e-4)


@pytest.mark.parametrize(
    "make", [lambda f: lti.Biquad("peak", f, sample_rate=RATE), lambda f: lti.PEQ(f, sample_rate=RATE)]
)
def test_filters_start_where_they_were_put(make):
    freq = torch.tensor([[[20.0, 1234.5, 23000.0]]], dtype=torch.float64)
    assert torch.allclose(make(freq).value("freq_hz"), freq, rtol=1e-9)


def test_frequencies_beyond_nyquist_and_shapes_that_are_none_are_refused():
    with pytest.raises(ValueError, match="half the sample rate"):
        lti.Biquad("peak", torch.full((1, 1, 1), 30000.0), sample_rate=RATE)
    with pytest.raises(ValueError, match="sections"):
        lti.Biquad("peak", torch.full((2,), 300.0), sample_rate=RATE)
    with pytest.raises(ValueError, match="kind"):
        lti.Biquad("peaking", torch.full((1, 1, 1), 300.0), sample_rate=RATE)


def test_a_band_pass_falls_by_3_db_at_both_corners():
    low, high = torch.tensor([[100.0, 5000.0]]).double(), torch.tensor([[400.0, 20000.0]]).double()
    bands = lti.Biquad.between(low, high, sample_rate=RATE, diagonal=True)
    corners = torch.tensor([100.0, 400.0]).double()
    one = lti.Biquad.between(low[:, :1], high[:, :1], sample_rate=RATE, diagonal=True)
    level = 20 * one.frequency_response(freqs_hz=corners, sample_rate=RATE).abs().log10().flatten()
    assert level.tolist() == pytest.approx([-3.0103, -3.0103], abs=1e-3)
    assert bands.sections().shape == (1, 2, 6)
    with pytest.raises(ValueError, match="corners must rise"):
        lti.Biquad.between(high, low, sample_rate=RATE)


def test_a_state_variable_peq_has_the_gains_that_its_mixture_has():
    freq = torch.tensor([[100.0, 1000.0, 8000.0]]).double()
    hertz = torch.tensor([0.01, 1000.0, 23999.0]).double()

    def level(gain):
        gains = torch.tensor([gain]).double()
        peq = lti.PEQ(freq, 1.0, gains, sample_rate=RATE, diagonal=True, design="svf")
        H = peq.frequency_response(freqs_hz=hertz, sample_rate=RATE)
        return (20 * H.abs().log10()).flatten().tolist()

    assert level([6.0, 0.0, 0.0])[0] == pytest.approx(6.0, abs=1e-3)
    assert level([0.0, 6.0, 0.0]) == pytest.approx([0.0, 3.0, 0.0], abs=1e-3)
    assert level([0.0, 0.0, 6.0])[2] == pytest.approx(6.0, abs=1e-3)
    with pytest.raises(ValueError, match="design must be 'bilinear', 'matched' or 'svf'"):
        lti.PEQ(freq, sample_rate=RATE, diagonal=True, design="rbj")
