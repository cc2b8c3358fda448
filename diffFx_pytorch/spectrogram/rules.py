"""Update rules of alternating projections: the next spectrum, given the projection of this one.

Let P_C project onto the spectra that signals have (``STFT.project``) and P_A give a spectrum the target's magnitudes.
All methods are one loop, p = P_C y, y = rule(p), and differ in their rule only. A rule is its few numbers; ``advance``
is its equation in eager tensor operations, ``advance_rows`` the same in one pass of a kernel.

The tensors that go round the loop are (y, x, *memory): y is projected next, x is the estimate, with the target's
magnitudes.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows

from .cpu.updates import LEAST, momentum_rows, reflection_rows

Tensors = tuple[Tensor, ...]
Onto = Callable[[Tensor], Tensor]
GRAIN = 32


def with_magnitude(c: Tensor, A: Tensor) -> Tensor:
    """P_A: A c / |c|, and A where c is (nearly) zero; its gradient is finite there."""
    size = c.abs()
    zero = size < LEAST
    return torch.where(zero, A.to(c.dtype), c * (A / torch.where(zero, 1.0, size)))


class Rule(ABC):
    """An update rule; the loop starts from (x, x), an estimate x (..., M, F)."""

    projections: ClassVar[int] = 1
    """P_C taken in one iteration."""

    @abstractmethod
    def advance(self, tensors: Tensors, p: Tensor, onto: Onto) -> Tensors:
        """The tensors after p = P_C y; ``onto`` is P_A."""

    def advance_rows(self, tensors: Tensors, p: Tensor, target: Tensor, error: np.ndarray) -> Tensors | None:
        """The same for (M, F) on the CPU, in place; None where there is no kernel.

        ``error`` (M,) receives the squared distance of |p| from the target, row by row.
        """
        return None


@dataclass(frozen=True)
class Momentum(Rule):
    """Griffin-Lim, and its two accelerations.

    t = (1 - gamma) d + gamma p;  c = t + alpha (t - t_prev);  d = t + beta (t - t_prev);  y = P_A c

    Args:
        alpha: 0 is Griffin and Lim's method exactly; 0.99 the fast one (with gamma = 1). Above 1.05 that diverges.
        beta: and
        gamma: of the accelerated one, (1.05, 1.35, 1.25); proven to converge: (0.09, 1.1, 0.2).

    References:
        Griffin and Lim, "Signal estimation from modified short-time Fourier transform", IEEE Trans. ASSP 32(2), 1984.
        Perraudin, Balazs and Sondergaard, "A fast Griffin-Lim algorithm", WASPAA, 2013, algorithm 2.
        Nenov, Nguyen, Balazs and Bot, "Accelerated Griffin-Lim algorithm: a fast and provably converging numerical
        method for phase retrieval", IEEE Trans. Signal Processing 72, 2024, algorithm 3.
    """

    alpha: float = 0.0
    beta: float = 0.0
    gamma: float = 1.0

    def advance(self, tensors: Tensors, p: Tensor, onto: Onto) -> Tensors:
        """The equation."""
        # At first there is nothing before t: no momentum.
        previous, d = tensors[2:4] if len(tensors) > 2 else (p, p)
        t = p if self.gamma == 1 else (1 - self.gamma) * d + self.gamma * p
        step = t - previous
        y = onto(t + self.alpha * step if self.alpha else t)
        return (y, y, t, t + self.beta * step)

    def advance_rows(self, tensors: Tensors, p: Tensor, target: Tensor, error: np.ndarray) -> Tensors | None:
        """The equation, in one pass."""
        if len(tensors) == 2:
            previous = p.clone()
            tensors = (p, p, previous, previous[:0] if self.gamma == 1 else p.clone())
        numbers = _numbers(p, self.alpha, self.beta, self.gamma)
        arrays = (as_rows(tensors[2]), as_rows(tensors[3]))
        run_rows(momentum_rows, len(error), GRAIN, as_rows(p), target.numpy(), error, *numbers, *arrays)
        return (p, p, *tensors[2:])


@dataclass(frozen=True)
class Reflection(Rule):
    """Methods that reflect at a set instead of stopping on it, and so leave the basin that they start in.

    z = (rho y + p) / (1 + rho);  a = P_A(2 z - y);  y = beta (a + y - z) + (1 - beta) z

    (rho, beta) = (0, 1) is the Douglas-Rachford iteration, (0, beta) RAAR and (rho, 1) ADMM, with y - z its dual.

    Args:
        rho: of ADMM, 0.1 to 0.2; the larger, the nearer to Griffin-Lim (rho = 1).
        beta: of RAAR, relaxation towards the projection.

    References:
        Masuyama, Yatabe and Oikawa, "Griffin-Lim like phase recovery via alternating direction method of multipliers",
        IEEE Signal Processing Letters 26(1), 2019, equations (15)-(18).
        Luke, "Relaxed averaged alternating reflections for diffraction imaging", Inverse Problems 21, 2005.
        Peer, Welker and Gerkmann, "Beyond Griffin-Lim: improved iterative phase retrieval for speech", IWAENC, 2022.
    """

    rho: float = 0.0
    beta: float = 1.0

    def advance(self, tensors: Tensors, p: Tensor, onto: Onto) -> Tensors:
        """The equation."""
        y = tensors[0]
        z = (self.rho * y + p) / (1 + self.rho)
        a = onto(2 * z - y)
        return (self.beta * (a + y - z) + (1 - self.beta) * z, a)

    def advance_rows(self, tensors: Tensors, p: Tensor, target: Tensor, error: np.ndarray) -> Tensors | None:
        """The equation, in one pass."""
        # At first y is the estimate itself, which is not the loop's to change.
        y = tensors[0].clone() if tensors[0] is tensors[1] else tensors[0]
        numbers = _numbers(p, self.rho, self.beta)
        run_rows(reflection_rows, len(error), GRAIN, as_rows(p), target.numpy(), error, *numbers, as_rows(y))
        return (y, p)


@dataclass(frozen=True)
class DifferenceMap(Rule):
    """x = x + beta (P_A f_C(x) - P_C f_A(x)), f_C = P_C + (P_C - 1) / beta, f_A = P_A - (P_A - 1) / beta.

    Two projections an iteration: of x, and of f_A(x).

    Args:
        beta: not 0; 1 is the Douglas-Rachford iteration.

    References:
        Elser, "Phase retrieval by iterated projections", J. Opt. Soc. Am. A 20(1), 2003, equations (7)-(9).
        Peer, Welker and Gerkmann, "Beyond Griffin-Lim: improved iterative phase retrieval for speech", IWAENC, 2022.
    """

    beta: float = 0.8
    projections: ClassVar[int] = 2

    def advance(self, tensors: Tensors, p: Tensor, onto: Onto) -> Tensors:
        """The equation."""
        y, estimate, *memory = tensors
        if memory:
            x = memory[0] + self.beta * (estimate - p)
            return (x, estimate)
        e = onto(p + (p - y) / self.beta)
        a = onto(y)
        return (a - (a - y) / self.beta, e, y)


METHODS: dict[str, Rule] = {
    "griffin_lim": Momentum(),
    "fast_griffin_lim": Momentum(alpha=0.99),
    "accelerated_griffin_lim": Momentum(alpha=1.05, beta=1.35, gamma=1.25),
    "admm": Reflection(rho=0.1),
    "raar": Reflection(beta=0.9),
    "difference_map": DifferenceMap(),
}
"""The rules that have names, with their usual constants."""


def schedule_of(caller: str, method: str | Rule | Sequence[Rule], n_iter: int) -> Sequence[Rule]:
    """A rule for each iteration, from the name of a method, one rule, or a rule for each; errors name the ``caller``.

    "auto" is ADMM for two fifths of the iterations, then accelerated Griffin-Lim: methods with momentum descend fast
    and lock into the basin of their first phase; reflections leave it for a better one, but wander about its bottom.

    Raises:
        ValueError: for an unknown name, or another number of rules than iterations.
    """
    if isinstance(method, str):
        if method == "auto":
            first = round(0.4 * n_iter)
            return [Reflection(rho=0.05)] * first + [METHODS["accelerated_griffin_lim"]] * (n_iter - first)
        if method not in METHODS:
            raise ValueError(f"{caller}: method must be auto, lbfgs, {', '.join(METHODS)}. Got {method!r}.")
        return [METHODS[method]] * n_iter
    if isinstance(method, Sequence):
        if len(method) != n_iter:
            raise ValueError(f"{caller}: {len(method)} rules were given for n_iter={n_iter} iterations.")
        return method
    return [method] * n_iter


def as_rows(spectrum: Tensor) -> np.ndarray:
    """Interleaved real and imaginary parts, (M, 2 F), sharing memory."""
    return torch.view_as_real(spectrum).flatten(1).numpy()


def _numbers(p: Tensor, *values: float) -> list[np.floating]:
    """The values in the precision of p: a Python float would turn a float32 kernel into float64."""
    kind = np.float32 if p.dtype == torch.complex64 else np.float64
    return [kind(v) for v in values]
