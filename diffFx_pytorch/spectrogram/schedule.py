"""Which rule to use when: the method "auto"."""

from __future__ import annotations

from collections.abc import Sequence

from .rules import Momentum, Reflection, Rule

REFLECTION = Reflection(rho=0.05)
PROJECTION = Momentum(alpha=1.05, beta=1.35, gamma=1.25)


def auto(n_iter: int) -> Sequence[Rule]:
    """Two fifths of the iterations ADMM, the rest accelerated Griffin-Lim.

    Methods with momentum go down fast and lock into the basin of their first phase; reflections leave it for a better
    one, but wander about its bottom.
    """
    first = round(0.4 * n_iter)
    return [REFLECTION] * first + [PROJECTION] * (n_iter - first)
