"""Effects made of effects."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor, nn

from .processor import Processor, State


class Chain(Processor):
    """Effects one after another: y = fx_n(... fx_2(fx_1(x))).

    ``Chain(eq=ParametricEqualizer(), comp=Compressor())`` is itself a Processor: its knobs are ``eq.peak_1_gain_db``,
    ``comp.ratio``, ..., in the order of the effects, and one flat tensor drives them all. A sidechain is given to
    every effect of the chain that takes one. Chains nest.

    Args:
        effects: named by their class in snake case, numbered where it occurs again.
        named: effects with their names, after the unnamed ones.

    Raises:
        ValueError: for no effects, effects of different sample rates, or names that are not identifiers.
        TypeError: for what is no Processor.
    """

    variants = ()

    def __init__(self, *effects: Processor, **named: Processor) -> None:
        steps = _named(effects, named)
        rates = {name: fx.sample_rate for name, fx in steps.items()}
        if len(set(rates.values())) > 1:
            listed = ", ".join(f"{name} at {rate:g} Hz" for name, rate in rates.items())
            raise ValueError(f"Chain: effects must share one sample rate, got {listed}")
        table = {f"{name}.{knob}": param for name, fx in steps.items() for knob, param in fx.params.items()}
        super().__init__(next(iter(rates.values())), params=table)
        self.steps = nn.ModuleDict(steps)
        self.neutral = {f"{name}.{k}": v for name, fx in steps.items() for k, v in fx.neutral.items()}
        self.traits = frozenset.intersection(*(frozenset(fx.traits) for fx in steps.values()))
        self.latency_samples = sum(fx.latency_samples for fx in steps.values())
        self.streamable = all(fx.streamable for fx in steps.values())
        self.takes_sidechain = any(fx.takes_sidechain for fx in steps.values())
        self.crosses_channels = any(fx.crosses_channels for fx in steps.values())
        self.channels, self.channels_out = _channels_through(steps)

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, **knobs: Tensor
    ) -> tuple[Tensor, State]:
        """Each effect in turn, on what the one before it gave."""
        after = {}
        for name, fx in self._effects():
            own: dict[str, Any] = _knobs_of(name, fx, knobs)
            if fx.takes_sidechain:
                own["sidechain"] = sidechain
            x, after[name] = fx.process(x, None if state is None else state[name], **own)
        return x, after

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The sum of the tails: each effect rings on what the one before it rings."""
        return sum(fx.tail(**_knobs_of(name, fx, knobs)) for name, fx in self._effects())

    def __getitem__(self, name: str) -> Processor:
        """The effect of that name."""
        return self.steps[name]  # type: ignore[return-value]

    def _effects(self) -> list[tuple[str, Processor]]:
        return list(self.steps.items())  # type: ignore[arg-type]  # only Processors are put in


def _knobs_of(name: str, fx: Processor, knobs: Mapping[str, Tensor]) -> dict[str, Tensor]:
    return {knob: knobs[f"{name}.{knob}"] for knob in fx.params}


def _named(effects: tuple[Processor, ...], named: Mapping[str, Processor]) -> dict[str, Processor]:
    steps: dict[str, Processor] = {}
    for fx in effects:
        name = base = _snake(type(fx).__name__)
        count = 1
        while name in steps:
            count += 1
            name = f"{base}_{count}"
        steps[name] = fx
    for name, fx in named.items():
        if name in steps:
            raise ValueError(f"Chain: two effects are named {name!r}; give one of them another name")
        steps[name] = fx
    if not steps:
        raise ValueError("Chain: needs at least one effect")
    for name, fx in steps.items():
        if not isinstance(fx, Processor):
            raise TypeError(f"Chain: {name} must be a Processor, got {type(fx).__name__}")
        if not name.isidentifier():
            raise ValueError(f"Chain: {name!r} is no name for an effect; use letters, digits and underscores")
    return steps


def _channels_through(steps: Mapping[str, Processor]) -> tuple[tuple[int, ...] | None, int | None]:
    """What the first effect takes and the last gives, once every effect takes what the one before it gives."""
    legal, now = None, None
    for name, fx in steps.items():
        if fx.channels is not None:
            if now is None:
                both = fx.channels if legal is None else tuple(c for c in legal if c in fx.channels)
                legal = both
            if (now is not None and now not in fx.channels) or legal == ():
                raise ValueError(
                    f"Chain: {name} takes {' or '.join(map(str, fx.channels))} channels, which the effects before it "
                    "do not give; put it first, or put an effect that gives so many before it"
                )
        now = fx.channels_out if fx.channels_out is not None else now
    return legal, now


def _snake(name: str) -> str:
    return "".join(
        f"_{c.lower()}" if c.isupper() and i and not name[i - 1].isupper() else c.lower() for i, c in enumerate(name)
    )
