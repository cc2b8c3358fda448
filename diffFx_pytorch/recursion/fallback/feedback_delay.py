"""The delay line in eager torch, for devices without a kernel: equation and adjoint, differentiable to any order.

Blocks are as long as the delays at hand allow: where none is shorter than D samples they cost T / D rounds of a few
operations, and where some are, only there more. A whole line is written in place, so that bytes grow as T does.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor

from diffFx_pytorch.dsp.interpolation import POINTS
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.kernels.transforms import plain

from .delay_blocks import as_it_is, even_blocks
from .loop_filters import LoopFilters, WholeLoopFilters, over
from .taps import READ_AT_ONCE, Reader


def _padded(line: Tensor, length: int) -> Tensor:
    """A line with silence before it."""
    missing = length - line.shape[-1]
    return torch.nn.functional.pad(line, (missing, 0)) if missing else line


def _spaced(t: Tensor, blocks: list[slice], zeros: int) -> Tensor:
    """Signals with so many zeros before every block, in float64."""
    space = t.new_zeros(*t.shape[:-1], zeros)
    return torch.cat([part for n in blocks for part in (space, t[..., n])], -1).double()


def _start(x: Tensor, past: Tensor | None, batch_shape: tuple[int, ...], interpolation: str) -> Tensor:
    """The past of the line."""
    return x.new_zeros(*batch_shape, POINTS[interpolation]) if past is None else past.expand(*batch_shape, -1)


def _batch_shape(*given: Tensor | None) -> tuple[int, ...]:
    return broadcast_shape(*(t.shape[:-1] for t in given if t is not None))


def feedback_delay_blocks(
    x: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    past: Tensor | None,
    tail: Tensor,
    interpolation: str,
    saturate: bool,
    limit: float,
) -> tuple[Tensor, Tensor, Tensor]:
    """Tap, line and last filter states in float64; arguments as in ``ops.feedback_delay``.

    Delays out of range are clamped, NaN to the least: a range error would make a device wait.
    """
    batch_shape = _batch_shape(x, delay, feedback, lowpass, highpass, past, tail)
    T = x.shape[-1]
    x = x.expand(*batch_shape, T)
    past = _start(x, past, batch_shape, interpolation).to(x.dtype)
    is_plain = plain(x, delay, feedback, lowpass, highpass, past, tail)
    youngest, before = 0 if feedback is None else 1, past.shape[-1]
    reader = Reader(delay, interpolation, youngest, limit, before, T, batch_shape, is_plain)
    pad = reader.pad
    line = _padded(torch.cat([past, x], -1), pad + T).double()
    line = line.clone() if line.dtype == x.dtype else line
    allpass, filters = reader.pole(batch_shape), LoopFilters(lowpass, highpass, reader.longest, batch_shape)
    tail = tail.double().expand(*batch_shape, 3)
    first, state = tail[..., :1], filters.begin(tail[..., 1:])
    back = None if feedback is None else feedback.double()
    taps = []
    loop = reader.loop(filters, back, saturate, batch_shape)
    if loop is not None:
        line, state = loop.run(line, pad, state)
        reader.reach(READ_AT_ONCE)
        taps = [torch.cat([reader.read(line, n) for n in even_blocks(READ_AT_ONCE, T)], -1)]
        state = loop.end(taps[0], state)
    for n in reader.blocks if loop is None else []:
        u = reader.read(line, n)
        if allpass is not None:
            u, first = allpass.run(u, first, n)
        taps.append(u)
        if back is None:
            continue
        if filters.given:
            u, state = filters.run(u, state, n)
        u = torch.tanh(u) if saturate else u
        line[..., pad + n.start : pad + n.stop].addcmul_(over(back, n), u)
    line = line[..., pad - past.shape[-1] :]
    v = torch.cat(taps, -1) if taps else x
    return v, line, torch.cat([first, filters.end(state, tail[..., 1:])], -1)


def feedback_delay_adjoint(
    batch_shape: tuple[int, ...],
    grads: Any,
    inputs: Any,
    saved: Any,
    needs: Any,
    interpolation: str,
    saturate: bool,
    limit: float,
) -> list[Tensor | None]:
    """The gradients, block by block from the last to the first; as ``Kernel.backward``, differentiable."""
    x, delay, feedback, lowpass, highpass, _, tail = inputs
    T = x.shape[-1]
    own = saved.line.shape[-1] - T
    is_plain = plain(*inputs, *saved, *grads)
    reader = Reader(delay, interpolation, 0 if feedback is None else 1, limit, own, T, batch_shape, is_plain)
    pad = reader.pad
    v = saved.v.expand(*batch_shape, T)
    allpass = reader.pole(batch_shape, back=True)
    filters = LoopFilters(lowpass, highpass, reader.longest, batch_shape, back=True)
    back = None if feedback is None else feedback.double()
    before = tail.double().expand(*batch_shape, 3)
    to_end = grads.state.double().expand(*batch_shape, 3)
    first, state = to_end[..., :1], filters.begin(to_end[..., 1:])
    to_line = saved.line.new_zeros(*batch_shape, pad + T, dtype=torch.float64)
    if grads.line is not None:
        to_line = to_line + _padded(grads.line, pad + T)
    whole = WholeLoopFilters(filters, (lowpass, highpass), before[..., 1:], (needs.lowpass, needs.highpass))
    gain, written = back, v
    if back is not None:
        written = torch.tanh(whole.run(v)) if saturate else whole.run(v)
        gain = back * (1 - written * written) if saturate else back
    g_v = grads.v.expand(*batch_shape, T)
    # What has come back to all that was read, between silence: nothing is read before the start or behind the end.
    read = torch.nn.functional.pad(g_v.double(), (pad, 1 + pad)) if reader.stands_still else None
    if filters.given:  # whose matrices take memory
        reader.at_once //= 2
    if needs.delay:
        reader.learn_slopes(_padded(saved.line, pad + T).expand(*batch_shape, pad + T))
    pieces = []
    loop = None if read is None else reader.loop(filters, gain, grads.line is not None, batch_shape)
    if loop is not None:
        assert read is not None
        assert gain is not None
        varies = gain.shape[-1] != 1 or grads.line is not None
        found, of_line, state = loop.back(read[..., pad : pad + T], to_line[..., pad:] if varies else None, state)
        read[..., pad : pad + T] = found
        reader.reach(READ_AT_ONCE)
        if of_line is not None:
            to_line[..., pad:] = of_line
        else:
            for n in even_blocks(READ_AT_ONCE, T):
                reader.add_later(to_line[..., pad + n.start : pad + n.stop], read[..., pad + n.start :], n)
    states = state.shape[-1] if filters.given else 0
    spaced = _spaced(g_v, reader.blocks, states) if read is None and filters.given and T else None
    for b, n in reversed(list(enumerate(reader.blocks)) if loop is None else []):
        here = to_line[..., pad + n.start : pad + n.stop]
        if read is not None:
            reader.add_later(here, read[..., pad + n.start :], n)
        f, here = None, as_it_is(here, gain)
        if back is not None and filters.given:
            assert gain is not None
            onto = None if spaced is None else spaced[..., n.start + b * states : n.stop + (b + 1) * states]
            f, state = filters.run(here * over(gain, n), state, n, onto)
        if read is not None:
            g = read[..., pad + n.start : pad + n.stop]
            if f is not None:
                g.add_(f)
            elif gain is not None:
                g.addcmul_(here, over(gain, n))
            if allpass is not None:
                found, first = allpass.run(as_it_is(g, delay), first, n)
                g.copy_(found)
            continue
        g = g_v[..., n] if f is None else f
        if f is None and gain is not None:
            g = torch.addcmul(g, here, over(gain, n))
        if allpass is not None:
            g, first = allpass.run(g.double(), first, n)
        reader.spread(to_line, g, n)
        pieces.append(g)
    for n in even_blocks(
        reader.longest if loop is None else READ_AT_ONCE, pad if read is not None else 0
    ):  # the past too was read
        assert read is not None
        reader.add_later(to_line[..., n], read[..., n.start :], n)
    to_x, to_past = to_line[..., pad:], to_line[..., pad - own : pad]
    to_tail = torch.cat([first, filters.end(state, to_end[..., 1:])], -1)
    filters.forget()
    del filters, allpass, g_v, spaced
    g = None
    if not to_line.numel() or not T:
        return [to_x, *(None if t is None else torch.zeros_like(t) for t in inputs[1:5]), to_past, to_tail]
    to_delay = to_feedback = None
    if needs.delay:
        g = torch.cat(pieces[::-1], -1) if read is None else read[..., pad : pad + T]
        pieces.clear()
        to_delay = reader.to_delay(g, v, before[..., :1])
    del read, reader, g
    to_poles: list[Tensor | None] = [None, None]
    if back is not None:
        if needs.feedback:
            to_feedback = to_x * written
            to_feedback = to_feedback if back.shape[-1] != 1 else to_feedback.sum(-1, keepdim=True)
        to_poles = whole.gradients(v, to_x * gain, to_end[..., 1:])
    return [to_x, to_delay, to_feedback, *to_poles, to_past, to_tail]
