"""torchaudio as an oracle, where it can be loaded: filters and their gradients, Griffin-Lim, resampling."""

import importlib

import pytest
import torch

from diffFx_pytorch.processors import ConvolutionReverb
from diffFx_pytorch.recursion import lfilter
from diffFx_pytorch.spectrogram import STFT, invert_spectrogram, spectral_convergence


@pytest.fixture
def functional():
    try:
        return importlib.import_module("torchaudio.functional")
    except (ImportError, OSError) as error:  # its wheel does not load beside the torch of another build
        pytest.skip(f"no torchaudio: {error}")


def noise(*shape):
    return torch.randn(*shape, dtype=torch.float64, generator=torch.Generator().manual_seed(0))


def test_lfilter_and_its_gradients(functional):
    a = torch.tensor([1.0, -1.6, 0.81], dtype=torch.float64, requires_grad=True)
    b = torch.tensor([0.2, 0.3, 0.1], dtype=torch.float64, requires_grad=True)
    x = (0.01 * noise(2, 2000)).requires_grad_()
    y, expected = lfilter(x, b, a), functional.lfilter(x, a, b, clamp=False)
    torch.testing.assert_close(y, expected)
    weights = noise(2, 2000)
    for ours, theirs in zip(*(torch.autograd.grad((v * weights).sum(), (x, b, a)) for v in (y, expected)), strict=True):
        torch.testing.assert_close(ours, theirs)


@pytest.mark.parametrize("momentum", [0.0, 0.99])
def test_griffin_lim_takes_the_same_steps(functional, momentum):
    stft = STFT(n_fft=256, hop_length=64)
    x = torch.sin(2 * torch.pi * 0.05 * torch.arange(4096.0)) * torch.hann_window(4096)
    magnitude = stft.magnitude(x)
    theirs = functional.griffinlim(
        magnitude,
        window=torch.hann_window(256),
        n_fft=256,
        hop_length=64,
        win_length=256,
        power=1.0,
        n_iter=40,
        momentum=momentum,
        length=4096,
        rand_init=False,
    )
    method = "fast_griffin_lim" if momentum else "griffin_lim"
    ours = invert_spectrogram(magnitude, stft, method, 40, "zero", 4096)
    reached, peer = (float(spectral_convergence(stft.magnitude(y), magnitude)) for y in (ours, theirs))
    assert reached < peer + 1.0


def test_a_response_is_resampled(functional):
    ir = torch.nn.functional.pad(torch.hann_window(64), (200, 200))[None]
    ours = ConvolutionReverb(44100, ir=ir, ir_rate=48000, normalize=False).response.double()
    theirs = functional.resample(ir.double(), 48000, 44100, lowpass_filter_width=64, rolloff=0.97)
    samples = min(ours.shape[-1], theirs.shape[-1])
    ours, theirs = ours[..., :samples], theirs[..., :samples]
    # In shape: whether a response is heard as loud at another rate is measured elsewhere.
    error = ours / ours.norm() - theirs / theirs.norm()
    assert 20 * error.norm().log10() < -60
