"""The single filters as an engineer measures them."""

import math

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch import EffectParam
from diffFx_pytorch.processors import AllPass, BandPass, HighPass, HighShelf, LowPass, LowShelf, Notch, Peak
from tests.processors.eq.turning import assert_turns

RATE = 44100
RATES = (8000, 16000, 22050, 44100, 48000, 96000, 192000)
SINGLE = (LowPass, HighPass, BandPass, Notch, AllPass, Peak, LowShelf, HighShelf)
PASSES = (LowPass, HighPass)


def analogue(cls, q, gain_db):
    """Numerator and denominator of the prototype at 1 rad/s."""
    A = 10 ** (gain_db / 40)
    plain = [1, 1 / q, 1]
    return {
        LowPass: ([1], plain),
        HighPass: ([1, 0, 0], plain),
        BandPass: ([1 / q, 0], plain),
        Notch: ([1, 0, 1], plain),
        AllPass: ([1, -1 / q, 1], plain),
        Peak: ([1, A / q, 1], [1, 1 / (A * q), 1]),
        LowShelf: (A * np.array([1, math.sqrt(A) / q, A]), [A, math.sqrt(A) / q, 1]),
        HighShelf: (A * np.array([A, math.sqrt(A) / q, 1]), [1, math.sqrt(A) / q, A]),
    }[cls]


def response(fx, freqs_hz, **knobs):
    """Complex response, from the impulse response."""
    impulse = torch.zeros(1, 1, 2**15, dtype=torch.float64)
    impulse[..., 0] = 1
    return signal.freqz(fx(impulse, dsp_params=knobs)[0, 0].numpy(), worN=np.asarray(freqs_hz), fs=fx.sample_rate)[1]


def frozen(fx, freqs_hz, **knobs):
    """Complex response, from the sections."""
    sections = fx.sections(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), dsp_params=knobs))[0, 0, 0]
    return signal.sosfreqz(sections.numpy(), freqs_hz, fs=fx.sample_rate)[1]


def level(fx, freqs_hz, **knobs):
    return 20 * np.log10(np.abs(response(fx, freqs_hz, **knobs)))


def error_db(y, exact):
    return 10 * math.log10(np.square(y - exact).sum() / np.square(exact).sum())


def corners(rate, cls):
    """Every pair of a low, a middle and the highest frequency with a low, a middle and a high Q, as a batch."""
    freqs, qs = torch.tensor([20.0, 1000.0, 0.49 * rate]).double(), torch.tensor([0.1, 0.7071, 10.0]).double()
    knobs = {"freq_hz": freqs.repeat_interleave(3), "q": qs.repeat(3)}
    if cls in (Peak, LowShelf, HighShelf):
        knobs["gain_db"] = torch.tensor([12.0, -12.0, 24.0] * 3).double()
    return knobs


@pytest.mark.parametrize("design", ["matched", "bilinear"])
@pytest.mark.parametrize("cls", SINGLE)
def test_float32_is_scipy_in_float64(cls, design):
    generator = torch.Generator().manual_seed(0)
    for rate in RATES:
        fx = cls(rate, {"freq_hz": EffectParam(20.0, 0.49 * rate, 1000.0, "log", "Hz")}, design=design)
        x, knobs = torch.randn(1, 1, 4000, generator=generator), corners(rate, cls)
        x = x.expand(9, -1, -1)
        y = fx(x, dsp_params=knobs).double().numpy()
        sections = fx.sections(**fx.knobs(x, dsp_params=knobs))[:, 0, 0].numpy()
        for i in range(9):
            exact = signal.sosfilt(sections[i], x[i, 0].double().numpy())
            assert error_db(y[i, 0], exact) < -120, (rate, {n: float(v[i]) for n, v in knobs.items()})


@pytest.mark.parametrize("cls", SINGLE)
def test_moving_ones_are_as_exact(cls):
    """Knobs that move through two equal points go the way of moving filters."""
    for rate in (8000, 192000):
        fx = cls(rate)
        knobs = {n: v.clamp_max(fx.params[n].max_val) for n, v in corners(rate, cls).items()}
        x = torch.randn(1, 1, 4000, generator=torch.Generator().manual_seed(0)).expand(9, -1, -1)
        y = fx(x, dsp_params={n: v[:, None].expand(-1, 2) for n, v in knobs.items()}).double().numpy()
        sections = fx.sections(**fx.knobs(x, dsp_params=knobs))[:, 0, 0].numpy()
        for i in range(9):
            assert error_db(y[i, 0], signal.sosfilt(sections[i], x[i, 0].double().numpy())) < -120, (rate, i)


@pytest.mark.parametrize("cls", SINGLE)
def test_bilinear_is_the_bilinear_transform_of_the_prototype(cls):
    for rate in RATES:
        fx = cls(rate, design="bilinear")
        for freq in (20.0, 1000.0, fx.params["freq_hz"].max_val):
            knobs = {"freq_hz": freq, "q": 2.0} | ({"gain_db": -9.0} if "gain_db" in fx.params else {})
            given = fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), dsp_params=knobs)
            b, a = signal.bilinear(*analogue(cls, 2.0, -9.0), fs=0.5 / math.tan(math.pi * freq / rate))
            b = np.pad(b, (0, 3 - len(b)))
            assert fx.sections(**given).flatten().numpy() == pytest.approx(np.r_[b, a], abs=1e-11)


@pytest.mark.parametrize("slope", [6, 12, 24, 48])
@pytest.mark.parametrize("cls", PASSES)
def test_slopes_are_butterworth_filters(cls, slope):
    kind = "lowpass" if cls is LowPass else "highpass"
    for rate in (8000, 44100, 192000):
        freqs = np.geomspace(50, 0.45 * rate, 40)
        for corner in (200.0, 3000.0):
            fx = cls(rate, slope_db_per_octave=slope, design="bilinear")
            sos = signal.butter(slope // 6, corner, kind, fs=rate, output="sos")
            expected = signal.sosfreqz(sos, freqs, fs=rate)[1]
            assert np.abs(frozen(fx, freqs, freq_hz=corner) - expected).max() < 1e-9
            at_corner = frozen(cls(rate, slope_db_per_octave=slope), [corner], freq_hz=corner)
            assert np.abs(at_corner) == pytest.approx([math.sqrt(0.5)], rel=1e-3)
    assert ("q" in fx.params) == (slope == 12)


@pytest.mark.parametrize("slope", [6, 12, 24, 48])
def test_an_octave_costs_what_the_slope_says(slope):
    low = level(LowPass(RATE, slope_db_per_octave=slope), [800, 1600], freq_hz=60.0)
    high = level(HighPass(RATE, slope_db_per_octave=slope), [400, 800], freq_hz=6000.0)
    assert low[0] - low[1] == pytest.approx(slope, rel=0.02)
    assert high[1] - high[0] == pytest.approx(slope, rel=0.02)


def test_a_tone_passes_and_a_tone_dies():
    assert level(LowPass(RATE, slope_db_per_octave=24), [100, 10000], freq_hz=1000.0) == pytest.approx([0, -80], abs=1)
    assert level(HighPass(RATE, slope_db_per_octave=24), [100, 10000], freq_hz=1000.0) == pytest.approx([-80, 0], abs=1)
    assert level(BandPass(RATE), [1000], freq_hz=1000.0, q=5.0) == pytest.approx([0], abs=0.01)
    assert level(BandPass(RATE), [50, 15000], freq_hz=1000.0, q=5.0).max() < -30
    assert level(Notch(RATE), [1000], freq_hz=1000.0, q=5.0) < -100
    assert level(Notch(RATE), [50, 15000], freq_hz=1000.0, q=5.0) == pytest.approx([0, 0], abs=0.05)
    assert level(Peak(RATE), [20, 1000], freq_hz=1000.0, q=2.0, gain_db=9.0) == pytest.approx([0, 9], abs=0.05)
    assert level(LowShelf(RATE), [5, 200, 9000], freq_hz=200.0, gain_db=-12.0) == pytest.approx([-12, -6, 0], abs=0.1)
    assert level(HighShelf(RATE), [50, 3000, 20000], freq_hz=3000.0, gain_db=6.0) == pytest.approx([0, 3, 6], abs=0.2)


@pytest.mark.parametrize("cls", [BandPass, Notch])
def test_q_is_frequency_over_bandwidth(cls):
    f, q = 1000.0, 4.0
    edges = [f * (math.sqrt(1 + 1 / (4 * q * q)) + s / (2 * q)) for s in (-1, 1)]
    assert edges[1] - edges[0] == pytest.approx(f / q)
    assert level(cls(RATE), edges, freq_hz=f, q=q) == pytest.approx([-3.01, -3.01], abs=0.05)


@pytest.mark.parametrize("design", ["matched", "bilinear"])
def test_all_pass_turns_the_phase_and_nothing_else(design):
    fx = AllPass(RATE, design=design)
    knobs = {"freq_hz": 3000.0, "q": 2.0}
    H = response(fx, np.geomspace(20, 20000, 200), **knobs)
    assert np.abs(np.abs(H) - 1).max() < 1e-9
    assert response(fx, [3000.0], **knobs)[0] == pytest.approx(-1, abs=1e-6)


def test_matched_follows_the_analogue_filter_to_20_khz_where_bilinear_does_not():
    freqs = np.linspace(1000, 20000, 100)
    for cls, f, q, gain, closest, bent in (
        (Peak, 16000.0, 1.0, 12.0, 1.0, 3.0),
        (LowPass, 10000.0, 0.7071, 0.0, 2.0, 10.0),
        (BandPass, 12000.0, 2.0, 0.0, 1.5, 5.0),
        (HighShelf, 10000.0, 0.7071, 12.0, 1.0, 1.5),
        (LowShelf, 10000.0, 0.7071, 12.0, 1.0, 1.5),
    ):
        b, a = analogue(cls, q, gain)
        exact = 20 * np.log10(np.abs(signal.freqs(b, a, freqs / f)[1]))
        knobs = {"freq_hz": f, "q": q} | ({"gain_db": gain} if gain else {})
        assert np.abs(level(cls(RATE), freqs, **knobs) - exact).max() < closest, cls
        assert np.abs(level(cls(RATE, design="bilinear"), freqs, **knobs) - exact).max() > bent, cls


def test_a_cut_undoes_a_boost():
    x = torch.randn(1, 2, 4000, dtype=torch.float64)
    for cls in (LowShelf, HighShelf):
        fx = cls(RATE)
        assert torch.allclose(fx(fx(x, dsp_params={"gain_db": 9.0}), dsp_params={"gain_db": -9.0}), x, atol=1e-9)
    fx = Peak(RATE, design="bilinear")
    assert torch.allclose(fx(fx(x, dsp_params={"gain_db": 9.0}), dsp_params={"gain_db": -9.0}), x, atol=1e-9)


def test_pedalboard_agrees():
    """Pedalboard's filters are the bilinear ones, in float32: -80 dB from 300 Hz up."""
    pedalboard = pytest.importorskip("pedalboard")
    x = torch.randn(1, 1, RATE, generator=torch.Generator().manual_seed(0)) * 0.1
    six = {"slope_db_per_octave": 6}
    for f in (300.0, 1000.0, 8000.0):
        gain = {"cutoff_frequency_hz": f, "gain_db": 9.0, "q": 2.0}
        for ours, options, theirs in (
            (LowPass, six, pedalboard.LowpassFilter(cutoff_frequency_hz=f)),
            (HighPass, six, pedalboard.HighpassFilter(cutoff_frequency_hz=f)),
            (Peak, {}, pedalboard.PeakFilter(**gain)),
            (LowShelf, {}, pedalboard.LowShelfFilter(**gain)),
            (HighShelf, {}, pedalboard.HighShelfFilter(**gain)),
        ):
            fx = ours(RATE, design="bilinear", **options)
            knobs = {n: {"freq_hz": f, "q": 2.0, "gain_db": 9.0}[n] for n in fx.params}
            expected = pedalboard.Pedalboard([theirs])(x[0].numpy(), RATE)
            assert error_db(fx(x, dsp_params=knobs)[0].numpy(), expected) < -80, (ours, f)


@pytest.mark.parametrize("cls", SINGLE)
def test_a_fast_sweep_neither_clicks_nor_blows_up(cls):
    """100 Hz to 10 kHz in 50 ms at Q 10: no step of the output is out of reach of the input's."""
    fx = cls(RATE)
    samples = RATE // 20
    t = torch.arange(samples, dtype=torch.float64) / RATE
    x = torch.sin(2 * math.pi * 220 * t)[None, None]
    knobs = {"freq_hz": torch.logspace(2, 4, samples, dtype=torch.float64)[None], "q": 10.0}
    most = 10.0 if cls in PASSES else 1.5
    if "gain_db" in fx.params:
        knobs["gain_db"], most = 24.0, 10 ** (24 / 20)
    if cls in (LowShelf, HighShelf):
        knobs["q"] = 0.7071
    y = fx(x, dsp_params=knobs)
    assert y.abs().max() < 1.5 * most
    assert y.diff().abs().max() < 2 * most * x.diff().abs().max()


@pytest.mark.parametrize("cls", SINGLE)
@pytest.mark.parametrize("slope", [12, 6])
def test_a_stream_may_turn_from_still_to_moving_and_back(cls, slope):
    if slope != 12 and cls not in PASSES:
        pytest.skip("has no slope")
    fx = cls(RATE, **({"slope_db_per_octave": slope} if cls in PASSES else {}))
    assert_turns(fx, {"freq_hz": 300.0} | ({"gain_db": 9.0} if "gain_db" in fx.params else {}), 300, 1e-9)


def test_steeper_filters_have_no_q():
    with pytest.raises(ValueError, match=r"HighPass: .*freq_hz must lie in 20 .. 20000 Hz, got 25000"):
        HighPass(RATE)(torch.zeros(1, 1, 10), dsp_params={"freq_hz": 25000.0})
    with pytest.raises(ValueError, match="HighPass: unknown parameter 'q'"):
        HighPass(RATE, slope_db_per_octave=24)(torch.zeros(1, 1, 10), dsp_params={"q": 1.0})


@pytest.mark.parametrize("cls", SINGLE)
def test_curves_have_the_units_of_the_knobs(cls):
    fx = cls(RATE)
    curve = fx.curve(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64)))
    assert curve.x_log
    assert curve.y_label == ("phase (deg)" if cls is AllPass else "gain (dB)")
    assert torch.isfinite(curve.y).all()


@pytest.mark.parametrize("rate", [44100, 192000])
@pytest.mark.parametrize(("cls", "gain"), [(Notch, {}), (BandPass, {}), (Peak, {"gain_db": 24.0})])
def test_the_narrowest_filter_is_exact_in_float32(cls, gain, rate):
    fx, x = cls(rate), torch.randn(1, 1, 4 * rate)
    for freq in (20.0, 1000.0):
        knobs = {"freq_hz": torch.tensor([freq]).double(), "q": torch.tensor([100.0]).double(), **gain}
        sections = fx.sections(**fx.knobs(torch.zeros(1, 1, 1, dtype=torch.float64), dsp_params=knobs))[0, 0, 0]
        exact = signal.sosfilt((sections / sections[:, 3:4]).numpy(), x[0, 0].double().numpy())
        assert error_db(fx(x, dsp_params=knobs)[0, 0].double().numpy(), exact) < -110
