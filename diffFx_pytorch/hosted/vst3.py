"""A VST3 plugin of the user's, hosted by pedalboard."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import cached_property
from typing import Any

from torch import Tensor

from ..options import Given, Number
from ..params import EffectParam
from ..processor import Processor
from .plugin import Hosted, host

_SWITCH = "0 .. 1 is from its first setting to its last."


class VST3(Hosted):
    """A VST3 plugin: what it does, its maker knows.

    Its knobs are those that it names, in its units; switches and lists go from 0 to 1, from the first setting to the
    last. They are fixed within a signal.
    """

    options = {
        "path": Given(None, str | os.PathLike, "the path of a .vst3", doc="The plugin."),
        "plugin_name": Given(None, str, "a name, or None", doc="Of the plugin, where a file holds several."),
        "tail_s": Number(0.0, 600.0, 5.0, "s", doc="How long it may sound after its input ends."),
    }

    def table(self) -> Mapping[str, EffectParam]:
        """The knobs that the plugin names."""
        return {} if self.path is None else {name: row for name, (_, row) in self._knobs.items()}

    def prepare(self) -> None:
        """Without a path it is only described."""
        if self.path is not None:
            super().prepare()

    def made(self) -> Any:
        """The plugin, loaded anew.

        Raises:
            ValueError: for what cannot be loaded, and instruments.
        """
        if self.path is None:
            raise ValueError("needs the path of a .vst3")
        path = os.fspath(self.path)
        if not os.path.exists(path):
            raise ValueError(f"{path}: no such file or folder")
        try:
            plugin = host().VST3Plugin(path, plugin_name=self.plugin_name)
        except (ImportError, RuntimeError) as error:
            raise ValueError(f"{path}: cannot be loaded: {error}") from error
        if not plugin.is_effect:
            raise ValueError(f"{path}: is an instrument and no effect")
        return plugin

    def turn(self, plugin: Any, name: str, value: float) -> None:
        """In the plugin's unit where it has one."""
        own, row = self._knobs[name]
        if row.doc.endswith(_SWITCH):
            plugin.parameters[own].raw_value = value
        else:
            setattr(plugin, own, value)

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """What the option says."""
        return self.tail_s if self.path is not None else 0.0

    @cached_property
    def _knobs(self) -> dict[str, tuple[str, EffectParam]]:
        """By knob, its name in the plugin and its row."""
        found, plugin = {}, self.made()
        for own, parameter in plugin.parameters.items():
            name = f"{own}_" if hasattr(Processor, own) or not own.isidentifier() else own
            low, high = (parameter.range or (0.0, 1.0))[:2]
            if parameter.type is float and low is not None and high is not None and low < high:
                value = min(max(float(getattr(plugin, own)), low), high)
                row = EffectParam(low, high, value, unit=parameter.label or "", doc=parameter.name, automatable=False)
            else:
                doc = f"{parameter.name}: {_SWITCH}"
                row = EffectParam(0.0, 1.0, float(parameter.raw_value), doc=doc, automatable=False)
            found[name] = own, row
        return found
