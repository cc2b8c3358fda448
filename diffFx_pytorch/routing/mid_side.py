"""Effects on the sum and the difference of a stereo signal."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from torch import Tensor

from ..control import KnobValue
from ..dsp.mid_side import from_mid_side, to_mid_side
from ..plan import Through
from ..processor import Processor, State
from .routing import Routing, longest, named_effects, without_wires


class MidSide(Routing):
    """An effect on the middle of a stereo signal, another on its sides: L = mid(M) + side(S), R = mid(M) - side(S).

    M = (L + R) / 2, S = (L - R) / 2. ``MidSide(mid=Compressor(), side=Gain())`` has the knobs ``mid.ratio``, ...,
    ``side.gain_db``. With no effects it returns its input, bit by bit. The effects see one channel each; a stereo
    sidechain reaches them as its mid and its side, a mono one as it is. Mid and side are delayed to one latency.

    Args:
        mid: effect on M, None for none.
        side: effect on S, None for none.
        sample_rate: in Hz; None takes that of the effects, 44100 without any.
        settings: values of knobs that stay, ``**{"mid.ratio": 4}``.

    Raises:
        ValueError: for effects of different sample rates, or that do not turn one channel into one.
        TypeError: for what is no Processor.
    """

    channels = (2,)
    channels_out = 2

    def __init__(
        self,
        mid: Processor | None = None,
        side: Processor | None = None,
        *,
        sample_rate: float | None = None,
        **settings: KnobValue,
    ) -> None:
        parts = named_effects("MidSide", (), {"mid": mid, "side": side}, wires=True)
        steps = without_wires(parts)
        for name, fx in steps.items():
            if 1 not in (fx.channels or (1,)) or fx.channels_out not in (None, 1):
                raise ValueError(f"MidSide: {name} must turn one channel into one, which {type(fx).__name__} does not")
        super().__init__(steps, sample_rate=sample_rate, settings=settings)
        self.crosses_channels = bool(steps)
        self.latency_samples = max((fx.latency_samples for fx in steps.values()), default=0)
        self.neutral = self._neutral_of_effects() or {}

    def prepare(self) -> None:
        """Both effects come first."""
        self.read_knobs_at({})

    def process(
        self, x: Tensor, state: State, sidechain: Tensor | None = None, *, effects: Mapping[str, Through] = {}
    ) -> tuple[Tensor, State]:
        """Mid and side, each through its effect."""
        if not self.steps:
            return x, state
        keys: tuple[Any, ...] = (sidechain, sidechain)
        if sidechain is not None and sidechain.shape[1] == 2:
            keys = to_mid_side(sidechain)
        outputs, new_state = [], {}
        for name, part, key in zip(("mid", "side"), to_mid_side(x), keys, strict=True):
            part, new_state[name] = self.aligned(name, part, None if state is None else state[name], key, effects)
            outputs.append(part)
        return from_mid_side(*outputs), new_state

    def told_first(self, values: Mapping[str, Any]) -> str:
        """Nothing but that."""
        return "on the middle and the sides by themselves"

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """The longer of the two."""
        return longest([self._tail_of(name, knobs) for name, _ in self._effects()])
