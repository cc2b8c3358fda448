"""The feedback delay network in plain torch operations, for devices without a kernel; differentiable to any order.

Blocks are as long as the delays at hand allow. What stands still is the affair of `StillNetwork`, where nobody asks for
derivatives of its steps; it has a gradient of its own, in which all that comes back to a line is read, not added up: no
order of additions depends on the device.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import constant
from diffFx_pytorch.kernels.transforms import plain
from diffFx_pytorch.recursion.fallback.delay_blocks import LONGEST, PIECE, as_it_is, cut, even_blocks
from diffFx_pytorch.recursion.fallback.sections import cascade, sections_matrices
from diffFx_pytorch.recursion.fallback.still_network import StillNetwork


def delay_error(delay: Tensor, offset: Tensor | None, past: int) -> ValueError:
    """What to raise for delays that are out of range, or NaN."""
    least = "1 sample" if offset is None else "2 samples"
    return ValueError(
        f"feedback_network: delays must be at least {least} and at most longest = {past - 2}, and no NaN; got "
        f"{delay.min():g} to {delay.max():g}"
        + ("" if offset is None else f", moved by {offset.min():g} to {offset.max():g}")
        + ". Clamp them, or raise longest."
    )


class Network(NamedTuple):
    """Networks in rows, float64 but for the sound.

    Attributes:
        x: (R, inputs, T).
        delay: (R, N), rounded to whole samples.
        offset: (R, N, T) or None.
        mixing: (R, N + inputs, N + outputs).
        coef: (R or 1, 1 or T, K, 5, N), b0 b1 b2 a1 a2.
        past: (R, N, P).
        zi: (R, K, 2, N).
    """

    x: Tensor
    delay: Tensor
    offset: Tensor | None
    mixing: Tensor
    coef: Tensor
    past: Tensor
    zi: Tensor

    @property
    def is_still(self) -> bool:
        """Whether nothing moves, and there is something."""
        return self.offset is None and self.coef.shape[1] == 1 and self.x.numel() > 0 and self.past.numel() > 0

    def still(self) -> StillNetwork:
        """As what stands still, which waits for the shortest delay.

        Raises:
            ValueError: delays out of range.
        """
        x, delay, _, mixing, coef, past, zi = self
        least, whole = _least(delay, past.shape[-1]), delay.round().long()
        states = zi.permute(0, 3, 1, 2).flatten(-2)
        return StillNetwork(x, whole, least, mixing, _system(coef) if coef.shape[2] else None, past, states)


def _least(delay: Tensor, past: int) -> int:
    """The shortest delay; the wait for it tells of illegal ones too."""
    least, most = torch.stack(torch.aminmax(delay.detach().round())).tolist()
    if not (least >= 1 and most <= past - 2):
        raise delay_error(delay, None, past)
    return int(least)


def _blocks(delay: Tensor, offset: Tensor | None, past: int, T: int) -> list[slice]:
    """What can be computed at once.

    Whole delays reach one sample less far: their surrogate gradient reads the sample after.
    """
    if not delay.numel() or not T:
        return even_blocks(LONGEST, T)
    if offset is None:
        return even_blocks(_least(delay, past) - 1, T)
    gap = (delay.detach().round()[..., None] + offset.detach()).floor()
    ahead = (torch.arange(T, device=gap.device) + 1 - gap.amin((0, 1))).cummax(0).values
    *newest, least, most = torch.cat([ahead, torch.stack(torch.aminmax(gap))]).tolist()
    if not (least >= 2 and most <= past - 2):
        raise delay_error(delay, offset, past)
    return cut(newest)


def _read(lines: Tensor, at: int, count: int, delay: Tensor, offset: Tensor | None, first: int) -> Tensor:
    """A block of every line (R, N, count), delayed by whole samples or, time-varying, read by four points."""
    now = torch.arange(at, at + count, device=lines.device)
    if offset is None:
        then = now - delay.detach().round().long()[..., None]
        # Whole delays have no slope: the surrogate is that of the line around the sample.
        return lines.gather(-1, then) + (delay - delay.detach())[..., None] * _slope(lines, then).detach()
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


def _slope(lines: Tensor, then: Tensor) -> Tensor:
    return (lines.gather(-1, (then - 1).clamp_min(0)) - lines.gather(-1, then + 1)) / 2


_TO_MATRIX = tuple(tuple(float(i) for i in row) for row in (
    (0, 0, 0, 0), (0, 0, 0, 0), (0, 0, 0, 0), (-1, 0, 0, 0), (0, 0, -1, 0)
))  # fmt: skip


def _system(coef: Tensor) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """All sections in series (R, 1, K, 5, N) as one system a line: A (N R, n, n), B and C (N R, n), D (N R,)."""
    coef = coef[:, 0].permute(3, 0, 1, 2).flatten(0, 1)
    ahead = constant((0.0, 1.0, 0.0, 0.0), coef.dtype, coef.device)
    M = (coef @ constant(_TO_MATRIX, coef.dtype, coef.device) + ahead).unflatten(-1, (2, 2))
    D = coef[..., 0]
    N = torch.addcmul(coef[..., 1:3], coef[..., 3:], D[..., None], value=-1)
    C = constant((1.0, 0.0), coef.dtype, coef.device).expand_as(N)
    A, B, c, d = M[:, 0], N[:, 0], C[:, 0], D[:, 0]
    for k in range(1, coef.shape[1]):
        zero = A.new_zeros(*A.shape[:-1], 2)
        lower = torch.cat([N[:, k, :, None] * c[:, None, :], M[:, k]], -1)
        A = torch.cat([torch.cat([A, zero], -1), lower], -2)
        B = torch.cat([B, N[:, k] * d[:, None]], -1)
        c, d = torch.cat([D[:, k, None] * c, C[:, k]], -1), d * D[:, k]
    return A, B, c, d


def feedback_network_blocks(net: Network, keep: bool = False) -> tuple[Tensor, ...]:
    """Run networks block by block.

    Args:
        net: the networks.
        keep: whether to return also what the gradient of one that stands still reads.

    Returns:
        ``(y, end, zf)``: what the matrix gives to the outputs (R, outputs, T), the last that went into the lines
        (R, N, P), states as zi.

    Raises:
        ValueError: delays out of range.
    """
    x, delay, offset, mixing, coef, lines, zi = net
    (R, N, P), T, K = lines.shape, x.shape[-1], coef.shape[2]
    if net.is_still and (keep or plain(*net)):
        y, end, zf, *kept = net.still().run(x.dtype if keep else None)
        return y, end, _of_sections(zf, K), *(kept if keep else ())
    pieces, x = _blocks(delay, offset, P, T), x.double()
    # What the inputs give is there at once, so lines are written where they stand.
    into, from_x = mixing[:, :N].mT, mixing[:, N:].mT @ x
    lines, from_x, found = torch.cat([lines, from_x[:, :N]], -1), from_x[:, N:], []
    state = zi.permute(0, 3, 1, 2).reshape(R * N, K, 2)
    for n in pieces:
        u = _read(as_it_is(lines[..., n.start : n.stop + P]), P, n.stop - n.start, delay, offset, n.start)
        if K:
            now = (coef if coef.shape[1] == 1 else coef[:, n]).expand(R, -1, -1, -1, -1)
            rows = now.permute(0, 4, 1, 2, 3).reshape(R * N, now.shape[1], K, 5)
            u, state = cascade(u.reshape(R * N, -1), sections_matrices(rows), state)
            u = u.reshape(R, N, -1)
        lines[..., P + n.start : P + n.stop].baddbmm_(into[:, :N], u)
        found.append(u)
    y = torch.baddbmm(from_x, into[:, N:], torch.cat(found, -1)) if found else from_x
    found = y, lines[..., T:], state.reshape(R, N, K, 2).permute(0, 2, 3, 1)
    return (*found, lines.new_empty(R, 0), lines.new_empty(R, 0)) if keep else found


def _of_sections(states: Tensor, K: int) -> Tensor:
    """(R, K, 2, N) from (R, N, 2 K)."""
    return states.unflatten(-1, (K, 2)).permute(0, 2, 3, 1)


def kept_states(T: int, N: int, K: int) -> tuple[int, int, int]:
    """The shape of the states of a row that the gradient reads."""
    return N, -(-T // PIECE), 2 * K


def feedback_network_gradient(
    net: Network,
    to_y: Tensor,
    to_end: Tensor | None,
    to_zf: Tensor,
    kept: Sequence[Tensor] | None,
    of_delay: bool,
) -> Network:
    """The gradients of a network that stands still.

    Args:
        net: the network.
        to_y: gradient of y (R, outputs, T).
        to_end: of end, None where there is none.
        to_zf: of zf.
        kept: what `StillNetwork.run` kept, None where that is lost.
        of_delay: whether that of the delays is wanted.
    """
    still, K = net.still(), net.coef.shape[2]
    lines, states = kept or still.run(net.x.dtype)[3:]
    to_states = to_zf.permute(0, 3, 1, 2).flatten(-2)
    found, to_coef = still.gradient(to_y, to_end, to_states, lines, states, of_delay), torch.zeros_like(net.coef)
    if K:
        pull: Any = torch.func.vjp(_system, net.coef)[1]
        (to_coef,) = pull(found["filters"])
    to_zi = _of_sections(found["zi"], K)
    return Network(found["x"], found["delay"], None, found["mixing"], to_coef, found["past"], to_zi)
