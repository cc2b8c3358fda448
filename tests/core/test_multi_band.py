"""An effect in bands."""

import pytest
import torch

from diffFx_pytorch import EffectParam
from diffFx_pytorch.processors import Compressor, Gain, SchroederReverb, StereoPanning
from diffFx_pytorch.routing import Chain, MultiBand

RATE = 44100


def _level_db(y):
    return 20 * torch.log10(torch.fft.rfft(y[0, 0]).abs())


@pytest.mark.parametrize(("low", "high"), [(200.0, 2000.0), (1000.0, 1200.0), (1200.0, 1000.0), (500.0, 500.0)])
def test_neutral_is_flat_for_any_crossovers(low, high):
    impulse = torch.zeros(1, 1, 2**16, dtype=torch.float64)
    impulse[..., 0] = 1
    y = MultiBand(Gain(RATE), 3)(impulse, dsp_params={"crossover_1_hz": low, "crossover_2_hz": high})
    assert _level_db(y).abs().max() < 0.05


@pytest.mark.parametrize("freqs", [[100.0], [1200.0, 1000.0, 90.0], [500.0, 500.0]])
@pytest.mark.parametrize("moves", [False, True])
def test_bands_of_linear_phase_sum_to_the_input_later(freqs, moves):
    fx, x = MultiBand(Gain(RATE), len(freqs) + 1, crossover="linear-phase", num_taps=511), torch.randn(1, 2, 3000)
    knobs = {f"crossover_{i + 1}_hz": torch.tensor([[f, 2 * f] if moves else [f]]) for i, f in enumerate(freqs)}
    late = fx.latency_samples
    assert late == 255
    assert torch.allclose(fx(x, dsp_params=knobs)[..., late:], x[..., :-late], rtol=0, atol=1e-6)


def test_bands_of_linear_phase_are_those_of_linkwitz_and_riley_in_step():
    """Same magnitudes, by the transform of what each band does to an impulse, and one delay at every frequency."""
    impulse = torch.zeros(1, 1, 2**15, dtype=torch.float64)
    impulse[..., 0] = 1
    at = torch.fft.rfftfreq(2**15, 1 / RATE, dtype=torch.float64)
    for band in (1, 2, 3):
        knobs = {f"band_{k}.gain_db": -60.0 for k in (1, 2, 3) if k != band}
        knobs |= {"crossover_1_hz": 200.0, "crossover_2_hz": 2000.0}
        both = [MultiBand(Gain(RATE), 3, crossover=c) for c in ("linkwitz-riley", "linear-phase")]
        old, new = (torch.fft.rfft(fx(impulse, dsp_params=knobs)[0, 0]) for fx in both)
        loud = old.abs() > 0.1
        assert (20 * (new.abs() / old.abs())[loud].log10()).abs().max() < 0.2
        turned = new * torch.polar(torch.ones_like(at), 2 * torch.pi * at / RATE * both[1].latency_samples)
        assert turned[loud].angle().abs().max() < 1e-6


def test_linear_phase_blocks_items_and_moving_knobs():
    fx = MultiBand(Compressor(RATE), 3, crossover="linear-phase", num_taps=101)
    x, key = torch.randn(2, 2, 900, dtype=torch.float64), torch.randn(2, 1, 900, dtype=torch.float64)
    points = 0.05 + 0.9 * torch.rand(2, len(fx.params), 3, dtype=torch.float64)
    for knobs in (points[..., 0], {n: points[:, i] for i, n in enumerate(fx.params) if n.startswith("crossover")}):
        whole = fx(x, norm_params=knobs, sidechain=key)
        play = fx.stream(norm_params=knobs, total=900)
        split = [1, 0, 399, 1, 200, 299]
        blocks = [play(b, k) for b, k in zip(x.split(split, -1), key.split(split, -1), strict=True)]
        assert torch.allclose(torch.cat(blocks, -1), whole, rtol=0, atol=1e-9)


def test_each_band_has_its_own_knobs():
    fx = MultiBand(Gain(RATE), 3)
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    knobs = {"crossover_1_hz": 300.0, "crossover_2_hz": 3000.0, "band_1.gain_db": -6.0, "band_3.gain_db": -12.0}
    for hertz, gain in ((50.0, -6.0), (1000.0, 0.0), (12000.0, -12.0)):
        x = torch.sin(2 * torch.pi * hertz * t)[None, None]
        y = fx(x, dsp_params=knobs)[..., RATE // 2 :]
        assert 20 * torch.log10(y.std() / x.std()) == pytest.approx(gain, abs=0.2)


def test_knobs_of_bands_and_crossovers():
    names = MultiBand(Gain(RATE), 3).param_names
    assert names == ["band_1.gain_db", "band_2.gain_db", "band_3.gain_db", "crossover_1_hz", "crossover_2_hz"]


def test_a_band_alone_is_compressed():
    fx = MultiBand(Compressor(RATE), 2)
    x = torch.randn(2, 2, 8000)
    off = {"band_1.ratio": 1.0, "band_2.ratio": 1.0}
    assert torch.allclose(fx(x, dsp_params=off), MultiBand(Gain(RATE), 2)(x), atol=1e-5)
    assert not torch.allclose(fx(x, dsp_params={**off, "band_2.ratio": 8.0}), fx(x, dsp_params=off), atol=1e-2)


def test_blocks_items_and_moving_knobs():
    fx = MultiBand(Compressor(RATE), 3)
    x, key = torch.randn(2, 2, 1500, dtype=torch.float64), torch.randn(2, 1, 1500, dtype=torch.float64)
    points = 0.05 + 0.9 * torch.rand(2, len(fx.params), 3, dtype=torch.float64)
    fixed = [i for i, p in enumerate(fx.params.values()) if not p.automatable]
    for knobs in (
        points[..., 0],
        {n: points[:, i, :1] if i in fixed else points[:, i] for i, n in enumerate(fx.params)},
    ):
        whole = fx(x, norm_params=knobs, sidechain=key)
        play = fx.stream(norm_params=knobs, total=1500)
        split = [1, 0, 499, 1, 700, 299]
        blocks = [play(b, k) for b, k in zip(x.split(split, -1), key.split(split, -1), strict=True)]
        assert torch.allclose(torch.cat(blocks, -1), whole, rtol=0, atol=1e-9)
    whole = fx(x, norm_params=points[..., 0])
    assert torch.allclose(fx(x[1:], norm_params=points[1:, :, 0]), whole[1:], rtol=0, atol=1e-10)


def test_gradients_reach_every_knob():
    fx = MultiBand(Compressor(RATE), 3)
    flat = torch.full((1, len(fx.params)), 0.4, dtype=torch.float64, requires_grad=True)
    fx(torch.randn(1, 2, 6000, dtype=torch.float64), norm_params=flat).square().mean().backward()
    assert (flat.grad.abs() > 0).all()


@pytest.mark.parametrize(
    ("build", "error", "pattern"),
    [
        (lambda: MultiBand(Gain(), 1), ValueError, "num_bands must be a whole number in 2 .. 16, got 1"),
        (lambda: MultiBand("gain"), TypeError, "needs a Processor"),
        (
            lambda: MultiBand(Gain(), 2, crossover="linear-phase", num_taps=64),
            ValueError,
            "num_taps must be odd, got 64",
        ),
        (lambda: MultiBand(Gain(), 2, {"crossover_9_hz": EffectParam(1, 2)}), ValueError, "did you mean"),
    ],
)
def test_refusals(build, error, pattern):
    with pytest.raises(error, match=f"MultiBand: .*{pattern}"):
        build()


def test_effects_that_make_stereo_place_each_band():
    """The lows on the left, the highs on the right, from mono; any effect goes in, with its latency and its state."""
    fx = MultiBand(StereoPanning(RATE), 2)
    knobs = {"crossover_1_hz": 1000.0, "band_1.pan": -1.0, "band_2.pan": 1.0}
    t = torch.arange(RATE // 2, dtype=torch.float64) / RATE
    for hertz, near in ((50.0, 0), (8000.0, 1)):
        y = fx(torch.sin(2 * torch.pi * hertz * t)[None, None], dsp_params=knobs)
        assert y.shape[1] == fx.channels_out == 2
        assert y[:, 1 - near].norm() < 0.01 * y[:, near].norm()


@pytest.mark.parametrize("inner", [lambda: SchroederReverb(RATE), lambda: Chain(Gain(RATE), Compressor(RATE))])
def test_around_reverbs_and_chains_blocks_are_the_whole(inner):
    fx, x = MultiBand(inner(), 2), torch.randn(1, 2, 3000, dtype=torch.float64)
    play = fx.stream()
    blocks = torch.cat([play(b) for b in x.split([1, 999, 2000], -1)], -1)
    assert torch.allclose(blocks, fx(x), rtol=0, atol=1e-10)
