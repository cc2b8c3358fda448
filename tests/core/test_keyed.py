"""An effect keyed by a sound file: aligned with the signal, in blocks as whole, in chain files, in mixes."""

import numpy as np
import pytest
import soundfile
import torch

from diffFx_pytorch.presets import ChainFileError, dump_chain, load_chain
from diffFx_pytorch.processors import Compressor, Gain, Limiter
from diffFx_pytorch.routing import Chain, DryWet, Keyed, Mixer

RATE = 8000


@pytest.fixture
def kick(tmp_path):
    x = 0.5 * np.random.default_rng(0).standard_normal((2000, 2)).astype(np.float32)
    x[500:1500] *= 0.01
    soundfile.write(tmp_path / "kick.wav", x, RATE, "FLOAT")
    return tmp_path / "kick.wav"


def compressor():
    return Compressor(RATE, threshold_db=-30.0, ratio=8.0, lookahead_ms=2.0)


def key_of(path, frames):
    key = torch.from_numpy(soundfile.read(path, dtype="float32")[0].T)[None]
    return torch.nn.functional.pad(key, (0, frames - key.shape[-1]))


def test_it_is_the_effect_with_that_side_chain(kick):
    x = torch.randn(2, 2, 3000)
    whole = Keyed(compressor(), key=kick)(x)
    key = key_of(kick, 3000).expand(2, -1, -1)
    assert torch.equal(whole, compressor()(x, sidechain=key))
    play = Keyed(compressor(), key=kick).stream()
    blocks = torch.cat([play(block) for block in x.split([1, 399, 1600, 1000], -1)], -1)
    assert torch.allclose(blocks, whole, rtol=0, atol=1e-6)
    mono = Keyed(compressor(), key=kick)(x[:, :1])
    assert torch.allclose(mono, compressor()(x[:, :1], sidechain=key.mean(1, True)), atol=1e-6)


def test_the_key_waits_for_latency_wherever_it_stands(kick):
    x = torch.randn(1, 2, 3000)
    late = Chain(Limiter(RATE, lookahead_ms=5.0), Limiter(RATE, lookahead_ms=1.0), compressor())
    expected = late(x, sidechain=key_of(kick, 3000))
    first, second, last = late.steps.values()
    assert torch.equal(Chain(first, second, Keyed(last, key=kick))(x), expected)
    assert torch.equal(Chain(first, Chain(second, Keyed(last, key=kick)))(x), expected)
    assert torch.equal(Chain(first, second, DryWet(Keyed(last, key=kick)))(x), expected)
    mixer = Mixer({"a": Chain(first, second)}, {"b": Keyed(last, key=kick)}, outputs={"a": "b"})
    assert torch.equal(mixer(x), expected)


def test_in_a_chain_file(kick, tmp_path):
    chain = tmp_path / "c.yaml"
    chain.write_text(
        "version: 1\nchain:\n  - {effect: Compressor, params: {ratio: 8}, sidechain: kick.wav, name: duck}\n"
    )
    fx, knobs = load_chain(chain).build(RATE)
    assert knobs == {"duck.compressor.ratio": 8.0}
    x = torch.randn(1, 2, 2500)
    assert torch.equal(fx(x), Compressor(RATE, ratio=8.0)(x, sidechain=key_of(kick, 2500)))
    again, _ = load_chain(dump_chain(fx)).build(RATE)
    assert torch.equal(again(x), fx(x))
    assert fx.explain().split("\n")[0] == "duck: keyed by kick.wav:"


@pytest.mark.parametrize(
    ("step", "words"),
    [
        ("{effect: Compressor, sidechain: gone.wav}", r":3:38: Keyed: gone.wav: no such file"),
        ("{effect: Gain, sidechain: kick.wav}", r":3:32: Keyed: Gain takes no sidechain"),
        ("{effect: Compressor, sidechain: 3}", r"sidechain must be the name of a sound file, got 3"),
        ("{keyed: {effect: Compressor}}", r"keyed needs options"),
    ],
)
def test_what_is_wrong(kick, step, words, tmp_path):
    chain = tmp_path / "c.yaml"
    chain.write_text(f"version: 1\nchain:\n  -  {step}\n")
    with pytest.raises(ChainFileError, match=words):
        load_chain(chain)


def test_knobs_train_through_it(kick):
    fx = Keyed(compressor(), key=kick).trainable("compressor.threshold_db")
    fx(torch.randn(1, 2, 2000)).square().sum().backward()
    assert next(fx.parameters()).grad.abs() > 0
    with pytest.raises(ValueError, match="takes no sidechain"):
        Keyed(Gain(RATE), key=kick)
