"""The dither of files: triangular, white, each channel's own, and so that mean and power of the error are constant."""

import numpy as np
import pytest

from diffFx_pytorch.render.quantize import Quantizer

FRAMES = 1 << 18
SPREAD = 1 / np.sqrt(FRAMES)
"""Standard deviation of the mean of as many numbers of variance 1, and of the correlation of as many pairs."""

# Off every grid, so that each sample is dithered.
GENERATOR = np.random.default_rng(5)
SOUND = 0.4 * GENERATOR.uniform(-1, 1, (FRAMES, 3))
FRACTIONS = np.array([0.001, 0.25, 0.5, 0.8])
LEVELS = (GENERATOR.integers(-100, 100, (FRAMES, 4)) + FRACTIONS) / 2**15


def steps(x, bits=16, **given):
    return Quantizer(bits, **given)(x).astype(np.float64) / 2.0 ** (32 - bits)


def error(x, bits=16):
    return steps(x, bits) - x * 2 ** (bits - 1)


def correlations(x):
    return np.corrcoef(x.T)[np.triu_indices(x.shape[1], 1)]


def test_probability_of_each_step_is_that_of_the_triangle():
    # At a fraction f of a step, f + d rounds to -1 for d < -1/2 - f, to 1 for 1/2 - f <= d < 3/2 - f, to 2 above.
    below = (0.5 - FRACTIONS).clip(0) ** 2 / 2
    above = 0.5 + FRACTIONS  # 1 less the distance of 1/2 - f from the middle of the triangle
    from_one = np.where(above < 1, above**2 / 2, 1 - (2 - above) ** 2 / 2)
    from_two = (FRACTIONS - 0.5).clip(0) ** 2 / 2
    y = steps(LEVELS) - np.floor(LEVELS * 2**15)
    for step, wanted in ((-1, below), (1, from_one - from_two), (2, from_two)):
        assert (y == step).mean(axis=0) == pytest.approx(wanted, abs=5 * SPREAD)
    assert set(np.unique(y)) == {-1, 0, 1, 2}


@pytest.mark.parametrize("bits", [8, 16])
def test_mean_and_power_of_the_error_do_not_depend_on_the_signal(bits):
    x = LEVELS * 2.0 ** (16 - bits)
    noise = error(x, bits)
    assert noise.mean(axis=0) == pytest.approx(np.zeros(4), abs=5 * 0.5 * SPREAD)
    assert (noise**2).mean(axis=0) == pytest.approx(np.full(4, 0.25), abs=5 * 0.5 * SPREAD)


def test_error_is_white():
    blocks = error(SOUND).reshape(-1, 1024, 3)
    power = (np.abs(np.fft.rfft(blocks, axis=1)) ** 2)[:, 1:-1].mean(axis=0) / 1024
    # A mean of 256 periodograms of white noise, each of which spreads as much as it is high.
    assert power == pytest.approx(np.full_like(power, 0.25), rel=6 / 16)
    assert power.mean(axis=0) == pytest.approx(np.full(3, 0.25), rel=0.02)
    long = np.abs(np.fft.rfft(error(SOUND), axis=0)) ** 2 / FRAMES / 0.25  # no line anywhere
    assert long.max() < np.log(3 * FRAMES / 2) + 7


def test_error_of_a_channel_is_its_own_and_not_the_signals():
    noise = error(SOUND)
    assert abs(correlations(noise)).max() < 5 * SPREAD
    assert abs(correlations(np.concatenate((noise[1:], noise[:-1]), axis=1))).max() < 5 * SPREAD  # neighbours in time
    assert abs(correlations(np.concatenate((noise, SOUND), axis=1))).max() < 5 * SPREAD
    assert abs(correlations(np.concatenate((noise**2, SOUND**2), axis=1))).max() < 5 * SPREAD


def test_seeds_give_noises_that_are_not_each_others():
    noises = [steps(SOUND[:, :1], seed=seed) - SOUND[:, :1] * 2**15 for seed in (0, 1, 2, 1 << 40)]
    assert abs(correlations(np.concatenate(noises, axis=1))).max() < 5 * SPREAD
    for shift in (1, 2, 3):  # nor each other's, later
        moved = [np.roll(noise, shift * k, axis=0) for k, noise in enumerate(noises)]
        assert abs(correlations(np.concatenate(moved, axis=1))).max() < 5 * SPREAD
    assert np.array_equal(steps(SOUND, seed=7), steps(SOUND, seed=7))


def test_float32_and_float64_and_narrow_results_are_the_same():
    x = SOUND.astype(np.float32)
    assert np.array_equal(Quantizer(16)(x), Quantizer(16)(x.astype(np.float64)))
    assert np.array_equal(Quantizer(16, dtype=np.int16)(x), Quantizer(16)(x) >> 16)
    assert np.array_equal(Quantizer(16)(x.T.copy().T), Quantizer(16)(x))


@pytest.mark.parametrize("size", [1, 100, 2047, 2049])
def test_runs_of_integers_in_channels_at_different_times(size):
    rng = np.random.default_rng(size)
    x = SOUND[:30000, :2].copy()
    for c, first, length in ((0, 3000, 2047), (0, 9000, 2048), (1, 8000, 4100), (1, 13000, 2047), (0, 29000, 1000)):
        x[first : first + length, c] = rng.integers(-9, 9, length) / 2**15
    y = steps(x)
    plain = y == np.rint(x * 2**15)
    assert plain[9000:11048, 0].all()
    assert plain[8000:12100, 1].all()
    assert plain[29000:, 0].all()
    assert plain[3000:5047, 0].mean() < 0.9
    assert plain[13000:15047, 1].mean() < 0.9
    quantize = Quantizer(16)
    pieces = [quantize(x[i : i + size], more=True) for i in range(0, len(x), size)]
    assert np.array_equal(np.concatenate([*pieces, quantize(x[:0])]) / 2.0**16, y)
