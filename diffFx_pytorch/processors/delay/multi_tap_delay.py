"""Several taps on one line."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...dsp.panning import PanLaw, check_law, place
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_line
from .time import check_interpolation, time_unit


class MultiTapDelay(Processor):
    """Echoes at times, levels and places of their own: y[n] = (1 - m) x[n] + m sum_i a_i P_i(x(n - d_i)).

    P_i places the tap by a pan law: a mono input between left and right, the sides of a stereo one balanced, the centre
    neutral (see ``StereoPanning``). Mono in, stereo out. All taps read one line.

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace; delays must be one sample or longer.
        num_taps: how many taps, 1 or more.
        tempo_bpm: quarter notes a minute; given, times are note lengths, ``tap_1_delay_beats``.
        law: "constant_power", "linear" or "-4.5 dB".
        interpolation: between samples: "lagrange", "linear", "cubic" or "sinc".

    Raises:
        ValueError: for no taps, a tempo that is not positive, a range of delays that begins below one sample, or an
            unknown law or interpolation.

    References:
        U. Zoelzer (ed.), DAFX: Digital Audio Effects, 2nd ed., Wiley 2011, section 2.6.
    """

    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    variants = ({}, {"num_taps": 2, "tempo_bpm": 950.0, "law": "linear", "interpolation": "linear"})

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        num_taps: int = 4,
        tempo_bpm: float | None = None,
        law: PanLaw = "constant_power",
        interpolation: str = "lagrange",
    ) -> None:
        if isinstance(num_taps, bool) or not isinstance(num_taps, int) or num_taps < 1:
            raise ValueError(f"MultiTapDelay: num_taps must be a whole number from 1 up, got {num_taps!r}")
        unit = time_unit("MultiTapDelay", tempo_bpm)
        check_law("MultiTapDelay", law)
        check_interpolation("MultiTapDelay", interpolation, recursive=False)
        table: dict[str, EffectParam] = {}
        for i in range(1, num_taps + 1):
            share = i / num_taps
            ms = EffectParam(1.0, 2000.0, 500.0 * share, "log", "ms", doc=f"Time from the sound to tap {i}.")
            beats = EffectParam(1 / 16, 4.0, max(share, 1 / 16), "log", "beats", doc=f"Note length to tap {i}.")
            table |= unit.row(f"tap_{i}_delay", ms, beats)
            table[f"tap_{i}_gain_db"] = EffectParam(-60.0, 6.0, -3.0 * (i - 1), unit="dB", doc=f"Level of tap {i}.")
            pan = min(share, 0.7) * (-1) ** i
            table[f"tap_{i}_pan"] = EffectParam(-1.0, 1.0, pan, doc=f"Place of tap {i}: -1 left, 1 right.")
        table["mix"] = EffectParam(0.0, 1.0, 0.35, doc="Share of the taps in the output.")
        super().__init__(sample_rate, param_range, params=table)
        self.num_taps, self.interpolation = num_taps, interpolation
        self.law: PanLaw = law
        self._unit = unit.name
        self._seconds = unit.seconds
        self._longest = max(
            unit.longest("MultiTapDelay", self.params, f"tap_{i}_delay_{unit.name}", sample_rate)
            for i in range(1, num_taps + 1)
        )

    def process(self, x: Tensor, state: State, *, mix: Tensor, **taps: Tensor) -> tuple[Tensor, State]:
        """Read the line once a tap; the state is the line."""
        echoes, line = None, state
        for i in range(1, self.num_taps + 1):
            echo, line = delay_line(
                x,
                taps[f"tap_{i}_delay_{self._unit}"].double() * (self._seconds * self.sample_rate),
                interpolation=self.interpolation,
                max_delay=self._longest,
                zi=state,
                return_zf=True,
            )
            echo = db_to_amp(taps[f"tap_{i}_gain_db"]) * place(echo, taps[f"tap_{i}_pan"], self.law)
            echoes = echo if echoes is None else echoes + echo
        assert echoes is not None
        return torch.lerp(x.expand(-1, 2, -1), echoes, mix), line

    def tail(self, **knobs: Tensor) -> Tensor:
        """The longest tap."""
        longest = torch.stack([t.amax() for t in self._times(knobs)]).amax()
        return longest * self._seconds + 16 / self.sample_rate

    def curve(self, *, mix: Tensor, **taps: Tensor) -> Curve:
        """Levels of the sound and its taps over time."""
        m = float(mix.flatten()[0])
        times = [float(t.flatten()[0]) * self._seconds for t in self._times(taps)]
        gains = [float(db_to_amp(taps[f"tap_{i}_gain_db"]).flatten()[0]) for i in range(1, self.num_taps + 1)]
        levels = torch.tensor([1 - m, *(m * a for a in gains)])
        return Curve(torch.tensor([0.0, *times]), levels, "time (s)", "amplitude", title="MultiTapDelay", stems=True)

    def _times(self, knobs: Mapping[str, Tensor]) -> list[Tensor]:
        return [knobs[f"tap_{i}_delay_{self._unit}"] for i in range(1, self.num_taps + 1)]
