"""Effects one after another."""

from __future__ import annotations

import itertools
from collections.abc import Mapping, Sequence

import torch
from torch import Tensor

from ..control import KnobValue, unknown_name
from ..dsp.whole_delay import delayed
from ..options import Given
from ..plan import Through
from ..processor import Processor, State
from .routing import Routing, effects_and_settings, free_name, named_effects


class Serial(Routing, abstract=True):
    """What runs its effects one after another."""

    calls_once = True

    def __init__(self, steps: Mapping[str, Processor], settings: Mapping[str, KnobValue]) -> None:
        super().__init__(steps, settings=settings)
        self.latency_samples = sum(fx.latency_samples for _, fx in self._effects())
        self.channels, self.channels_out = _channels_through(dict(self._effects()))

    def prepare(self) -> None:
        """Curves act on the sound of their time, however late it comes to an effect."""
        delays = [fx.latency_samples for _, fx in self._effects()]
        self.read_knobs_at({}, dict(zip(self.steps, itertools.accumulate(delays, initial=0), strict=False)))

    def arrive(self, late: int) -> None:
        """Each effect hears its input later by the latency of those before it."""
        for _, fx in self._effects():
            if isinstance(fx, Routing):
                fx.arrive(late)
            late += fx.latency_samples

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The sum of the tails: each effect rings on what the one before it rings."""
        return sum(self._tail_of(name, knobs) for name, _ in self._effects())

    def in_turn(
        self, x: Tensor, state: State, sidechain: Tensor | None, effects: Mapping[str, Through], tap: str | None = None
    ) -> tuple[Tensor, Tensor, State]:
        """The sound after all effects, the sound that comes to the one called ``tap``, and the state."""
        states, keys, delay, tapped = {}, {}, 0, x
        for name, fx in self._effects():
            tapped = x if name == tap else tapped
            key = sidechain
            if key is not None and fx.takes_sidechain:
                key, keys[name] = delayed(key, delay, None if state is None else state["keys"].get(name))
            x, states[name] = effects[name](x, None if state is None else state["effects"][name], key)
            delay += fx.latency_samples
        return x, tapped, {"effects": states, "keys": keys}


class Chain(Serial):
    """Effects one after another: y = fx_n(... fx_2(fx_1(x))).

    ``Chain(eq=ParametricEqualizer(), comp=Compressor())`` is itself a Processor: its knobs are ``eq.peak_1_gain_db``,
    ``comp.ratio``, ..., in the order of the effects, and one flat tensor drives them all. A sidechain is given to
    every effect of the chain that takes one, delayed by the latency of the effects before it. Chains nest. An effect
    is ``chain.eq``, ``chain["eq"]`` and ``chain[0]``, and a chain can be iterated over. ``eq | comp | limiter`` is one
    chain of three, named by their classes.

    Args:
        effects: one by one or as a list, named by their class in snake case, numbered where it occurs again.
        given: effects with their names, after the unnamed ones; values are settings, ``**{"comp.ratio": 4}``.

    Raises:
        ValueError: for no effects, effects of different sample rates, effects that do not take the channels that the
            one before them gives, or names that are not identifiers.
        TypeError: for what is no Processor.
    """

    def __init__(self, *effects: Processor | Sequence[Processor], **given: Processor | KnobValue) -> None:
        named, settings = effects_and_settings(given)
        super().__init__(named_effects("Chain", effects, named), settings)  # type: ignore[arg-type]  # no wires
        self.neutral = self._neutral_of_effects() or {}

    def __len__(self) -> int:
        """The number of effects."""
        return len(self._names)

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, *, effects: Mapping[str, Through]
    ) -> tuple[Tensor, State]:
        """Each effect in turn, on what the one before it gave."""
        y, _, state = self.in_turn(x, state, sidechain, effects)
        return y, state


def _chained(self: Processor, following: Processor) -> Chain:
    """``self | following``: the effects of chains on either side, and not the chains, are what it is made of."""
    if not isinstance(following, Processor):
        return NotImplemented
    steps: dict[str, Processor] = dict(self.steps) if isinstance(self, Chain) else {free_name(self, ()): self}
    more = following.steps.items() if isinstance(following, Chain) else [("", following)]
    for name, fx in more:
        steps[name if name and name not in steps else free_name(fx, steps)] = fx
    return Chain(**steps)


Processor.__or__ = _chained


class Tapped(Serial):
    """Effects one after another, heard in two places: y = [fx_n(... fx_1(x)), fx_{k-1}(... fx_1(x))].

    A strip of a mixer, with what it sends before its fader: two channels in, and four out, those at the end and then
    those that come to the effect ``tap``, as late. Knobs are as those of a ``Chain``.

    Args:
        tap: name of one of the effects.
        given: effects with their names; values are settings.

    Raises:
        ValueError: for an unknown ``tap``, effects that are not for two channels, or whatever ``Chain`` refuses.
        TypeError: for what is no Processor.
    """

    exempt = {"neutral": "there are two sounds in one"}
    options = {"tap": Given(None, str, "the name of one of the effects", doc="What comes to it is given too.")}

    def __init__(self, *, tap: str, **given: Processor | KnobValue) -> None:
        named, settings = effects_and_settings(given)
        steps = named_effects("Tapped", (), named)
        if tap not in steps:
            raise ValueError(f"Tapped: {unknown_name(tap, steps, 'effect')}")
        super().__init__(steps, {"tap": tap, **settings})  # type: ignore[arg-type]  # no wires; an option
        if 2 not in (self.channels or (2,)) or self.channels_out not in (None, 2):
            raise ValueError("Tapped: its effects must turn two channels into two, which these do not")
        self.channels, self.channels_out, self.traits = (2,), 4, frozenset()
        names = [*steps]
        self._late = sum(self[name].latency_samples for name in names[names.index(tap) :])

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, *, effects: Mapping[str, Through]
    ) -> tuple[Tensor, State]:
        """Each effect in turn, and what came to one of them, delayed by those after it."""
        state = {"line": None, "turn": None} if state is None else state
        y, tapped, turn = self.in_turn(x, state["turn"], sidechain, effects, self.tap)
        tapped, line = delayed(tapped, self._late, state["line"])
        return torch.cat([y, tapped], 1), {"line": line, "turn": turn}


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
