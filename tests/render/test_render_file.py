"""One file through one chain: the same sound whatever the blocks, in its place, with its tail, whole or not at all."""

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch import Chain, Processor
from diffFx_pytorch.params import EffectParam
from diffFx_pytorch.processors import Gain, Tremolo
from diffFx_pytorch.render import integrated_loudness, render_file
from diffFx_pytorch.render.quantize import Quantizer

RATE = 8000


class Late(Processor):
    """The input, seven samples late."""

    params = {}
    variants = ()
    latency_samples = 7

    def process(self, x, state):
        before = x.new_zeros(*x.shape[:-1], 7) if state is None else state
        both = torch.cat([before, x], -1)
        return both[..., : x.shape[-1]], both[..., x.shape[-1] :]


class Echo(Processor):
    """The input and, 100 samples later, the input times a knob."""

    params = {"echo": EffectParam(0.0, 1.0, 0.5)}
    variants = ()

    def process(self, x, state, *, echo):
        before = x.new_zeros(*x.shape[:-1], 100) if state is None else state
        both = torch.cat([before, x], -1)
        return x + echo * both[..., : x.shape[-1]], both[..., x.shape[-1] :]

    def tail(self, *, echo):
        return 100 / self.sample_rate


class Whole(Processor):
    """The input backwards: needs all of it."""

    params = {}
    variants = ()
    streamable = False

    def process(self, x, state):
        return x.flip(-1), None


class Endless(Processor):
    """Rings for ever."""

    params = {}
    variants = ()

    def process(self, x, state):
        return x, None

    def tail(self):
        return float("inf")


class Broken(Processor):
    """Gives NaN after a while."""

    params = {}
    variants = ()

    def process(self, x, state):
        done = 0 if state is None else state
        y = x.clone()
        if done + x.shape[-1] > 3000:
            y[..., 3000 - done] = float("nan")
        return y, done + x.shape[-1]


class Pair(Processor):
    """Takes stereo only."""

    params = {}
    variants = ()
    channels = (2,)
    crosses_channels = True

    def process(self, x, state):
        return x.flip(1), None


def noise(frames=5000, channels=2, level=0.2, seed=0):
    return level * np.random.default_rng(seed).uniform(-1, 1, (frames, channels)).astype(np.float32)


@pytest.fixture
def song(tmp_path):
    soundfile.write(tmp_path / "song.wav", noise(), RATE, "FLOAT")
    return tmp_path / "song.wav"


def rendered(fx, source, params=None, name="out.wav", subtype="FLOAT", **settings):
    target = source.parent / name
    result = render_file(Chain(fx), params, source, target, subtype=subtype, **settings)
    sound, rate = soundfile.read(target, always_2d=True)
    return sound, rate, result


def test_a_gain_halves_the_level(song):
    y, rate, result = rendered(Gain(RATE), song, {"gain.gain_db": -6.0206})
    assert rate == RATE
    assert np.allclose(y, noise() / 2, atol=1e-6)
    assert result.seconds == 5000 / RATE
    assert result.tail_seconds == 0
    assert result.warnings == ()
    assert result.peak_db == pytest.approx(20 * np.log10(np.abs(noise()).max() / 2), abs=0.01)


@pytest.mark.parametrize("subtype", ["FLOAT", "PCM_16"])
def test_blocks_of_any_length_give_the_same_file(song, subtype):
    chain, params = Chain(Tremolo(RATE), Late(RATE), Echo(RATE)), {"tremolo.rate_hz": torch.tensor([[1.0, 8.0]])}
    whole = None
    for seconds in (10.0, 0.1, 0.0123, 0.0005):
        render_file(chain, params, song, song.parent / "out.wav", block_seconds=seconds, subtype=subtype)
        y, _ = soundfile.read(song.parent / "out.wav")
        whole = y if whole is None else whole
        assert np.abs(y - whole).max() <= (2e-6 if subtype == "FLOAT" else 2**-15)
        assert np.mean(y != whole) < 0.01 or subtype == "FLOAT"


def test_the_file_is_what_the_chain_gives_in_memory(song):
    chain, params = Chain(Tremolo(RATE), Gain(RATE)), {"tremolo.depth": torch.tensor([[0.0, 1.0, 0.2]])}
    render_file(chain, params, song, song.parent / "out.wav", block_seconds=0.1, subtype="FLOAT")
    y, _ = soundfile.read(song.parent / "out.wav", dtype="float32")
    wanted = chain(torch.from_numpy(noise().T.copy())[None], dsp_params=params)[0].T.numpy()
    assert np.allclose(y, wanted, atol=1e-6)


def test_latency_is_taken_out(song):
    for seconds in (1.0, 0.0005):
        y, _, _ = rendered(Late(RATE), song, block_seconds=seconds)
        assert np.array_equal(y, noise())


def test_the_tail_follows(song):
    y, _, result = rendered(Echo(RATE), song, {"echo.echo": 0.5})
    assert len(y) == 5100
    assert result.tail_seconds == 100 / RATE
    assert np.allclose(y[5000:], 0.5 * noise()[4900:], atol=1e-6)
    assert len(rendered(Echo(RATE), song, tail=0)[0]) == 5000


def test_moving_knobs_hold_their_last_point_in_the_tail(song):
    y, _, _ = rendered(Echo(RATE), song, {"echo.echo": torch.tensor([[0.0, 0.5]])}, block_seconds=0.0101)
    assert np.allclose(y[5000:], 0.5 * noise()[4900:], atol=1e-6)


def test_a_tail_without_end_is_cut_and_said(song):
    y, _, result = rendered(Endless(RATE), song, tail=0.5)
    assert len(y) == 5000 + RATE // 2
    assert "cut after 0.5 s" in result.warnings[0]


def test_what_needs_the_whole_signal_gets_it(song):
    y, _, _ = rendered(Whole(RATE), song, block_seconds=0.01)
    assert np.array_equal(y, noise()[::-1])


def test_24_bits_come_back_bit_for_bit(song):
    integers = np.random.default_rng(0).integers(-(2**23), 2**23, (3000, 2), dtype=np.int32) << 8
    soundfile.write(song, integers, RATE, "PCM_24")
    render_file(Chain(Gain(RATE)), None, song, song.parent / "out.wav")
    assert np.array_equal(soundfile.read(song.parent / "out.wav", dtype="int32")[0], integers)
    assert soundfile.info(song.parent / "out.wav").subtype == "PCM_24"


def test_16_bits_are_dithered(song):
    # A tone of a third of a step: rounding alone would leave silence.
    n = np.arange(8 * RATE)
    tone = (np.sin(2 * np.pi * 1000 / RATE * n) / 3 / 2**15)[:, None]
    soundfile.write(song, tone, RATE, "FLOAT")
    y, _, _ = rendered(Gain(RATE), song, subtype="PCM_16")
    steps = y[:, 0] * 2**15
    assert 2 * np.mean(steps * np.sin(2 * np.pi * 1000 / RATE * n)) == pytest.approx(1 / 3, rel=0.1)
    error = steps - tone[:, 0] * 2**15
    # Triangular dither of two steps and rounding: variance 1/6 + 1/12.
    assert np.var(error) == pytest.approx(0.25, rel=0.03)
    again, _, _ = rendered(Gain(RATE), song, subtype="PCM_16")
    other, _, _ = rendered(Gain(RATE), song, subtype="PCM_16", seed=1)
    assert np.array_equal(y, again)
    assert not np.array_equal(y, other)


def test_integers_clip_at_full_scale():
    full = Quantizer(24)(np.array([[2.0], [-2.0], [0.0]]))
    assert full[:, 0].tolist() == [(2**23 - 1) << 8, -(2**31), 0]


def test_clipping_is_said(song):
    _, _, result = rendered(Gain(RATE), song, {"gain.gain_db": 20.0}, subtype="PCM_24")
    assert result.peak_db > 5
    assert f"{result.peak_db:+.1f} dBFS" in result.warnings[0]
    assert rendered(Gain(RATE), song, {"gain.gain_db": 20.0}, subtype="FLOAT")[2].warnings == ()


@pytest.mark.parametrize("rate", [11025, 16000, 44100])
def test_resampling_keeps_a_tone_and_the_length(song, rate):
    tone = 0.5 * np.sin(2 * np.pi * 1000 / RATE * np.arange(RATE))[:, None]
    soundfile.write(song, tone, RATE, "FLOAT")
    for seconds in (1.0, 0.013):
        y, got, _ = rendered(Gain(rate), song, sample_rate=rate, block_seconds=seconds)
        assert got == rate
        assert len(y) == rate
        wanted = 0.5 * np.sin(2 * np.pi * 1000 / rate * np.arange(rate))
        inside = slice(rate // 10, -rate // 10)
        assert np.abs(y[inside, 0] - wanted[inside]).max() < 1e-4


def test_a_chain_for_another_rate_is_refused(song):
    with pytest.raises(ValueError, match="built for 44100 Hz and the audio has 8000 Hz"):
        rendered(Gain(44100), song)


def loudness(x):
    return float(integrated_loudness(torch.from_numpy(x.T[None].copy()), RATE))


def test_loudness_is_brought_to_a_target(song):
    soundfile.write(song, noise(3 * RATE), RATE, "FLOAT")
    y, _, result = rendered(Gain(RATE), song, lufs=-30.0, block_seconds=0.3)
    assert loudness(y) == pytest.approx(-30.0, abs=0.05)
    assert result.lufs - result.gain_db == pytest.approx(loudness(noise(3 * RATE)), abs=0.05)


def test_silence_has_no_loudness_to_change(song):
    soundfile.write(song, np.zeros((RATE, 1)), RATE, "FLOAT")
    y, _, result = rendered(Gain(RATE), song, lufs=-16.0)
    assert not y.any()
    assert "too quiet or too short" in result.warnings[0]


@pytest.mark.parametrize("channels", [1, 2, 6])
def test_any_number_of_channels(song, channels):
    soundfile.write(song, noise(2000, channels), RATE, "FLOAT")
    assert np.allclose(rendered(Gain(RATE), song)[0], noise(2000, channels), atol=1e-7)


def test_mono_into_a_stereo_chain_is_given_to_both(song):
    soundfile.write(song, noise(500, 1), RATE, "FLOAT")
    y, _, result = rendered(Pair(RATE), song)
    assert np.array_equal(y, np.repeat(noise(500, 1), 2, 1))
    assert "mono was given to all 2 channels" in result.warnings[0]
    soundfile.write(song, noise(500, 3), RATE, "FLOAT")
    with pytest.raises(ValueError, match="takes 2 channels, and the file has 3"):
        rendered(Pair(RATE), song)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff", "a.caf", "a.au", "a.w64", "a.rf64"])
def test_every_format_is_written_and_read(song, name):
    soundfile.write(song, noise(3 * RATE), RATE, "FLOAT")
    y, _, _ = rendered(Gain(RATE), song, name=name, subtype=None)
    assert y.shape == (3 * RATE, 2)
    if name not in ("a.ogg", "a.mp3"):
        assert np.abs(y - noise(3 * RATE)).max() <= 2.0**-24
    assert len(rendered(Gain(RATE), song.parent / name, name="back.wav")[0]) == 3 * RATE


def test_a_minute_of_ogg(song):
    soundfile.write(song, np.tile(noise(RATE), (60, 1)), RATE, "FLOAT")
    assert len(rendered(Whole(RATE), song, name="a.ogg", subtype=None)[0]) == 60 * RATE


def test_no_sound_at_all(song):
    soundfile.write(song, np.zeros((0, 2)), RATE, "FLOAT")
    y, _, result = rendered(Echo(RATE), song)
    assert y.shape == (0, 2)
    assert result.seconds == 0
    assert result.peak_db == -np.inf


def left_behind(folder):
    return sorted(path.name for path in folder.iterdir() if path.name != "song.wav")


def test_a_chain_that_fails_leaves_nothing(song):
    with pytest.raises(ValueError, match=r"NaN or infinite at 0\.375 s"):
        rendered(Broken(RATE), song, block_seconds=0.1)
    assert left_behind(song.parent) == []


def test_a_break_leaves_the_file_that_was_there(song):
    (song.parent / "out.wav").write_bytes(b"before")

    def stop(seconds):
        raise KeyboardInterrupt

    for lufs in (None, -20.0):
        with pytest.raises(KeyboardInterrupt):
            rendered(Gain(RATE), song, block_seconds=0.1, progress=stop, lufs=lufs)
        assert (song.parent / "out.wav").read_bytes() == b"before"
        assert left_behind(song.parent) == ["out.wav"]


def test_the_input_is_not_overwritten(song):
    before = song.read_bytes()
    (song.parent / "link.wav").symlink_to(song)
    for target in (song, song.parent / "link.wav"):
        with pytest.raises(ValueError, match="is the input itself"):
            render_file(Chain(Gain(RATE)), None, song, target)
    assert song.read_bytes() == before


def test_nan_in_the_input_is_refused_with_its_place(song):
    x = noise()
    x[4000, 1] = np.nan
    soundfile.write(song, x, RATE, "FLOAT")
    with pytest.raises(ValueError, match=r"song\.wav: holds NaN or infinity at 0\.500 s"):
        rendered(Gain(RATE), song, block_seconds=0.1)
    assert left_behind(song.parent) == []


def test_a_file_that_ends_early_is_refused(song):
    soundfile.write(song.with_suffix(".flac"), noise(50000), RATE)
    whole = song.with_suffix(".flac").read_bytes()
    cut = song.parent / "cut.flac"
    cut.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match=r"cut\.flac: is cut short: ends at 3\.072 s of the 6\.250 s it declares"):
        rendered(Gain(RATE), cut)


@pytest.mark.parametrize(
    ("settings", "error", "wanted"),
    [
        ({"name": "a.xyz"}, ValueError, "cannot write '.xyz'; formats are .wav"),
        (
            {"name": "a.flac", "subtype": "FLOAT"},
            ValueError,
            "takes no subtype 'FLOAT'; it takes PCM_S8, PCM_16, PCM_24",
        ),
        ({"name": "a.wav", "subtype": "PCM_12"}, ValueError, "takes no subtype 'PCM_12'"),
        ({"name": "none/a.wav"}, OSError, "cannot write"),
        ({"tail": -1.0}, ValueError, "tail must be"),
        ({"block_seconds": 0.0}, ValueError, "block_seconds must be positive"),
    ],
)
def test_bad_settings(song, settings, error, wanted):
    with pytest.raises(error, match=wanted):
        rendered(Gain(RATE), song, **settings)
    assert left_behind(song.parent) == []


def test_inputs_that_are_no_sound(tmp_path):
    (tmp_path / "text.wav").write_text("la la la")
    for name, wanted in (("text.wav", "cannot be read as a sound file"), ("none.wav", "no such file")):
        with pytest.raises(OSError, match=f"{name}: {wanted}"):
            render_file(Chain(Gain(RATE)), None, tmp_path / name, tmp_path / "out.wav")
