"""Every knob away from neutral is in the sentence of every effect, in words, and nothing is in that of neutral ones."""

import re

import pytest
import torch

from diffFx_pytorch import registry
from diffFx_pytorch.explaining import NOTHING, at_rest
from diffFx_pytorch.presets import load_chain
from diffFx_pytorch.processors import (
    Compressor,
    Gain,
    HighPass,
    ParametricEqualizer,
    Peak,
    SoftClipper,
    StereoPanning,
    Tremolo,
)
from diffFx_pytorch.routing import Chain, DryWet, MidSide, Mixer, MultiBand, Parallel, Send
from tests.cli.command import difffx

EFFECTS = {n: c for n, c in registry.effects().items() if c.__module__.startswith("diffFx_pytorch.")}


def constructions(cls):
    yield {}
    yield from cls.variants
    if "tempo_bpm" in cls.options:
        yield {"tempo_bpm": 90.0}


def said(value, text):
    forms = {f"{abs(v):.3g}" if abs(v) < 1000 else f"{abs(v):.0f}" for v in (value, 100 * value, value / 1000)}
    return any(re.search(rf"(?<![\d.]){re.escape(form)}(?![\d]|\.\d)", text) for form in forms)


@pytest.mark.parametrize("name", EFFECTS)
def test_every_knob_away_from_neutral_is_mentioned(name):
    draw = torch.Generator().manual_seed(1)
    for options in constructions(EFFECTS[name]):
        fx = EFFECTS[name](**options)
        values = {k: float(v) for k, v in fx.to_dict(fx.map_parameters(fx.random_params(1, draw).double())).items()}
        text = fx.explain(values)
        assert text != NOTHING
        assert "{" not in text
        for knob, value in values.items():
            assert said(value, text), (options, knob, value, text)


@pytest.mark.parametrize("name", EFFECTS)
def test_a_neutral_effect_does_nothing(name):
    fx = EFFECTS[name]()
    if fx.neutral:
        assert fx.explain(fx.neutral) == NOTHING
        moved = next(iter(fx.neutral))
        values = {**fx.neutral, moved: fx.params[moved].to_physical(0.83)}
        assert at_rest(values[moved], fx.neutral[moved]) or fx.explain(values) != NOTHING or "mix" in fx.neutral
    else:
        assert fx.explain() != NOTHING


@pytest.mark.parametrize("name", EFFECTS)
def test_a_knob_that_moves_says_from_where_to_where(name):
    fx = EFFECTS[name]()
    for knob, row in list(fx.params.items())[:4]:
        if row.automatable:
            low, high = (float(row.to_physical(p)) for p in (0.21, 0.87))
            away = {n: fx.params[n].to_physical(0.6) for n in fx.neutral if n != knob}
            text = fx.explain({**away, knob: {0.25: low, 1.75: high}})
            assert "moving from" in text, (knob, text)
            assert "at 1.75 s" in text
            assert said(high, text)


def test_every_clause_is_said_somewhere():
    for cls in EFFECTS.values():
        choices = [{name: v} for name, option in cls.options.items() for v in getattr(option, "values", ())]
        fields = {f for options in (*constructions(cls), *choices) for f in cls(**options).params}
        fields |= {re.sub(r"_\d+", "_#", field) for field in fields}
        for clause in cls.words:
            assert {name for name, _ in re.findall(r"\{([^{}:]+)(?::(\w+))?\}", clause)} <= fields, (cls, clause)


@pytest.mark.parametrize(
    ("fx", "text"),
    [
        (Gain(gain_db=-6), "lowers the level by 6 dB"),
        (Peak(gain_db=-4, freq_hz=300), "takes 4 dB out around 300 Hz (Q 1)"),
        (
            Compressor(ratio=3, threshold_db=-24, mix=0.5),
            "evens the level 3:1 above -24 dB with a 10 ms attack and a 100 ms release, the knee 6 dB wide, "
            "mixed in at 50 %",
        ),
        (
            ParametricEqualizer(peak_2_gain_db=3, peak_2_freq_hz=2500, low_shelf_gain_db=-2),
            "takes 2 dB out below 100 Hz, adds 3 dB around 2.5 kHz",
        ),
        (HighPass(freq_hz=80, slope_db_per_octave=24), "takes out what is below 80 Hz (slope db per octave 24)"),
        (StereoPanning(pan=-0.3), "puts it 30 % left"),
        (SoftClipper(drive_db=6, mix=0), NOTHING),
        (Gain(gain_db={0: -60, 1.5: (-12, "hold")}), "moves the level, moving from -60 dB at 0 s to -12 dB at 1.5 s"),
        (Gain(gain_db=[[-9.0, 3.0, -1.0, 0.0]]), "moves the level, moving between -9 dB and 3 dB"),
        (
            Tremolo(tempo_bpm=90, period_beats=1.0),
            "moves the level up and down every 1 beats with a depth of 50 %, the sides 90 deg apart (tempo bpm 90)",
        ),
    ],
)
def test_sentences(fx, text):
    assert fx.explain() == text


def test_routings_say_how_their_effects_are_joined():
    drop, lift = Gain(gain_db=-3), Gain(gain_db=2)
    assert Chain(a=drop, b=Gain()).explain() == "a: lowers the level by 3 dB\nb: does nothing"
    assert Chain(a=Gain()).explain() == NOTHING
    assert DryWet(drop, mix=0.3).explain() == "mixed in at 30 %:\n  gain: lowers the level by 3 dB"
    assert DryWet(drop, mix=0).explain() == NOTHING
    assert Send(a=drop).explain() == "sent at -12 dB, beside the input:\n  a: lowers the level by 3 dB"
    both = Parallel(dry=None, wet=Chain(drop, lift), wet_level_db=-6)
    assert both.explain().split("\n") == [
        "beside each other, added up:",
        "  wet at -6 dB:",
        "    gain: lowers the level by 3 dB",
        "    gain_2: raises the level by 2 dB",
        "  dry at 0 dB: the input as it is",
    ]
    assert MidSide(side=drop).explain().endswith("\n  side: lowers the level by 3 dB")
    bands = MultiBand(Compressor(), crossover_1_hz=3000, crossover_2_hz=200)
    assert [line.split(":")[0] for line in bands.explain().split("\n")] == [
        "in bands",
        "  below 200 Hz",
        "  200 Hz to 3 kHz",
        "  above 3 kHz",
    ]
    mix = Mixer({"a": drop, "b": None}, {"room": lift}, sends={"b": {"room": -9.0}})
    assert mix.explain().split("\n") == [
        "a: lowers the level by 3 dB",
        "room: raises the level by 2 dB",
        "b to room: -9 dB",
    ]


def test_single_knobs_and_errors():
    assert Gain().explain(gain_db=3) == "raises the level by 3 dB"
    assert Gain().explain({"gain_db": torch.tensor([3.0, 9.0])}) == "raises the level by 3 dB"
    with pytest.raises(ValueError, match="did you mean 'gain_db'"):
        Gain().explain({"gian_db": 3})


def test_the_command(tmp_path):
    result = difffx("explain", "tape", env={"COLUMNS": "200"})
    chain = load_chain("tape")
    assert result.stdout == chain.about + "\n\n" + chain.build(44100)[0].explain() + "\n"
    assert difffx("explain", "-e", "Gain:gain_db=-6").stdout == "gain: lowers the level by 6 dB\n"
    assert difffx("explain").exit_code == 2
    assert difffx("explain", tmp_path / "nothing.yaml").exit_code == 2
