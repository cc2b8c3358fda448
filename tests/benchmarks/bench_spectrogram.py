"""Griffin-Lim beside librosa, one-shot and batched; memory of a retrieval. Quality is ``spectrogram_table.py``'s."""

from __future__ import annotations

from collections.abc import Callable

import torch
from harness import Memory, Scaling, Speed
from torch import Tensor

from diffFx_pytorch import Processor
from diffFx_pytorch.processors import DeClick, DeReverb, SpectralGate
from diffFx_pytorch.spectrogram import STFT, invert_spectrogram

T = 110_250
N_ITER = 20


def magnitude(n_fft: int, batch: int = 1, length: int = T) -> tuple[STFT, torch.Tensor]:
    generator = torch.Generator().manual_seed(0)
    stft = STFT(n_fft)
    return stft, stft.magnitude(torch.randn(batch, length, generator=generator))


def ours(n_fft: int, batch: int = 1, method: str = "griffin_lim", length: int = T) -> Callable[[], object]:
    stft, A = magnitude(n_fft, batch, length)
    return lambda: invert_spectrogram(A, stft, method, N_ITER, "random", length)


def items(n_fft: int, batch: int) -> Callable[[], object]:
    """A batch, one item after the other."""
    stft, A = magnitude(n_fft, batch)
    return lambda: [invert_spectrogram(a, stft, "griffin_lim", N_ITER, "random", T) for a in A]


def librosa(n_fft: int, momentum: float) -> Callable[[], object]:
    from librosa import griffinlim

    stft, A = magnitude(n_fft)
    array = A[0].numpy()
    return lambda: griffinlim(
        array, n_iter=N_ITER, hop_length=stft.hop_length, momentum=momentum, pad_mode="reflect", length=T
    )


def row(n_fft: int, method: str, momentum: float) -> Speed:
    name = f"{method}, n_fft={n_fft}, {N_ITER} iterations"
    peer = f"librosa griffinlim, momentum {momentum:g}"
    return Speed(name, lambda: ours(n_fft, method=method), lambda: librosa(n_fft, momentum), peer, 2.0, T * N_ITER)


SPEED = [row(n_fft, "griffin_lim", 0.0) for n_fft in (512, 1024, 2048, 4096)]
SPEED += [row(n_fft, "fast_griffin_lim", 0.99) for n_fft in (512, 1024, 2048, 4096)]
SPEED += [
    Speed(
        f"griffin_lim, n_fft=1024, batch of {batch}",
        lambda batch=batch: ours(1024, batch),
        lambda batch=batch: items(1024, batch),
        "ours, items one by one",
        1.0,
        T * N_ITER * batch,
    )
    for batch in (4, 16)
]


def framed(effect: type[Processor]) -> Callable[[], Tensor]:
    fx, x = effect(44100), torch.randn(1, 2, 10 * 44100, generator=torch.Generator().manual_seed(0))
    return lambda: fx(x)


SPEED += [
    Speed("de-reverb", lambda: framed(DeReverb), lambda: framed(SpectralGate), "ours, SpectralGate", None, 20 * 44100),
    Speed("de-click", lambda: framed(DeClick), lambda: framed(SpectralGate), "ours, SpectralGate", None, 20 * 44100),
]

# In spectra, complex64: a retrieval keeps six or seven whatever the number of iterations; the allocator, as many again.
MEMORY = [
    Memory(
        f"{method}, n_fft=1024, 60 s, in spectra",
        lambda method=method: ours(1024, 1, method, 12 * T),
        12 * T * 4 * 8 // 2,
        16.0,
    )
    for method in ("griffin_lim", "fast_griffin_lim", "auto")
]

SCALING = [Scaling("griffin_lim, n_fft=1024", lambda length: ours(1024, length=length))]
