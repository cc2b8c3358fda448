"""A mix as one effect: every path meets in time, blocks equal the whole, tracks of one kind are one batch."""

import contextlib
import random

import pytest
import torch

from diffFx_pytorch import EffectParam, Processor
from diffFx_pytorch.dsp.levels import db_to_amp
from diffFx_pytorch.options import Integer
from diffFx_pytorch.processors import Compressor, ConvolutionReverb, Gain, Limiter, SchroederReverb, StereoWidener
from diffFx_pytorch.routing import Chain, Mixer


class Later(Processor):
    """A gain that comes so many samples late; with a key, the key is added."""

    params = {"gain_db": EffectParam(-24.0, 12.0, 0.0, unit="dB")}
    options = {"samples": Integer(0, 100, 0)}
    variants = ()
    takes_sidechain = True

    def prepare(self):
        self.latency_samples = self.samples

    def process(self, x, state, sidechain=None, *, gain_db):
        x = x * db_to_amp(gain_db) if sidechain is None else x * db_to_amp(gain_db) + sidechain
        samples = self.latency_samples
        line = torch.cat([x.new_zeros(*x.shape[:-1], samples) if state is None else state, x], -1)
        return line[..., : x.shape[-1]], line[..., x.shape[-1] :]


def graph(seed):
    """A mixer whose edges are drawn at random; nodes only hear those before them."""
    draw = random.Random(seed)
    tracks = {f"t{i}": draw.choice([None, Later(samples=draw.choice([0, 3, 17]))]) for i in range(draw.randint(1, 5))}
    buses = {f"b{i}": draw.choice([None, Later(samples=draw.choice([0, 5, 11]))]) for i in range(draw.randint(0, 4))}
    names, outputs, sends, keys = [*tracks, *buses], {}, {}, {}
    for i, name in enumerate(names):
        later = [bus for bus in buses if names.index(bus) > i]
        outputs[name] = draw.choice([*later, "master"])
        for bus in later:
            if bus != outputs[name] and draw.random() < 0.5:
                sends.setdefault(name, {})[bus] = draw.uniform(-20, 0)
        if i and {**tracks, **buses}[name] is not None and draw.random() < 0.4:
            keys[name] = draw.choice(names[:i])
    heard = {*outputs.values(), *(bus for levels in sends.values() for bus in levels)}
    for bus in buses:
        if bus not in heard:
            outputs[names[0]] = bus if bus not in sends.get(names[0], {}) else outputs[names[0]]
    if "master" not in outputs.values():
        outputs[names[-1]] = "master"
    return lambda **more: Mixer(tracks, buses, Later(samples=7), outputs=outputs, sends=sends, keys=keys, **more)


def _built(seed):
    with contextlib.suppress(ValueError):  # a bus that gets nothing
        return graph(seed)()


@pytest.mark.parametrize("seed", range(40))
def test_every_path_is_aligned_and_blocks_equal_the_whole(seed):
    mixer = _built(seed)
    if mixer is None:
        pytest.skip("a bus got nothing")
    x = torch.zeros(1, mixer.channels[0], 300, dtype=torch.float64)
    x[..., 50] = 1 + torch.rand(mixer.channels[0])
    y = mixer(x)
    assert y[0, 0, 50 + mixer.latency_samples] > 0
    y[..., 50 + mixer.latency_samples] = 0
    assert y.abs().max() == 0, "a path came at another time"
    x = torch.randn(1, mixer.channels[0], 300, dtype=torch.float64)
    play = mixer.stream()
    blocks = torch.cat([play(block) for block in x.split([1, 7, 92, 200], -1)], -1)
    assert torch.allclose(blocks, mixer(x), rtol=0, atol=1e-12)


def test_most_random_graphs_are_built():
    assert sum(_built(seed) is not None for seed in range(40)) > 25


def _strips():
    return {f"t{i}": Chain(Compressor(), StereoWidener(), gain=Gain()) for i in range(4)}


def test_tracks_of_one_kind_run_as_one_batch_and_sound_as_one_by_one():
    mixer = Mixer(_strips(), {"room": SchroederReverb(mix=1)}, Limiter(), sends={"t1": {"room": -6.0}})
    assert mixer._groups[0] == ("t0", "t1", "t2", "t3")
    positions = torch.rand(2, len(mixer.params), generator=torch.Generator().manual_seed(0)).double()
    x = 0.3 * torch.randn(2, 8, 2000, dtype=torch.float64)
    y = mixer(x, norm_params=positions)
    values = mixer.to_dict(mixer.map_parameters(positions))
    alone = []
    for i, (name, strip) in enumerate(_strips().items()):
        own = {n.removeprefix(f"{name}."): v for n, v in values.items() if n.startswith(f"{name}.")}
        alone.append(strip(x[:, 2 * i : 2 * i + 2], dsp_params=own))
    room = {n.removeprefix("room."): v for n, v in values.items() if n.startswith("room.")}
    sent = alone[1] * db_to_amp(values["t1_to_room_db"])[:, None, None]
    master = {n.removeprefix("master."): v for n, v in values.items() if n.startswith("master.")}
    summed = sum(alone) + SchroederReverb(mix=1)(sent, dsp_params=room)
    assert torch.allclose(y, Limiter()(summed, dsp_params=master), rtol=0, atol=1e-9)


def test_moving_knobs_reach_their_track():
    mixer = Mixer(_strips())
    x = torch.ones(1, 8, 1000, dtype=torch.float64)
    one = {
        "t2.gain.gain_db": {0.0: 0.0, 500 / 44100: (-60.0, "hold")},
        **{f"t{i}.gain.gain_db": -60.0 for i in (0, 1, 3)},
    }
    y = mixer(x, dsp_params={**one, **{f"t{i}.compressor.ratio": 1.0 for i in range(4)}})
    assert y[0, 0, 0] > 0.9
    assert y[0, 0, -1] < 0.01


def test_effects_that_differ_inside_are_not_joined():
    rooms = {f"t{i}": ConvolutionReverb(ir=torch.rand(1, 50), mix=1.0) for i in range(2)}
    assert Mixer(rooms)._groups == [("t0",), ("t1",)]
    wide = {"a": Gain(), "b": Gain(param_range={"gain_db": EffectParam(-6.0, 6.0)})}
    assert len(Mixer(wide)._groups) == 2


def test_stems_add_up_to_what_the_master_hears():
    mixer = Mixer(
        {"a": Later(samples=3), "b": None},
        {"bus": Later(samples=5)},
        outputs={"a": "bus"},
        stems=True,
        sends={"b": {"bus": -6.0}},
    )
    assert mixer.stems == ("b", "bus")
    y = mixer(torch.randn(1, 4, 200, dtype=torch.float64))
    assert y.shape == (1, 6, 200)
    assert torch.allclose(y[:, 2:4] + y[:, 4:6], y[:, :2])


@pytest.mark.parametrize(
    ("build", "words"),
    [
        (lambda: Mixer({}), "at least one track"),
        (lambda: Mixer({"a b": None}), "is no name"),
        (lambda: Mixer({"a": None}, {"a": None}), "stands twice"),
        (lambda: Mixer({"master": None}), "'master' stands twice"),
        (lambda: Mixer({"a": None}, {"room": None}), "nothing goes to room"),
        (lambda: Mixer({"a": None}, {"room": None}, outputs={"a": "rom"}), "did you mean 'room'"),
        (lambda: Mixer({"a": None}, {"room": None}, sends={"a": {"rom": 0}}), "did you mean 'room'"),
        (lambda: Mixer({"a": None}, {"r": None}, outputs={"a": "r"}, sends={"a": {"r": 0}}), "goes to r already"),
        (lambda: Mixer({"a": Gain(), "b": None}, keys={"a": "b"}), "Gain takes no sidechain"),
        (lambda: Mixer({"a": Compressor()}, keys={"a": "x"}), "key of a: unknown"),
        (
            lambda: Mixer({"a": None}, {"p": None, "q": None}, outputs={"a": "p", "p": "q"}, sends={"q": {"p": -6.0}}),
            "sound would go round: .*p -> q",
        ),
        (lambda: Mixer({"a": Gain(48000), "b": Gain(44100)}), "share one sample rate"),
        (lambda: Mixer({"a": 3}), "must be a Processor"),
    ],
)
def test_what_makes_no_mix(build, words):
    with pytest.raises((ValueError, TypeError), match=words):
        build()


@pytest.mark.parametrize("moving", [False, True])
def test_what_tracks_of_a_batch_are_sent_together_is_what_they_are_sent_one_by_one(moving):
    tracks = {f"t{i}": Later(samples=3) for i in range(4)}
    sends = {f"t{i}": {"all": -6.0 * i, **({"some": -3.0} if i < 2 else {})} for i in range(4)}
    both = [Mixer(tracks, {"all": Later(samples=9), "some": None}, sends=sends, stems=True) for _ in range(2)]
    alone = both[1]
    alone._groups = [(name,) for name in alone.steps]
    alone._group_of, alone._together = {name: (name,) for name in alone.steps}, {}
    level = {0.0: -20.0, 0.002: (0.0, "hold"), 0.004: -9.0} if moving else -20.0
    x = torch.randn(2, 8, 300, dtype=torch.float64, requires_grad=True)
    found = []
    for mixer in both:
        play = mixer.stream(dsp_params={"t1_to_all_db": level, "t2.gain_db": torch.tensor([-3.0, 4.0])})
        blocks = torch.cat([play(block) for block in x.split([1, 1, 98, 200], -1)], -1)
        (slope,) = torch.autograd.grad((blocks * torch.arange(300.0)).sum(), x)
        found.append((blocks, slope))
    for one, other in zip(*found, strict=True):
        assert torch.allclose(one, other, rtol=0, atol=1e-9)
