"""FDNReverb: every band decays in its time, two ways of computing agree, and what a listener would notice."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import torch
from scipy.signal import butter, sosfilt

from diffFx_pytorch.dsp.absorption import ThreeBands, octave_absorption
from diffFx_pytorch.dsp.biquad import sos_response
from diffFx_pytorch.processors import FDNReverb

D = torch.float64
RATE = 44100
OCTAVES = [63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000]


def impulse(fx, seconds, knobs, channels=2):
    x = torch.zeros(1, channels, int(seconds * RATE), dtype=D)
    x[0, 0, 0] = 1.0
    with torch.no_grad():
        return fx(x, dsp_params={**knobs, "mix": 1.0})[0].numpy()


def decay_of(energy):
    """T60 from -5 to -35 dB of a backward-integrated energy (ISO 3382)."""
    level = 10 * np.log10(energy / energy[0] + 1e-30)
    first, last = np.argmax(level < -5), np.argmax(level < -35)
    return -60 / np.polyfit(np.arange(first, last) / RATE, level[first:last], 1)[0]


def measured(h, centre):
    band = butter(3, [centre / math.sqrt(2), min(centre * math.sqrt(2), 0.499 * RATE)], "band", fs=RATE, output="sos")
    return decay_of(np.cumsum(sosfilt(band, h)[::-1] ** 2)[::-1])


def expected(freqs, decay, centre, seconds):
    """What the same measurement gives of noise in which each frequency decays in its own time."""
    band = butter(3, [centre / math.sqrt(2), min(centre * math.sqrt(2), 0.499 * RATE)], "band", fs=RATE, output="sos")
    weight = np.abs(sos_response(torch.from_numpy(band), torch.from_numpy(freqs), RATE).numpy()) ** 2 * freqs
    t = np.arange(int(seconds * RATE) // 64) * 64 / RATE
    energy = (weight * decay * 10 ** (-6 * t[:, None] / decay)).sum(1)
    return decay_of(np.interp(np.arange(t.size * 64) / RATE, t, energy))


@pytest.mark.parametrize(
    ("construction", "knobs", "seconds"),
    [
        ({}, {}, 4.0),
        ({"num_lines": 16}, {"decay_s": 3.0, "decay_high_ratio": 0.2, "decay_low_ratio": 1.5}, 6.0),
        ({"num_lines": 4, "matrix": "householder"}, {"decay_s": 1.2, "decay_high_ratio": 1.0, "size": 0.6}, 3.0),
        ({"num_lines": 16, "matrix": "random orthogonal", "decay": "octave"}, {}, 4.0),
        (
            {"decay": "octave", "num_lines": 16},
            {f"decay_{f}hz_s": s for f, s in zip(OCTAVES, [3.0, 2.5, 1.8, 1.5, 1.4, 1.5, 1.4, 1.0, 0.7], strict=True)},
            6.0,
        ),
    ],
)
def test_every_octave_decays_in_its_time(construction, knobs, seconds):
    fx = FDNReverb(RATE, **construction)
    h = impulse(fx, seconds, knobs)[0]
    curve = fx.curve(**fx.knobs(torch.zeros(1, 1, 1, dtype=D), dsp_params=knobs))
    freqs, decay = curve.x.numpy(), curve.y.numpy()
    for centre in OCTAVES:
        got, want = measured(h, centre), expected(freqs, decay, centre, seconds)
        # Under 100 Hz a band has so few modes that where they lie counts.
        tolerance = 0.05 if centre > 100 else 0.08
        assert got == pytest.approx(want, rel=tolerance), f"{centre} Hz: {got:.3f} s against {want:.3f} s"


def test_octave_attenuation_is_exact_at_every_centre():
    delay = torch.tensor([[900.0, 3000.0]], dtype=D)
    decays = torch.tensor([[3.0, 2.5, 1.2, 1.0, 1.4, 1.8, 2.0, 1.0, 0.5]], dtype=D)
    sections = octave_absorption(delay, decays, OCTAVES, RATE)
    freqs = torch.tensor(OCTAVES, dtype=D)
    gain = sos_response(sections[0], freqs, RATE).abs()
    level = 20 * torch.log10(gain)
    wanted = -60 * delay[0][:, None] / (RATE * decays)
    assert torch.allclose(level, wanted, rtol=0.01)


@pytest.mark.slow
def test_nothing_grows_however_far_apart_the_bands_are():
    generator = torch.Generator().manual_seed(0)
    decays = 0.1 * 200 ** torch.rand(200, 9, generator=generator, dtype=D).round()
    sections = octave_absorption(torch.tensor([[900.0, 6000.0]], dtype=D), decays, OCTAVES, RATE)
    freqs = torch.logspace(0, math.log10(RATE / 2), 2000, dtype=D)
    gain = sos_response(sections, freqs, RATE).abs()
    assert gain.max() < 1


def test_three_bands_are_where_the_knobs_say():
    one = torch.ones(1, dtype=D)
    setting = (2.0 * one, 1.5 * one, 0.25 * one, 300.0 * one, 4000.0 * one)
    freqs = torch.tensor([1.0, 300.0, 1100.0, 4000.0, 0.4999 * RATE], dtype=D)
    decay = ThreeBands(*setting).decay(freqs, RATE)
    assert decay[0] == pytest.approx(3.0, rel=1e-3)
    assert 1 / decay[1] == pytest.approx((1 / 2 + 1 / 3) / 2, rel=0.03)
    assert decay[2] == pytest.approx(2.0, rel=0.2)
    assert 1 / decay[3] == pytest.approx((1 / 2 + 1 / 0.5) / 2, rel=0.03)
    assert decay[4] == pytest.approx(0.5, rel=1e-3)
    # The filters do that, exactly at both ends and nearly between.
    sections = ThreeBands(*(k[:, None] for k in setting)).absorption(torch.tensor([[2000.0]], dtype=D), RATE)
    level = 20 * torch.log10(sos_response(sections, freqs, RATE).abs())
    assert torch.allclose(level, -60 * 2000 / (RATE * decay), rtol=0.05)


@pytest.mark.parametrize("construction", [{}, {"num_lines": 4, "decay": "octave"}, {"num_lines": 16}])
def test_sampled_in_frequency_it_is_the_same(construction):
    fx = FDNReverb(RATE, **construction)
    knobs = {"size": 0.7, "predelay_ms": 7.3, "tone": 0.4, "width": 0.6}
    samples = int(1.8 * RATE)  # the first T60
    sampled = fx.impulse_response(samples, mix=1.0, **knobs)[0].detach().numpy()
    for channel in range(2):
        x = torch.zeros(1, 2, samples, dtype=D)
        x[0, channel, 0] = 1.0
        h = fx(x, dsp_params={**knobs, "mix": 1.0})[0].numpy()
        error = sampled[:, channel] - h
        assert np.linalg.norm(error) <= 1e-4 * np.linalg.norm(h)
        for part in np.array_split(np.arange(samples), 10):  # also where the sound has died
            assert np.linalg.norm(error[:, part]) <= 1e-4 * np.linalg.norm(h[:, part])


def test_compute_frequency_is_compute_time_on_any_signal():
    x = torch.randn(2, 2, 12000, generator=torch.Generator().manual_seed(0))
    time, frequency = FDNReverb(RATE), FDNReverb(RATE, compute="frequency")
    flat = 0.1 + 0.8 * torch.rand(2, len(time.params), generator=torch.Generator().manual_seed(2))
    a, b = time(x, norm_params=flat), frequency(x, norm_params=flat)
    assert (a - b).norm() <= 1e-4 * a.norm()
    a, b = time(x.double(), norm_params=flat), frequency(x.double(), norm_params=flat)
    assert (a - b).norm() <= 1e-8 * a.norm()


def test_gradients_of_both_ways_agree():
    x = torch.randn(1, 2, 9000, dtype=D, generator=torch.Generator().manual_seed(0))
    weights = torch.randn(1, 2, 9000, dtype=D, generator=torch.Generator().manual_seed(1))
    found = []
    for compute in ("time", "frequency"):
        fx = FDNReverb(RATE, compute=compute)
        flat = torch.full((1, len(fx.params)), 0.4, dtype=D, requires_grad=True)
        found.append(torch.autograd.grad((fx(x, norm_params=flat) * weights).sum(), flat)[0][0])
    names = list(FDNReverb(RATE).params)
    for name, a, b in zip(names, *found, strict=True):
        if name != "size":  # two surrogates, which agree at low frequencies only
            assert float(a) == pytest.approx(float(b), rel=1e-5, abs=1e-6 * float(found[0].abs().max())), name


def test_size_can_be_found_by_its_gradient():
    # At low frequencies the surrogate is the derivative of a line that is read between samples.
    n = torch.arange(20000, dtype=D)
    x = (torch.sin(2 * math.pi * 40 / RATE * n) * torch.hann_window(20000, dtype=D))[None, None]
    fx = FDNReverb(RATE)
    weights = torch.sin(2 * math.pi * 40 / RATE * n + 1.0)

    def loss(size):
        return (fx(x, dsp_params={"size": size, "mix": 1.0}) * weights).sum()

    size = torch.tensor(1.0, dtype=D, requires_grad=True)
    (gradient,) = torch.autograd.grad(loss(size), size)
    numeric = (loss(torch.tensor(1.01, dtype=D)) - loss(torch.tensor(0.99, dtype=D))) / 0.02
    assert gradient == pytest.approx(float(numeric), rel=0.1)


def test_energy_hardly_depends_on_decay_and_size():
    fx = FDNReverb(RATE)
    noise = torch.randn(1, 2, RATE // 2, dtype=D, generator=torch.Generator().manual_seed(0))
    x = torch.nn.functional.pad(noise, (0, 8 * RATE))
    for decay in (0.6, 1.5, 5.0):
        for size in (0.4, 1.0, 1.8):
            with torch.no_grad():
                knobs = {"decay_s": decay, "size": size, "mix": 1.0, "decay_low_ratio": 1.0, "decay_high_ratio": 1.0}
                y = fx(x, dsp_params=knobs)
            level = 10 * math.log10(float(y.square().sum() / x.square().sum()))
            assert abs(level) < 2.0, f"{decay} s, size {size}: {level:.2f} dB"


def test_width_and_sides():
    fx = FDNReverb(RATE)
    x = torch.randn(1, 1, 2 * RATE, dtype=D, generator=torch.Generator().manual_seed(0))

    def sides(width):
        with torch.no_grad():
            return fx(x, dsp_params={"width": width, "mix": 1.0})[0, :, RATE // 2 :]

    left, right = sides(0.0)
    assert torch.allclose(left, right, rtol=0, atol=1e-12)
    powers = []
    for width in (0.0, 0.5, 1.0):
        y = sides(width)
        powers.append(10 * math.log10(float(y.square().mean())))
    assert max(powers) - min(powers) < 1.0
    left, right = sides(1.0)
    assert abs(float((left * right).sum() / (left.norm() * right.norm()))) < 0.15


def test_echoes_grow_dense_and_sooner_with_diffusion():
    # Abel and Huang 2006: the share of samples beyond a standard deviation, over that of Gaussian noise.
    def mixing_time(diffusion):
        h = impulse(FDNReverb(RATE), 1.0, {"diffusion": diffusion})[0]
        window, density = RATE // 50, []
        for start in range(0, h.size - window, window // 2):
            part = h[start : start + window]
            density.append((np.abs(part) > part.std()).mean() / 0.3173 if part.std() > 0 else 0.0)
        return np.argmax(np.array(density) > 0.9) * window / 2 / RATE

    assert 0.03 < mixing_time(1.0) < mixing_time(0.0) < 0.5


def test_late_sound_has_no_partial_that_rings_out():
    # The spectrum of Gaussian noise has a flatness of exp(-0.577) = 0.56; sixteen lines have not quite as many modes.
    fx = FDNReverb(RATE, num_lines=16)
    h = impulse(fx, 1.5, {"decay_high_ratio": 1.0, "decay_low_ratio": 1.0})[0]
    for seconds in (0.1, 0.4, 0.8):
        late = h[int(seconds * RATE) :][: 2**14] * np.hanning(2**14)
        power = np.abs(np.fft.rfft(late))[100:6000] ** 2
        assert np.exp(np.log(power).mean()) / power.mean() > 0.35
        assert power.max() / power.mean() < 25  # 14 dB


def test_predelay_and_first_echo():
    fx = FDNReverb(RATE)
    for predelay in (0.0, 25.0):
        h = impulse(fx, 0.2, {"predelay_ms": predelay, "diffusion": 0.0})
        # Pure delays of 12 ms in all when not diffuse, then the shortest line.
        first = (np.abs(h[0]) > 1e-6).argmax() / RATE * 1000
        assert first == pytest.approx(predelay + 2.1 + 3.7 + 6.1 + 21.0, abs=1.0)


def test_long_twin():
    """As the contract's, but long enough that the lines have spoken."""
    path = Path(__file__).parents[2] / "reference" / "fdn_reverb.py"
    spec = importlib.util.spec_from_file_location("reference_fdn_reverb", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    x = torch.randn(1, 2, 1600, dtype=D, generator=torch.Generator().manual_seed(0))
    for construction in FDNReverb.variants[:3]:
        fx = FDNReverb(8000, **construction)
        knobs = {**fx.default_params(), "predelay_ms": 1.7, "mix": 1.0, "tone": -0.5, "width": 0.7, "size": 0.5}
        y = fx(x, dsp_params=knobs)[0].numpy()
        twin = np.asarray(module.twin(x[0].tolist(), 8000, **knobs, **construction))
        assert np.linalg.norm(y - twin) <= 1e-8 * np.linalg.norm(twin)


def test_streaming_keeps_no_more_of_a_long_block_than_of_the_longest_predelay():
    fx = FDNReverb(RATE)
    x = torch.randn(1, 2, 20000)

    def kept(state):
        if isinstance(state, torch.Tensor):
            return state.numel()
        if not isinstance(state, (dict, tuple, list)):
            return 0  # what the state is good for
        return sum(map(kept, state.values() if isinstance(state, dict) else state))

    with torch.no_grad():
        counts = [kept(fx.run(x[..., :n], None)[1]) for n in (1, 1000, 9000, 20000)]
    assert counts[1] == counts[2] == counts[3]


def test_lines_that_move_are_refused_in_frequency():
    with pytest.raises(ValueError, match=r"^FDNReverb: lines that move have no frequency response"):
        FDNReverb(RATE, compute="frequency", modulation=True)


def test_what_is_remembered_of_octaves_is_of_use_to_everybody():
    """Whoever asked first: without a graph, on another default device, or recording."""
    from diffFx_pytorch.kernels import constants

    def inferred(fx):
        with torch.inference_mode():
            fx(torch.zeros(1, 1, 8))

    def on_meta(fx):
        with torch.device("meta"):
            fx(torch.zeros(1, 1, 8, device="cpu"))

    def exported(fx):
        torch.export.export(fx, (torch.zeros(1, 1, 8),))

    for first in (inferred, on_meta, exported):
        constants._kept.cache_clear()
        fx = FDNReverb(8000, num_lines=4, decay="octave")
        first(fx)
        flat = torch.full((1, len(fx.params)), 0.4, requires_grad=True)
        fx(torch.ones(1, 1, 300), norm_params=flat).square().sum().backward()
        assert torch.isfinite(flat.grad).all(), first.__name__


def test_a_freeze_is_of_three_bands_in_time():
    for options in ({"decay": "octave"}, {"compute": "frequency"}):
        with pytest.raises(ValueError, match="FDNReverb: freezable moves the decay of three bands in time"):
            FDNReverb(freezable=True, **options)
