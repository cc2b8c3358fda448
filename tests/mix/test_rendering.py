"""Mixes of files: aligned to the sample, the same in blocks of any size, tails, stems that add up; by the command."""

import importlib.util
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.mix import Clip, Session, Strip, Track, load_session, render_session
from diffFx_pytorch.mix.timeline import Placed, timeline
from diffFx_pytorch.processors import Compressor, FeedbackDelay, Limiter, SchroederReverb
from diffFx_pytorch.routing import Chain
from tests.cli.command import difffx

RATE = 8000
EXAMPLE = Path(__file__).parents[2] / "examples" / "mix_session.py"


def sound(path, x, rate=RATE):
    soundfile.write(path, np.asarray(x, np.float32), rate, "FLOAT")
    return path


def click(frames, at):
    x = np.zeros(frames, np.float32)
    x[at] = 0.5
    return x


@pytest.fixture
def files(tmp_path):
    draw = np.random.default_rng(1)
    for name, channels, rate, frames in (("a", 1, RATE, 8000), ("b", 2, RATE, 5000), ("c", 2, 11025, 9000)):
        sound(tmp_path / f"{name}.wav", 0.3 * draw.uniform(-1, 1, (frames, channels)), rate)
    return tmp_path


def session(files, **more):
    clips = [Clip(files / "b.wav", 0.3, 0.1, 0.4, -3.0, 0.1, 0.2), Clip(files / "a.wav", 0.05)]
    return Session(
        {
            "a": Track(Chain(Compressor(RATE, lookahead_ms=4.0)), sends={"room": -6.0}, clips=[Clip(files / "a.wav")]),
            "b": Track(gain_db={0: -6.0, 0.7: 0.0}, pan=0.3, sidechain=None, clips=clips),
            "c": Track(Chain(Compressor(RATE, ratio=8.0)), sidechain="a", clips=[Clip(files / "c.wav", 0.2)]),
        },
        {"room": Strip(Chain(SchroederReverb(RATE, mix=1.0, room_size=0.1)))},
        sample_rate=RATE,
        **more,
    )


def test_blocks_of_any_size_give_the_same_mix(files):
    found = []
    for seconds in (0.013, 0.4, 10.0):
        mixed = render_session(session(files), files / "mix.wav", block_seconds=seconds, subtype="FLOAT")
        found.append(soundfile.read(files / "mix.wav")[0])
    assert mixed.seconds == len(found[0]) / RATE
    assert mixed.tail_seconds > 0.25
    assert np.allclose(found[0], found[2], rtol=0, atol=1e-6)
    assert np.allclose(found[1], found[2], rtol=0, atol=1e-6)
    (x,) = session(files).blocks(100000)
    mixer = session(files).mixer()
    padded = torch.nn.functional.pad(x, (0, len(found[0]) - x.shape[-1] + mixer.latency_samples))
    whole = mixer(padded)[0, :, mixer.latency_samples :].T.numpy()
    assert np.allclose(whole, found[0], rtol=0, atol=1e-6)


def test_what_begins_together_is_heard_together(tmp_path):
    tracks = {
        "plain": Track(clips=[Clip(sound(tmp_path / "p.wav", click(900, 100)), start_s=0.1)]),
        "late": Track(
            Chain(Limiter(RATE, lookahead_ms=5.0)), clips=[Clip(sound(tmp_path / "l.wav", click(900, 300)), 0.075)]
        ),
        "other": Track(  # 48 kHz to 8 kHz: sample 6000 is 1000
            output="bus",
            clips=[Clip(sound(tmp_path / "o.wav", np.repeat(click(1500, 1000), 6), 48000), offset_s=0.0125)],
        ),
    }
    mix = Session(tracks, {"bus": Strip(Chain(Compressor(RATE, lookahead_ms=3.0)))}, sample_rate=RATE)
    render_session(mix, tmp_path / "mix.wav", subtype="FLOAT")
    y = np.abs(soundfile.read(tmp_path / "mix.wav")[0][:, 0])
    assert np.argmax(y) == 900
    assert y[900] > 1.2
    assert np.max(np.delete(y, np.arange(870, 931))) < 0.02, "an echo where paths did not meet"


def test_stems_add_up_to_the_mix(files):
    mixed = render_session(session(files), files / "mix.wav", stems=files / "stems", subtype="FLOAT")
    assert list(mixed.stems) == ["a", "b", "c", "room"]
    total = sum(soundfile.read(path)[0] for path in mixed.stems.values())
    assert np.allclose(total, soundfile.read(files / "mix.wav")[0], rtol=0, atol=1e-6)


def test_a_tail_rings_on_and_is_cut_with_a_warning(tmp_path):
    ping = Clip(sound(tmp_path / "p.wav", click(800, 10)))
    echo = Chain(FeedbackDelay(RATE, delay_ms=200.0, feedback=0.8, mix=1.0))
    mix = Session({"a": Track(echo, clips=[ping])}, sample_rate=RATE)
    mixed = render_session(mix, tmp_path / "m.wav", tail=1.0)
    assert mixed.tail_seconds == 1.0
    assert "cut after 1 s" in mixed.warnings[0]
    assert np.abs(soundfile.read(tmp_path / "m.wav")[0][-2000:]).max() > 0.01
    assert render_session(mix, tmp_path / "m.wav", tail=0).seconds == 0.1


def test_a_line_of_time_against_one_that_is_summed_whole(tmp_path):
    draw = np.random.default_rng(3)
    x = draw.uniform(-1, 1, (3000, 2)).astype(np.float32)
    path, total = sound(tmp_path / "x.wav", x), 5000
    pieces, whole = [], np.zeros((total, 2))
    for _ in range(12):
        start, offset, frames = draw.integers(0, 3000), draw.integers(0, 1500), draw.integers(1, 1500)
        fade_in, fade_out, gain = draw.integers(0, 400), draw.integers(0, 400), draw.uniform(0, 2)
        pieces.append(Placed(path, start, offset, frames, gain, fade_in, fade_out))
        t = np.arange(frames) + 0.5
        shape = np.ones(frames)
        for place, length in ((t, fade_in), (frames - t, fade_out)):
            if length:
                shape *= np.sin(0.5 * np.pi * np.clip(place / length, 0, 1)) ** 2
        end = min(total, start + frames)
        whole[start:end] += (gain * shape[:, None] * x[offset : offset + frames])[: end - start]
    for frames in (77, 1024, 9999):
        found = np.concatenate(list(timeline(pieces, total, frames, RATE)))
        assert np.allclose(found, whole, rtol=0, atol=1e-5)


def test_a_file_that_is_broken_leaves_no_mix(files):
    x = soundfile.read(files / "a.wav")[0]
    x[4000] = np.nan
    sound(files / "a.wav", x)
    with pytest.raises(ValueError, match=r"a.wav: holds NaN or infinity at 0.500 s"):
        render_session(session(files), files / "mix.wav", stems=files / "stems", block_seconds=0.1)
    assert not (files / "mix.wav").exists()
    assert not list((files / "stems").iterdir())


def test_what_would_overwrite_a_source_is_refused(files):
    with pytest.raises(ValueError, match="is the input itself"):
        render_session(session(files), files / "a.wav")
    with pytest.raises(ValueError, match="is the input itself"):
        render_session(session(files), files / "mix.wav", stems=files)
    (files / "s").mkdir()
    with pytest.raises(ValueError, match="the mix and a stem"):
        render_session(session(files), files / "s" / "room.wav", stems=files / "s")


TEXT = """version: 1
sample_rate: 8000
tracks:
  a: {file: a.wav, gain_db: -6, sends: {room: -10}}
  c: {file: takes/c.wav, start_s: 0.5, mute: true}
buses:
  room: {inserts: [{effect: SchroederReverb, params: {mix: 1, room_size: 0.1}}]}
"""


@pytest.mark.slow
def test_a_mix_as_a_stranger_makes_it(files):
    (files / "takes").mkdir()
    (files / "c.wav").rename(files / "takes" / "c.wav")
    (files / "song.yaml").write_text(TEXT)
    command = [sys.executable, "-m", "diffFx_pytorch.cli", "mix", str(files / "song.yaml"), "-o", "out/mix.flac"]
    (files / "work").mkdir()
    run = subprocess.run(
        [*command, "--stems", "out/stems"],
        cwd=files / "work",
        env=os.environ,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert (run.returncode, run.stderr) == (0, "")
    assert run.stdout.splitlines() == [f"wrote out/{name}.flac" for name in ("mix", "stems/a", "stems/room")]
    info = soundfile.info(files / "work" / "out" / "mix.flac")
    assert (info.samplerate, info.channels) == (RATE, 2)
    assert info.frames > 9000


def test_options_of_the_command(files):
    (files / "song.yaml").write_text(TEXT.replace("takes/", ""))
    result = difffx("mix", files / "song.yaml", "-o", files / "m.wav", "--solo", "a", "--tail", "0", "-q")
    assert (result.exit_code, result.stdout, result.stderr) == (0, "", "")
    assert soundfile.info(files / "m.wav").frames == 8000
    result = difffx("mix", files / "song.yaml", "-o", files / "m.wav", "--mute", "a", "--overwrite")
    assert result.exit_code == 2
    assert "nothing is heard" in result.stderr
    result = difffx("mix", files / "song.yaml", "-o", files / "m.wav", "--mute", "x")
    assert result.exit_code == 2
    assert "mute: unknown track or bus 'x'" in result.stderr
    (files / "song.yaml").write_text(TEXT)
    result = difffx("mix", files / "song.yaml", "-o", files / "m.wav")
    assert result.exit_code == 2
    assert "song.yaml:5:13: " in result.stderr
    result = difffx("mix", files / "nothing.yaml", "-o", files / "m.wav")
    assert result.exit_code == 2
    assert "No such file" in result.stderr
    (files / "song.yaml").write_text(TEXT.replace("takes/", ""))
    assert difffx("mix", files / "song.yaml", "-o", files / "m.xyz").exit_code == 2


def test_the_example_learns_a_mix_and_saves_it(tmp_path):
    spec = importlib.util.spec_from_file_location("mix_session", EXAMPLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    module.RATE = 8000
    assert module.main(tmp_path, 4) < 0.8
    pulse = load_session(tmp_path / "found.yaml").tracks["pulse"]
    assert pulse.gain_db != -9
    assert pulse.inserts["high_pass"].freq_hz == 120
