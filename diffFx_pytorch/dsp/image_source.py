"""Image sources of a shoebox room: the positions and losses of its early reflections."""

from __future__ import annotations

import itertools
import math
from typing import NamedTuple

import torch
from torch import Tensor

from diffFx_pytorch.kernels.constants import made_once

SPEED_OF_SOUND = 343.0
"""In air at 20 degrees C, m/s."""

NEAREST = 0.05
"""Least distance in m: the gain of a source at the receiver's position stays finite."""


class Images(NamedTuple):
    """The images of a source, in the order of their number of reflections; that of none is the source itself.

    ``position`` (..., N, 3) in m; ``loss`` (..., N), the share of the pressure that the walls reflect; ``order`` (N,),
    number of reflections.
    """

    position: Tensor
    loss: Tensor
    order: Tensor


def image_sources(room: Tensor, source: Tensor, absorption: Tensor, order: int) -> Images:
    r"""The images of a source in the walls of a room, up to ``order`` reflections.

    An image is numbered by q in {0, 1} and n in the whole numbers, in each dimension of the room:

    .. math:: p = (1 - 2 q)\, s + 2 n L, \qquad \text{loss} = \beta_0^{|n - q|} \beta_1^{|n|}, \qquad
        \beta = \sqrt{1 - \alpha}

    s and L being the source and the room in that dimension, 0 and 1 its two walls. The losses of the three dimensions
    are multiplied. Differentiable with respect to everything.

    Args:
        room: length, width and height in m (..., 3); a corner is the origin.
        source: position in m (..., 3), inside.
        absorption: share of the energy that the walls take, 0 .. 1 (below 1 for a finite gradient): (..., 1) for all
            walls, or (..., 6) for the walls at 0 of each dimension, then for those opposite.
        order: largest number of reflections, 0 or more; there are 1, 7, 25, 63, 129 images up to orders 0 to 4.

    Returns:
        The images.

    Raises:
        ValueError: for an order that is no whole number from 0 up, or an absorption of another shape.

    References:
        J. B. Allen, D. A. Berkley, "Image method for efficiently simulating small-room acoustics", JASA 65(4), 1979,
        eq. 10.
    """
    n, q, met = made_once(_numbers, order, dtype=torch.int64, device=room.device).split((3, 3, 1), -1)
    if absorption.shape[-1:] not in ((1,), (6,)):
        raise ValueError(f"image_sources: absorption must be (..., 1) or (..., 6), got {tuple(absorption.shape)}")
    reflected = (1 - absorption).sqrt().expand(*absorption.shape[:-1], 6)
    position = (1 - 2 * q).to(room) * source.unsqueeze(-2) + (2 * n).to(room) * room.unsqueeze(-2)
    exponents = torch.cat([(n - q).abs(), n.abs()], -1).to(room)
    loss = (reflected.unsqueeze(-2) ** exponents).prod(-1)
    return Images(position, loss, met.squeeze(-1))


def distances(images: Tensor, receiver: Tensor) -> Tensor:
    """Metres (..., N) from images (..., N, 3) to a receiver (..., 3), at least ``NEAREST``."""
    return (images - receiver.unsqueeze(-2)).square().sum(-1).clamp_min(NEAREST**2).sqrt()


def farthest(room: tuple[float, float, float], order: int) -> float:
    """Largest distance in m of an image up to ``order`` from a receiver, wherever source and receiver are."""
    walls = (w for w in itertools.product(range(order + 1), repeat=3) if sum(w) <= order)
    return max(math.hypot(*((k + 1) * side for k, side in zip(w, room, strict=True))) for w in walls)


def _numbers(order: int) -> list[tuple[int, ...]]:
    """Numbers n (3) and q (3) and reflections, a row an image up to ``order``, sorted by reflections."""
    if isinstance(order, bool) or not isinstance(order, int) or order < 0:
        raise ValueError(f"image_sources: order must be a whole number from 0 up, got {order!r}")
    one = [(n, q) for n in range(-(order // 2 + 1), order // 2 + 2) for q in (0, 1)]
    found = []
    for trio in itertools.product(one, repeat=3):
        met = sum(abs(2 * n - q) for n, q in trio)
        if met <= order:
            found.append((*(n for n, _ in trio), *(q for _, q in trio), met))
    return sorted(found, key=lambda image: image[-1])
