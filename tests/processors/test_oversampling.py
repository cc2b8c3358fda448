"""Oversampling: flat where it should be, silent where it should be, late by what it says, in blocks of any size."""

import numpy as np
import pytest
import torch

from diffFx_pytorch.processors.oversampling import Oversampler

EVERY = [(f, p) for p in ("linear", "minimum") for f in (2, 4, 8)]
N = 8192


def impulse():
    x = torch.zeros(1, 1, N, dtype=torch.float64)
    x[..., 0] = 1
    return x


@pytest.mark.parametrize(("factor", "phase"), EVERY)
def test_flat_to_20_khz_and_images_gone(factor, phase):
    over = Oversampler(factor, phase)
    up, _ = over.up(impulse())
    y, _ = over.down(up)
    level = 20 * np.log10(np.abs(np.fft.rfft(y[0, 0].numpy())) + 1e-20)
    frequency = np.arange(level.size) / N * 44100
    assert np.abs(level[frequency <= 20000]).max() < 0.005
    images = np.abs(np.fft.rfft(up[0, 0].numpy())) / factor
    beyond = np.arange(images.size) / N * 44100 >= 24100
    assert 20 * np.log10(images[beyond].max()) < -85


@pytest.mark.parametrize(("factor", "phase"), EVERY)
def test_what_lies_beyond_is_removed_before_it_folds(factor, phase):
    n = torch.arange(factor * 20000, dtype=torch.float64)
    for cycles in (0.55, 0.73, 0.99)[: 3 if factor > 2 else 2]:  # of the lower rate
        y, _ = Oversampler(factor, phase).down(torch.sin(2 * np.pi * cycles / factor * n)[None, None])
        assert y[..., 1000:].abs().max() < 10 ** (-85 / 20)


@pytest.mark.parametrize(("factor", "phase"), EVERY)
def test_latency(factor, phase):
    over = Oversampler(factor, phase)
    y, _ = over.down(over.up(impulse())[0])
    response = np.fft.rfft(y[0, 0].numpy())
    delay = -np.diff(np.unwrap(np.angle(response))) * N / (2 * np.pi)
    if phase == "linear":
        assert np.allclose(delay[: int(0.45 * N)], over.latency, atol=1e-6)
        assert int(y.abs().argmax()) == over.latency
    else:
        assert abs(delay[1] - over.latency) <= 0.5
        assert over.latency <= 4


@pytest.mark.parametrize(("factor", "phase"), [(1, "linear"), *EVERY])
def test_blocks_equal_the_whole(factor, phase):
    over = Oversampler(factor, phase)
    x = torch.randn(2, 3, 300, dtype=torch.float64)
    up, _ = over.up(x)
    whole, _ = over.down(up)
    ups, downs, before, after = [], [], None, None
    for block in x.split([1, 1, 2, 0, 3, 64, 1, 228], -1):
        high, before = over.up(block, before)
        low, after = over.down(high, after)
        assert high.shape[-1] == factor * block.shape[-1]
        ups.append(high)
        downs.append(low)
    assert torch.allclose(torch.cat(ups, -1), up, rtol=0, atol=1e-13)
    assert torch.allclose(torch.cat(downs, -1), whole, rtol=0, atol=1e-13)


@pytest.mark.parametrize(("factor", "phase"), [(4, "linear"), (4, "minimum")])
def test_gradients(factor, phase):
    over = Oversampler(factor, phase)
    x = torch.randn(1, 2, 9, dtype=torch.float64, requires_grad=True)
    assert torch.autograd.gradcheck(lambda x: over.down(over.up(x)[0])[0], x)


@pytest.mark.parametrize("factor", [0, 3, 16, 2.5, True, "2"])
def test_other_factors_are_refused(factor):
    with pytest.raises(ValueError, match="oversampling must be one of 1, 2, 4, 8"):
        Oversampler(factor)


def test_other_phases_are_refused():
    with pytest.raises(ValueError, match="phase must be 'linear' or 'minimum'"):
        Oversampler(2, "zero")
