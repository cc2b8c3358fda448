"""Chain files: what is read is what was written, and what is wrong is said with its place."""

import math
import os
from pathlib import Path

import numpy as np
import pytest
import torch

from diffFx_pytorch import Chain, EffectParam, Processor, presets, registry
from diffFx_pytorch.presets import ChainFileError, dump_chain, load_chain, save_chain
from diffFx_pytorch.processors import Compressor, Gain, Tremolo

GOOD = """\
version: 1
chain:
  - effect: Tremolo
    name: wobble
    options: {shape: square}
    params:
      rate_hz: 1e1
      depth: [0, 0.5, 1]
  - effect: Gain
  - effect: Gain
    params: {gain_db: -3}
"""


def complaints(text):
    with pytest.raises(ChainFileError) as caught:
        load_chain(text)
    return [line.removeprefix("chain:") for line in caught.value.problems]


def step(body):
    return "version: 1\nchain:\n  - " + body + "\n"


def test_a_chain_is_built_from_a_file(tmp_path):
    (tmp_path / "chain.yaml").write_text(GOOD)
    chain, params = load_chain(tmp_path / "chain.yaml").build(48000)
    assert list(chain.steps) == ["wobble", "gain", "gain_2"]
    assert chain["wobble"].shape == "square"
    assert chain.sample_rate == 48000
    assert params["wobble.rate_hz"] == 10.0
    assert params["wobble.depth"].tolist() == [[0.0, 0.5, 1.0]]
    assert params["gain_2.gain_db"] == -3.0
    assert "gain.gain_db" not in params
    assert chain(torch.ones(1, 2, 100), dsp_params=params).shape == (1, 2, 100)


@pytest.mark.slow
def test_every_effect_in_every_construction_comes_back(tmp_path):
    for name, cls in registry.effects().items():
        for options in cls.variants:
            if any(not isinstance(v, (str, int, float, bool, type(None))) for v in options.values()):
                continue
            chain = Chain(fx=cls(**options))
            flat = chain.map_parameters(chain.random_params(1).double())
            save_chain(tmp_path / "chain.yaml", chain, flat)
            again, params = load_chain(tmp_path / "chain.yaml").build(chain.sample_rate)
            assert dict(again["fx"].construction) == dict(options), name
            assert [params[knob] for knob in again.param_names] == flat[0].tolist(), name


def test_ranges_that_are_not_the_usual_ones_come_back(tmp_path):
    ranges = {"ratio": EffectParam(1.5, 8.0), "threshold_db": EffectParam(-50.0, -5.0, -20.0)}
    chain = Chain(comp=Compressor(48000, ranges, ratio=3.0), gain=Gain(48000, {"gain_db": EffectParam(-6.0, 6.0)}))
    save_chain(tmp_path / "chain.yaml", chain)
    back, _ = load_chain(tmp_path / "chain.yaml").build(48000)
    for name, row in chain.params.items():
        assert (row.min_val, row.max_val, row.curve) == (
            back.params[name].min_val,
            back.params[name].max_val,
            back.params[name].curve,
        )
    assert back.settings["comp.ratio"] == 3.0
    assert "ranges" not in dump_chain(Chain(Compressor(48000)))
    for said, wanted in (
        ("{effect: Gain, ranges: {gain_db: 6}}", r"must be [min, max] or [min, max, curve], got 6"),
        ("{effect: Gain, ranges: {gain_db: [6, -6]}}", "finite min_val < max_val"),
        ("{effect: Gain, ranges: {gain: [-6, 6]}}", "unknown"),
        ("{effect: Gain, ranges: {gain_db: [-6, 6]}, params: {gain_db: 9}}", "must lie in -6 .. 6 dB"),
        ("{dry_wet: {effect: Gain}, ranges: {mix: [0, 1]}}", "dry_wet has no ranges"),
    ):
        assert wanted in complaints(step(said))[0], said


def test_numbers_of_options_are_read_as_those_of_knobs():
    text = step("{effect: Compressor, options: {lookahead_ms: 1e1, key_highpass_hz: null, link: no}}")
    comp = load_chain(text).build(8000)[0]["compressor"]
    assert (comp.lookahead_ms, comp.latency_samples, comp.key_highpass_hz, comp.link) == (10.0, 80, None, False)


def test_settings_come_back_exactly_in_their_own_precision(tmp_path):
    chain = Chain(Gain(), Tremolo())
    for dtype in (torch.float32, torch.float64):
        given = {"gain.gain_db": torch.tensor([math.pi], dtype=dtype), "tremolo.depth": torch.rand(1, 5, dtype=dtype)}
        save_chain(tmp_path / "chain.yaml", chain, given)
        _, params = load_chain(tmp_path / "chain.yaml").build(44100)
        assert torch.tensor(params["gain.gain_db"], dtype=dtype) == given["gain.gain_db"]
        assert torch.equal(params["tremolo.depth"].to(dtype), given["tremolo.depth"])
        assert params["tremolo.rate_hz"] == 5.0
    assert "0.1\n" in presets.dump_chain(chain, {"tremolo.depth": torch.tensor([0.1])})


def test_files_name_the_file_line_and_column(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(step("effect: Gian"))
    with pytest.raises(ChainFileError) as caught:
        load_chain(path)
    assert str(caught.value).startswith(f"{path}:3:13: unknown effect 'Gian'; did you mean 'Gain'?")


def test_all_problems_of_a_file_at_once():
    text = """\
version: 1
chian: []
chain:
  - effect: Gain
    nme: x
    params: {gain_db: 100}
  - effect: Tremolo
    options: {shap: sine}
    params:
      rate_hz: fast
      dept: 0.5
  - effect: Tremolo
    name: 3x
    params:
      depth: [0, .nan]
      depth: 0.5
      phase_deg: "90"
  - params: {}
"""
    found = complaints(text)
    places = [tuple(map(int, line.split(":")[:2])) for line in found]
    assert places == [(2, 1), (5, 5), (6, 23), (8, 15), (13, 11), (15, 18), (16, 7), (17, 18), (18, 5)]
    for line, wanted in zip(
        found,
        [
            "did you mean 'chain'?",
            "did you mean 'name'?",
            "gain_db must lie in -60 .. 24 dB, got 100",
            "unknown option 'shap'; did you mean 'shape'?",
            "'3x' is no name",
            "depth must be a finite number in 0 .. 1, got .nan",
            "'depth' is given twice",
            "phase_deg must be a number in 0 .. 360 deg, got '90' in quotes",
            "needs 'effect'",
        ],
        strict=True,
    ):
        assert wanted in line


@pytest.mark.parametrize(
    ("text", "wanted"),
    [
        ("\n", "is empty; a chain file begins 'version: 1'"),
        ("# nothing\n", "is empty"),
        ("chain: [\n", "2:1: not YAML"),
        ("a\tb: :\n- x\n", "not YAML"),
        ("just\nwords\n", "1:1: a chain file must be a mapping of version, chain, got 'just words'"),
        ("- 1\n- 2\n", "1:1: a chain file must be a mapping of version, chain, got a list"),
        ("version: 2\nchain: []\n", "1:10: unknown version 2; this release reads version 1"),
        ("version: one\nchain: []\n", "1:10: unknown version 'one'"),
        ("chain: []\n", "1:1: a chain file needs 'version'"),
        ("version: 1\nchain:\n", "2:7: chain must be a list of effects, got nothing"),
        ("version: 1\nchain: []\n", "2:8: chain is empty"),
        (step("Gain"), "3:5: write a step as {effect: Gain, params: {KNOB: VALUE}}"),
        (step("effect: [Gain]"), "3:13: effect must be a single value, got a list"),
        (step("{effect: Gain, params: 3}"), "3:28: params of Gain must be a mapping"),
        (step("{effect: Gain, params: {gain_dB: 3}}"), "unknown parameter 'gain_dB'; did you mean 'gain_db'?"),
        (step("{effect: Gain, params: {gain_db: yes}}"), "gain_db must be a number in -60 .. 24 dB, got 'yes'"),
        (step("{effect: Gain, params: {gain_db: 1:30}}"), "gain_db must be a number in -60 .. 24 dB, got '1:30'"),
        (step("{effect: Gain, params: {gain_db: .inf}}"), "gain_db must be a finite number"),
        (step("{effect: Gain, params: {gain_db: }}"), "gain_db must be a number in -60 .. 24 dB, got ''"),
        (
            step("{effect: Gain, params: {gain_db: {a: 1}}}"),
            "a time of gain_db must be a number in seconds, 0 or more, got 'a'",
        ),
        (step("{effect: Gain, params: {gain_db: []}}"), "gain_db moves through no points"),
        (step("{effect: Gain, params: {gain_db: [1, [2]]}}"), "3:42: gain_db must be a number"),
        (
            step("{effect: Tremolo, options: {shape: saw}}"),
            "3:40: Tremolo: shape must be 'sine', 'triangle' or 'square', got 'saw'",
        ),
        (step("{effect: Tremolo, options: {shape: squar}}"), "got 'squar'; did you mean 'square'?"),
        (
            step("{effect: Compressor, options: {lookahead_ms: 1e9}}"),
            "lookahead_ms must be a number in 0 .. 1000 ms, got",
        ),
        (step("{effect: Compressor, options: {lookahead_ms: 1:30}}"), "0 .. 1000 ms, got '1:30'"),
        (step('{effect: Compressor, options: {lookahead_ms: "5"}}'), "0 .. 1000 ms, got '5'"),
        (step('{effect: Expander, options: {link: "no"}}'), ": Expander: link must be True or False, got 'no'"),
        (
            step("{effect: Compressor, options: {link: 2}}"),
            ": Compressor: link must be a number in 0 .. 1, True or False",
        ),
        (step("{effect: MultiTapDelay, options: {num_taps: 1e6}}"), "must be a whole number in 1 .. 64, got 1000000"),
        (step("{effect: MultiTapDelay, options: {num_taps: 2.5}}"), "must be a whole number in 1 .. 64, got 2.5"),
        (step("{effect: Tremolo, options: {sample_rate: 3}}"), "unknown option 'sample_rate'"),
        (step("{effect: Gain, name: a}\n  - {effect: Gain, name: a}"), "4:26: two effects are named 'a'"),
        (step("{effect: Gain, name: forward}"), "'forward' has a meaning of its own"),
        (step("!!python/object:os.system {effect: Gain}"), "is not allowed in a chain file"),
        (step("&a {effect: Tremolo, options: {shape: *a}}"), "cannot be read as a plain value"),
    ],
)
def test_what_is_wrong_is_said_with_its_place(text, wanted):
    assert any(wanted in line for line in complaints(text)), complaints(text)


def test_no_code_is_run(tmp_path):
    mark = tmp_path / "mark"
    text = f"!!python/object/apply:pathlib.Path.touch [!!python/object/apply:pathlib.Path [{mark}]]\n"
    complaints(text)
    assert not mark.exists()


def test_a_frequency_that_a_rate_does_not_allow_is_refused_there(tmp_path, monkeypatch):
    class High(Processor):
        params = {"freq_hz": EffectParam(20.0, 20000.0, 1000.0, "log", "Hz")}
        variants = ()

        def process(self, x, state, *, freq_hz):
            return x, state

    monkeypatch.setattr(presets.steps, "effect", lambda name: High)
    chain = load_chain(step("{effect: High, params: {freq_hz: 15000}}"))
    chain.build(44100)
    with pytest.raises(
        ChainFileError, match=r"3:38: freq_hz must lie in 20 \.\. 7840 Hz, got 15000 at a sample rate of 16000 Hz"
    ):
        chain.build(16000)


def test_a_knob_that_does_not_move_takes_one_number(monkeypatch):
    class Still(Processor):
        params = {"size": EffectParam(0.0, 1.0, automatable=False)}
        variants = ()

        def process(self, x, state, *, size):
            return x, state

    monkeypatch.setattr(presets.steps, "effect", lambda name: Still)
    load_chain(step("{effect: Still, params: {size: [0.5]}}"))
    assert "size cannot move" in complaints(step("{effect: Still, params: {size: [0, 1]}}"))[0]


def test_what_a_file_cannot_say_is_refused(tmp_path):
    class Private(Processor):
        params = {}
        variants = ()

        def process(self, x, state):
            return x, state

    target = tmp_path / "chain.yaml"
    with pytest.raises(ValueError, match="no effect of the registry"):
        save_chain(target, Chain(Private()))
    with pytest.raises(ValueError, match=r"holds 3 items.*value\[i:i \+ 1\]"):
        save_chain(target, Chain(Gain()), {"gain.gain_db": torch.zeros(3)})
    with pytest.raises(ValueError, match="unknown parameter"):
        save_chain(target, Chain(Gain()), {"gain_db": 0.0})
    with pytest.raises(ValueError, match="must lie in"):
        save_chain(target, Chain(Gain()), {"gain.gain_db": np.float32(99)})
    assert not list(tmp_path.iterdir())


def test_files_that_are_no_text(tmp_path):
    with pytest.raises(FileNotFoundError):
        load_chain(tmp_path / "none.yaml")
    (tmp_path / "song.yaml").write_bytes(bytes(range(128, 256)))
    with pytest.raises(ChainFileError, match="is no text file"):
        load_chain(tmp_path / "song.yaml")
    (tmp_path / "marked.yaml").write_bytes(b"\xef\xbb\xbf" + GOOD.encode())
    load_chain(str(tmp_path / "marked.yaml"))
    load_chain(Path(tmp_path / "marked.yaml"), 44100)


@pytest.mark.skipif(not hasattr(os, "mkfifo"), reason="no pipes with names")
@pytest.mark.parametrize(
    "step",
    ["{preset: pipe.yaml}", "{effect: Gain, params: {gain_db: {csv: pipe.yaml}}}", "{dry_wet: {preset: pipe.yaml}}"],
)
def test_a_pipe_is_refused_and_not_waited_for(tmp_path, step):
    os.mkfifo(tmp_path / "pipe.yaml")
    (tmp_path / "chain.yaml").write_text(f"version: 1\nchain: [{step}]\n")
    for name in ("chain.yaml", "pipe.yaml"):
        with pytest.raises((ChainFileError, OSError), match=r"pipe.yaml: is no regular file but a pipe"):
            load_chain(tmp_path / name)
