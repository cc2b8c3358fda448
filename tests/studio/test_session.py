"""A session at the rack, without HTTP: what is done, undone, heard and remembered."""

import json
import re
import time

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch import registry
from diffFx_pytorch.presets import load_chain, presets
from diffFx_pytorch.presets.chain_file import ChainFile
from diffFx_pytorch.processors import Meter
from diffFx_pytorch.studio import Folder, Session
from diffFx_pytorch.studio.nodes import nodes_of, text_of


def ids(session):
    return [node.id for node in session.nodes]


def named(session, name):
    return next(node for top in session.nodes for node in top.walk() if node.name == name)


def python_of(session, x):
    names = {"x": x}
    exec(session.state()["texts"]["python"], names)
    return names["y"]


FEW = ("lead-vocal", "ducker", "master-loud")
PRESETS = [pytest.param(name, marks=() if name in FEW else pytest.mark.thorough) for name in presets()]


@pytest.mark.parametrize("preset", PRESETS)
def test_what_is_heard_is_what_the_chain_file_and_the_program_say(home, preset):
    session = Session(Folder(home), "tone.wav", preset)
    _, take, dry = session.take()
    chain, _ = ChainFile(session.yaml()).build(session.desk.rate)
    late = chain.latency_samples
    x = torch.nn.functional.pad(dry, (0, late))[None]
    torch.testing.assert_close(take.sound, chain(x)[0, :, late:], atol=1e-6, rtol=0)
    torch.testing.assert_close(python_of(session, x), chain(x), atol=1e-6, rtol=0)
    original, _ = load_chain(preset).build(session.desk.rate)
    torch.testing.assert_close(original(x), chain(x), atol=1e-6, rtol=0)


def test_only_what_follows_a_change_is_computed_again(session):
    assert session.take()[1].ran == ids(session)
    assert session.take()[1].ran == []
    session.apply({"op": "set", "node": named(session, "level").id, "knob": "ratio", "value": 6.0})
    assert session.take()[1].ran == ids(session)[4:]
    session.apply({"op": "undo"})
    assert session.take()[1].ran == []


def test_a_part_is_the_part_of_the_whole(session):
    session.apply({"op": "load", "text": "version: 1\nchain: [{effect: Gain, params: {gain_db: {0: 0, 2: -20}}}]\n"})
    whole = session.take()[1].sound
    session.apply({"op": "loop", "start": 1.0, "stop": 1.5})
    part = session.take()[1].sound
    torch.testing.assert_close(part, whole[:, 44100:66150], atol=1e-6, rtol=0)


def test_automation_acts_on_the_sound_of_its_time_behind_latency(session):
    text = "version: 1\nchain: [{effect: Limiter}, {effect: Gain, params: {gain_db: {1: [0, hold], 1.5: -60}}}]\n"
    session.apply({"op": "load", "text": text})
    sound = session.take()[1].sound
    step = round(1.5 * session.desk.rate)
    before, after = (sound[1, step + a : step + b].abs().max() for a, b in ((-200, -2), (2, 200)))
    assert before > 0.09
    assert after < 1e-3


def test_bypassed_and_soloed(session):
    everything = session.take()[1].sound
    for node in session.nodes[1:]:
        session.apply({"op": "bypass", "node": node.id, "on": True})
    alone = session.take()[1].sound
    for node in session.nodes[1:]:
        session.apply({"op": "bypass", "node": node.id, "on": False})
    session.apply({"op": "solo", "node": session.nodes[0].id, "on": True})
    torch.testing.assert_close(session.take()[1].sound, alone)
    session.apply({"op": "solo", "node": session.nodes[0].id, "on": False})
    torch.testing.assert_close(session.take()[1].sound, everything)
    session.apply({"op": "bypass", "node": session.nodes[0].id, "on": True})
    again, _ = nodes_of(session.yaml(), session.desk.rate, lambda: "n")
    assert [node.bypass for node in again] == [True, *[False] * 6]
    session.apply({"op": "clear"})
    assert torch.equal(session.take()[1].sound, session.take()[2])


def test_one_gesture_is_undone_at_once(session):
    node, before = named(session, "peaks"), session.yaml()
    for value in (2.0, 3.5, 5.0):
        session.apply({"op": "set", "node": node.id, "knob": "ratio", "value": value, "gesture": "g"})
    after = session.yaml()
    assert session.state()["undo"] == "peaks ratio"
    session.apply({"op": "undo"})
    assert session.yaml() == before
    session.apply({"op": "redo"})
    assert session.yaml() == after


def test_a_request_that_was_sent_twice_is_done_once(session):
    request = {"op": "add", "effect": "Gain", "id": "page-1"}
    assert session.apply(request) == session.apply(request)
    assert len(session.nodes) == 8


def test_moved_wrapped_and_taken_apart(session):
    first = ids(session)
    session.apply({"op": "move", "node": first[0], "into": None, "index": 2})
    assert ids(session) == [first[1], first[2], first[0], *first[3:]]
    session.apply({"op": "wrap", "node": first[2], "kind": "parallel"})
    home = next(node for node in session.nodes if node.kind == "parallel")
    assert home.branches == ("dry", "wet")
    assert home.children[0] is None
    session.apply({"op": "move", "node": first[0], "into": home.id, "index": 1})
    home = next(node for node in session.nodes if node.kind == "parallel")
    assert home.children[1].kind == "chain"
    _, take, _ = session.take()
    assert take.sound.isfinite().all()
    session.apply({"op": "unwrap", "node": home.id})
    assert all(node.kind in ("effect", "send", "chain") for node in session.nodes)
    with pytest.raises(ValueError, match="into itself"):
        session.apply({"op": "move", "node": home_of(session).id, "into": home_of(session).id, "index": 0})


def home_of(session):
    return next(node for node in session.nodes if node.kind == "chain")


@pytest.mark.parametrize("kind", ["parallel", "dry_wet", "send", "ducked", "mid_side", "multi_band", "chain"])
def test_every_routing_can_be_added_turned_and_written(session, kind):
    session.apply({"op": "clear"})
    session.apply({"op": "add", "effect": kind})
    shown = session.state()["nodes"][0]
    for knob in shown["knobs"]:
        session.apply({"op": "set", "node": shown["id"], "knob": knob["name"], "value": knob["max"]})
    _, take, dry = session.take()
    assert take.sound.isfinite().all()
    text = text_of(nodes_of(session.yaml(), session.desk.rate, lambda: "n")[0])
    assert text_of(nodes_of(text, session.desk.rate, lambda: "n")[0]) == text
    torch.testing.assert_close(python_of(session, dry[None]), ChainFile(text).build(44100)[0](dry[None]))


@pytest.mark.thorough
@pytest.mark.parametrize("name", sorted(registry.effects()))
def test_every_effect_can_be_added_heard_and_drawn(session, name):
    session.apply({"op": "loop", "start": 0, "stop": 0.3})
    session.apply({"op": "clear"})
    session.apply({"op": "add", "effect": name})
    shown = session.state()["nodes"][0]
    curve = session.curve(shown["id"])
    assert curve is None or np.isfinite(curve["y"]).all()
    json.dumps([shown, curve], allow_nan=False)
    assert session.take()[1].sound.isfinite().all()


def test_what_is_wrong_changes_nothing(session):
    node, before, revision = named(session, "peaks"), session.yaml(), session.revision
    for request, words in [
        ({"op": "set", "node": node.id, "knob": "ratio", "value": 1e6}, "ratio"),
        ({"op": "set", "node": node.id, "knob": "ratoi", "value": 2}, "ratio"),
        ({"op": "set", "node": "n999", "knob": "ratio", "value": 2}, "not in the rack"),
        ({"op": "set", "node": node.id, "knob": "ratio", "value": "loud"}, "loud"),
        ({"op": "add", "effect": "Compresor"}, "Compressor"),
        ({"op": "add"}, "effect"),
        ({"op": "load", "text": "version: 1\nchain: [{effect: Gian}]\n"}, "Gain"),
        ({"op": "load", "text": "{"}, "not YAML"),
        ({"op": "load", "name": "lead-vocla"}, "lead-vocal"),
        ({"op": "open", "name": "../tone.wav"}, "outside"),
        ({"op": "fly"}, "fly"),
        ({"op": "rename", "node": node.id, "name": "eq"}, "eq"),
    ]:
        with pytest.raises((ValueError, OSError), match=re.escape(words)):
            session.apply(request)
        assert (session.yaml(), session.revision) == (before, revision)


def test_two_racks_are_compared_and_copied(session):
    a = session.yaml()
    session.apply({"op": "copy"})
    session.apply({"op": "slot", "slot": "B"})
    session.apply({"op": "set", "node": named(session, "peaks").id, "knob": "ratio", "value": 9.0})
    b = session.yaml()
    session.apply({"op": "slot", "slot": "A"})
    assert session.yaml() == a != b
    session.apply({"op": "slot", "slot": "B"})
    assert session.yaml() == b


def test_a_session_is_taken_up_where_it_ended(session, home):
    session.apply({"op": "set", "node": named(session, "peaks").id, "knob": "ratio", "value": 9.0})
    session.apply({"op": "loop", "start": 0.5, "stop": 1.5})
    session.save()
    again = Session(Folder(home))
    assert again.yaml() == session.yaml()
    assert (again.source, again.loop) == (session.source, session.loop)
    again.apply({"op": "add", "effect": "Gain"})
    assert len(set(ids(again))) == 8
    (home / "tone.wav").unlink()
    assert Session(Folder(home)).yaml() == session.yaml()


def test_a_sound_of_another_rate_brings_the_rack_along(session, home):
    session.apply({"op": "set", "node": named(session, "high_pass").id, "knob": "freq_hz", "value": 9000.0})
    session.apply({"op": "remove", "node": named(session, "de_esser").id})
    soundfile.write(home / "low.wav", np.zeros((8000, 1)), 8000)
    session.apply({"op": "open", "name": "low.wav"})
    assert named(session, "high_pass").params["freq_hz"] == pytest.approx(0.49 * 8000)
    assert session.take()[1].sound.shape == (2, 8000)  # the plate is stereo


def test_saved_and_loaded(session, home):
    session.apply({"op": "save", "name": "mine/vocal.yaml"})
    assert load_chain(home / "mine" / "vocal.yaml").build(44100)[0].settings
    with pytest.raises(ValueError, match="already"):
        session.apply({"op": "save", "name": "mine/vocal.yaml"})
    for name in ("../out.yaml", "/tmp/out.yaml", "tone.wav", ""):
        with pytest.raises(ValueError, match=r"outside|ends in|no name"):
            session.apply({"op": "save", "name": name})


def test_nothing_outside_of_the_folder_is_read(session, home, tmp_path_factory):
    outside = tmp_path_factory.mktemp("outside")
    soundfile.write(outside / "key.wav", np.zeros(100), 44100)
    (outside / "other.yaml").write_text("version: 1\nchain: [{effect: Gain}]\n")
    (home / "link.wav").symlink_to(outside / "key.wav")
    before = session.yaml()
    for text in (
        f"version: 1\nchain: [{{effect: Compressor, sidechain: {outside}/key.wav}}]\n",
        "version: 1\nchain: [{effect: Compressor, sidechain: link.wav}]\n",
        f"version: 1\nchain: [{{preset: {outside}/other.yaml}}]\n",
        f"version: 1\nchain: [{{effect: ConvolutionReverb, options: {{impulse_response: {outside}/key.wav}}}}]\n",
    ):
        with pytest.raises(ValueError, match="outside"):
            session.apply({"op": "load", "text": text})
    with pytest.raises(ValueError, match="outside"):
        session.apply({"op": "open", "name": "link.wav"})
    assert session.yaml() == before
    assert [sound["name"] for sound in session.folder.sounds()] == ["tone.wav"]


def test_what_is_heard_next_is_computed_first_and_short(session):
    whole = session.take()[1].sound
    near = session.take(near=0.8)[1].sound
    start = round(0.8 * 44100)
    assert near.shape[1] == 2 * 44100 - start
    session.apply({"op": "load", "text": "version: 1\nchain: [{effect: Compressor}, {effect: Gain}]\n"})
    whole, near = session.take()[1].sound, session.take(near=0.8)[1].sound
    torch.testing.assert_close(near[:, 4410:], whole[:, start + 4410 :], atol=2e-3, rtol=0)


@pytest.mark.slow
def test_an_hour_is_opened_looped_and_drawn(home):
    from diffFx_pytorch.studio.overview import Overview

    rate, rng = 8000, np.random.default_rng(0)
    with soundfile.SoundFile(home / "hour.wav", "w", rate, 1, "PCM_16") as file:
        for minute in range(60):
            file.write(0.01 * (1 + minute) * rng.uniform(-1, 1, 60 * rate))
    session = Session(Folder(home), "hour.wav")
    session.apply({"op": "load", "text": "version: 1\nchain: [{effect: Gain, params: {gain_db: {0: 0, 3600: -60}}}]\n"})
    session.apply({"op": "loop", "start": 1800, "stop": 1810})
    _, take, dry = session.take()
    assert take.sound.shape == (1, 10 * rate)
    assert 20 * np.log10(float(take.sound.norm() / dry.norm())) == pytest.approx(-30.08, abs=0.05)
    pictures, until = Overview(), time.monotonic() + 60
    while not (seen := pictures.of(home / "hour.wav", session.source.info))["done"]:
        assert time.monotonic() < until
        time.sleep(0.02)
    assert len(seen["high"]) == seen["columns"] <= 1200
    assert seen["high"][-1] > 10 * seen["high"][0]


def test_the_part_that_follows_goes_on_from_the_one_before(session):
    session.apply({"op": "load", "text": "version: 1\nchain: [{effect: FDNReverb, params: {decay_s: 4, mix: 0.5}}]\n"})
    whole = session.take()[1].sound
    session.apply({"op": "loop", "start": 0, "stop": 0.8})
    on = session.take(span=(0.8, 2.0))[1]
    torch.testing.assert_close(on.sound, whole[:, 35280:], atol=1e-5, rtol=0)
    session.apply({"op": "loop", "start": 0.8, "stop": 2.0, "on": True})
    again = session.take()[1]
    assert (again.key, again.ran) == (on.key, [])  # what was heard is what is looped now


def test_a_take_that_nobody_asks_for_any_more_ends_between_blocks(session):
    from diffFx_pytorch.studio.engine import OutdatedError

    asked = []

    def outdated():
        asked.append(True)
        return len(asked) == 2

    rate = session.desk.rate
    with pytest.raises(OutdatedError):
        session.engine.take(session.nodes, session.part(), rate, outdated)
    assert len(asked) == 2
    take = session.take()[1]
    assert take.ran == ids(session)
    for knob in ("ratio", "attack_ms"):
        session.apply({"op": "set", "node": named(session, "level").id, "knob": knob, "value": 7.0})
    turned = session.engine.take
    session.engine.take = lambda *given: session.apply({"op": "slot", "slot": "A"}) and turned(*given)
    with pytest.raises(OutdatedError):
        session.take()
    assert session.take(near=0.5)[1].sound.shape[1] == round(1.5 * rate)  # what is heard next is played all the same


def test_meters_read_what_is_heard_of_the_loop_and_nothing_before_it(session):
    text = (
        "version: 1\nchain:\n- {effect: Limiter}\n- {effect: Meter, name: first}\n"
        "- {dry_wet: {chain: [{effect: Limiter}, {effect: Meter}]}, name: both}\n"
    )
    session.apply({"op": "load", "text": text})
    session.apply({"op": "loop", "start": 0.9, "stop": 1.6, "on": True})
    take = session.take()[1]
    meters = {node.id for top in session.nodes for node in top.walk() if node.effect == "Meter"}
    assert take.meters.keys() == meters
    assert len(meters) == 2
    first = named(session, "first").id
    meter, heard = Meter(session.desk.rate), take.steps[first][1][None]
    for name, value in meter.readings(meter.run(heard)[1]).items():
        assert torch.allclose(take.meters[first][name], value, rtol=1e-6, atol=1e-6), name
    again = session.take()[1]
    assert (again.ran, again.meters.keys()) == ([], meters)  # what was kept keeps its readings
