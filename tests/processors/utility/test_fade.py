import warnings

import pytest
import torch

from diffFx_pytorch import Chain
from diffFx_pytorch.processors.utility import Fade, Gain
from diffFx_pytorch.processors.utility.fade import SHAPES

RATE = 1000
IN, OUT = 0.25, 0.375  # whole numbers of samples in float32 too


def _gain(shape, dtype=torch.float64, samples=1000, **construction):
    x = torch.ones(1, 1, samples, dtype=dtype)
    return Fade(RATE, shape=shape, **construction)(x, dsp_params={"fade_in_s": IN, "fade_out_s": OUT})[0, 0]


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_reaches_exactly_0_and_exactly_1(shape, dtype):
    gain = _gain(shape, dtype)
    assert gain[0] == gain[-1] == 0
    assert (gain[250:625] == 1).all()
    assert (gain[:250] < 1).all()
    assert (gain[625:] < 1).all()


@pytest.mark.parametrize("shape", SHAPES)
def test_rises_and_falls_and_never_overshoots(shape):
    gain = _gain(shape)
    assert (gain[:251].diff() > 0).all()
    assert (gain[624:].diff() < 0).all()
    assert gain.max() <= 1


def test_each_shape_is_what_it_is_called():
    # A fade out of the same length, laid over the fade in, is the ramp read backwards.
    up = {shape: _gain(shape)[:251] for shape in SHAPES}
    assert torch.allclose(up["linear"] + up["linear"].flip(0), torch.ones(251, dtype=torch.float64))
    assert torch.allclose(up["s_curve"] + up["s_curve"].flip(0), torch.ones(251, dtype=torch.float64))
    assert torch.allclose(up["equal_power"] ** 2 + up["equal_power"].flip(0) ** 2, torch.ones(251, dtype=torch.float64))
    assert 20 * up["exponential"][125].log10() == pytest.approx(-30.1, abs=0.3)  # half way is half of 60 dB down
    assert up["s_curve"].diff()[[0, -1]].max() < 1e-4, "no corner at either end"


@pytest.mark.parametrize("name", ["fade_in_s", "fade_out_s"])
def test_a_fade_longer_than_the_file_says_so(name):
    x = torch.ones(2, 2, 1000)
    with pytest.warns(UserWarning, match=rf"{name} is longer than the signal; it was cut to the 1 s"):
        y = Fade(RATE)(x, dsp_params={name: torch.tensor([0.5, 1.5])})
    assert torch.equal(y[1:], Fade(RATE)(x[1:], dsp_params={name: 1.0}))
    with pytest.raises(ValueError, match=rf"Fade: {name} must lie in 0 \.\. 1 s, got 1\.5"):
        Fade(RATE, length_s=1.0)(x, dsp_params={name: 1.5})
    assert Fade(RATE)(x, dsp_params={name: 1.0}).shape == x.shape


def test_random_settings_of_a_chain_suit_any_clip():
    fx, x = Chain(fade=Fade(RATE), gain=Gain(RATE)), torch.ones(8, 1, 100)
    positions = fx.random_params(8, torch.Generator().manual_seed(0)).requires_grad_()
    with warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("default")
        y = fx(x, norm_params=positions)
        fx(x[:1], norm_params=positions[:1].flip(1))
    assert len(said) == 2, "once a knob, whatever the settings"
    y.square().sum().backward()
    assert y.isfinite().all()
    assert (y[..., 40:60] > 0).all()
    assert (positions.grad[:, :2] < 0).all(), "a fade that was cut can be learned back"


def test_without_a_length_it_cannot_stream():
    with pytest.raises(ValueError, match="Fade needs the whole signal at once"):
        Fade(RATE).stream()


@pytest.mark.parametrize("shape", SHAPES)
def test_with_a_length_it_streams_to_the_same_sound(shape):
    x = torch.randn(1, 2, 1000)
    knobs = {"fade_in_s": IN, "fade_out_s": OUT}
    play = Fade(RATE, shape=shape, length_s=1.0).stream(dsp_params=knobs)
    streamed = torch.cat([play(b) for b in x.split(77, -1)], -1)
    assert torch.allclose(streamed, Fade(RATE, shape=shape)(x, dsp_params=knobs), rtol=0, atol=1e-6)
    assert (play(torch.ones(1, 2, 50)) == 0).all(), "silent after the end"


def test_an_hour_in_float32_keeps_its_sample():
    samples = 3600 * 48000
    fx = Fade(48000, shape="linear", length_s=3600.0)
    state = torch.tensor(samples - 1000)
    y, _ = fx.process(
        torch.ones(1, 1, 1000), state, fade_in_s=torch.zeros(1, 1, 1), fade_out_s=torch.full((1, 1, 1), 500 / 48000)
    )
    assert y[0, 0, 499] == 1
    assert y[0, 0, 500] == pytest.approx(499 / 500, abs=1e-6)
    assert y[0, 0, -1] == 0
