"""Tracks, buses and a master: a mix as one effect."""

from __future__ import annotations

import graphlib
from collections.abc import Iterable, Mapping
from typing import Any

import numpy as np
import torch
from torch import Tensor

from ..control import KnobValue, unknown_name
from ..dsp.levels import db_to_amp
from ..dsp.whole_delay import delayed
from ..explaining import NOTHING, amount
from ..lines import Read, side_by_side
from ..params import EffectParam
from ..plan import Plan, Through
from ..processor import Processor, State
from ..processors.utility.meter import Meter
from .routing import Routing, has_meaning, longest, without_wires

MASTER = "master"
_TAP = "<"
SEND = EffectParam(-60.0, 12.0, -12.0, unit="dB")


class Mixer(Routing):
    """Stereo tracks through their effects, over buses, to a master: any directed acyclic graph.

    The input has two channels for each track, (B, 2 N, T); the output is the mix, (B, 2, T). Every track, bus and the
    master has an effect, usually a ``Chain``; its knobs are ``<name>.<knob>``. A send has a level,
    ``<from>_to_<bus>_db``. All paths are delayed so that they meet in time, keys of sidechains too. Tracks whose
    effects are of one kind run as items of one batch.

    ``Mixer({"drums": Compressor(), "vocal": Chain(...)}, buses={"room": SchroederReverb(mix=1)},
    sends={"vocal": {"room": -15}}, keys={"bass": "drums"}, master=Limiter())``.

    Args:
        tracks: by name, in the order of the channels, what each goes through; None is a wire.
        buses: by name, what the sum of what is sent to each goes through; None is a wire.
        master: what the mix goes through; None is a wire.
        outputs: by track or bus, where it goes: a bus, ``"master"`` (where it is not named), or None, nowhere.
        sends: by track or bus, the buses that it is sent to besides, after its effect, with the levels in dB.
        pre_sends: the same, of tracks and buses that are ``Tapped``: what comes to the effect that the tap names.
        keys: by track, bus or ``"master"``, the track or bus whose output is the sidechain of its effect.
        stems: the output has after the mix, two channels each, what goes to the master, in the order of ``stems``.
        sample_rate: in Hz; None takes that of the effects, 44100 without any.
        settings: values of knobs that stay.

    Raises:
        ValueError: for no tracks, names that are unknown or stand twice, a bus that gets nothing, paths that go round
            (the error names the path), effects that do not turn two channels into two.
        TypeError: for what is no Processor.
    """

    exempt = {"neutral": "tracks are summed"}

    def __init__(
        self,
        tracks: Mapping[str, Processor | None],
        buses: Mapping[str, Processor | None] | None = None,
        master: Processor | None = None,
        *,
        outputs: Mapping[str, str | None] | None = None,
        sends: Mapping[str, Mapping[str, float]] | None = None,
        pre_sends: Mapping[str, Mapping[str, float]] | None = None,
        keys: Mapping[str, str] | None = None,
        stems: bool = False,
        sample_rate: float | None = None,
        **settings: KnobValue,
    ) -> None:
        self.tracks, self.buses = tuple(tracks), tuple(buses or ())
        nodes = {**tracks, **(buses or {}), MASTER: master}
        _check_names(self.tracks, self.buses, nodes)
        self._outputs = {name: (outputs or {}).get(name, MASTER) for name in nodes if name != MASTER}
        self._pre = {name: tuple(levels) for name, levels in (pre_sends or {}).items()}
        for name, levels in (sends or {}).items():
            if both := {*levels} & {*self._pre.get(name, ())}:
                raise ValueError(f"Mixer: {name} is sent to {min(both)} before and after its fader; take one away")
        given = (*(sends or {}), *self._pre)
        self._sends = {name: {**(sends or {}).get(name, {}), **(pre_sends or {}).get(name, {})} for name in given}
        self._keys = dict(keys or {})
        self._check_edges(outputs or {})
        own = {
            f"{name}_to_{bus}_db": EffectParam(
                SEND.min_val, SEND.max_val, float(level), unit="dB", doc=f"What {bus} gets of {name}."
            )
            for name, levels in self._sends.items()
            for bus, level in levels.items()
        }
        self.stems = tuple(name for name, target in self._outputs.items() if target == MASTER) if stems else ()
        if wires := [name for name in self._pre if nodes[name] is None]:
            raise ValueError(f"Mixer: {wires[0]} must be Tapped, to be sent before its fader; it is a wire")
        super().__init__(without_wires(nodes), own, sample_rate, settings=settings)
        self.channels, self.channels_out = (2 * len(self.tracks),), 2 * (1 + len(self.stems))
        self.crosses_channels = True
        self.takes_sidechain = False

    def prepare(self) -> None:
        """The order of the graph, and when sound arrives at each of its nodes."""
        self._into = {name: self._heard_by(name) for name in (*self._outputs, MASTER)}
        self._order = self._sorted()
        self._arrives: dict[str, int] = {}
        self._leaves: dict[str, int] = {}
        for name in self._order:
            key = [self._keys[name]] if name in self._keys else []
            self._arrives[name] = max((self._leaves[source] for source in (*self._into[name], *key)), default=0)
            self._leaves[name] = self._arrives[name] + (self[name].latency_samples if name in self.steps else 0)
            self._leaves[_tap(name)] = self._leaves[name]
        self.latency_samples = self._leaves[MASTER]
        own = {f"{name}_to_{bus}_db": self._leaves[name] for name, levels in self._sends.items() for bus in levels}
        self.read_knobs_at(own, self._arrives)
        self._groups = self._alike()
        self._group_of = {name: names for names in self._groups for name in names}
        self._together = {
            names[0]: {
                target: [into[name] for name in names]
                for target, into in self._into.items()
                if all(name in into for name in names)
            }
            for names in self._groups
            if len(names) > 1
        }

    def arrive(self, late: int) -> None:
        """Each node hears its input when that arrives."""
        for name, fx in self._effects():
            if isinstance(fx, Routing):
                fx.arrive(late + self._arrives[name])

    def inside(self, knobs: Mapping[str, Read], like: Tensor) -> dict[str, Plan]:
        """An effect for each group of tracks, and for every other node."""
        plans = {}
        for names in self._groups:
            fx, of_each = self[names[0]], [self._own(name, knobs) for name in names]
            own = {knob: side_by_side([values[knob] for values in of_each]) for knob in fx.params}
            plans[names[0]] = Plan(fx, own, like.new_empty(like.shape[0] * len(names), 2, 0))
        return plans

    def process(
        self, x: Tensor, state: State, *, effects: Mapping[str, Through], **sends: Tensor
    ) -> tuple[Tensor, State]:
        """Every node after those that it hears; the state is that of the effects and of the delays between them."""
        state = {"effects": {}, "lines": {}} if state is None else state
        states, lines = {}, {}

        def later(edge: str, sound: Tensor, by: int) -> Tensor:
            sound, line = delayed(sound, by, state["lines"].get(edge))
            if line is not None:
                lines[edge] = line
            return sound

        heard: dict[str, Tensor] = {}
        sums: dict[str, dict[str, Tensor]] = {name: {} for name in self._order}
        tracks = x.unflatten(1, (len(self.tracks), 2))
        inputs = dict(zip(self.tracks, tracks.unbind(1), strict=True))
        for name in self._order:
            if name in heard:
                continue
            if name in self.tracks:
                sound = later(name, inputs[name], self._arrives[name])
            else:
                parts = [
                    later(f"{first}>>{name}", part, self._arrives[name] - self._leaves[first])
                    for first, part in sums[name].items()
                ]
                done = {source for first in sums[name] for source in self._group_of[first]}
                for source, level in self._into[name].items():
                    if source in done:
                        continue
                    part = heard[source] if level is None else heard[source] * db_to_amp(sends[level])
                    parts.append(later(f"{source}>{name}", part, self._arrives[name] - self._leaves[source]))
                sound = torch.stack(parts).sum(0) if len(parts) > 1 else parts[0]
            names = self._group_of.get(name, ())
            if not names:
                heard[name] = sound
            elif len(names) > 1:
                first = names[0]
                together = tracks if names == self.tracks else torch.stack([inputs[n] for n in names], 1)
                group, states[first] = effects[first](together.flatten(0, 1), state["effects"].get(first), None)
                group = group.unflatten(0, (x.shape[0], len(names)))
                if first in self._pre:
                    heard |= dict(zip(map(_tap, names), group[:, :, 2:].unbind(1), strict=True))
                    group = group[:, :, :2]
                heard |= dict(zip(names, group.unbind(1), strict=True))
                for target, part in _sums_of(group, self._together[first], sends).items():
                    sums[target][first] = part
            else:
                key = None
                if name in self._keys:
                    source = self._keys[name]
                    key = later(f"{source}|{name}", heard[source], self._arrives[name] - self._leaves[source])
                heard[name], states[name] = effects[name](sound, state["effects"].get(name), key)
                if name in self._pre:
                    heard[name], heard[_tap(name)] = heard[name].split(2, 1)
        out = [heard[MASTER]]
        out += [later(f"{name}!", heard[name], self.latency_samples - self._leaves[name]) for name in self.stems]
        return out[0] if len(out) == 1 else torch.cat(out, 1), {"effects": states, "lines": lines}

    def told_besides(self, values: Mapping[str, Any]) -> list[str]:
        """The sends."""
        sends = ((name, bus, f"{name}_to_{bus}_db") for name, levels in self._sends.items() for bus in levels)
        said = ((name, bus, amount(self.params[knob], values[knob])) for name, bus, knob in sends)
        before = {(name, bus): ", before the fader" for name, buses in self._pre.items() for bus in buses}
        return [f"{name} to {bus}: {level}{before.get((name, bus), '')}" for name, bus, level in said]

    def told(self, name: str, values: Mapping[str, Any]) -> list[str]:
        """The lines on a strip, without what is at rest in it: a mixer has many faders."""
        lines = [line for line in super().told(name, values) if not line.endswith(f": {NOTHING}")]
        return [f"{name}: as it is"] if lines in ([], [f"{name}:"]) else lines

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The longest of the paths: each node rings on what the nodes before it ring."""
        until: dict[str, Any] = {}
        for name in self._order:
            own = self._tail_of(name, knobs) if name in self.steps else 0.0
            until[name] = until[_tap(name)] = longest([until[source] for source in self._into[name]]) + own
        return until[MASTER]

    def _heard_by(self, name: str) -> dict[str, str | None]:
        """By node whose sound a node gets: the knob of its level; None as it is."""
        found: dict[str, str | None] = {source: None for source, target in self._outputs.items() if target == name}
        for source, levels in self._sends.items():
            if name in levels:
                place = _tap(source) if name in self._pre.get(source, ()) else source
                found[place] = f"{source}_to_{name}_db"
        return found

    def _sorted(self) -> list[str]:
        before = {
            name: {*(source.removesuffix(_TAP) for source in into), *filter(None, [self._keys.get(name)])}
            for name, into in self._into.items()
        }
        try:
            order = list(graphlib.TopologicalSorter(before).static_order())
        except graphlib.CycleError as error:
            path = " -> ".join(error.args[1])
            raise ValueError(f"sound would go round: {path}; take one of these away") from error
        place = {name: i for i, name in enumerate(before)}
        first = [name for name in order if name in self.tracks and name not in self._keys]
        return [*sorted(first, key=place.__getitem__), *(name for name in order if name not in first)]

    def _alike(self) -> list[tuple[str, ...]]:
        """Nodes with effects, those tracks together whose effects are of one kind and hear no key.

        A meter reads its own track.
        """
        groups: dict[Any, list[str]] = {}
        for name in self._order:
            if name in self.steps:
                alone = name not in self.tracks or name in self._keys
                alone = alone or any(isinstance(part, Meter) for part in self[name].modules())
                kind = None if alone else _kind(self[name])
                groups.setdefault(name if kind is None else kind, []).append(name)
        return [tuple(names) for names in groups.values()]

    def _check_edges(self, outputs: Mapping[str, str | None]) -> None:
        nodes = (*self.tracks, *self.buses)
        for given, what in ((outputs, "outputs"), (self._sends, "sends"), (self._keys, "keys")):
            for name in given:
                if name not in nodes and not (given is self._keys and name == MASTER):
                    raise ValueError(f"Mixer: {what}: {unknown_name(name, nodes, 'track or bus')}")
        for name, target in self._outputs.items():
            if target is not None and target not in (*self.buses, MASTER):
                raise ValueError(f"Mixer: output of {name}: {unknown_name(target, (*self.buses, MASTER), 'bus')}")
        for name, levels in self._sends.items():
            for bus in levels:
                if bus not in self.buses:
                    raise ValueError(f"Mixer: {name} is sent to: {unknown_name(bus, self.buses, 'bus')}")
                if self._outputs[name] == bus:
                    raise ValueError(f"Mixer: {name} goes to {bus} already; take the send away")
        for name, key in self._keys.items():
            if key not in nodes:
                raise ValueError(f"Mixer: key of {name}: {unknown_name(key, nodes, 'track or bus')}")
        for name in (*self.buses, MASTER):
            if not self._heard_by(name):
                raise ValueError(f"Mixer: nothing goes to {name}; send a track there, or take it away")

    def join(self, steps: Mapping[str, Processor], own: Mapping[str, EffectParam]) -> dict[str, EffectParam]:
        """As of every routing, once the effects are known to fit."""
        for name, fx in steps.items():
            wanted = (4,) if name in self._pre else (None, 2)
            if 2 not in (fx.channels or (2,)) or fx.channels_out not in wanted:
                cure = "be Tapped, to be sent before its fader" if name in self._pre else "turn two channels into two"
                raise ValueError(f"{name} must {cure}; {type(fx).__name__} does not")
            if name in self._keys and not fx.takes_sidechain:
                raise ValueError(f"{name} has a key, and {type(fx).__name__} takes no sidechain")
        return super().join(steps, own)


def _tap(name: str) -> str:
    """The place of a node where it is sent before its fader."""
    return name + _TAP


def _sums_of(group: Tensor, targets: Mapping[str, list[str | None]], sends: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """What tracks give together, (B, 2, T), to each target: one matrix product for all whose levels stand still.

    Args:
        group: the tracks, (B, N, 2, T).
        targets: by name, for each of the tracks the knob of its level; None is as it is.
        sends: the levels in dB, (B, 1, 1) or (B, 1, T).
    """
    as_it_is = group.new_ones(group.shape[0], 1, 1)
    still, sums = {}, {}
    for target, knobs in targets.items():
        levels = [as_it_is if knob is None else db_to_amp(sends[knob]) for knob in knobs]
        if all(level.shape[-1] == 1 for level in levels):
            still[target] = torch.cat(levels, -1)
        else:
            sums[target] = (group * torch.stack(torch.broadcast_tensors(*levels), 1)).sum(1)
    if still:
        summed = torch.cat([*still.values()], 1) @ group.flatten(2)
        sums |= dict(zip(still, summed.unflatten(-1, (2, -1)).unbind(1), strict=True))
    return sums


def _check_names(tracks: Iterable[str], buses: Iterable[str], nodes: Mapping[str, Any]) -> None:
    tracks, buses = list(tracks), list(buses)
    if not tracks:
        raise ValueError("Mixer: needs at least one track")
    for name in (*tracks, *buses):
        if not isinstance(name, str) or not name.isidentifier() or has_meaning(name):
            raise ValueError(f"Mixer: {name!r} is no name for a track or bus; use letters, digits and underscores")
        if name == MASTER or (name in tracks and name in buses):
            raise ValueError(f"Mixer: {name!r} stands twice; give one of them another name")
    for name, fx in nodes.items():
        if fx is not None and not isinstance(fx, Processor):
            raise TypeError(f"Mixer: {name} must be a Processor or None, got {type(fx).__name__}")


def _kind(fx: Processor) -> Any:
    """What effects that may run as one batch have in common; None where that cannot be told."""
    parts = [part for part in fx.modules() if isinstance(part, Processor)]
    if any(isinstance(v, (Tensor, np.ndarray)) for part in parts for v in part.construction.values()):
        return None
    if any(not name.endswith("_position") for name, _ in fx.named_parameters()):
        return None
    return fx._kind, tuple(fx.params.items())
