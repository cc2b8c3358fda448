"""Half a file is no whole one, a length that nobody wrote is no length, and damage is where it is said to be."""

import contextlib
import os
import struct
import zlib

import numpy as np
import pytest
import soundfile

from diffFx_pytorch.files import audio_info, extent_of, read_blocks, read_sound
from diffFx_pytorch.files.streams import _REVERSED, _crc

RATE, FRAMES = 44100, 30000
KINDS = {
    "a.wav": ("WAV", "PCM_16"),
    "a24.wav": ("WAV", "PCM_24"),
    "x.wav": ("WAVEX", "PCM_24"),
    "float.wav": ("WAV", "FLOAT"),
    "ima.wav": ("WAV", "IMA_ADPCM"),
    "a.rf64": ("RF64", "PCM_24"),
    "a.w64": ("W64", "PCM_24"),
    "a.aiff": ("AIFF", "PCM_24"),
    "float.aiff": ("AIFF", "FLOAT"),
    "a.au": ("AU", "PCM_24"),
    "a.caf": ("CAF", "PCM_24"),
    "alac.caf": ("CAF", "ALAC_24"),
    "a.flac": ("FLAC", "PCM_24"),
    "a.ogg": ("OGG", "VORBIS"),
    "a.opus": ("OGG", "OPUS"),
    "a.mp3": ("MP3", "MPEG_LAYER_III"),
}
LINEAR = [name for name in KINDS if name not in ("ima.wav", "alac.caf", "a.flac", "a.ogg", "a.opus", "a.mp3")]


def noise(frames=FRAMES, channels=2):
    return 0.3 * np.random.default_rng(0).uniform(-1, 1, (frames, channels))


def made(folder, name, frames=FRAMES):
    kind, subtype = KINDS[name]
    path = folder / name
    soundfile.write(path, noise(frames), 48000 if subtype == "OPUS" else RATE, subtype, format=kind)
    return path


def read(path):
    return read_sound(path).numpy().T


def field(path, name, order="<", count=4):
    """Place of a chunk's length."""
    return path.read_bytes().index(name) + (16 if path.suffix == ".w64" else 4), order, count


def lie(path, place, content):
    data = bytearray(path.read_bytes())
    data[place : place + len(content)] = content
    path.write_bytes(data)


@pytest.mark.parametrize("name", KINDS)
def test_whole_files_are_read_whole(tmp_path, name):
    path = made(tmp_path, name)
    wanted = soundfile.read(path, dtype="float32", always_2d=True)[0]
    assert np.array_equal(read(path), wanted)
    assert extent_of(path).error == extent_of(path).notice == ""


@pytest.mark.parametrize("name", KINDS)
def test_no_cut_file_is_read_as_a_whole_one(tmp_path, name):
    path = made(tmp_path, name)
    whole, frames = path.read_bytes(), audio_info(path).frames
    places = np.random.default_rng(1).integers(1, len(whole), 40).tolist()
    for place in (*places, 1, 11, 12, 40, 44, 45, len(whole) // 2, len(whole) - 200, len(whole) - 1):
        path.write_bytes(whole[:place])
        try:
            got = len(read(path))
        except OSError:
            continue
        # What a header follows the sound with may be missing.
        assert got == frames, f"{got} of {frames} frames from {place} of {len(whole)} bytes"
    path.write_bytes(b"")
    with pytest.raises(OSError, match=r": is empty|cut short|sound file"):
        read(path)


@pytest.mark.parametrize("name", [name for name in KINDS if name != "alac.caf"])
def test_the_end_of_a_cut_file_is_said(tmp_path, name):
    path = made(tmp_path, name, 20 * FRAMES)
    whole, seconds = path.read_bytes(), 20 * FRAMES / audio_info(path).sample_rate
    for part in (0.3, 0.7):
        path.write_bytes(whole[: int(part * len(whole))])
        found = extent_of(path)
        assert "is cut short: ends at" in found.error
        assert found.present == pytest.approx(part * seconds, abs=0.1 + 1.2 * (path.suffix in (".ogg", ".opus")))
        assert not found.declared or found.declared == pytest.approx(seconds, abs=0.06)


def test_what_follows_the_sound_may_be_cut(tmp_path):
    path = made(tmp_path, "a.wav")
    path.write_bytes(path.read_bytes() + b"LIST\x40\0\0\0INFO")
    assert len(read(path)) == FRAMES
    assert not audio_info(path).notice


# ---- lengths that are none ----

LENGTHS = {
    "a.wav": (b"data", "<I"),
    "a24.wav": (b"data", "<I"),
    "x.wav": (b"data", "<I"),
    "float.wav": (b"data", "<I"),
    "a.w64": (b"data", "<Q"),
    "a.aiff": (b"SSND", ">I"),
    "float.aiff": (b"SSND", ">I"),
    "a.au": (None, ">I"),
    "a.caf": (b"data", ">q"),
}


def length_place(path, name):
    if name is None:
        return 8
    return path.read_bytes().index(name, 16 if path.suffix == ".caf" else 12) + (16 if path.suffix == ".w64" else 4)


@pytest.mark.parametrize("name", LENGTHS)
@pytest.mark.parametrize("unknown", ["ones", "sox", "zero"])
def test_a_length_that_was_never_written_is_that_of_the_file(tmp_path, name, unknown):
    path = made(tmp_path, name)
    wanted = read(path)
    chunk, code = LENGTHS[name]
    value = {"ones": -1 if code == ">q" else 2 ** (8 * struct.calcsize(code)) - 1, "zero": 0}.get(unknown, 0x7FFFF000)
    if unknown == "sox" and path.suffix in (".caf", ".w64"):
        pytest.skip("lengths of 64 bits")
    place = length_place(path, chunk)
    lie(path, place, struct.pack(code, value))
    if path.suffix == ".aiff":
        lie(path, path.read_bytes().index(b"COMM") + 10, struct.pack(">I", 0 if unknown == "zero" else value // 6))
    if path.suffix != ".au":
        lie(path, 4, struct.pack("<I", value & 0xFFFFFFFF) if path.suffix == ".wav" else path.read_bytes()[4:8])
    assert np.array_equal(read(path), wanted)
    info = audio_info(path)
    assert info.frames == len(wanted)
    assert ("never finished" in info.notice) == (unknown == "zero")


@pytest.mark.parametrize("value", [0, 2**64 - 1])
def test_a_length_of_rf64_that_was_never_written(tmp_path, value):
    path = made(tmp_path, "a.rf64")
    wanted = read(path)
    lie(path, path.read_bytes().index(b"ds64") + 16, struct.pack("<Q", value))
    assert np.array_equal(read(path), wanted)


@pytest.mark.parametrize("name", LENGTHS)
def test_one_frame_too_few_is_cut_short(tmp_path, name):
    path = made(tmp_path, name)
    path.write_bytes(path.read_bytes())
    chunk, code = LENGTHS[name]
    place = length_place(path, chunk)
    declared = struct.unpack_from(code, path.read_bytes(), place)[0]
    lie(path, place, struct.pack(code, declared + 100_000))
    with pytest.raises(OSError, match=r"is cut short: ends at 0\.680 s of the"):
        read(path)


def test_an_empty_file_with_chunks_after_it_is_empty(tmp_path):
    path = tmp_path / "empty.wav"
    soundfile.write(path, np.zeros((0, 1)), RATE)
    path.write_bytes(path.read_bytes() + b"LIST\x04\0\0\0INFO")
    assert read(path).shape == (0, 1)


def test_what_is_more_than_declared_is_said(tmp_path):
    path = made(tmp_path, "a.wav")
    lie(path, length_place(path, b"data"), struct.pack("<I", FRAMES))
    assert len(read(path)) == FRAMES // 4
    assert "were left out" in audio_info(path).notice


@pytest.mark.parametrize("name", ["a.wav", "x.wav", "a.au"])
@pytest.mark.parametrize("trailing", [b"", b"LIST\x04\0\0\0INFO"])
def test_a_length_modulo_4_gib(tmp_path, name, trailing):
    path = made(tmp_path, name)
    if trailing and name == "a.au":
        pytest.skip("nothing follows the sound")
    chunk, code = LENGTHS[name]
    place = length_place(path, chunk)
    start = struct.unpack(">I", path.read_bytes()[4:8])[0] if name == "a.au" else place + 4
    frame = 4 if name == "a.wav" else 6
    count = (2**32 // frame + 1000) * frame
    lie(path, place, struct.pack(code, count % 2**32))
    with open(path, "r+b") as file:  # a hole takes no room on the disk
        file.truncate(start + count)
        file.seek(0, 2)
        file.write(trailing)
    info = audio_info(path)
    assert info.frames == count // frame
    assert "modulo 4 GiB" in info.notice


# ---- flac, ogg, mp3 ----


def without_length(path):
    data = bytearray(path.read_bytes())
    data[21] &= 0xF0
    data[22:26] = bytes(4)
    path.write_bytes(data)


@pytest.mark.parametrize("frames", [FRAMES, 10 * 4096, 1, 900_000])
def test_a_flac_need_not_say_how_long_it_is(tmp_path, frames):
    path = made(tmp_path, "a.flac", frames)
    wanted = read(path)
    without_length(path)
    assert audio_info(path).frames == frames
    assert np.array_equal(read(path), wanted)


def test_a_flac_of_unknown_length_may_be_cut(tmp_path):
    path = made(tmp_path, "a.flac")
    without_length(path)
    whole = path.read_bytes()
    path.write_bytes(whole[: len(whole) // 2])
    with pytest.raises(OSError, match=r"is cut short: ends at 0\.2"):
        read(path)


@pytest.mark.parametrize("block", [1000, 1 << 16])
def test_damage_of_a_flac_is_where_it_is(tmp_path, block):
    path = made(tmp_path, "a.flac", 20 * FRAMES)
    size = path.stat().st_size
    lie(path, size // 2, bytes(64))
    with pytest.raises(OSError, match=r"is damaged at 6\.[78]\d\d s \(sample \d+\)") as caught:
        list(read_blocks(path, block))
    sample = int(str(caught.value).split("sample ")[1].split(")")[0])
    assert 10 * FRAMES - 4096 <= sample <= 10 * FRAMES


@pytest.mark.parametrize(("name", "within"), [("a.ogg", 1.2), ("a.opus", 1.2), ("a.mp3", 0.1)])
def test_damage_of_a_stream_is_where_it_is(tmp_path, name, within):
    path = made(tmp_path, name, 20 * FRAMES)
    whole, rate = path.read_bytes(), audio_info(path).sample_rate
    middle = len(whole) // 2
    zeros, gap = whole[:middle] + bytes(2000) + whole[middle + 2000 :], whole[:middle] + whole[middle + 8001 :]
    flipped = whole[:middle] + bytes([whole[middle] ^ 1]) + whole[middle + 1 :]
    for damaged in (zeros, gap) if name == "a.mp3" else (zeros, gap, flipped):  # frames of mp3 have no check sum
        path.write_bytes(damaged)
        found = extent_of(path)
        assert "is damaged at" in found.error
        assert found.present == pytest.approx(10 * FRAMES / rate, abs=within)


def test_the_check_sum_of_ogg():
    # RFC 3533: polynomial 0x04c11db7, most significant bit first, from 0, not inverted.
    data, value = bytes(range(200)), 0
    for byte in data:
        value ^= byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value >> 31 else 0)) & 0xFFFFFFFF
    found = zlib.crc32(data.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    assert int(f"{found:032b}"[::-1], 2) == value


def test_an_mp3_with_tags_around_it(tmp_path):
    path = made(tmp_path, "a.mp3")
    whole, frames = path.read_bytes(), audio_info(path).frames
    ape = b"APETAGEX" + struct.pack("<IIII", 2000, 32, 0, 0) + bytes(8)
    path.write_bytes(b"ID3\x04\0\0\0\0\x02\x00" + bytes(256) + whole + ape + b"TAG" + bytes(125))
    assert audio_info(path).frames == frames
    assert len(read(path)) == frames


def test_files_with_something_else_at_their_end(tmp_path):
    for name in ("a.flac", "a.ogg", "a.opus", "a.mp3"):
        path = made(tmp_path, name)
        whole, frames = path.read_bytes(), audio_info(path).frames
        for more in (b"TAG" + bytes(125), bytes(3000), b"junk that is no sound at all" * 20):
            path.write_bytes(whole + more)
            assert extent_of(path).error == "", (name, more)
            assert len(read(path)) == frames


def test_an_mp3_after_padding_is_checked_too(tmp_path):
    path = made(tmp_path, "a.mp3", 10 * FRAMES)
    whole = path.read_bytes()
    path.write_bytes(bytes(700) + whole)
    assert extent_of(path).error == ""
    path.write_bytes(b"ID3\x04\0\0\0\0\0\x10" + bytes(16 + 700) + whole[: len(whole) // 2])
    assert "is cut short: ends at 3.3" in extent_of(path).error


def test_mp3_files_one_after_another(tmp_path):
    path = made(tmp_path, "a.mp3")
    whole = path.read_bytes()
    path.write_bytes(whole + b"ID3\x04\0\0\0\0\x02\x00" + bytes(256) + whole)
    assert extent_of(path).error == ""


def test_no_flac_is_called_cut_by_chance(tmp_path):
    # Bytes that look like the header of a frame stand in the last frame of one file in some hundreds.
    path = made(tmp_path, "a.flac")
    whole = path.read_bytes()
    for header in (b"\xff\xf8\xc9\x18\x00", b"\xff\xf8\xc9\x18\x02"):
        fake = header + bytes([_crc(header, 8)])
        path.write_bytes(whole[:-300] + fake + whole[len(fake) - 300 :])
        assert extent_of(path).error == ""


def test_an_mp3_without_a_count_that_ends_within_a_frame(tmp_path):
    path = made(tmp_path, "a.mp3", 10 * FRAMES)
    whole = path.read_bytes()
    first = whole.index(b"\xff\xfb", 100)
    path.write_bytes(whole[first:])
    assert extent_of(path).error == ""
    path.write_bytes(whole[first : len(whole) // 2 + 5])
    assert "is cut short: ends at" in extent_of(path).error


@pytest.mark.parametrize("name", KINDS)
def test_a_damaged_header_is_an_error_of_the_file(tmp_path, name):
    path = made(tmp_path, name, 3000)
    whole, random = path.read_bytes(), np.random.default_rng(3)
    for _ in range(40):
        damaged = bytearray(whole)
        for place in random.integers(0, 120, 2):
            damaged[place] = random.choice([0, 1, 127, 128, 255])
        path.write_bytes(damaged)
        with contextlib.suppress(OSError, ValueError):
            read(path)


# ---- what is no file, and names ----


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
def test_a_pipe_is_refused_and_not_waited_for(tmp_path):
    os.mkfifo(tmp_path / "pipe.wav")
    for read in (read_sound, audio_info, extent_of):
        with pytest.raises(OSError, match=r"pipe\.wav: is no regular file"):
            read(tmp_path / "pipe.wav")
    with pytest.raises(OSError, match="is a folder"):
        read_sound(tmp_path)
    with pytest.raises(FileNotFoundError, match=r"none\.wav: no such file"):
        read_sound(tmp_path / "none.wav")


@pytest.mark.skipif(os.name != "posix", reason="names are text")
def test_a_name_that_is_no_text(tmp_path):
    name = os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav")
    made(tmp_path, "a.wav").rename(name)
    assert read(name).shape == (FRAMES, 2)


@pytest.mark.parametrize("name", KINDS)
@pytest.mark.parametrize("rate", [None, 32000, 44099])
def test_a_part_is_that_part_of_the_whole(tmp_path, name, rate):
    path = made(tmp_path, name)
    whole = np.concatenate(list(read_blocks(path, 4096, rate)))
    for first, frames in ((0, 900), (13001, 2000), (len(whole) - 300, 1000), (17000, None), (len(whole) + 5, 10)):
        part = list(read_blocks(path, 700, rate, first, frames))
        part = np.concatenate(part) if part else whole[:0]
        expected = whole[first:] if frames is None else whole[first : first + frames]
        assert part.shape == expected.shape
        inside = slice(600 if name in ("a.mp3", "a.ogg", "a.opus") else 0, None)  # a lossy decoder settles
        assert np.allclose(part[inside], expected[inside], rtol=0, atol=2e-4), (first, frames)
