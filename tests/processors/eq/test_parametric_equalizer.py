"""The parametric equaliser as an engineer measures it."""

import math

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch.processors import ParametricEqualizer
from tests.processors.eq.turning import assert_turns

RATE = 44100


def _gain_db(fx, freqs_hz, **knobs):
    """Level of the impulse response at each frequency."""
    impulse = torch.zeros(1, 1, 2**17, dtype=torch.float64)
    impulse[..., 0] = 1
    y = fx(impulse, dsp_params=knobs)[0, 0].numpy()
    _, response = signal.freqz(y, worN=np.asarray(freqs_hz), fs=fx.sample_rate)
    return 20 * np.log10(np.abs(response))


@pytest.mark.parametrize("design", ["matched", "bilinear"])
def test_bands_do_what_their_knobs_say(design):
    fx = ParametricEqualizer(RATE, design=design)
    peak = {"peak_2_gain_db": 9.0, "peak_2_freq_hz": 1000.0, "peak_2_q": 2.0}
    assert _gain_db(fx, [20.0, 1000.0], **peak) == pytest.approx([0.0, 9.0], abs=0.05)
    low = {"low_shelf_gain_db": -12.0, "low_shelf_freq_hz": 200.0}
    assert _gain_db(fx, [5.0, 200.0, 10000.0], **low) == pytest.approx([-12.0, -6.0, 0.0], abs=0.1)
    high = {"high_shelf_gain_db": 6.0, "high_shelf_freq_hz": 3000.0}
    assert _gain_db(fx, [50.0, 3000.0, 20000.0], **high) == pytest.approx([0.0, 3.0, 6.0], abs=0.2)


def test_matched_follows_the_analogue_peak_to_20_khz_where_bilinear_does_not():
    freqs = np.linspace(1000, 20000, 200)
    f, q, amp = 16000.0, 1.0, 10 ** (12 / 40)
    s = 1j * freqs / f
    analogue = 20 * np.log10(np.abs((s**2 + s * amp / q + 1) / (s**2 + s / (amp * q) + 1)))
    knobs = {"peak_1_gain_db": 12.0, "peak_1_freq_hz": f, "peak_1_q": q}
    matched = _gain_db(ParametricEqualizer(RATE, num_peaks=1), freqs, **knobs)
    bilinear = _gain_db(ParametricEqualizer(RATE, num_peaks=1, design="bilinear"), freqs, **knobs)
    assert np.abs(matched - analogue).max() < 1.0
    assert np.abs(bilinear - analogue).max() > 3.0


def test_float32_is_scipy_in_float64():
    """Under -120 dB of scipy.signal.sosfilt with the same sections, at every rate, at the ends of frequency and Q."""
    for rate in (8000, 16000, 22050, 44100, 48000, 96000, 192000):
        fx = ParametricEqualizer(rate, num_peaks=1)
        x = torch.randn(1, 1, 20000)
        for freq in (20.0, 1000.0, min(20000.0, 0.49 * rate)):
            for q in (0.1, 0.7071, 10.0):
                knobs = {"peak_1_gain_db": 12.0, "peak_1_freq_hz": freq, "peak_1_q": q, "low_shelf_gain_db": -6.0}
                sections = fx.sections(**fx.knobs(x, dsp_params=knobs))[0, 0, 0].numpy()
                exact = signal.sosfilt(sections, x[0, 0].double().numpy())
                error = fx(x, dsp_params=knobs)[0, 0].double().numpy() - exact
                assert 10 * math.log10((error**2).sum() / (exact**2).sum()) < -120, (rate, freq, q)


def test_pedalboard_agrees():
    """Pedalboard's filters are the bilinear ones, in float32: -80 dB from 300 Hz up."""
    pedalboard = pytest.importorskip("pedalboard")
    fx = ParametricEqualizer(RATE, num_peaks=1, design="bilinear")
    x = torch.randn(1, 1, RATE) * 0.1
    for freq in (300.0, 1000.0, 8000.0):
        board = pedalboard.Pedalboard(
            [
                pedalboard.PeakFilter(cutoff_frequency_hz=freq, gain_db=9.0, q=2.0),
                pedalboard.LowShelfFilter(cutoff_frequency_hz=min(freq, 2000.0), gain_db=-6.0, q=0.7),
                pedalboard.HighShelfFilter(cutoff_frequency_hz=2 * freq, gain_db=5.0, q=0.7),
            ]
        )
        knobs = {"peak_1_gain_db": 9.0, "peak_1_freq_hz": freq, "peak_1_q": 2.0}
        knobs |= {"low_shelf_gain_db": -6.0, "low_shelf_freq_hz": min(freq, 2000.0), "low_shelf_q": 0.7}
        knobs |= {"high_shelf_gain_db": 5.0, "high_shelf_freq_hz": max(2 * freq, 1000.0), "high_shelf_q": 0.7}
        board[2].cutoff_frequency_hz = knobs["high_shelf_freq_hz"]
        expected = torch.from_numpy(board(x[0].numpy(), RATE))
        error = fx(x, dsp_params=knobs)[0] - expected
        assert 20 * math.log10(error.norm() / expected.norm()) < -80, freq


def test_a_fast_sweep_neither_clicks_nor_blows_up():
    """100 Hz to 10 kHz in 50 ms, Q 10, +24 dB: every step of the output stays within reach of the input's."""
    fx = ParametricEqualizer(RATE, num_peaks=1)
    samples = RATE // 20
    t = torch.arange(samples, dtype=torch.float64) / RATE
    x = torch.sin(2 * math.pi * 220 * t)[None, None]
    sweep = torch.logspace(2, 4, samples, dtype=torch.float64)[None]
    y = fx(x, dsp_params={"peak_1_gain_db": 24.0, "peak_1_freq_hz": sweep, "peak_1_q": 10.0})
    assert y.abs().max() < 10 ** (24 / 20)
    assert y.diff().abs().max() < 10 ** (24 / 20) * x.diff().abs().max()


def test_moving_knobs_that_rest_are_constant_ones():
    fx = ParametricEqualizer(RATE)
    x = torch.randn(2, 2, 3000, dtype=torch.float64)
    flat = torch.rand(2, len(fx.params), dtype=torch.float64)
    moving = fx(x, norm_params=flat[..., None].expand(-1, -1, 2))
    assert torch.allclose(moving, fx(x, norm_params=flat), rtol=0, atol=1e-9)


def test_a_stream_may_turn_from_still_to_moving_and_back():
    knobs = {"peak_1_gain_db": 12.0, "low_shelf_gain_db": -6.0, "high_shelf_gain_db": 3.0, "peak_2_gain_db": 5.0}
    assert_turns(ParametricEqualizer(RATE), {**knobs, "peak_3_gain_db": -4.0}, 1000, 1e-8)


def test_no_peaks_is_two_shelves():
    assert len(ParametricEqualizer(RATE, num_peaks=0).params) == 6


def test_curve_is_the_response():
    curve = ParametricEqualizer(RATE).curve(
        **ParametricEqualizer(RATE).knobs(torch.zeros(1, 1, 1), dsp_params={"peak_1_gain_db": 7.0})
    )
    assert float(curve.y.max()) == pytest.approx(7.0, abs=0.05)
    assert curve.x_log


@pytest.mark.parametrize(("placement", "near"), [("mid_side", (1.0, 1.0)), ("left_right", (1.0, 0.0))])
def test_a_band_acts_where_it_is_placed(placement, near):
    fx, rate = ParametricEqualizer(RATE, num_peaks=1, placement=placement), RATE
    tone = torch.sin(2 * math.pi * 1000 * torch.arange(rate // 2, dtype=torch.float64) / rate)
    first, second = torch.tensor(near)[:, None] * tone, torch.tensor([near[0], -near[0]])[:, None] * tone
    second = second if placement == "mid_side" else tone * torch.tensor([[0.0], [1.0]])
    for place, gains in ((-1.0, (12.0, 0.0)), (0.0, (12.0, 12.0)), (0.5, (6.0, 12.0)), (1.0, (0.0, 12.0))):
        knobs = {"peak_1_gain_db": 12.0, "peak_1_freq_hz": 1000.0, "peak_1_place": place}
        for x, gain in ((first, gains[0]), (second, gains[1])):
            y = fx(x[None], dsp_params=knobs)[0, :, rate // 4 :]
            assert float(20 * torch.log10(y.norm() / x[:, rate // 4 :].norm())) == pytest.approx(gain, abs=0.05)


def test_bands_in_the_middle_are_the_plain_equaliser():
    x, knobs = torch.randn(1, 2, 2000, dtype=torch.float64), {"peak_1_gain_db": 9.0, "high_shelf_gain_db": -5.0}
    plain = ParametricEqualizer(RATE)(x, dsp_params=knobs)
    for placement in ("mid_side", "left_right"):
        assert torch.allclose(ParametricEqualizer(RATE, placement=placement)(x, dsp_params=knobs), plain, atol=1e-12)
