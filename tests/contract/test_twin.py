"""Every effect against its slow twin: the effect again, one sample at a time, written from the paper.

What is compared must be able to tell: every knob turned a little, and every option left out, changes it
by a thousand tolerances and more.
"""

import numpy as np
import pytest

from tests.contract.hearing import AUDIBLE, audition, rise_and_fall

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


def _compare(case, fx, twin, x, flat, key=None):
    y, values = fx(x, norm_params=flat, sidechain=key).numpy(), fx.map_parameters(flat)
    for i in range(len(x)):
        knobs = dict(zip(fx.params, values[i].tolist(), strict=True))
        keyed = {} if key is None else {"sidechain": key[i].tolist()}
        expected = np.asarray(twin(x[i].tolist(), fx.sample_rate, **knobs, **case.construction, **keyed))
        assert y[i].shape == expected.shape
        error = np.linalg.norm(y[i] - expected) / np.linalg.norm(expected)
        assert error < TOLERANCE, f"{case.id} at {fx.sample_rate} Hz, {x.shape[1]} channels, {knobs}: {error:.1e}"
