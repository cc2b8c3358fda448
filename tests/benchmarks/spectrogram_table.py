"""``python tests/benchmarks/spectrogram_table.py [--recordings FOLDER] [--targets consistent smooth mel noisy]``.

Spectral convergence in dB after 32, 100 and 300 iterations: every method of ours, the peers on the same targets, as the
table of docs/phase_retrieval.md.
"""

from __future__ import annotations

import argparse
import importlib
import sys
import types
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch

sys.path.insert(0, str(Path(__file__).parent))
from harness import MISSING
from spectrogram_signals import RATE, music, recording, speech

from diffFx_pytorch import spectrogram as ours

ITERATIONS = (32, 100, 300)
SIZES = (1024, 2048)
Run = Callable[[torch.Tensor, ours.STFT, int, int], torch.Tensor]


def method(name: str, init: str = "pghi") -> Run:
    def run(A: torch.Tensor, stft: ours.STFT, n: int, length: int) -> torch.Tensor:
        return ours.invert_spectrogram(A, stft, name, n, init, length, torch.Generator().manual_seed(n))

    return run


def from_random(name: str, seeds: int = 4) -> Run:
    def run(A: torch.Tensor, stft: ours.STFT, n: int, length: int) -> torch.Tensor:
        batch = A.expand(seeds, *A.shape)
        return ours.invert_spectrogram(batch, stft, name, n, "random", length, torch.Generator().manual_seed(0))

    return run


def one_shot(init: str) -> Run:
    return lambda A, stft, n, length: ours.invert_spectrogram(A, stft, n_iter=0, init=init, length=length)


def specinv() -> types.ModuleType:
    """torch_specinv on a torch that still has the functions it calls."""
    methods = importlib.import_module("torch_specinv.methods")

    class Old(types.ModuleType):
        def __getattr__(self, name: str):
            return getattr(torch, name)

        @staticmethod
        def stft(*args, **kwargs):
            return torch.view_as_real(torch.stft(*args, return_complex=True, **kwargs))

        @staticmethod
        def irfft(x, dims, normalized=False, onesided=True, signal_sizes=None):
            n = signal_sizes[0] if signal_sizes else None
            return torch.fft.irfft(torch.view_as_complex(x.contiguous()), n=n)

    def ola(x, window, hop, coefficient, weight):
        # Its own sums, by fold: a convolution with an identity matrix takes minutes.
        frames = x * window.unsqueeze(-1) * coefficient
        total = (frames.shape[1] - 1) * hop + frames.shape[0]
        return torch.nn.functional.fold(frames[None], (1, total), (1, frames.shape[0]), stride=(1, hop)).view(-1)

    methods.torch = Old("torch")
    methods._ola = ola
    return methods


def peer_specinv(name: str, **options) -> Run:
    methods = specinv()

    def run(A: torch.Tensor, stft: ours.STFT, n: int, length: int) -> torch.Tensor:
        kw = {"hop_length": stft.hop_length, "window": stft.window_for(A), "center": True}
        x = getattr(methods, name)(A, maxiter=n, tol=0.0, verbose=False, **options, **kw)
        return torch.nn.functional.pad(x, (0, length - x.shape[-1]))

    return run


def peer_librosa(init: str | None, momentum: float = 0.99) -> Run:
    librosa = importlib.import_module("librosa")

    def run(A: torch.Tensor, stft: ours.STFT, n: int, length: int) -> torch.Tensor:
        x = librosa.griffinlim(
            A.numpy(), n_iter=n, hop_length=stft.hop_length, momentum=momentum, init=init, length=length,
            pad_mode="reflect", random_state=0,
        )  # fmt: skip
        return torch.from_numpy(x)

    return run


def rows() -> dict[str, Run]:
    table: dict[str, Run] = {"**ours: auto**": method("auto")}
    table |= {f"{name}, from PGHI": method(name) for name in ours.METHODS}
    table |= {f"{name}, from random": from_random(name) for name in ("griffin_lim", "fast_griffin_lim", "admm")}
    table |= {"pghi alone": one_shot("pghi"), "spsi alone": one_shot("spsi")}
    if hasattr(ours, "rtisi_la"):
        table["rtisi_la, look-ahead 3, 4 iterations"] = lambda A, stft, n, length: ours.rtisi_la(
            A, stft, look_ahead=3, n_iter=4, length=length
        )
    try:
        table |= {
            "torch_specinv griffin_lim": peer_specinv("griffin_lim", alpha=0.0),
            "torch_specinv griffin_lim, alpha 0.99": peer_specinv("griffin_lim", alpha=0.99),
            "torch_specinv ADMM, rho 0.1": peer_specinv("ADMM", rho=0.1),
            "torch_specinv ADMM, rho 0.2": peer_specinv("ADMM", rho=0.2),
        }
    except MISSING:
        print("torch_specinv is not installed")
    try:
        table |= {
            "librosa griffinlim, random": peer_librosa("random"),
            "librosa griffinlim, zero": peer_librosa(None),
        }
    except MISSING:
        print("librosa is not installed")
    return table


def mel_matrix(bins: int, bands: int = 80) -> torch.Tensor:
    """(bands, bins): triangles evenly spaced in mel."""
    top = 2595 * np.log10(1 + RATE / 2 / 700)
    edges = 700 * (10 ** (np.linspace(0, top, bands + 2) / 2595) - 1)
    f = np.linspace(0, RATE / 2, bins)
    up = (f - edges[:-2, None]) / (edges[1:-1] - edges[:-2])[:, None]
    down = (edges[2:, None] - f) / (edges[2:] - edges[1:-1])[:, None]
    return torch.from_numpy(np.maximum(0, np.minimum(up, down))).float()


def spoil(A: torch.Tensor, kind: str) -> torch.Tensor:
    """A magnitude that no signal has: averaged over neighbours, seen through 80 mel bands, or multiplied by noise."""
    if kind == "smooth":
        return torch.nn.functional.avg_pool2d(A[None], 3, 1, 1, count_include_pad=False)[0]
    if kind == "mel":
        W = mel_matrix(len(A))
        X = torch.full_like(A, float(A.mean()))
        for _ in range(200):
            X = X * (W.T @ (W @ A)) / (W.T @ (W @ X) + 1e-9)
        return X
    if kind == "noisy":
        return A * torch.exp(0.3 * torch.randn(A.shape, generator=torch.Generator().manual_seed(0)))
    return A


def main() -> None:
    """Print the tables."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--recordings", type=Path, help="a folder of recordings to use instead")
    arguments.add_argument("--targets", nargs="+", default=["consistent"], help="consistent, smooth, mel, noisy")
    arguments.add_argument("--only", default="", help="rows whose name contains this")
    options = arguments.parse_args()
    torch.set_num_threads(1)
    sounds = {"speech": speech(), "music": music()}
    if options.recordings:
        files = sorted(p for p in options.recordings.iterdir() if "ir" not in p.stem.split("_"))
        sounds = {p.stem: recording(str(p)) for p in files}
    for kind in options.targets:
        print(f"\n{kind}\n\n| method | " + " | ".join(f"{s} {n}/{n // 4}" for n in SIZES for s in sounds) + " |")
        print("|---" * (1 + len(SIZES) * len(sounds)) + "|")
        for name, run in rows().items():
            if options.only not in name:
                continue
            cells = []
            for n_fft in SIZES:
                for sound in sounds.values():
                    x = torch.from_numpy(sound).float()
                    stft = ours.STFT(n_fft)
                    A = spoil(stft.magnitude(x), kind)
                    counts = ITERATIONS if not any(w in name for w in ("alone", "rtisi")) else (1,)
                    values = [run(A, stft, n, x.numel()) for n in counts]
                    errors = [
                        ours.spectral_convergence(stft.forward(y), A.expand(*y.shape[:-1], *A.shape)) for y in values
                    ]
                    cells.append(" / ".join(f"{float(e):.1f}" for e in errors))
            print(f"| {name} | " + " | ".join(cells) + " |", flush=True)


if __name__ == "__main__":
    main()
