"""A system sampled on a fixed grid, as a module for training loops."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from torch import Tensor, nn

from .system import Parameters, System

Output = Literal["spectrum", "magnitude", "signal"] | Callable[[Tensor], Tensor]

_OUTPUTS = ("spectrum", "magnitude", "signal")


class Shell(nn.Module):
    """A system sampled on one grid, from a signal in time to the quantity a loss compares.

    The input is a signal in time; the output of the core is returned as a spectrum, its magnitude, a signal in time, or
    any function of the spectrum. Without an input, the responses themselves are returned, as for a unit impulse at each
    input in turn.

    The grid belongs to the shell alone, so ``shell.nfft = 48000`` changes it.

    Args:
        core: the system.
        nfft: points of the circle.
        alias_decay_db: decay of the envelope over nfft samples, see ``Circle``. "spectrum" and "magnitude" are then
            those on the circle; "signal" is divided by the envelope.
        output: "spectrum", "magnitude", "signal", or a function of the spectrum.

    Shape:
        x (..., inputs, T), T up to nfft; out (..., outputs, M) or (..., outputs, nfft). Without x
        (..., outputs, inputs, M or nfft).

    Raises:
        ValueError: for an unknown output; a signal longer than nfft, or with other channels than the core's.
    """

    def __init__(self, core: System, nfft: int, *, alias_decay_db: float = 0.0, output: Output = "magnitude") -> None:
        super().__init__()
        if not callable(output) and output not in _OUTPUTS:
            raise ValueError(f"Shell: output must be a function or one of {', '.join(_OUTPUTS)}, got {output!r}")
        core.circle(nfft, alias_decay_db)  # refuses what no circle can be
        self.core, self.nfft, self.alias_decay_db, self.output = core, nfft, alias_decay_db, output

    def forward(self, x: Tensor | None = None, parameters: Parameters | None = None) -> Tensor:
        """Return the output for a signal, or the responses where there is none."""
        grid = self.core.circle(self.nfft, self.alias_decay_db)
        if x is None:
            H = self.core.frequency_response(self.nfft, alias_decay_db=self.alias_decay_db, parameters=parameters)
        else:
            H = self.core.through(x, grid, parameters)
        if callable(self.output):
            return self.output(H)
        if self.output == "signal":
            return grid.signal(H)
        return H.abs() if self.output == "magnitude" else H

    def extra_repr(self) -> str:
        """Return the grid and the output."""
        return f"nfft={self.nfft}, alias_decay_db={self.alias_decay_db:g}, output={self.output}"
