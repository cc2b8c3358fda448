"""Knobs that move with the sound: a network at control rate turns them, whole or block by block."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import Any, Literal, NamedTuple, get_args

import torch
from torch import Tensor, nn

from ..automation import Points
from ..processor import Processor
from .conditional_controller import FiLM, KnobHead
from .knobs import FreeKnobs

Cell = Literal["lstm", "gru", "tcn"]

_FLOOR = 1e-8
"""Power of silence in a frame (-80 dB)."""


class ControlState(NamedTuple):
    """What a block leaves for the next."""

    frame: Tensor
    """The samples (B, C, n) since the last whole frame."""
    cell: Any
    last: Tensor
    """Positions (B, K, N) of the last points, as many as the effect may still ask for."""
    heard: int
    """Samples so far."""


class DynamicController(nn.Module):
    r"""Positions of knobs at control rate from a sound, by a recurrent network or a temporal convolution.

    The sound is cut into frames of ``period`` samples; a frame gives two features, its level and its peak in dB. The
    point at sample :math:`k P` hears the frames that ended by :math:`(k - 1) P`, so the line to it can be drawn while
    the samples before it come in: knobs follow the sound by one to two periods, and blocks of any length equal the
    whole.

        device = Controlled(fx, DynamicController(fx, free=["gain_db"]))
        y = device(x)                            # whole, with gradients
        y, state = device.run(block, state)      # block by block

    Args:
        fx: the effect to control.
        frozen: names of the knobs that stay where the effect holds them, or a dict of name to value in its unit.
        free: names of the knobs to turn, instead of ``frozen``.
        cell: "lstm" and "gru" remember as long as they learn to; "tcn", causal convolutions of 3 frames that reach 1,
            2, 4, ... frames back, hears the last :math:`2^{layers + 1} - 1` frames and trains faster.
        hidden: width.
        layers: of cells or convolutions.
        period: samples of a frame, P; a multiple of the effect's ``control_period`` (32) saves work.
        controls: number of knobs of the device that is modelled, which scale and shift the features (FiLM).
        features: from frames (B, C, F, P) to (B, F, ``num_features``), in place of level and peak.
        num_features: of ``features``.

    Raises:
        ValueError: for another cell, knobs the effect does not have, a period under the effect's control period.

    References:
        M. Comunita, C. J. Steinmetz, J. D. Reiss, "NablAFx: a framework for differentiable black-box and gray-box
        modeling of audio effects", 2025 (dynamic controllers).
        C. J. Steinmetz, J. D. Reiss, "Efficient neural networks for real-time modeling of analog dynamic range
        compression", AES 152, 2022 (temporal convolutions with FiLM).
    """

    def __init__(
        self,
        fx: Processor,
        frozen: Iterable[str] | Mapping[str, float] = (),
        free: Iterable[str] | None = None,
        *,
        cell: Cell = "lstm",
        hidden: int = 16,
        layers: int | None = None,
        period: int = 64,
        controls: int = 0,
        features: Callable[[Tensor], Tensor] | None = None,
        num_features: int = 2,
    ) -> None:
        super().__init__()
        if cell not in get_args(Cell):
            raise ValueError(f"DynamicController: cell must be 'lstm', 'gru' or 'tcn', got {cell!r}")
        if period < fx.control_period:
            raise ValueError(f"DynamicController: period must be {fx.control_period} samples or more, got {period}")
        self.knobs, self.period, self.controls = FreeKnobs(fx, frozen, free), period, controls
        self.params = list(fx.params)
        self.sample_rate = fx.sample_rate
        self.features = features or level_and_peak
        layers = layers or (4 if cell == "tcn" else 1)
        self.inlet = nn.Linear(num_features, hidden)
        self.turned, self.turned_again = FiLM(controls, hidden), FiLM(controls, hidden)
        recurrent = {"lstm": nn.LSTM, "gru": nn.GRU}
        self.cell = (
            _Convolutions(hidden, layers)
            if cell == "tcn"
            else recurrent[cell](hidden, hidden, layers, batch_first=True)
        )
        self.head = KnobHead(self.knobs, hidden)

    def forward(self, x: Tensor, controls: Tensor | None = None) -> dict[str, Points | Tensor]:
        """``norm_params`` of the whole sound x (B, C, T), for device knobs (B, controls) where there are such.

        Raises:
            ValueError: for device knobs of another number.
        """
        return self.run(x, None, controls)[0]

    def run(
        self, x: Tensor, state: ControlState | None = None, controls: Tensor | None = None, keep: int = 1
    ) -> tuple[dict[str, Points | Tensor], ControlState]:
        """``norm_params`` of a block after ``state``, with points in time from the beginning of the sound.

        Args:
            x: (B, C, T).
            state: what the block before left; None is silence before time zero.
            controls: device knobs (B, controls).
            keep: samples before the block for which points are kept: the latency of the effect.

        Raises:
            ValueError: as ``forward``.
        """
        given = None if controls is None else controls.shape[-1]
        if (given or 0) != self.controls:
            raise ValueError(f"DynamicController: controls must be (B, {self.controls}), got {given or 'none'}")
        if state is None:
            first = x.new_zeros(*x.shape[:2], 2 * self.period)  # as two silent frames before the sound
            state = ControlState(first, None, x.new_zeros(x.shape[0], len(self.knobs.names), 0), 0)
        sound = torch.cat([state.frame, x], -1)
        whole = sound.shape[-1] // self.period
        last, cell = state.last, state.cell
        if whole:
            frames = sound[..., : whole * self.period].unflatten(-1, (whole, self.period))
            new, cell = self._positions(frames, cell, controls)
            last = torch.cat([last, new], -1)
        heard = state.heard + x.shape[-1]
        until = heard // self.period + 2  # points there are
        knobs = self._knobs(last, until)
        kept = -(-keep // self.period) + 3
        return knobs, ControlState(sound[..., whole * self.period :], cell, last[..., -kept:], heard)

    def _positions(self, frames: Tensor, cell: Any, controls: Tensor | None) -> tuple[Tensor, Any]:
        """(B, K, F) of frames (B, C, F, P)."""
        condition = None if controls is None else 2 * controls - 1
        h = self.turned(torch.tanh(self.inlet(self.features(frames))), condition)
        h, cell = self.cell(h, cell)
        return self.head(self.turned_again(h, condition)).mT, cell

    def _knobs(self, positions: Tensor, until: int) -> dict[str, Points | Tensor]:
        count = positions.shape[-1]
        times = tuple(k * self.period / self.sample_rate for k in range(until - count, until))
        moving = dict(zip(self.knobs.names, positions.unbind(1), strict=True))
        still = self.knobs.rest.to(positions)
        return {
            name: Points(moving[name], times) if name in moving else still[:, i].expand(positions.shape[0])
            for i, name in enumerate(self.params)
        }


class Controlled(nn.Module):
    """An effect whose knobs a ``DynamicController`` turns: whole sounds for training, blocks for playing.

    Args:
        fx: the effect.
        controller: built for it.

    Shape:
        x (B, C, T) and device knobs (B, controls) to (B, C, T).
    """

    def __init__(self, fx: Processor, controller: DynamicController) -> None:
        super().__init__()
        self.fx, self.controller = fx, controller

    def forward(self, x: Tensor, controls: Tensor | None = None) -> Tensor:
        """The whole sound."""
        return self.fx(x, norm_params=self.controller(x, controls))

    def run(self, x: Tensor, state: Any = None, controls: Tensor | None = None) -> tuple[Tensor, Any]:
        """One block of any length after ``state`` (None at the beginning): ``(y, state)``.

        Blocks equal the whole. ``diffFx_pytorch.detached(state)`` cuts the graph, for truncated backpropagation.
        """
        before, inner = (None, None) if state is None else state
        start = 0 if before is None else before.heard
        latency = int(self.fx.latency_samples)
        knobs, after = self.controller.run(x, before, controls, keep=latency + 1)
        y, inner = self.fx.run(x, inner, norm_params=knobs, start=start)
        return y, (after, inner)


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
