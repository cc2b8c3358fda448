"""The delay line in plain torch, for devices without a kernel.

Blocks as long as the shortest delay of the call are worked at once: a delay that never falls under D samples costs
T / D rounds of vector operations, a delay of one sample a round a sample.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from diffFx_pytorch.dsp.delay_read import gather_taps
from diffFx_pytorch.dsp.interpolation import POINTS, interpolation_weights, split_delay
from diffFx_pytorch.recursion.fallback.scan import first_order_scan


def allpass_pole(delay: Tensor, youngest: int) -> tuple[Tensor, Tensor]:
    """Pole of the all-pass interpolator and its derivative to the delay; zero where it falls back to linear."""
    _, f, _ = split_delay(delay, "allpass", youngest)
    linear = f < 0.5
    return torch.where(linear, 0.0, (1 - f) / (1 + f)), torch.where(linear, 0.0, -2 / (1 + f) ** 2)


def shifted(signal: Tensor, before: Tensor) -> Tensor:
    """The signal one sample later, ``before`` (..., 1) in front."""
    return torch.cat([before.expand(*signal.shape[:-1], 1), signal], -1)[..., :-1]


@dataclass
class LoopSignals:
    """What the feedback path computes from the tap, whole signals at once."""

    before_l: Tensor | None  # low-pass one sample earlier
    low: Tensor  # after the low-pass
    before_m: Tensor | None  # what the high-pass takes away, one sample earlier
    s: Tensor  # after the saturation


def loop_signals(
    v: Tensor, lowpass: Tensor | None, highpass: Tensor | None, saturate: bool, tail: Tensor
) -> tuple[LoopSignals, Tensor, Tensor]:
    """Signals of the feedback path given its tap, and the last states of its two filters (..., 1)."""
    l, before_l, before_m = v, None, None  # noqa: E741
    end_l, end_m = tail[..., 1:2].expand(*v.shape[:-1], 1), tail[..., 2:3].expand(*v.shape[:-1], 1)
    if lowpass is not None:
        l = first_order_scan(lowpass, (1 - lowpass) * v, tail[..., 1:2])  # noqa: E741
        before_l = shifted(l, tail[..., 1:2])
        end_l = l[..., -1:] if v.shape[-1] else end_l
    u = l
    if highpass is not None:
        m = first_order_scan(highpass, (1 - highpass) * l, tail[..., 2:3])
        before_m = shifted(m, tail[..., 2:3])
        end_m = m[..., -1:] if v.shape[-1] else end_m
        u = l - m
    return LoopSignals(before_l, l, before_m, torch.tanh(u) if saturate else u), end_l, end_m


def _gap(delay: Tensor, interpolation: str, T: int) -> int:
    """Samples that can be worked at once: none of them reads another."""
    k, _, t = split_delay(delay, interpolation, 1)
    return min(T, int((k - t + 1).min())) if k.numel() else T


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
) -> tuple[Tensor, Tensor, Tensor]:
    """Tap, line and last filter states in float64; arguments as in ``ops.feedback_delay``."""
    given = [t for t in (x, delay, feedback, lowpass, highpass, past, tail) if t is not None]
    lead = torch.broadcast_shapes(*(t.shape[:-1] for t in given))
    T = x.shape[-1]
    pad = POINTS[interpolation] if past is None else past.shape[-1]
    line = x.new_zeros(*lead, pad + T, dtype=torch.float64)
    if past is not None:
        line[..., :pad] = past
    v = x.new_zeros(*lead, T, dtype=torch.float64)
    youngest = 0 if feedback is None else 1
    delay = delay.double().clamp(min=youngest).expand(*delay.shape[:-1], T)
    state = tail.double().expand(*lead, 3)
    if feedback is None:
        line[..., pad:] = x
    step = T if feedback is None else _gap(delay, interpolation, T)

    def cut(p: Tensor | None, n: slice) -> Tensor | None:
        return None if p is None else p.double().expand(*p.shape[:-1], T)[..., n]

    for n0 in range(0, T, max(step, 1)):
        n = slice(n0, min(T, n0 + step))
        reach = line[..., : pad + n.stop]
        tap = gather_taps(reach, pad + n0, delay[..., n], interpolation, youngest).expand(*lead, n.stop - n0)
        if interpolation == "allpass":
            tap = first_order_scan(-allpass_pole(delay[..., n], youngest)[0], tap, state[..., :1])
        v[..., n] = tap
        if feedback is not None:
            signals, end_l, end_m = loop_signals(tap, cut(lowpass, n), cut(highpass, n), saturate, state)
            line[..., pad + n0 : pad + n.stop] = cut(x, n) + cut(feedback, n) * signals.s  # pyright: ignore
            state = torch.cat([tap[..., -1:] if interpolation == "allpass" else state[..., :1], end_l, end_m], -1)
        elif interpolation == "allpass":
            state = torch.cat([tap[..., -1:], state[..., 1:]], -1)
    return v, line, state.clone()


def _backward_scan(c: Tensor, drive: Tensor, carry: Tensor) -> tuple[Tensor, Tensor]:
    """``r[n] = drive[n] + c[n+1] r[n+1]`` with ``c[end] r[end] = carry``; returns r and ``c[0] r[0]``."""
    following = torch.cat([c[..., 1:], torch.ones_like(c[..., :1])], -1)
    r = first_order_scan(following.flip(-1), drive.flip(-1), carry).flip(-1)
    return r, c[..., :1] * r[..., :1]


def feedback_delay_gradients(
    grad_v: Tensor,
    grad_line: Tensor | None,
    grad_tail: Tensor,
    line: Tensor,
    v: Tensor,
    delay: Tensor,
    feedback: Tensor | None,
    lowpass: Tensor | None,
    highpass: Tensor | None,
    tail: Tensor,
    interpolation: str,
    saturate: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients to line (past and input), filter states, delay, feedback, low-pass and high-pass, each (..., T)."""
    T, pad, lead = v.shape[-1], line.shape[-1] - v.shape[-1], v.shape[:-1]
    line, v, tail = line.double(), v.double(), tail.double().expand(*lead, 3)
    youngest = 0 if feedback is None else 1
    d = delay.double().clamp(min=youngest).expand(*delay.shape[:-1], T)
    to_line = torch.zeros_like(line) if grad_line is None else grad_line.double().expand_as(line).clone()
    to_g, to_cl, to_ch, to_v = (torch.zeros_like(v) for _ in range(4))
    carry_v, carry_l, carry_m = (grad_tail.double().expand(*lead, 3)[..., i : i + 1] for i in range(3))
    g, cl, ch = (None if p is None else p.double().expand(*lead, T) for p in (feedback, lowpass, highpass))
    signals, _, _ = loop_signals(v, cl, ch, saturate, tail)
    k, f, t = split_delay(d, interpolation, youngest)
    pole, pole_slope = allpass_pole(d, youngest) if interpolation == "allpass" else (None, None)
    if pole is None:
        weights = interpolation_weights(f, t, interpolation)
    else:
        weights = torch.stack([torch.where(f < 0.5, f, 1.0), torch.where(f < 0.5, 1 - f, pole)])
    oldest = torch.arange(pad, pad + T, device=v.device) - k - t
    step = T if g is None else _gap(d, interpolation, T)
    for n0 in reversed(range(0, T, max(step, 1))):
        n = slice(n0, min(T, n0 + step))
        grad = torch.zeros_like(v[..., n])
        if g is not None:
            w = to_line[..., pad + n0 : pad + n.stop]
            to_g[..., n] = w * signals.s[..., n]
            grad = w * g[..., n]
            if saturate:
                grad = grad * (1 - signals.s[..., n] ** 2)
            if ch is not None and signals.before_m is not None:
                r, carry_m = _backward_scan(ch[..., n], -grad, carry_m)
                to_ch[..., n] = r * (signals.before_m[..., n] - signals.low[..., n])
                grad = grad + (1 - ch[..., n]) * r
            if cl is not None and signals.before_l is not None:
                r, carry_l = _backward_scan(cl[..., n], grad, carry_l)
                to_cl[..., n] = r * (signals.before_l[..., n] - v[..., n])
                grad = (1 - cl[..., n]) * r
        grad = grad + grad_v[..., n]
        if pole is not None:
            grad, carry_v = _backward_scan(-pole.expand(*lead, T)[..., n], grad, carry_v)
        to_v[..., n] = grad
        for p in range(POINTS[interpolation]):
            at = (oldest[..., n] + p).expand(*lead, n.stop - n0)
            inside = (at >= 0) & (at < to_line.shape[-1])
            share = torch.where(inside, weights[p][..., n] * grad, 0.0)
            to_line.scatter_add_(-1, at.clamp(0, to_line.shape[-1] - 1), share)
    slope = gather_taps(line, pad, d, interpolation, youngest, derivative=True)
    if pole_slope is not None:
        slope = slope - pole_slope * shifted(v, tail[..., :1])
    return to_line, torch.cat([carry_v, carry_l, carry_m], -1), to_v * slope, to_g, to_cl, to_ch
