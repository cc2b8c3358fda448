"""Plugins as steps: what pedalboard itself gives, streamed and in time; what cannot be asked of them is said."""

import importlib.util
import sys
from types import SimpleNamespace

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch import registry
from diffFx_pytorch.presets import load_chain, save_chain
from diffFx_pytorch.presets.schema import chain_schema
from diffFx_pytorch.processors import Gain
from diffFx_pytorch.routing import Chain
from tests.cli.command import difffx

RATE = 44100
there = pytest.mark.skipif(importlib.util.find_spec("pedalboard") is None, reason="pedalboard is not installed")
NAMES = sorted(name for name in registry.hosted() if name.startswith("pedalboard."))


@there
@pytest.mark.parametrize("name", NAMES)
def test_blocks_are_what_pedalboard_gives_for_the_whole(name):
    import pedalboard

    fx = registry.effect(name)(RATE)
    x = 0.3 * np.random.default_rng(0).standard_normal((2, 6000)).astype(np.float32)
    plugin = getattr(pedalboard, name.removeprefix("pedalboard."))()
    for knob, row in fx.params.items():
        setattr(plugin, knob, row.default)
    wanted = plugin.process(x, RATE, buffer_size=64, reset=True)
    late = fx.latency_samples
    padded = torch.nn.functional.pad(torch.from_numpy(x)[None], (0, late))
    play = fx.stream()
    blocks = torch.cat([play(block) for block in padded.split([1, 2, 700, 1, 3000, 2296 + late], -1)], -1)
    got = blocks[0, :, late:].numpy()
    assert np.abs(got - wanted).max() < 1e-6 * max(1.0, np.abs(wanted).max())
    assert torch.equal(fx(padded), blocks)
    assert fx.tail_seconds() >= 0


@there
def test_items_have_plugins_of_their_own_and_knobs_are_turned():
    fx = registry.effect("pedalboard.Gain")(RATE)
    x = torch.ones(2, 1, 300, dtype=torch.float64)
    y = fx(x, dsp_params={"gain_db": torch.tensor([0.0, 20.0])})
    assert y.dtype == torch.float64
    assert torch.allclose(y[:, 0, 100], torch.tensor([1.0, 10.0]).double(), rtol=1e-5)
    echo = registry.effect("pedalboard.Delay")(RATE, delay_seconds=0.1, feedback=0.5)
    assert echo.tail_seconds() == pytest.approx(0.1 * (1 + 3 / np.log10(2)), rel=1e-4)


@there
def test_no_gradient_goes_through_and_knobs_are_fixed():
    drive, gain = registry.effect("pedalboard.Distortion")(RATE), Gain(RATE)
    x = torch.rand(1, 2, 200)
    positions = torch.full((1, 2), 0.5, requires_grad=True)
    Chain(drive, gain)(x, norm_params=positions).sum().backward()
    assert positions.grad[0, 0] == 0
    assert positions.grad[0, 1] != 0
    with pytest.raises(ValueError, match=r"pedalboard.Distortion.*through which no gradient goes"):
        Chain(gain, drive)(x, norm_params=positions)
    with torch.no_grad():
        Chain(gain, drive)(x, norm_params=positions)
    with pytest.raises(ValueError, match="gain_db"):
        registry.effect("pedalboard.Gain")(RATE)(x, dsp_params={"gain_db": torch.tensor([[0.0, 6.0]])})


@there
def test_a_plugin_cannot_go_back():
    fx, x = registry.effect("pedalboard.Reverb")(RATE), torch.zeros(1, 2, 100)
    _, state = fx.run(x)
    fx.run(x, state)
    with pytest.raises(ValueError, match="cannot go back"):
        fx.run(x, state)


@pytest.mark.slow
@there
def test_steps_of_a_chain_file(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    text = (
        "version: 1\nchain:\n- effect: pedalboard.BrickwallLimiter\n  options: {lookahead_ms: 2}\n"
        "- {effect: pedalboard.LadderFilter, options: {mode: HPF24}, params: {cutoff_hz: 30}}\n"
        "- {effect: pedalboard.Gain, params: {gain_db: -6}, mix: 0.5}\n"
    )
    chain, params = load_chain(text).build(RATE)
    save_chain("chain.yaml", chain)
    again, _ = load_chain("chain.yaml").build(RATE)
    x = 0.2 * torch.randn(1, 2, 3000)
    assert torch.equal(again(x), chain(x, dsp_params=params))
    soundfile.write("in.wav", np.eye(1, 2000, 700)[0], RATE, "FLOAT")
    assert difffx("render", "-e", "pedalboard.Gain:gain_db=-6", "in.wav", "-o", "out.wav", "-j", 1).exit_code == 0
    y, _ = soundfile.read("out.wav")
    assert y.argmax() == 700, "in time"
    assert y[700] == pytest.approx(10 ** (-6 / 20), abs=1e-6)
    assert "room_size" in difffx("describe", "pedalboard.Reverb").stdout
    assert "pedalboard.Reverb" in difffx("list").stdout
    assert "delay seconds 0.3 s" in difffx("explain", "-e", "pedalboard.Delay:delay_seconds=0.3").stdout
    assert {"pedalboard.Reverb.params", "VST3.options"} <= chain_schema()["definitions"].keys()
    with pytest.raises(ValueError, match=r"did you mean 'pedalboard.Reverb'"):
        registry.effect("pedalboard.Revreb")


@there
def test_a_vst3_has_the_knobs_that_it_names(tmp_path, monkeypatch):
    import pedalboard

    class Plugin:
        """What pedalboard makes of a .vst3."""

        is_effect = True

        def __init__(self, path, plugin_name=None):
            if not path.endswith("good.vst3"):
                raise ImportError("not a plugin")
            self.gain, self.on = pedalboard.Gain(gain_db=0), SimpleNamespace(raw_value=1.0)
            self.on.name, self.on.type, self.on.range, self.on.label = "On", bool, (None, None, None), ""
            level = SimpleNamespace(name="Level", type=float, range=(-20.0, 20.0, 0.1), label="dB", raw_value=0.5)
            self.parameters = {"level": level, "process": self.on}
            self.level = 0.0

        def process(self, x, rate, buffer_size, reset):
            self.gain.gain_db = self.level if self.on.raw_value > 0.5 else 0.0
            return self.gain.process(x, rate, buffer_size=buffer_size, reset=reset)

    monkeypatch.setattr(pedalboard, "VST3Plugin", Plugin)
    (tmp_path / "good.vst3").mkdir()
    (tmp_path / "bad.vst3").mkdir()
    chain = tmp_path / "chain.yaml"
    chain.write_text("version: 1\nchain: [{vst3: good.vst3, options: {tail_s: 0}, params: {level: 20}}]")
    built, _ = load_chain(chain).build(RATE)
    row = built["vst3"].params["level"]
    assert (row.min_val, row.max_val, row.unit, row.automatable) == (-20, 20, "dB", False)
    assert list(built["vst3"].params) == ["level", "process_"], "no knob takes the name of what every effect has"
    x = torch.ones(1, 1, 200)
    assert built(x)[0, 0, 150] == pytest.approx(10)
    assert built(x, dsp_params={"vst3.process_": 0.0})[0, 0, 150] == 1
    save_chain(tmp_path / "again.yaml", built)
    assert load_chain(tmp_path / "again.yaml").build(RATE)[0](x)[0, 0, 150] == pytest.approx(10)
    for name, words in (("bad.vst3", "cannot be loaded: not a plugin"), ("none.vst3", "no such file or folder")):
        with pytest.raises(ValueError, match=words):
            load_chain(f"version: 1\nchain: [{{vst3: {tmp_path / name}}}]\n")
    with pytest.raises(ValueError, match="needs the path"):
        registry.effect("VST3")(RATE)(x)


def test_without_pedalboard_the_cure_is_named(monkeypatch):
    monkeypatch.setitem(sys.modules, "pedalboard", None)
    from diffFx_pytorch.hosted.effects import hosted_effects

    hosted_effects.cache_clear()
    with pytest.raises(ValueError, match="pip install pedalboard"):
        load_chain("version: 1\nchain: [{effect: pedalboard.Reverb}]\n")
