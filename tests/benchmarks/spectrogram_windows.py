"""``python tests/benchmarks/spectrogram_windows.py FOLDER [--sizes 512 1024] [--seconds 1]``.

The worst window, not the mean. Every five seconds of every recording in a folder, at 22.05 kHz: by how many dB ``auto``
leads the better of librosa's two starts (random and zero phase) of ``griffinlim`` after as many iterations, each of one
inverse and one forward transform.
"""

from __future__ import annotations

import argparse
import importlib
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from spectrogram_signals import RATE, SECONDS, recording

from diffFx_pytorch.spectrogram import STFT, invert_spectrogram, spectral_convergence

ITERATIONS = (32, 100)
SIZES = (512, 1024, 2048, 4096)


def windows(path: Path, step: float = 1.0) -> Iterator[tuple[str, np.ndarray]]:
    """Every five seconds of a recording, ``step`` seconds apart, with a name."""
    x, size, hop = recording(str(path), 1e9, 0.0), int(SECONDS * RATE), int(step * RATE)
    for start in range(0, len(x) - size + 1, hop):
        yield f"{path.stem} {start / RATE:.0f} s", x[start : start + size].astype(np.float32)


def leads(x: np.ndarray, n_fft: int, n_iter: int) -> tuple[float, float]:
    """Spectral convergence of ours in dB, and how far it is below the better of librosa's."""
    librosa = importlib.import_module("librosa")
    stft = STFT(n_fft, pad_mode="constant")
    A = stft.magnitude(torch.from_numpy(x))

    def level(y: torch.Tensor) -> float:
        return float(spectral_convergence(stft.forward(y), A))

    ours = level(invert_spectrogram(A, stft, n_iter=n_iter, length=len(x)))  # pyright: ignore[reportArgumentType]
    kw = {"n_iter": n_iter, "hop_length": n_fft // 4, "n_fft": n_fft, "length": len(x), "random_state": 0}
    theirs = [level(torch.from_numpy(librosa.griffinlim(A.numpy(), init=init, **kw))) for init in ("random", None)]
    return ours, min(theirs) - ours


def main() -> None:
    """Print a row a size and a number of iterations."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("folder", type=Path)
    arguments.add_argument("--sizes", nargs="+", type=int, default=SIZES)
    arguments.add_argument("--seconds", type=float, default=1.0, help="from window to window")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    files = sorted(p for p in options.folder.iterdir() if "ir" not in p.stem.split("_"))
    print("| n_fft | iterations | worst window | lead there | next | mean lead | windows under 3 dB |\n|" + "---|" * 7)
    for n_fft in options.sizes:
        for n_iter in ITERATIONS:
            found = [(leads(x, n_fft, n_iter), name) for p in files for name, x in windows(p, options.seconds)]
            lead = sorted((d, f"{name} ({level:.1f} dB)") for (level, d), name in found)
            short = sum(d < 3 for d, _ in lead)
            print(
                f"| {n_fft} | {n_iter} | {lead[0][1]} | {lead[0][0]:.1f} | {lead[1][0]:.1f} | "
                f"{np.mean([d for d, _ in lead]):.1f} | {short} of {len(lead)} |",
                flush=True,
            )


if __name__ == "__main__":
    main()
