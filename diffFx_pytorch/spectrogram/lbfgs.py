"""Limited-memory BFGS over a batch of problems, each with its own line search, history and end.

``torch.optim.LBFGS`` sees a batch as one long vector: one step length for all, the hardest item sets it, and an item
of a batch ends elsewhere than it would alone. Here every dot product, step length and stop is one per item, and an
item that has found its step waits without being evaluated.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

Evaluate = Callable[[Tensor, Tensor], tuple[Tensor, Tensor]]
"""(x (b, N), which items these are (b,)) to (loss (b,) in float64, gradient (b, N))."""

_ARMIJO, _CURVATURE = 1e-4, 0.9
"""c_1 and c_2 of the strong Wolfe conditions, as usual for quasi-Newton directions."""

_FARTHEST = 10.0
"""Largest ratio of a step to the last while no minimum is bracketed."""


@dataclass
class Minimum:
    """The result of a batch of minimisations.

    Args:
        x: (B, N).
        loss: (B,), float64.
        history: loss after each iteration, the start first, (iterations + 1, B); an ended item repeats its last.
        iterations: of each item, (B,).
        converged: whether an item ended because it found no further descent, before the iterations were used up, (B,).
        evaluations: of each item, (B,): of loss and gradient.
    """

    x: Tensor
    loss: Tensor
    history: Tensor
    iterations: Tensor
    converged: Tensor
    evaluations: Tensor


def minimize(
    evaluate: Evaluate,
    start: Tensor,
    n_iter: int = 100,
    *,
    memory: int = 10,
    tolerance: float = 0.0,
    patience: int = 10,
    max_evaluations: int = 12,
    tolerance_grad: float = 0.0,
    tolerance_change: float = 0.0,
    callback: Callable[[int, Tensor, Tensor], bool | None] | None = None,
) -> Minimum:
    """Minimise B functions of N variables at once.

    A step t along d satisfies the strong Wolfe conditions,

        f(x + t d) <= f(x) + c_1 t g^T d,    |g(x + t d)^T d| <= c_2 |g^T d|,

    so the loss never rises. Where a search finds no such step in ``max_evaluations``, the best point of it is taken if
    it descends; else the item discards its history, tries the gradient once, and ends.

    Args:
        evaluate: losses and gradients of some of the items; items must not depend on each other.
        start: (B, N), left as it is.
        n_iter: largest number of iterations of an item; 0 evaluates the start.
        memory: pairs of steps and gradient differences that are stored: 2 * memory copies of x.
        tolerance: an item ends once ``patience`` iterations have lowered its loss by less than this share of it; 0
            never ends one for that.
        patience: see ``tolerance``.
        max_evaluations: largest number of evaluations of a line search.
        tolerance_grad: an item ends at a gradient whose largest entry is no larger.
        tolerance_change: an item ends at a step whose largest entry is no larger; 0 never ends one for that.
        callback: called after every iteration with its number (from 1), x and the losses; True ends all.

    Returns:
        The ``Minimum``.

    References:
        J. Nocedal, S. J. Wright, Numerical Optimization, 2nd ed., Springer 2006, algorithms 7.4, 7.5 (two loops), 3.5,
        3.6 (line search).
    """
    x = start.detach().clone()
    everyone = torch.arange(len(x), device=x.device)
    loss, g = evaluate(x, everyone)
    g = g.clone()
    evaluations = torch.ones_like(everyone)
    iterations, converged = torch.zeros_like(everyone), _largest(g) <= tolerance_grad
    past = _Past(memory, x)
    history = [loss]
    for iteration in range(1, n_iter + 1):
        items = everyone[~converged]
        if not len(items):
            break
        d, fresh = past.direction(g[items], loss[items], items)
        found = _line_search(evaluate, x[items], d, loss[items], g[items], items, max_evaluations)
        evaluations[items] += found.evaluations
        step = _column(found.t, d) * d
        past.push(step, found.g - g[items], items)
        lowered = found.loss < loss[items]
        past.forget(items[~lowered])
        ended = (~lowered & fresh) | (_largest(found.g) <= tolerance_grad)
        if tolerance_change:
            ended |= lowered & (_largest(step) <= tolerance_change)
        if tolerance and iteration >= patience:
            earlier = history[-patience][items]
            ended |= earlier - found.loss < tolerance * earlier
        converged[items] = ended
        x[items] += step
        g[items] = found.g
        loss = loss.index_copy(0, items, found.loss)
        iterations[items] += 1
        history.append(loss)
        if callback is not None and callback(iteration, x, loss):
            break
    return Minimum(x, loss, torch.stack(history), iterations, converged, evaluations)


def _dot(a: Tensor, b: Tensor) -> Tensor:
    return torch.linalg.vecdot(a, b).double()


def _norm(a: Tensor) -> Tensor:
    return torch.linalg.vector_norm(a, dim=-1)


def _largest(a: Tensor) -> Tensor:
    return a.abs().amax(-1) if a.shape[-1] else a.new_zeros(a.shape[:-1])


class _Past:
    """The last steps s and gradient differences y of every item; missing ones have the weight 0."""

    def __init__(self, memory: int, like: Tensor) -> None:
        B, N = like.shape
        self.memory, self.pushed = memory, 0
        self.s = like.new_zeros(memory, B, N)
        self.y = like.new_zeros(memory, B, N)
        self.rho = like.new_zeros(memory, B, dtype=torch.float64)
        self.gamma = like.new_zeros(B, dtype=torch.float64)

    def push(self, s: Tensor, y: Tensor, items: Tensor) -> None:
        slot = self.pushed % self.memory
        self.pushed += 1
        sy, yy = _dot(s, y), _dot(y, y)
        # A strong Wolfe step has s^T y > 0; one that a search gave up on may not.
        curved = sy > 1e-10 * yy.sqrt() * _norm(s)
        self.s[slot, items], self.y[slot, items] = s, y
        self.rho[slot] = 0
        self.rho[slot, items] = torch.where(curved, 1 / torch.where(curved, sy, 1.0), 0.0)
        self.gamma[items] = torch.where(curved, sy / torch.where(curved, yy, 1.0), self.gamma[items])

    def forget(self, items: Tensor) -> None:
        self.rho[:, items] = 0
        self.gamma[items] = 0

    def direction(self, g: Tensor, loss: Tensor, items: Tensor) -> tuple[Tensor, Tensor]:
        """-H g, and which items have no past: theirs is the gradient, of a length that halves a linear model's loss."""
        rho = self.rho[:, items]
        fresh = ~(rho > 0).any(0)
        slots = [i % self.memory for i in range(max(0, self.pushed - self.memory), self.pushed)]
        alphas = {}
        q = g
        for i in reversed(slots):
            alphas[i] = rho[i] * _dot(self.s[i, items], q)
            q = q - _column(alphas[i], q) * self.y[i, items]
        steepest = loss / _dot(g, g).clamp_min(torch.finfo(torch.float64).tiny)
        q = q * _column(torch.where(fresh, steepest, self.gamma[items]), q)
        for i in slots:
            beta = rho[i] * _dot(self.y[i, items], q)
            q = q + _column(alphas[i] - beta, q) * self.s[i, items]
        return -q, fresh


def _column(a: Tensor, like: Tensor) -> Tensor:
    return a.to(like.dtype).unsqueeze(-1)


@dataclass
class _Found:
    """The result of a line search: step, loss, slope along d, gradient, number of evaluations."""

    t: Tensor
    loss: Tensor
    slope: Tensor
    g: Tensor
    evaluations: Tensor


def _line_search(evaluate: Evaluate, x: Tensor, d: Tensor, f0: Tensor, g0: Tensor, items: Tensor, most: int) -> _Found:
    """Steps that satisfy the strong Wolfe conditions.

    ``low`` is the best point so far that descends enough; a minimum lies between it and ``high`` once there is a
    ``high`` (before, that is infinitely far). So bracketing and zooming are one loop.
    """
    slope0 = _dot(g0, d)
    low = _Found(torch.zeros_like(f0), f0.clone(), slope0.clone(), g0.clone(), torch.zeros_like(items))
    high_t, high_f, high_slope = (torch.full_like(f0, math.inf) for _ in range(3))
    t = torch.ones_like(f0)
    # A direction that rounding turned uphill is not searched: the item stays unchanged.
    seeking = torch.nonzero(slope0 < 0)[:, 0]
    for _ in range(most):
        if not len(seeking):
            break
        k = seeking
        f, g = evaluate(x[k] + _column(t[k], d) * d[k], items[k])
        slope = _dot(g, d[k])
        low.evaluations[k] += 1
        # Written so that NaN is too high.
        fits = (f <= f0[k] + _ARMIJO * t[k] * slope0[k]) & (f < low.loss[k])
        done = fits & (slope.abs() <= -_CURVATURE * slope0[k])
        turns = fits & (slope * (high_t[k] - low.t[k]) >= 0)
        for high, lows, new in ((high_t, low.t, t[k]), (high_f, low.loss, f), (high_slope, low.slope, slope)):
            high[k] = torch.where(fits, torch.where(turns, lows[k], high[k]), new)
        # Beyond a point that still falls there is nothing to interpolate with but the point before it.
        previous = low.t[k], low.loss[k], low.slope[k]
        for lows, new in ((low.t, t[k]), (low.loss, f), (low.slope, slope)):
            lows[k] = torch.where(fits, new, lows[k])
        low.g[k[fits]] = g[fits]
        t[k] = _next_step(low, previous, high_t, high_f, high_slope, k)
        seeking = k[~done]
    return low


def _next_step(
    low: _Found, previous: tuple[Tensor, ...], high_t: Tensor, high_f: Tensor, high_slope: Tensor, k: Tensor
) -> Tensor:
    """Minimum of the cubic through both ends of the bracket, at some distance from them; without one, a longer step."""
    bracketed = high_t[k].isfinite()
    t, f, slope = low.t[k], low.loss[k], low.slope[k]
    other = [torch.where(bracketed, a[k], b) for a, b in zip((high_t, high_f, high_slope), previous, strict=True)]
    guess = _cubic_minimum(t, f, slope, *other)
    width = high_t[k] - t
    share = torch.where(bracketed, (guess - t) / width, 0.5)
    inside = t + torch.where(share.isfinite(), share.clamp(0.1, 0.9), 0.5) * torch.where(bracketed, width, 0.0)
    ahead = torch.where(guess.isfinite() & (guess > t), guess, 2 * t)
    return torch.where(bracketed, inside, torch.minimum(torch.maximum(ahead, 2 * t), _FARTHEST * t))


def _cubic_minimum(a: Tensor, fa: Tensor, da: Tensor, b: Tensor, fb: Tensor, db: Tensor) -> Tensor:
    """Nocedal and Wright, equation (3.59); not finite where the cubic has no minimum."""
    d1 = da + db - 3 * (fa - fb) / (a - b)
    d2 = (b - a).sign() * (d1.square() - da * db).sqrt()
    return b - (b - a) * (db + d2 - d1) / (db - da + 2 * d2)
