"""What an effect is built with: choices, counts and numbers that are no knobs, each a row of a table."""

from __future__ import annotations

import difflib
import inspect
from abc import ABC, abstractmethod
from collections.abc import Callable, Mapping
from typing import Any, Literal

import numpy as np

from .control import unknown_name
from .params import HIGHEST_FREQUENCY, EffectParam

_NUMBERS = (int, float, np.integer, np.floating)


class Option(ABC):
    """One option of a construction: what it may be, and what it is where nothing is given.

    Args:
        default: the value where none is given; legal, or an error.
        type: as an annotation.
        doc: one sentence on what it does.
    """

    def __init__(self, default: Any, type: Any, doc: str) -> None:
        self.doc = doc
        self.type = type
        self.default = self.read("default", default)

    @abstractmethod
    def legal(self) -> str:
        """What it may be, as a person writes it: ``'peak' or 'rms'``, ``0 .. 1000 ms``."""

    @abstractmethod
    def read(self, name: str, value: Any, sample_rate: float | None = None) -> Any:
        """``value`` as the effect takes it.

        Args:
            name: of the option, for the error.
            value: what was given.
            sample_rate: in Hz; frequencies end at ``HIGHEST_FREQUENCY`` of it. None checks against the widest range.

        Raises:
            ValueError: for what is not legal, with what is.
        """


class Choice(Option):
    """One of a few values: ``Choice("peak", "rms", doc=...)``; the first is the default unless another is named.

    ``searched`` says that ``fit`` tries the others where the one it was given explains too little.
    """

    def __init__(
        self,
        *values: str | int | None,
        default: str | int | None = ...,  # type: ignore[assignment]
        doc: str = "",
        searched: bool = False,
    ) -> None:
        self.values, self.searched = values, searched
        super().__init__(values[0] if default is ... else default, Literal[values], doc)

    def legal(self) -> str:
        """The values."""
        *most, last = map(repr, self.values)
        return f"{', '.join(most)} or {last}" if most else last

    def read(self, name: str, value: Any, sample_rate: float | None = None) -> str | int | None:
        """The value that equals the given one."""
        if value is None or isinstance(value, (str, *_NUMBERS)):
            for known in self.values:
                if value == known and isinstance(value, bool) == isinstance(known, bool):
                    return known
        words = [word for word in self.values if isinstance(word, str)]
        near = difflib.get_close_matches(value, words, n=1, cutoff=0.4) if isinstance(value, str) else []
        hint = f"; did you mean {near[0]!r}?" if near else ""
        raise ValueError(f"{name} must be {self.legal()}, got {value!r}{hint}")


class Number(Option):
    """A number in a range: ``Number(0, 1000, 0.0, "ms", doc=...)``. A default of None makes None legal."""

    def __init__(self, min_val: float, max_val: float, default: float | None, unit: str = "", doc: str = "") -> None:
        self.min_val, self.max_val, self.unit = min_val, max_val, unit
        self.optional = default is None
        super().__init__(default, float | None if self.optional else float, doc)

    def legal(self) -> str:
        """The range with its unit."""
        return f"{self.min_val:g} .. {self.max_val:g} {self.unit}".rstrip() + (" or None" if self.optional else "")

    def read(self, name: str, value: Any, sample_rate: float | None = None) -> float | None:
        """The number as a float."""
        if value is None and self.optional:
            return None
        if isinstance(value, bool) or not isinstance(value, _NUMBERS) or not self.min_val <= value <= self.max_val:
            raise ValueError(f"{name} must be a number in {self.legal()}, got {value!r}")
        if self.unit == "Hz" and sample_rate is not None and value > HIGHEST_FREQUENCY * sample_rate:
            raise ValueError(
                f"{name} must be at most {HIGHEST_FREQUENCY * sample_rate:g} Hz at a sample rate of {sample_rate:g} "
                f"Hz, got {value!r}"
            )
        return float(value)


class Share(Number):
    """A part of a whole, 0 .. 1: ``Share(1.0, doc=...)``; True is all of it, False nothing."""

    def __init__(self, default: float, doc: str = "") -> None:
        super().__init__(0, 1, default, doc=doc)

    def legal(self) -> str:
        """The range, and its ends in words."""
        return f"{super().legal()}, True or False"

    def read(self, name: str, value: Any, sample_rate: float | None = None) -> float | None:
        """The share as a float."""
        return super().read(name, float(value) if isinstance(value, bool) else value, sample_rate)


class Integer(Option):
    """A whole number in a range: ``Integer(1, 64, 4, doc=...)``; with ``step=2`` an even one."""

    def __init__(self, min_val: int, max_val: int, default: int, doc: str = "", step: int = 1) -> None:
        self.min_val, self.max_val, self.step = min_val, max_val, step
        super().__init__(default, int, doc)

    def legal(self) -> str:
        """The range, and what the number is a multiple of."""
        return f"{self.min_val} .. {self.max_val}" + (f", a multiple of {self.step}" if self.step > 1 else "")

    def read(self, name: str, value: Any, sample_rate: float | None = None) -> int:
        """The number as an int."""
        whole = isinstance(value, (int, np.integer)) and not isinstance(value, bool)
        if not whole or not self.min_val <= value <= self.max_val or value % self.step:
            raise ValueError(f"{name} must be a whole number in {self.legal()}, got {value!r}")
        return int(value)


class Flag(Option):
    """True or False: ``Flag(True, doc=...)``."""

    def __init__(self, default: bool, doc: str = "") -> None:
        super().__init__(default, bool, doc)

    def legal(self) -> str:
        """Both."""
        return "True or False"

    def read(self, name: str, value: Any, sample_rate: float | None = None) -> bool:
        """The truth value; nothing else is taken for one."""
        if not isinstance(value, (bool, np.bool_)):
            raise ValueError(f"{name} must be True or False, got {value!r}")
        return bool(value)


class Given(Option):
    """What no other kind describes: a tensor, a list, a path.

    Args:
        default: the value where none is given.
        type: as an annotation.
        legal: what it may be, in words.
        doc: one sentence on what it does.
        check: whether a value is legal; ValueError and TypeError mean that it is not. None takes everything, for an
            effect that checks when it is built.
    """

    def __init__(
        self, default: Any, type: Any, legal: str, doc: str = "", check: Callable[[Any], bool] | None = None
    ) -> None:
        # The default goes unchecked: what checks it may be defined below the table.
        self.default, self.type, self.doc, self._legal, self._check = default, type, doc, legal, check

    def legal(self) -> str:
        """In the effect's words."""
        return self._legal

    def read(self, name: str, value: Any, sample_rate: float | None = None) -> Any:
        """The value itself."""
        try:
            legal = self._check is None or self._check(value)
        except (ValueError, TypeError):
            legal = False
        if not legal:
            shape = getattr(value, "shape", None)
            given = repr(value) if shape is None else f"a {type(value).__name__} of shape {tuple(shape)}"
            raise ValueError(f"{name} must be {self._legal}, got {given}")
        return value


CONTROL_PERIOD = Integer(
    1,
    65536,
    32,
    doc="Samples between the points at which moving knobs are evaluated; between them their effect is interpolated.",
)
"""The option of every effect that designs: 1 designs at every sample."""


def read_options(table: Mapping[str, Option], given: Mapping[str, Any], sample_rate: float) -> dict[str, Any]:
    """The given options, checked.

    Args:
        table: of the effect.
        given: values by name.
        sample_rate: in Hz.

    Raises:
        TypeError: for a name that is none of the table, with the nearest that is.
        ValueError: for a value that is not legal, with what is.
    """
    for name in given:
        if name not in table:
            raise TypeError(unknown_name(name, table, "option"))
    return {name: table[name].read(name, value, sample_rate) for name, value in given.items()}


def default_text(option: Option) -> str:
    """The default as a person writes it."""
    unit = option.unit if isinstance(option, Number) and option.default is not None else ""
    value = f"{option.default:g}" if isinstance(option.default, float) else repr(option.default)
    return f"{value} {unit}".rstrip()


def signature(table: Mapping[str, Option]) -> inspect.Signature:
    """The signature of a constructor with these options, for editors and ``help``."""
    keyword, either = inspect.Parameter.KEYWORD_ONLY, inspect.Parameter.POSITIONAL_OR_KEYWORD
    ranges = Mapping[str, EffectParam] | None
    rows = [inspect.Parameter(n, keyword, default=o.default, annotation=o.type) for n, o in table.items()]
    return inspect.Signature(
        [
            inspect.Parameter("sample_rate", either, default=44100, annotation=float),
            inspect.Parameter("param_range", either, default=None, annotation=ranges),
            *rows,
        ]
    )


class ConstructorSignature:
    """The signature of a class is that of its constructor, from its table of options; its instances have their own."""

    def __get__(self, instance: Any, cls: Any) -> inspect.Signature:
        if instance is not None:
            raise AttributeError("__signature__")
        return signature(cls.options)


def documented(
    written: str, options: Mapping[str, Option], knobs: Mapping[str, EffectParam], built_here: bool = True
) -> str:
    """A docstring with what its tables say: options under Args, before the references, and knobs at the end.

    Args:
        written: the docstring, its indentation removed.
        options: the table of options.
        knobs: the table of knobs; empty where it depends on the options.
        built_here: False for a constructor of another form, whose Args are written already.
    """
    rows = [
        "Args:",
        "    sample_rate: in Hz.",
        "    param_range: new ranges of knobs by name, as ``EffectParam``.",
        *(f"    {name}: {o.doc} {o.legal()}; default {default_text(o)}." for name, o in options.items()),
        "",
    ]
    lines = written.splitlines()
    sections = [i for i, line in enumerate(lines) if line in ("Raises:", "References:")]
    if built_here:
        lines = lines[: sections[0]] + rows + lines[sections[0] :] if sections else [*lines, "", *rows[:-1]]
    if knobs:
        lines += ["", "Knobs:"]
        for name, row in knobs.items():
            default = f"{row.default:g} {row.unit}".rstrip()
            lines.append(f"    {name}: {row.doc} {row.range_text()}, default {default}.")
    return "\n".join(lines)
