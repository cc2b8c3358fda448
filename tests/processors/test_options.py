"""The table of options: every effect refuses what its table does not allow, in one form, and is what it was given."""

import copy
import inspect
import math
import pickle
import re
from typing import Literal, get_args, get_origin

import numpy as np
import pytest
import torch

from diffFx_pytorch import EffectParam, Processor, registry
from diffFx_pytorch.options import Choice, Flag, Given, Integer, Number, Share, read_options

from ..contract.constructions import construction

EFFECTS = [cls for cls in registry.effects().values() if cls.options]


def wrong_values(option):
    """What no row of this kind allows."""
    if isinstance(option, Choice):
        return ["nonsense", 3.5, True, [], *([] if None in option.values else [None])]
    if isinstance(option, Flag):
        return ["no", 1, 0.0, None]
    if isinstance(option, Integer):
        below, above = option.min_val - option.step, option.max_val + option.step
        off = [option.min_val + 1] if option.step > 1 else []
        return [below, above, 10**30, float(option.default), option.default + 0.5, "3", True, None, *off]
    if isinstance(option, Number):
        below, above = option.min_val - 1, option.max_val * 2 + 1
        flag = [] if isinstance(option, Share) else [True]
        return [below, above, math.nan, math.inf, "5", [1.0], *flag, *([] if option.optional else [None])]
    return []


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_what_the_table_does_not_allow_is_refused_with_what_it_does(cls):
    for name, option in cls.options.items():
        for value in wrong_values(option):
            message = f"^{cls.__name__}: {name} must be .*{re.escape(option.legal())}, got {re.escape(repr(value))}"
            with pytest.raises(ValueError, match=message):
                cls(**{name: value})


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_unknown_options_are_refused_with_the_nearest_known(cls):
    name = next(iter(cls.options))
    with pytest.raises(TypeError, match=f"^{cls.__name__}: unknown option or knob '{name}_'; did you mean '{name}'?"):
        cls(**{f"{name}_": 1})


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_options_are_attributes_and_stay_what_they_are(cls):
    plain = cls()
    assert dict(plain.construction) == {}
    for name, option in cls.options.items():
        assert getattr(plain, name) == option.default
        values = option.values if isinstance(option, Choice) else (False, True) if isinstance(option, Flag) else ()
        for value in values:
            try:
                fx = cls(**{name: value})
            except ValueError:
                # A choice may ask for another option with it; its own row allows it.
                assert option.read(name, value) == value
                continue
            for again in (fx, copy.deepcopy(fx), pickle.loads(pickle.dumps(fx))):
                assert getattr(again, name) == value
                assert dict(again.construction) == {name: value}


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_docstring_and_signature_say_what_the_table_says(cls):
    parameters = inspect.signature(cls).parameters
    assert list(parameters) == ["sample_rate", "param_range", *cls.options]
    for name, option in cls.options.items():
        assert f"    {name}: {option.doc} {option.legal()}; default " in cls.__doc__
        assert option.doc.endswith(".")
        assert parameters[name].default == option.default
        assert parameters[name].annotation == option.type
        if isinstance(option, Choice):
            assert get_origin(option.type) is Literal
            assert get_args(option.type) == option.values
    assert cls.__doc__.startswith(cls.about.partition("\n")[0])


def test_the_signature_of_an_instance_is_not_that_of_its_class():
    fx = registry.effect("Tremolo")()
    assert "shape" not in inspect.signature(fx).parameters
    assert "norm_params" in inspect.signature(fx.forward).parameters


def test_numpy_numbers_are_numbers():
    table = {"n": Integer(1, 8, 2), "x": Number(0, 1, 0.5), "on": Flag(False), "c": Choice(1, 2)}
    given = {"n": np.int64(3), "x": np.float32(0.25), "on": np.bool_(True), "c": np.int32(2)}
    read = read_options(table, given, 44100)
    assert read == {"n": 3, "x": 0.25, "on": True, "c": 2}
    assert [type(v) for v in read.values()] == [int, float, bool, int]


def test_a_frequency_ends_where_the_sample_rate_allows():
    row = Number(1, 20000, None, "Hz")
    assert row.read("f", 15000, 44100) == 15000.0
    with pytest.raises(ValueError, match="f must be at most 3920 Hz at a sample rate of 8000 Hz, got 15000"):
        row.read("f", 15000, 8000)


def test_a_table_with_a_wrong_default_is_refused_at_once():
    for build in (
        lambda: Choice("a", "b", default="c"),
        lambda: Number(0, 1, 2.0),
        lambda: Integer(2, 8, 3, step=2),
        lambda: Flag("no"),
    ):
        with pytest.raises(ValueError, match="default must be"):
            build()


def test_what_is_given_is_named_shortly_where_it_is_a_tensor():
    row = Given(None, None, "a recording", check=lambda value: False)
    with pytest.raises(ValueError, match=r"ir must be a recording, got a Tensor of shape \(2, 9\)"):
        row.read("ir", torch.zeros(2, 9))


def test_a_table_of_knobs_may_depend_on_options_and_rate():
    class Comb(Processor):
        """Taps."""

        variants = ()
        options = {"num_taps": Integer(1, 8, 2, doc="How many.")}

        def table(self):
            return {f"tap_{i}_hz": EffectParam(20.0, 20000.0, 100.0, "log", "Hz") for i in range(self.num_taps)}

        def prepare(self):
            self.latency_samples = self.num_taps * len(self.params)

        def process(self, x, state, **taps):
            return x, state

    fx = Comb(8000, num_taps=3)
    assert fx.param_names == ["tap_0_hz", "tap_1_hz", "tap_2_hz"]
    assert fx.params["tap_0_hz"].max_val == pytest.approx(3920.0)
    assert fx.latency_samples == 9


def test_what_prepare_refuses_is_refused_in_the_name_of_the_effect():
    class Picky(Processor):
        variants = ()

        def prepare(self):
            raise ValueError("the moon is not full")

    with pytest.raises(ValueError, match=r"^Picky: the moon is not full"):
        Picky()


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_every_number_has_two_ends_that_can_be_built(cls):
    for name, option in cls.options.items():
        if isinstance(option, (Number, Integer)):
            ends = option.min_val, option.max_val
            assert all(map(math.isfinite, ends)), f"{name} has no bounds: it would end in the allocator"
            for end in ends:
                try:
                    fx = cls(44100, **construction(cls, {name: end}))
                except ValueError as error:
                    reason = str(error)
                else:
                    assert fx(torch.zeros(1, max(fx.channels or (1,)), 8)).shape[-1] == 8
                    continue
                # What else the effect was given, or the sample rate, may allow less.
                assert re.search(rf"{name} must lie in|of them, got", reason), reason


@pytest.mark.parametrize("cls", EFFECTS, ids=lambda c: c.__name__)
def test_every_count_can_be_built(cls):
    for name, option in cls.options.items():
        if isinstance(option, Integer) and option.max_val <= 64 and name.startswith("num_") and "bands" not in name:
            for count in range(option.min_val, option.max_val + 1, option.step):
                assert getattr(cls(44100, **{name: count}), name) == count
