"""The overshoot of a compressor that listens to its own output, in eager torch, for devices without a kernel."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffFx_pytorch.dsp.gain_computer import quadratic_knee
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.kernels.transforms import plain
from diffFx_pytorch.recursion.fallback.attack_release import looks
from diffFx_pytorch.recursion.fallback.scan import first_order_scan, first_order_scan_

SAME = 1e-13
"""Overshoots closer than this, relative to the larger, or to 1, are equal."""


class _Knobs(NamedTuple):
    """Level, width, slope, attack and release, (..., T or 1) each."""

    level: Tensor
    width: Tensor
    slope: Tensor
    attack: Tensor
    release: Tensor

    def rises(self, before: Tensor) -> Tensor:
        """Whether the attack counts after the overshoots ``before``."""
        return quadratic_knee(self.level - self.slope * before, self.width) >= before

    def after(self, before: Tensor, c: Tensor) -> Tensor:
        """The overshoot o = c o' + (1 - c) knee(L - m o), solved for o."""
        L, W, m, *_ = self
        kept, new = c * before, 1 - c
        d = (L + 0.5 * W - m * kept).clamp_min(0.0)
        z = 2 * d / (1 + (1 + 2 * new * m * d / W).sqrt())
        return torch.where(z <= W, kept + new * z * z / (2 * W), (kept + new * L) / (1 + new * m))

    def inside(self, o: Tensor) -> Tensor:
        """The derivative of the knee."""
        return (self.level - self.slope * o + 0.5 * self.width).clamp_min(0.0).minimum(self.width) / self.width


def loop_overshoot_equation(level: Tensor, knobs: Tensor, zi: Tensor) -> tuple[Tensor, Tensor]:
    """The equation of ``diffFx::loop_overshoot``: sample by sample where a derivative is asked for, else by scans.

    Args:
        level: (..., T).
        knobs: (..., T or 1, 4): width, slope, attack, release.
        zi: (..., 1).
    """
    samples, dtype = level.shape[-1], level.dtype
    if not samples:
        return level + knobs[..., :0, 0] + zi[..., :0], zi
    wide = _Knobs(*(row.to(zi.dtype) for row in (level, *knobs.unbind(-1))))
    if plain(level, knobs, zi):
        o = _settled(wide, zi)
        return o.to(dtype), o[..., -1:].clone()
    o, found = zi, []
    for rows in zip(*(row.expand(*row.shape[:-1], samples).split(1, -1) for row in wide), strict=True):
        now = _Knobs(*rows)
        o = now.after(o, torch.where(now.rises(o), now.attack, now.release))
        found.append(o)
    return torch.cat(torch.broadcast_tensors(*found), -1).to(dtype), o


def _settled(knobs: _Knobs, zi: Tensor) -> Tensor:
    """All overshoots by Newton's method: what each is after its guessed predecessor, with its slope, is a scan.

    Each round settles one sample more at least, and all of music in some ten.
    """
    batch_shape = broadcast_shape(zi.shape[:-1], *(row.shape[:-1] for row in knobs))
    samples = max(row.shape[-1] for row in knobs)
    start = zi.expand(*batch_shape, 1)
    o = (knobs.level / (1 + knobs.slope)).clamp_min(0.0).expand(*batch_shape, samples)
    for rounds in looks(samples):
        last = o
        for _ in range(rounds):
            last, before = o, torch.cat([start, o[..., :-1]], -1)
            c = torch.where(knobs.rises(before), knobs.attack, knobs.release)
            found = knobs.after(before, c)
            slope = c / (1 + (1 - c) * knobs.slope * knobs.inside(found))
            found = found - slope * before
            found[..., :1].addcmul_(slope[..., :1], start)
            o = first_order_scan_(slope, found)
        if bool(((o - last).abs() <= SAME * o.abs().clamp_min(1.0)).all()):
            break
    return o


def _backwards(slope: Tensor, g: Tensor, end: Tensor) -> Tensor:
    """y[t] = slope[t] y[t+1] + g[t] from the end (..., 1) after the last sample."""
    is_plain = plain(slope, g, end)
    slope, g = slope.flip(-1), g.flip(-1)
    if not is_plain:
        return first_order_scan(slope, g, end).flip(-1)
    g[..., :1].addcmul_(slope[..., :1], end)
    return first_order_scan_(slope, g).flip(-1)


def loop_overshoot_adjoint(
    batch_shape: tuple[int, ...],
    grads: Any,
    inputs: Any,
    saved: Any,
    needs: Any,
    scan: Callable[[Tensor, Tensor, Tensor], Tensor] = _backwards,
) -> list[Tensor]:
    """The equation, differentiated where it is solved, backwards, which is one scan; as ``Kernel.backward``."""
    level, given, zi = inputs
    if not level.shape[-1]:
        return [grads.y.expand(*batch_shape, 0), torch.zeros_like(given), grads.zf.expand(*batch_shape, 1)]
    knobs = _Knobs(*(row.to(zi.dtype) for row in (level, *given.unbind(-1))))
    o = saved.y.to(zi.dtype).expand(*batch_shape, -1)
    before = torch.cat([zi.expand(*batch_shape, 1), o[..., :-1]], -1)
    rises, inside = knobs.rises(before), knobs.inside(o)
    c = torch.where(rises, knobs.attack, knobs.release)
    solved = 1 / (1 + (1 - c) * knobs.slope * inside)
    # What comes back to a sample from the one after it went through the coefficient of that one.
    later = torch.cat([c[..., 1:], torch.ones_like(c[..., :1])], -1)
    g, slope = grads.y.expand(*batch_shape, -1) * solved, solved * later
    del solved, later
    g = scan(slope, g, grads.zf.expand(*batch_shape, 1))
    del slope
    to_level = g * (1 - c) * inside
    to_zi = (c * g)[..., :1]
    del c
    to_c = g * (before - quadratic_knee(knobs.level - knobs.slope * o, knobs.width))
    del g, before
    to_attack = torch.where(rises, to_c, 0.0)
    of_knobs = 0.5 * to_level * (1 - inside), -to_level * o, to_attack, to_c - to_attack
    if given.shape[-2] == 1:
        of_knobs = tuple(t.sum(-1, keepdim=True) for t in of_knobs)
    return [to_level, torch.stack(of_knobs, -1), to_zi]
