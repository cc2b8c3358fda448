"""What a spectral gate does to noise, to sound, and to sound in noise."""

import importlib.util
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile as sf
import torch

from diffFx_pytorch.processors import SpectralGate

RATE = 16000
TWIN = Path(__file__).parents[2] / "reference" / "spectral_gate.py"


def _noise(seconds, level_db=-50.0, seed=0):
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(1, 1, int(seconds * RATE), generator=generator, dtype=torch.float64)
    return x * 10 ** (level_db / 20)


def _notes(seconds, freq_hz=440.0):
    """Half a second of tone, half a second of rest."""
    t = torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE
    bell = torch.sin(math.pi * (t % 1.0) * 2).clamp_min(0) ** 0.3
    return (0.3 * bell * sum(torch.sin(2 * math.pi * k * freq_hz * t) / k for k in range(1, 6)))[None, None]


def _level_db(x):
    return float(10 * x.square().mean().log10())


def _aligned(fx, x, **knobs):
    late = fx.latency_samples
    return fx(torch.nn.functional.pad(x, (0, late)), dsp_params=knobs)[..., late:]


@pytest.mark.parametrize("noise", ["follow", "quantile", "recording"])
def test_noise_alone_goes_down_by_the_reduction(noise):
    fx = SpectralGate(RATE, noise=_noise(1, seed=1) if noise == "recording" else noise)
    x = _noise(12)
    y = _aligned(fx, x, reduction_db=30.0, threshold_db=14.0)
    last = slice(8 * RATE, None)
    assert _level_db(y[..., last]) == pytest.approx(_level_db(x[..., last]) - 30, abs=1.0)


@pytest.mark.parametrize("noise", ["follow", "quantile", "recording"])
def test_notes_in_noise_come_out_cleaner_and_unharmed(noise):
    clean, hiss = _notes(12), _noise(12)
    fx = SpectralGate(RATE, noise=_noise(1, seed=1) if noise == "recording" else noise)
    y = _aligned(fx, clean + hiss, reduction_db=30.0)
    last = slice(6 * RATE, None)
    before, after = _level_db(hiss[..., last]), _level_db((y - clean)[..., last])
    assert after < before - 5
    on = ((torch.arange(12 * RATE) % RATE > 0.1 * RATE) & (torch.arange(12 * RATE) % RATE < 0.4 * RATE))[None, None]
    lost = _level_db((y - clean)[..., last][on[..., last]]) - _level_db(clean[..., last][on[..., last]])
    assert lost < -40


def test_a_loud_tone_passes_and_a_band_beside_it_is_shut():
    t = torch.arange(4 * RATE, dtype=torch.float64) / RATE
    tone = 0.5 * torch.sin(2 * math.pi * 1000 * t)[None, None]
    hiss = _noise(4, -60.0)
    y = _aligned(SpectralGate(RATE, noise=_noise(1, -60.0, seed=2)), tone + hiss, reduction_db=40.0, threshold_db=10.0)

    def band(x, low, high):
        power = torch.fft.rfft(x[0, 0, RATE:-RATE] * torch.hann_window(2 * RATE, dtype=x.dtype)).abs().square()
        return float(10 * power[2 * low : 2 * high].sum().log10())

    assert band(y, 990, 1010) == pytest.approx(band(tone, 990, 1010), abs=0.05)
    assert band(y, 4000, 6000) < band(hiss, 4000, 6000) - 30


def test_attack_and_release_are_not_exchanged():
    fx = SpectralGate(RATE, noise=_noise(1, seed=1), window_ms=8.0)
    on = _notes(2, 1000.0)
    on[..., RATE // 2 :] = 0  # one note, then rest
    quick = _aligned(fx, on, attack_ms=1.0, release_ms=5.0)
    slow_attack = _aligned(fx, on, attack_ms=200.0, release_ms=5.0)
    slow_release = _aligned(fx, on + _noise(2), attack_ms=1.0, release_ms=1000.0)
    fast_release = _aligned(fx, on + _noise(2), attack_ms=1.0, release_ms=5.0)
    start, rest = slice(0, RATE // 20), slice(int(0.55 * RATE), int(0.8 * RATE))
    assert _level_db(slow_attack[..., start]) < _level_db(quick[..., start]) - 3
    assert _level_db(slow_release[..., rest]) > _level_db(fast_release[..., rest]) + 3


def test_more_smoothing_opens_neighbours():
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    hiss = _noise(1, -70.0)
    x = 0.5 * torch.sin(2 * math.pi * 1000 * t)[None, None] + hiss
    fx = SpectralGate(RATE, noise=_noise(1, -70.0, seed=2))
    left = [_level_db(_aligned(fx, x, reduction_db=40.0, smoothing_hz=hz) - x) for hz in (10.0, 100.0, 1000.0)]
    assert left[0] > left[1] > left[2]  # less is taken away


def test_a_recording_equals_its_twin():
    spec = importlib.util.spec_from_file_location("reference_spectral_gate", TWIN)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    recording = _noise(0.1)[0, 0]
    fx = SpectralGate(8000, noise=recording, window_ms=8.0, link=False)
    x = _noise(0.05, -40.0, seed=3).expand(1, 2, -1) * torch.tensor([[1.0], [0.3]])
    knobs = {k: p.default for k, p in fx.params.items()}
    expected = module.twin(x[0].tolist(), 8000, **knobs, noise=recording.tolist(), window_ms=8.0, link=False)
    assert np.allclose(fx(x)[0].numpy(), expected, rtol=0, atol=1e-12)


def test_channels_share_their_gates_where_linked():
    x = torch.cat((_notes(2), torch.zeros(1, 1, 2 * RATE)), 1) + torch.cat((_noise(2), _noise(2, seed=5)), 1)
    recording = _noise(1, seed=1)
    linked, apart = (_aligned(SpectralGate(RATE, noise=recording, link=link), x) for link in (True, False))
    assert _level_db(linked[:, 1]) > _level_db(apart[:, 1]) + 1


def test_what_follows_and_what_was_recorded_streams_and_a_quantile_does_not():
    for noise in ("follow", _noise(0.1)):
        fx = SpectralGate(RATE, noise=noise)
        x = _noise(0.5) + _notes(0.5)
        play = fx.stream()
        blocks = torch.cat([play(b) for b in x.split(333, -1)], -1)
        assert torch.allclose(blocks, fx(x), rtol=0, atol=1e-12)
    with pytest.raises(ValueError, match="needs the whole signal"):
        SpectralGate(RATE, noise="quantile").stream()


@pytest.mark.parametrize(("rate", "window"), [(8000, 256), (22050, 512), (44100, 1024), (48000, 2048), (192000, 8192)])
def test_a_window_is_a_time(rate, window):
    assert SpectralGate(rate).latency_samples == window - 1


@pytest.mark.parametrize(
    ("wrong", "pattern"),
    [
        ({"noise": "magic"}, "'follow', 'quantile' or a recording"),
        ({"noise": torch.zeros(0)}, r"finite samples \(..., T\), got a Tensor of shape \(0,\)"),
        ({"noise": 0.5}, r"finite samples \(..., T\), got 0.5"),
        ({"noise": torch.full((1000,), math.nan)}, "finite samples"),
    ],
)
def test_what_cannot_be_is_refused(wrong, pattern):
    with pytest.raises(ValueError, match=f"^SpectralGate: .*{pattern}"):
        SpectralGate(RATE, **wrong)


def test_a_recording_goes_with_the_state_and_a_list_into_a_chain_file(tmp_path):
    from diffFx_pytorch import Chain
    from diffFx_pytorch.presets import load_chain, save_chain

    fx = SpectralGate(RATE, noise=_noise(0.1)[0, 0].tolist(), window_ms=16.0)
    other = SpectralGate(RATE, noise=_noise(0.1, -20.0), window_ms=16.0)
    x = _notes(0.2) + _noise(0.2)
    assert not torch.allclose(other(x), fx(x))
    other.load_state_dict(fx.state_dict())
    assert torch.equal(other(x), fx(x))
    save_chain(tmp_path / "chain.yaml", Chain(fx))
    chain, knobs = load_chain(tmp_path / "chain.yaml").build(RATE)
    assert torch.allclose(chain(x, dsp_params=knobs), fx(x))


@pytest.mark.parametrize("smoothing_hz", [10.0, 60.0])
def test_a_threshold_means_the_same_over_each_estimate_of_the_noise(smoothing_hz):
    """Noise alone, gated at thresholds over its level: all three let as much of it through, within a dB."""
    generator = torch.Generator().manual_seed(1)
    n, recorded = (0.05 * torch.randn(1, 1, 6 * 44100, generator=generator, dtype=torch.float64) for _ in range(2))
    thresholds = np.arange(0.0, 5.0)
    at_8_db = []
    for noise in ("follow", "quantile", recorded[0, 0]):
        fx = SpectralGate(44100, noise=noise)
        knobs = {"smoothing_hz": smoothing_hz, "reduction_db": 40.0, "attack_ms": 1.0, "release_ms": 5.0}
        left = []
        for threshold in thresholds:
            y = fx(n, dsp_params={**knobs, "threshold_db": float(threshold)})[..., 3 * 44100 :]
            left.append(float(10 * torch.log10(y.square().mean() / n.square().mean())))
        at_8_db.append(np.interp(8.0, -np.array(left), thresholds))
    assert np.ptp(at_8_db) < 1.0


@pytest.mark.real_audio
@pytest.mark.parametrize("name", ["singing", "guitar", "drums"])
@pytest.mark.parametrize("noise", ["follow", "quantile"])
def test_the_usual_settings_improve_the_ratio_of_signal_to_noise(name, noise, audio_folder):
    x, rate = sf.read(audio_folder / f"{name}.flac")
    x = torch.from_numpy(x.reshape(len(x), -1).mean(1)[: 8 * rate])
    hiss = torch.randn(len(x), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    fx = SpectralGate(rate, noise=noise)
    for ratio_db in (0, 10, 20):
        loud = hiss * x.norm() / hiss.norm() * 10 ** (-ratio_db / 20)
        error = fx((x + loud)[None, None])[0, 0, fx.latency_samples :] - x[: len(x) - fx.latency_samples]
        kept = slice(2 * rate, None)  # once the noise is known
        gain_db = 20 * math.log10(float(loud[: len(error)][kept].norm() / error[kept].norm()))
        assert gain_db > 1.0, ratio_db
