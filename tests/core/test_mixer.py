"""A mix as one effect: every path meets in time, blocks equal the whole, tracks of one kind are one batch."""

import contextlib
import random

import pytest
import torch

from diffFx_pytorch import EffectParam, Processor
from diffFx_pytorch.dsp.levels import db_to_amp
from diffFx_pytorch.options import Integer
from diffFx_pytorch.processors import Compressor, ConvolutionReverb, Gain, Limiter, SchroederReverb, StereoWidener
from diffFx_pytorch.routing import Chain, Mixer, Tapped


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
    names, outputs, sends, before, keys = [*tracks, *buses], {}, {}, {}, {}
    for i, name in enumerate(names):
        later = [bus for bus in buses if names.index(bus) > i]
        outputs[name] = draw.choice([*later, "master"])
        for bus in later:
            if bus != outputs[name] and draw.random() < 0.5:
                kind = draw.choice([sends, before])
                kind.setdefault(name, {})[bus] = draw.uniform(-20, 0)
        if name in before:
            late = {step: Later(samples=draw.choice([0, 3, 17])) for step in ("insert", "fader")}
            (tracks if name in tracks else buses)[name] = Tapped(tap="fader", **late)
        if i and {**tracks, **buses}[name] is not None and draw.random() < 0.4:
            keys[name] = draw.choice(names[:i])
    sent = {name: {**sends.get(name, {}), **before.get(name, {})} for name in names}
    heard = {*outputs.values(), *(bus for levels in sent.values() for bus in levels)}
    for bus in buses:
        if bus not in heard:
            outputs[names[0]] = bus if bus not in sent[names[0]] else outputs[names[0]]
    if "master" not in outputs.values():
        outputs[names[-1]] = "master"
    if draw.random() < 0.4:
        keys["master"] = draw.choice(names)
    edges = {"outputs": outputs, "sends": sends, "pre_sends": before, "keys": keys}
    return lambda **more: Mixer(tracks, buses, Later(samples=7), **edges, **more)


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


def test_a_send_before_the_fader_does_not_hear_the_fader():
    def strip():
        return Tapped(tap="fader", comp=Compressor(lookahead_ms=1), fader=Gain(), wide=StereoWidener())

    levels = {"a.fader.gain_db": -12.0, "b.fader.gain_db": 6.0, "b.wide.width": 0.0}
    routes = {"pre_sends": {"a": {"cue": -6.0}, "b": {"cue": 0.0}}, "outputs": {"cue": None}}
    mixer = Mixer({"a": strip(), "b": strip()}, {"cue": None, "x": None}, sends={"a": {"x": 0.0}}, **routes, **levels)
    assert mixer._groups[0] == ("a", "b")
    x = 0.5 * torch.randn(1, 4, 500, dtype=torch.float64)
    a, b = (Compressor(lookahead_ms=1)(part) for part in x.split(2, 1))
    faded = db_to_amp(torch.tensor(-12.0)) * a, db_to_amp(torch.tensor(6.0)) * b.mean(1, True)
    assert torch.allclose(mixer(x), 2 * faded[0] + faded[1], rtol=0, atol=1e-6)
    heard = Mixer({"a": strip(), "b": strip()}, {"cue": None}, pre_sends=routes["pre_sends"], **levels)
    cue = db_to_amp(torch.tensor(-6.0)) * a + b
    assert torch.allclose(heard(x), faded[0] + faded[1] + cue, rtol=0, atol=1e-6)


def test_a_track_keys_the_master():
    mixer = Mixer({"a": None, "kick": None}, master=Compressor(), outputs={"kick": None}, keys={"master": "kick"})
    x = torch.rand(1, 4, 2000, dtype=torch.float64)
    assert torch.equal(mixer(x), Compressor()(x[:, :2], sidechain=x[:, 2:]))


def test_faders_at_rest_go_unmentioned():
    def strip(**steps):
        return Chain(**steps, fader=Gain(), wide=StereoWidener())

    text = Mixer({"a": strip(comp=Gain(gain_db=3)), "b": strip()}, master=strip()).explain()
    assert text == "a:\n  comp: raises the level by 3 dB\nb: as it is\nmaster: as it is"


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
        (lambda: Mixer({"a": Gain()}, {"r": None}, pre_sends={"a": {"r": 0}}), "a must be Tapped"),
        (lambda: Mixer({"a": None}, {"r": None}, pre_sends={"a": {"r": 0}}), "a must be Tapped.*; it is a wire"),
        (lambda: Mixer({"a": None}, {"r": None}, sends={"a": {"r": 0}}, pre_sends={"a": {"r": 0}}), "sent to r before"),
        (lambda: Tapped(tap="fadr", fader=Gain()), "did you mean 'fader'"),
        (lambda: Mixer({"a": Tapped(tap="x", x=Gain())}), "a must turn two channels into two"),
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
