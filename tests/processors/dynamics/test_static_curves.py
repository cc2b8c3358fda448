"""Every effect whose gain follows a level gives a steady tone the gain that its curve says, at every time constant."""

import math

import pytest
import torch

from diffFx_pytorch.processors import (
    AutoWah,
    Compressor,
    DeEsser,
    DynamicEqualizer,
    Expander,
    Limiter,
    MultiBandCompressor,
    MultiBandExpander,
    MultiBandNoiseGate,
    NoiseGate,
    TransientShaper,
)

RATE = 44100
TONES = (50.0, 117.0, 440.0, 1000.0, 3100.0, 10000.0)
FAST_AND_SLOW = (("least", "least"), ("least", "most"), ("most", "least"), (None, None))


def tone(freq_hz, level_db, seconds):
    n = torch.arange(round(seconds * RATE), dtype=torch.float64)
    return 10 ** (level_db / 20) * torch.sin(2 * math.pi * freq_hz * n / RATE + 0.3)[None, None]


def times(fx, which):
    """Attack and release: at an end of their ranges, the most being 300 ms, or default."""
    rows = {name: p for name, p in fx.params.items() if name.endswith(("attack_ms", "release_ms"))}
    ends = dict(zip(("attack_ms", "release_ms"), which, strict=True))
    chosen = {}
    for name, row in rows.items():
        end = ends["attack_ms" if name.endswith("attack_ms") else "release_ms"]
        most = min(row.max_val, 300.0)
        chosen[name] = row.default if end is None else row.min_val if end == "least" else most
    return chosen


def gain_db(y, x):
    """Over the last tenth of a second, by the power: of x, y / x."""
    last = slice(-RATE // 10, None)
    return float(10 * torch.log10(y[..., last].square().sum() / x[..., last].square().sum()))


def settled(fx, tone_hz, level_db, **knobs):
    x = tone(tone_hz, level_db, 2.5)
    return gain_db(fx(x, dsp_params=knobs), x)


def drawn(fx, level_db, **knobs):
    """The gain that the curve says."""
    values = {name: torch.full((1, 1, 1), v, dtype=torch.float64) for name, v in (fx.default_params() | knobs).items()}
    line = fx.curve(**values)
    place = int((line.x - level_db).abs().argmin())
    assert line.x[place] == pytest.approx(level_db, abs=1e-3)
    return float(line.y[place] - line.x[place])


@pytest.mark.parametrize("which", FAST_AND_SLOW)
@pytest.mark.parametrize("detector", ["peak", "rms"])
def test_compressor(detector, which):
    fx = Compressor(RATE, detector=detector)
    knobs = {"threshold_db": -30.0, "ratio": 4.0, **times(fx, which)}
    for freq in TONES:
        peak = -6.0 + (10 * math.log10(2) if detector == "rms" else 0.0)
        assert settled(fx, freq, peak, **knobs) == pytest.approx(drawn(fx, -6.0, **knobs), abs=0.3), freq


@pytest.mark.parametrize("which", FAST_AND_SLOW)
def test_expander(which):
    fx = Expander(RATE)
    knobs = {"threshold_db": -20.0, "ratio": 3.0, **times(fx, which)}
    for freq in TONES:
        assert settled(fx, freq, -30.0, **knobs) == pytest.approx(drawn(fx, -30.0, **knobs), abs=0.3), freq


@pytest.mark.parametrize("which", FAST_AND_SLOW)
def test_noise_gate(which):
    fx = NoiseGate(RATE)
    knobs = {"threshold_db": -30.0, "hysteresis_db": 0.0, "hold_ms": 0.0, **times(fx, which)}
    for freq in TONES:
        for level in (-35.0, -31.5, -25.0):
            assert settled(fx, freq, level, **knobs) == pytest.approx(
                -60.0 * min(max((-30 - level) / 3, 0), 1), abs=0.3
            ), freq


@pytest.mark.parametrize("release_ms", [5.0, 100.0, 2000.0])
def test_limiter(release_ms):
    for true_peak in (False, True):
        fx = Limiter(RATE, true_peak=true_peak)
        for freq in TONES:
            x = tone(freq, 0.0, 1.0)
            y = fx(x, dsp_params={"gain_db": 6.0, "ceiling_db": -3.0, "release_ms": release_ms})
            peak_db = 20 * math.log10(float(y[..., RATE // 2 :].abs().max()))
            assert peak_db == pytest.approx(-3.0, abs=0.3), freq


@pytest.mark.parametrize("which", FAST_AND_SLOW)
def test_de_esser(which):
    fx = DeEsser(RATE)
    # Far over the corner a tone gets what the curve says, far under it nothing, whatever its level.
    values = {name: torch.full((1, 1, 1), v, dtype=torch.float64) for name, v in fx.default_params().items()}
    line = fx.curve(**values | {"freq_hz": torch.full((1, 1, 1), 2000.0)})
    place = int((line.x - 10000.0).abs().argmin())
    for level in (-6.0, -40.0):
        assert settled(fx, 50.0, level, **times(fx, which)) == pytest.approx(0.0, abs=0.3)
        gain = settled(fx, float(line.x[place]), level, freq_hz=2000.0, **times(fx, which))
        assert gain == pytest.approx(float(line.y[place]), abs=0.3)


@pytest.mark.parametrize("which", FAST_AND_SLOW)
def test_dynamic_equalizer(which):
    fx = DynamicEqualizer(RATE, num_bands=1)
    for freq in TONES:
        knobs = {"band_1_freq_hz": freq, "band_1_threshold_db": -30.0, "band_1_ratio": 4.0, "band_1_range_db": -24.0}
        x_level = -12.0 + 10 * math.log10(2)
        assert settled(fx, freq, x_level, **knobs, **times(fx, which)) == pytest.approx(-0.75 * 18, abs=0.3), freq


@pytest.mark.parametrize(
    ("cls", "expected"), [(MultiBandCompressor, -0.75 * 24), (MultiBandExpander, 0.0), (MultiBandNoiseGate, 0.0)]
)
@pytest.mark.parametrize("which", FAST_AND_SLOW)
def test_bands(cls, expected, which):
    fx = cls(RATE, num_bands=2)
    knobs = {name: -30.0 for name in fx.params if name.endswith("threshold_db")}
    for freq in (50.0, 10000.0):
        assert settled(fx, freq, -6.0, **knobs, **times(fx, which)) == pytest.approx(expected, abs=0.3), freq


def test_a_steady_tone_is_no_transient():
    fx = TransientShaper(RATE)
    for freq in TONES:
        assert settled(fx, freq, -20.0, attack_db=12.0, sustain_db=12.0) == pytest.approx(0.0, abs=0.3), freq


@pytest.mark.parametrize("which", FAST_AND_SLOW)
def test_auto_wah(which):
    fx = AutoWah(RATE)
    values = {name: torch.full((1, 1, 1), v, dtype=torch.float64) for name, v in fx.default_params().items()}
    line = fx.curve(**values)
    place = int((line.x + 20.0).abs().argmin())
    level, freq = float(line.x[place]), float(line.y[place])
    x = tone(freq, level, 2.5)
    # At the resonance that the curve names a band-pass passes all of a tone.
    assert gain_db(fx(x, dsp_params={"q": 12.0, **times(fx, which)}), x) == pytest.approx(0.0, abs=0.3)
