"""Effects made of effects: each is what its equation says, written out by hand."""

import pytest
import torch

from diffFx_pytorch import Chain, Processor
from diffFx_pytorch.processors import (
    Compressor,
    DCBlocker,
    Fade,
    FeedbackDelay,
    Gain,
    Invert,
    StereoPanning,
    StereoWidener,
    TanH,
    Tremolo,
)
from diffFx_pytorch.routing import DryWet, MidSide, MultiBand, Parallel, Send

RATE = 8000
QUIET = 1e-3  # so quiet that a TanH is a wire, but for its latency


def _noise(channels=2, samples=1000, batch=2):
    return torch.randn(batch, channels, samples, dtype=torch.float64)


def _close(a, b):
    return torch.allclose(a, b, rtol=0, atol=1e-12)


def _late(x, samples):
    return torch.nn.functional.pad(x, (samples, 0))[..., : x.shape[-1]]


def _wire():
    """An effect with latency that leaves quiet sound as it is."""
    return TanH(RATE, oversampling=4)


def test_a_bar_chains_effects_flat():
    eq, comp = Gain(RATE, gain_db=3), Compressor(RATE)
    chain = eq | comp | Chain(comp=TanH(RATE), gain=Gain(RATE)) | Parallel(dry=None, wet=Invert(RATE))
    assert list(chain.steps) == ["gain", "compressor", "comp", "gain_2", "parallel"]
    assert chain.gain is eq
    assert chain[1] is comp
    x = _noise()
    parallel = Parallel(dry=None, wet=Invert(RATE))
    assert _close(chain(x), Chain(Gain(RATE, gain_db=3), Compressor(RATE), TanH(RATE), Gain(RATE), parallel)(x))
    assert list((Chain(a=eq) | (comp | TanH(RATE))).steps) == ["a", "compressor", "tanh"]
    with pytest.raises(TypeError, match="unsupported operand"):
        eq | 3
    with pytest.raises(ValueError, match="one sample rate"):
        eq | Gain(44100)


def test_an_effect_is_found_by_name_or_place():
    chain = Chain(Gain(RATE), Tremolo(RATE))
    assert chain[-1] is chain["tremolo"]
    assert [*Chain(list(chain)[:1])] == [chain.gain]
    with pytest.raises(IndexError, match="Chain: there is no effect 2; it has 2"):
        chain[2]
    with pytest.raises(TypeError, match=r"by its name or place, got slice; .* list\(chain\)"):
        chain[:1]


class TestDryWet:
    def test_mixes_by_hand(self):
        x = _noise()
        y = DryWet(Gain(RATE))(x, dsp_params={"gain.gain_db": -20.0, "mix": 0.25})
        assert _close(y, 0.75 * x + 0.25 * 0.1 * x)

    def test_names(self):
        assert DryWet(Gain(RATE)).param_names == ["gain.gain_db", "mix"]
        assert DryWet(level=Gain(RATE)).param_names == ["level.gain_db", "mix"]
        assert isinstance(DryWet(level=Gain(RATE))["level"], Gain)
        assert Chain(a=DryWet(Gain(RATE))).param_names == ["a.gain.gain_db", "a.mix"]

    @pytest.mark.parametrize("mix", [0.0, 0.3, 1.0])
    def test_dry_is_as_late_as_wet(self, mix):
        fx = DryWet(tanh=_wire())
        late = fx.latency_samples
        assert late > 0
        x = torch.zeros(1, 1, 400, dtype=torch.float64)
        x[..., 50] = QUIET
        y = fx(x, dsp_params={"mix": mix, "tanh.drive_db": 0.0})
        assert y[0, 0, 50 + late] == pytest.approx(QUIET, rel=0.1)
        assert int(y.abs().argmax()) == 50 + late
        if mix == 0.0:
            assert torch.equal(y, _late(x, late))

    def test_mono_goes_dry_to_both_sides(self):
        x = _noise(channels=1)
        y = DryWet(pan=StereoPanning(RATE))(x, dsp_params={"pan.pan": -1.0, "mix": 0.5})
        assert _close(y, torch.cat((x, 0.5 * x), 1))

    def test_its_tail_is_the_effects(self):
        delay = FeedbackDelay(RATE)
        assert DryWet(delay).tail_seconds() == delay.tail_seconds() > 0


class TestSend:
    def test_adds_by_hand(self):
        x, drive = _noise(), {"drive_db": 6.0}
        y = Send(TanH(RATE, oversampling=1))(x, dsp_params={"tanh.drive_db": 6.0, "send_db": -20.0})
        assert _close(y, x + TanH(RATE, oversampling=1)(0.1 * x, dsp_params=drive))

    def test_dry_is_as_late_as_the_return(self):
        fx = Send(tanh=_wire())
        x = torch.zeros(1, 1, 400, dtype=torch.float64)
        x[..., 50] = QUIET
        y = fx(x, dsp_params={"tanh.drive_db": 0.0, "send_db": 0.0})
        assert int(y.abs().argmax()) == 50 + fx.latency_samples
        assert y.max() == pytest.approx(2 * QUIET, rel=0.1)

    def test_stereo_return_of_a_mono_send(self):
        x = _noise(channels=1)
        y = Send(pan=StereoPanning(RATE))(x, dsp_params={"pan.pan": 1.0, "send_db": 0.0})
        assert _close(y, torch.cat((x, 2 * x), 1))


class TestParallel:
    def test_sums_by_hand(self):
        x = _noise()
        fx = Parallel(Gain(RATE), dry=None, turned=Invert(RATE))
        assert fx.param_names == [
            "gain.gain_db",
            "turned.amount",
            "gain_level_db",
            "dry_level_db",
            "turned_level_db",
        ]
        y = fx(
            x, dsp_params={"gain.gain_db": 20.0, "gain_level_db": -40.0, "dry_level_db": 0.0, "turned_level_db": -20.0}
        )
        assert _close(y, 0.1 * x + x - 0.1 * x)

    def test_a_signal_and_its_inverse_are_silence_whatever_their_latency(self):
        x = QUIET * torch.sin(torch.arange(2000, dtype=torch.float64) / 20)[None, None]
        fx = Parallel(one=_wire(), other=Chain(Invert(RATE), _wire()))
        alone = Parallel(other=Chain(Invert(RATE)), one=_wire())
        drive = {"one.drive_db": 0.0}
        assert fx(x, dsp_params={**drive, "other.tanh.drive_db": 0.0}).abs().max() < 1e-9 * QUIET
        assert alone(x, dsp_params=drive)[..., 200:].abs().max() < 1e-4 * QUIET

    def test_neutral_is_an_even_share(self):
        x = _noise()
        fx = Parallel(Gain(RATE), Tremolo(RATE), dry=None)
        assert (fx(x, dsp_params=fx.neutral) - x).abs().max() < 1e-14
        assert Parallel(Gain(RATE), DCBlocker(RATE)).neutral == {}

    def test_tail_is_the_longest(self):
        one, other = FeedbackDelay(RATE), Gain(RATE)
        assert Parallel(one, other).tail_seconds() == one.tail_seconds()
        assert Chain(one, FeedbackDelay(RATE)).tail_seconds() == pytest.approx(2 * one.tail_seconds())
        batch = {"a.feedback": torch.tensor([0.1, 0.9]), "b.feedback": torch.tensor([0.8, 0.2])}
        fx = Parallel(a=FeedbackDelay(RATE), b=FeedbackDelay(RATE))
        longest = FeedbackDelay(RATE).tail_seconds(dsp_params={"feedback": 0.9})
        assert fx.tail_seconds(dsp_params=batch) == pytest.approx(longest, rel=1e-6)

    def test_channels_must_meet(self):
        assert Parallel(pan=StereoPanning(RATE), wide=StereoWidener(RATE)).channels == (2,)
        assert Parallel(pan=StereoPanning(RATE), dry=None).channels == (1, 2)
        with pytest.raises(ValueError, match="Parallel: side takes 2 channels, and those beside it do not"):
            Parallel(mono=_Mono(RATE), side=StereoWidener(RATE))

    def test_refusals(self):
        with pytest.raises(ValueError, match="Parallel: needs at least one effect beside the wires"):
            Parallel(dry=None)
        with pytest.raises(TypeError, match="Parallel: none_type must be a Processor, got NoneType"):
            Parallel(None)


class _Mono(Processor):
    """One channel in, one out."""

    params = Gain.params
    variants = ()
    channels = (1,)

    def process(self, x, state, *, gain_db):
        return x, state


class TestMidSide:
    @pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
    def test_with_nothing_inside_is_the_input_bit_by_bit(self, dtype):
        x = torch.randn(3, 2, 1000).to(dtype)
        fx = MidSide(sample_rate=RATE)
        assert torch.equal(fx(x), x)
        assert fx.count_num_parameters() == 0
        assert fx.latency_samples == fx.tail_seconds() == 0
        play = fx.stream()
        assert torch.equal(torch.cat([play(b) for b in x.split(99, -1)], -1), x)

    def test_by_hand(self):
        x = _noise()
        y = MidSide(mid=Gain(RATE), side=Invert(RATE))(x, dsp_params={"mid.gain_db": -20.0})
        mid, side = x.mean(1), (x[:, 0] - x[:, 1]) / 2
        assert _close(y, torch.stack((0.1 * mid - side, 0.1 * mid + side), 1))

    def test_gain_of_the_side_is_width(self):
        x = _noise()
        y = MidSide(side=Gain(RATE))(x, dsp_params={"side.gain_db": 6.0})
        assert _close(y, StereoWidener(RATE)(x, dsp_params={"width": 10**0.3}))

    def test_mid_and_side_are_of_one_latency(self):
        x = QUIET * _noise()
        fx = MidSide(mid=_wire())
        y = fx(x, dsp_params={"mid.drive_db": 0.0})
        late = _late(x, fx.latency_samples)
        assert _close(y[:, 0] - y[:, 1], late[:, 0] - late[:, 1])

    def test_a_stereo_key_reaches_the_effects_as_mid_and_side(self):
        x, key = _noise(), _noise()
        low = {"threshold_db": -40.0}
        y = MidSide(mid=Compressor(RATE), side=Compressor(RATE))(
            x, dsp_params={"mid.threshold_db": -40.0, "side.threshold_db": -40.0}, sidechain=key
        )
        parts = []
        for sign in (1, -1):
            part, part_key = ((s[:, :1] + sign * s[:, 1:]) / 2 for s in (x, key))
            parts.append(Compressor(RATE)(part, dsp_params=low, sidechain=part_key))
        assert _close(y, torch.cat((parts[0] + parts[1], parts[0] - parts[1]), 1))

    def test_refusals(self):
        with pytest.raises(
            ValueError, match="MidSide: side must turn one channel into one, which StereoPanning does not"
        ):
            MidSide(side=StereoPanning(RATE))
        with pytest.raises(
            ValueError, match="MidSide: mid must turn one channel into one, which StereoWidener does not"
        ):
            MidSide(mid=StereoWidener(RATE))
        with pytest.raises(ValueError, match="MidSide: x must have 2 channels, got 1; make mono stereo"):
            MidSide()(torch.zeros(1, 1, 4))
        with pytest.raises(ValueError, match="MidSide: effects must share one sample rate, got mid at 8000 Hz"):
            MidSide(mid=Gain(RATE), sample_rate=44100)
        with pytest.raises(TypeError, match="MidSide: mid must be a Processor, got float"):
            MidSide(mid=1.0)


class TestChain:
    def test_the_key_is_as_late_as_the_sound(self):
        x, key = _noise(), _noise(channels=1)
        chain = Chain(wire=_wire(), comp=Compressor(RATE))
        late = chain.latency_samples - Compressor(RATE).latency_samples
        assert late > 0
        low = {"threshold_db": -40.0, "ratio": 8.0}
        y = chain(x, dsp_params={f"comp.{k}": v for k, v in low.items()}, sidechain=key)
        assert _close(y, Compressor(RATE)(_wire()(x), dsp_params=low, sidechain=_late(key, late)))
        play = chain.stream(dsp_params={f"comp.{k}": v for k, v in low.items()})
        blocks = zip(x.split(70, -1), key.split(70, -1), strict=True)
        assert torch.allclose(torch.cat([play(a, b) for a, b in blocks], -1), y, rtol=0, atol=1e-10)

    def test_one_effect_without_a_neutral_setting_leaves_the_chain_without(self):
        assert Chain(Gain(RATE), DCBlocker(RATE)).neutral == {}
        assert Chain(Gain(RATE), MidSide(sample_rate=RATE)).neutral == {"gain.gain_db": 0.0}

    def test_names_are_the_classes_in_snake_case(self):
        chain = Chain(Gain(RATE), TanH(RATE), DCBlocker(RATE), StereoPanning(RATE), Gain(RATE))
        assert list(chain.steps) == ["gain", "tanh", "dc_blocker", "stereo_panning", "gain_2"]

    def test_channels_that_do_not_fit_are_refused(self):
        with pytest.raises(ValueError, match="Chain: mono takes 1 channels, which the effects before it do not give"):
            Chain(StereoPanning(RATE), _Mono(RATE))


@pytest.mark.parametrize("routing", [Chain, Parallel, DryWet, Send], ids=lambda r: r.__name__)
class TestAll:
    def test_wrong_effects_are_refused(self, routing):
        name = routing.__name__
        with pytest.raises(ValueError, match=f"{name}: needs at least one effect"):
            routing()
        with pytest.raises(TypeError, match=f"{name}: x must be a Processor, got Identity"):
            routing(x=torch.nn.Identity())
        with pytest.raises(ValueError, match=f"{name}: 'a b' is no name"):
            routing(**{"a b": Gain()})
        with pytest.raises(ValueError, match=f"{name}: 'type' has a meaning of its own in every effect"):
            routing(type=Gain())

    def test_what_needs_the_whole_signal_makes_all_need_it(self, routing):
        assert not routing(Fade(RATE)).streamable
        assert routing(Fade(RATE, length_s=1.0)).streamable

    def test_errors_name_the_knob(self, routing):
        with pytest.raises(ValueError, match=rf"{routing.__name__}: gain\.gain_db must lie in -60 \.\. 24 dB, got 99"):
            routing(Gain(RATE))(_noise(), dsp_params={"gain.gain_db": 99.0})
        with pytest.raises(ValueError, match=r"unknown parameter 'gain\.gain'; did you mean 'gain\.gain_db'"):
            routing(Gain(RATE))(_noise(), dsp_params={"gain.gain": 0.0})


@pytest.mark.parametrize("routing", [DryWet, Send], ids=lambda r: r.__name__)
def test_around_one_effect_only(routing):
    with pytest.raises(ValueError, match="is around one effect, got gain, b; put them into a Chain first"):
        routing(Gain(RATE), b=Gain(RATE))


@pytest.mark.parametrize(
    ("made", "knob", "value"),
    [
        (lambda **k: DryWet(TanH(RATE), **k), "mix", 0.25),
        (lambda **k: Send(TanH(RATE), **k), "send_db", -6.0),
        (lambda **k: Parallel(dry=None, wet=TanH(RATE), **k), "dry_level_db", -3.0),
        (lambda **k: MultiBand(TanH(RATE), num_bands=2, **k), "crossover_1_hz", 300.0),
        (lambda **k: MidSide(mid=TanH(RATE), **k), "mid.drive_db", 4.0),
        (lambda **k: Chain(TanH(RATE), **k), "tanh.drive_db", 4.0),
    ],
    ids=["dry_wet", "send", "parallel", "multi_band", "mid_side", "chain"],
)
def test_settings_are_given_at_construction(made, knob, value):
    fx = made(**{knob: value})
    x = _noise(channels=2)
    assert fx.settings[knob] == value
    assert torch.equal(fx(x), made()(x, dsp_params={knob: value}))
    assert not torch.equal(fx(x), made()(x))
    with pytest.raises(TypeError, match=f"unknown option or knob.*{knob}"):
        made(**{f"{knob}x": value})


@pytest.mark.parametrize(
    ("make", "owner"),
    [
        (lambda fx: DryWet(fx), "DryWet"),
        (lambda fx: DryWet(Chain(Gain(RATE), fx)), "DryWet"),
        (lambda fx: Send(fx), "Send"),
        (lambda fx: Parallel(fx, dry=None), "Parallel"),
    ],
)
def test_a_shaper_that_turns_the_phase_is_not_mixed_with_its_input(make, owner):
    with pytest.raises(ValueError, match=rf"^{owner}: .* combs with its input. Mix with its own mix"):
        make(TanH(RATE, phase="minimum"))
    make(TanH(RATE))
    make(TanH(RATE, phase="minimum", oversampling=1))
