"""Damped Gauss-Newton steps on the squared difference of any feature, inside the range of every knob."""

from __future__ import annotations

import math
import time

import torch
from torch import Tensor

from .features import Feature
from .progress import Watch
from .task import Task

_CHANGE = 1e-3
"""Change of the feature, relative to its size, by which a derivative is measured: far above rounding, and small enough
for the knob to act linearly."""
_TURNS = 1e-6, 2e-2
"""The smallest and the largest turn of a knob, in positions, by which a derivative is measured."""
_DAMPINGS = (1e-2, 1e-1, 1.0, 10.0, 100.0)
_GIVE_UP = 1e5
_STALLED = 5e-4


class LeastSquares:
    """Squared difference of a feature from the target's, and its minimum nearby.

    Derivatives come from differences, so an effect needs none of its own.

    Args:
        task: what is fitted.
        samples: length of the excerpt.
        feature: what is compared.
        free: indices of the knobs that move, (K,).
    """

    def __init__(self, task: Task, samples: int, feature: Feature, free: Tensor) -> None:
        self.task, self.samples, self.feature, self.free = task, samples, feature, free
        self.target = feature(task.wet[..., :samples])
        self.energy = float(self.target.double().square().sum()) + 1e-10 * self.target.numel()

    def differences(self, sounds: Tensor) -> Tensor:
        """Squared differences of sounds (B, C, samples), relative to the target's energy: (B,) in float64."""
        error = (self.feature(sounds) - self.target).double().square().sum(1) / self.energy
        return error.nan_to_num(math.inf)

    def errors(self, positions: Tensor) -> Tensor:
        """``differences`` at settings (B, P)."""
        together = self.task.together(self.samples)
        return torch.cat([self.differences(self.task.sounds(p, self.samples)) for p in positions.split(together)])

    def jacobian(self, position: Tensor, turns: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Feature and its derivatives by the positions of the free knobs, from differences towards the inside.

        Args:
            position: of one setting, (P,).
            turns: by how much each knob is turned, (K,).

        Returns:
            Difference from the target (N,), derivatives (K, N), and turns that suit better next time (K,).
        """
        inwards = torch.where(position[self.free] > 0.5, -turns, turns)
        turned = position.repeat(len(turns) + 1, 1)
        turned[torch.arange(1, len(turned)), self.free] += inwards
        together = self.task.together(self.samples)
        seen = torch.cat([self.feature(self.task.sounds(p, self.samples)) for p in turned.split(together)])
        change = (seen[1:] - seen[:1]).nan_to_num(0.0, 0.0, 0.0)
        size = change.norm(dim=1) / seen[0].norm().clamp_min(1e-9)
        better = (turns * (_CHANGE / size.clamp_min(1e-12)).clamp(0.1, 10.0)).clamp(*_TURNS)
        return seen[0] - self.target[0], change / inwards[:, None], better

    @torch.no_grad()
    def descend(
        self,
        position: Tensor,
        steps: int,
        deadline: float = math.inf,
        advance: Watch = lambda error, place: None,
    ) -> tuple[Tensor, float]:
        """Minimise from one setting (P,) by Levenberg's and Marquardt's steps.

        (J^T J + lambda diag J^T J) d = -J^T r within the ranges; all dampings lambda are tried at once, in one batch.
        Ends early where no damping lowers the error, or by nothing that counts.

        Args:
            position: start.
            steps: largest number of steps.
            deadline: of ``time.monotonic()``.
            advance: called after every step with the error and its setting.

        Returns:
            The best setting (P,) and its error.

        References:
            D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", J. SIAM 11(2), 1963.
        """
        position, error = position.clone(), float(self.errors(position[None])[0])
        turns, damping = torch.full((len(self.free),), 1e-3).to(position), 0.1
        for _ in range(steps):
            if time.monotonic() >= deadline or not math.isfinite(error) or not len(self.free):
                break
            r, J, turns = self.jacobian(position, turns)
            r, J = r.double(), J.double()
            A, g = J @ J.T, J @ r
            scale = A.diagonal().clamp_min(1e-9 * float(A.diagonal().max()) + 1e-30)
            place = position[self.free].double()
            dampings = [damping * d for d in _DAMPINGS]
            moves = torch.stack([_bounded(A + torch.diag(d * scale), g, -place, 1 - place) for d in dampings])
            tried = position.repeat(len(moves), 1)
            tried[:, self.free] = (place + moves).clamp(0.0, 1.0).to(tried)
            errors = self.errors(tried)
            best = int(errors.argmin())
            if float(errors[best]) < error:
                gain, error, position = error / max(float(errors[best]), 1e-30) - 1, float(errors[best]), tried[best]
                damping = min(max(dampings[best], 1e-9), 1e3)
                if gain < _STALLED:
                    break
            else:
                damping *= 1e3
            advance(error, position)
            if damping > _GIVE_UP:
                break
        return position, error


def _bounded(A: Tensor, g: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """The d between ``low`` and ``high`` where d^T A d / 2 + g^T d is about least: what leaves is held at its bound."""
    d, held = torch.zeros_like(g), torch.zeros_like(g, dtype=torch.bool)
    for _ in range(len(g)):
        moves = (~held).nonzero()[:, 0]
        if not len(moves):
            break
        x, failed = torch.linalg.solve_ex(A[moves][:, moves], -g[moves] - A[moves][:, held] @ d[held])
        if failed:
            break
        d[moves] = torch.minimum(torch.maximum(x, low[moves]), high[moves])
        left = (x < low[moves]) | (x > high[moves])
        if not left.any():
            break
        held[moves[left]] = True
    return d
