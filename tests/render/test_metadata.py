"""What a file says of itself stays with it, in any format; what no longer holds does not."""

import importlib.util
import struct
import sys

import numpy as np
import pytest
import soundfile

from diffFx_pytorch import Chain
from diffFx_pytorch.files import audio_info, read_sound
from diffFx_pytorch.files.chunks import chunks
from diffFx_pytorch.files.layout import mask_of_layout
from diffFx_pytorch.processors import Gain, StereoWidener
from diffFx_pytorch.render import render_file
from diffFx_pytorch.render.wave_chunks import _SUBTYPE

RATE = 48000
STRINGS = {
    "title": "Café 漢字",
    "artist": "Somebody",
    "album": "Two",
    "tracknumber": "3",
    "date": "2020-01-02",
    "genre": "Jazz",
    "comment": "hello",
}
ART = b"\x89PNG\r\n" + bytes(range(200))


def noise(frames=9600, channels=2):
    return 0.2 * np.random.default_rng(0).uniform(-1, 1, (frames, channels))


def rendered(source, name, fx=None, **settings):
    target = source.parent / name
    return target, render_file(Chain(fx or Gain(RATE)), None, source, target, tail=0, **settings)


def strings(path):
    with soundfile.SoundFile(path) as file:
        found = file.copy_metadata()
    return {name: found.get(name) for name in STRINGS}


def tagged(path, subtype=None):
    with soundfile.SoundFile(path, "w", RATE, 2, subtype) as file:
        for name, value in STRINGS.items():
            setattr(file, name, value)
        file.write(noise())
    return path


@pytest.mark.parametrize("name", ["b.wav", "b.flac", "b.ogg", "b.opus", "b.mp3", "b.aiff", "b.caf", "b.rf64"])
@pytest.mark.parametrize("source", ["a.flac", "a.wav", "a.ogg"])
def test_strings_in_every_format(tmp_path, source, name):
    pytest.importorskip("mutagen")
    target, result = rendered(tagged(tmp_path / source), name)
    if name == "b.aiff":  # soundfile reads four of them
        tags = mutagen_of(target)
        assert [str(tags[frame]) for frame in ("TALB", "TRCK", "TDRC", "TCON")] == ["Two", "3", "2020-01-02", "Jazz"]
        assert strings(target)["title"] == STRINGS["title"]
    else:
        assert strings(target) == STRINGS
    assert result.warnings == ()


@pytest.mark.parametrize("name", ["b.w64", "b.au"])
def test_a_format_without_tags_says_so(tmp_path, name):
    _, result = rendered(tagged(tmp_path / "a.flac"), name)
    assert "album, artist, comment, date, genre, title, tracknumber of the source were left out" in result.warnings[0]


def mutagen_of(path):
    mutagen = pytest.importorskip("mutagen")
    return mutagen.File(path).tags


def pictured(folder):
    flac = pytest.importorskip("mutagen.flac")
    soundfile.write(folder / "a.flac", noise(), RATE)
    file, picture = flac.FLAC(folder / "a.flac"), flac.Picture()
    picture.type, picture.mime, picture.data = 3, "image/png", ART
    file.add_picture(picture)
    file.update({**STRINGS, "artist": ["One", "Two"], "composer": "Bach", "tracktotal": "12", "my own": "words"})
    file.update({"replaygain_track_gain": "-7 dB", "REPLAYGAIN_ALBUM_PEAK": "0.9", "R128_TRACK_GAIN": "256"})
    file.save()
    return folder / "a.flac"


@pytest.mark.parametrize("way", [(), ("b.mp3",), ("b.ogg",), ("b.opus",), ("b.wav",), ("b.aiff",), ("b.mp3", "c.aiff")])
def test_every_tag_and_the_cover_come_through_any_format_and_levels_do_not(tmp_path, way):
    source = pictured(tmp_path)
    for name in (*way, "end.flac"):
        source, result = rendered(source, name)
        assert result.warnings == ()
        assert "gain" not in str({k: v for k, v in mutagen_of(source).items() if "APIC" not in k}).lower()
    tags = dict(mutagen_of(source))
    wanted = {**STRINGS, "artist": ["One", "Two"], "composer": "Bach", "tracktotal": "12", "my own": "words"}
    assert {name: tags[name] for name in wanted} == {k: v if isinstance(v, list) else [v] for k, v in wanted.items()}
    assert "R128_TRACK_GAIN" not in {name.upper() for name in tags}
    from mutagen.flac import FLAC

    assert [picture.data for picture in FLAC(source).pictures] == [ART]


def test_levels_of_an_mp3_are_dropped(tmp_path):
    id3 = pytest.importorskip("mutagen.id3")
    soundfile.write(tmp_path / "a.mp3", noise(), RATE)
    tags = id3.ID3()
    tags.add(id3.RVA2(desc="track", channel=1, gain=-7, peak=0.9))
    tags.add(id3.TXXX(desc="replaygain_track_gain", text="-7 dB"))
    tags.add(id3.COMM(lang="eng", desc="iTunNORM", text=" 00000001" * 10))
    tags.add(id3.COMM(lang="eng", desc="notes", text="kept"))
    tags.add(id3.TIT2(text="Title"))
    tags.save(tmp_path / "a.mp3")
    target, _ = rendered(tmp_path / "a.mp3", "b.mp3")
    assert set(mutagen_of(target)) == {"TIT2", "COMM:notes:eng"}


def test_without_mutagen_the_strings_stay_and_the_rest_is_said(tmp_path, monkeypatch):
    source = pictured(tmp_path)
    monkeypatch.setitem(sys.modules, "mutagen", None)
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    target, result = rendered(source, "b.flac")
    assert strings(target) == {**STRINGS, "artist": "One"}
    assert result.warnings == (
        "cover art and other tags of the source were left out: pip install mutagen to keep them",
    )
    _, result = rendered(source, "b.mp3")
    assert result.warnings[0].startswith("title, cover art")  # its encoder would garble what is not Latin


# ---- wav ----


def extensible(path, mask, channels=6):
    soundfile.write(path, noise(channels=channels), RATE, "PCM_24", format="WAVEX")
    data = bytearray(path.read_bytes())
    at = data.index(b"fmt ") + 8
    data[at + 20 : at + 24] = struct.pack("<I", mask)
    path.write_bytes(data)
    return path


@pytest.mark.parametrize("mask", [0x3F, 0x60F, 0])
@pytest.mark.parametrize("name", ["b.wav", "b.rf64", "b.w64", "b.caf", "b.aiff", "b.flac"])
def test_a_channel_mask_is_kept(tmp_path, mask, name):
    if name == "b.flac":
        pytest.importorskip("mutagen")
    target, result = rendered(extensible(tmp_path / "a.wav", mask), name)
    assert audio_info(target).mask == (mask or (None if name == "b.flac" else 0))
    assert result.warnings == ()
    assert np.abs(soundfile.read(target)[0] - soundfile.read(tmp_path / "a.wav")[0]).max() < 1e-6
    back, _ = rendered(target, "c.wav", subtype="PCM_24")
    assert (audio_info(back).mask or 0) == mask
    if name == "b.wav":
        assert soundfile.info(target).format == "WAVEX"
        assert rendered(target, "c.wav", subtype="PCM_16")[0].read_bytes()[20:22] == b"\xfe\xff"


@pytest.mark.parametrize("name", ["b.au", "b.ogg"])
def test_a_mask_that_counts_and_cannot_be_kept_is_named(tmp_path, name):
    _, result = rendered(extensible(tmp_path / "a.wav", 0x707), name)
    assert "the channel mask of the source was left out" in result.warnings[0]
    assert rendered(extensible(tmp_path / "a.wav", 0x3F), name)[1].warnings == ()


def test_the_mask_of_a_long_w64(tmp_path, monkeypatch):
    monkeypatch.setattr("diffFx_pytorch.render.wave_chunks._MOVED_AT_ONCE", 1000)
    target, _ = rendered(extensible(tmp_path / "a.wav", 0x60F), "b.w64", subtype="PCM_16")
    soundfile.write(tmp_path / "plain.w64", soundfile.read(target)[0], RATE, "PCM_16")
    assert (audio_info(target).mask, audio_info(target).frames) == (0x60F, 9600)
    tail = (tmp_path / "plain.w64").read_bytes()[-5000:]
    assert target.read_bytes()[-5000:] == tail
    target, result = rendered(extensible(tmp_path / "a.wav", 0x707), "b.w64", subtype="FLOAT")
    assert "W64 of FLOAT holds none" in result.warnings[0]
    assert np.abs(soundfile.read(target)[0] - soundfile.read(tmp_path / "a.wav")[0]).max() < 1e-6


def test_an_extensible_w64_of_floats_is_read_as_floats(tmp_path):
    soundfile.write(tmp_path / "a.w64", noise(channels=6), RATE, "FLOAT")
    data = (tmp_path / "a.w64").read_bytes()
    size, plain = struct.unpack_from("<Q", data, 16)[0], data[64:80]
    extended = b"\xfe\xff" + plain[2:] + struct.pack("<HHIH", 22, 32, 0x60F, 3) + _SUBTYPE
    header = data[:16] + struct.pack("<Q", size + 24) + data[24:56] + struct.pack("<Q", 64)
    (tmp_path / "a.w64").write_bytes(header + extended + data[80:])
    assert audio_info(tmp_path / "a.w64").mask == 0x60F
    assert np.abs(read_sound(tmp_path / "a.w64").numpy().T - noise(channels=6)).max() < 1e-6


@pytest.mark.parametrize(
    ("tag", "more", "mask"),
    [(121 << 16 | 6, b"", 0x3F), (0, (1, 2, 3, 4, 10, 11), 0x60F), (0, (2, 1), None), (199 << 16 | 6, b"", None)],
)
def test_the_layouts_of_apple(tag, more, mask):
    content = struct.pack(">III", tag, 0, len(more)) + b"".join(struct.pack(">I", label) + bytes(16) for label in more)
    assert mask_of_layout(content) == mask


@pytest.mark.parametrize("name", ["b.ogg", "b.opus"])
@pytest.mark.parametrize("channels", [3, 5, 6, 7, 8])
def test_channels_of_ogg_stand_where_they_stood(tmp_path, name, channels):
    """Vorbis and Opus have an order of their own, and cut off all but the bass of the last of 5.1, 6.1 and 7.1."""
    n = np.arange(RATE) / RATE
    x = np.stack([0.3 * np.sin(2 * np.pi * (400 + 150 * c) * n) for c in range(channels)], 1)
    if channels > 5:
        x[:, 3] = 0.3 * np.sin(2 * np.pi * 60 * n)
    soundfile.write(tmp_path / "a.wav", x, RATE, "PCM_24")
    target, _ = rendered(tmp_path / "a.wav", name)
    back, _ = rendered(target, "c.wav")
    y = soundfile.read(back)[0]
    assert all(np.corrcoef(x[4800:-4800, c], y[4800:-4800, c])[0, 1] > 0.95 for c in range(channels))
    raw = soundfile.read(target)[0]
    assert np.corrcoef(x[4800:-4800, 2], raw[4800:-4800, 1])[0, 1] > 0.95  # the centre comes second


def test_plain_wav_stays_plain(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(channels=6), RATE, "PCM_24")
    target, _ = rendered(tmp_path / "a.wav", "b.wav")
    assert audio_info(target).mask is None
    assert soundfile.info(target).format == "WAV"


def test_a_mask_of_other_channels_is_not_kept(tmp_path):
    target, _ = rendered(extensible(tmp_path / "a.wav", 0x4, 1), "b.wav", StereoWidener(RATE))
    assert soundfile.info(target).channels == 2
    assert audio_info(target).mask is None


def test_a_mask_weighs_the_loudness(tmp_path):
    low = noise(RATE, 6) * [0, 0, 0, 1, 0, 0]
    soundfile.write(tmp_path / "a.wav", low, RATE, "PCM_24", format="WAVEX")
    assert rendered(tmp_path / "a.wav", "b.wav", lufs=-20.0)[1].lufs == -np.inf
    data = bytearray((tmp_path / "a.wav").read_bytes())
    at = data.index(b"fmt ") + 28
    data[at : at + 4] = struct.pack("<I", 0x707)  # no LFE: the fourth is the back centre
    (tmp_path / "a.wav").write_bytes(data)
    assert rendered(tmp_path / "a.wav", "b.wav", lufs=-20.0)[1].lufs > -30


def test_dual_mono_reads_three_decibels_more(tmp_path):
    soundfile.write(tmp_path / "a.wav", noise(RATE, 1), RATE, "PCM_24")
    one, two = (rendered(tmp_path / "a.wav", "b.wav", lufs=-20.0, dual_mono=dual)[1].gain_db for dual in (False, True))
    assert one - two == pytest.approx(10 * np.log10(2), abs=1e-6)


def chunk(name, content):
    return name + struct.pack("<I", len(content)) + content + bytes(len(content) % 2)


def contents(path):
    with open(path, "rb") as file:
        size = path.stat().st_size
        found = list(chunks(file, size))
        assert found[-1].end == size
        data = path.read_bytes()
        assert struct.unpack_from("<I", data, 4)[0] == size - 8
        return {c.name: data[c.start : c.start + c.size] for c in found}


def broadcast(path):
    bext = bytearray(602 + 11)
    bext[:5], bext[338:346], bext[346:348] = b"Hello", struct.pack("<Q", 3 * RATE), struct.pack("<H", 2)
    bext[412:422], bext[602:] = struct.pack("<5h", -2300, 500, -100, -2200, -2100), b"A=PCM,F=48k"
    cue = struct.pack("<I", 1) + struct.pack("<II4sIII", 1, 4800, b"data", 0, 0, 4800)
    note = chunk(b"labl", struct.pack("<I", 1) + b"here\0") + chunk(b"ltxt", struct.pack("<II", 1, 960) + bytes(12))
    info = b"INFO" + chunk(b"INAM", b"Title\0") + chunk(b"IENG", b"Engineer\0")
    added = (
        chunk(b"bext", bytes(bext))
        + chunk(b"cue ", cue)
        + chunk(b"LIST", b"adtl" + note)
        + chunk(b"LIST", info)
        + chunk(b"iXML", b"<a/>")
    )
    soundfile.write(path, noise(channels=1), RATE, "PCM_24")
    data = path.read_bytes()
    data = data[:36] + added + data[36:]
    path.write_bytes(data[:4] + struct.pack("<I", len(data) - 8) + data[8:])
    return path


def test_chunks_of_a_broadcast_wav_are_kept(tmp_path):
    source = broadcast(tmp_path / "a.wav")
    wanted, found = contents(source), contents(rendered(source, "b.wav")[0])
    assert found[b"cue "] == wanted[b"cue "]
    assert found[b"iXML"] == b"<a/>"
    data = (tmp_path / "b.wav").read_bytes()
    assert b"IENG" in data
    assert b"labl" in data
    assert data.count(b"INAM") == 1
    assert found[b"bext"][:412] == wanted[b"bext"][:412]
    assert found[b"bext"][412:422] == b"\xff\x7f" * 5, "levels that no longer hold"
    assert found[b"bext"][422:] == wanted[b"bext"][422:]
    assert soundfile.read(tmp_path / "b.wav")[0].shape == (9600,)
    assert strings(tmp_path / "b.wav")["title"] == "Title"


def test_places_in_samples_follow_the_rate(tmp_path):
    target, _ = rendered(broadcast(tmp_path / "a.wav"), "b.wav", Gain(2 * RATE), sample_rate=2 * RATE)
    found = contents(target)
    assert struct.unpack_from("<I", found[b"cue "], 8)[0] == struct.unpack_from("<I", found[b"cue "], 24)[0] == 9600
    assert struct.unpack_from("<Q", found[b"bext"], 338)[0] == 6 * RATE
    data = target.read_bytes()
    assert struct.unpack_from("<I", data, data.index(b"ltxt") + 12)[0] == 1920


def test_places_in_samples_follow_the_speed(tmp_path):
    from diffFx_pytorch.render.spectral_files import stretch_file

    stretch_file(broadcast(tmp_path / "a.wav"), tmp_path / "b.wav", rate=2.0)
    found = contents(tmp_path / "b.wav")
    assert struct.unpack_from("<I", found[b"cue "], 24)[0] == 2400
    assert struct.unpack_from("<Q", found[b"bext"], 338)[0] == 3 * RATE
