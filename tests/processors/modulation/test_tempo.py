"""At a tempo every oscillator turns with the notes."""

import pytest
import torch

from diffFx_pytorch import registry

OSCILLATING = [c for c in registry.effects().values() if registry.family(c) == "modulation" and "rate_hz" in c.params]


@pytest.mark.parametrize("cls", OSCILLATING, ids=lambda cls: cls.__name__)
def test_a_turn_lasts_a_note(cls):
    assert len(OSCILLATING) > 8
    x = torch.randn(1, 2, 4000, dtype=torch.float64)
    fx = cls(44100, tempo_bpm=90.0)
    assert "rate_hz" not in fx.params
    expected = cls(44100)(x, dsp_params={"rate_hz": 3.0})
    assert torch.allclose(fx(x, dsp_params={"period_beats": 0.5}), expected, rtol=0, atol=1e-12)
    assert fx.tail_seconds(dsp_params={"period_beats": 0.5}) == cls(44100).tail_seconds(dsp_params={"rate_hz": 3.0})
