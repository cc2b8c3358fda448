"""Loudness of a programme that comes in blocks, in memory that does not grow: BS.1770's gates on histograms."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ..kernels import define
from ..kernels.precision import where_float64_is
from .loudness import ABSOLUTE_GATE, lufs_from, power_of

HOPS_A_SECOND = 10
MOMENTARY, SHORT_TERM = 4, 30
"""Hops of 100 ms in a window of 400 ms and in one of 3 s."""

_BINS_A_LU = 10
_BINS = 80 * _BINS_A_LU
"""Of 0.1 LU, from -70 to +10 LUFS; the last is open."""
_POSITION, _PARTIAL = SHORT_TERM, SHORT_TERM + 1


def silent_programme(x: Tensor) -> tuple[Tensor, Tensor]:
    """What `programme` knows of nothing, for sounds of the batch and device of x (B, C, T)."""
    recent = x.new_zeros(x.shape[0], SHORT_TERM + 4, dtype=torch.float64)
    return recent, x.new_zeros(x.shape[0], 4, _BINS, dtype=torch.float64)


def _next(power: Tensor, recent: Tensor, record: Tensor, sample_rate: float) -> tuple[Tensor, Tensor]:
    batch = torch.broadcast_shapes(power.shape[:-1], recent.shape[:-1], record.shape[:-2])
    power, recent, record = (
        t.expand(*batch, *t.shape[t.dim() - core :]).reshape(-1, *t.shape[t.dim() - core :])
        for t, core in ((power, 1), (recent, 1), (record, 2))
    )
    T = power.shape[-1]
    position = recent[:, _POSITION, None].detach()
    # Hop k ends with sample floor(k fs / 10) - 1: how many ended before each sample, and before the next block.
    hop = ((position + torch.arange(1, T + 2, device=power.device)) * HOPS_A_SECOND / sample_rate).ceil() - 1
    hop = (hop - hop[:, :1]).long()
    done = hop[:, -1:]
    slots = int(T * HOPS_A_SECOND / sample_rate) + 2
    sums = torch.cat([recent[:, _PARTIAL, None], power.new_zeros(len(power), slots - 1)], 1)
    sums = sums.scatter_add(1, hop[:, :-1], power)
    finished = sums[:, :-1] * (HOPS_A_SECOND / sample_rate)
    past = torch.cat([recent[:, :SHORT_TERM], finished], 1)
    before = ((position + 1) * HOPS_A_SECOND / sample_rate).ceil() - 1
    at = torch.arange(slots - 1, device=power.device)
    rows, loudest = [], []
    for kind, hops in enumerate((MOMENTARY, SHORT_TERM)):
        window = past[:, SHORT_TERM + 1 - hops :].unfold(1, hops, 1).mean(-1)
        window = torch.where((at < done) & (before + at + 1 >= hops), window, 0.0)
        loudest.append(torch.cat([recent[:, -2 + kind, None], window], 1).amax(1, True))
        heard = window > power_of(ABSOLUTE_GATE)
        level = lufs_from(torch.where(heard, window.detach(), 1.0)) - ABSOLUTE_GATE
        place = (level * _BINS_A_LU).long().clamp(0, _BINS - 1)
        for row, value in ((2 * kind, heard.double()), (2 * kind + 1, torch.where(heard, window, 0.0))):
            rows.append(record[:, row].scatter_add(1, place, value))
    kept = past.gather(1, done + torch.arange(SHORT_TERM, device=power.device))
    after = [kept, position + T, sums.gather(1, done), *loudest]
    return (
        torch.cat(after, 1).reshape(*batch, recent.shape[-1]),
        torch.stack(rows, 1).reshape(*batch, *record.shape[-2:]),
    )


_programme = define(
    "programme",
    inputs={"power": 1, "recent": 1, "record": 2},
    outputs={
        "recent_after": lambda power, recent, record, sample_rate: (recent.shape[-1:], torch.float64),
        "record_after": lambda power, recent, record, sample_rate: (record.shape[-2:], torch.float64),
    },
    equation=_next,
    settings={"sample_rate": float},
)


@where_float64_is
def programme(power: Tensor, state: tuple[Tensor, Tensor], sample_rate: float) -> tuple[Tensor, Tensor]:
    """What is known of the loudness of a programme, after its next samples.

    Every 100 ms a window of 400 ms and one of 3 s end; each is counted in a histogram of 0.1 LU, with its power, so
    that means are exact, and a gate errs by no more than the bin that it stands in.

    Args:
        power: squares of the K-weighted channels, weighted and summed, (B, T) float64.
        state: what this returned for the block before, or ``silent_programme``.
        sample_rate: in Hz.

    Returns:
        ``(recent, record)``: (B, 34), mean powers of the last 30 hops, the position, the energy of the hop that is
        open, and the loudest window of either kind; and (B, 4, 800), counts and powers of the windows of 400 ms, then
        those of 3 s.

    References:
        ITU-R BS.1770-5, 2023, annex 1. EBU Tech 3341 and 3342, 2016.
    """
    return _programme(power.double(), *(s.double() for s in state), float(sample_rate))


def programme_readings(state: tuple[Tensor, Tensor], sample_rate: Tensor | float) -> dict[str, Tensor]:
    """Loudness by name, each (B,) in LUFS, and the range in LU; differentiable. What was too short is minus infinity.

    Args:
        state: what ``programme`` returned.
        sample_rate: in Hz.
    """
    recent, record = state
    hops = ((recent[:, _POSITION] + 1) * HOPS_A_SECOND / sample_rate).ceil() - 1

    def of_last(count: int) -> Tensor:
        window = recent[:, SHORT_TERM - count : SHORT_TERM].mean(-1)
        return _lufs(torch.where(hops >= count, window, 0.0))

    return {
        "momentary_lufs": of_last(MOMENTARY),
        "short_term_lufs": of_last(SHORT_TERM),
        "momentary_max": _lufs(recent[:, -2]),
        "short_term_max": _lufs(recent[:, -1]),
        "lufs": _lufs(_mean(*_above(record[:, 0], record[:, 1], 0.1))),
        "loudness_range": _range(*_above(record[:, 2], record[:, 3], 0.01)),
    }


def _lufs(power: Tensor) -> Tensor:
    """Minus infinity, without gradient, for silence."""
    heard = power > 0
    return torch.where(heard, lufs_from(torch.where(heard, power, 1.0)), -math.inf)


def _mean(count: Tensor, power: Tensor) -> Tensor:
    return power.sum(-1) / count.sum(-1).clamp_min(1)


def _above(count: Tensor, power: Tensor, share: float) -> tuple[Tensor, Tensor]:
    """The bins (B, N) whose windows have more than a share of the mean power."""
    loud = power.detach() > share * _mean(count, power).detach().unsqueeze(-1) * count
    return torch.where(loud, count, 0.0), torch.where(loud, power, 0.0)


def _range(count: Tensor, power: Tensor) -> Tensor:
    """From the 10th to the 95th percentile of windows that count as those of their bin's mean."""
    level = lufs_from(torch.where(count > 0, power / count.clamp_min(1), 1.0))
    up_to, last = count.cumsum(-1), (count.sum(-1, True) - 1).clamp_min(0)
    rank = last * count.new_tensor([0.1, 0.95])
    low = rank.floor()
    ends = [
        level.gather(-1, torch.searchsorted(up_to, at, right=True).clamp_max(_BINS - 1))
        for at in (low, torch.minimum(low + 1, last))
    ]
    at = torch.lerp(ends[0], ends[1], rank - low)
    return torch.where(count.sum(-1) > 0, at[:, 1] - at[:, 0], 0.0)
