"""Sessions: what a file says, what is wrong in one, what is heard of it, and that it comes back as it was."""

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.mix import Clip, Session, Strip, Track, dump_session, load_session, save_session
from diffFx_pytorch.mix.audible import audible
from diffFx_pytorch.presets import ChainFileError
from diffFx_pytorch.processors import Compressor, Gain
from diffFx_pytorch.routing import Chain

RATE = 8000


@pytest.fixture
def place(tmp_path):
    draw = np.random.default_rng(0)
    for name, channels, rate in (("a", 1, RATE), ("b", 2, RATE), ("c", 1, 4000), ("wide", 3, RATE)):
        soundfile.write(tmp_path / f"{name}.wav", 0.2 * draw.uniform(-1, 1, (rate, channels)), rate, "FLOAT")
    return tmp_path


def written(place, text):
    path = place / "session.yaml"
    path.write_text("version: 1\n" + text)
    return path


FULL = """tempo_bpm: 120
tracks:
  drums: {file: a.wav, gain_db: -3, sends: {room: -20}}
  bass:
    file: b.wav
    start_beats: 1
    length_s: 0.25
    inserts: [{effect: Compressor, params: {ratio: 6, threshold_db: [-30, -10]}, mix: 0.5}]
    gain_db: {beats: {0: -6, 4: [0, hold]}}
    sidechain: drums
    output: low
  ghost:
    clips: [{file: c.wav, start_s: 0.1, offset_s: 0.2, gain_db: 3, fade_in_s: 0.1}, {file: a.wav}]
    output:
    sends: {room: {0: -60, 1: -12}}
    pan: -0.5
    width: 0.2
    pre_sends: {low: -9}
buses:
  low:
  room: {inserts: [{effect: Gain}], output: low}
master: {gain_db: -1, inserts: [{effect: Compressor}], sidechain: drums}
"""


def test_what_a_file_says(place):
    session = load_session(written(place, FULL))
    assert session.sample_rate == RATE, "the highest rate"
    assert list(session.tracks) == ["drums", "bass", "ghost"]
    bass = session.tracks["bass"]
    assert bass.clips == [Clip(place / "b.wav", start_s=0.5, length_s=0.25)]
    assert (bass.output, bass.sidechain) == ("low", "drums")
    mixer = session.mixer()
    assert mixer.settings["drums.fader.gain_db"] == -3
    assert mixer.settings["bass.fader.gain_db"].times == (0.0, 2.0)
    assert mixer.settings["ghost_to_room_db"].times == (0.0, 1.0)
    assert mixer.settings["bass.inserts.dry_wet.compressor.ratio"] == 6
    assert session.tracks["ghost"].output is None
    assert session.frames == RATE
    assert load_session(written(place, FULL), 16000).frames == 16000


def test_a_session_comes_back_as_it_was(place):
    session = load_session(written(place, FULL))
    (place / "elsewhere").mkdir()
    save_session(place / "elsewhere" / "s.yaml", session)
    again = load_session(place / "elsewhere" / "s.yaml")
    x = torch.randn(1, 6, RATE)
    assert torch.equal(again.mixer(stems=True)(x), session.mixer(stems=True)(x))
    blocks = zip(session.blocks(999), again.blocks(999), strict=True)
    assert all(torch.equal(one, other) for one, other in blocks)
    text = (place / "elsewhere" / "s.yaml").read_text()
    assert dump_session(again, place / "elsewhere") == text
    assert "../a.wav" in text


def test_a_session_of_python_trains(place):
    session = Session(
        {
            "a": Track(Chain(Compressor(RATE)), sends={"room": -12.0}, clips=[Clip(place / "a.wav")]),
            "b": Track(clips=[Clip(place / "b.wav")]),
        },
        {"room": Strip(gain_db=-6.0)},
        sample_rate=RATE,
    )
    mixer = session.mixer()
    positions = torch.full((1, len(mixer.params)), 0.5, requires_grad=True)
    mixer(torch.randn(1, 4, 800), norm_params=positions).square().sum().backward()
    still = [name for name, slope in zip(mixer.params, positions.grad[0], strict=True) if not slope]
    assert still in ([], ["a.inserts.compressor.knee_db"]), "a knee that nothing of the sound is in"


PROBLEMS = [
    ("tracks: {}", r":2:9: tracks are empty"),
    ("track: {}", r":2:1: a session file: unknown key 'track'; did you mean 'tracks'"),
    ("tracks: {a: {file: a.wav}}\nversio: 2", r":3:1: .*did you mean 'version'"),
    ("tracks: {a: {file: nothing.wav}}", r":2:20: nothing.wav: no such file"),
    ("tracks: {a: {file: session.yaml}}", r":2:20: .*cannot be read as a sound file"),
    ("tracks: {a: {file: wide.wav}}", r":2:20: .*has 3 channels; a track takes mono or stereo"),
    ("tracks: {a: {}}", r":2:13: track a needs either 'file' or 'clips'"),
    ("tracks: {a: {file: a.wav, clips: []}}", r":2:13: track a needs either 'file' or 'clips'"),
    ("tracks: {a: {clips: [{start_s: 3}]}}", r":2:22: a clip of a needs 'file'"),
    ("tracks: {a: {clips: [], start_s: 3}}", r"start_s stands in each of the clips"),
    ("tracks: {a: {file: a.wav, offset_s: 2}}", r"lasts 1.000 s, so there is no piece from 2 s"),
    ("tracks: {a: {file: a.wav, length_s: 1e1}}", r"no piece from 0 s and 10 s from there"),
    ("tracks: {a: {file: a.wav, start_s: -1}}", r":2:36: start_s must be 0 s or more, got -1"),
    ("tracks: {a: {file: a.wav, start_beats: 1}}", r":2:40: start_beats needs a tempo"),
    ("tempo_bpm: 9\ntracks: {a: {file: a.wav, start_beats: 1, start_s: 1}}", "not both"),
    ("sample_rate: 8000.5\ntracks: {a: {file: a.wav}}", r":2:14: sample_rate must be a whole number"),
    ("tracks: {a: {file: a.wav, gain_db: 99}}", r":2:36: gain_db must lie in -60 .. 24 dB"),
    ("tracks: {a: {file: a.wav, solo: 1}}", r":2:33: solo must be true or false, got 1"),
    ("tracks: {a: {file: a.wav, sends: {room: -3}}}", r":2:35: sends of a: unknown bus 'room'"),
    ("tracks: {a: {file: a.wav, output: lo}}\nbuses: {low: }", r":2:35: output of a: unknown bus 'lo'.*'low'"),
    ("tracks: {a: {file: a.wav, sidechain: a}}", "no insert that takes a sidechain"),
    ("tracks: {a: {file: a.wav}}\nbuses: {room: }", r":2:9: Mixer: nothing goes to room"),
    ("tracks: {a b: {file: a.wav}}", "'a b' is no name for a track or bus"),
    ("tracks: {a: {file: a.wav, inserts: [{effect: Gian}]}}", r":2:46: unknown effect 'Gian'; did you mean 'Gain'"),
    ("tracks: {a: {file: a.wav, inserts: gone.yaml}}", r":2:36: .*gone.yaml"),
    (
        "tracks: {a: {file: a.wav, inserts: [{effect: ConvolutionReverb, options: {ir: gone.wav}}]}}",
        r":2:74: ConvolutionReverb: gone.wav: no such file",
    ),
    (
        "tracks:\n  a: {file: a.wav, output: p, sends: {r: 0}}\nbuses:\n  p: {output: q}\n  q: {output: p}\n  r:",
        r":[56]:6: .*sound would go round: .*p -> q",
    ),
    (
        "tracks:\n  a: {file: a.wav, sidechain: b, inserts: [{effect: Compressor}]}\n"
        "  b: {file: a.wav, sidechain: a, inserts: [{effect: Compressor}]}",
        r"sound would go round: (a -> b -> a|b -> a -> b)",
    ),
    ("tracks: &t {a: *t}", "sound would|recursive|must be|not YAML|unknown|needs"),
    ("tracks: 3", r":2:9: tracks must be a mapping"),
    ("tracks: {a: 3}", r":2:13: track a must be a mapping"),
    ("tracks: {a: {file: 3}}", r":2:20: file must be the name of a sound file"),
]


@pytest.mark.parametrize(("text", "words"), PROBLEMS)
def test_what_is_wrong_is_said_with_its_place(place, monkeypatch, text, words):
    monkeypatch.chdir(place)
    with pytest.raises(ChainFileError, match=words):
        load_session(written(place, text))


def test_all_problems_are_told_at_once(place):
    text = "tracks:\n  a: {file: a.wav, gain_db: 99}\n  b: {file: a.wav, pan: 7, solo: 3}\nmaster: {pna: 1}"
    with pytest.raises(ChainFileError) as caught:
        load_session(written(place, text))
    assert [line.split(":")[1] for line in caught.value.problems] == ["3", "4", "4", "5"]


def flags(**strips):
    """What the mixer hears of a session with these flags: by node, where it goes."""
    clip = Clip("unused.wav")
    nodes = {
        "kick": {"output": "drums"},
        "snare": {"output": "drums", "sends": {"room": -6.0}},
        "bass": {"sidechain": "drums", "inserts": Chain(Compressor(RATE))},
        "voice": {"sends": {"room": -3.0}},
        "drums": {},
        "room": {"output": "low"},
        "low": {},
    }
    for name, given in strips.items():
        nodes[name][given] = True
    names = list(nodes)
    tracks = {name: Track(clips=[clip], **nodes[name]) for name in names[:4]}
    buses = {name: Strip(**nodes[name]) for name in names[4:]}
    return {name: (strip.output, *strip.sends) for name, strip in audible(tracks, buses).items()}


ALL = {
    "kick": ("drums",),
    "snare": ("drums", "room"),
    "bass": ("master",),
    "voice": ("master", "room"),
    "drums": ("master",),
    "room": ("low",),
    "low": ("master",),
}


@pytest.mark.parametrize(
    ("given", "left"),
    [
        ({}, ALL),
        ({"voice": "mute"}, {n: e for n, e in ALL.items() if n != "voice"}),
        ({"room": "mute"}, {n: e[:1] for n, e in ALL.items() if n not in ("room", "low")}),
        # What keys the bass is computed, and heard nowhere.
        (
            {"bass": "solo"},
            {"kick": ("drums",), "snare": ("drums",), "bass": ("master",), "drums": (None,)},
        ),
        ({"voice": "solo"}, {n: ALL[n] for n in ("voice", "room", "low")}),
        (
            {"room": "solo"},
            {"snare": (None, "room"), "voice": (None, "room"), "room": ("low",), "low": ("master",)},
        ),
        (
            {"drums": "mute"},
            {
                "kick": ("drums",),
                "snare": ("drums", "room"),
                "bass": ("master",),
                "voice": ("master", "room"),
                "drums": (None,),
                "room": ("low",),
                "low": ("master",),
            },
        ),
    ],
)
def test_what_is_heard_with_solo_and_mute(given, left):
    assert flags(**given) == left


def test_nothing_to_hear(place):
    session = load_session(written(place, "tracks: {a: {file: a.wav, mute: true}}"))
    with pytest.raises(ValueError, match="nothing is heard: unmute a track"):
        session.mixer()
    with pytest.raises(ValueError, match="solo: unknown track or bus 'b'"):
        session.flag(solo=["b"])


def test_gain_is_a_strip_of_its_own(place):
    text = "tracks: {a: {file: a.wav, inserts: [{effect: Gain, params: {gain_db: 6}}], gain_db: -6}}"
    session = load_session(written(place, text))
    (x,) = session.blocks(RATE)
    assert torch.allclose(session.mixer()(x), x, atol=1e-6)
    assert isinstance(session.mixer()["a"]["inserts"]["gain"], Gain)
