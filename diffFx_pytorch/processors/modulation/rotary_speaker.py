"""Rotary speaker."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...control import can_look_at
from ...curve import Curve
from ...dsp.crossover import linkwitz_riley
from ...dsp.interpolation import POINTS
from ...dsp.levels import db_to_amp
from ...dsp.oscillator import oscillator
from ...dsp.whole_delay import delayed
from ...kernels.constants import constant
from ...options import Number
from ...params import EffectParam
from ...processor import State
from ...recursion import one_pole, svfilt
from ...recursion.ops.delay_line import Line, kept_line, line_read, silent_line
from ..choices import INTERPOLATION, TEMPO
from ..delay.crossfade import FADE_MS, crossfaded
from .tempo import InTempo

_SOUND_M_S = 343.0
_COLOUR_HZ = 2000.0
"""Above it a horn is heard from the front only."""
_HEAVIER = 4.0
"""How much longer than the horn the drum takes to another speed."""


class RotarySpeaker(InTempo):
    """The rotating horn and drum of an organ's cabinet, before two microphones.

    A Linkwitz-Riley crossover at ``crossover_hz`` parts the sound between a horn and a drum, which turn against each
    other, the drum ``drum_ratio`` as fast. Each is a source on a circle of radius r; at a distance D from the middle
    stands a microphone, half of ``angle_deg`` to either side of the front. Where the source is at an angle theta to a
    microphone, its sound has a way of d = sqrt(D^2 + r^2 - 2 D r cos theta), which delays it by (d - D + r) / 343 m/s,
    the Doppler shift, and has the level D / d. A source turned away is quieter: with p = (1 - cos theta) / 2 and the
    ``directivity`` s by a factor of 1 - s p / 2, the horn above 2 kHz (a filter of first order) by 1 - s p.

    A rotor is heavy: when ``rate_hz`` changes, its speed v follows as v' = (f - v) / tau, tau being ``inertia_s`` for
    the horn and four times that for the drum. The rotors turn at the first speed from the beginning, both to the front.
    Slow (chorale) is about 0.8 Hz, fast (tremolo) 6.7 Hz. A stereo sound goes in as the mean of its sides.

    References:
        J. Smith, S. Serafin, J. Abel, D. Berners, "Doppler simulation and the Leslie", DAFx 2002, sections 3 to 5.
        J. Pekonen, T. Pihlajamaki, V. Valimaki, "Computationally efficient Hammond organ synthesis", DAFx 2011,
        section 4 (crossover, modulation of level and of pitch for each rotor).
    """

    words = ("turns a horn and a drum at {rate_hz} before microphones {distance_m} away, {angle_deg} apart",)
    params = {
        "rate_hz": EffectParam(0.1, 10.0, 6.7, "log", "Hz", search="rate", doc="Speed of the horn in turns a second."),
        "drum_ratio": EffectParam(0.5, 1.0, 0.85, doc="Speed of the drum over that of the horn."),
        "crossover_hz": EffectParam(200.0, 3000.0, 800.0, "log", "Hz", doc="The drum plays below it, the horn above."),
        "drum_db": EffectParam(-12.0, 12.0, 0.0, unit="dB", doc="Level of the drum against the horn."),
        "radius_m": EffectParam(
            0.05, 0.3, 0.18, "log", "m", doc="Of the circle of the sources: how far the pitch goes."
        ),
        "directivity": EffectParam(
            0.0, 1.0, 0.7, doc="How much quieter and duller a source is turned away; 0 is equal."
        ),
        "distance_m": EffectParam(
            0.4, 4.0, 0.8, "log", "m", doc="From the middle to the microphones; near ones hear the level move more."
        ),
        "angle_deg": EffectParam(0.0, 180.0, 90.0, unit="deg", doc="Between the microphones; at 0 both hear the same."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="Share of the cabinet."),
    }
    options = {
        "inertia_s": Number(0, 5, 0.8, "s", doc="Time in which the horn comes 63 % nearer to a new speed."),
        "interpolation": INTERPOLATION,
        "tempo_bpm": TEMPO,
    }
    neutral = {"mix": 0.0}
    traits = {"linear", "causal", "odd"}
    in_pieces = True
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    variants = ({}, {"interpolation": "cubic"})

    def prepare(self) -> None:
        """The length of the line: the longest way across the circle.

        Raises:
            ValueError: where a microphone could stand inside the circle.
        """
        far, near = self.params["radius_m"].max_val, self.params["distance_m"].min_val
        if near <= far:
            raise ValueError(f"distance_m begins at {near:g}; it must begin above the largest radius_m, {far:g}")
        self._per_metre = self.sample_rate / _SOUND_M_S
        self.latency_samples = POINTS[self.interpolation] // 2 - 1
        self.knob_latency = dict.fromkeys(self.params, self.latency_samples)
        self._longest = math.ceil(2 * far * self._per_metre) + self.latency_samples + 1
        self._fade = max(1, round(FADE_MS * self.sample_rate / 1000))
        horn = self.inertia_s * self.sample_rate
        self._keeps = tuple(math.exp(-1 / tau) if tau else 0.0 for tau in (horn, _HEAVIER * horn))
        self._dark = math.exp(-2 * math.pi * _COLOUR_HZ / self.sample_rate)

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        rate_hz: Tensor,
        drum_ratio: Tensor,
        crossover_hz: Tensor,
        drum_db: Tensor,
        radius_m: Tensor,
        directivity: Tensor,
        distance_m: Tensor,
        angle_deg: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Part, turn, listen; the state is that of the rotors, the filters, the lines and the geometry before."""
        if x.shape[-1] == 0:
            return x.expand(-1, 2, -1), state
        rotors, bands, dark, line, memory, dry = (None,) * 6 if state is None else state
        wave, rotors = self._turned(rate_hz, drum_ratio, x.shape[-1], rotors)
        parted, bands = svfilt(
            x.mean(1, keepdim=True).expand(-1, 2, -1), self._crossover(crossover_hz), bands, return_zf=True
        )
        drum, horn = parted.split(1, 1)
        dull, dark = one_pole(horn, constant((self._dark,), torch.float64, x.device), dark, return_zf=True)
        drum, s = drum * db_to_amp(drum_db), directivity / 2
        # What a rotor radiates is a + b cos theta; the line has it at the level of the microphone.
        parts = (torch.lerp(horn, dull / 2, s), torch.lerp(drum, drum / 2, s), s * (horn - dull / 2), s * drum / 2)
        line = silent_line(x, 4, self.interpolation) if line is None else line

        def read(x: Tensor, place: Tensor, line: Line, where: slice) -> tuple[Tensor, Line]:
            towards, way, nearest, distance = _geometry(wave[..., where], place, self._longest)
            a, b = x.unsqueeze(2).split(2, 1)
            heard = torch.addcmul(a, b, towards.to(x.dtype)) / (way / distance).to(x.dtype)
            delay = (way + (self.latency_samples - nearest)).clamp_min(self.latency_samples)
            return line_read(heard.flatten(1, 2), delay.flatten(1, 2), line, self._longest, self.interpolation)

        # The angle in samples too, so that a step of it is one.
        rows = (radius_m * self._per_metre, distance_m * self._per_metre, angle_deg * (self._longest / 360))
        place = torch.cat(torch.broadcast_tensors(*(row.double() for row in rows)), 1)
        ways, line, memory = crossfaded(read, torch.cat(parts, 1), place, line, memory, self._fade)
        still, dry = delayed(x, self.latency_samples, dry)
        y = torch.lerp(still.expand(-1, 2, -1), ways[:, :2] + ways[:, 2:], mix)
        return y, (rotors, bands, dark, kept_line(line, x.shape[-1]), memory, dry)

    def tail(self, *, radius_m: Tensor, crossover_hz: Tensor, **others: Tensor) -> Tensor:
        """The longest way, and what the crossover rings (-60 dB at w t = 13.9, as two equal pole pairs fall)."""
        ring = 13.9 / (2 * math.pi * crossover_hz.amin(-1, keepdim=True))
        return 2 * radius_m / _SOUND_M_S + ring + 16 / self.sample_rate

    def curve(
        self, *, rate_hz: Tensor, radius_m: Tensor, distance_m: Tensor, angle_deg: Tensor, **others: Tensor
    ) -> Curve:
        """Change of the horn's pitch at the left microphone, over two turns."""
        samples = int(float(2 / rate_hz[0, 0, 0]) * self.sample_rate)
        wave, _ = _both(rate_hz[:1, :, :1].double().expand(-1, 2, -1), self.sample_rate, samples, None)
        rows = (radius_m * self._per_metre, distance_m * self._per_metre, angle_deg * (self._longest / 360))
        place = torch.cat([row[:1, :, :1].double() for row in rows], 1)
        way = _geometry(wave, place, self._longest)[1]
        cents = 1200 * (1 - way[0, 0, 0].diff()).clamp_min(1e-3).log2()
        time = torch.arange(samples - 1) / self.sample_rate
        return Curve(time, cents, "time (s)", "pitch (cents)", title="RotarySpeaker")

    def _crossover(self, crossover_hz: Tensor) -> Tensor:
        """Sections (B, 2, 1 or T, 2, 5) of drum and horn."""
        return linkwitz_riley(crossover_hz.unsqueeze(-1), self.sample_rate).squeeze(1).movedim(2, 1)

    def _turned(self, rate_hz: Tensor, drum_ratio: Tensor, samples: int, state: State) -> tuple[Tensor, State]:
        """Cosine and sine of horn and drum, (B, 4, T) float64; the state is their speeds and phases."""
        speed, start = (None, None) if state is None else state
        wanted = torch.cat(torch.broadcast_tensors(rate_hz, rate_hz * drum_ratio), 1).double()
        first = wanted[..., :1]
        steady = wanted.shape[-1] == 1 and (speed is None or (can_look_at(speed) and torch.equal(speed, first)))
        if not steady:
            held = constant(self._keeps, torch.float64, wanted.device)
            before = (first if speed is None else speed).squeeze(-1)
            wanted, speed = one_pole(
                wanted.expand(-1, -1, samples), held.unsqueeze(-1), before, return_zf=True, time_varying=True
            )
            first = speed.unsqueeze(-1)
        wave, start = _both(wanted, self.sample_rate, samples, start)
        return wave, (first, start)


def _both(rates: Tensor, sample_rate: float, samples: int, start: Tensor | None) -> tuple[Tensor, Tensor]:
    """Cosine and sine of horn and drum, (B, 4, T), and the phases after; rates (B, 2, 1 or T) in Hz."""
    cosine, end = oscillator(rates, sample_rate, samples, start, ahead=0.25)
    return torch.cat((cosine, oscillator(rates, sample_rate, samples, start)[0]), 1), end


def _geometry(wave: Tensor, place: Tensor, turn: float) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Where horn and drum are, seen from the left and the right microphone.

    Args:
        wave: cosine and sine of horn and drum, (B, 4, T).
        place: radius and distance in samples and angle in parts of ``turn``, (B, 3, 1 or T).
        turn: a whole turn in the unit of the angle.

    Returns:
        ``(towards, way, nearest, distance)``: the cosine of the angle to the microphone and the way to it, (B, 2, 2,
        T), horn and drum by left and right; the shortest way and the distance, (B, 1, 1, 1 or T); in samples.
    """
    radius, distance, angle = place.unsqueeze(1).split(1, 2)
    half = angle * (math.pi / turn)
    sign = constant((((1.0,), (-1.0,)), ((-1.0,), (1.0,))), torch.float64, wave.device)  # the drum turns the other way
    cosine, sine = wave.unsqueeze(2).split(2, 1)
    towards = torch.addcmul(cosine * half.cos(), sine, sign * half.sin())
    way = torch.sqrt(torch.addcmul(distance * distance + radius * radius, -2 * distance * radius, towards))
    return towards, way, distance - radius, distance
