"""What every effect made of effects shares: names, dotted knobs, states, claims."""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..control import KnobValue, unknown_name
from ..dsp.whole_delay import delayed
from ..explaining import NOTHING, at_rest
from ..lines import Read
from ..params import EffectParam
from ..plan import Plan, Through
from ..processor import TRAITS, Processor, State
from ..settings import Adjustable

Steps = Mapping[str, Processor]


class Routing(Processor, abstract=True):
    """Base of what is made of effects; its knobs are those of its effects, ``name.knob``, and its own, without a dot.

    A subclass names its effects (``named_effects``), and gives ``process``, which gets its own knobs, and in
    ``effects`` every effect as a function ``(x, state, sidechain=None) -> (y, state)``; and what of
    ``latency_samples``, ``neutral``, ``tail``, ``channels`` and ``channels_out`` its way of joining them makes
    different.

    Args:
        steps: the effects by name, in the order of their knobs.
        own: the routing's own knobs, after those of the effects.
        sample_rate: in Hz; None takes the one that the effects share.
        param_range: new ranges of knobs by name, as ``EffectParam``.
        settings: values of knobs that stay, in their units.

    Raises:
        ValueError: for effects of different sample rates.
    """

    variants = ()

    def __init__(
        self,
        steps: Steps,
        own: Mapping[str, EffectParam] | None = None,
        sample_rate: float | None = None,
        param_range: Mapping[str, EffectParam] | None = None,
        settings: Mapping[str, KnobValue] | None = None,
    ) -> None:
        rates = {name: fx.sample_rate for name, fx in steps.items()}
        if sample_rate is not None:
            rates["sample_rate"] = sample_rate
        if len(set(rates.values())) > 1:
            listed = ", ".join(f"{name} at {rate:g} Hz" for name, rate in rates.items())
            raise ValueError(f"{type(self).__name__}: effects must share one sample rate, got {listed}")
        self._joined = steps, own or {}
        super().__init__(next(iter(rates.values()), 44100), param_range, **(settings or {}))
        self.arrive(0)

    def table(self) -> dict[str, EffectParam]:
        """The knobs of the effects, then its own."""
        return self.join(*vars(self).pop("_joined"))

    def join(self, steps: Steps, own: Mapping[str, EffectParam]) -> dict[str, EffectParam]:
        """Take in the effects and what they claim; the table of their knobs and its own."""
        self._modules.update(steps)
        self._names = tuple(steps)
        self.traits = frozenset(TRAITS).intersection(*(fx.traits for fx in steps.values()))
        self.streamable = all(fx.streamable for fx in steps.values())
        self.takes_sidechain = any(fx.takes_sidechain for fx in steps.values())
        self.crosses_channels = any(fx.crosses_channels for fx in steps.values())
        return {**{f"{name}.{knob}": row for name, fx in steps.items() for knob, row in fx.params.items()}, **own}

    def arrive(self, late: int) -> None:
        """Hear that the signal comes so many samples late; the effects hear it with what is before them here."""
        for _, fx in self._effects():
            if isinstance(fx, Routing):
                fx.arrive(late)

    def inside(self, knobs: Mapping[str, Read], like: Tensor) -> dict[str, Plan]:
        """Every effect with its own knobs."""
        return {name: Plan(fx, self._own(name, knobs), like) for name, fx in self._effects()}

    def aligned(
        self, name: str, x: Tensor, state: State, sidechain: Tensor | None, effects: Mapping[str, Through]
    ) -> tuple[Tensor, State]:
        """One of several paths, an effect or a wire, as late as the slowest; the state is that of effect and delay."""
        own, line = (None, None) if state is None else state
        late = self.latency_samples
        if name in self.steps:
            x, own = effects[name](x, own, sidechain)
            late -= self[name].latency_samples
        x, line = delayed(x, late, line)
        return x, (own, line)

    def read_knobs_at(self, own: Mapping[str, float], before: Mapping[str, float] | None = None) -> None:
        """Say how much latency stands before the place where each knob acts.

        Args:
            own: by knob of the routing itself.
            before: by effect, the latency before its input; None is none.
        """
        before = before or {}
        of_effects = {
            f"{name}.{knob}": before.get(name, 0) + fx.knob_latency.get(knob, 0)
            for name, fx in self._effects()
            for knob in fx.params
        }
        self.knob_latency = {name: late for name, late in {**of_effects, **own}.items() if late}

    def __getitem__(self, name: str | int) -> Processor:
        """The effect of that name, or at that place.

        Raises:
            KeyError: for a name that none has, with the nearest that one has.
            IndexError: for a place beyond the last.
            TypeError: for what is neither.
        """
        if isinstance(name, int):
            if not -len(self._names) <= name < len(self._names):
                raise IndexError(f"{type(self).__name__}: there is no effect {name}; it has {len(self._names)}")
            name = self._names[name]
        if not isinstance(name, str):
            raise TypeError(
                f"{type(self).__name__}: an effect is found by its name or place, got {type(name).__name__}; for "
                "several of them give list(chain)[...] to a new one"
            )
        if name not in self._names:
            raise KeyError(f"{type(self).__name__}: {unknown_name(name, self._names, 'effect')}")
        return self._modules[name]  # type: ignore[return-value]  # only Processors are put in

    @property
    def steps(self) -> dict[str, Processor]:
        """The effects by name; each is an attribute too."""
        return dict(self._effects())

    def _settings(self) -> dict[str, float | Tensor]:
        # Those that the effects hold, and its own.
        held = super()._settings()
        for name, fx in self._effects():
            for knob, value in fx._settings().items():
                held[f"{name}.{knob}"] = value
        return held

    def _add_settings(self, table: Mapping[str, EffectParam]) -> None:
        # A range that was replaced here is one of the effect's too: what it holds stays legal.
        super()._add_settings(table)
        for name, row in table.items():
            fx, knob = self.home_of(name)
            if fx is not self:
                fx.params[knob] = row  # type: ignore[index]  # a dict once built

    def explained(self, values: Mapping[str, Any]) -> str:
        """A line for each effect, under one that says how they are joined; what an effect says in lines is indented."""
        if self.neutral and all(at_rest(values[name], value) for name, value in self.neutral.items()):
            return NOTHING
        lines = [line for name, _ in self._effects() for line in self.told(name, values)]
        lines += self.told_besides(values)
        header = self.told_first(values)
        return "\n".join([f"{header}:", *(f"  {line}" for line in lines)] if header else lines)

    def told(self, name: str, values: Mapping[str, Any]) -> list[str]:
        """The lines on an effect: its label and what it does."""
        fx, own = self[name], self._own(name, values)
        first, *more = fx.explained(own).split("\n")
        label = self.label(name, values)
        if isinstance(fx, Routing) and more and not fx.told_first(own):
            return [f"{label}:", *(f"  {line}" for line in (first, *more))]
        return [f"{label}: {first}", *more]

    def told_first(self, values: Mapping[str, Any]) -> str:
        """How the effects are joined, with the routing's own knobs; nothing where they follow each other."""
        return ""

    def told_besides(self, values: Mapping[str, Any]) -> list[str]:
        """Lines after those on the effects."""
        return []

    def label(self, name: str, values: Mapping[str, Any]) -> str:
        """What stands before the line on an effect."""
        return name

    def home_of(self, name: str) -> tuple[Adjustable, str]:
        """Where the setting of a knob lives: the effect that the first part of its name says, or here."""
        step, dot, knob = name.partition(".")
        return self[step].home_of(knob) if dot else (self, name)

    def _effects(self) -> list[tuple[str, Processor]]:
        return [(name, self[name]) for name in self._names]

    def _neutral_of_effects(self) -> dict[str, float] | None:
        """The setting that makes every effect return its input, or None if one of them has no such setting."""
        if any(fx.params and not fx.neutral for _, fx in self._effects()):
            return None
        return {f"{name}.{knob}": value for name, fx in self._effects() for knob, value in fx.neutral.items()}

    def _own(self, name: str, knobs: Mapping[str, Any]) -> dict[str, Any]:
        return {knob: knobs[f"{name}.{knob}"] for knob in self[name].params}

    def _tail_of(self, name: str, knobs: Mapping[str, Tensor]) -> float | Tensor:
        return self[name].tail(**self._own(name, knobs))


def effects_and_settings(given: Mapping[str, Any]) -> tuple[dict[str, Any], dict[str, KnobValue]]:
    """The keywords of a routing that are effects or wires, and those that are values of its knobs."""
    settings = {name: value for name, value in given.items() if not isinstance(value, (nn.Module, type(None)))}
    return {name: value for name, value in given.items() if name not in settings}, settings


def named_effects(
    owner: str, effects: tuple[Any, ...], named: Mapping[str, Any], wires: bool = False
) -> dict[str, Processor | None]:
    """Effects by name: those without one after their class in snake case, numbered where it occurs again.

    Args:
        owner: class that the errors name.
        effects: without names; or one list of them.
        named: with names, after the others.
        wires: whether a named None is legal, a wire that changes nothing.

    Raises:
        ValueError: for no effects, or names that are not identifiers, occur twice or cannot be those of a module.
        TypeError: for what is no Processor.
    """
    steps: dict[str, Processor | None] = {}
    if len(effects) == 1 and isinstance(effects[0], (list, tuple)):
        effects = tuple(effects[0])
    for fx in effects:
        steps[free_name(fx, steps)] = fx
    for name, fx in named.items():
        if name in steps:
            raise ValueError(f"{owner}: two effects are named {name!r}; give one of them another name")
        steps[name] = fx
    if not steps:
        raise ValueError(f"{owner}: needs at least one effect")
    for name, fx in steps.items():
        if not isinstance(fx, Processor) and not (wires and fx is None and name in named):
            raise TypeError(f"{owner}: {name} must be a Processor, got {type(fx).__name__}")
        if not name.isidentifier():
            raise ValueError(f"{owner}: {name!r} is no name for an effect; use letters, digits and underscores")
        if has_meaning(name):
            raise ValueError(f"{owner}: {name!r} has a meaning of its own in every effect; give this one another name")
    return steps


def free_name(fx: Any, taken: Collection[str]) -> str:
    """The name of an effect that is given none: its class in snake case, numbered where that is taken."""
    name = base = _snake(type(fx).__name__)
    count = 1
    while name in taken:
        count += 1
        name = f"{base}_{count}"
    return name


def has_meaning(name: str) -> bool:
    """Whether every routing has an attribute of that name, so that an effect cannot be one."""
    return hasattr(Routing, name) or name in nn.Module().__dict__


def one_effect(owner: str, effect: Any, named: Mapping[str, Any]) -> dict[str, Processor]:
    """The effect of a routing around exactly one, by name; errors as for ``named_effects``."""
    steps = named_effects(owner, () if effect is None else (effect,), named)
    if len(steps) > 1:
        raise ValueError(f"{owner}: is around one effect, got {', '.join(steps)}; put them into a Chain first")
    return steps  # type: ignore[return-value]  # no wires were allowed


def without_wires(steps: Mapping[str, Processor | None]) -> dict[str, Processor]:
    """Only the names behind which there is an effect."""
    return {name: fx for name, fx in steps.items() if fx is not None}


def longest(tails: list[float | Tensor]) -> float | Tensor:
    """The longest of tails in seconds, per item of the batch; 0 of none."""
    result: float | Tensor = 0.0
    for tail in tails:
        if isinstance(result, Tensor) or isinstance(tail, Tensor):
            some = result if isinstance(result, Tensor) else tail
            result = torch.maximum(*(torch.as_tensor(t, dtype=some.dtype) for t in (result, tail)))  # type: ignore[union-attr]
        else:
            result = max(result, tail)
    return result


def _snake(name: str) -> str:
    """The name with a word for each capital that a small letter follows: TanH is tanh, DCBlocker dc_blocker."""
    return re.sub(r"(?<=[A-Za-z0-9])(?=[A-Z][a-z])", "_", name.lstrip("_").replace(".", "_")).lower()
