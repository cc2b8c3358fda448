"""Steps that know how strongly each knob, and each pair of knobs, acts on the sound."""

from __future__ import annotations

import math
import time
from collections.abc import Callable

import torch
from torch import Tensor

from .knobs import LearnableParams
from .losses import ErrorToSignalRatio, emphasised
from .task import Task

_CHANGE = 1e-3
"""Change of the sound, relative to its level, by which a derivative is measured: far above rounding, far below
where a knob stops acting in proportion."""

_DAMPINGS = (1e-3, 1e-2, 1e-1, 1.0, 10.0)


class Sensitivity:
    """What a small turn of each free knob does to the sound, by differences, in one batch.

    Args:
        task: what is fitted.
        samples: of the excerpt.
        knobs: how many are free.
    """

    def __init__(self, task: Task, samples: int, knobs: int) -> None:
        self.task, self.samples = task, samples
        self.turn = torch.full((knobs,), 1e-3)

    @torch.no_grad()
    def __call__(self, knobs: LearnableParams) -> Tensor:
        """Derivatives (K, C, T) of the sound by the logits of one setting; the sizes of turns adapt to the knobs."""
        logits = knobs.logits
        self.turn = self.turn.to(logits)
        positions = knobs.free(torch.sigmoid(torch.cat([logits, logits + torch.diag(self.turn)])))
        sounds = self.task.sounds(positions, self.samples)
        change = sounds[1:] - sounds[:1]
        size = change.flatten(1).norm(dim=1) / sounds[0].norm().clamp_min(1e-6)
        derivative = change / self.turn[:, None, None]
        self.turn = (self.turn * (_CHANGE / size.clamp_min(1e-12)).clamp(0.1, 10.0)).clamp(1e-6, 0.1)
        return derivative


def step_sizes(task: Task, knobs: LearnableParams, samples: int) -> Tensor:
    """How far each knob may go in a step, at most 1, so that no knob changes the sound by far more than others do.

    A step that is right for a gain throws the time of an echo hundreds of samples off: the size of a knob whose turn
    changes the sound more than the middle one's is cut in proportion.

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
    knobs: LearnableParams,
    loss: ErrorToSignalRatio,
    steps: int,
    samples: int,
    deadline: float | None,
    advance: Callable[[float], None],
) -> tuple[list[float], bool]:
    """Turn the one setting of ``knobs`` downhill on the error-to-signal ratio, by damped Gauss-Newton steps.

    (J^T J + lambda diag J^T J) d = -g: the gradient g is the effect's own, exact; the curvature J^T J comes from
    differences, one batched run. All dampings lambda are tried at once, as one batch more. Ends early where no
    damping finds anything lower.

    Args:
        task: what to fit.
        knobs: one setting, left at the best that was met.
        loss: gives the pre-emphasis.
        steps: at most.
        samples: of the excerpt.
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
