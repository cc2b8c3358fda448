"""Damped Gauss-Newton steps on the error-to-signal ratio."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from .knobs import Search
from .losses import ErrorToSignalRatio, emphasised
from .task import Task

_CHANGE = 1e-3
"""Change of the sound, relative to its level, by which a derivative is measured: far above rounding, and small enough
for the knob to act linearly."""

_DAMPINGS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


class Sensitivity:
    """Derivative of the sound by each free knob, from finite differences in one batch.

    Args:
        task: what is fitted.
        samples: length of the excerpt.
        knobs: number of free knobs.
    """

    def __init__(self, task: Task, samples: int, knobs: int) -> None:
        self.task, self.samples = task, samples
        self.turn = torch.full((knobs,), 1e-3)

    @torch.no_grad()
    def __call__(self, knobs: Search) -> Tensor:
        """Derivatives (K, C, T) of the sound by the logits of one setting; the difference step adapts to each knob."""
        logits = knobs.logits
        self.turn = self.turn.to(logits)
        positions = knobs.free(torch.sigmoid(torch.cat([logits, logits + torch.diag(self.turn)])))
        sounds = self.task.sounds(positions, self.samples)
        change = sounds[1:] - sounds[:1]
        size = change.flatten(1).norm(dim=1) / sounds[0].norm().clamp_min(1e-6)
        derivative = change / self.turn[:, None, None]
        self.turn = (self.turn * (_CHANGE / size.clamp_min(1e-12)).clamp(0.1, 10.0)).clamp(1e-6, 0.1)
        return derivative


def step_sizes(task: Task, knobs: Search, samples: int) -> Tensor:
    """Step size per knob, at most 1, so that no knob changes the sound by far more than others do.

    A step that is right for a gain moves the time of an echo by hundreds of samples: the step of a knob that changes
    the sound more than the median knob does is reduced in proportion.

    Returns:
        (B, K).
    """
    sizes = []
    for item in range(len(knobs.logits)):
        alone = knobs.single(item)
        measure = Sensitivity(task, samples, alone.logits.shape[1])
        measure(alone)  # finds the right turns
        strength = measure(alone).flatten(1).norm(dim=1).nan_to_num(math.inf)
        middle = strength.median().clamp_min(1e-9)
        sizes.append((middle / strength.clamp_min(1e-12)).clamp(max=1.0))
    return torch.stack(sizes)


def gauss_newton(
    task: Task,
    knobs: Search,
    loss: ErrorToSignalRatio,
    steps: int,
    samples: int,
    deadline: float | None,
    advance: Callable[[float], None],
) -> tuple[list[float], bool]:
    """Minimise the error-to-signal ratio over one setting of ``knobs``, by damped Gauss-Newton steps.

    (J^T J + lambda diag J^T J) d = -g: the gradient g is the effect's own, exact; the curvature J^T J comes from
    differences, in one batched run. All dampings lambda are tried at once, in another. Ends early where no damping
    lowers the loss.

    Args:
        task: what is fitted.
        knobs: one setting, left at the best found.
        loss: whose pre-emphasis is used.
        steps: largest number of steps.
        samples: length of the excerpt.
        deadline: of ``time.monotonic()``.
        advance: called after every step with the loss.

    Returns:
        The loss after every step, and whether time ran out.

    References:
        D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", J. SIAM 11(2), 1963.
    """
    target = task.wet[..., :samples]
    energy = emphasised(target, loss.pre_emphasis).square().sum().double() + 1e-10 * target.numel()
    sensitivity = Sensitivity(task, samples, knobs.logits.shape[1])
    sensitivity(knobs)
    damping, history = 1.0, []
    for _ in range(steps):
        if deadline is not None and time.monotonic() >= deadline:
            return history, True
        value = loss(task.run(knobs(), samples), target).sum()
        now = float(value.detach())
        (g,) = torch.autograd.grad(value, knobs.logits)
        with torch.no_grad():
            J = emphasised(sensitivity(knobs), loss.pre_emphasis).flatten(1).double()
            A = (2 / energy) * (J @ J.T).nan_to_num(0.0)
            scale = A.diagonal().clamp_min(1e-9 * A.diagonal().max().clamp_min(1e-12))
            dampings = [damping * d for d in _DAMPINGS]
            moves = torch.cat([torch.linalg.solve(A + d * scale.diag(), -g.double().T).T for d in dampings])
            tried = knobs.logits + moves.clamp(-2, 2).to(knobs.logits)
            losses = task.losses(knobs.free(torch.sigmoid(tried)), loss, samples).nan_to_num(math.inf)
            best = int(losses.argmin())
            if losses[best] < now:
                knobs.logits.copy_(tried[best : best + 1])
                damping = min(max(dampings[best], 1e-9), 1e3)
            else:
                damping *= 100.0
        history.append(min(float(losses[best]), now))
        advance(history[-1])
        if damping > 1e6:
            break
    return history, False
