"""Chain files with routings: what Python can say a file can, and what is written comes back."""

import random

import numpy as np
import pytest
import soundfile as sf
import torch

from diffFx_pytorch.presets import ChainFileError, dump_chain, load_chain, save_chain
from diffFx_pytorch.processors import Compressor, ConvolutionReverb, FeedbackDelay, Gain, HighPass, SchroederReverb
from diffFx_pytorch.routing import Chain, DryWet, Ducked, MidSide, MultiBand, Parallel, Send

EVERY_WORD = """\
version: 1
chain:
  - chain: [{effect: HighPass, params: {freq_hz: 80}}, {effect: Gain}]
    name: first
  - parallel: {dry: null, crushed: {effect: Compressor, params: {ratio: 8}}, two: [{effect: Gain}, {effect: Invert}]}
    params: {crushed_level_db: -6}
  - dry_wet: {effect: FeedbackDelay}
    params: {mix: 0.3}
  - send: {effect: SchroederReverb, name: room, params: {mix: 1}}
    params: {send_db: -12}
  - ducked: {effect: FeedbackDelay, params: {mix: 1}}
    params: {duck_db: 12}
  - mid_side: {mid: {effect: Compressor}, side: {effect: Gain, params: {gain_db: 3}}}
  - multi_band: {effect: Compressor, params: {ratio: 3}}
    options: {num_bands: 4}
    params: {band_2.threshold_db: -30, crossover_1_hz: 120}
  - effect: Compressor
    mix: 0.5
  - effect: Limiter
    bypass: true
"""


def test_every_word_is_what_python_says():
    chain, params = load_chain(EVERY_WORD).build(44100)
    same = Chain(
        first=Chain(HighPass(freq_hz=80), Gain()),
        parallel=Parallel(
            dry=None, crushed=Compressor(ratio=8), two=Chain(Gain(), chain[1]["two"][1]), crushed_level_db=-6.0
        ),
        dry_wet=DryWet(FeedbackDelay(), mix=0.3),
        send=Send(room=SchroederReverb(mix=1), send_db=-12),
        ducked=Ducked(FeedbackDelay(mix=1), duck_db=12),
        mid_side=MidSide(Compressor(), Gain(gain_db=3)),
        multi_band=MultiBand(
            Compressor(ratio=3), num_bands=4, **{"band_2.threshold_db": -30.0, "crossover_1_hz": 120.0}
        ),
        dry_wet_2=DryWet(Compressor(), mix=0.5),
    )
    assert list(chain.steps) == list(same.steps)
    x = 0.3 * torch.randn(1, 2, 6000)
    assert torch.equal(chain(x), same(x))
    assert torch.equal(chain(x, dsp_params=params), same(x))
    assert params["parallel.crushed.ratio"] == 8.0
    assert params["multi_band.band_3.ratio"] == 3.0


def test_what_is_written_comes_back(tmp_path):
    chain, _ = load_chain(EVERY_WORD).build(44100)
    save_chain(tmp_path / "chain.yaml", chain)
    again, params = load_chain(tmp_path / "chain.yaml").build(44100)
    x = 0.3 * torch.randn(1, 2, 6000)
    assert torch.equal(again(x), chain(x))
    assert dump_chain(again) == (tmp_path / "chain.yaml").read_text()
    assert list(params) == list(again.settings)


@pytest.mark.parametrize("seed", range(8))
def test_chains_made_at_random_come_back(seed):
    draw, depth = random.Random(seed), 3

    def effect():
        cls = draw.choice([Gain, HighPass, Compressor, FeedbackDelay])
        fx = cls()
        return fx.set(fx.map_parameters(torch.tensor([[draw.random() for _ in fx.params]], dtype=torch.float64)))

    def any_of(level):
        if level == depth:
            return effect()
        kind = draw.choice([Chain, Parallel, DryWet, Send, MultiBand, None])
        if kind is None:
            return effect()
        if kind is MultiBand:
            return MultiBand(effect(), num_bands=draw.choice([2, 3]))
        parts = [any_of(level + 1) for _ in range(1 if kind in (DryWet, Send) else draw.choice([1, 2, 3]))]
        return kind(**{f"part_{i}": part for i, part in enumerate(parts)})

    chain = Chain(*[any_of(0) for _ in range(3)])
    text = dump_chain(chain)
    again, _ = load_chain(text).build(44100)
    x = 0.1 * torch.randn(1, 2, 3000)
    assert torch.equal(again(x), chain(x))
    assert dump_chain(again) == text


def test_automation_in_a_routing():
    text = "version: 1\nchain:\n  - dry_wet: {effect: Gain, params: {gain_db: {0: 0, 1: [-6, hold], 2: 0}}}\n"
    text += "    params: {mix: [0, 1]}\n"
    chain, params = load_chain(text).build(44100)
    assert params["dry_wet.gain.gain_db"] == {0.0: 0.0, 1.0: (-6.0, "hold"), 2.0: 0.0}
    assert load_chain(dump_chain(chain)).build(44100)[1].keys() == params.keys()


def test_a_file_that_an_option_names_is_beside_the_chain_file(tmp_path, monkeypatch):
    (tmp_path / "rooms").mkdir()
    sf.write(tmp_path / "rooms" / "hall.wav", np.r_[1.0, np.zeros(999)], 44100)
    (tmp_path / "chain.yaml").write_text(
        "version: 1\nchain: [{effect: ConvolutionReverb, options: {ir: rooms/hall.wav}}]\n"
    )
    monkeypatch.chdir("/")
    chain, _ = load_chain(tmp_path / "chain.yaml").build(44100)
    assert isinstance(chain[0], ConvolutionReverb)


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{effect: Gain, send: {effect: Gain}}", "one routing: .*got effect and send"),
        ("Gain", "write a step as {effect: Gain, params: {KNOB: VALUE}}"),
        ("{Gain: {gain_db: 3}}", "write a step as {effect: Gain, params: {KNOB: VALUE}}"),
        ("{name: x}", "a step needs 'effect', 'preset', or one routing: chain, parallel"),
        ("{chain: {effect: Gain}}", "chain must be a list of steps"),
        ("{chain: []}", "chain is empty"),
        ("{parallel: [{effect: Gain}]}", "parallel must be a mapping"),
        ("{parallel: {dry: null}}", "needs at least one effect beside"),
        ("{parallel: {a: {effect: Gain, name: b}}}", "named 'a' by its place"),
        ("{mid_side: {middle: {effect: Gain}}}", "unknown path 'middle'; did you mean 'mid'"),
        ("{mid_side: {mid: {effect: SchroederReverb}}}", "must turn one channel into one"),
        ("{dry_wet: {effect: Gain}, options: {a: 1}}", "dry_wet has no options"),
        ("{dry_wet: {effect: Gain}, params: {gain.gain_db: 1}}", "unknown parameter 'gain.gain_db'"),
        ("{multi_band: {effect: Gain}, options: {num_bands: 99}}", "num_bands must be a whole number in 2 .. 16"),
        ("{effect: Gain, mix: 2}", "mix must lie in 0 .. 1"),
        ("{effect: Gain, bypass: maybe}", "bypass must be true or false"),
        ("{dry_wet: {effect: Gian}}", "did you mean 'Gain'"),
    ],
)
def test_what_is_wrong_in_a_routing_is_said_with_its_place(step, words):
    with pytest.raises(ChainFileError, match=words) as caught:
        load_chain(f"version: 1\nchain:\n  - {step}\n")
    assert all(problem.startswith("chain:3:") for problem in caught.value.problems)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("version: 1\nchain: " + "[" * 10000 + "]" * 10000, "levels deep|nesting depth"),
        ("version: 1\nchain:\n" + "  - {effect: Gain}\n" * 100_000, "more than 10000 mappings"),
        ("version: 1\nchain:\n" + "  - {effect: Gain}\n" * 600, "more than 500 steps"),
        ("version: 1\nbombs: [&a [{effect: Gain}], " + ", ".join(["*a"] * 2000) + "]\nchain: []", "aliases"),
        ("version: 1\nchain:\n  - " + "dry_wet: {" * 20 + "effect: Gain" + "}" * 20, "nest deeper than"),
        (
            "version: 1\nchain:\n  - &a0 [{effect: Gain}]\n"
            + "".join(f"  - &a{k} [{', '.join([f'*a{k - 1}'] * 9)}]\n" for k in range(1, 12)),
            "more than 500 steps|nest deeper",
        ),
        ("version: 1\nchain: [{effect: ParametricEqualizer, options: {num_peaks: 20000}}]", "num_peaks must be"),
    ],
)
def test_what_would_take_for_ever_is_refused(text, words):
    with pytest.raises(ChainFileError, match=words):
        load_chain(text)


@pytest.mark.slow
def test_long_automation():
    points = ", ".join(f"{k / 10}: {k % 7}" for k in range(20_000))
    chain, _ = load_chain(f"version: 1\nchain: [{{effect: Gain, params: {{gain_db: {{{points}}}}}}}]").build(44100)
    assert chain.settings["gain.gain_db"].values.shape == (1, 20_000)
