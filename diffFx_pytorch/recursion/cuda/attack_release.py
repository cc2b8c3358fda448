"""The attack/release smoother on CUDA devices: a first-order scan whose choices are found by iteration.

Given the choices between attack and release, the recursion is linear and a scan. Given its levels, the choices follow.
From a guess, a few rounds settle a chunk (6 to 14 of real audio): each round settles at least the first sample that was
wrong, so at most as many as there are samples.

Few long rows are cut into chunks that all run side by side, each from a guess of the level before it. With its choices
a chunk is an affine map of that level; those of a row, one after the other, give better guesses (Newton's method: where
attack is faster than release, or slower, throughout, a chunk is convex or concave in the level before it). Music
settles in 4 to 8 such rounds, and a round that finds its row settled returns at once. A row that is not is done again
from chunk to chunk, by one program, as many rows are anyway. Backwards the choices are known, and one scan is left.

References:
    R. A. Howard, "Dynamic Programming and Markov Processes", MIT Press, 1960.
"""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import countable, shared_rows

from . import first_order
from .first_order import last_of, then

CHUNK = 1024
"""Samples whose choices are found together."""
STATES = 64
"""Chunks whose states are improved at once."""
ROUNDS = 8
"""Rounds over all chunks."""
MANY = 512
"""Rows that fill a device by themselves."""
LAUNCH = {"num_warps": 4, "enable_fp_fusion": True}
SAME = {torch.float32: 1e-6, torch.float64: 1e-14}
"""Levels closer than this, relative to the larger, are equal: which of the two is chosen does not matter, and rounding
may choose anew in every round."""


@triton.jit
def _gain(c, row, t, T, inside, MOVING: tl.constexpr, KIND: tl.constexpr):
    """1 - c, which keeps the precision of a float64 coefficient."""
    at = c.base + (row // c.each % c.count) * (T if MOVING else 1)
    return (1.0 - tl.load(at + (t if MOVING else 0 * t), mask=inside, other=1.0)).to(KIND)


@triton.jit
def _chunk(
    x, attack, release, row, t, state, guess, same, T, MOVING_A: tl.constexpr, MOVING_R: tl.constexpr,
    KIND: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    """Levels at times t from the state before them, and the chunk's map s + d s + v; ``guess``: levels before each."""
    i = tl.arange(0, L)
    inside = t < T
    level = tl.load(x.base + (row // x.each % x.count) * T + t, mask=inside, other=0.0)
    up = _gain(attack, row, t, T, inside, MOVING_A, KIND)
    down = _gain(release, row, t, T, inside, MOVING_R, KIND)
    near = state.to(KIND)
    rising = level > tl.where(i > 0, guess, near)
    y, d, v = level, level, level
    wrong, rounds = 1, 0
    while (wrong > 0) & (rounds < L):
        k = tl.where(inside, tl.where(rising, up, down), 0.0)
        d, v = tl.associative_scan((-k, k * level), 0, then)
        y = near + (d * near + v)
        before = tl.where(i > 0, tl.gather(y, tl.where(i > 0, i - 1, 0), 0), near)
        anew = level > before
        apart = tl.abs(level - before) > same * tl.maximum(tl.abs(level), tl.abs(before))
        wrong = tl.sum((inside & apart & (anew != rising)).to(tl.int32), 0)
        rising = anew
        rounds += 1
    return y, last_of(d, L).to(tl.float64), last_of(v, L).to(tl.float64)


@triton.jit
def _levels(
    x, attack, release, start, y_ptr, end_ptr, settled_ptr, same, T, SOME: tl.constexpr, MOVING_A: tl.constexpr,
    MOVING_R: tl.constexpr, KIND: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    """A row from chunk to chunk; of ``SOME`` rows only those that are not settled."""
    row = tl.program_id(0).to(tl.int64)
    if SOME:
        T = tl.where(tl.load(settled_ptr + row) != 0, 0, T)
    state = tl.load(start.base + row // start.each % start.count).to(tl.float64)
    i = tl.arange(0, L)
    for first in range(0, T, L):
        t = first + i
        before = tl.load(x.base + (row // x.each % x.count) * T + t - 1, mask=(t < T) & (i > 0), other=0.0)
        y, d, v = _chunk(x, attack, release, row, t, state, before, same, T, MOVING_A, MOVING_R, KIND, L)
        tl.store(y_ptr + row * T + t, y, mask=t < T)
        state += d * state + v
    if T > 0:
        tl.store(end_ptr + row, state)


@triton.jit
def _round(
    x, attack, release, to, same, T, NC, FIRST: tl.constexpr, MOVING_A: tl.constexpr, MOVING_R: tl.constexpr,
    KIND: tl.constexpr, L: tl.constexpr,
):  # fmt: skip
    """Every chunk of the rows that are not settled, from the state that is guessed before it."""
    row, chunk = (tl.program_id(0) // NC).to(tl.int64), tl.program_id(0) % NC
    if tl.load(to.settled + row) == 0:
        t = chunk * L + tl.arange(0, L)
        inside = (t < T) & (t > 0)
        if FIRST:
            guess = tl.load(x.base + (row // x.each % x.count) * T + t - 1, mask=inside, other=0.0)
        else:
            guess = tl.load(to.y + row * T + t - 1, mask=inside & (t > chunk * L), other=0.0)
        state = tl.load(to.states + row * NC + chunk)
        y, d, v = _chunk(x, attack, release, row, t, state, guess, same, T, MOVING_A, MOVING_R, KIND, L)
        tl.debug_barrier()
        tl.store(to.y + row * T + t, y, mask=t < T)
        tl.store(to.d + row * NC + chunk, d)
        tl.store(to.v + row * NC + chunk, v)


@triton.jit
def _guesses(x, start, to, T, NC, C: tl.constexpr, L: tl.constexpr):
    """The first guess of the states before the chunks: the level just before."""
    row = tl.program_id(0).to(tl.int64)
    state = tl.load(start.base + row // start.each % start.count).to(tl.float64)
    tl.store(to.settled + row, 0)
    for first in range(0, NC, C):
        i = first + tl.arange(0, C)
        at = x.base + (row // x.each % x.count) * T + i * L - 1
        guess = tl.load(at, mask=(i > 0) & (i < NC), other=0.0).to(tl.float64)
        tl.store(to.states + row * NC + i, tl.where(i > 0, guess, state), mask=i < NC)


@triton.jit
def _improve(to, same, NC, C: tl.constexpr):
    """Better states before the chunks from the maps of all, and whether they stayed: then the row is settled."""
    row = tl.program_id(0).to(tl.int64)
    if tl.load(to.settled + row) == 0:
        s = tl.load(to.states + row * NC)
        moved = 0
        for first in range(0, NC, C):
            i = first + tl.arange(0, C)
            before = (i > 0) & (i < NC)
            d = tl.load(to.d + row * NC + i - 1, mask=before, other=0.0)
            v = tl.load(to.v + row * NC + i - 1, mask=before, other=0.0)
            dd, vv = tl.associative_scan((d, v), 0, then)
            new = s + dd * s + vv
            old = tl.load(to.states + row * NC + i, mask=before, other=0.0)
            size = tl.maximum(tl.maximum(tl.abs(new), tl.abs(old)), tl.abs(v))
            moved += tl.sum((before & ~(tl.abs(new - old) <= same * size)).to(tl.int32), 0)
            tl.store(to.states + row * NC + i, new, mask=before)
            s = last_of(new, C)
        d, v = tl.load(to.d + row * NC + NC - 1), tl.load(to.v + row * NC + NC - 1)
        tl.store(to.end + row, s + d * s + v)
        tl.store(to.settled + row, (moved == 0).to(tl.int32))


class _Chunks(NamedTuple):
    """What is filled: levels (R, T), last levels (R), and of every chunk the state before it and its map (R, NC)."""

    y: Tensor
    end: Tensor
    states: Tensor
    d: Tensor
    v: Tensor
    settled: Tensor


def serves(inputs: Any) -> bool:
    """All that can be counted."""
    return countable((inputs.x, 1))


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any) -> None:
    """As `Kernel.forward` of ``diffFx::attack_release``."""
    x, attack, release, start = (shared_rows(t, 1, batch_shape) for t in inputs)
    kind, rows, samples = x.base.dtype, math.prod(batch_shape), outputs.y.shape[-1]
    about = {
        "MOVING_A": attack.base.shape[-1] != 1,
        "MOVING_R": release.base.shape[-1] != 1,
        "KIND": tl.float64 if kind == torch.float64 else tl.float32,
        "L": CHUNK,
    }
    given, chunks = (x, attack, release), triton.cdiv(samples, CHUNK)
    some = chunks > 2 and rows < MANY
    settled = torch.empty(rows, dtype=torch.int32, device=x.base.device)
    if some:
        states = torch.empty(3, rows, chunks, dtype=torch.float64, device=x.base.device)
        to, grid = _Chunks(outputs.y, outputs.zf, *states, settled), (rows * chunks,)
        _guesses[(rows,)](x, start, to, samples, chunks, C=STATES, L=CHUNK, **LAUNCH)
        for i in range(ROUNDS):
            _round[grid](*given, to, SAME[kind], samples, chunks, FIRST=i == 0, **about, **LAUNCH)
            _improve[(rows,)](to, SAME[kind], chunks, C=STATES, **LAUNCH)
    _levels[(rows,)](*given, start, outputs.y, outputs.zf, settled, SAME[kind], samples, SOME=some, **about, **LAUNCH)


def backward(batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any) -> list[Tensor | None]:
    """As `Kernel.backward`: the recursion with the choices that were made, backwards in time."""
    x, attack, release, zi = inputs
    before = torch.cat([zi.to(x.dtype).expand(*batch_shape, 1), saved.y[..., :-1]], -1)
    rising = x > before
    gain = torch.where(rising, (1 - attack).to(x.dtype), (1 - release).to(x.dtype))
    total = torch.empty_like(saved.y)
    given, end = shared_rows(grads.y, 1, batch_shape), shared_rows(grads.zf, 1, batch_shape)
    first_order.scan(given, shared_rows(-gain, 1, batch_shape), end, total, delta=True, back=True)
    to_c = total * (before - x)
    to_attack, to_release = (
        _summed(torch.where(choice, to_c, 0), c) if need else None
        for choice, c, need in ((rising, attack, needs.attack), (~rising, release, needs.release))
    )
    return [gain * total, to_attack, to_release, ((1 - gain[..., :1]) * total[..., :1]).double()]


def _summed(grad: Tensor, c: Tensor) -> Tensor:
    return grad if c.shape[-1] != 1 else grad.sum(-1, keepdim=True, dtype=torch.float64)
