"""Random settings as music has them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, get_args

import numpy as np
import torch
from torch import Tensor

from ..control import unknown_name
from ..fit.knobs import positions_of
from ..processor import Processor

Rule = Literal["musical", "uniform"] | float | tuple[float, float] | Callable[[np.random.Generator], float]
"""How one knob is drawn."""

_MUSICAL = 0.2
"""Standard deviation, as a part of the range."""
_SECONDS = {"s": 1.0, "ms": 1e-3}


class SettingSampler:
    """Draws positions of the knobs of an effect.

    A rule is one of

    - ``"musical"``: normal about where the effect holds the knob, with a deviation of a fifth of its range, folded back
      at the ends: mostly settings near those that people use, sometimes far ones;
    - ``"uniform"``: every position alike (log knobs uniform in octaves);
    - ``(low, high)``: uniform between two values in the unit of the knob;
    - a number: that value, always;
    - a function of a ``numpy.random.Generator`` that gives a value.

    Args:
        fx: the effect.
        rules: one for all knobs, or by name of a knob, or of an effect for all its knobs; the others
            are "musical".
        seconds: no time (unit s or ms) is drawn longer than this: what outlasts a sound cannot be heard in it.

    Raises:
        ValueError: for unknown names, rules, or values out of range.
    """

    def __init__(
        self,
        fx: Processor,
        rules: Literal["musical", "uniform"] | Mapping[str, Rule] = "musical",
        seconds: float | None = None,
    ) -> None:
        given = _by_knob(fx, {} if isinstance(rules, str) else rules)
        usual: Any = rules if isinstance(rules, str) else "musical"
        self.params = dict(fx.params)
        self.centre = positions_of(fx, {})[0].numpy().copy()
        self.low, self.high = np.zeros(len(self.params)), np.ones(len(self.params))
        self.uniform = np.zeros(len(self.params), bool)
        self.functions: dict[int, Any] = {}
        for i, (name, param) in enumerate(self.params.items()):
            held = float(param.inside(float(param.to_physical(self.centre[i]))))
            rule: Any = given.get(name, held if param.search == "none" else usual)
            longest = seconds / _SECONDS[param.unit] if seconds and param.unit in _SECONDS else param.max_val
            if param.min_val < longest < param.max_val:
                self.high[i] = param.to_norm(longest)
            if isinstance(rule, str):
                if rule not in get_args(get_args(Rule)[0]):
                    raise ValueError(
                        f"{name}: a rule must be 'musical' or 'uniform', values or a function, got {rule!r}"
                    )
                self.uniform[i] = rule == "uniform"
            elif callable(rule):
                self.functions[i] = rule
            else:
                ends = rule if isinstance(rule, tuple) else (rule, rule)
                if len(ends) != 2 or not param.min_val <= ends[0] <= ends[1] <= param.max_val:
                    raise ValueError(f"{name}: {rule!r} must be a value, or two in order, in {param.range_text()}")
                self.low[i], self.high[i] = map(param.to_norm, map(float, ends))
                self.uniform[i] = True
        self.centre = self.centre.clip(self.low, self.high)

    def draw(self, rng: np.random.Generator) -> Tensor:
        """Positions (P,) of one setting."""
        u, z = rng.random(len(self.low)), rng.standard_normal(len(self.low))
        width = self.high - self.low
        near = (self.centre - self.low) / np.where(width > 0, width, 1.0) + _MUSICAL * z
        folded = 1 - np.abs(1 - np.abs(near) % 2)
        drawn = self.low + width * np.where(self.uniform, u, folded)
        names = list(self.params)
        for i, function in self.functions.items():
            param = self.params[names[i]]
            drawn[i] = param.to_norm(param.inside(float(function(rng))))
        return torch.from_numpy(drawn.astype(np.float32))


def _by_knob(fx: Processor, rules: Mapping[str, Rule]) -> dict[str, Rule]:
    """Rules by knob; those of a knob come before those of its effect."""
    found: dict[str, Rule] = {}
    for name, rule in sorted(rules.items(), key=lambda item: item[0] in fx.params):
        knobs: Iterable[str] = [knob for knob in fx.params if knob == name or knob.startswith(f"{name}.")]
        if not knobs:
            raise ValueError(f"{type(fx).__name__}: {unknown_name(name, fx.params, 'knob')}")
        found |= dict.fromkeys(knobs, rule)
    return found
