"""A module with knobs: their table, their names, their forms."""

from __future__ import annotations

import inspect
from collections.abc import Callable, Collection, Mapping
from dataclasses import replace
from typing import Any

import torch
from torch import Tensor, nn

from .automation import Points, values_of
from .control import Knobs, KnobValue, as_dict, as_flat, physical, unknown_name
from .explaining import digits, sentence
from .params import EffectParam


class Knobbed(nn.Module):
    """A module with a table of knobs, ``params``."""

    params: Mapping[str, EffectParam] = {}
    """The knobs by name."""

    @property
    def settings(self) -> Mapping[str, KnobValue]:
        """Values that stay, by name, in their units."""
        return {}

    @property
    def param_names(self) -> list[str]:
        """Names of the knobs, in the order of the flat tensor."""
        return list(self.params)

    def count_num_parameters(self) -> int:
        """Number of knobs, P."""
        return len(self.params)

    def default_params(self) -> dict[str, float]:
        """Every knob at its default, in its unit."""
        return {name: param.default for name, param in self.params.items()}

    def random_params(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniformly random knob positions, flat (batch, P)."""
        return torch.rand(batch, len(self.params), generator=generator)

    def map_parameters(self, norm_params: Knobs) -> dict[str, Tensor] | Tensor:
        """Knob positions in [0, 1] to values in their units; a dict gives a dict, a flat tensor a flat tensor."""
        return self._convert(norm_params, to_norm=False)

    def demap_parameters(self, dsp_params: Knobs) -> dict[str, Tensor] | Tensor:
        """Values in their units to knob positions: the inverse of ``map_parameters``."""
        return self._convert(dsp_params, to_norm=True)

    def to_dict(self, flat: Tensor) -> dict[str, Tensor]:
        """A flat tensor (B, P) or (B, P, F) as a dict of (B,) or (B, F) by name."""
        return as_dict(flat, self.params)  # type: ignore[return-value]  # a flat tensor gives tensors

    def to_flat(self, dsp_params: Mapping[str, KnobValue]) -> Tensor:
        """A dict of values in their units as one flat tensor; names left out take the settings, else their defaults."""
        return as_flat(as_dict(dsp_params, self.params), self.params, {**self.default_params(), **self.settings})

    def describe(self, dsp_params: Knobs | None = None) -> str:
        """One readable line per knob: name, value, unit, range, what it does. A batch shows all its values.

        Args:
            dsp_params: values in their units; names left out take the settings, else their defaults.
        """
        given = {**self.settings, **as_dict({} if dsp_params is None else dsp_params, self.params)}
        width = max(map(len, self.params), default=0)
        lines = []
        for name, param in self.params.items():
            value = given.get(name, param.default)
            text = shown(value)
            lines.append(
                f"{name:<{width}}  {text} {param.unit}".rstrip() + f"  ({param.range_text()})  {param.doc}".rstrip()
            )
        return "\n".join(lines)

    def explain(self, dsp_params: Knobs | None = None, **settings: KnobValue) -> str:
        """What this does at a setting, in sentences a musician reads; what does nothing says so.

        Args:
            dsp_params: values in their units; names left out take the settings, else their defaults. Of a batch the
                first item is told.
            settings: single knobs as keywords.
        """
        given = as_dict(self._with_keywords(dsp_params, settings), self.params)
        return self.explained({**self.default_params(), **self.settings, **given})

    def explained(self, values: Mapping[str, Any]) -> str:
        """The sentence for these values of all knobs."""
        return sentence(self, values)

    def _with_keywords(self, dsp_params: Knobs | None, settings: Mapping[str, KnobValue]) -> Knobs:
        """``dsp_params`` and the knobs that a call gives as keywords."""
        for name in settings:
            if name not in self.params:
                raise TypeError(f"{type(self).__name__}: {unknown_name(name, self.params, 'keyword')}")
        given = {} if dsp_params is None else as_dict(dsp_params, self.params)
        if twice := [name for name in settings if name in given]:
            raise TypeError(f"{type(self).__name__}: {', '.join(twice)} given twice, in dsp_params and as a keyword")
        return {**given, **settings}

    def _convert(self, knobs: Knobs, to_norm: bool) -> dict[str, Tensor] | Tensor:
        try:
            converted = {}
            for name, value in as_dict(knobs, self.params).items():
                param = self.params[name]
                mapped = physical(name, param, value, not to_norm, None)
                if isinstance(mapped, Points):
                    converted[name] = replace(mapped, values=param.to_norm(mapped.values)) if to_norm else mapped
                    continue
                mapped = mapped if isinstance(mapped, Tensor) else torch.tensor(mapped, dtype=torch.float64)
                converted[name] = param.to_norm(mapped) if to_norm else mapped
        except (ValueError, TypeError) as error:
            raise in_context(error, self) from error
        return torch.stack(list(converted.values()), 1) if isinstance(knobs, Tensor) and converted else converted


def shown(value: Any) -> str:
    """A value, or the first of many, in four digits."""
    numbers = torch.as_tensor(values_of(value), device="cpu").detach().flatten().tolist()
    return ", ".join(digits(v, 4) for v in numbers[:8]) + (" ..." if len(numbers) > 8 else "")


def read_table(
    table: Mapping[str, EffectParam], ranges: Mapping[str, EffectParam], sample_rate: float
) -> dict[str, EffectParam]:
    """A table of knobs, some ranges replaced, with ranges that the sample rate allows."""
    table = dict(table)
    for name, row in ranges.items():
        if name not in table:
            raise ValueError(unknown_name(name, table, "parameter in param_range"))
        if not isinstance(row, EffectParam):
            raise TypeError(f"param_range[{name!r}] must be an EffectParam, got {type(row).__name__}")
    for name, row in table.items():
        try:
            table[name] = (ranges[name].completed(row) if name in ranges else row).at_rate(sample_rate)
        except ValueError as error:
            raise ValueError(f"{name}: {error}") from None
    return table


def by_keyword_only(fx: Knobbed, misplaced: tuple[Any, ...]) -> str:
    """The message for parameters that came without their keyword."""
    given = "a dict" if isinstance(misplaced[0], Mapping) else f"a {type(misplaced[0]).__name__}"
    some = next(iter(fx.params), "gain_db")
    return (
        f"{type(fx).__name__}: parameters are given by keyword, got {given} without one; use "
        f"dsp_params={{{some!r}: ...}} for values in their units, norm_params=... for positions in [0, 1]"
    )


def in_context(error: Exception, fx: Knobbed) -> Exception:
    """An error with the name of the module before it."""
    name = type(fx).__name__
    text = str(error)
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return error if text.startswith(f"{name}: ") else kind(f"{name}: {text}")


def keywords_of(equation: Callable[..., Any]) -> frozenset[str] | None:
    """The keywords without a default, beside those of the base; None where any is taken."""
    keywords = inspect.signature(equation).parameters.values()
    if any(k.kind is k.VAR_KEYWORD for k in keywords):
        return None
    own = (k for k in keywords if k.kind is k.KEYWORD_ONLY and k.default is k.empty)
    return frozenset(k.name for k in own) - {"sidechain", "effects"}


def check_equation(cls: Any, table: Collection[str]) -> None:
    """Refuse an effect whose table and whose first equation do not name the same knobs.

    Raises:
        TypeError: saying what both name.
    """
    equation = "control" if cls.designs else "process"
    keywords = inspect.signature(getattr(cls, equation)).parameters.values()
    if any(k.kind is k.VAR_KEYWORD for k in keywords):
        return
    named = {k.name: k for k in keywords if k.kind is k.KEYWORD_ONLY and k.name not in ("sidechain", "effects")}
    table = [name for name in table if "." not in name]
    if [name for name, k in named.items() if name in table or k.default is k.empty] != table:
        raise TypeError(
            f"{cls.__name__}: the table of parameters and the keywords of {equation}() must be one list; "
            f"table: {', '.join(table)}; {equation}: {', '.join(named)}"
        )
