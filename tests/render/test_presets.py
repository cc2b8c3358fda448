"""Factory presets: by name wherever a chain file is accepted, described, tried on recordings, and safe."""

import json

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.presets import dump_chain, load_chain, presets
from tests.cli.command import difffx

SOURCES = {
    "drum-bus": "drums",
    "small-room": "drums",
    "gated-drums": "drums",
    "bass": "bass",
    "acoustic-guitar": "guitar",
    "ambient-guitar": "guitar",
    "shimmer": "guitar",
    "cloud": "guitar",
    "electric-guitar-clean": "guitar",
    "electric-guitar-driven": "guitar",
    "piano": "guitar",
    "large-hall": "guitar",
    "lead-vocal": "singing",
    "podcast-voice": "singing",
    "strings": "singing",
    "dub-echo": "singing",
    "vocal-space": "singing",
    "telephone": "singing",
    "vocal-optical": "singing",
    "drum-punch": "drums",
    "jet-flanger": "guitar",
    "electric-piano": "guitar",
    "funk-guitar": "guitar",
    "rockabilly-vocal": "singing",
    "ping-pong": "guitar",
    "synth-sweep": "guitar",
    "metal-voice": "singing",
    "lead-guitar": "guitar",
    "small-speakers": "bass",
    "tremolo-guitar": "guitar",
    "tuned-vocal": "singing",
    "robot-voice": "singing",
    "dialogue-rescue": "singing",
    "restored-record": "guitar",
}
CHANGES_LEVEL = {"master-loud": 5.5, "plate-return": None, "ducker": None}
"""Presets that are meant to change the loudness, and by how much in LU; None depends on what is sent."""


def test_there_are_a_dozen_and_more():
    assert len(presets()) >= 15
    assert {*SOURCES, *CHANGES_LEVEL} < set(presets())


@pytest.mark.parametrize("name", presets())
def test_a_preset_is_described_in_a_sentence_and_builds_at_usual_rates(name):
    chain = load_chain(name)
    assert chain.about.endswith(".")
    assert 40 < len(chain.about) < 160
    for rate in (44100, 96000):
        fx, _ = chain.build(rate)
        assert fx.streamable
        assert 2 in (fx.channels or (2,)), "a file in stereo goes through"
    written = load_chain(dump_chain(fx)).build(96000)[1]
    assert written.items() >= chain.build(96000)[1].items()


def loudness(x, rate):
    return pytest.importorskip("pyloudnorm").Meter(rate).integrated_loudness(x.T)


@pytest.mark.real_audio
@pytest.mark.slow
@pytest.mark.parametrize("name", presets())
def test_a_preset_keeps_the_loudness_of_a_recording_and_does_not_clip_it(name, audio_folder):
    names = [SOURCES[name]] if name in SOURCES else ["drums", "bass", "guitar", "singing"]
    paths = [audio_folder / f"{n}.flac" for n in names]
    if not all(path.exists() for path in paths):
        pytest.skip("not all recordings are there")
    rate = soundfile.info(paths[0]).samplerate
    sounds = [np.stack([soundfile.read(path)[0]] * 2) for path in paths]
    x = sum(sound * 10 ** ((-18 - loudness(sound, rate)) / 20) for sound in sounds)
    x *= 10 ** ((-18 - loudness(x, rate)) / 20)
    fx, _ = load_chain(name).build(rate)
    with torch.no_grad():
        y = fx(torch.from_numpy(x)[None].float())[0].double().numpy()
    assert np.isfinite(y).all()
    assert np.abs(y).max() < max(1.0, 1.12 * np.abs(x).max()), "it adds peaks above full scale"
    change = CHANGES_LEVEL.get(name, 0.0)
    if change is not None:
        assert loudness(y, rate) - loudness(x, rate) == pytest.approx(change, abs=1.0)


def test_a_preset_is_used_by_name_wherever_a_chain_file_is(tmp_path):
    soundfile.write(tmp_path / "a.wav", np.random.default_rng(0).uniform(-0.3, 0.3, 4000), 44100)
    assert difffx("render", "tape", tmp_path / "a.wav", "-o", tmp_path / "b.wav", "-q").exit_code == 0
    fx, _ = load_chain("version: 1\nchain:\n  - {preset: tape, name: machine}\n").build(44100)
    assert fx.settings["machine.tanh.drive_db"] == 7
    misspelt = difffx("render", "taep", tmp_path / "a.wav", "-o", tmp_path / "c.wav")
    assert misspelt.exit_code == 2
    assert "did you mean 'tape'" in misspelt.stderr


def test_a_file_takes_precedence_of_a_preset_of_its_name(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "tape").write_text("version: 1\nchain:\n  - effect: Gain\n")
    assert list(load_chain("tape").build(44100)[0].steps) == ["gain"]


def test_the_list():
    result = difffx("presets", env={"COLUMNS": "300"})
    assert result.exit_code == 0
    for name in presets():
        assert any(line.split()[:1] == [name] and load_chain(name).about in line for line in result.stdout.splitlines())


def test_check_show_and_convert(tmp_path):
    good, bad = tmp_path / "good.yaml", tmp_path / "bad.yaml"
    good.write_text(
        "version: 1\nabout: Ünicode.\nchain:\n  - {effect: Gain, params: {gain_db: {0: -6, 1.5: [0, hold]}}}\n"
    )
    bad.write_text("version: 1\nchain:\n  - {effect: Gian}\n  - {effect: Gain, params: {gain_db: 99}}\n")
    result = difffx("preset", "check", good, bad, "tape")
    assert result.exit_code == 1
    assert f"{good}: gain; 1 knobs" in result.stdout
    assert [line.split(": ")[0] for line in result.stderr.splitlines()] == [f"{bad}:3:14", f"{bad}:4:38"]
    assert difffx("preset", "check", good).exit_code == 0
    assert difffx("preset", "show", good).stdout == good.read_text()
    assert "no such file, and unknown preset" in difffx("preset", "show", "nothing").stderr
    for target in (tmp_path / "full.json", tmp_path / "full.yaml"):
        assert difffx("preset", "convert", good, "-o", target).exit_code == 0
        assert load_chain(target).build(44100)[1] == load_chain(good).build(44100)[1]
        assert load_chain(target).about == "Ünicode."
    assert json.loads((tmp_path / "full.json").read_text())["chain"][0]["effect"] == "Gain"
    assert "ends in .yaml or .json" in difffx("preset", "convert", good, "-o", tmp_path / "x.txt").stderr
    assert difffx("preset", "convert", bad).exit_code == 2
    printed = difffx("preset", "convert", "tape").stdout
    assert load_chain(printed).build(44100)[1].items() >= load_chain("tape").build(44100)[1].items()
