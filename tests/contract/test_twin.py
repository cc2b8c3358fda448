"""Every effect against its slow twin: the effect again, one sample at a time, written from the paper."""

import numpy as np
import pytest


def test_equals_its_twin(case, make_noise, positions, load_twin):
    twin = load_twin(case.cls)
    if twin is None:
        if case.built_in:
            pytest.fail(f"no slow twin: write tests/reference/{case.cls.__module__.rsplit('.', 1)[-1]}.py")
        pytest.skip("an effect from outside, or made of effects, without a twin")
    for rate in (8000, 44100):
        fx = case(sample_rate=rate)
        for channels in fx.channels or (2,):
            x, flat = make_noise(2, channels, 600, seed=rate), positions(fx, 2, seed=rate)
            y = fx(x, norm_params=flat).numpy()
            values = fx.map_parameters(flat)
            for i in range(2):
                knobs = dict(zip(fx.params, values[i].tolist(), strict=True))
                expected = np.asarray(twin(x[i].tolist(), rate, **knobs, **case.construction))
                assert y[i].shape == expected.shape
                error = np.linalg.norm(y[i] - expected) / np.linalg.norm(expected)
                assert error < 1e-8, f"{case.id} at {rate} Hz, {channels} channels, {knobs}"
