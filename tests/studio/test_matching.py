"""What a match finds: the settings behind a wet recording, and those that come near to a reference."""

import threading

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.presets.chain_file import ChainFile
from diffFx_pytorch.studio.matching import matching

RACK = "version: 1\nchain: [{effect: Peak, name: bell, params: {gain_db: %g}}, {effect: Gain, params: {gain_db: %g}}]\n"


@pytest.fixture
def wet(session, home):
    sound = ChainFile(RACK % (9, -6)).build(44100)[0](session.take()[2][None])[0]
    soundfile.write(home / "wet.wav", sound.T.numpy(), 44100, "FLOAT")
    session.apply({"op": "load", "text": RACK % (0, 0)})
    return sound


@pytest.mark.slow
def test_a_wet_recording_gives_the_knobs_and_they_are_kept_as_one(session, wet):
    told, before = [], session.yaml()
    found = matching(session, "wet.wav", seconds=600)(lambda **said: told.append(said), threading.Event())
    assert found["error"] < -60
    assert session.yaml() == before
    assert {row["path"]: row["value"] for row in found["rows"]}["gain_db"] == pytest.approx(-6, abs=0.05)
    assert all(a >= b for a, b in zip(told[-1]["errors"], told[-1]["errors"][1:], strict=False))
    assert set(told[-1]["curves"]) == {node.id for node in session.nodes}
    session.apply({"op": "settings", "rows": found["rows"]})
    torch.testing.assert_close(session.take()[1].sound, wet, atol=1e-3, rtol=0)
    session.apply({"op": "undo"})
    assert session.yaml() == before


def test_a_reference_of_other_sound_is_come_near_to(session, home, monkeypatch):
    for name, few in {"_PATIENCE": 1, "_DRAWN": 12, "_WALKED": 1}.items():
        monkeypatch.setattr(f"diffFx_pytorch.fit.likeness.{name}", few)
    rng = np.random.default_rng(5)

    def noise(gain_db, fader_db):
        x = torch.from_numpy(0.02 * rng.standard_normal((1, 2, 22050)).astype("float32"))
        return ChainFile(RACK % (gain_db, fader_db)).build(44100)[0](x)[0]

    for name, sound in (("dry.wav", noise(0, 0)), ("other.wav", noise(12, 6))):
        soundfile.write(home / name, sound.T.numpy(), 44100, "FLOAT")
    session.apply({"op": "load", "text": RACK % (0, 0)})
    session.apply({"op": "open", "name": "dry.wav"})
    told, before = [], session.yaml()
    found = matching(session, "other.wav", "reference", 600)(lambda **said: told.append(said), threading.Event())
    knobs = [row["value"] for row in found["rows"] if row["path"] == "gain_db"]
    assert knobs == [pytest.approx(12, abs=1.5), pytest.approx(6, abs=1.5)]
    measures = {m["name"]: m for m in found["measures"]}
    assert measures["loudness"]["after"] == pytest.approx(measures["loudness"]["reference"], abs=0.5)
    assert measures["spectrum"]["after"] < 0.5 * measures["spectrum"]["before"]
    assert found["error"] < 1
    assert session.yaml() == before
    assert told
    assert told[-1]["errors"] == sorted(told[-1]["errors"], reverse=True)


def test_a_search_for_a_reference_that_is_stopped_keeps_the_best(session, home, wet):
    stop = threading.Event()

    def told(**said):
        stop.set()

    found = matching(session, "wet.wav", "reference", 600)(told, stop)
    assert len(found["rows"]) == 4


@pytest.mark.slow
def test_it_ends_when_asked_and_refuses_what_it_cannot_find(session, wet):
    stop = threading.Event()
    stop.set()
    told = []
    found = matching(session, "wet.wav")(lambda **said: told.append(said), stop)  # what is known by then
    assert len(found["rows"]) == 4
    assert not told
    fader = session.nodes[1].id
    points = {"points": [[0, -3, "linear"], [1, 0, "linear"]]}
    session.apply({"op": "set", "node": fader, "knob": "gain_db", "value": points})
    for name, words in (("wet.wav", "moves"), ("../wet.wav", "moves")):
        with pytest.raises(ValueError, match=words):
            matching(session, name)
    session.apply({"op": "undo"})
    with pytest.raises(ValueError, match="outside"):
        matching(session, "../wet.wav")
    session.apply({"op": "clear"})
    with pytest.raises(ValueError, match="into the rack first"):
        matching(session, "wet.wav")
