"""A trained controller and its chain, kept in a folder."""

import json

import pytest
import torch

from diffFx_pytorch import Chain, Compressor, EffectParam, Gain, ParametricEqualizer
from diffFx_pytorch.networks import (
    Controlled,
    Controller,
    FrameEncoder,
    SoundEncoder,
    load_controlled,
    save_controlled,
)

pytest.importorskip("safetensors", reason="the extra train is not installed")
RATE = 16000


def chain(ratio=(1.5, 8.0)):
    comp = Compressor(RATE, {"ratio": EffectParam(*ratio)}, threshold_db=-30.0)
    return Chain(eq=ParametricEqualizer(RATE, num_peaks=2), comp=comp)


def wild(device):
    torch.nn.init.normal_(device.controller.head.linear.weight, std=0.3)
    return device


def devices():
    fx = chain()
    yield Controlled(fx, Controller(fx, SoundEncoder(RATE, "recurrent", features=8, bands=16), reference=True))
    yield Controlled(fx, Controller(fx, FrameEncoder("gru", period=64, controls=1), controls=1, free=["comp.ratio"]))
    yield Controlled(fx, Controller(fx, None, controls=3, frozen={"comp.ratio": 2.0}, hidden=8))


@pytest.mark.parametrize("which", [0, 1, 2])
def test_what_is_loaded_is_what_was_saved(tmp_path, which):
    torch.manual_seed(0)
    device = wild(list(devices())[which])
    save_controlled(tmp_path / "kept", device, "For tests.")
    again = load_controlled(tmp_path / "kept")
    assert again.fx.params == device.fx.params  # ranges too
    x = 0.1 * torch.randn(2, 1, 6000)
    controls = torch.rand(2, device.controller.controls) if device.controller.controls else None
    reference = x.flip(0) if device.controller.reference else None
    with torch.no_grad():
        if which == 2:
            y, z = (d.fx(x, norm_params=d.controller(controls=controls)) for d in (device, again))
        else:
            y, z = (d(x, controls, reference) for d in (device, again))
    assert torch.equal(y, z)
    assert (y - device.fx(x)).abs().max() > 1e-3


def test_a_checkpoint_of_another_chain_is_a_clear_error(tmp_path):
    fx = chain()
    save_controlled(tmp_path, Controlled(fx, Controller(fx, "statistics")))
    load_controlled(tmp_path, chain())
    with pytest.raises(ValueError, match=r"its comp.ratio is 1.5 .. 8 \(log\), here 1.5 .. 20"):
        load_controlled(tmp_path, chain((1.5, 20.0)))
    with pytest.raises(ValueError, match=r"it has comp\.threshold_db, this chain has not"):
        load_controlled(tmp_path, Chain(eq=ParametricEqualizer(RATE, num_peaks=2), gain=Gain(RATE)))


def test_an_encoder_of_ones_own_is_asked_for(tmp_path):
    class Own(torch.nn.Module):
        features = 4

        def __init__(self):
            super().__init__()
            self.linear = torch.nn.Linear(1, 4)

        def forward(self, x):
            return self.linear(x.std((1, 2))[:, None])

    fx, x = chain(), torch.randn(1, 1, 2000)
    device = wild(Controlled(fx, Controller(fx, Own())))
    save_controlled(tmp_path, device)
    with pytest.raises(ValueError, match=r"with an encoder Own; give load_controlled\(encoder=\)"):
        load_controlled(tmp_path)
    assert torch.equal(load_controlled(tmp_path, encoder=Own())(x), device(x))


def test_only_chains_are_saved(tmp_path):
    with pytest.raises(ValueError, match="is no chain"):
        save_controlled(tmp_path, Controlled(Gain(RATE), Controller(Gain(RATE), "statistics")))


def test_the_hub_mixin_works_offline(tmp_path):
    pytest.importorskip("huggingface_hub", reason="the extra train is not installed")
    from diffFx_pytorch.networks import HubControlled

    fx, x = chain(), 0.1 * torch.randn(1, 1, 4000)
    device = wild(HubControlled(fx, Controller(fx, "statistics")))
    device.save_pretrained(tmp_path)
    assert {"chain.yaml", "config.json", "model.safetensors", "README.md"} <= {p.name for p in tmp_path.iterdir()}
    assert json.loads((tmp_path / "config.json").read_text())["encoder"]["class"] == "SoundEncoder"
    again = HubControlled.from_pretrained(tmp_path)
    assert torch.equal(again(x), device(x))
    with pytest.raises(ValueError, match="is of another chain"):
        HubControlled.from_pretrained(str(tmp_path), fx=chain((1.5, 20.0)))
