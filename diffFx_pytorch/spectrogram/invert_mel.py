"""A signal from its mel spectrogram."""

from __future__ import annotations

import math
from functools import partial

import torch
from torch import Tensor

from .cycle import TensorCycle
from .descent import Callback, Descent, Inversion, Run, descend
from .initial import initial_spectrum, power_of_two
from .mel import MelScale
from .representation import search
from .rules import Rule, schedule_of, with_magnitude
from .stft import STFT

_SPREADING = 3
_LEAST = 1e-12
"""Smallest mel value divided by, of a target whose largest is between 1/2 and 1."""


class MelCycle(TensorCycle):
    """P_C of ``TensorCycle``, and in place of P_A a map to the spectra that have the mel spectrogram M.

    With v = |c|^power, the bins of a band are first scaled together, as ``nnls`` does, three times,

        v = v * (W^T (M / W v)) / (W^T 1),

    so that quiet bins stay quiet, and then moved as little as possible, v = max(0, v + W^+ (M - W v)); phases stay.
    So the rules that know the magnitude of every bin serve here too, at the price of a few small matrix products, and
    a bin takes whatever share of its band the signal gives it.

    Args:
        stft: the transform.
        scale: the mel scale.
        mel: (B, M, K) with frames first; errors are distances from it.
        reachable: (B, M, K), the nearest that a spectrum has.
        length: of the signals, with exactly M frames.
    """

    def __init__(self, stft: STFT, scale: MelScale, mel: Tensor, reachable: Tensor, length: int):
        super().__init__(stft, mel, length)
        self.scale, self.reachable = scale, reachable
        self.filters, self.back = scale.filters(mel), scale.back(mel)
        sums = self.filters.sum(0)
        self.share = torch.where(sums > 0, self.filters / torch.where(sums > 0, sums, 1.0), 0.0)

    def onto(self, c: Tensor) -> Tensor:
        """Move c to a spectrum with the target's mel spectrogram."""
        power = self.scale.power
        v = c.abs() if power == 1 else c.abs().pow(power)
        for _ in range(_SPREADING):
            v = v * ((self.reachable / (v @ self.filters.mT).clamp_min(_LEAST)) @ self.share)
        if power != 1:
            # Moving energies evenly moves the magnitudes of quiet bins far.
            return with_magnitude(c, v.pow(1 / power))
        return with_magnitude(c, (v + (self.reachable - v @ self.filters.mT) @ self.back.mT).clamp_min(0))

    def distance(self, p: Tensor) -> Tensor:
        """|| W |p|^power - M ||^2, (B,)."""
        v = p.detach().abs()
        v = v if self.scale.power == 1 else v.pow(self.scale.power)
        return (v @ self.filters.mT - self.target).square().sum((-1, -2))


def invert_mel(
    mel: Tensor,
    stft: STFT,
    scale: MelScale,
    method: str | Rule = "auto",
    n_iter: int = 32,
    init: str | Tensor = "pghi",
    length: int | None = None,
    generator: torch.Generator | None = None,
    callback: Callback | None = None,
    progress: bool = False,
    return_info: bool = False,
    *,
    tolerance_db: float = 0.0,
) -> Tensor | tuple[Tensor, Inversion]:
    """Find a signal whose mel spectrogram is nearest to the one given.

    A magnitude that has this mel spectrogram (``MelScale.inverse``), a phase for it (``init``), then iterations that
    know no magnitude, only the mel spectrogram: those of ``invert_spectrogram`` with the set of spectra that have it
    in the place of the magnitude (``MelCycle``), or L-BFGS on its distance.

    Args:
        mel: M >= 0, (..., K, frames), float32 or float64, linear (no dB, no logarithm).
        stft: the transform it was made with.
        scale: the mel scale it was made with.
        method: "auto" (half ADMM, half accelerated Griffin-Lim: the best of all tried), one of ``METHODS``, a rule,
            or "lbfgs".
        n_iter: iterations; 0 is the signal of the magnitude and the initial phase.
        init: phase to start from, as for ``invert_spectrogram``.
        length: samples of the result; the shortest with so many frames by default.
        generator: of init="random".
        callback: as for ``invert_spectrogram``.
        progress: write iterations to the error stream.
        return_info: return an ``Inversion`` too, whose history is the mel convergence,
            20 log10 (|| W |X|^power - M || / || M ||).
        tolerance_db: an item ends when ten iterations gain less; 0 makes all iterations.

    Returns:
        (..., length), and with ``return_info`` how it went.

    Raises:
        ValueError: for a mel spectrogram that is complex, negative, NaN or has another number of bands than the scale,
            a scale for another n_fft than the transform's, an unknown method or init.

    References:
        Masuyama, Yatabe and Oikawa, "Griffin-Lim like phase recovery via alternating direction method of multipliers",
        IEEE Signal Processing Letters 26(1), 2019 (the iteration, for a known magnitude).
    """
    scale.check(mel)
    scale.check_transform(stft)
    batch_shape = mel.shape[:-2]
    run = Run("invert_mel", batch_shape, n_iter, tolerance_db, callback, progress)
    schedule = [] if method == "lbfgs" else schedule_of("invert_mel", method, n_iter)
    solved = stft.solved_length(mel.shape[-1], length)
    with torch.no_grad():
        M = mel.detach().reshape(math.prod(batch_shape), *mel.shape[-2:])
        # Powers of two: exact, so that the level of the target changes nothing but the level of the result.
        gain = power_of_two(M.amax((-1, -2), keepdim=True).pow(1 / scale.power))
        M = M / gain.pow(scale.power)
        magnitude = scale.inverse(M)
        A = magnitude.reshape(*batch_shape, *magnitude.shape[-2:])
        first = with_magnitude(initial_spectrum(init, A, stft, generator).reshape(magnitude.shape), magnitude)

        def finish(x: Tensor) -> Tensor:
            return (x * gain.squeeze(-1)).reshape(*batch_shape, solved)[..., :length]

        if method == "lbfgs":
            start = stft.inverse(first, solved)
            x, info = search(M, lambda x: scale.forward(stft.magnitude(x)), start, finish, run)
            return (x, info) if return_info else x
        reachable = scale.filters(M) @ magnitude.pow(scale.power)

        def descent(m: Tensor, near: Tensor, x: Tensor) -> Descent:
            return Descent(MelCycle(stft, scale, m.mT, near.mT, solved), x.mT, schedule, tolerance_db)

        items = zip(M.split(1), reachable.split(1), first.split(1), strict=True)
        x, info = descend([partial(descent, *item) for item in items], run, finish, return_info)
        return x if info is None else (x, info)
