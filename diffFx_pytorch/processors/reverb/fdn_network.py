"""What a feedback delay network is made of before its knobs are turned: lengths, matrices, who hears what."""

from __future__ import annotations

import math

import numpy as np
import torch
from torch import Tensor

from ...dsp.primes import primes_up_to

FEEDBACKS = ("hadamard", "householder", "random orthogonal")

SHORTEST_MS, LONGEST_MS = 21.0, 67.0
"""First and last line at size 1; the others lie between in equal ratios."""
DIFFUSERS_MS = ((2.1, 3.7, 6.1), (2.3, 3.3, 6.7))
"""All-passes in series before the lines, for the left and the right side."""
DIFFUSERS = 6


def line_seconds(num_lines: int) -> Tensor:
    """Lengths of the lines at size 1, (N,), in seconds."""
    steps = torch.arange(num_lines, dtype=torch.float64) / (num_lines - 1)
    return SHORTEST_MS / 1000 * (LONGEST_MS / SHORTEST_MS) ** steps


def nearest_primes(longest: int) -> Tensor:
    """For each whole number of samples up to ``longest``, the nearest prime, the smaller of two; 2 at the least.

    Delays without common divisors let their echoes coincide as late as can be.
    """
    primes = primes_up_to(longest + 400)
    n = np.arange(longest + 1)
    above = np.searchsorted(primes, n)
    below = np.maximum(above - 1, 0)
    return torch.from_numpy(np.where(primes[above] - n < n - primes[below], primes[above], primes[below]))


def prime_lengths(wanted: Tensor, primes: Tensor) -> Tensor:
    """The primes next to lengths in samples, with the gradient of what is not rounded; ``primes`` of nearest_primes."""
    prime = primes[wanted.detach().round().long().clamp(0, primes.shape[0] - 1)]
    return wanted + (prime - wanted).detach()


def feedback_matrix(kind: str, num_lines: int, seed: int) -> Tensor:
    """An orthogonal matrix (N, N): the loop without absorption loses nothing.

    "hadamard": Sylvester's, every line to all with equal weight. "householder": I - 2/N, cheap to think of, and nearly
    itself for many lines. "random orthogonal": Q of a seeded normal matrix, with the signs that make it uniform.
    """
    if kind == "hadamard":
        H = torch.ones(1, 1, dtype=torch.float64)
        while H.shape[0] < num_lines:
            H = torch.cat([torch.cat([H, H], 1), torch.cat([H, -H], 1)], 0)
        return H / math.sqrt(num_lines)
    if kind == "householder":
        return torch.eye(num_lines, dtype=torch.float64) - 2 / num_lines
    Q, R = np.linalg.qr(np.random.default_rng(seed).standard_normal((num_lines, num_lines)))
    return torch.from_numpy(Q * np.sign(np.diag(R)))


def side_gains(num_lines: int) -> tuple[Tensor, Tensor]:
    """Gains into the lines (N, 2) and out of them (2, N): left has the even lines, right the odd, signs alternating.

    So the first echoes stay where the sound was, and the sides share no line.
    """
    into = torch.zeros(num_lines, 2, dtype=torch.float64)
    out = torch.zeros(2, num_lines, dtype=torch.float64)
    for i in range(num_lines):
        into[i, i % 2] = math.sqrt(2 / num_lines)
        out[i % 2, i] = 1.0 if i // 2 % 2 == 0 else -1.0
    return into, out


def with_diffusers(gain: Tensor, feedback: Tensor, into: Tensor, out: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Three all-passes a side in front of a network, as lines of one larger network.

    A Schroeder all-pass is a line with w[n] = x[n] + g w[n - m] and y[n] = (1 - g^2) w[n - m] - g x[n]; in a chain each
    takes the sum of what those before it let through.

    Args:
        gain: g of the all-passes, (B,).
        feedback: (N, N).
        into: (N, 2).
        out: (2, N).

    Returns:
        ``(matrix, into, out)``: (B, N + 6, N + 6), (B, N + 6, 2), (2, N + 6); diffusers come last, left, then right.
    """
    N, B = feedback.shape[0], gain.shape[0]
    count = DIFFUSERS // 2
    g = gain.double()
    through = 1 - g * g
    zero = torch.zeros_like(g)
    # What the k-th of a chain gets from the input and from the lines before it; the last row is the chain's output.
    direct = torch.stack([(-g) ** k for k in range(count + 1)], -1)
    chain = torch.stack(
        [
            torch.stack([through * (-g) ** (k - 1 - j) if j < k else zero for j in range(count)], -1)
            for k in range(count + 1)
        ],
        -2,
    )
    loops = chain[:, :count] + g[:, None, None] * torch.eye(count, dtype=g.dtype, device=g.device)
    corner = torch.zeros(B, count, count, dtype=g.dtype, device=g.device)
    upper = torch.cat([torch.cat([loops, corner], -1), torch.cat([corner, loops], -1)], -2)
    sides = torch.cat([into[:, :1] * chain[:, None, count], into[:, 1:] * chain[:, None, count]], -1)
    bottom = torch.cat([upper.new_zeros(B, DIFFUSERS, N), upper], -1)
    matrix = torch.cat([torch.cat([feedback.expand(B, N, N), sides], -1), bottom], -2)
    none = torch.zeros(B, count, dtype=g.dtype, device=g.device)
    left = torch.cat([direct[:, :count], none], -1)
    right = torch.cat([none, direct[:, :count]], -1)
    given = torch.cat([into * direct[:, None, count:], torch.stack([left, right], -1)], -2)
    return matrix, given, torch.cat([out, out.new_zeros(2, DIFFUSERS)], -1)


def diffuser_response(grid_delay: Tensor, gain: Tensor) -> Tensor:
    """All-passes in series: z^-m of each (2, K, M) and g (B,) to the response of each side (B, 2, M)."""
    g = gain[:, None, None, None].to(grid_delay.dtype)
    return ((grid_delay - g) / (1 - g * grid_delay)).prod(-2)
