"""A signal that comes block by block."""

from __future__ import annotations

from typing import Any

from torch import Tensor

from .control import Knobs, as_dict


class Stream:
    """An effect that remembers between blocks; made by ``Processor.stream``."""

    def __init__(self, fx: Any, norm_params: Knobs | None, dsp_params: Knobs | None, total: int | None) -> None:
        self.fx = fx
        self._norm_params, self._dsp_params, self._total = norm_params, dsp_params, total
        self.reset()

    def __call__(self, x: Tensor, sidechain: Tensor | None = None) -> Tensor:
        """The next block (B, C, T), of any length."""
        y, self.state = self.fx.run(
            x,
            self.state,
            norm_params=self._norm_params,
            dsp_params=self._dsp_params,
            sidechain=sidechain,
            start=self.position,
            total=self._length(x),
        )
        self.position += x.shape[-1]
        return y

    def reset(self) -> None:
        """Forget everything: silence before time zero."""
        self.state: Any = None
        self.position = 0

    def _length(self, x: Tensor) -> int | None:
        if self._total is not None:
            return self._total
        given = self._norm_params if self._norm_params is not None else self._dsp_params
        values = {**self.fx.settings, **as_dict({} if given is None else given, self.fx.params)}.values()
        if any(isinstance(v, Tensor) and v.dim() == 2 and v.shape[1] > 1 for v in values):
            raise ValueError(
                f"{type(self.fx).__name__}: automated knobs stretch over the whole signal, whose length a stream does "
                "not know; give stream(..., total=samples)"
            )
        return None
