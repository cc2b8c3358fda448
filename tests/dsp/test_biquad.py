"""Filter designs: the cookbook against scipy's bilinear map, the matched ones against the analogue magnitude."""

import math

import numpy as np
import pytest
import scipy.signal
import torch

from diffFx_pytorch.dsp import biquad

SHELVING = ("peak", "low_shelf", "high_shelf")
PASSING = ("low_pass", "high_pass", "band_pass", "notch", "all_pass")
RATES = (8000, 44100, 192000)


def prototype(kind, q, gain_db):
    """Numerator and denominator in s / w0, from the cookbook's first page."""
    A = 10 ** (gain_db / 40)
    root = math.sqrt(A) / q
    return {
        "peak": ([1, A / q, 1], [1, 1 / (A * q), 1]),
        "low_shelf": ([A, A * root, A * A], [A, root, 1]),
        "high_shelf": ([A * A, A * root, A], [1, root, A]),
        "low_pass": ([1], [1, 1 / q, 1]),
        "high_pass": ([1, 0, 0], [1, 1 / q, 1]),
        "band_pass": ([1 / q, 0], [1, 1 / q, 1]),
        "notch": ([1, 0, 1], [1, 1 / q, 1]),
        "all_pass": ([1, -1 / q, 1], [1, 1 / q, 1]),
    }[kind]


def design(kind, freq_hz, q, gain_db, sample_rate, how):
    f = getattr(biquad, kind)
    return f(freq_hz, q, gain_db, sample_rate, how) if kind in SHELVING else f(freq_hz, q, sample_rate, how)


def response_db(sos, freqs_hz, sample_rate):
    return 20 * torch.log10(biquad.sos_response(sos[..., None, :], freqs_hz, sample_rate).abs()).numpy()


def analogue_db(kind, freq_hz, q, gain_db, freqs_hz):
    b, a = prototype(kind, q, gain_db)
    return 20 * np.log10(np.abs(scipy.signal.freqs(b, a, freqs_hz.numpy() / freq_hz)[1]))


@pytest.mark.parametrize("kind", SHELVING + PASSING)
@pytest.mark.parametrize("sample_rate", RATES)
def test_bilinear_is_scipys_bilinear_map_of_the_prototype(kind, sample_rate):
    for freq_hz in (20.0, 1000.0, 0.49 * sample_rate):
        for q, gain_db in ((0.1, -24.0), (0.7071, 6.0), (10.0, 24.0)):
            warped = math.tan(math.pi * freq_hz / sample_rate)
            b, a = prototype(kind, q, gain_db)
            b, a = (np.polymul(c, [1]) / warped ** np.arange(len(c) - 1, -1, -1) for c in (b, a))
            b, a = scipy.signal.bilinear(b, a, fs=0.5)
            sos = design(kind, freq_hz, q, gain_db, sample_rate, "bilinear")
            expected = np.concatenate([np.pad(b, (0, 3 - len(b))), a])
            np.testing.assert_allclose(sos.numpy(), expected, rtol=1e-7, atol=1e-9 * np.abs(expected).max())


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("kind", SHELVING + PASSING)
@pytest.mark.parametrize("how", ["matched", "bilinear"])
def test_finite_and_stable_with_finite_gradients_over_the_whole_range(kind, how, sample_rate):
    freqs = torch.tensor([20.0, 200.0, 3000.0, 0.3 * sample_rate, 0.49 * sample_rate], dtype=torch.float64)
    # 0.5 is the double pole; 1e-9 dB lies beside the exact identity.
    qs = torch.tensor([0.1, 0.499999, 0.5, 0.7071, 10.0], dtype=torch.float64)
    gains = torch.tensor([-24.0, -1e-9, 0.0, 24.0], dtype=torch.float64)
    knobs = [k.clone().requires_grad_() for k in torch.meshgrid(freqs, qs, gains, indexing="ij")]
    sos = design(kind, *knobs, sample_rate, how)
    assert torch.isfinite(sos).all()
    a1, a2 = sos[..., 4].detach(), sos[..., 5].detach()
    assert (a2.abs() < 1).all()
    assert (a1.abs() < 1 + a2).all()
    used = knobs if kind in SHELVING else knobs[:2]
    for gradient in torch.autograd.grad(sos.square().sum(), used):
        assert torch.isfinite(gradient).all()


@pytest.mark.parametrize("kind", SHELVING)
@pytest.mark.parametrize("how", ["matched", "bilinear"])
def test_zero_db_is_the_identity_to_the_last_bit_and_its_gain_acts(kind, how):
    for freq_hz in (20.0, 440.0, 5000.0):
        gain_db = torch.zeros((), dtype=torch.float64, requires_grad=True)
        sos = design(kind, freq_hz, 0.7, gain_db, 44100, how)
        assert torch.equal(sos[:3], sos[3:])
        at_centre = biquad.sos_response(sos[None], torch.tensor([freq_hz]), 44100).abs()
        (gradient,) = torch.autograd.grad(20 * torch.log10(at_centre).sum(), gain_db)
        assert gradient == pytest.approx(1.0 if kind == "peak" else 0.5, abs=0.02)


@pytest.mark.parametrize("sample_rate", RATES)
@pytest.mark.parametrize("kind", SHELVING + PASSING)
def test_matched_agrees_with_the_analogue_filter_far_under_nyquist(kind, sample_rate):
    freqs = torch.logspace(math.log10(10.0), math.log10(0.05 * sample_rate), 200, dtype=torch.float64)
    for freq_hz in (20.0, 0.02 * sample_rate):
        for q, gain_db in ((0.3, -12.0), (0.7071, 6.0), (5.0, 12.0)):
            ours = response_db(design(kind, freq_hz, q, gain_db, sample_rate, "matched"), freqs, sample_rate)
            expected = analogue_db(kind, freq_hz, q, gain_db, freqs)
            audible = expected > -30.0
            assert np.abs(ours - expected)[audible].max() < 0.35


def test_a_peak_at_16_khz_follows_the_analogue_one_where_the_bilinear_one_is_several_db_off():
    freqs = torch.linspace(20.0, 20000.0, 2000, dtype=torch.float64)
    expected = analogue_db("peak", 16000.0, 1.0, 12.0, freqs)
    error = {
        how: np.abs(response_db(biquad.peak(16000.0, 1.0, 12.0, 44100, how), freqs, 44100) - expected).max()
        for how in ("matched", "bilinear")
    }
    assert error["matched"] < 1.0
    assert error["bilinear"] > 3.0


@pytest.mark.parametrize("kind", ["low_shelf", "high_shelf"])
@pytest.mark.parametrize("gain_db", [-12.0, 12.0])
def test_matched_shelves_follow_the_analogue_ones_up_to_nyquist(kind, gain_db):
    freqs = torch.linspace(20.0, 22050.0, 2000, dtype=torch.float64)
    for freq_hz in (100.0, 1000.0, 5000.0, 10000.0):
        ours = response_db(design(kind, freq_hz, 0.7071, gain_db, 44100, "matched"), freqs, 44100)
        assert np.abs(ours - analogue_db(kind, freq_hz, 0.7071, gain_db, freqs)).max() < 0.75


def test_matched_all_pass_has_the_analogue_phase_and_group_delay_at_its_centre():
    f0, q, fs = 9000.0, 2.0, 44100
    step = 1e-3
    sos = biquad.all_pass(f0, q, fs)
    H = biquad.sos_response(sos[None], torch.tensor([f0 - step, f0, f0 + step], dtype=torch.float64), fs)
    assert abs(H[1] + 1) < 1e-12
    slope = torch.angle(H[2] / H[0]).item() / (2 * step)
    assert slope == pytest.approx(-4 * q / f0, rel=1e-6)


@pytest.mark.parametrize("how", ["matched", "bilinear"])
@pytest.mark.parametrize("slope", [6, 12, 24, 48])
def test_butterworth_loses_3_db_at_the_corner_and_its_slope_beyond(how, slope):
    freqs = torch.tensor([10.0, 1000.0, 2000.0], dtype=torch.float64)
    low = 20 * torch.log10(
        biquad.sos_response(biquad.butterworth("low_pass", 1000.0, slope, 192000, how), freqs, 192000).abs()
    )
    assert low[0].abs() < 0.01
    assert low[1] == pytest.approx(-3.01, abs=0.01)
    assert low[2] == pytest.approx(-10 * math.log10(1 + 2 ** (slope / 3.0103)), abs=0.2)
    freqs = torch.tensor([500.0, 1000.0, 50000.0], dtype=torch.float64)
    high = 20 * torch.log10(
        biquad.sos_response(biquad.butterworth("high_pass", 1000.0, slope, 192000, how), freqs, 192000).abs()
    )
    assert high[1] == pytest.approx(-3.01, abs=0.01)
    assert high[0] == pytest.approx(-10 * math.log10(1 + 2 ** (slope / 3.0103)), abs=0.2)
    assert high[2].abs() < 0.15


def test_butterworth_qs_are_those_of_scipys_poles():
    for order in (1, 2, 3, 4, 8):
        poles = scipy.signal.buttap(order)[1]
        expected = sorted(1 / (-2 * p.real) for p in poles if p.imag > 1e-9)
        np.testing.assert_allclose(biquad.butterworth_qs(order), expected, rtol=1e-12)


@pytest.mark.parametrize("how", ["matched", "bilinear"])
@pytest.mark.parametrize("kind", SHELVING + PASSING)
def test_gradients_match_finite_differences(kind, how):
    freq = torch.tensor([300.0, 8000.0], dtype=torch.float64, requires_grad=True)
    q = torch.tensor([0.3, 2.0], dtype=torch.float64, requires_grad=True)
    gain = torch.tensor([[5.0], [-9.0]], dtype=torch.float64, requires_grad=True)

    def scaled(f, q, g):
        return design(kind, f, q, g, 44100, how)

    assert torch.autograd.gradcheck(scaled, (freq, q, gain), eps=1e-4, atol=1e-7)


def test_the_response_is_scipys():
    sos = biquad.butterworth("high_pass", torch.tensor([100.0, 5000.0]), 24, 44100)
    freqs = torch.linspace(10, 20000, 50, dtype=torch.float64)
    ours = biquad.sos_response(sos, freqs, 44100)
    assert ours.shape == (2, 50)
    for row, sections in zip(ours, sos, strict=True):
        expected = scipy.signal.sosfreqz(sections.numpy(), freqs.numpy(), fs=44100)[1]
        np.testing.assert_allclose(row.numpy(), expected, rtol=1e-9)


def test_bad_arguments_name_what_is_legal():
    with pytest.raises(ValueError, match="matched"):
        biquad.peak(100.0, 1.0, 0.0, 44100, "analog")
    with pytest.raises(ValueError, match="slope_db_per_octave"):
        biquad.butterworth("low_pass", 100.0, 10, 44100)
    with pytest.raises(ValueError, match="low_pass"):
        biquad.butterworth("band_pass", 100.0, 12, 44100)
    with pytest.raises(ValueError, match="sample_rate"):
        biquad.peak(100.0, 1.0, 0.0, 0)
