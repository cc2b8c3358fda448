"""An effect in each of several frequency bands."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping
from typing import Any, ClassVar, Literal

import torch
from torch import Tensor

from ..automation import values_of
from ..control import KnobValue
from ..curve import Curve
from ..dsp.levels import amp_to_db
from ..explaining import amount, in_words, moves
from ..lines import Read, side_by_side
from ..options import Integer, Option
from ..params import EffectParam
from ..plan import Plan, Through
from ..processor import Processor, State
from .crossovers import CROSSOVER, Crossover, LinearPhase, LinkwitzRiley
from .routing import Routing

_BANDS = {"num_bands": Integer(2, 16, 3, doc="Bands, each with knobs of its own."), **CROSSOVER}
_SHORTER = "filters of so many samples are shorter at a higher rate, and part the lows less"
_ALL_PASS = "the bands of a crossover sum to an all-pass: flat in level, but not the input itself"


class Bands(Routing, abstract=True):
    """Base of effects in bands: the effect runs once, with the bands as items of its batch."""

    splitter: Crossover

    def in_each(self, fx: Processor, own: Mapping[str, EffectParam] | None = None) -> dict[str, EffectParam]:
        """Take in an effect for ``num_bands`` bands; the table of the knobs.

        Args:
            fx: the effect; every band has its own knobs, ``band_1.<knob>`` from the lowest, and its own state.
            own: knobs of what follows the sum, after those of the crossovers.
        """
        count = self.num_bands
        crossovers = {
            f"crossover_{i}_hz": EffectParam(
                40.0, 16000.0, round(40.0 * 400.0 ** (i / count)), "log", "Hz", doc=f"Between bands {i} and {i + 1}."
            )
            for i in range(1, count)
        }
        table = self.join({f"band_{i + 1}": copy.deepcopy(fx) for i in range(count)}, {**crossovers, **(own or {})})
        if self.crossover == "linear-phase":
            self.splitter = LinearPhase(self.sample_rate, self.num_taps, self.control_period)
            self.exempt = {**self.exempt, "level": _SHORTER}
        else:
            self.splitter, self.exempt = LinkwitzRiley(self.sample_rate), {**self.exempt, "neutral": _ALL_PASS}
        late = self.splitter.latency
        self.latency_samples = late + fx.latency_samples
        self.channels, self.channels_out = fx.channels, fx.channels_out
        self.neutral = self._neutral_of_effects() or {}
        self.traits = self.traits - {"memoryless"}
        self.read_knobs_at(dict.fromkeys(crossovers, late), {f"band_{i + 1}": late for i in range(count)})
        return table

    def inside(self, knobs: Mapping[str, Read], like: Tensor) -> dict[str, Plan]:
        """The effect, once for all bands."""
        own = {name: side_by_side(self._each(name, knobs)) for name in self["band_1"].params}
        return {"band": Plan(self["band_1"], own, like.new_empty(like.shape[0] * self.num_bands, 1, 0))}

    def control(self, **knobs: Tensor) -> dict[str, Any]:
        """The crossovers."""
        return {"crossovers": self.splitter.control(self._frequencies(knobs))}

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        crossovers: Any,
        effects: Mapping[str, Through],
    ) -> tuple[Tensor, State]:
        """Split, run the effect on every band at once, sum."""
        state = state or {}
        bands, split = self.splitter(x, crossovers, state.get("split"))
        new_state: dict[str, Any] = {"split": split}
        if sidechain is not None:
            keys, new_state["key"] = self.splitter(sidechain, crossovers, state.get("key"))
            sidechain = keys.flatten(0, 1)
        y, new_state["effect"] = effects["band"](bands.flatten(0, 1), state.get("effect"), sidechain)
        return y.unflatten(0, (x.shape[0], self.num_bands)).sum(1), new_state

    def told_first(self, values: Mapping[str, Any]) -> str:
        """Nothing but that."""
        return "in bands"

    def label(self, name: str, values: Mapping[str, Any]) -> str:
        """Where the band lies; the crossovers are in order where they stand still."""
        edges = [f"crossover_{i}_hz" for i in range(1, self.num_bands)]
        if not any(moves(values[edge]) for edge in edges):
            edges.sort(key=lambda edge: float(torch.as_tensor(values_of(values[edge])).flatten()[0]))
        low, high = (int(name.rpartition("_")[2]) - k for k in (2, 1))
        said = [amount(self.params[edge], values[edge]) for edge in edges]
        if low < 0:
            return f"below {said[high]}"
        return f"above {said[low]}" if high == len(edges) else f"{said[low]} to {said[high]}"

    def told_besides(self, values: Mapping[str, Any]) -> list[str]:
        """What follows the sum."""
        own = [name for name in self.params if "." not in name and not name.startswith("crossover_")]
        said = [f"{in_words(name)} {amount(self.params[name], values[name])}" for name in own]
        return [f"their sum: {', '.join(said)}"] if said else []

    def tail(self, **knobs: Tensor) -> Tensor:
        """The crossovers ring, then the effect in the band that rings longest."""
        own: dict[str, Any] = {name: side_by_side(self._each(name, knobs)) for name in self["band_1"].params}
        return self.splitter.ring(self._frequencies(knobs)) + torch.as_tensor(self["band_1"].tail(**own)).amax()

    def curve(self, **knobs: Tensor) -> Curve:
        """Magnitude response of every band, one after the other, from the lowest."""
        top = min(20000.0, 0.49 * self.sample_rate)
        frequency = torch.logspace(math.log10(20.0), math.log10(top), 300, dtype=torch.float64)
        freqs = self._frequencies({name: knob[:1, :, :1].double() for name, knob in knobs.items()})
        lines = amp_to_db(self.splitter.magnitude(freqs, frequency), -60.0)
        # There and back, so that the lines join at the ends of the axis.
        x = torch.cat([frequency if k % 2 == 0 else frequency.flip(0) for k in range(len(lines))])
        y = torch.cat([line if k % 2 == 0 else line.flip(0) for k, line in enumerate(lines)])
        return Curve(x, y, "frequency (Hz)", "level of the bands (dB)", True, type(self).__name__)

    def _frequencies(self, knobs: Mapping[str, Tensor]) -> Tensor:
        """Of the crossovers (B, 1, 1 or F, N - 1), put in order however they are set."""
        freqs = torch.broadcast_tensors(*(knobs[f"crossover_{i}_hz"] for i in range(1, self.num_bands)))
        return torch.stack(freqs, -1).sort(-1).values

    def _each(self, name: str, knobs: Mapping[str, Any]) -> list[Any]:
        return [knobs[f"band_{i + 1}.{name}"] for i in range(self.num_bands)]


class MultiBand(Bands):
    """An effect in each of several bands: y = sum_k fx(H_k x), H_k the bands of crossovers.

    ``MultiBand(Compressor(), num_bands=3)`` has the knobs ``band_1.ratio``, ..., ``crossover_1_hz``, ... The crossovers
    are of fourth order and phase-compensated: where the effect does nothing the sum is flat, for any frequencies; with
    ``crossover="linear-phase"`` it is the input, later. They are put in ascending order however they are set. A
    sidechain is split likewise.

    Args:
        fx: the effect.
        num_bands: 2 .. 16.
        crossover: "linkwitz-riley", without latency, or "linear-phase".
        num_taps: length of the filters of linear phase, odd.
        param_range: new ranges of knobs by name, as ``EffectParam``.
        settings: values of knobs that stay, ``crossover_1_hz=200``.

    Raises:
        ValueError: for another number of bands.
        TypeError: for what is no Processor.

    References:
        S. H. Linkwitz, "Active crossover networks for noncoincident drivers", JAES 24(1), 1976.
        S. P. Lipshitz, J. Vanderkooy, "A family of linear-phase crossover networks of high slope derived by time
        delay", JAES 31(1/2), 1983.
    """

    options = _BANDS

    def __init__(
        self,
        fx: Processor,
        num_bands: int = 3,
        param_range: Mapping[str, EffectParam] | None = None,
        crossover: Literal["linkwitz-riley", "linear-phase"] = "linkwitz-riley",
        num_taps: int = 4095,
        **settings: KnobValue,
    ) -> None:
        if not isinstance(fx, Processor):
            raise TypeError(f"MultiBand: needs a Processor, got {type(fx).__name__}")
        self._joined = (fx,)
        given = {"crossover": crossover, "num_taps": num_taps}
        split = {name: value for name, value in given.items() if value != self.options[name].default}
        Processor.__init__(self, fx.sample_rate, param_range, num_bands=num_bands, **split, **settings)

    def table(self) -> dict[str, EffectParam]:
        """The knobs of the effect for every band, then those of the crossovers."""
        return self.in_each(*vars(self).pop("_joined"))


class EffectInBands(Bands, abstract=True):
    """Base of ``MultiBand`` around one effect of the registry; a subclass names it and says which options it hands on.

    ``options`` are ``in_bands_options(Compressor, ...)``: those of the bands, and those of the effect.
    """

    effect: ClassVar[type[Processor]]
    in_pieces = True
    __init__ = Processor.__init__  # pyright: ignore[reportAssignmentType]  # there is no effect to be given

    def table(self) -> dict[str, EffectParam]:
        """The knobs of the effect for every band, then those of the crossovers."""
        handed_on = {name: getattr(self, name) for name in self.options if name in self.effect.options}
        return self.in_each(self.effect(self.sample_rate, **handed_on))


def in_bands_options(effect: type[Processor], without: tuple[str, ...] = ()) -> dict[str, Option]:
    """The options of an effect in bands: how many and how they are split, and those of the effect."""
    own = {name: option for name, option in effect.options.items() if name not in without}
    return {**_BANDS, **own}
