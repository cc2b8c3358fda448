"""Banks of octaves and thirds: they add up, they are scipy's, they keep to the standard."""

import math

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch import lti


def test_centres_are_those_of_the_standard():
    thirds = lti.exact_centres(3, 48000.0, 20.0, 20000.0)
    nominal = [20, 25, 31.5, 40, 50, 63, 80, 100, 125, 160, 200, 250, 315, 400, 500, 630, 800, 1000, 1250, 1600]
    nominal += [2000, 2500, 3150, 4000, 5000, 6300, 8000, 10000, 12500, 16000, 20000]
    assert len(thirds) == len(nominal)
    assert all(abs(c / n - 1) < 0.02 for c, n in zip(thirds, nominal, strict=True))
    assert pytest.approx(thirds[27]) == 10000.0  # ten thirds are a decade
    assert lti.exact_centres(1, 16000.0, 63.0, 16000.0)[-1] == pytest.approx(1000 * 10**0.6)  # under half the rate


@pytest.mark.parametrize("bands", [1, 3])
def test_linear_phase_bands_add_up_to_the_signal(bands):
    bank = lti.FilterBank(bands, sample_rate=16000.0, low_hz=125.0).double()
    x = torch.randn(2, 1, 4000, dtype=torch.float64)
    late = bank.latency_samples
    y = bank(x.unsqueeze(-2), samples=4000 + late)
    assert y.shape == (2, 1, bank.outputs, 4000 + late)
    torch.testing.assert_close(y.sum(-2)[..., late:], x, atol=1e-12, rtol=0)
    centres = torch.tensor(bank.centres_hz, dtype=torch.float64)
    H = bank.frequency_response(freqs_hz=centres).abs()[:, 0]
    assert H.diagonal().min() > 0.95
    assert (H - H.diagonal().diag()).max() < 0.05
    inner = torch.tensor([high for _, high in bank.edges_hz[:-1]], dtype=torch.float64)
    level = 20 * bank.frequency_response(freqs_hz=inner).abs()[:-1, 0].diagonal().log10()
    torch.testing.assert_close(level, torch.full_like(level, 20 * math.log10(0.5)), atol=0.3, rtol=0)


@pytest.mark.parametrize(("bands", "order", "rate"), [(1, 3, 48000), (1, 4, 16000), (3, 3, 44100), (3, 1, 16000)])
def test_butterworth_bands_are_scipys(bands, order, rate):
    bank = lti.FilterBank(bands, sample_rate=rate, kind="butterworth", order=order).double()
    freqs = np.geomspace(10, 0.499 * rate, 500)
    H = bank.frequency_response(freqs_hz=torch.from_numpy(freqs))[:, 0].numpy()
    for k, edges in enumerate(bank.edges_hz):
        sos = signal.butter(order, edges, "bandpass", fs=rate, output="sos")
        assert np.abs(signal.sosfreqz(sos, freqs, fs=rate)[1] - H[k]).max() < 1e-8


@pytest.mark.parametrize(("order", "high"), [(3, 1000.0), (4, 4000.0)])
def test_butterworth_octaves_keep_to_class_one_and_their_powers_add_up(order, high):
    bank = lti.FilterBank(1, sample_rate=48000.0, kind="butterworth", high_hz=high, order=order).double()
    # IEC 61260:1995, table 1: exponents of G, and the least and the most that class 1 attenuates there, dB.
    limits = ((0, -0.3, 0.3), (1 / 8, -0.3, 0.4), (1 / 4, -0.3, 0.6), (3 / 8, -0.3, 1.3), (0.499, -0.3, 5.0))
    limits += ((0.5, 2.0, 5.0), (1, 17.5, math.inf), (2, 42.0, math.inf), (3, 61.0, math.inf))
    for k, centre in enumerate(bank.centres_hz):
        for exponent, least, most in limits:
            for side in (-1, 1):
                f = torch.tensor([centre * 10 ** (0.3 * side * exponent)], dtype=torch.float64)
                loss = -20 * math.log10(float(bank.frequency_response(freqs_hz=f)[k, 0].abs()))
                assert least <= loss <= most, (centre, exponent * side, loss)
    inside = torch.logspace(math.log10(bank.centres_hz[0]), math.log10(bank.centres_hz[-1]), 500, dtype=torch.float64)
    power = 10 * bank.frequency_response(freqs_hz=inside).abs().square().sum(0).log10()
    assert power.abs().max() < 0.5


def test_gradients_pass_and_float32_is_enough():
    for kind in ("linear_phase", "butterworth"):
        bank = lti.FilterBank(sample_rate=16000.0, kind=kind, low_hz=63.0)
        x = torch.randn(1, 2000, requires_grad=True)
        y = bank(x)
        y.square().sum().backward()
        assert y.dtype == torch.float32
        assert x.grad.isfinite().all()
        exact = bank.double()(x.detach().double())
        assert (y - exact).norm() < 1e-5 * exact.norm()


@pytest.mark.parametrize(
    ("options", "says"),
    [
        ({"kind": "gammatone"}, "kind must be"),
        ({"order": 9}, "order must"),
        ({"bands_per_octave": 2}, "1 or 3"),
        ({"low_hz": 900.0, "high_hz": 1100.0}, "not two"),
    ],
)
def test_what_cannot_be_is_refused(options, says):
    with pytest.raises(ValueError, match=says):
        lti.FilterBank(sample_rate=48000.0, **options)
