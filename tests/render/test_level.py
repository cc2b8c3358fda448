"""Levels that hold together, bits, dither, clipping, parts of files."""

import os

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch import Chain, Processor
from diffFx_pytorch.processors import Gain
from diffFx_pytorch.render import RenderSettings, measure_file, render_file
from diffFx_pytorch.render.quantize import Quantizer

RATE = 16000


def drums(seconds=3):
    """Short hits over quiet noise: peaks 20 dB over the loudness."""
    n = np.arange(seconds * RATE)
    random = np.random.default_rng(0)
    decay = np.exp(-(n % (RATE // 2)) / 200)
    return (random.uniform(-1, 1, (len(n), 2)) * (0.9 * decay + 0.01)[:, None]).astype(np.float32)


@pytest.fixture
def song(tmp_path):
    soundfile.write(tmp_path / "song.wav", drums(), RATE, "FLOAT")
    return tmp_path / "song.wav"


def rendered(source, name="out.wav", gain_db=0.0, **settings):
    target = source.parent / name
    result = render_file(Chain(Gain(RATE)), {"gain.gain_db": gain_db}, source, target, **settings)
    return measure_file(target), result


def test_without_a_limiter_the_true_peak_holds_and_the_loudness_is_said(song):
    m, result = rendered(song, lufs=-12.0, true_peak=-1.0)
    assert m.true_peak_db == pytest.approx(-1.0, abs=0.01)
    assert result.true_peak_db == pytest.approx(-1.0, abs=1e-4)
    assert m.lufs == pytest.approx(result.lufs, abs=0.01) != pytest.approx(-12, abs=1)
    assert f"is at {result.lufs:.1f} LUFS, not -12: more would exceed -1 dBTP" in result.warnings[0]


@pytest.mark.parametrize(("lufs", "true_peak"), [(-16.0, -1.0), (-20.0, -6.0)])
def test_with_a_limiter_both_hold(song, lufs, true_peak):
    m, result = rendered(song, lufs=lufs, true_peak=true_peak, limit=True)
    assert m.lufs == pytest.approx(lufs, abs=0.1)
    assert true_peak - 0.5 < m.true_peak_db <= true_peak + 0.001
    assert result.warnings == ()
    assert (result.lufs, result.true_peak_db) == pytest.approx((m.lufs, m.true_peak_db), abs=1e-3)
    assert m.seconds == 3


def test_the_limiter_is_left_out_where_nothing_is_over(song):
    rendered(song, "plain.wav", lufs=-40.0)
    rendered(song, "limited.wav", lufs=-40.0, true_peak=-1.0, limit=True)
    assert np.array_equal(*(soundfile.read(song.parent / n)[0] for n in ("plain.wav", "limited.wav")))


def test_what_no_limiter_reaches_is_said(song):
    _, result = rendered(song, lufs=-1.0, true_peak=-12.0, limit=True)
    assert "no limiter brings it there under -12 dBTP" in result.warnings[0]


def test_a_true_peak_alone_only_lowers(song):
    assert rendered(song, true_peak=0.0, gain_db=-30.0)[1].gain_db == 0
    m, result = rendered(song, true_peak=-9.0)
    assert (m.true_peak_db, result.true_peak_db) == pytest.approx((-9, -9), abs=0.01)


def test_lower_only(song):
    before = measure_file(song).lufs
    assert rendered(song, lufs=before + 6, lower_only=True)[1].gain_db == 0
    assert rendered(song, lufs=before - 6, lower_only=True)[1].gain_db == pytest.approx(-6, abs=0.01)
    m, _ = rendered(song, lufs=before + 6, true_peak=-6.0, limit=True, lower_only=True)
    assert m.lufs < before
    assert m.true_peak_db <= -6 + 0.001


# ---- samples ----


@pytest.mark.parametrize(
    ("source", "name", "wanted"),
    [
        (("a.wav", "PCM_16"), "b.wav", "PCM_16"),
        (("a.wav", "PCM_16"), "b.flac", "PCM_16"),
        (("a.wav", "PCM_U8"), "b.flac", "PCM_S8"),
        (("a.wav", "FLOAT"), "b.wav", "FLOAT"),
        (("a.wav", "FLOAT"), "b.flac", "PCM_24"),
        (("a.wav", "ULAW"), "b.wav", "ULAW"),
        (("a.caf", "ALAC_16"), "b.wav", "PCM_16"),
        (("a.caf", "ALAC_24"), "b.caf", "ALAC_24"),
        (("a.mp3", None), "b.wav", "PCM_24"),
        (("a.mp3", None), "b.mp3", "MPEG_LAYER_III"),
        (("a.wav", "PCM_16"), "b.ogg", "VORBIS"),
    ],
)
def test_the_bits_stay_the_same(tmp_path, source, name, wanted):
    soundfile.write(tmp_path / source[0], drums(1), RATE, source[1])
    render_file(Chain(Gain(RATE)), None, tmp_path / source[0], tmp_path / name)
    assert soundfile.info(tmp_path / name).subtype == wanted
    if wanted.startswith("ALAC"):
        assert np.array_equal(soundfile.read(tmp_path / name)[0], soundfile.read(tmp_path / source[0])[0])


@pytest.mark.parametrize(("depth", "wanted"), [("8", "PCM_U8"), ("32", "PCM_32"), ("float", "FLOAT")])
def test_bits_that_are_asked_for(song, depth, wanted):
    rendered(song, bit_depth=depth, clip="clamp")
    assert soundfile.info(song.parent / "out.wav").subtype == wanted


def test_bits_that_a_format_has_not(song):
    with pytest.raises(ValueError, match=r"\.flac has no bit depth 'float'; it has 8, 16, 24"):
        rendered(song, "out.flac", bit_depth="float")
    with pytest.raises(ValueError, match=r"\.mp3 has no bit depth '16'; leave it out"):
        rendered(song, "out.mp3", bit_depth="16")


@pytest.mark.parametrize("bits", [16, 24])
def test_dither_always_and_never(bits):
    x = np.full((20000, 1), 100.25 / 2 ** (bits - 1))
    steps = {d: Quantizer(bits, dither=d)(x) / 2.0 ** (32 - bits) for d in ("auto", "tpdf", "none")}
    assert np.all(steps["none"] == 100)
    assert np.mean(steps["tpdf"]) == pytest.approx(100.25, abs=0.02)
    assert np.array_equal(steps["auto"], steps["tpdf" if bits == 16 else "none"])
    silence = Quantizer(bits, dither="tpdf")(np.zeros((9000, 2)))
    assert 0.2 < np.mean(silence != 0) < 0.3
    pieces = Quantizer(bits, dither="tpdf")
    assert np.array_equal(
        np.concatenate([pieces(x[:777], more=True), pieces(x[777:])]), Quantizer(bits, dither="tpdf")(x)
    )


def test_clipping(song):
    assert "and is clipped in PCM_24" in rendered(song, gain_db=12.0, subtype="PCM_24")[1].warnings[0]
    m, result = rendered(song, gain_db=12.0, subtype="PCM_24", clip="clamp")
    assert (m.peak_db, result.warnings) == (pytest.approx(0, abs=1e-3), ())
    for subtype in ("PCM_16", "PCM_24"):
        m, result = rendered(song, gain_db=12.0, subtype=subtype, clip="rescale", measure=True)
        assert -0.001 < m.peak_db < 0
        assert result.gain_db == pytest.approx(m.peak_db - 20 * np.log10(np.abs(drums()).max()) - 12, abs=0.01)
        assert result.true_peak_db == pytest.approx(m.true_peak_db, abs=0.01)
    assert rendered(song, gain_db=12.0, subtype="FLOAT", clip="rescale")[1].gain_db == 0
    before = os.listdir(song.parent)
    with pytest.raises(ValueError, match=r"the output peaks at \+\d+\.\d dBFS at \d\.\d+ s; lower the level, or write"):
        rendered(song, "error.wav", gain_db=12.0, subtype="PCM_24", clip="error")
    assert os.listdir(song.parent) == before


class Rings(Processor):
    """Holds its last sample for ever."""

    params = {}
    variants = ()

    def process(self, x, state):
        silent = not x.any()
        return (torch.full_like(x, 0.5) if silent else x), state

    def tail(self):
        return float("inf")


def test_a_tail_that_is_cut_ends_in_a_fade(song):
    render_file(Chain(Rings(RATE)), None, song, song.parent / "out.wav", tail=1.0, block_seconds=0.1)
    y = soundfile.read(song.parent / "out.wav")[0][:, 0]
    assert len(y) == 4 * RATE
    assert y[3 * RATE : -RATE // 4] == pytest.approx(0.5)
    assert y[-RATE // 8] == pytest.approx(0.25, abs=1e-3)
    assert y[-1] == pytest.approx(0, abs=1e-6)


@pytest.mark.parametrize("rate", [None, 12000])
def test_a_part_of_a_file_is_that_part_of_the_whole(song, rate):
    chain, settings = Chain(Gain(rate or RATE)), RenderSettings(subtype="FLOAT", sample_rate=rate, block_seconds=0.3)
    params = {"gain.gain_db": {0: 0.0, 2: -20.0}}  # at the sound's own time
    whole, part = song.parent / "whole.wav", song.parent / "part.wav"
    render_file(chain, params, song, whole, settings)
    result = render_file(chain, params, song, part, settings, start=0.5, end=1.75)
    a, b = (rate or RATE) // 2, round((rate or RATE) * 1.75)
    assert result.seconds == 1.25
    assert np.allclose(soundfile.read(part)[0], soundfile.read(whole)[0][a:b], atol=2e-6)
    assert render_file(chain, params, song, part, settings, start=2.5, end=9.0).seconds == 0.5
    with pytest.raises(ValueError, match=r"a part from 3 s on is asked for, and the file ends at 3\.000 s"):
        render_file(chain, params, song, part, settings, start=3.0)


def test_the_time_of_the_source_is_kept(song):
    os.utime(song, ns=(10**18, 10**18 + 1000))
    rendered(song)
    assert (song.parent / "out.wav").stat().st_mtime_ns == 10**18 + 1000


@pytest.mark.parametrize(
    ("settings", "wanted"),
    [
        ({"limit": True}, "limit needs a ceiling"),
        ({"true_peak": 1.0}, "true_peak must lie in -24 .. 0"),
        ({"lufs": 3.0}, "lufs must lie in -70 .. 0"),
        ({"dither": "some"}, "dither must be one of auto, tpdf, none"),
        ({"clip": "maybe"}, "clip must be one of warn, clamp, rescale, error"),
        ({"bit_depth": "12"}, "bit_depth must be one of same, 8"),
        ({"start": 2.0, "end": 1.0}, "a part must begin at 0 s or later and end after that"),
    ],
)
def test_settings_that_are_none(settings, wanted):
    with pytest.raises(ValueError, match=wanted):
        RenderSettings(**settings)
