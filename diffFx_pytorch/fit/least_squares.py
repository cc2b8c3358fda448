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
_DAMPINGS = (0.03, 1.0, 30.0)
_GIVE_UP = 1e5
_STALLED = 5e-4
_SLOW = 0.1
_MANY = 6
"""Knobs above which derivatives are carried on from step to step (Broyden) before they are measured anew."""
_CARRIED = 3


class LeastSquares:
    """Squared difference of a feature from the target's, and its minimum nearby.

    Derivatives come from differences, so an effect needs none of its own.

    Args:
        task: what is fitted.
        samples: length of the excerpt.
        feature: what is compared.
        free: indices of the knobs that move, (K,).
        draft: the same task with an effect that is quicker and nearly alike, of which the derivatives are taken.
    """

    def __init__(self, task: Task, samples: int, feature: Feature, free: Tensor, draft: Task | None = None) -> None:
        self.task, self.samples, self.feature, self.free = task, samples, feature, free
        self.draft = draft
        self.target = feature(task.wet[..., :samples])
        self._dry: Tensor | None = None
        self._dry_seen = self.target[0]
        self.aim(self.target)

    def aim(self, target: Tensor) -> None:
        """Compare with a feature (1, N) in place of the wet sound's."""
        self.target = target
        self.energy = float(target.double().square().sum()) + 1e-10 * target.numel()

    def differences(self, sounds: Tensor) -> Tensor:
        """Squared differences of sounds (B, C, samples), relative to the target's energy: (B,) in float64."""
        return torch.tensor(self._error(self.feature(sounds)), dtype=torch.float64)

    def mixed(self, sounds: Tensor, dry: Tensor) -> Tensor:
        """``differences`` of the best mixtures a sound + b dry, for a feature that is linear: (B,).

        So settings are chosen by what they do, however much of it and how loud.

        Args:
            sounds: (B, C, samples).
            dry: (1, C, samples).
        """
        if self._dry is not dry:  # once: features that share spectra keep only those of the last sounds
            self._dry, self._dry_seen = dry, self.feature(dry)[0]
        y, x, t = self.feature(sounds), self._dry_seen, self.target[0]
        yy, yx, yt = y.square().sum(1).double(), (y @ x).double(), (y @ t).double()
        xx, xt = float(x.double().square().sum()) + 1e-20, float((x.double() * t.double()).sum())
        own = (yy - yx.square() / xx).clamp_min(0.0)
        taken = torch.where(own > 1e-6 * yy, (yt - yx * xt / xx).square() / own.clamp_min(1e-30), 0.0)
        left = float(t.double().square().sum()) - xt**2 / xx - taken
        return (left.clamp_min(0.0) / self.energy).nan_to_num(math.inf)

    def errors(self, positions: Tensor) -> Tensor:
        """``differences`` at settings (B, P)."""
        return torch.tensor(self._error(self.seen(positions)), dtype=torch.float64)

    def seen(self, positions: Tensor, task: Task | None = None) -> Tensor:
        """The feature at settings (B, P), of another task if one is given: (B, N)."""
        task = task or self.task
        together = task.together(self.samples)
        return torch.cat([self.feature(task.sounds(p, self.samples)) for p in positions.split(together)])

    def jacobian(self, position: Tensor, turns: Tensor, at: Tensor | None = None) -> tuple[Tensor, Tensor, Tensor]:
        """Feature and its derivatives by the positions of the free knobs, from differences towards the inside.

        Args:
            position: of one setting, (P,).
            turns: by how much each knob is turned, (K,).
            at: the feature there, (N,), where it is known.

        Returns:
            Difference from the target (N,), derivatives (K, N), and turns that suit better next time (K,).
        """
        inwards = torch.where(position[self.free] > 0.5, -turns, turns)
        known = at if self.draft is None else None
        turned = position.repeat(len(turns) + (known is None), 1)
        turned[torch.arange(len(turned) - len(turns), len(turned)), self.free] += inwards
        seen = self.seen(turned, self.draft)
        base, seen = (seen[0], seen[1:]) if known is None else (known, seen)
        at = base if at is None else at
        change = (seen - base).nan_to_num(0.0, 0.0, 0.0)
        size = change.norm(dim=1) / at.norm().clamp_min(1e-9)
        better = (turns * (_CHANGE / size.clamp_min(1e-12)).clamp(0.1, 10.0)).clamp(*_TURNS)
        return at - self.target[0], change / inwards[:, None], better

    @torch.no_grad()
    def descend(
        self,
        position: Tensor,
        steps: int,
        deadline: float = math.inf,
        advance: Watch = lambda error, place: None,
        hopeless: float = math.inf,
        least: float = _STALLED,
    ) -> tuple[Tensor, float]:
        """Minimise from one setting (P,) by Levenberg's and Marquardt's steps.

        (J^T J + lambda diag J^T J) d = -J^T r within the ranges; all dampings lambda are tried at once, in one batch.
        Of many knobs the derivatives are measured only at some steps, and between them changed as little as what a step
        did demands (Broyden). Ends early where no damping lowers the error, or by nothing that counts.

        Args:
            position: start.
            steps: largest number of steps.
            deadline: of ``time.monotonic()``.
            advance: called after every step with the error and its setting.
            hopeless: an error above which slow steps end the descent.
            least: share of its error that a step must gain, else it is the last.

        Returns:
            The best setting (P,) and its error.

        References:
            D. W. Marquardt, "An algorithm for least-squares estimation of nonlinear parameters", J. SIAM 11(2), 1963.
            C. G. Broyden, "A class of methods for solving nonlinear simultaneous equations", Math. Comp. 19, 1965.
        """
        position = position.clone()
        at = self.seen(position[None])[0]
        error = self._error(at[None])[0]
        turns, damping = torch.full((len(self.free),), 1e-3).to(position), 0.1
        J, carried = torch.empty(0), _CARRIED
        for _ in range(steps):
            if time.monotonic() >= deadline or not math.isfinite(error) or not len(self.free):
                break
            if carried >= _CARRIED or len(self.free) < _MANY:
                r, J, turns = self.jacobian(position, turns, at)
                carried = 0
            r = at - self.target[0]
            A, g = (J @ J.T).double(), (J @ r).double()
            scale = A.diagonal().clamp_min(1e-9 * float(A.diagonal().max()) + 1e-30)
            place = position[self.free].double()
            dampings = [damping * d for d in _DAMPINGS]
            moves = torch.stack([_bounded(A + torch.diag(d * scale), g, -place, 1 - place) for d in dampings])
            tried = position.repeat(len(moves), 1)
            tried[:, self.free] = (place + moves).clamp(0.0, 1.0).to(tried)
            seen = self.seen(tried)
            errors = self._error(seen)
            best = min(range(len(errors)), key=errors.__getitem__)
            if errors[best] < error:
                gain = error / max(errors[best], 1e-30) - 1
                move = tried[best][self.free] - position[self.free]
                J = J + torch.outer(move, seen[best] - at - move @ J) / move.square().sum().clamp_min(1e-20)
                carried += 1 if gain > _SLOW else _CARRIED
                at, error, position = seen[best], errors[best], tried[best]
                damping = min(max(dampings[best], 1e-9), 1e3)
                if gain < (_SLOW if error > hopeless else least):
                    break
            elif carried > 0:
                carried = _CARRIED
            else:
                damping *= 1e3
            advance(error, position)
            if damping > _GIVE_UP:
                break
        return position, error

    def _error(self, seen: Tensor) -> list[float]:
        return ((seen - self.target).square().sum(1).double() / self.energy).nan_to_num(math.inf).tolist()


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
