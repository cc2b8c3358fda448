"""Every effect against its slow twin: the effect again, one sample at a time, written from the paper.

What is compared must be able to tell: every knob turned a little, and every option left out, changes it
by a thousand tolerances and more. What no variant of an effect is built with, constructions.py adds from its table.
"""

from dataclasses import replace

import numpy as np
import pytest
import torch

from diffFx_pytorch import registry
from tests.contract.constructions import LEFT_OUT, construction, derived, untried
from tests.contract.hearing import AUDIBLE, LENGTHS, audition, rise_and_fall, settings

TOLERANCE = 1e-8
assert AUDIBLE >= 1000 * TOLERANCE


def test_equals_its_twin(case, load_twin):
    twin = load_twin(case.cls)
    if twin is None:
        if case.built_in:
            pytest.fail(f"no slow twin: write tests/reference/{case.cls.__module__.rsplit('.', 1)[-1]}.py")
        pytest.skip("an effect from outside, or made of effects, without a twin")
    heard = {}
    # Low rates make times short. What a low rate does not have (the bands of a treble) is heard at the next.
    for rate in (8000, 44100):
        fx, others = case(sample_rate=rate), case.without_options(sample_rate=rate)
        for channels in sorted(fx.channels or (2,), reverse=True):
            missing = [name for name in (*fx.params, *others) if heard.get(name, 0.0) <= AUDIBLE]
            chosen = audition(fx, channels, missing, others, seed=rate)
            heard |= {name: max(loudness, heard.get(name, 0.0)) for name, loudness in chosen.heard().items()}
            _compare(case, fx, twin, chosen.x, chosen.flat)
            if fx.takes_sidechain and rate == 8000:
                key = rise_and_fall(*chosen.x.shape, seed=5)
                assert (
                    fx(chosen.x, norm_params=chosen.flat, sidechain=key) != fx(chosen.x, norm_params=chosen.flat)
                ).any()
                _compare(case, fx, twin, chosen.x, chosen.flat, key)
    unheard = {name: loudness for name, loudness in heard.items() if loudness <= AUDIBLE}
    assert not unheard, f"turning these does not change what is compared: {unheard}"


def test_equals_its_twin_at_every_value_of_its_options(first, load_twin):
    twin = load_twin(first.cls)
    if twin is None:
        pytest.skip("no twin")
    for options, tried in derived(first.cls):
        case, unheard = replace(first, construction=options), list(tried)
        for rate in (8000, 44100):
            fx = case(sample_rate=rate)
            unheard = [name for name in unheard if case.without(name, rate).params == fx.params]
            others = {name: case.without(name, rate) for name in unheard}
            lengths = [fx.latency_samples + samples for samples in LENGTHS]
            channels, knobs = max(fx.channels or (2,)), () if others else None
            chosen = audition(fx, channels, None, others, lengths, seed=rate, knobs=knobs)
            _compare(case, fx, twin, chosen.x, chosen.flat)
            unheard = [name for name, loudness in chosen.heard().items() if name in others and loudness <= AUDIBLE]
            if not unheard:
                break
        assert not unheard, f"{case.id}: the default of these does not change what is compared: {unheard}"


def test_what_is_left_out_cannot_be_compared(first, load_twin):
    for name, values in untried(first.cls).items():
        for value in (value for label, value in values.items() if label in LEFT_OUT):
            case = replace(first, construction=construction(first.cls, {name: value}))
            fx, x = case(), rise_and_fall(1, first.channels(), 400)
            with torch.no_grad():
                y, default = fx(x), case.without(name)(x)
            if (y - default).norm() > AUDIBLE * y.norm():
                with pytest.raises(TypeError, match=name):
                    _compare(case, fx, load_twin(first.cls), x, settings(fx, 1))


def test_what_is_left_out_is_in_no_variant():
    every = [untried(cls) for cls in registry.effects().values()]
    assert set(LEFT_OUT) <= {label for options in every for values in options.values() for label in values}


def _compare(case, fx, twin, x, flat, key=None):
    y, values = fx(x, norm_params=flat, sidechain=key).numpy(), fx.map_parameters(flat)
    for i in range(len(x)):
        knobs = dict(zip(fx.params, values[i].tolist(), strict=True))
        keyed = {} if key is None else {"sidechain": key[i].tolist()}
        expected = np.asarray(twin(x[i].tolist(), fx.sample_rate, **knobs, **case.construction, **keyed))
        assert y[i].shape == expected.shape
        error = np.linalg.norm(y[i] - expected) / np.linalg.norm(expected)
        assert error < TOLERANCE, f"{case.id} at {fx.sample_rate} Hz, {x.shape[1]} channels, {knobs}: {error:.1e}"
