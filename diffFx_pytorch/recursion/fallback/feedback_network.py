"""The feedback delay network in plain torch operations, for devices without a kernel; differentiable."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.recursion.fallback.sections import cascade, sections_matrices


def delay_error(delay: Tensor, offset: Tensor | None, past: int) -> ValueError:
    """What to raise for delays that are out of range, or NaN."""
    least = "1 sample" if offset is None else "2 samples"
    return ValueError(
        f"feedback_network: delays must be at least {least} and at most longest = {past - 2}, and no NaN; got "
        f"{delay.min():g} to {delay.max():g}"
        + ("" if offset is None else f", moved by {offset.min():g} to {offset.max():g}")
        + ". Clamp them, or raise longest."
    )


def _longest_block(delay: Tensor, offset: Tensor | None, past: int) -> int:
    """Samples that can be computed at once; the wait for the shortest delay tells of illegal ones too.

    Whole delays reach one sample less far: their surrogate gradient reads the sample after.
    """
    low = high = delay.detach().round()
    if offset is not None:
        low, high = (low + offset.detach().amin(-1)).floor() - 1, high + offset.detach().amax(-1)
    least, most = torch.stack([low.amin(), high.amax()]).tolist()
    if not (least >= 1 and most <= past - 2):
        raise delay_error(delay, offset, past)
    return max(1, int(least) - (offset is None))


def _read(lines: Tensor, at: int, count: int, delay: Tensor, offset: Tensor | None, first: int) -> Tensor:
    """A block of every line (R, N, count), delayed by whole samples or, time-varying, read by four points."""
    now = torch.arange(at, at + count, device=lines.device)
    if offset is None:
        then = now - delay.detach().round().long()[..., None]
        # Whole delays have no slope: the surrogate is that of the line around the sample.
        slope = (lines.gather(-1, (then - 1).clamp_min(0)) - lines.gather(-1, then + 1)).detach() / 2
        return lines.gather(-1, then) + (delay - delay.detach())[..., None] * slope
    d = (delay + (delay.detach().round() - delay.detach()))[..., None] + offset[..., first : first + count]
    k = d.detach().floor()
    f = d - k
    weights = (
        -f * (f - 1) * (f - 2) / 6,
        (f + 1) * (f - 1) * (f - 2) / 2,
        -(f + 1) * f * (f - 2) / 2,
        (f + 1) * f * (f - 1) / 6,
    )
    taps = [w * lines.gather(-1, now - k.long() - j) for j, w in zip((-1, 0, 1, 2), weights, strict=True)]
    return torch.stack(taps).sum(0)


def feedback_network_blocks(
    x: Tensor, delay: Tensor, offset: Tensor | None, mixing: Tensor, coef: Tensor, past: Tensor, zi: Tensor
) -> tuple[Tensor, Tensor, Tensor]:
    """Run networks block by block, a block as long as the shortest delay.

    Args:
        x: (R, inputs, T), float64 like all others.
        delay: (R, N), rounded to whole samples.
        offset: (R, N, T) or None.
        mixing: (R, N + inputs, N + outputs).
        coef: (R, 1 or T, K, 5, N), b0 b1 b2 a1 a2.
        past: (R, N, P).
        zi: (R, K, 2, N).

    Returns:
        ``(y, end, zf)``: what the matrix gives to the outputs (R, outputs, T), the last that went into the lines
        (R, N, P), states as zi.

    Raises:
        ValueError: delays out of range.
    """
    R, N, P = past.shape
    T, K = x.shape[-1], coef.shape[2]
    block = _longest_block(delay, offset, P) if delay.numel() and T else 1
    lines, y = past, [x.new_zeros(R, mixing.shape[-1] - N, 0)]
    state = zi.permute(0, 3, 1, 2).reshape(R * N, K, 2)
    for first in range(0, T, block):
        count = min(block, T - first)
        # The block's own samples are not there yet, and are not read; the gather asks for room.
        room = torch.nn.functional.pad(lines, (0, count))
        u = _read(room, P, count, delay, offset, first).reshape(R * N, count)
        if K:
            now = coef if coef.shape[1] == 1 else coef[:, first : first + count]
            rows = now.permute(0, 4, 1, 2, 3).reshape(R * N, now.shape[1], K, 5)
            u, state = cascade(u, sections_matrices(rows), state)
        u = torch.cat([u.reshape(R, N, count), x[..., first : first + count]], 1)
        out = mixing.mT @ u
        lines = torch.cat([lines, out[:, :N]], -1)[..., count:]
        y.append(out[:, N:])
    return torch.cat(y, -1), lines, state.reshape(R, N, K, 2).permute(0, 2, 3, 1)
