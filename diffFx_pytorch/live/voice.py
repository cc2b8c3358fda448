"""One effect, warm, that plays blocks, and its input beside it, delayed by the effect's latency."""

from __future__ import annotations

import copy
from collections.abc import Mapping

import torch
from torch import Tensor

from ..control import KnobValue
from ..dsp.whole_delay import delayed
from ..processor import Processor
from ..sound import widened
from ..stream import kind_of

WARM_BLOCKS = 8
"""Blocks that run before the first that is heard: kernels are compiled and memory is taken in them."""


class Voice:
    """A copy of an effect with settings that stay, which has compiled what it needs and stands at silence.

    Args:
        processor: the effect; later changes of its settings do not reach the copy.
        block: usual samples of a block.
        channels: of the input.
        dsp_params: values of knobs in their units.
        total: samples of the whole signal where it is known, for automation spread evenly over it.

    Raises:
        ValueError: for an effect that needs the whole signal at once, or other channels than it takes.
    """

    def __init__(
        self,
        processor: Processor,
        block: int,
        channels: int,
        dsp_params: Mapping[str, KnobValue] | None = None,
        total: int | None = None,
    ) -> None:
        name = type(processor).__name__
        if not processor.streamable:
            parts = [type(part).__name__ for part in processor.modules() if _needs_all(part)]
            raise ValueError(f"{' and '.join(parts) or name}: needs the whole signal at once and cannot play live")
        self.channels, self.processed = channels, _processed_channels(processor, channels)
        self.channels_out = processor.channels_out or self.processed
        self.latency, self.sample_rate = processor.latency_samples, processor.sample_rate
        self.dsp_params = dict(dsp_params or {})
        self.processor = copy.deepcopy(processor)
        self.kind = kind_of(processor)
        self._stream = self.processor.stream(dsp_params=self.dsp_params, total=total)
        self._line: Tensor | None = None
        generator = torch.Generator().manual_seed(0)
        with torch.no_grad():
            for level in [0.1] * (WARM_BLOCKS // 2) + [0.0] * (WARM_BLOCKS // 2):
                self(level * torch.randn(1, channels, block, generator=generator))
        self.reset()

    def __call__(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """The next block (1, channels, T): processed, and the input as late as that; both (1, channels_out, T)."""
        if x.shape[1] != self.processed:
            x = x.expand(-1, self.processed, -1).contiguous()
        wet = self._stream(x)
        dry, self._line = delayed(x, self.latency, self._line)
        if dry.shape[1] != self.channels_out:
            dry = dry.mean(1, keepdim=True).expand(-1, self.channels_out, -1)
        return wet, dry  # type: ignore[return-value]  # a tensor for a tensor

    def reset(self) -> None:
        """Forget all sound."""
        self._stream.reset()
        self._line = None

    def resume(self, other: Voice) -> bool:
        """Go on from the sound that another voice remembers, if both differ by settings only; whether they do."""
        if (self.kind, self.channels) != (other.kind, other.channels):
            return False
        self._stream.state, self._stream.position = other._stream.state, other._stream.position
        self._line = other._line
        return True


def _needs_all(part: torch.nn.Module) -> bool:
    return isinstance(part, Processor) and not part.streamable and not getattr(part, "steps", None)


def _processed_channels(processor: Processor, channels: int) -> int:
    """What a mono input is widened to."""
    widest = widened(channels, processor.channels)
    if widest is None:
        taken = " or ".join(map(str, processor.channels or ()))
        raise ValueError(f"{type(processor).__name__}: takes {taken} channels, and the input has {channels}")
    return widest
