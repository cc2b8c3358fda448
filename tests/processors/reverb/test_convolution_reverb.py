"""Convolution reverb: a response is a response, its decay is its decay; scipy and pedalboard as oracles."""

import os

import numpy as np
import pytest
import scipy.signal
import soxr
import torch

from diffFx_pytorch.dsp.room_analysis import energy_decay_curve, reverberation_time
from diffFx_pytorch.processors import ConvolutionReverb
from diffFx_pytorch.routing import Chain

RATE = 44100
WET = {"mix": 1.0}


def decaying(channels, seconds=0.6, t60=0.5, rate=RATE, seed=0):
    samples = int(seconds * rate)
    noise = torch.from_numpy(np.random.default_rng(seed).standard_normal((channels, samples)))
    return noise * 10 ** (-3 / t60 * torch.arange(samples) / rate)


def pink_noise(rate, seconds):
    """Pink noise between 20 Hz and 3.5 kHz, the same sound at every rate, (1, 2, T)."""
    bins = np.arange(int(20 * seconds), int(3500 * seconds))
    drawn = np.random.default_rng(1).standard_normal((2, 2, len(bins))) / np.sqrt(bins)
    spectrum = np.zeros((2, int(rate * seconds) // 2 + 1), complex)
    spectrum[:, bins] = (drawn[0] + 1j * drawn[1]) * rate
    return torch.from_numpy(np.fft.irfft(spectrum, int(rate * seconds))[None])


def impulse(samples, channels=2, at=0):
    x = torch.zeros(1, channels, samples, dtype=torch.float64)
    x[..., at] = 1.0
    return x


def convolved(x, h):
    return torch.from_numpy(scipy.signal.fftconvolve(x.numpy(), h.numpy()[None], axes=-1)[..., : x.shape[-1]])


def test_equals_scipy():
    x, h = torch.randn(2, 2, RATE, dtype=torch.float64), decaying(2)
    y = ConvolutionReverb(RATE, ir=h, normalize=False)(x, dsp_params=WET)
    assert torch.allclose(y, convolved(x, h), rtol=0, atol=1e-10)


def test_one_channel_serves_both_sides():
    x, h = torch.randn(1, 2, RATE, dtype=torch.float64), decaying(1)
    fx = ConvolutionReverb(RATE, ir=h[0], normalize=False)
    assert torch.allclose(fx(x, dsp_params=WET), convolved(x, h), rtol=0, atol=1e-10)


def test_true_stereo_sends_each_side_to_both():
    x, h = torch.randn(1, 2, RATE, dtype=torch.float64), decaying(4)
    y = ConvolutionReverb(RATE, ir=h, normalize=False, true_stereo=True)(x, dsp_params=WET)
    for side, (from_left, from_right) in enumerate([(0, 2), (1, 3)]):
        expected = convolved(x[:, :1], h[from_left, None]) + convolved(x[:, 1:], h[from_right, None])
        assert torch.allclose(y[:, side], expected[:, 0], rtol=0, atol=1e-10)


def test_equals_pedalboard_but_for_its_level():
    pedalboard = pytest.importorskip("pedalboard")
    x, h = torch.randn(2, RATE), decaying(2).float()
    theirs = pedalboard.Convolution(h.numpy(), mix=1.0, sample_rate=RATE)(x.numpy(), RATE)
    ours = ConvolutionReverb(RATE, ir=h, normalize=False)(x[None], dsp_params=WET)[0].numpy()
    ours *= 0.125 / float(h.square().sum(-1).max().sqrt())
    assert np.linalg.norm(ours - theirs) < 1e-4 * np.linalg.norm(theirs)


@pytest.mark.parametrize("true_stereo", [False, True])
def test_normalised_pink_noise_keeps_its_level(true_stereo):
    x = pink_noise(RATE, 8.0)
    h = decaying(4 if true_stereo else 2) * 37.0
    y = ConvolutionReverb(RATE, ir=h, true_stereo=true_stereo)(x, dsp_params=WET)
    loudest = (y[..., RATE:].std(-1) / x[..., RATE:].std(-1)).max()
    assert float(loudest) == pytest.approx(1.0, rel=0.05)


@pytest.mark.parametrize("ir_rate", [8000, 44100, 96000])
def test_one_response_has_one_level_at_all_rates(ir_rate):
    """And the same response given at another rate has the same level too."""
    h = decaying(2, rate=ir_rate).float()
    levels = []
    for rate in (8000, 16000, 22050, 44100, 48000, 96000, 192000):
        x = pink_noise(rate, 2.0)
        for ir in (h, torch.from_numpy(soxr.resample(h.T.numpy(), ir_rate, rate, "VHQ").T.copy())):
            fx = ConvolutionReverb(rate, ir=ir, ir_rate=ir_rate if ir is h else rate)
            levels.append(20 * float((fx(x, dsp_params=WET).std() / x.std()).log10()))
    assert max(levels) - min(levels) < 0.1


def test_a_float32_response_is_normalised_in_float64():
    h = decaying(2).float()
    assert torch.equal(ConvolutionReverb(RATE, ir=h).response, ConvolutionReverb(RATE, ir=h.double()).response)


@pytest.mark.parametrize("learnable", [False, True])
def test_inference_mode(learnable):
    x = torch.randn(1, 2, 3000)
    expected = ConvolutionReverb(RATE, learnable=learnable)(x)
    with torch.inference_mode():
        assert torch.equal(ConvolutionReverb(RATE, learnable=learnable)(x), expected)


def test_half_a_file_and_a_pipe_are_refused(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    soundfile.write(tmp_path / "room.wav", decaying(2).T.numpy(), RATE, "FLOAT")
    whole = (tmp_path / "room.wav").read_bytes()
    (tmp_path / "half.wav").write_bytes(whole[: len(whole) // 2])
    os.mkfifo(tmp_path / "pipe.wav")
    for name in ("half.wav", "pipe.wav"):
        with pytest.raises(OSError, match=f"^ConvolutionReverb: .*{name}"):
            ConvolutionReverb(RATE, ir=tmp_path / name)


def test_latency_only_delays():
    x, h = torch.randn(1, 2, RATE, dtype=torch.float64), decaying(2)
    on_time = ConvolutionReverb(RATE, ir=h)
    late = ConvolutionReverb(RATE, ir=h, latency=512)
    assert late.latency_samples == 512
    assert torch.allclose(late(x)[..., 512:], on_time(x)[..., :-512], rtol=0, atol=1e-10)


def test_predelay_is_silence_before():
    fx = ConvolutionReverb(RATE, ir=decaying(2), normalize=False)
    x = impulse(RATE)
    y = fx(x, dsp_params={**WET, "predelay_ms": 100.0})
    assert y[..., :4410].abs().max() < 1e-12
    assert torch.allclose(y[..., 4410:], fx(x, dsp_params=WET)[..., :-4410], rtol=0, atol=1e-10)


@pytest.mark.parametrize("factor", [0.3, 0.7, 1.5])
def test_decay_multiplies_the_decay_time(factor):
    # A response that ends where it has fallen by 90 dB.
    fx = ConvolutionReverb(RATE, ir=decaying(2, 0.9, 0.6))
    y = fx(impulse(RATE), dsp_params={**WET, "decay": factor})
    measured = reverberation_time(y[0], RATE, fit_db=(-5.0, -25.0)).mean()
    assert float(measured) == pytest.approx(0.6 * factor, rel=0.05)


def test_a_longer_decay_raises_no_noise():
    h = decaying(1, 1.5, 0.4) + 1e-3 * torch.randn(1, int(1.5 * RATE), dtype=torch.float64)  # -60 dB
    fx = ConvolutionReverb(RATE, ir=h)
    y = fx(impulse(2 * RATE), dsp_params={**WET, "decay": 2.0})[0]
    early, late = (y[:, slice(int(a * RATE), int((a + 0.1) * RATE))].square().mean().sqrt() for a in (0.0, 1.2))
    assert late < 0.04 * early  # twice the decay: half of its 60 dB


def test_filters_act_on_the_reverberation_alone():
    fx = ConvolutionReverb(RATE, ir=torch.tensor([1.0]), normalize=False)
    y = fx(impulse(RATE), dsp_params={**WET, "lowpass_hz": 1000.0, "highpass_hz": 200.0})
    level = 20 * torch.fft.rfft(y[0, 0]).abs().log10()
    assert float(level[1000]) == pytest.approx(-3.2, abs=0.3)
    assert float(level[200]) == pytest.approx(-3.2, abs=0.3)
    assert level[8000] < -15
    assert level[20] < -17


def test_width_of_the_reverberation():
    fx = ConvolutionReverb(RATE, ir=decaying(2))
    x = impulse(RATE)
    narrow, plain, wide = (fx(x, dsp_params={**WET, "width": w})[0] for w in (0.0, 1.0, 2.0))
    assert torch.allclose(narrow[0], narrow[1])
    assert torch.allclose(wide.sum(0), plain.sum(0))
    assert torch.allclose(wide[0] - wide[1], 2 * (plain[0] - plain[1]))


def test_mono_becomes_stereo():
    fx = ConvolutionReverb(RATE)
    x = torch.randn(1, 1, 4000, dtype=torch.float64)
    assert torch.allclose(fx(x), fx(x.expand(-1, 2, -1)), rtol=0, atol=1e-12)


def test_files_are_read_and_resampled(tmp_path):
    soundfile = pytest.importorskip("soundfile")
    t = torch.arange(48000) / 48000
    h = (torch.sin(2 * torch.pi * 700 * t) * torch.exp(-20 * t)).double()
    soundfile.write(tmp_path / "room.wav", h.numpy(), 48000, "FLOAT")
    x = torch.randn(1, 2, RATE, dtype=torch.float64)
    x = convolved(x, torch.from_numpy(scipy.signal.firwin(511, 8000, fs=RATE))[None])  # nothing near Nyquist
    from_file = ConvolutionReverb(RATE, ir=tmp_path / "room.wav", normalize=False)
    from_tensor = ConvolutionReverb(RATE, ir=h, ir_rate=48000, normalize=False)
    y = from_file(x, dsp_params=WET)
    assert torch.allclose(from_tensor(x, dsp_params=WET), y, atol=1e-5)
    # Resampled, the response rings at the same pitch and is as loud as it would be at its own rate.
    assert from_file.response.shape[-1] == RATE
    t = torch.arange(RATE) / RATE
    own = (torch.sin(2 * torch.pi * 700 * t) * torch.exp(-20 * t)).double() * (48000 / RATE)
    expected = convolved(x, own[None])
    assert (y - expected).norm() < 1e-2 * expected.norm()


def test_trimmed_silence():
    h = torch.nn.functional.pad(decaying(2, 1.0, 0.5), (1000, 3 * RATE))
    fx = ConvolutionReverb(RATE, ir=h, trim=True, normalize=False)
    assert torch.equal(fx.response[:, :1000], h[:, 1000:2000])
    assert fx.response.shape[-1] < RATE


def test_a_learnable_response_learns():
    target = decaying(2, 0.05, 0.03).float()
    fx = ConvolutionReverb(8000, ir=torch.randn(2, target.shape[-1]) * 0.01, learnable=True, normalize=False)
    fx.response.data.mul_(0.1)
    assert [n for n, _ in fx.named_parameters()] == ["response"]
    assert "response" in fx.state_dict()
    x = torch.randn(1, 2, 8000)
    expected = convolved(x, target)
    optimizer = torch.optim.Adam(fx.parameters(), 0.05)
    losses = []
    for _ in range(40):
        loss = (fx(x, dsp_params=WET) - expected).square().mean()
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.03 * losses[0]
    before = fx(x, dsp_params=WET)
    play = fx.stream(dsp_params=WET)
    with torch.no_grad():
        first = play(x[..., :3000])
        fx.response.zero_()
        assert torch.allclose(first, before[..., :3000], atol=1e-5)
        assert not torch.allclose(play(x[..., 3000:]), before[..., 3000:], atol=1e-3), "the old response was kept"


def test_streams_in_a_chain():
    chain = Chain(room=ConvolutionReverb(8000, latency=64))
    x = torch.randn(1, 2, 6000, dtype=torch.float64)
    play = chain.stream()
    y = torch.cat([play(b) for b in x.split(150, -1)], -1)
    assert torch.allclose(y, chain(x), rtol=0, atol=1e-10)


def test_the_tail_lasts_as_long_as_the_response():
    fx = ConvolutionReverb(RATE, ir=decaying(2, 1.0, 0.5))
    assert fx.tail_seconds() == pytest.approx(0.55, abs=0.03)  # -66 dB
    assert fx.tail_seconds(dsp_params={"predelay_ms": 200.0}) == pytest.approx(0.75, abs=0.03)


@pytest.mark.parametrize(
    ("options", "error", "pattern"),
    [
        ({"ir": torch.zeros(2, 100)}, ValueError, "silent"),
        ({"ir": torch.zeros(2, 0)}, ValueError, "empty"),
        ({"ir": torch.full((100,), float("nan"))}, ValueError, "NaN"),
        ({"ir": torch.ones(3, 100)}, ValueError, "1 or 2 channels, got 3"),
        ({"ir": torch.ones(4, 100)}, ValueError, "true_stereo=True"),
        ({"ir": torch.ones(2, 100), "true_stereo": True}, ValueError, "left to right"),
        ({"ir": torch.ones(1, 2, 100)}, ValueError, r"\(C, L\)"),
        ({"ir": 3}, TypeError, "path"),
        ({"ir": "nowhere.wav"}, FileNotFoundError, "nowhere.wav: no such file"),
    ],
)
def test_what_is_wrong_is_refused(options, error, pattern):
    with pytest.raises(error, match=f"^ConvolutionReverb: .*{pattern}"):
        ConvolutionReverb(RATE, **options)


@pytest.mark.real_audio
def test_a_recorded_room(audio_folder):
    soundfile = pytest.importorskip("soundfile")
    h, rate = soundfile.read(audio_folder / "room_ir_48k.flac")
    fx = ConvolutionReverb(RATE, ir=audio_folder / "room_ir_48k.flac")
    assert fx.response.shape == (1, round(len(h) * RATE / rate))
    dry, _ = soundfile.read(audio_folder / "drums.flac", dtype="float32", frames=6 * RATE)
    x = torch.from_numpy(dry)[None, None]
    y = fx(x, dsp_params=WET)
    assert 0.1 < float(y.std() / x.std()) < 10
    assert bool((energy_decay_curve(fx(impulse(2 * RATE), dsp_params=WET))[..., RATE] < -30).all())
