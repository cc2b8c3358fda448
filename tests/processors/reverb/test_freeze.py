"""Reverbs that hold what sounds in them: for ten seconds, whatever comes in, and not any longer than they are told."""

import pytest
import torch

from diffFx_pytorch import registry

RATE = 8000
KNOBS = {
    "FDNReverb": {"decay_s": 1.0, "decay_low_ratio": 1.0, "decay_high_ratio": 1.0},
    "PlateReverb": {"decay_s": 1.0, "mod_depth": 1.0},
    "ShimmerReverb": {"decay_s": 1.0},
    "SchroederReverb": {"room_size": 0.2},
}
FREEZABLE = {n: cls for n, cls in registry.effects().items() if "freezable" in cls.options}


@pytest.mark.parametrize("name", FREEZABLE)
def test_a_frozen_room_sounds_on_and_lets_nothing_in(name):
    """A burst, held from 0.5 to 11 s under a loud sound that begins at 0.7 s and ends before it is let go."""
    x = torch.zeros(1, 2, 13 * RATE)
    x[..., : RATE // 2] = torch.randn(1, 2, RATE // 2, generator=torch.Generator().manual_seed(0))
    loud = torch.zeros_like(x)
    loud[..., 7 * RATE // 10 : 21 * RATE // 2] = 10.0
    fx = FREEZABLE[name](RATE, freezable=True, mix=1.0, **KNOBS[name])
    freeze = {0.0: (0.0, "hold"), 0.5: (1.0, "hold"), 11.0: (0.0, "hold"), 13.0: 0.0}
    with torch.no_grad():
        y, disturbed = fx(x, freeze=freeze), fx(x + loud, freeze=freeze)
    level = 10 * y[0].double().square().mean(0).unfold(0, RATE // 2, RATE // 2).mean(-1).log10()
    assert (level[2:22] - level[2]).abs().max() < 0.5, "dB, from 1 to 11 s"
    assert torch.allclose(y[..., : 21 * RATE // 2], disturbed[..., : 21 * RATE // 2], atol=1e-6)
    assert level[22] - level[24] > 30.0, "dB in the second after it was let go"
    before, after = y[..., RATE // 2 - 200 : RATE // 2 + 400].diff().abs().split([200, 399], -1)
    assert after.max() < 2 * before.max(), "no click"


@pytest.mark.parametrize("name", FREEZABLE)
def test_half_frozen_it_decays_half_as_fast(name):
    x = torch.zeros(1, 2, 5 * RATE, dtype=torch.float64)
    x[..., : RATE // 4] = torch.randn(1, 2, RATE // 4, dtype=torch.float64, generator=torch.Generator().manual_seed(1))
    fx = FREEZABLE[name](RATE, freezable=True, mix=1.0, **KNOBS[name])
    slopes = []
    for freeze in (0.0, 0.5):
        y = fx(x, freeze=freeze)[0, :, RATE // 2 :]
        level = 10 * y.square().mean(0).unfold(0, RATE // 4, RATE // 4).mean(-1).log10()
        slopes.append(float(level[1] - level[5]))
    assert slopes[1] == pytest.approx(slopes[0] / 2, rel=0.25)
