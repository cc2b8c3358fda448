"""The studio over HTTP, as a page asks it: sound bit for bit, files, jobs, and what is refused."""

import json
import struct
import time
import urllib.error
import urllib.request

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.presets import load_chain

pytest.importorskip("uvicorn", reason="the extra studio is not installed")
pytest.importorskip("starlette", reason="the extra studio is not installed")
from tests.studio.serving import WAIT, serving  # needs both


def ask(url, body=None, method=None, headers=None):
    """The status and the bytes of an answer."""
    data = json.dumps(body).encode() if isinstance(body, dict) else body
    request = urllib.request.Request(url, data, {"x-difffx": "1", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=WAIT) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def sound_of(data):
    """The header and the samples of a take."""
    (length,) = struct.unpack("<I", data[:4])
    header = json.loads(data[4 : 4 + length])
    return header, np.frombuffer(data[4 + length :], "<f4").reshape(header["channels"], -1)


def test_knobs_change_the_sound_that_comes_back(session):
    with serving(session) as url:
        _, heard = sound_of(ask(f"{url}/api/take")[1])
        np.testing.assert_array_equal(heard, session.take()[1].sound.numpy())
        state = json.loads(ask(f"{url}/api/state")[1])
        node = next(n for n in state["nodes"] if n["name"] == "fader")
        status, data = ask(f"{url}/api/do", {"op": "set", "node": node["id"], "knob": "gain_db", "value": -20})
        assert status == 200
        assert json.loads(data)["revision"] == state["revision"] + 1
        header, softer = sound_of(ask(f"{url}/api/take")[1])
        assert header["ran"] == [node["id"]]
        np.testing.assert_allclose(softer, heard * 10 ** (-22.6 / 20), rtol=1e-5, atol=1e-8)
        assert len(ask(f"{url}/api/take?known={header['key']}")[1]) < 1000
        _, dry = sound_of(ask(f"{url}/api/take?dry=1")[1])
        np.testing.assert_array_equal(dry, session.take()[2].numpy())
        seen = json.loads(ask(f"{url}/api/pictures")[1])
        assert set(seen["steps"]) == {n["id"] for n in state["nodes"]}
        assert seen["steps"][node["id"]]["gain_db"][0] == pytest.approx(-20, abs=0.02)
        assert seen["wet"]["lufs"] < seen["dry"]["lufs"]
        assert json.loads(ask(f"{url}/api/curve?node={node['id']}")[1])["x"]


def test_what_is_wrong_is_said_and_nothing_stays_of_it(session, home):
    with serving(session) as url:
        for path, body, word in [
            ("/api/do", {"op": "add", "effect": "Compresor"}, "Compressor"),
            ("/api/do", b"[1, 2", "JSON"),
            ("/api/do", {"op": "open", "name": "../../etc/passwd"}, "outside"),
            ("/api/job", {"kind": "render", "name": "../x.wav"}, "outside"),
            ("/api/job", {"kind": "render", "name": "tone.wav"}, "already"),
        ]:
            status, data = ask(url + path, body)
            assert (status, word in json.loads(data)["problem"]) == (422, True), data
        status, data = ask(f"{url}/api/files/bad.wav", b"RIFF nothing", "PUT")
        assert status == 422
        assert "bad.wav cannot be used" in json.loads(data)["problem"]
        assert str(home) not in json.loads(data)["problem"]
        assert ask(f"{url}/api/download?name=../secret")[0] == 422
        assert ask(f"{url}/static/../session.py")[0] == 404
        left = [path.name for path in home.iterdir() if path.suffix != ".json" and not path.is_dir()]
        assert left == ["tone.wav"]


def test_a_file_is_dropped_and_never_replaces_another(session, home):
    with serving(session) as url:
        data = (home / "tone.wav").read_bytes()
        assert ask(f"{url}/api/files/..%2Fout.wav", data, "PUT")[0] == 404
        status, answer = ask(f"{url}/api/files/tone.wav", data, "PUT")
        assert status == 200
        name = json.loads(answer)["name"]
        assert name.startswith("tone-")
        assert (home / name).read_bytes() == data
        assert ask(f"{url}/api/do", {"op": "open", "name": name})[0] == 200


def test_only_its_own_page_may_change_anything(session):
    with serving(session) as url:
        assert ask(f"{url}/api/do", {"op": "clear"}, headers={"x-difffx": "0"})[0] == 403
        assert ask(f"{url}/api/state", headers={"Host": "evil.example:80"})[0] == 403
        assert ask(f"{url}/")[0] == 200
    assert session.nodes


def test_a_token_guards(session):
    with serving(session, "secret") as url:
        assert ask(f"{url}/api/state")[0] == 403
        assert ask(f"{url}/static/main.js")[0] == 403
        assert ask(f"{url}/?token=wrong")[0] == 403
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor())
        with opener.open(f"{url}/?token=secret", timeout=WAIT) as answer:
            assert b"difffx" in answer.read()
        with opener.open(f"{url}/api/state", timeout=WAIT) as answer:
            assert json.loads(answer.read())["nodes"]


def test_the_file_is_rendered_as_difffx_render_does(session, home):
    session.apply({"op": "load", "name": "lead-vocal"})
    session.apply({"op": "loop", "start": 0.2, "stop": 0.4})
    with serving(session) as url:
        assert ask(f"{url}/api/job", {"kind": "render", "name": "out/done.wav"})[0] == 200
        until = time.monotonic() + WAIT
        while (job := json.loads(ask(f"{url}/api/jobs")[1])["render"])["state"] == "running":
            assert time.monotonic() < until
            time.sleep(0.05)
        assert job["state"] == "done", job
        status, _ = ask(f"{url}/api/download?name=out/done.wav")
        assert status == 200
    y, rate = soundfile.read(home / "out" / "done.wav", dtype="float32", always_2d=True)
    chain, _ = load_chain("lead-vocal").build(rate)
    x = torch.from_numpy(soundfile.read(home / "tone.wav", dtype="float32")[0].T)[None]
    late = chain.latency_samples
    wanted = chain(torch.nn.functional.pad(x, (0, late)))[0, :, late:]
    np.testing.assert_allclose(y[: wanted.shape[-1]].T, wanted.numpy(), atol=2e-6)


def test_other_windows_hear_of_changes(session):
    with serving(session) as url, urllib.request.urlopen(f"{url}/api/events", timeout=WAIT) as events:
        assert events.readline() == b"event: hello\n"
        ask(f"{url}/api/do", {"op": "clear", "by": "me"})
        lines = iter(events.readline, b"")
        said = next(line for line in lines if line.startswith(b'data: {"revision": ' + str(session.revision).encode()))
        assert json.loads(said[6:])["by"] == "me"
    assert not session._listeners


def test_the_overview_covers_the_file(session):
    with serving(session) as url:
        until = time.monotonic() + WAIT
        while not (seen := json.loads(ask(f"{url}/api/overview")[1]))["done"]:
            assert time.monotonic() < until
            time.sleep(0.02)
    assert len(seen["low"]) == len(seen["high"]) == seen["columns"]
    assert max(seen["high"]) == pytest.approx(float(session.take()[2].max()), abs=1e-3)
