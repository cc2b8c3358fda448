"""A causal network at control rate, which hears sound in frames, whole or block by block."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from .film import FiLM

Cell = Literal["lstm", "gru", "tcn"]

_FLOOR = 1e-8
"""Power of silence in a frame (-80 dB)."""


class HeardState(NamedTuple):
    """What a block leaves for the next."""

    frame: Tensor
    """The samples (B, C, n) since the last whole frame."""
    cell: Any
    samples: int
    """Samples so far."""


class FrameEncoder(nn.Module):
    r"""Features at control rate from a sound, by a recurrent network or a temporal convolution.

    The sound is cut into frames of ``period`` samples; a frame gives two numbers, its level and its peak in dB. What
    stands at sample :math:`k P` hears the frames that ended by :math:`(k - 1) P`, so a line to it can be drawn while
    the samples before it come in: knobs follow the sound by one to two periods, and blocks of any length equal the
    whole.

    Args:
        cell: "lstm" and "gru" remember as long as they learn to; "tcn", causal convolutions of 3 frames that reach 1,
            2, 4, ... frames back, hears the last :math:`2^{layers + 1} - 1` frames and trains faster.
        hidden: width, the size of the features.
        layers: of cells or convolutions; None is 4 for "tcn" and 1 for the others.
        period: samples of a frame, P; a multiple of the effect's ``control_period`` (32) saves work.
        controls: number of knobs of the device that is modelled, which scale and shift what is heard (FiLM).
        heard: from frames (B, C, F, P) to (B, F, ``num_heard``), in place of level and peak.
        num_heard: of ``heard``.

    Raises:
        ValueError: for another cell.

    References:
        M. Comunita, C. J. Steinmetz, J. D. Reiss, "NablAFx: a framework for differentiable black-box and gray-box
        modeling of audio effects", 2025 (dynamic controllers).
        C. J. Steinmetz, J. D. Reiss, "Efficient neural networks for real-time modeling of analog dynamic range
        compression", AES 152, 2022 (temporal convolutions with FiLM).
    """

    def __init__(
        self,
        cell: Cell = "lstm",
        *,
        hidden: int = 16,
        layers: int | None = None,
        period: int = 64,
        controls: int = 0,
        heard: Callable[[Tensor], Tensor] | None = None,
        num_heard: int = 2,
    ) -> None:
        super().__init__()
        if cell not in get_args(Cell):
            raise ValueError(f"FrameEncoder: cell must be 'lstm', 'gru' or 'tcn', got {cell!r}")
        layers = layers or (4 if cell == "tcn" else 1)
        self.options = {"cell": cell, "hidden": hidden, "layers": layers, "period": period, "controls": controls}
        self.features, self.period, self.controls = hidden, period, controls
        self.heard, self.restorable = heard or level_and_peak, heard is None
        self.inlet, self.turned = nn.Linear(num_heard, hidden), FiLM(controls, hidden)
        recurrent = {"lstm": nn.LSTM, "gru": nn.GRU}
        self.cell = (
            _Convolutions(hidden, layers)
            if cell == "tcn"
            else recurrent[cell](hidden, hidden, layers, batch_first=True)
        )

    def forward(self, x: Tensor, condition: Tensor | None = None) -> Tensor:
        """Features (B, F, hidden) of the whole sound x (B, C, T)."""
        return self.run(x, None, condition)[0]

    def run(
        self, x: Tensor, state: HeardState | None = None, condition: Tensor | None = None
    ) -> tuple[Tensor, HeardState]:
        """Features (B, F, hidden) of the frames that a block completes.

        Args:
            x: (B, C, T).
            state: what the block before left; None is silence before time zero.
            condition: (B, controls).
        """
        if state is None:
            state = HeardState(x.new_zeros(*x.shape[:2], 2 * self.period), None, 0)  # two silent frames before it
        sound = torch.cat([state.frame, x], -1)
        whole, cell = sound.shape[-1] // self.period, state.cell
        frames = sound[..., : whole * self.period].unflatten(-1, (whole, self.period))
        h = x.new_zeros(x.shape[0], 0, self.features)
        if whole:
            h = self.turned(torch.tanh(self.inlet(self.heard(frames))), condition)
            h, cell = self.cell(h, cell)
        return h, HeardState(sound[..., whole * self.period :], cell, state.samples + x.shape[-1])


class _Convolutions(nn.Module):
    """Causal convolutions of three frames, dilated by 1, 2, 4, ..., each beside a straight path."""

    def __init__(self, hidden: int, layers: int) -> None:
        super().__init__()
        self.steps = nn.ModuleList(nn.Conv1d(hidden, hidden, 3, dilation=2**i) for i in range(layers))

    def forward(self, x: Tensor, state: list[Tensor] | None = None) -> tuple[Tensor, list[Tensor]]:
        """(B, F, hidden) after what the frames before left."""
        h, left = x.mT, []
        for i, step in enumerate(self.steps):
            reach = 2 * 2**i
            before = h.new_zeros(*h.shape[:2], reach) if state is None else state[i]
            past = torch.cat([before, h], -1)
            left.append(past[..., -reach:])
            h = h + torch.tanh(step(past))
        return h.mT, left


def level_and_peak(frames: Tensor) -> Tensor:
    """Level and peak of frames (B, C, F, P) in dB, over all channels, about unit size: (B, F, 2)."""
    power = torch.stack([frames.square().mean((1, 3)), frames.square().amax((1, 3))], -1)
    return (10 * (power + _FLOOR).log10() + 40) / 20
