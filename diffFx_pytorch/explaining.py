"""What an effect does at a setting, in the words of a musician, from its tables."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

import torch

from .automation import Points
from .params import EffectParam

_FIELD = re.compile(r"\{([^{}:]+)(?::(\w+))?\}")
_UNITS = re.compile(r"_(db|hz|ms|s|m|deg|beats)$")
_MANY = 3
NOTHING = "does nothing"
_VERBS = {
    "adds": ("adds {}", "takes {} out", "adds a gain"),
    "raises": ("raises the level by {}", "lowers the level by {}", "moves the level,"),
    "louder": ("{} louder", "{} softer", "louder by a gain"),
    "drives": ("drives by {}", "comes {} softer", "drives by a gain"),
}
"""Ways to say a level: above zero, below it, and before one that moves."""


def sentence(fx: Any, values: Mapping[str, Any]) -> str:
    """What an effect does: the clauses of its ``words``, then every knob that they do not name.

    A clause is a text with knobs in braces, ``"evens the level {ratio}:1 above {threshold_db}"``; ``#`` stands for the
    number of a band, and the clause is said once for each. It is left out where it names knobs of ``neutral`` and all
    of them are at neutral. After a colon stands how a value is said: ``adds`` ("adds 3 dB", "takes 3 dB out") and its
    like in ``_VERBS``, ``side`` ("30 % left"), ``share`` (in percent), ``percent`` (of a knob that is in percent),
    ``flat`` (nothing at a Q of 0.71).

    Args:
        fx: with ``params``, ``neutral``, ``clauses`` and ``construction``.
        values: in their units, by knob: numbers, tensors of which the first item counts, or points.
    """
    neutral = fx.neutral

    def still(name: str) -> bool:
        return name in neutral and at_rest(values[name], neutral[name])

    if neutral and (all(map(still, neutral)) or ("mix" in neutral and still("mix"))):
        return NOTHING
    clauses, said = [], set()
    for clause in fx.clauses():
        for text in _each_band(clause, fx.params):
            names = [name for name, _ in _FIELD.findall(text)]
            if said.issuperset(names):  # another way to say it, for where a knob is not there
                continue
            said.update(names)
            decisive = [name for name in names if name in neutral]
            if not decisive or not all(map(still, decisive)):
                clauses.append(_filled(text, fx.params, values))
    rest = [name for name in fx.params if name not in said and name != "mix" and not still(name)]
    rest = [name for name in rest if not _off(fx.params[name], values[name])]
    plain = [f"{in_words(name)} {amount(fx.params[name], values[name])}" for name in rest]
    if not clauses:
        clauses = [
            f"{in_words(type(fx).__name__)} with " * bool(plain) + ", ".join(plain) or in_words(type(fx).__name__)
        ]
    elif plain:
        clauses.append("with " + ", ".join(plain))
    if "mix" in fx.params and "mix" not in said and (moves(values["mix"]) or _number(values["mix"]) != 1):
        clauses.append(f"mixed in at {amount(fx.params['mix'], values['mix'])}")
    return ", ".join(clauses) + _options_of(fx)


def amount(param: EffectParam, value: Any, how: str = "") -> str:
    """A value with its unit: ``-24 dB``, ``3.5 kHz``, ``30 %``; of one that moves, from where to where."""
    if not moves(value):
        return _one(param, _number(value), how)
    points = value.values if isinstance(value, Points) else torch.as_tensor(value)
    numbers, times = points[0].tolist(), value.times if isinstance(value, Points) else None
    before = f"{_VERBS[how][2]} " if how in _VERBS else ""
    plain = "" if how in _VERBS or how == "flat" else how
    if len(numbers) > _MANY:
        low, high = (_one(param, end, plain) for end in (min(numbers), max(numbers)))
        span = "" if times is None else f" from {times[0]:.4g} s to {times[-1]:.4g} s"
        moved = f"moving between {low} and {high}{span}"
    else:
        texts = [_one(param, number, plain) for number in numbers]
        if times is not None:
            texts = [f"{text} at {time:.4g} s" for text, time in zip(texts, times, strict=True)]
        moved = "moving from " + " to ".join(texts)
    return f" (Q {moved})" if how == "flat" else before + moved


def moves(value: Any) -> bool:
    """Whether a value of a knob changes within a signal."""
    values = value.values if isinstance(value, Points) else value
    return getattr(values, "ndim", 0) == 2 and values.shape[1] > 1


def at_rest(value: Any, neutral: float) -> bool:
    """Whether a value of a knob is the neutral one, to float precision, and does not move."""
    return not moves(value) and abs(_number(value) - neutral) <= 1e-6 * max(1.0, abs(neutral))


def in_words(name: str) -> str:
    """The name of a knob or of a class as words, without its unit."""
    spaced = re.sub(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])", " ", _UNITS.sub("", name))
    return re.sub(r"[_.]+", " ", spaced).lower().strip()


def _off(param: EffectParam, value: Any) -> bool:
    """Whether a knob that turns both ways stands in the middle."""
    return param.min_val == -param.max_val and at_rest(value, 0.0)


def _number(value: Any) -> float:
    values = value.values if isinstance(value, Points) else value
    return float(torch.as_tensor(values, device="cpu").detach().flatten()[0])


def _one(param: EffectParam, value: float, how: str) -> str:
    unit = param.unit
    if how in _VERBS:
        return _VERBS[how][value < 0].format(f"{digits(abs(value), 3)} dB")
    if how == "side":
        return "in the centre" if value == 0 else f"{digits(100 * abs(value), 3)} % {'left' if value < 0 else 'right'}"
    if how == "flat":
        return "" if abs(value - 0.7071) < 1e-3 else f" (Q {digits(value, 3)})"
    if how == "percent":
        return f"{digits(value, 3)} %"
    if how == "share" or (not unit and (param.min_val, param.max_val) == (0.0, 1.0)):
        return f"{digits(100 * value, 3)} %"
    for small, large in (("Hz", "kHz"), ("ms", "s")):
        if unit == small and abs(value) >= 1000:
            value, unit = value / 1000, large
    return f"{digits(value, 3)} {unit}".rstrip()


def digits(value: float, count: int) -> str:
    """A number in so many digits, as a person writes it: 5000 and not 5e+03."""
    text = f"{value:.{count}g}"
    return f"{value:.0f}" if "e+" in text else text


def _each_band(clause: str, params: Mapping[str, EffectParam]) -> Iterator[str]:
    """A clause, once for each number that its knobs have; those that name a knob that is not there are none."""
    if "#" not in clause:
        texts = [clause]
    else:
        numbers = sorted({int(n) for name in params for n in re.findall(r"_(\d+)", name)})
        texts = [clause.replace("#", str(number)) for number in numbers]
    yield from (text for text in texts if all(name in params for name, _ in _FIELD.findall(text)))


def _filled(text: str, params: Mapping[str, EffectParam], values: Mapping[str, Any]) -> str:
    return _FIELD.sub(lambda field: amount(params[field[1]], values[field[1]], field[2] or ""), text)


def _options_of(fx: Any) -> str:
    """The options that were given and are no default, as far as they are said in a word."""
    said = []
    for name, value in fx.construction.items():
        default = fx.options[name].default
        if isinstance(value, (bool, int, float, str)) and value != default and not name.startswith("num_"):
            shown = f"{value:g}" if isinstance(value, float) else str(value)
            word = in_words(name) if isinstance(value, bool) else f"{in_words(name)} {shown}"
            said.append(f"no {word}" if value is False else word)
    return f" ({', '.join(said)})" if said else ""
