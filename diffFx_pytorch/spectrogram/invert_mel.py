"""A signal from its mel spectrogram."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from .cycle import TensorCycle
from .descend import Callback, Inversion, Start, descend
from .initial import initial_spectrum
from .mel import MelScale
from .projections import Descent
from .representation import invert
from .rules import Rule, with_magnitude
from .schedule import schedule_for
from .stft import STFT

_SPREADING = 3
_LEAST = 1e-12
"""Smallest mel value divided by, of a target whose largest is between 1/2 and 1."""


class MelCycle(TensorCycle):
    """P_C as ever, and in the place of P_A a way to the spectra that have the mel spectrogram M.

    With v = |c|^power, the bins of a band are first scaled together, as ``nnls`` does, three times,

        v = v * (W^T (M / W v)) / (W^T 1),

    which keeps what is quiet quiet, and then moved as little as possible, v = max(0, v + W^+ (M - W v)); phases stay.
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
        """c, moved to where its mel spectrogram is the target's."""
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
    """Find a signal whose mel spectrogram is as near as can be to the one given.

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
        tolerance_db: an item is done when ten iterations gain less; 0 makes all.

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
    if isinstance(n_iter, bool) or not isinstance(n_iter, int) or n_iter < 0:
        raise ValueError(f"invert_mel: n_iter must be an integer of at least 0. Got {n_iter!r}.")
    schedule = [] if method == "lbfgs" else schedule_for(method, n_iter)
    solved = stft.solved_length(mel.shape[-1], length)
    lead = mel.shape[:-2]
    with torch.no_grad():
        M = mel.detach().reshape(math.prod(lead), *mel.shape[-2:])
        # Powers of two: exact, so that the level of the target changes nothing but the level of the result.
        gain = _level(M, scale.power)
        M = M / gain.pow(scale.power)
        magnitude = scale.inverse(M)
        A = magnitude.reshape(*lead, *magnitude.shape[-2:])
        c = initial_spectrum(init, A, stft, generator).reshape(magnitude.shape)
        start = with_magnitude(c, magnitude)
        rescale = gain.reshape(*lead, 1)
        if method == "lbfgs":
            found = invert(
                M.reshape(*lead, *mel.shape[-2:]),
                lambda x: scale.forward(stft.magnitude(x)),
                solved,
                n_iter,
                stft.inverse(start, solved).reshape(*lead, solved),
                callback=callback and (lambda i, h, signal: callback(i, h, lambda: (signal() * rescale)[..., :length])),
                progress=progress,
                return_info=True,
                tolerance_db=tolerance_db,
            )
            assert isinstance(found, tuple)
            x = (found[0] * rescale)[..., :length]
            return (x, found[1]) if return_info else x
        reachable = scale.filters(M) @ magnitude.pow(scale.power)

        def start_of(m: Tensor, near: Tensor, x: Tensor) -> Start:
            return lambda: Descent(MelCycle(stft, scale, m.mT, near.mT, solved), x.mT, schedule, tolerance_db)

        def finish(x: Tensor) -> Tensor:
            return (x.reshape(*lead, solved) * rescale)[..., :length]

        rows = zip(M.split(1), reachable.split(1), start.split(1), strict=True)
        starts = [start_of(*row) for row in rows] if len(M) else []
        x, info = descend(starts, lead, n_iter, finish, callback, progress, tolerance_db, return_info)
        if not starts:
            x = finish(M.new_zeros(0, solved))
        return x if info is None else (x, info)


def _level(mel: Tensor, power: float) -> Tensor:
    """A power of two near the largest magnitude of every item, (B, 1, 1)."""
    peak = mel.amax((-1, -2), keepdim=True)
    exponent = torch.frexp(peak).exponent.to(peak.dtype)
    return torch.where(peak > 0, torch.exp2((exponent / power).ceil()), 1.0)
