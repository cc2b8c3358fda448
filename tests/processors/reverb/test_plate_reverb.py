"""Dattorro's plate: beside its twin for longer than the tank takes, and its decay."""

import importlib.util
from pathlib import Path

import numpy as np
import pytest
import torch

from diffFx_pytorch.dsp.room_analysis import echo_density, reverberation_time
from diffFx_pytorch.processors import PlateReverb

RATE = 44100


def impulse(seconds, rate=RATE):
    x = torch.zeros(1, 2, int(seconds * rate), dtype=torch.float64)
    x[..., 0] = 1.0
    return x


def test_equals_its_twin_twice_around_the_tank():
    # Once around is 2900 samples at 8 kHz and half size; the contract's twin test is over before that.
    path = Path(__file__).parents[2] / "reference" / "plate_reverb.py"
    spec = importlib.util.spec_from_file_location("reference_plate_reverb_long", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    fx = PlateReverb(8000, size=0.5)
    x = torch.randn(2, 6000, dtype=torch.float64)
    knobs = dict(
        zip(fx.params, fx.map_parameters(torch.full((1, 9), 0.4, dtype=torch.float64))[0].tolist(), strict=True)
    )
    expected = np.asarray(module.twin(x.tolist(), 8000, **knobs, size=0.5))
    y = fx(x[None], dsp_params=knobs)[0].numpy()
    assert np.abs(y - expected).max() < 1e-10 * np.abs(expected).max()


@pytest.mark.parametrize(("decay_s", "size"), [(0.6, 0.6), (1.0, 1.0), (2.0, 1.0), (4.0, 0.6), (2.0, 2.0), (6.0, 1.0)])
def test_decays_as_long_as_its_knob_says(decay_s, size):
    knobs = {"decay_s": decay_s, "damping_hz": 20000.0, "mix": 1.0}
    h = PlateReverb(RATE, size=size)(impulse(1.6 * decay_s), dsp_params=knobs)[0]
    t60 = reverberation_time(h, RATE)
    assert torch.allclose(t60, torch.full_like(t60, decay_s), rtol=0.06)
    octaves = reverberation_time(h, RATE, "octave").mean(0)
    assert torch.allclose(octaves, torch.full_like(octaves, decay_s), rtol=0.1)


def test_damping_shortens_the_highs():
    knobs = {"decay_s": 3.0, "damping_hz": 2000.0, "mix": 1.0}
    low, high = reverberation_time(PlateReverb(RATE)(impulse(5.0), dsp_params=knobs)[0, 0], RATE, [250.0, 4000.0])
    assert float(low) == pytest.approx(3.0, rel=0.15)
    # The filter takes 6.9 dB off 4 kHz twice in 0.725 s, beside the 20 dB/s of all; the slow edge of the octave lasts.
    assert float(high) == pytest.approx(60 / (20 + 2 * 6.9 / 0.725), rel=0.15)


def test_bandwidth_darkens_from_the_start():
    spectra = [
        torch.fft.rfft(PlateReverb(RATE)(impulse(1.0), dsp_params={"bandwidth_hz": f, "mix": 1.0})[0, 0]).abs()
        for f in (1000.0, 20000.0)
    ]
    ratio = spectra[0] / spectra[1]
    assert float(ratio[50:100].median()) > 0.95
    assert float(ratio[7900:8100].median()) == pytest.approx(0.11, abs=0.04)  # one pole: 1 / sqrt(1 + 64), about


def test_diffusion_softens_the_attack():
    def early(diffusion):
        h = PlateReverb(RATE)(impulse(0.5), dsp_params={"diffusion": diffusion, "mix": 1.0})[0, 0]
        return float(echo_density(h, RATE)[20:150].mean())

    assert early(1.0) > 1.5 * early(0.0)


def test_is_loud_enough_dense_and_stereo():
    x = 0.1 * torch.randn(1, 2, 4 * RATE)
    for decay_s in (0.5, 2.0, 8.0):
        wet = PlateReverb(RATE)(x, dsp_params={"mix": 1.0, "decay_s": decay_s})[..., RATE:]
        assert -8 < float(20 * torch.log10(wet.std() / x.std())) < 4
    h = PlateReverb(RATE)(impulse(1.5), dsp_params={"mix": 1.0})[0]
    assert float(echo_density(h[0], RATE)[600:1000].mean()) > 0.85
    assert abs(float((h[0] * h[1]).sum() / (h[0].norm() * h[1].norm()))) < 0.2


def test_modulation_moves_the_spectrum_and_stays_stable():
    x = torch.zeros(1, 2, 20 * RATE)
    x[..., :RATE] = 0.1 * torch.randn(2, RATE)
    knobs = {"decay_s": 30.0, "damping_hz": 20000.0, "mod_depth": 1.0, "mod_rate_hz": 5.0, "mix": 1.0}
    y = PlateReverb(RATE)(x, dsp_params=knobs)[0]
    second = y.unflatten(-1, (20, RATE)).square().sum(-1).sum(0)
    assert (second[2:] < second[1]).all()
    still = PlateReverb(RATE)(x[..., : 2 * RATE], dsp_params={**knobs, "mod_depth": 0.0})[0]
    assert (still - y[:, : 2 * RATE]).norm() > 0.5 * still.norm()
