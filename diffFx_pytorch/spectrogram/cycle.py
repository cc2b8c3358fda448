"""P_C and P_A for spectra with frames first, (B, M, F): by tensor operations, or by kernels for one item on the CPU."""

from __future__ import annotations

import copy

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows

from .cpu.cycle import cut_frames, fold_and_pad, overlap_add_blocks
from .cpu.updates import onto_rows
from .padding import source_index
from .rules import GRAIN, Rule, Tensors, as_rows, with_magnitude
from .stft import STFT


class TensorCycle:
    """P_C and P_A on any device, differentiable, over a whole batch.

    Args:
        stft: the transform.
        target: A, (B, M, F).
        length: of the signals, with exactly M frames.
        fixed: (B, M, F) complex, the spectrum where its phase is known, NaN elsewhere.
    """

    def __init__(self, stft: STFT, target: Tensor, length: int, fixed: Tensor | None = None):
        self.stft, self.target, self.length, self.fixed = stft, target, length, fixed

    def onto(self, c: Tensor) -> Tensor:
        """P_A, and known phases put back."""
        x = with_magnitude(c, self.target)
        return x if self.fixed is None else torch.where(self.fixed.isnan(), x, self.fixed)

    def begin(self, c: Tensor) -> Tensor:
        """The first estimate, from the phases of c (B, M, F)."""
        return self.onto(c)

    def iterate(self, rule: Rule, tensors: Tensors) -> tuple[Tensors, Tensor]:
        """One iteration, and the squared distance from the target, (B,), of the spectrum that was projected."""
        error = None
        for _ in range(rule.projections):
            p = self.stft.project(tensors[0].mT, self.length).mT
            if error is None:
                error = self.distance(p)
            tensors = rule.advance(tensors, p, self.onto)
        assert error is not None
        return tensors, error

    def distance(self, p: Tensor) -> Tensor:
        """|| |p| - A ||^2, (B,)."""
        return (p.detach().abs() - self.target.detach()).square().sum((-1, -2))

    def signal(self, x: Tensor) -> Tensor:
        """The signals nearest to x: (B, length)."""
        return self.stft.inverse(x.mT, self.length)

    def error(self, x: Tensor) -> Tensor:
        """|| |P_C x| - A ||^2, (B,)."""
        return self.distance(self.stft.project(x.mT, self.length).mT)


class KernelCycle:
    """P_C and P_A for one item (B = 1) on the CPU, without a graph: two FFTs, one pass over frames and one over bins.

    Batches are lists of these: an item's arrays stay in the caches, and items are independent.
    """

    def __init__(self, stft: STFT, target: Tensor, length: int):
        self.stft, self.length = stft, length
        self.target = target[0].contiguous()
        M = self.target.shape[0]
        N, H, padding = stft.n_fft, stft.hop_length, stft.padding
        self.blocks = M - 1 + -(-N // H)
        total = max(self.blocks * H, padding + length)
        right = total - padding - length
        self.window = stft.window_for(target).numpy()
        self.weight = stft.weight(M, length, target).numpy()
        self.padded = torch.zeros(total, dtype=target.dtype)
        if stft.pad_mode == "constant" or not padding:
            self.left, self.right = np.full(padding, -1), np.full(right, -1)
        else:
            index = source_index(length, padding, right, stft.pad_mode).numpy()
            self.left, self.right = index[:padding].copy(), index[padding + length :].copy()
        self.errors = np.empty(M, self.window.dtype)
        self.known: Tensor | None = None
        self.free = 0, total
        self.norm = "ortho" if stft.normalized else "backward"

    def part(self, x: Tensor, first: int, last: int, free: tuple[int, int]) -> KernelCycle:
        """The cycle of some of the frames, over what is not known of the signal.

        P_C is then onto the spectra of signals that differ from x only where no other frame looks.

        Args:
            x: padded signal, as long as ``padded``.
            first: of the frames.
            last: one after the last of them.
            free: samples of the padded signal that may change, from the first to one after the last.
        """
        H, M = self.stft.hop_length, len(self.target)
        overlap = -(-self.stft.n_fft // H)
        new = copy.copy(self)
        new.target, new.errors = self.target[first:last], np.empty(last - first, self.window.dtype)
        new.blocks = last - first - 1 + overlap
        begin, end = first * H, len(x) if last == M else (first + new.blocks) * H
        new.left = new.right = np.full(0, -1)
        new.known, new.padded = x[begin:end], x[begin:end].clone()
        padding = len(self.left)
        new.weight = np.zeros(len(new.padded), self.weight.dtype)
        low, high = max(begin, padding), min(end, padding + len(self.weight))
        new.weight[low - begin : high - begin] = self.weight[low - padding : high - padding]
        low = 0 if first == 0 else begin + (overlap - 1) * H
        high = len(x) if last == M else last * H
        new.free = max(low, free[0]) - begin, min(high, free[1]) - begin
        return new

    def solve(self, y: Tensor) -> Tensor:
        """Write the signal nearest to y (M, F) into ``padded``; return the frames (M, N), to be overwritten."""
        frames = torch.fft.irfft(y, n=self.stft.n_fft, norm=self.norm)
        x = self.padded.numpy()
        grain = max(1, GRAIN * self.stft.n_fft // self.stft.hop_length)
        run_rows(overlap_add_blocks, self.blocks, grain, frames.numpy(), self.window, self.stft.hop_length, x)
        fold_and_pad(x, self.left, self.right, self.weight)
        if self.known is not None:
            low, high = self.free
            self.padded[:low], self.padded[high:] = self.known[:low], self.known[high:]
        return frames

    def project(self, y: Tensor) -> Tensor:
        """P_C y, (M, F), in new memory."""
        return self.spectrum(self.solve(y))

    def spectrum(self, frames: Tensor | None = None) -> Tensor:
        """The spectrum of the signal in ``padded``, (M, F); ``frames`` (M, N) is memory to be overwritten."""
        if frames is None:
            frames = self.padded.new_empty(len(self.target), self.stft.n_fft)
        x = self.padded.numpy()
        run_rows(cut_frames, len(frames), GRAIN, x, self.window, self.stft.hop_length, frames.numpy())
        return torch.fft.rfft(frames, norm=self.norm)

    def onto(self, c: Tensor) -> Tensor:
        """P_A."""
        return with_magnitude(c, self.target)

    def begin(self, c: Tensor) -> Tensor:
        """The first estimate, (M, F), from the phases of c (1, M, F); in new memory."""
        x = c[0].clone(memory_format=torch.contiguous_format)
        run_rows(onto_rows, len(x), GRAIN, as_rows(x), self.target.numpy())
        return x

    def iterate(self, rule: Rule, tensors: Tensors) -> tuple[Tensors, Tensor]:
        """As ``TensorCycle.iterate``, in place, of tensors (M, F) of the start or that this returned."""
        error = None
        for _ in range(rule.projections):
            p = self.project(tensors[0])
            new_state = rule.advance_rows(tensors, p, self.target, self.errors)
            if error is None:
                error = self.distance(p) if new_state is None else torch.tensor([self.errors.sum(dtype=np.float64)])
            tensors = rule.advance(tensors, p, self.onto) if new_state is None else new_state
        assert error is not None
        return tensors, error

    def distance(self, p: Tensor) -> Tensor:
        """|| |p| - A ||^2, (1,)."""
        return (p.abs() - self.target).square().sum().double().reshape(1)

    def frame_errors(self, p: Tensor) -> np.ndarray:
        """|| |p| - A ||^2 of every frame, (M,), in float64."""
        return (p.abs() - self.target).square().sum(-1).double().numpy()

    def signal(self, x: Tensor) -> Tensor:
        """The signal nearest to x (M, F): (1, length)."""
        self.solve(x)
        padding = self.stft.padding
        return self.padded[padding : padding + self.length].clone().unsqueeze(0)

    def error(self, x: Tensor) -> Tensor:
        """|| |P_C x| - A ||^2, (1,)."""
        return self.distance(self.project(x))
