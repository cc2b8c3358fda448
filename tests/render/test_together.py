"""Files as one batch on a device: the same samples as one by one, and what is wrong with one file is its own."""

import warnings
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.kernels.devices import device_here
from diffFx_pytorch.presets import load_chain
from diffFx_pytorch.render import render_batch, together
from tests.cli.command import difffx

STILL = """
version: 1
chain:
  - {effect: Compressor, params: {threshold_db: -30}, options: {lookahead_ms: 5}}
  - {effect: FeedbackDelay, params: {delay_ms: 40, feedback: 0.3}}
"""
MOVING = """
version: 1
chain:
  - {effect: Gain, params: {gain_db: [-20, 0, -6]}}
"""
WHOLE = """
version: 1
chain:
  - {effect: Fade}
"""
RATE = 8000


def write(path, frames, channels=1, rate=RATE):
    path.parent.mkdir(exist_ok=True)
    noise = np.random.default_rng(frames).standard_normal((frames, channels)) / 8
    soundfile.write(path, noise, rate, "FLOAT")
    return path


def rendered(text, sources, out, **how):
    """Outcomes by name; a batch that hangs fails."""
    jobs = [(source, out / source.name) for source in sources]
    with ThreadPoolExecutor(1) as pool:
        found = pool.submit(lambda: list(render_batch(load_chain(text).build, jobs, **how))).result(timeout=120)
    return {outcome.source.name: outcome for outcome in found}


@pytest.fixture
def sources(tmp_path):
    lengths = {"a": 9000, "b": 9000, "c": 9700, "d": 3000, "e": 0, "f": 2000}
    found = [write(tmp_path / "in" / f"{name}.wav", frames) for name, frames in lengths.items()]
    return [*found, write(tmp_path / "in" / "two.wav", 9100, 2), write(tmp_path / "in" / "fast.wav", 9000, 1, 11025)]


@pytest.mark.parametrize(
    ("text", "how"),
    [
        (STILL, {"block_seconds": 0.25}),
        (STILL, {"sample_rate": 16000, "block_seconds": 0.3, "start": 0.05, "end": 0.6}),
        (MOVING, {"block_seconds": 0.5}),
        (STILL, {"true_peak": -1.0, "album": True}),
        (WHOLE, {}),
    ],
)
def test_a_batch_gives_the_samples_of_every_file(sources, tmp_path, text, how, monkeypatch):
    sizes = []
    original = together.processed
    monkeypatch.setattr(together, "processed", lambda *args: original(args[0], args[1], counted(args[2]), *args[3:]))

    def counted(blocks):
        for block in blocks:
            sizes.append(block.shape[0])
            yield block

    alone, batch = (
        rendered(text, sources, tmp_path / name, device=d, **how) for name, d in (("1", None), ("2", "cpu"))
    )
    assert max(sizes) >= 2
    for name, outcome in alone.items():
        assert (batch[name].status, batch[name].error) == (outcome.status, outcome.error)
        if outcome.status == "done":
            ours, theirs = (soundfile.read(o.target, always_2d=True)[0] for o in (batch[name], outcome))
            assert ours.shape == theirs.shape
            assert not ours.size or np.abs(ours - theirs).max() <= 2e-6
            assert batch[name].rendered.warnings == outcome.rendered.warnings


def test_what_is_wrong_with_one_file_is_its_own(sources, tmp_path):
    bad = tmp_path / "in" / "bad.wav"
    bad.write_bytes(b"RIFF no sound at all")
    nan = np.zeros(9000)
    nan[4000] = np.nan
    soundfile.write(tmp_path / "in" / "nan.wav", nan, RATE, "FLOAT")
    found = rendered(
        STILL, [*sources, bad, tmp_path / "in" / "nan.wav"], tmp_path / "out", device="cpu", block_seconds=0.2
    )
    assert {name for name, outcome in found.items() if outcome.status == "failed"} == {"bad.wav", "nan.wav"}
    assert "NaN" in found["nan.wav"].error
    assert sorted(p.name for p in (tmp_path / "out").iterdir()) == sorted(s.name for s in sources)


def test_a_batch_that_is_too_large_is_rendered_file_by_file(sources, tmp_path, monkeypatch):
    original, tried = together.processed, []

    def processed(chain, dsp_params, blocks, *sizes):
        def limited():
            for block in blocks:
                tried.append(len(block))
                if len(block) > 1:
                    raise torch.OutOfMemoryError("CUDA out of memory")
                yield block

        return original(chain, dsp_params, limited(), *sizes)

    monkeypatch.setattr(together, "processed", processed)
    found = rendered(STILL, sources, tmp_path / "out", device="cpu")
    assert {outcome.status for outcome in found.values()} == {"done"}
    assert max(tried) > 1


def test_a_failure_of_the_chain_is_said_of_every_file(sources, tmp_path, monkeypatch):
    def processed(*args):
        raise RuntimeError("no kernel image")
        yield

    monkeypatch.setattr(together, "processed", processed)
    found = rendered(STILL, sources[:3], tmp_path / "out", device="cpu")
    assert {outcome.error for outcome in found.values()} == {"RuntimeError: no kernel image"}
    assert not list((tmp_path / "out").iterdir())


def test_no_more_is_read_ahead_than_said(tmp_path, monkeypatch):
    sources = [write(tmp_path / "in" / f"{i}.wav", 40 * 400) for i in range(2)]
    read, played, ahead = [0, 0], 0, []
    original = together._Place._put

    def put(place, x):
        read[0] += 1
        ahead.append(read[0] / 2 - played)
        return original(place, x)

    def processed(chain, dsp_params, blocks, *sizes):
        nonlocal played
        for block in blocks:
            played += 1
            yield block

    monkeypatch.setattr(together._Place, "_put", put)
    monkeypatch.setattr(together, "processed", processed)
    rendered(MOVING, sources, tmp_path / "out", device="cpu", block_seconds=0.05)
    assert played == 40
    assert max(ahead) <= 2 + together._AHEAD * 2


@pytest.mark.parametrize(
    ("name", "reason"), [("cuda", "without CUDA|finds none"), ("cuda:7", "without CUDA|finds"), ("meta", "no sound")]
)
def test_a_device_that_is_not_there_is_said_once(name, reason, monkeypatch):
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    with pytest.warns(UserWarning, match=f"there is no device {name} here .*({reason}).*: running on the CPU") as told:
        assert device_here(name) is None
    assert len(told) == 1


def test_what_is_no_device_is_refused(tmp_path):
    with pytest.raises(ValueError, match="'gpu' is no device; give cpu, cuda"):
        rendered(STILL, [write(tmp_path / "in" / "a.wav", 100)], tmp_path / "out", device="gpu")


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_the_command_falls_back(tmp_path):
    chain, source = tmp_path / "chain.yaml", write(tmp_path / "in" / "a.wav", 900)
    chain.write_text(STILL)
    with warnings.catch_warnings():
        warnings.simplefilter("always")
        done = difffx("render", chain, source, "-o", tmp_path / "out", "--device", "cuda", "-q")
    assert done.exit_code == 0
    assert done.stderr.count("there is no device cuda here") == 1
    assert (tmp_path / "out" / "a.wav").is_file()
    refused = difffx("render", chain, source, "-o", tmp_path / "out2", "--device", "gpu")
    assert refused.exit_code == 2
    assert "no device" in refused.stderr
