"""What the knobs of a call decide, and when it is decided again."""

import numpy as np
import pytest
import torch

from diffFx_pytorch import EffectParam, Processor
from diffFx_pytorch.lines import grid, read_knobs
from diffFx_pytorch.processors import Gain, HighPass
from diffFx_pytorch.routing import Chain

FREQ = {"freq_hz": EffectParam(20.0, 20000.0, 1000.0, "log", "Hz")}
calls = []


class Counted(Processor):
    """A gain that counts how often it is decided."""

    params = FREQ
    variants = ()

    def control(self, *, freq_hz):
        calls.append(tuple(freq_hz.shape))
        return {"gain": freq_hz / 1000}

    def process(self, x, state, *, gain):
        return x * gain, state


@pytest.fixture(autouse=True)
def _none():
    calls.clear()


def test_a_stream_decides_once_and_again_when_something_changed():
    fx, x = Counted(), torch.ones(1, 1, 10)
    play = fx.stream()
    for _ in range(2):
        assert play(x).eq(1).all()
    assert calls == [(1, 1, 1)]
    fx.freq_hz = 2000.0
    assert torch.allclose(play(x), torch.tensor(2.0)), "a setting that is turned between blocks is heard"
    assert len(calls) == 2
    given = torch.tensor([500.0])
    play = fx.stream(freq_hz=given)
    play(x), play(x)
    assert len(calls) == 3
    given.fill_(4000.0)
    assert torch.allclose(play(x), torch.tensor(4.0)), "a tensor that is changed in place is heard"


def test_a_setting_that_learns_is_decided_anew():
    fx, x = Counted(freq_hz=1000.0).trainable(), torch.ones(1, 1, 10)
    play = fx.stream()
    for _ in range(2):  # a graph is good for one backward pass
        play(x).sum().backward()
    with torch.no_grad():
        before = play(x)
        next(fx.parameters()).add_(0.1)
        assert (play(x) > 1.5 * before).all()


def test_what_inference_decided_is_not_used_for_training():
    fx, play_x = Counted(), torch.ones(1, 1, 10)
    play = fx.stream()
    with torch.inference_mode():
        play(play_x)
    play(play_x.clone().requires_grad_()).sum().backward()


def test_coefficients_without_further_axes_are_joined_by_straight_lines():
    fx, x = Counted(control_period=4), torch.ones(1, 1, 17)
    knobs = {"freq_hz": {0.0: 1000.0, 16 / 44100: 4000.0}}
    y = fx(x, dsp_params=knobs)[0, 0]
    at = torch.arange(0, 17, 4)
    assert torch.allclose(y[at], 4 ** (at / 16.0), rtol=1e-5)
    assert torch.allclose(y[2], (y[0] + y[4]) / 2)
    assert calls == [(1, 1, 8)], "six of the grid, and two beside the last corner"


def test_the_grid_is_of_the_signals_own_time():
    x = torch.zeros(1, 1, 1)
    lines = read_knobs(FREQ, x, None, {"freq_hz": {0.0: 100.0, 40.5 / 44100: 1000.0, 1.0: 200.0}}).values()
    assert grid(lines, 0, 70, 44100, 32).tolist() == [0, 32, 40, 41, 64, 96]
    whole = set(grid(lines, 0, 200, 44100, 32).tolist())
    for start, samples in ((0, 7), (7, 30), (37, 3), (40, 1), (41, 100)):
        own = {n + start for n in grid(lines, start, samples, 44100, 32).tolist()}
        assert own <= whole | {0}
        assert min(own) <= start
        assert max(own) >= start + samples - 1


@pytest.mark.parametrize("period", [0, -1, 1.5])
def test_a_control_period_is_a_number_of_samples(period):
    with pytest.raises((ValueError, TypeError), match=r"HighPass.*control_period"):
        HighPass(control_period=period)


def _stranger(found):
    class Stranger(Processor):
        params = FREQ
        variants = ()

        def control(self, *, freq_hz):
            return found(freq_hz)

        def process(self, x, state, *, gain):
            return x * gain, state

    return Stranger()


@pytest.mark.parametrize(
    ("found", "words"),
    [
        (lambda f: {"gain": f[0]}, "Stranger: .*gain of shape .*reshape"),
        (lambda f: {"gain": f.expand(-1, -1, 3)}, "Stranger: .*gain of shape .*F = 1"),
        (lambda f: {"gain": f.new_ones(5, 1, 1)}, "Stranger: .*gain of shape .*B = 2"),
        (lambda f: {"gains": f}, "Stranger: .*returned gains, and process.* takes gain"),
        (lambda f: f, "Stranger: .*must return a dict"),
    ],
)
def test_what_control_returns_is_checked(found, words):
    with pytest.raises((ValueError, TypeError), match=words):
        _stranger(found)(torch.zeros(2, 1, 8))


def test_the_keywords_of_control_are_the_table():
    with pytest.raises(TypeError, match="keywords of control"):

        class Wrong(Processor):
            params = FREQ

            def control(self, *, cutoff_hz):
                return {"gain": cutoff_hz}

            def process(self, x, state, *, gain):
                return x * gain, state


def test_an_effect_without_control_hears_its_knobs_at_every_sample():
    x = torch.ones(1, 1, 100, dtype=torch.float64)
    y = Gain()(x, dsp_params={"gain_db": torch.linspace(-6, 6, 100)[None].double()})
    assert torch.allclose(20 * y.log10()[0, 0], torch.linspace(-6, 6, 100).double())


def test_numpy_and_chains_in_a_stream():
    chain = Chain(HighPass(), Gain(gain_db=6.0))
    play, x = chain.stream(), np.random.default_rng(0).standard_normal((1, 2, 300)).astype(np.float32)
    y = np.concatenate([play(b) for b in np.split(x, 3, -1)], -1)
    assert np.allclose(y, chain(x), atol=1e-6)
