"""What is written: samples that nothing was done to, rates and channels a format takes, names, a full disk."""

import os
import signal

import numpy as np
import pytest
import soundfile

from diffFx_pytorch import Chain
from diffFx_pytorch.processors import Fade, Gain
from diffFx_pytorch.processors.reverb import ConvolutionReverb
from diffFx_pytorch.render import AudioWriter, render_file
from diffFx_pytorch.render.quantize import Quantizer
from diffFx_pytorch.render.spectral_files import stretch_file

RATE = 44100


def integers(frames=30000, channels=2, bits=16):
    half = 2 ** (bits - 1)
    return np.random.default_rng(0).integers(-half, half, (frames, channels)) / half


def tone(frames, level=0.3):
    return level * np.sin(2 * np.pi * 997 / RATE * np.arange(frames))[:, None]


# ---- dither ----


@pytest.mark.parametrize("subtype", ["PCM_16", "PCM_24", "PCM_U8"])
@pytest.mark.parametrize("channels", [1, 2])
def test_what_nothing_was_done_to_comes_back_bit_for_bit(tmp_path, subtype, channels):
    bits = {"PCM_16": 16, "PCM_24": 24, "PCM_U8": 8}[subtype]
    x = integers(channels=channels, bits=bits)
    x[5000:9000] = 0
    soundfile.write(tmp_path / "a.wav", x, RATE, subtype)
    for seconds in (1.0, 0.01):
        target = tmp_path / "b.wav"
        render_file(Chain(Gain(RATE)), None, tmp_path / "a.wav", target, subtype=subtype, block_seconds=seconds)
        assert np.array_equal(soundfile.read(target, always_2d=True)[0], x)


def test_digital_silence_stays_silent_beside_sound(tmp_path):
    x = np.concatenate([np.zeros((500, 1)), tone(10000), np.zeros((5000, 1)), tone(10000), np.zeros((300, 1))])
    soundfile.write(tmp_path / "a.wav", np.concatenate([x, 0 * x], 1), RATE, "PCM_24")
    render_file(Chain(Gain(RATE)), {"gain.gain_db": -1.0}, tmp_path / "a.wav", tmp_path / "b.wav", subtype="PCM_16")
    y, _ = soundfile.read(tmp_path / "b.wav")
    assert not y[:, 1].any()
    for quiet in (slice(0, 500), slice(10500, 15500), slice(25500, None)):
        assert not y[quiet].any()


def test_dither_does_not_come_and_go_with_chance():
    x = tone(50000)
    x[1000::50] = 0  # on the grid, here and there
    x[20000:20100] = 0
    error = Quantizer(16)(x) / 2.0**16 - x * 2**15
    assert np.var(error[1000::50]) == pytest.approx(0.25, rel=0.15)
    assert np.var(error[20000:20100]) > 0.1


@pytest.mark.parametrize("count", [1, 7, 400, 60000])
def test_dither_does_not_depend_on_blocks(count):
    x = np.concatenate([tone(9000), np.zeros((2500, 1)), tone(3000), integers(40000, 1), tone(500)])
    whole, quantize = Quantizer(16)(x), Quantizer(16)
    pieces = [quantize(block, more=True) for block in np.array_split(x, count)]
    assert np.array_equal(np.concatenate([*pieces, quantize(x[:0])]), whole)


# ---- rates and channels ----


@pytest.mark.parametrize(
    ("name", "rate", "wanted"),
    [
        ("b.opus", 44100, 48000),
        ("b.opus", 22050, 24000),
        ("b.opus", 96000, 48000),
        ("b.mp3", 96000, 48000),
        ("b.mp3", 7000, 8000),
        ("b.ogg", 384000, 192000),
        ("b.flac", 99999, 100000),
        ("b.flac", 768000, 655350),
        ("b.opus", 48000, 48000),
        ("b.mp3", 11025, 11025),
        ("b.flac", 65535, 65535),
        ("b.wav", 99999, 99999),
    ],
)
def test_a_rate_that_a_format_does_not_take_is_resampled(tmp_path, name, rate, wanted):
    x = 0.5 * np.sin(2 * np.pi * 440 / rate * np.arange(rate // 2))
    soundfile.write(tmp_path / "a.wav", x, rate, "PCM_24")
    result = render_file(Chain(Gain(rate)), None, tmp_path / "a.wav", tmp_path / name, block_seconds=0.03)
    y, got = soundfile.read(tmp_path / name)
    assert got == wanted
    assert len(y) == round(len(x) * wanted / rate)
    inside = slice(wanted // 20, -wanted // 20)
    ideal = 0.5 * np.sin(2 * np.pi * 440 / wanted * np.arange(len(y)))
    # libsndfile's Opus is a sample early at 24 kHz.
    assert np.abs(y - ideal)[inside].max() < (1e-4 if name == "b.flac" else 0.09)
    assert [f"takes no rate of {rate} Hz; it was resampled to {wanted} Hz" in w for w in result.warnings] == (
        [] if wanted == rate else [True]
    )


@pytest.mark.parametrize(("name", "most"), [("b.mp3", 2), ("b.flac", 8), ("b.ogg", 255), ("b.opus", 255)])
def test_too_many_channels_are_refused_with_a_cure(tmp_path, name, most):
    soundfile.write(tmp_path / "a.wav", np.zeros((100, most + 1)), 48000)
    with pytest.raises(ValueError, match=f"takes at most {most} channels, and the output has {most + 1}; write .wav"):
        render_file(Chain(Gain(48000)), None, tmp_path / "a.wav", tmp_path / name)
    assert [p.name for p in tmp_path.iterdir()] == ["a.wav"]


def test_a_fade_longer_than_the_file_is_cut_to_it(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.full((RATE, 1), 0.5), RATE)
    chain = Chain(Fade(RATE, shape="linear"))
    result = render_file(chain, {"fade.fade_out_s": 5.0}, tmp_path / "a.wav", tmp_path / "b.wav")
    y, _ = soundfile.read(tmp_path / "b.wav")
    assert y[0] == pytest.approx(0.5, abs=1e-4)
    assert y[RATE // 2] == pytest.approx(0.25, abs=1e-3)
    assert result.warnings == ("fade_out_s is longer than the signal; it was cut to the 1 s that there are",)


# ---- one reader ----


@pytest.fixture
def half(tmp_path):
    soundfile.write(tmp_path / "half.wav", integers(), RATE)
    whole = (tmp_path / "half.wav").read_bytes()
    (tmp_path / "half.wav").write_bytes(whole[: len(whole) // 2])
    return tmp_path / "half.wav"


@pytest.mark.parametrize(
    "use",
    [
        lambda path: render_file(Chain(Gain(RATE)), None, path, path.with_name("b.wav")),
        lambda path: stretch_file(path, path.with_name("b.wav"), rate=2.0),
        lambda path: stretch_file(path, path.with_name("b.wav"), semitones=2.0),
        lambda path: ConvolutionReverb(RATE, ir=path),
        lambda path: ConvolutionReverb(RATE, ir=str(path)),
    ],
)
def test_half_a_file_is_refused_by_all_that_read_one(half, use):
    with pytest.raises(OSError, match=r"half\.wav: is cut short: ends at 0\.340 s of the 0\.680 s it declares"):
        use(half)
    os.remove(half)
    if hasattr(os, "mkfifo"):
        os.mkfifo(half)
        with pytest.raises(OSError, match=r"half\.wav: is no regular file"):
            use(half)


@pytest.mark.parametrize("name", ["b.flac", "b.mp3", "b.ogg", "b.opus", "b.wav"])
def test_no_samples_are_no_file_of_no_bytes(tmp_path, name):
    soundfile.write(tmp_path / "a.wav", np.zeros((0, 2)), RATE)
    try:
        render_file(Chain(Gain(RATE)), None, tmp_path / "a.wav", tmp_path / name)
    except ValueError as error:
        assert "cannot hold a sound of no samples; write .wav" in str(error)  # noqa: PT017
        assert not (tmp_path / name).exists()
    else:
        assert soundfile.info(tmp_path / name).frames == 0


# ---- names, and a full disk ----


def test_a_name_may_be_as_long_as_the_file_system_allows(tmp_path):
    name = "é" * 125 + "a.wav"
    assert len(os.fsencode(name)) == 255
    soundfile.write(tmp_path / name, integers(), RATE)
    (tmp_path / "out").mkdir()
    render_file(Chain(Gain(RATE)), None, tmp_path / name, tmp_path / "out" / name)
    assert [p.name for p in (tmp_path / "out").iterdir()] == [name]


@pytest.mark.skipif(os.name != "posix", reason="names are text")
@pytest.mark.parametrize("extension", [b".wav", b".flac", b".mp3", b".ogg", b".aiff"])
def test_a_name_that_is_no_text(tmp_path, extension):
    source = os.fsdecode(os.fsencode(tmp_path) + b"/\xe9\xff" + extension)
    with AudioWriter(source, RATE, 1) as writer:
        writer.write(tone(5000).astype(np.float32))
    target = os.fsdecode(os.fsencode(tmp_path) + b"/out\xe9\xff" + extension)
    render_file(Chain(Gain(RATE)), None, source, target)
    assert os.path.exists(target)


@pytest.fixture
def small_disk():
    """No file may grow over 20,000 bytes, as on a disk that is full there."""
    resource = pytest.importorskip("resource")
    limits, handler = resource.getrlimit(resource.RLIMIT_FSIZE), signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (20000, limits[1]))
    yield
    resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    signal.signal(signal.SIGXFSZ, handler)


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.mp3", "a.aiff"])
def test_a_full_disk_leaves_no_file(tmp_path, name, small_disk):
    x = np.random.default_rng(0).uniform(-1, 1, (100000, 2)).astype("f4")
    with pytest.raises(OSError, match="cannot write"), AudioWriter(tmp_path / name, RATE, 2) as writer:
        writer.write(x)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["a.wav", "a.flac", "a.ogg", "a.opus", "a.mp3", "a.aiff", "a.caf", "a.w64", "a.au"])
def test_the_same_sound_is_the_same_file(tmp_path, name):
    found = set()
    for _ in range(2):
        with AudioWriter(tmp_path / name, 48000, 2) as writer:
            writer.write(integers(frames=60000).astype("f4"))
        found.add((tmp_path / name).read_bytes())
    assert len(found) == 1
