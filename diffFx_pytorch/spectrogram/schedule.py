"""Which rule to use when; the method "auto"."""

from __future__ import annotations

from collections.abc import Sequence

from .rules import METHODS, Momentum, Reflection, Rule

REFLECTION = Reflection(rho=0.05)
PROJECTION = Momentum(alpha=1.05, beta=1.35, gamma=1.25)


def auto(n_iter: int) -> Sequence[Rule]:
    """Two fifths of the iterations ADMM, the rest accelerated Griffin-Lim.

    Methods with momentum go down fast and lock into the basin of their first phase; reflections leave it for a better
    one, but wander about its bottom.
    """
    first = round(0.4 * n_iter)
    return [REFLECTION] * first + [PROJECTION] * (n_iter - first)


def schedule_for(method: str | Rule | Sequence[Rule], n_iter: int) -> Sequence[Rule]:
    """A rule for each iteration, from the name of a method, one rule, or a rule for each.

    Raises:
        ValueError: for an unknown name, or another number of rules than iterations.
    """
    if isinstance(method, str):
        if method == "auto":
            return auto(n_iter)
        if method not in METHODS:
            raise ValueError(f"invert_spectrogram: method must be auto, lbfgs, {', '.join(METHODS)}. Got {method!r}.")
        return [METHODS[method]] * n_iter
    if isinstance(method, Sequence):
        if len(method) != n_iter:
            raise ValueError(f"invert_spectrogram: {len(method)} rules were given for n_iter={n_iter} iterations.")
        return method
    return [method] * n_iter
