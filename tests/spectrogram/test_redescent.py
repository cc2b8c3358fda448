"""Local descents: what they claim to be the error is it, nothing else moves, and what is stuck comes free."""

import pytest
import torch

from diffFx_pytorch.spectrogram import STFT, invert_spectrogram, spectral_convergence
from diffFx_pytorch.spectrogram.cycle import KernelCycle, TensorCycle
from diffFx_pytorch.spectrogram.redescent import Redescent
from diffFx_pytorch.spectrogram.rules import schedule_of
from tests.benchmarks.spectrogram_windows import leads, windows
from tests.spectrogram.signals import notes, random_phase

LENGTH = 6000


def build(dtype=torch.float64, **construction):
    stft = STFT(**{"n_fft": 128, **construction})
    A = stft.magnitude(notes(LENGTH).to(dtype))
    return stft, A, KernelCycle(stft, A.mT.unsqueeze(0).contiguous(), LENGTH)


CONSTRUCTIONS = [
    {},
    {"pad_mode": "constant"},
    {"pad_mode": "circular", "hop_length": 40},
    {"pad_mode": "replicate", "n_fft": 127},
    {"center": False, "window": "hamming"},
    {"hop_length": 128, "window": "rectangular"},
    {"win_length": 50, "hop_length": 20},
]


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
def test_a_part_is_the_whole_with_the_rest_known(construction):
    stft, A, cycle = build(**construction)
    torch.manual_seed(0)
    S = stft.forward(torch.randn(LENGTH, dtype=torch.float64))
    cycle.project(S.mT.contiguous())
    x = cycle.padded.clone()
    M, (first, last) = A.shape[-1], (8, 22)
    free = Redescent(cycle).free
    part = cycle.part(x, first, last, free)
    torch.testing.assert_close(part.spectrum(), S.mT[first:last])
    wild = random_phase(A).mT.contiguous()
    y = S.mT.clone()
    y[first:last] = wild[first:last]
    # The whole projection of the same, but for samples that other frames see.
    solved = stft.inverse(y.mT, LENGTH)
    low, high = (first * stft.hop_length + part.free[i] - stft.padding for i in (0, 1))
    expected = stft.inverse(S, LENGTH)
    expected[low:high] = solved[low:high]
    p = part.project(wild[first:last].clone())
    torch.testing.assert_close(p, stft.forward(expected).mT[first:last])
    outside = [m for m in range(M) if not first <= m < last]
    torch.testing.assert_close(stft.forward(expected).mT[outside], S.mT[outside])
    assert high - low >= stft.hop_length


@pytest.mark.parametrize("construction", CONSTRUCTIONS)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_its_errors_and_its_estimate_are_those_of_a_signal(construction, dtype):
    stft, A, cycle = build(dtype, **construction)
    redescent = Redescent(cycle)
    y = redescent.begin(cycle.begin(random_phase(A).mT.unsqueeze(0)))
    before = redescent.errors.sum()
    for _ in range(30):
        y, error = redescent.iterate(y)
    x = redescent.x[stft.padding : stft.padding + LENGTH]
    X = stft.forward(x)
    tolerance = 1e-9 if dtype == torch.float64 else 2e-3
    torch.testing.assert_close(
        torch.tensor(redescent.errors), (X.abs() - A).square().sum(0).double(), rtol=tolerance, atol=tolerance
    )
    assert float(error) == pytest.approx(redescent.errors.sum())
    assert float(error) < before
    torch.testing.assert_close(y.abs(), A.mT)
    onto = TensorCycle(stft, A.mT, LENGTH).onto(X.mT)
    torch.testing.assert_close(cycle.signal(y), cycle.signal(onto), atol=10 * tolerance, rtol=0)


def test_auto_ends_in_local_descents():
    """Notes and clicks one after the other: after 85 iterations most of the error is at few of the frames."""
    length = 40_000
    stft = STFT(256)
    A = stft.magnitude(torch.cat([notes(length // 5, seed=10 + i) for i in range(5)]))

    def error(method):
        return float(spectral_convergence(stft.forward(invert_spectrogram(A, stft, method, length=length)), A))

    assert error("auto") < error(schedule_of("test", "auto", 100)) - 0.5


def test_transforms_are_counted():
    """An iteration of local descents makes no more transforms than one over all frames, on average."""
    _, A, cycle = build()
    redescent = Redescent(cycle)
    y = redescent.begin(cycle.begin(random_phase(A).mT.unsqueeze(0)))
    made = []
    project = KernelCycle.project

    def counted(self, y):
        made.append(len(y))
        return project(self, y)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(KernelCycle, "project", counted)
        for _ in range(25):
            y, _ = redescent.iterate(y)
    assert 0.8 * 25 * A.shape[-1] < sum(made) <= 25 * A.shape[-1]


@pytest.mark.real_audio
@pytest.mark.thorough
@pytest.mark.parametrize("n_fft", [512, 1024, 2048, 4096])
def test_auto_leads_librosa_in_every_window(audio_folder, n_fft):
    """The worst of the windows of five seconds; docs/phase_retrieval.md has all of them."""
    pytest.importorskip("librosa")
    for name in ("bass", "drums", "guitar", "singing"):
        for where, x in windows(audio_folder / f"{name}.flac", 4.0):
            for n_iter, least in ((32, 2.0), (100, 1.0)):
                level, lead = leads(x, n_fft, n_iter)
                assert lead > least, f"{where}: {level:.1f} dB after {n_iter}"
