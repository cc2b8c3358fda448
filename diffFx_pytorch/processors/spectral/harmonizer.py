"""Voices at intervals beside the sound."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...dsp.panning import place
from ...kernels.transforms import is_traced
from ...options import Choice, Integer
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_line
from ..choices import LAW
from .recorded import description_of, recorded
from .shifting import SHIFTING, Shifter

_LOWEST, _HIGHEST = -24.0, 19.0
_INTERVALS = (4.0, 7.0, -5.0, 12.0, -12.0, 3.0, -8.0, 16.0)
"""A major chord about the sound first, then its octaves."""
_PANS = (-0.6, 0.6, -0.3, 0.3, 0.0, -0.9, 0.9, 0.0)


class Harmonizer(Processor):
    """Voices beside the sound, each at its interval, level, place and time.

        y = (1 - m) x + m sum_i 10^(gain_i / 20) P_i (S_i x)(t - d_i)

    S_i is the pitch shift of ``PitchShift`` by voice_i_semitones, which keeps formants unless they are to move; P_i
    places the voice between the sides, the centre neutral (see ``StereoPanning``). A mono sound is taken for both
    sides. The intervals stay, whatever is sung: a third above every note is four semitones above every note.

    References:
        Those of ``PitchShift``.
    """

    words = ("adds a voice {voice_#_semitones} semitones away at {voice_#_gain_db}, {voice_#_pan:side}",)
    options = {
        "num_voices": Integer(1, 8, 2, doc="Number of voices beside the sound."),
        "law": LAW,
        **{name: option for name, option in SHIFTING.items() if name != "link"},
        "formants": Choice("keep", "move", doc='"keep": a voice keeps its head; "move": it shrinks and grows.'),
    }
    neutral = {"mix": 0.0}
    traits = {"odd"}
    streamable = False
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    # A short window, so that the contract's short signals hold several.
    variants = ({"window_ms": 8.0, "envelope_ms": 1.0},)

    def table(self) -> dict[str, EffectParam]:
        """Interval, level, place and time of every voice."""
        table: dict[str, EffectParam] = {}
        for i in range(1, self.num_voices + 1):
            table[f"voice_{i}_semitones"] = EffectParam(
                _LOWEST,
                _HIGHEST,
                _INTERVALS[i - 1],
                doc=f"Interval from the sound to voice {i}; cents are its fractions.",
            )
            table[f"voice_{i}_gain_db"] = EffectParam(-60.0, 6.0, -3.0, unit="dB", doc=f"Level of voice {i}.")
            table[f"voice_{i}_pan"] = EffectParam(-1.0, 1.0, _PANS[i - 1], doc=f"Place of voice {i}: -1 left, 1 right.")
            table[f"voice_{i}_delay_ms"] = EffectParam(
                1.0, 100.0, 9.9 + 7.4 * i, unit="ms", doc=f"How late voice {i} is.", automatable=False
            )
        return table | {"mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the voices in the output.")}

    def prepare(self) -> None:
        """What shifts."""
        options = {name: getattr(self, name) for name in SHIFTING if name != "link"}
        self.shifter = Shifter(self.sample_rate, link=True, **options)
        self._description = description_of(self)

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """The whole sound; there is no state."""
        if is_traced():
            return recorded(self._description, x.expand(-1, 2, -1), None, **knobs), state
        return self.whole(x, None, **knobs), state

    def whole(self, x: Tensor, profile: None, *, mix: Tensor, **voices: Tensor) -> Tensor:
        """The sound and its voices: (B, 1 or 2, T) to (B, 2, T)."""
        both = x.expand(-1, 2, -1)
        chord = torch.zeros_like(both)
        for i in range(1, self.num_voices + 1):
            voice = self.shifter(x, voices[f"voice_{i}_semitones"].double(), _LOWEST)
            late = voices[f"voice_{i}_delay_ms"][..., 0].double() * (self.sample_rate / 1000)
            voice = delay_line(voice, late).expand(-1, 2, -1)
            chord = chord + db_to_amp(voices[f"voice_{i}_gain_db"]) * place(voice, voices[f"voice_{i}_pan"], self.law)
        return torch.lerp(both, chord, mix)

    def tail(self, *, mix: Tensor, **voices: Tensor) -> Tensor:
        """The latest voice, and the frames behind its end."""
        times = []
        for i in range(1, self.num_voices + 1):
            ratio = (voices[f"voice_{i}_semitones"] / 12).exp2()
            frames = self.shifter.window / 2 * (1 + 1 / ratio.clamp(max=1.0)) / self.sample_rate
            times.append((frames + voices[f"voice_{i}_delay_ms"] / 1000).amax())
        return torch.stack(times).amax()

    def curve(self, *, mix: Tensor, **voices: Tensor) -> Curve:
        """Levels of the sound and its voices over their intervals."""
        m = mix[0, 0, 0]
        numbers = range(1, self.num_voices + 1)
        intervals = [voices[f"voice_{i}_semitones"][0, 0, 0] for i in numbers]
        levels = [m * db_to_amp(voices[f"voice_{i}_gain_db"][0, 0, 0]) for i in numbers]
        x, y = torch.stack([torch.zeros_like(m), *intervals]), torch.stack([1 - m, *levels])
        return Curve(x, y, "interval (semitones)", "amplitude", title="Harmonizer", stems=True)
