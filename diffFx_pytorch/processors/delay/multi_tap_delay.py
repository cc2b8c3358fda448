"""Several taps on one line."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...dsp.panning import place
from ...options import Integer
from ...params import EffectParam
from ...processor import State
from ..choices import INTERPOLATION, LAW, TEMPO
from .timed import RING_SAMPLES, TimedDelay


class MultiTapDelay(TimedDelay):
    """Echoes at times, levels and places of their own: y[n] = (1 - m) x[n] + m sum_i a_i P_i(x(n - d_i)).

    P_i places the tap by a pan law: a mono input between left and right, the sides of a stereo one balanced, the centre
    neutral (see ``StereoPanning``). Mono in, stereo out. All taps read one line.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    words = ("repeats after {tap_#_delay_ms} at {tap_#_gain_db}, {tap_#_pan:side}",)
    options = {
        "num_taps": Integer(1, 64, 4, doc="Number of taps on the line."),
        "tempo_bpm": TEMPO,
        "law": LAW,
        "interpolation": INTERPOLATION,
    }
    channels = (1, 2)
    channels_out = 2
    variants = ({}, {"num_taps": 2, "tempo_bpm": 950.0, "law": "linear", "interpolation": "linear"})

    def table(self) -> dict[str, EffectParam]:
        """Time, level and place of every tap."""
        table: dict[str, EffectParam] = {}
        for i in range(1, self.num_taps + 1):
            share = i / self.num_taps
            ms = EffectParam(
                1.0, 5000.0, 500.0 * share, "log", "ms", search="echo", doc=f"Time from the sound to tap {i}."
            )
            beats = EffectParam(1 / 16, 4.0, max(share, 1 / 16), "log", "beats", doc=f"Note length to tap {i}.")
            table[f"tap_{i}_delay_{self.unit}"] = ms if self.unit == "ms" else beats
            table[f"tap_{i}_gain_db"] = EffectParam(
                -60.0, 6.0, max(-3.0 * (i - 1), -60.0), unit="dB", doc=f"Level of tap {i}."
            )
            pan = min(share, 0.7) * (-1) ** i
            table[f"tap_{i}_pan"] = EffectParam(-1.0, 1.0, pan, doc=f"Place of tap {i}: -1 left, 1 right.")
        return table | {"mix": EffectParam(0.0, 1.0, 0.35, doc="Share of the taps in the output.")}

    def process(self, x: Tensor, state: State, *, mix: Tensor, **taps: Tensor) -> tuple[Tensor, State]:
        """Read the line once per tap; the state is the line, and the delays of every tap."""
        line, memories = (None, (None,) * self.num_taps) if state is None else state
        echoes, after, remembered = None, None, []
        for i, (time, memory) in enumerate(zip(self._times(taps), memories, strict=True), 1):
            echo, (read, memory) = self.echo(x, time, (line, memory), outlives=i == 1)
            after = read if after is None else after  # all are the same
            remembered.append(memory)
            echo = db_to_amp(taps[f"tap_{i}_gain_db"]) * place(echo, taps[f"tap_{i}_pan"], self.law)
            echoes = echo if echoes is None else echoes + echo
        assert echoes is not None
        return torch.lerp(x.expand(-1, 2, -1), echoes, mix), (after, tuple(remembered))

    def tail(self, **knobs: Tensor) -> Tensor:
        """The longest tap."""
        longest = torch.stack([t.amax() for t in self._times(knobs)]).amax()
        return longest * self.seconds + RING_SAMPLES / self.sample_rate

    def curve(self, *, mix: Tensor, **taps: Tensor) -> Curve:
        """Levels of the sound and its taps over time."""
        m = float(mix.flatten()[0])
        times = [float(t.flatten()[0]) * self.seconds for t in self._times(taps)]
        gains = [float(db_to_amp(taps[f"tap_{i}_gain_db"]).flatten()[0]) for i in range(1, self.num_taps + 1)]
        return self.stems([0.0, *times], [1 - m, *(m * a for a in gains)])

    def _times(self, knobs: Mapping[str, Tensor]) -> list[Tensor]:
        return [knobs[f"tap_{i}_delay_{self.unit}"] for i in range(1, self.num_taps + 1)]
