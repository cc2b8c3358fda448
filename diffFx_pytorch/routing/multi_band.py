"""An effect in each of several frequency bands."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ..dsp.biquad import ring_seconds
from ..dsp.crossover import linkwitz_riley
from ..params import EffectParam
from ..processor import Processor, State
from ..recursion import SectionState, filter_sections, svf_to_sos
from .routing import Routing

NOT_THE_INPUT = {"neutral": "the bands of a crossover sum to an all-pass: flat in level, but not the input itself"}
"""What every effect in bands is exempt from."""


def effect_of_bands(owner: str, effect: type[Processor], sample_rate: float, **options: Any) -> Processor:
    """The effect that an effect in bands runs, built so that what it refuses is refused in the owner's name.

    Raises:
        ValueError: what the effect refuses.
    """
    try:
        return effect(sample_rate, **options)
    except ValueError as error:
        raise ValueError(f"{owner}: {str(error).removeprefix(f'{effect.__name__}: ')}") from None


class Bands(Routing):
    """Base of effects in bands: the effect runs once, with the bands as items of its batch.

    Args:
        fx: the effect; every band has its own knobs, ``band_1.<knob>`` from the lowest, and its own state.
        num_bands: 2 or more.
        param_range: rows of the table to replace.
        own: knobs of what follows the sum, after those of the crossovers.

    Raises:
        ValueError: for fewer than two bands, or an effect that does not give as many channels as it takes.
        TypeError: for what is no Processor.
    """

    exempt = NOT_THE_INPUT

    def __init__(
        self,
        fx: Processor,
        num_bands: int,
        param_range: Mapping[str, EffectParam] | None = None,
        own: Mapping[str, EffectParam] | None = None,
    ) -> None:
        name = type(self).__name__
        if not isinstance(fx, Processor):
            raise TypeError(f"{name}: needs a Processor, got {type(fx).__name__}")
        if isinstance(num_bands, bool) or not isinstance(num_bands, int) or num_bands < 2:
            raise ValueError(f"{name}: num_bands must be a whole number from 2 up, got {num_bands!r}")
        if fx.channels_out is not None:
            raise ValueError(
                f"{name}: {type(fx).__name__} gives {fx.channels_out} channels; bands must stay as they are"
            )
        self.num_bands = num_bands
        crossovers = {
            f"crossover_{i}_hz": EffectParam(
                40.0,
                16000.0,
                round(40.0 * 400.0 ** (i / num_bands)),
                "log",
                "Hz",
                doc=f"Between bands {i} and {i + 1}.",
            )
            for i in range(1, num_bands)
        }
        bands = {f"band_{i + 1}": fx for i in range(num_bands)}
        super().__init__(bands, {**crossovers, **(own or {})}, param_range=param_range)
        self.latency_samples = fx.latency_samples
        self.channels = fx.channels
        self.neutral = self._neutral_of_effects() or {}
        self.traits = self.traits - {"memoryless"}

    def in_bands(
        self, x: Tensor, state: State, sidechain: Tensor | None, knobs: Mapping[str, Tensor]
    ) -> tuple[Tensor, State]:
        """Split, run the effect on every band at once, sum."""
        fx, before = self["band_1"], state or {}
        bands, split = self._split(x, knobs, before.get("split"))
        own: dict[str, Any] = {name: self._of_bands(name, knobs) for name in fx.params}
        after: dict[str, Any] = {"split": split}
        if fx.takes_sidechain:
            own["sidechain"] = None
            if sidechain is not None:
                own["sidechain"], after["key"] = self._split(sidechain, knobs, before.get("key"))
        y, after["effect"] = fx.process(bands, before.get("effect"), **own)
        return y.unflatten(0, (x.shape[0], self.num_bands)).sum(1), after

    def tail(self, **knobs: Tensor) -> Tensor:
        """The crossovers ring, then the effect in the band that rings longest."""
        own = {name: self._of_bands(name, knobs) for name in self["band_1"].params}
        ringing = ring_seconds(self._sections(knobs), self.sample_rate).flatten(0, -2).sum(-1).amax()
        return ringing + torch.as_tensor(self["band_1"].tail(**own)).amax()

    def _sections(self, knobs: Mapping[str, Tensor]) -> Tensor:
        """Sections of every band (B, N, 1, 1 or T, K, 6), from crossovers put in order however they are set."""
        freqs = torch.broadcast_tensors(*(knobs[f"crossover_{i}_hz"] for i in range(1, self.num_bands)))
        ordered = torch.stack(freqs, -1).sort(-1).values
        return svf_to_sos(linkwitz_riley(ordered, self.sample_rate)).movedim(3, 1)

    def _split(self, x: Tensor, knobs: Mapping[str, Tensor], state: SectionState | None) -> tuple[Tensor, SectionState]:
        bands, state = filter_sections(x.unsqueeze(1), self._sections(knobs), state)
        return bands.flatten(0, 1), state

    def _of_bands(self, name: str, knobs: Mapping[str, Tensor]) -> Tensor:
        values = torch.broadcast_tensors(*(knobs[f"band_{i + 1}.{name}"] for i in range(self.num_bands)))
        return torch.stack(values, 1).flatten(0, 1)


class MultiBand(Bands):
    """An effect in each of several bands: y = sum_k fx(H_k x), H_k the bands of Linkwitz-Riley crossovers.

    ``MultiBand(Compressor(), num_bands=3)`` has the knobs ``band_1.ratio``, ..., ``crossover_1_hz``, ... The crossovers
    are of fourth order and phase-compensated: where the effect does nothing the sum is flat, for any frequencies; they
    are put in ascending order however they are set. A sidechain is split likewise.

    Args:
        fx: the effect.
        num_bands: 2 or more.
        param_range: rows of the table to replace.

    Raises:
        ValueError: for fewer than two bands, or an effect that does not give as many channels as it takes.
        TypeError: for what is no Processor.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
    """

    def __init__(self, fx: Processor, num_bands: int = 3, param_range: Mapping[str, EffectParam] | None = None) -> None:
        super().__init__(fx, num_bands, param_range)

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, **knobs: Tensor
    ) -> tuple[Tensor, State]:
        """Split, process, sum."""
        return self.in_bands(x, state, sidechain, knobs)
