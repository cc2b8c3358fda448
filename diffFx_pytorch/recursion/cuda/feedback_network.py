"""Feedback delay networks on CUDA devices: one program a row, in blocks as long as the shortest delay.

Within a block everything that the lines give is known: they are read side by side into a tile (lines, samples),
filtered by scans in float64, and multiplied by the matrix. Backwards the same network runs with its matrix transposed
and its time reversed: what comes back to a line is read where the line was, so nothing is added up in an order that
varies, but where delays move. The gradients of filters, matrix and delays then follow from what was read and what came
back, all at once.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any, NamedTuple

import torch
import triton
import triton.language as tl
from torch import Tensor

from diffFx_pytorch.kernels.cuda import Rows, shared_rows

from . import network_taps, sections
from .network_taps import moved_back, moved_lines, shortest
from .section_steps import forward_map, then

MOST_LINES = 32
"""Of a tile; as many again may be outputs."""
TILE = (4096, 2048, 1024, 512)
"""Numbers in a tile: without filters, with them or delays that move, backwards with them, with filters that move."""
LANES = 8
"""Lines in a group, as the operator lays out their filters."""


class _Size(NamedTuple):
    """Samples, lines, inputs, outputs, samples of the past, columns of the matrix, room of a line, groups of lines."""

    T: int
    N: int
    IN: int
    OUT: int
    PAST: int
    WIDTH: int
    ROOM: int
    G: int


class _Network(NamedTuple):
    """What is read: x (IN, T), delays (N), their motion (N, T), matrix (N + IN, W), filters (1 or T, K, G, 5, 8)."""

    x: Rows
    delay: Rows
    offset: Rows
    mixing: Rows
    coef: Rows


@triton.jit
def _delays(delay, row, n, N):
    """Delays of the lines; of lines that are none very long ones."""
    return tl.load(delay.base + (row // delay.each % delay.count) * N + n, mask=n < N, other=1 << 30)


@triton.jit
def _section(coef, row, k, n, t, used, T, N, K, G, MOVING: tl.constexpr, LANES: tl.constexpr):
    """b0 b1 b2 a1 a2 of section k, (lines, samples) or (lines, 1)."""
    size = K * G * 5 * LANES
    at = coef.base + (row // coef.each % coef.count) * (T if MOVING else 1) * size
    at += (k * G + n // LANES) * (5 * LANES) + n % LANES
    at = at[:, None] + (t[None, :] * size if MOVING else 0 * t[None, :])
    mask = (n < N)[:, None] & used[None, :]
    b0 = tl.load(at, mask=mask, other=0.0)
    b1 = tl.load(at + LANES, mask=mask, other=0.0)
    b2 = tl.load(at + 2 * LANES, mask=mask, other=0.0)
    a1 = tl.load(at + 3 * LANES, mask=mask, other=0.0)
    a2 = tl.load(at + 4 * LANES, mask=mask, other=0.0)
    return b0, b1, b2, a1, a2


@triton.jit
def _one_before(values, first):
    """Values (lines, samples) of one sample before, ``first`` (lines) before the first."""
    i = tl.arange(0, values.shape[1])[None, :] + tl.zeros(values.shape, tl.int32)
    moved = tl.gather(values, tl.where(i > 0, i - 1, 0), 1)
    return tl.where(i > 0, moved, first[:, None])


@triton.jit
def _at_end(values):
    i = tl.arange(0, values.shape[1])[None, :]
    return tl.sum(tl.where(i == values.shape[1] - 1, values, 0.0), 1)


@triton.jit
def _mixed(mixing, row, N, WIDTH, NP: tl.constexpr, OP: tl.constexpr, HEIGHT, BACK: tl.constexpr, KIND: tl.constexpr):
    """The matrix from lines to lines and outputs, (OP, NP), or transposed, (NP, OP)."""
    base = mixing.base + (row // mixing.each % mixing.count) * (HEIGHT * WIDTH)
    if BACK:
        i, o = tl.arange(0, NP)[:, None], tl.arange(0, OP)[None, :]
    else:
        o, i = tl.arange(0, OP)[:, None], tl.arange(0, NP)[None, :]
    return tl.load(base + i * WIDTH + o, mask=(i < N) & (o < WIDTH), other=0.0).to(KIND)


@triton.jit
def _run(net, zi, to, size, RING: tl.constexpr, SHAPE: tl.constexpr, KIND: tl.constexpr):
    K: tl.constexpr = SHAPE[0]
    MOVING: tl.constexpr = SHAPE[1]
    NP: tl.constexpr = SHAPE[2]
    OP: tl.constexpr = SHAPE[3]
    L: tl.constexpr = SHAPE[4]
    LANES: tl.constexpr = SHAPE[5]
    MOVED: tl.constexpr = SHAPE[6]
    T, N, IN, OUT = size.T, size.N, size.IN, size.OUT
    PAST, WIDTH, ROOM, G = size.PAST, size.WIDTH, size.ROOM, size.G
    row = tl.program_id(0).to(tl.int64)
    n, o, i = tl.arange(0, NP), tl.arange(0, OP), tl.arange(0, L)
    m = _delays(net.delay, row, n, N)
    count = tl.minimum(shortest(net, m, row, n, T, N, PAST, L) if MOVED else tl.min(m, 0), L)
    matrix = _mixed(net.mixing, row, N, WIDTH, NP, OP, N + IN, False, KIND)
    from_x = net.mixing.base + (row // net.mixing.each % net.mixing.count) * ((N + IN) * WIDTH) + N * WIDTH + o
    lines = to.lines + row * N * ROOM + n * ROOM
    into = to.lines + row * N * ROOM + o * ROOM
    heard = to.y + row * OUT * T + (o - N) * T
    states = (row // zi.each % zi.count) * (K * G * 2 * LANES) + (n // LANES) * (2 * LANES) + n % LANES
    own = row * (K * G * 2 * LANES) + (n // LANES) * (2 * LANES) + n % LANES
    for k in range(K):  # states are kept where they are left
        for j in range(2):
            at = (k * G * 2 + j) * LANES
            tl.store(to.zf + own + at, tl.load(zi.base + states + at, mask=n < N, other=0.0), mask=n < N)
    tl.debug_barrier()
    for first in range(0, T, count):
        t = first + i
        used = (i < count) & (t < T)
        if MOVED:
            u = moved_lines(net, m, lines, row, n, t, used, T, N, PAST, ROOM, RING, KIND)
        else:
            at = t[None, :] - m[:, None] + PAST
            at = at % ROOM if RING else at
            u = tl.load(lines[:, None] + at, mask=(n < N)[:, None] & used[None, :], other=0.0)
        if K > 0:
            v = u.to(tl.float64)
            for k in range(K):
                b0, b1, b2, a1, a2 = _section(net.coef, row, k, n, t, used, T, N, K, G, MOVING, LANES)
                place = to.zf + own + k * G * 2 * LANES
                s1 = tl.load(place, mask=n < N, other=0.0)
                s2 = tl.load(place + LANES, mask=n < N, other=0.0)
                parts = forward_map(v, b0, b1, b2, a1, a2, used[None, :], True)
                d11, d12, d21, d22, v1, v2 = tl.associative_scan(parts, 1, then)
                n1 = s1[:, None] + ((d11 * s1[:, None] + d12 * s2[:, None]) + v1)
                n2 = s2[:, None] + ((d21 * s1[:, None] + d22 * s2[:, None]) + v2)
                v = b0 * v + _one_before(n1, s1)
                tl.debug_barrier()
                tl.store(place, _at_end(n1), mask=n < N)
                tl.store(place + LANES, _at_end(n2), mask=n < N)
            u = v.to(KIND)
        out = tl.dot(matrix, u, input_precision="ieee", out_dtype=KIND)
        for c in range(IN):
            x = tl.load(net.x.base + ((row // net.x.each % net.x.count) * IN + c) * T + t, mask=used, other=0.0)
            out += tl.load(from_x + c * WIDTH, mask=o < WIDTH, other=0.0).to(KIND)[:, None] * x[None, :]
        at = (t + PAST) % ROOM if RING else t + PAST
        tl.store(into[:, None] + at[None, :], out, mask=(o < N)[:, None] & used[None, :])
        tl.store(heard[:, None] + t[None, :], out, mask=((o >= N) & (o < N + OUT))[:, None] & used[None, :])
        tl.debug_barrier()


class _Made(NamedTuple):
    """What is filled: outputs (OUT, T), lines (N, ROOM), states of the filters (K, G, 2, 8)."""

    y: Tensor
    lines: Tensor
    zf: Tensor


@triton.jit
def _run_back(net, gy, to, size, SHAPE: tl.constexpr, KIND: tl.constexpr):
    """Backwards: ``to.lines`` holds what comes to the lines from after the end, ``to.zi`` the same of the states."""
    K: tl.constexpr = SHAPE[0]
    MOVING: tl.constexpr = SHAPE[1]
    NP: tl.constexpr = SHAPE[2]
    OP: tl.constexpr = SHAPE[3]
    L: tl.constexpr = SHAPE[4]
    LANES: tl.constexpr = SHAPE[5]
    MOVED: tl.constexpr = SHAPE[6]
    T, N, IN, OUT = size.T, size.N, size.IN, size.OUT
    PAST, WIDTH, ROOM, G = size.PAST, size.WIDTH, size.ROOM, size.G
    row = tl.program_id(0).to(tl.int64)
    n, o, i = tl.arange(0, NP), tl.arange(0, OP), tl.arange(0, L)
    m = _delays(net.delay, row, n, N)
    count = tl.minimum(shortest(net, m, row, n, T, N, PAST, L) if MOVED else tl.min(m, 0), L)
    matrix = _mixed(net.mixing, row, N, WIDTH, NP, OP, N + IN, True, KIND)
    of_line = _delays(net.delay, row, o, N)
    read, filtered = to.read + row * N * T, to.filtered + row * N * T
    lines = to.lines + row * N * ROOM + o * ROOM
    heard = gy.base + (row // gy.each % gy.count) * (OUT * T) + (o - N) * T
    own = row * (K * G * 2 * LANES) + (n // LANES) * (2 * LANES) + n % LANES
    for first in range(0, T, count):
        t = T - 1 - first - i
        used = (i < count) & (t >= 0)
        line = (o < N)[:, None] & used[None, :]
        if MOVED:
            back = tl.load(lines[:, None] + PAST + t[None, :], mask=line, other=0.0, cache_modifier=".cg")
        else:
            later = t[None, :] + of_line[:, None]
            back = tl.load(read + o[:, None] * T + later, mask=line & (later < T), other=0.0)
            back += tl.load(lines[:, None] + PAST + t[None, :], mask=line, other=0.0)
            tl.store(lines[:, None] + PAST + t[None, :], back, mask=line)
        of_y = ((o >= N) & (o < N + OUT))[:, None] & used[None, :]
        back += tl.load(heard[:, None] + t[None, :], mask=of_y, other=0.0).to(KIND)
        g = tl.dot(matrix, back, input_precision="ieee", out_dtype=KIND)
        at = n[:, None] * T + t[None, :]
        mask = (n < N)[:, None] & used[None, :]
        if K > 0:
            tl.store(filtered + at, g, mask=mask)
            v = g.to(tl.float64)
            for later_sections in range(K):
                k = K - 1 - later_sections
                b0, b1, b2, a1, a2 = _section(net.coef, row, k, n, t, used, T, N, K, G, MOVING, LANES)
                place = to.zi + own + k * G * 2 * LANES
                l1 = tl.load(place, mask=n < N, other=0.0)
                l2 = tl.load(place + LANES, mask=n < N, other=0.0)
                d11, d12, d21, d22, _, _ = forward_map(v, b0, b1, b2, a1, a2, used[None, :], True)
                to_1 = tl.where(used[None, :], v, 0.0)
                d11, d21, d12, d22, v1, v2 = tl.associative_scan((d11, d21, d12, d22, to_1, 0.0 * to_1), 1, then)
                n1 = l1[:, None] + ((d11 * l1[:, None] + d21 * l2[:, None]) + v1)
                n2 = l2[:, None] + ((d12 * l1[:, None] + d22 * l2[:, None]) + v2)
                p1, p2 = _one_before(n1, l1), _one_before(n2, l2)
                v = b0 * (v - a1 * p1 - a2 * p2) + b1 * p1 + b2 * p2
                tl.debug_barrier()
                tl.store(place, _at_end(n1), mask=n < N)
                tl.store(place + LANES, _at_end(n2), mask=n < N)
            g = v.to(KIND)
        tl.store(read + at, g, mask=mask)
        if MOVED:
            moved_back(net, m, to.lines, g, row, n, t, used, T, N, PAST, ROOM)
        tl.debug_barrier()


class _Back(NamedTuple):
    """What is filled: gradients of lines (N, PAST + T), of what was read and was filtered (N, T), and of the states."""

    lines: Tensor
    read: Tensor
    filtered: Tensor
    zi: Tensor


def serves(inputs: Any, outputs: int) -> bool:
    """As many lines as fit into a tile, and of samples in all lines as 32 bits can count."""
    lines, past = inputs.past.shape[-2:]
    samples = (lines + outputs) * (past + inputs.x.shape[-1])
    return 0 < lines <= MOST_LINES and lines + outputs <= 2 * MOST_LINES and samples < 2**31


class _Call:
    """A call: its arguments as rows, and its sizes."""

    def __init__(self, batch_shape: tuple[int, ...], inputs: Any, outputs: int, ring: bool, back: bool = False) -> None:
        x, kind = inputs.x, inputs.x.dtype
        self.batch_shape, self.rows = batch_shape, math.prod(batch_shape)
        N, past = inputs.past.shape[-2:]
        K, groups = inputs.coef.shape[-4:-2]
        # Clamped to what there is, NaN to one sample.
        self.delay = inputs.delay.nan_to_num(1.0).clamp(1, past - 2).round().int()
        moved = inputs.offset is not None
        offset = inputs.offset.double() if moved else self.delay.new_zeros(1, 1, dtype=torch.float64)
        given = (x, 2), (self.delay, 1), (offset, 2), (inputs.mixing.to(kind), 2), (inputs.coef.double(), 5)
        self.net = _Network(*(shared_rows(t, core, batch_shape) for t, core in given))
        lines, outs = (max(16, triton.next_power_of_2(n)) for n in (N, N + outputs))
        moving, double = inputs.coef.shape[-5] != 1, kind == torch.float64
        # The numbers of a single section are kept, not read again.
        filtered = TILE[3] if moving or K == 1 else TILE[1 + back]
        plain = TILE[moved] // (1 + double) // (1 + (outs > 16))
        numbers = filtered // (1 + (moved and double)) if K else plain
        length = max(16, numbers // max(lines, outs))
        room = triton.next_power_of_2(past + length) if ring else past + x.shape[-1]
        self.size = _Size(x.shape[-1], N, x.shape[-2], outputs, past, inputs.mixing.shape[-1], room, groups)
        self.about = {
            "SHAPE": (K, moving, lines, outs, length, LANES, moved),
            "KIND": tl.float64 if double else tl.float32,
            **{"num_warps": 16, "enable_fp_fusion": True},
        }
        self.sections = K

    def empty(self, like: Tensor, *shape: int) -> Tensor:
        """Room of (rows, *shape)."""
        return like.new_empty(self.rows, *shape)


def forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, count: int) -> None:
    """As `Kernel.forward` of ``diffFx::feedback_network``."""
    N, past = inputs.past.shape[-2:]
    kept = outputs.lines.shape[-2:-1] == (N,)
    call = _Call(batch_shape, inputs, count, ring=not kept)
    T, room = call.size.T, call.size.ROOM
    lines = outputs.lines.view(call.rows, N, room) if kept else call.empty(inputs.x, N, room)
    lines[..., :past] = inputs.past.expand(*batch_shape, N, past).reshape(call.rows, N, past)
    outputs.zf.zero_()
    made = _Made(outputs.y, lines, outputs.zf)
    _run[(call.rows,)](call.net, shared_rows(inputs.zi, 4, batch_shape), made, call.size, RING=not kept, **call.about)
    last = (T + torch.arange(past, device=lines.device)) % room
    outputs.end.copy_(lines[..., last].view(outputs.end.shape))


def backward(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, count: int
) -> list[Tensor | None]:
    """As `Kernel.backward`."""
    x, N, past = inputs.x, *inputs.past.shape[-2:]
    call = _Call(batch_shape, inputs, count, ring=False, back=True)
    T, K, shape = x.shape[-1], call.sections, (*batch_shape, N)
    lines = saved.lines.view(*shape, past + T)
    back = lines.new_zeros(lines.shape)
    if grads.end is not None:
        back[..., T:] = grads.end
    read, filtered = (lines.new_empty(*shape, T) for _ in range(2))
    to_zi = grads.zf.double().expand(*batch_shape, *grads.zf.shape[-4:]).clone(memory_format=torch.contiguous_format)
    gy = shared_rows(grads.y, 2, batch_shape)
    _run_back[(call.rows,)](call.net, gy, _Back(back, read, filtered, to_zi), call.size, **call.about)
    whole = call.delay.expand(shape)
    to_delay = to_offset = None
    if inputs.offset is not None:
        u, slope = network_taps.read(lines, whole, inputs.offset.expand(*shape, T), past)
        to_offset = read.double() * slope
        to_delay = to_offset.sum(-1)
    else:
        # What was read of the past goes there.
        whole = whole[..., None]
        early = torch.arange(past, device=x.device) - past + whole
        there = (early >= 0) & (early < T)
        back[..., :past] += read.gather(-1, early.clamp(0, T - 1)) * there
        then = torch.arange(past, past + T, device=x.device) - whole
        u = lines.gather(-1, then)
        if needs.delay:  # whole delays have no slope: that of the line around the sample
            slope = lines.gather(-1, (then - 1).clamp_min(0)) - lines.gather(-1, then + 1)
            to_delay = (read * slope).sum(-1, dtype=torch.float64) / 2
    to_coef = None
    if K and (needs.coef or needs.mixing):
        u, to_coef = _of_filters(call, inputs, u, filtered, grads.zf, bool(needs.coef))
    to_lines = back[..., past:]
    to_all = torch.cat([to_lines, grads.y.expand(*batch_shape, count, T)], -2)
    mixing = inputs.mixing.to(x.dtype)[..., : N + count]
    to_x = mixing[..., N:, :] @ to_all
    to_mixing = None
    if needs.mixing:
        given = torch.cat([u, x.expand(*batch_shape, *x.shape[-2:])], -2)
        to_mixing = torch.nn.functional.pad(given @ to_all.mT, (0, inputs.mixing.shape[-1] - N - count))
    return [to_x, to_delay, to_offset, to_mixing, to_coef, back[..., :past], to_zi]


def _of_filters(
    call: _Call, inputs: Any, u: Tensor, to_filtered: Tensor, to_zf: Tensor, wanted: bool
) -> tuple[Tensor, Tensor | None]:
    """What the filters made of all that was read, and their gradient: as sections over lines, each a row."""
    N, T, K, G = call.size.N, call.size.T, call.sections, call.size.G
    batch = (*call.batch_shape, N)

    def of_lines(t: Tensor) -> Tensor:
        """(..., N, *rest) from (..., G, rest, LANES), the groups fourth from the end or so."""
        return t.movedim(-3, -2).flatten(-2)[..., :N]

    b, a = of_lines(inputs.coef.double()).split([3, 2], -2)  # (..., 1 or T, K, 3 and 2, N)
    six = torch.cat([b, torch.ones_like(a[..., :1, :]), a], -2).movedim(-1, -4)
    zi, end = (of_lines(t.double()).movedim(-1, -3) for t in (inputs.zi, to_zf))
    chunks = triton.cdiv(T, sections.chunks.SECTIONS)
    made = SimpleNamespace(
        y=torch.empty_like(u),
        zf=u.new_empty(*batch, K, 2, dtype=torch.float64),
        checkpoints=u.new_empty(*batch, K, chunks, 2, dtype=torch.float64),
    )
    sections.forward(batch, (u, six, zi), made)
    if not wanted:
        return made.y, None
    given = SimpleNamespace(x=u, coef=six, zi=zi)
    to = SimpleNamespace(y=to_filtered, zf=end)
    found = sections.backward(batch, to, given, made, SimpleNamespace(coef=True))[1]
    assert found is not None
    found = torch.cat([found[..., :3], found[..., 4:]], -1)  # (..., N, 1 or T, K, 5)
    found = torch.nn.functional.pad(found.movedim(-4, -1), (0, G * LANES - N))
    return made.y, found.unflatten(-1, (G, LANES)).movedim(-2, -3)
