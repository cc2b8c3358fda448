"""The signals of EBU Tech 3341 and 3342 by formula, and levels against closed forms."""

import math

import numpy as np
import pytest
import soundfile

from diffFx_pytorch.render import Meter, measure_file

RATE = 48000


def tones(*parts, rate=RATE):
    """A tone of 1 kHz in both channels: (seconds, level in dBFS), one after another, without a jump of phase."""
    level = np.concatenate([np.full(round(seconds * rate), 10 ** (db / 20)) for seconds, db in parts])
    return np.repeat((level * np.sin(2 * np.pi * 1000 / rate * np.arange(len(level))))[:, None], 2, 1)


def measured(x, rate=RATE, pieces=3):
    meter = Meter(rate, x.shape[1])
    for block in np.array_split(x, pieces):
        meter.add(block)
    return meter.measurement()


SILENT = -200.0


def test_short_term_loudness_stands_still():  # Tech 3341, test 9
    assert measured(tones(*[(1.34, -20), (1.66, -30)] * 3)).short_term_max == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("i", [0, 3, 11])
def test_short_term_loudness_at_any_offset(i):  # test 10
    assert measured(tones((0.15 * i, SILENT), (3, -23), (1, SILENT))).short_term_max == pytest.approx(-23, abs=0.1)


def test_momentary_loudness_stands_still():  # test 12
    assert measured(tones(*[(0.18, -20), (0.22, -30)] * 8)).momentary_max == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize("i", [0, 1, 7, 19])
def test_momentary_loudness_at_any_offset(i):  # test 13
    x = tones((0.02 * i, SILENT), (0.4, -23), (1, SILENT))
    assert measured(x).momentary_max == pytest.approx(-23, abs=0.1)


@pytest.mark.parametrize(
    ("divisor", "degrees", "amplitude", "wanted"),
    [(4, 0, 0.5, -6.0), (4, 45, 0.5, -6.0), (6, 60, 0.5, -6.0), (8, 67.5, 0.5, -6.0), (4, 45, 1.41, 3.0)],
)
def test_true_peak_of_a_tone(divisor, degrees, amplitude, wanted):  # tests 15 to 19
    x = amplitude * np.sin(2 * np.pi / divisor * np.arange(4800) + math.radians(degrees))
    x *= np.clip(np.minimum(np.arange(4800), np.arange(4800)[::-1]) / 500, 0, 1)
    assert wanted - 0.4 <= measured(x[:, None]).true_peak_db <= wanted + 0.2


@pytest.mark.parametrize(
    ("levels", "wanted"), [((-20, -30), 10), ((-20, -15), 5), ((-40, -20), 20), ((-50, -35, -20, -35, -50), 15)]
)
def test_loudness_range(levels, wanted):  # Tech 3342, tests 1 to 4
    rate = 8000
    assert measured(tones(*[(20, level) for level in levels], rate=rate), rate).loudness_range == pytest.approx(
        wanted, abs=1
    )


def test_levels_of_a_known_sound():
    t = np.arange(RATE) / RATE
    left = 0.5 * np.sin(2 * np.pi * 100 * t) + 0.1
    m = measured(np.stack([left, -left], 1))
    rms = math.sqrt(0.5**2 / 2 + 0.1**2)
    assert m.seconds == 1
    assert m.peak_db == pytest.approx(20 * math.log10(0.6), abs=1e-6)
    assert m.rms_db == pytest.approx(20 * math.log10(rms), abs=1e-6)
    assert m.crest_db == pytest.approx(20 * math.log10(0.6 / rms), abs=1e-6)
    assert abs(m.dc) == pytest.approx(0.1, abs=1e-9)
    assert m.correlation == pytest.approx(-1)
    assert measured(left[:, None]).correlation is None


@pytest.mark.parametrize("rate", [8000, 11025])
def test_blocks_do_not_change_what_is_measured(rate):
    x = np.random.default_rng(0).uniform(-0.5, 0.5, (4 * rate, 2)) * np.linspace(0.1, 1, 4 * rate)[:, None]
    whole, parts, short = measured(x, rate, 1), measured(x, rate, 7), measured(x, rate, len(x) // 137)
    for name, value in vars(whole).items():
        assert getattr(parts, name) == pytest.approx(value, rel=1e-9), name
        assert getattr(short, name) == pytest.approx(value, rel=1e-9), name


@pytest.mark.parametrize("rate", [1000, 8000])
def test_silence_and_nothing(rate):
    for x in (np.zeros((rate, 2)), np.zeros((0, 2))):
        m = measured(x, rate, 1)
        assert (m.lufs, m.true_peak_db, m.rms_db, m.momentary_max) == (-math.inf,) * 4
        assert (m.crest_db, m.loudness_range, m.correlation) == (0, 0, None)


def test_a_part_of_a_file(tmp_path):
    soundfile.write(tmp_path / "a.wav", tones((1, -20), (1, -30)), RATE, "FLOAT")
    assert measure_file(tmp_path / "a.wav", end=1).lufs == pytest.approx(-20, abs=0.05)
    assert measure_file(tmp_path / "a.wav", start=1.1).lufs == pytest.approx(-30, abs=0.05)
    with pytest.raises(ValueError, match=r"the file ends at 2\.000 s"):
        measure_file(tmp_path / "a.wav", start=3)
