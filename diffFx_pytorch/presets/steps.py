"""Steps of a chain file: effects, and routings of steps."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import yaml

from ..control import KnobValue
from ..options import Given
from ..params import EffectParam
from ..processor import Processor
from ..registry import effect, effects
from ..routing import Chain, DryWet, Ducked, Keyed, MidSide, MultiBand, Parallel, Send
from ..routing.routing import free_name, has_meaning
from .factory import text_of
from .nodes import ChainFileError, Reader
from .values import ValueReader, beside, option_value, tempo

VERSION = 1
TOP = ("version", "about", "tempo_bpm", "chain", "fit")
"""The keys of a chain file."""
KINDS = (
    "effect",
    "vst3",
    "preset",
    "chain",
    "parallel",
    "dry_wet",
    "send",
    "ducked",
    "mid_side",
    "multi_band",
    "keyed",
)
_WITH_OPTIONS = ("effect", "vst3", "multi_band", "keyed")
_KEYS = (*KINDS, "name", "options", "ranges", "params", "sidechain", "mix", "bypass")
PLACED = (Chain, DryWet, Ducked, Keyed, MidSide, Parallel, Send)
"""Routings whose parts are steps with settings of their own."""
_DEEPEST, _MOST = 16, 500


class StepReader:
    """Builds the processors that steps describe; problems are the reader's.

    Args:
        reader: of the file.
        sample_rate: in Hz.
        folder: of the file, beside which files that it names are looked for; None is the working folder.
        tempo_bpm: of points per beat; None where the file names none.
    """

    def __init__(
        self, reader: Reader, sample_rate: float, folder: Path | None = None, tempo_bpm: float | None = None
    ) -> None:
        self.reader, self.sample_rate, self.folder = reader, sample_rate, folder
        self.values = ValueReader(reader, sample_rate, folder, tempo_bpm)
        self._count = 0

    def file(self, root: yaml.Node, depth: int = 0) -> dict[str, Processor]:
        """The processors of a chain file, by name."""
        reader = self.reader
        top = reader.mapping(root, TOP, "a chain file", required=("version", "chain"))
        if "about" in top and not isinstance(about := reader.scalar(top["about"], "about"), (str, type(None))):
            reader.problem(top["about"], f"about must be a sentence, got {about!r}")
        if "version" in top:
            version = reader.scalar(top["version"], "version")
            if version != VERSION:
                reader.problem(top["version"], f"unknown version {version!r}; this release reads version {VERSION}")
                return {}
        if "tempo_bpm" in top and (given := tempo(reader, top["tempo_bpm"])) is not None:
            self.values = replace(self.values, tempo_bpm=given)
        steps = reader.sequence(top["chain"], "chain", "a list of effects") if "chain" in top else []
        if "chain" in top and isinstance(top["chain"], yaml.SequenceNode) and not steps:
            reader.problem(top["chain"], "chain is empty; it needs at least one effect")
        return self.several(steps, depth)

    def named(self, node: yaml.Node, depth: int = 0) -> Processor | None:
        """The chain of a file or a factory preset that a node names."""
        reader, name = self.reader, self.reader.scalar(node, "preset")
        if not isinstance(name, str):
            if name is not None:
                reader.problem(node, f"preset must be a name or a chain file, got {name!r}")
            return None
        if depth > _DEEPEST:
            reader.problem(node, f"files name each other deeper than {_DEEPEST}; {name!r} contains itself, it seems")
            return None
        try:
            text, source = text_of(name, self.folder)
            inner = Reader(source)
            folder = Path(source).parent if Path(source).is_file() else None
            steps = StepReader(inner, self.sample_rate, folder, self.values.tempo_bpm)
            built = steps.file(inner.compose(text), depth + 1)
            inner.finish()
            return Chain(**built)
        except (OSError, ValueError) as error:
            lines = error.problems if isinstance(error, ChainFileError) else (str(error),)
            reader.problem(node, "; ".join(lines))
            return None

    def several(self, nodes: Sequence[yaml.Node], depth: int) -> dict[str, Processor]:
        """The processors of a list of steps, by name."""
        built: dict[str, Processor] = {}
        for node in nodes:
            if self._count > _MOST:
                break
            read = self.step(node, depth)
            if read is not None:
                name, fx = read
                name = self._free(node, name, fx, built)
                built[name] = fx
        return built

    def step(self, node: yaml.Node, depth: int) -> tuple[str | None, Processor] | None:
        """The name that a step gives, and its processor with its settings; None where something is wrong.

        A list of steps is a chain. A step that is bypassed is checked, and gives None.
        """
        reader = self.reader
        self._count += 1
        if self._count == _MOST + 1:
            reader.problem(node, f"more than {_MOST} steps; put them into several files")
        if depth > _DEEPEST:
            reader.problem(node, f"routings nest deeper than {_DEEPEST}")
        if self._count > _MOST or depth > _DEEPEST:
            return None
        if isinstance(node, yaml.SequenceNode):
            return self._chain(node, depth)
        if (name := _only_word(node)) in effects():
            reader.problem(node, f"write a step as {{effect: {name}, params: {{KNOB: VALUE}}}}")
            return None
        keys = reader.mapping(node, _KEYS, "a step of the chain")
        kinds = [kind for kind in KINDS if kind in keys]
        if len(kinds) != 1:
            given = f", got {' and '.join(kinds)}" if kinds else ""
            if isinstance(node, yaml.MappingNode):
                reader.problem(node, f"a step needs 'effect', 'preset', or one routing: {', '.join(KINDS[3:])}{given}")
            return None
        if "options" in keys and kinds[0] not in _WITH_OPTIONS:
            reader.problem(keys["options"], f"{kinds[0]} has no options")
        if "ranges" in keys and kinds[0] != "effect":
            reader.problem(keys["ranges"], f"{kinds[0]} has no ranges; give them to the effects in it")
        fx = self._built(kinds[0], keys, depth)
        name = self._name(keys)
        if fx is None:
            return None
        self._set(keys, fx)
        if "sidechain" in keys:
            fx = self._keyed(keys["sidechain"], fx)
        if "mix" in keys:
            fx = self._mixed(keys["mix"], fx)
        if "bypass" in keys:
            bypass = reader.scalar(keys["bypass"], "bypass")
            if not isinstance(bypass, bool):
                reader.problem(keys["bypass"], f"bypass must be true or false, got {bypass!r}")
            if bypass is True:
                return None
        return name, fx

    def _built(self, kind: str, keys: Mapping[str, yaml.Node], depth: int) -> Processor | None:
        node, reader = keys[kind], self.reader
        if kind == "effect":
            return self._effect(keys)
        if kind == "vst3":
            return self._plugin(keys)
        if kind == "preset":
            return self.named(node, depth + 1)
        if kind in ("parallel", "mid_side"):
            return self._branches(kind, keys, depth)
        if kind == "chain" and not isinstance(node, yaml.SequenceNode):
            reader.sequence(node, "chain", "a list of steps")
            return None
        inner = self.step(node, depth + 1)
        if inner is None:
            return None
        name, fx = inner
        if kind == "chain":
            return fx
        if kind == "multi_band":
            return self._multi_band(keys, fx)
        if kind == "keyed":
            options = self._options(keys, Keyed)
            if options is None:
                return None
            if "key" not in options:
                reader.problem(node, "keyed needs options: {key: the path of a sound file}")
                return None
            return self._try(node, lambda: Keyed(**{name or free_name(fx, ()): fx}, **options))
        routing = {"dry_wet": DryWet, "send": Send, "ducked": Ducked}[kind]
        return self._try(node, lambda: routing(**{name or free_name(fx, ()): fx}))

    def _chain(self, node: yaml.SequenceNode, depth: int) -> tuple[None, Processor] | None:
        if not node.value:
            self.reader.problem(node, "chain is empty; it needs at least one effect")
        built = self.several(node.value, depth + 1)
        fx = self._try(node, lambda: Chain(**built)) if built else None
        return None if fx is None else (None, fx)

    def _branches(self, kind: str, keys: Mapping[str, yaml.Node], depth: int) -> Processor | None:
        node, reader = keys[kind], self.reader
        if not isinstance(node, yaml.MappingNode):
            reader.mapping(node, (), kind)
            return None
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        branches: dict[str, Any] = {}
        for name, part in reader.mapping(node, ("mid", "side") if kind == "mid_side" else names, kind, "path").items():
            wire = isinstance(part, yaml.ScalarNode) and part.tag == "tag:yaml.org,2002:null"
            read = None if wire else self.step(part, depth + 1)
            if read is not None and read[0] not in (None, name):
                reader.problem(part, f"is named {name!r} by its place; leave 'name' out")
            branches[name] = None if read is None else read[1]
        routing = Parallel if kind == "parallel" else MidSide
        rate: dict[str, Any] = {} if kind == "parallel" else {"sample_rate": self.sample_rate}
        return self._try(node, lambda: routing(**branches, **rate))

    def _multi_band(self, keys: Mapping[str, yaml.Node], fx: Processor) -> Processor | None:
        options = self._options(keys, MultiBand)
        return None if options is None else self._try(keys["multi_band"], lambda: MultiBand(fx, **options))

    def _effect(self, keys: Mapping[str, yaml.Node]) -> Processor | None:
        reader = self.reader
        try:
            cls = effect(str(reader.scalar(keys["effect"], "effect")))
        except ValueError as error:
            reader.problem(keys["effect"], str(error))
            return None
        options = self._options(keys, cls)
        if options is None:
            return None
        ranges = self._ranges(keys, cls)
        at = keys.get("options", keys.get("ranges", keys["effect"]))
        return self._try(at, lambda: cls(sample_rate=self.sample_rate, param_range=ranges, **options))

    def _ranges(self, keys: Mapping[str, yaml.Node], cls: type[Processor]) -> dict[str, EffectParam]:
        """The rows of the table of knobs that a step replaces."""
        node, reader = keys.get("ranges"), self.reader
        rows: dict[str, EffectParam] = {}
        if node is None or not isinstance(node, yaml.MappingNode):
            if node is not None:
                reader.mapping(node, (), f"ranges of {cls.__name__}")
            return rows
        names = [key.value for key, _ in node.value if isinstance(key, yaml.ScalarNode)]
        for knob, row in reader.mapping(node, names, f"ranges of {cls.__name__}").items():
            said = reader.plain(row)
            if not isinstance(said, list) or len(said) not in (2, 3):
                reader.problem(row, f"the range of {knob} must be [min, max] or [min, max, curve], got {said!r}")
                continue
            ends: list[Any] = [*said, None]
            made = self._try(row, lambda ends=ends: EffectParam(ends[0], ends[1], curve=ends[2]))
            if made is not None:
                rows[knob] = made
        return rows

    def _plugin(self, keys: Mapping[str, yaml.Node]) -> Processor | None:
        node, path = keys["vst3"], self.reader.scalar(keys["vst3"], "vst3")
        if not isinstance(path, str):
            if path is not None:
                self.reader.problem(node, f"vst3 must be the path of a plugin, got {path!r}")
            return None
        cls = self._try(node, lambda: effect("VST3"))
        options = None if cls is None else self._options(keys, cls)
        if cls is None or options is None:
            return None
        given = {**options, "path": str(beside(path, self.folder))}
        return self._try(node, lambda: cls(sample_rate=self.sample_rate, **given))

    def _options(self, keys: Mapping[str, yaml.Node], cls: type[Processor]) -> dict[str, Any] | None:
        """The options of a step; None where one is wrong."""
        options: dict[str, Any] = {}
        if "options" not in keys:
            return options
        reader, known = self.reader, len(self.reader.problems)
        for name, node in reader.mapping(
            keys["options"], cls.options, f"options of {cls.__name__}", noun="option"
        ).items():
            value, option = option_value(reader, node, cls.options[name]), cls.options[name]
            if isinstance(option, Given) and isinstance(value, str):
                value = str(beside(value, self.folder))
            try:
                options[name] = option.read(name, value, self.sample_rate)
            except ValueError as error:
                reader.problem(node, f"{cls.__name__}: {error}")
        return None if len(reader.problems) > known else options

    def _set(self, keys: Mapping[str, yaml.Node], fx: Processor) -> None:
        """Give a processor the settings of its step."""
        if "params" not in keys:
            return
        own = own_knobs(fx)
        settings: dict[str, KnobValue] = {}
        of = f"params of {type(fx).__name__}"
        for knob, node in self.reader.mapping(keys["params"], own, of, noun="parameter").items():
            value = self.values.setting(node, knob, own[knob])
            if value is not None:
                settings[knob] = value
        self._try(keys["params"], lambda: fx.set(settings))  # type: ignore[arg-type, return-value]

    def _keyed(self, node: yaml.Node, fx: Processor) -> Processor:
        file = self.reader.scalar(node, "sidechain")
        if not isinstance(file, str):
            if file is not None:
                self.reader.problem(node, f"sidechain must be the name of a sound file, got {file!r}")
            return fx
        key = beside(file, self.folder)
        return self._try(node, lambda: Keyed(**{free_name(fx, ()): fx}, key=key)) or fx

    def _mixed(self, node: yaml.Node, fx: Processor) -> Processor:
        mixed = self._try(node, lambda: DryWet(**{free_name(fx, ()): fx}))
        if mixed is None:
            return fx
        value = self.values.setting(node, "mix", mixed.params["mix"])
        return mixed if value is None else mixed.set({"mix": value})

    def _try(self, node: yaml.Node, build: Any) -> Any:
        try:
            return build()
        except (ValueError, TypeError, OSError) as error:
            self.reader.problem(node, str(error))
        except Exception as error:  # an effect may be a stranger's
            self.reader.problem(node, f"{type(error).__name__}: {error}")
        return None

    def _name(self, keys: Mapping[str, yaml.Node]) -> str | None:
        """The name that a step gives itself."""
        if "name" not in keys:
            return None
        name = self.reader.scalar(keys["name"], "name")
        if not isinstance(name, str) or not name.isidentifier():
            self.reader.problem(keys["name"], f"{name!r} is no name for an effect; use letters, digits and underscores")
            return None
        if name == "self" or has_meaning(name):
            self.reader.problem(keys["name"], f"{name!r} has a meaning of its own in a chain; give another name")
            return None
        return name

    def _free(self, node: yaml.Node, name: str | None, fx: Processor, built: Mapping[str, Processor]) -> str:
        """The name of a step, one that is free where it gives none."""
        if name is not None and name in built:
            at = next(value for key, value in node.value if key.value == "name")
            self.reader.problem(at, f"two effects are named {name!r}; give one of them another name")
        return free_name(fx, built) if name is None or name in built else name


def own_knobs(fx: Processor) -> dict[str, EffectParam]:
    """The knobs that are set where a processor is, not where its parts are."""
    return {knob: row for knob, row in fx.params.items() if "." not in knob or not isinstance(fx, PLACED)}


def _only_word(step: yaml.Node) -> str | None:
    """What a step says that is one word, or one key."""
    key = step.value[0][0] if isinstance(step, yaml.MappingNode) and len(step.value) == 1 else step
    return key.value if isinstance(key, yaml.ScalarNode) else None
