"""Tape recorder."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.biquad import high_pass_first_order, peak, ring_seconds
from ...dsp.convolution import convolve
from ...dsp.interpolation import POINTS
from ...dsp.levels import db_to_amp
from ...dsp.noise import noise_block, triangular_noise
from ...dsp.oscillator import oscillator
from ...dsp.whole_delay import delayed, with_past
from ...dsp.zero_phase import about_the_middle, hann_half
from ...kernels.constants import constant
from ...options import Flag, Number
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import ControlPoints, filter_sections, plays
from ...recursion.ops.delay_line import Line, kept_line, line_read, silent_line
from ..choices import SEED
from ..delay.crossfade import FADE_MS, crossfaded
from ..oversampling import Oversampler
from .shaper import MIX, OUTPUT, Shaper

_PLAYS = 4
_BUMP_Q, _LOWEST_HZ = 1.0, 10.0
_METRES_PER_INCH = 0.0254
_REACH_MS = 1.5
"""How far the response of the spacing loss reaches to either side."""
_INTERPOLATION = "lagrange"
_NOISE = EffectParam(-100.0, -60.0, -70.0, unit="dB", doc="Level (RMS) of the hiss on the tape.")


class Tape(Processor):
    """Tape recorder: saturation with hysteresis, the loss and the bump of the playback head, wow and flutter.

    Record. The sound, driven by g, magnetises the tape: m = tanh((1 - h) u + (h / 4) sum_k play_k(u)), u = g x. Of the
    magnetisation a share h, ``hysteresis``, is pinned: a play follows the field only when it is r_k = c k / 4 ahead,
    c being ``coercivity``, play_k[n] = max(u[n] - r_k, min(play_k[n-1], u[n] + r_k)). Small sounds move only the rest,
    as on a tape with too little bias; loud ones lag behind by the coercivity and bend at the ceiling.

    Playback. The speed of the tape swings about its mean by ``wow_percent`` and ``flutter_percent``, each a sine; the
    pitch swings with it. A wavelength l at a distance d from the head is 54.6 d / l dB weaker; l is ``speed_ips`` over
    the frequency. Where the wavelength is as long as the head, the bass is stronger by ``bump_db``. A
    playback head hears no direct current: a high-pass at 10 Hz takes it away.

    The loss is a filter of linear phase of 3 ms, which below 1 kHz is smoothed. Noise is off; with ``noise`` there is
    white hiss on the tape, drawn at construction, which passes the playback head like the sound.

    References:
        J. Chowdhury, "Real-time physical modelling for analog tape machines", DAFx 2019 (the parts of a machine, the
        losses of the playback head, wow and flutter).
        G. Moree, M. Leijon, "Review of play and Preisach models for hysteresis in magnetic materials", Materials 16(6),
        2422, 2023 (magnetisation as a sum of plays; evenly spread, they make Rayleigh's law).
        A. Visintin, Differential Models of Hysteresis, Springer 1994, chapter III (the play, and sums of it).
    """

    words = (
        "records to tape {drive_db} hot, {hysteresis:share} of it with hysteresis",
        "{bump_db:adds} around {bump_hz}",
        "wow of {wow_percent:percent} at {wow_hz}, flutter of {flutter_percent:percent} at {flutter_hz}",
    )
    params = {
        "drive_db": EffectParam(-12.0, 36.0, 0.0, unit="dB", doc="Gain of the recording: how far the tape saturates."),
        "hysteresis": EffectParam(
            0.0, 1.0, 0.25, doc="Share of the magnetisation that is pinned; 0 is a tanh without memory."
        ),
        "coercivity": EffectParam(
            0.01, 1.0, 0.1, "log", doc="How far the magnetisation lags behind at most, where 1 is the ceiling."
        ),
        "wow_hz": EffectParam(0.3, 4.0, 0.8, "log", "Hz", search="rate", doc="Rate of the slow swing of the speed."),
        "wow_percent": EffectParam(0.0, 2.0, 0.1, doc="Largest deviation of the speed by it, in percent."),
        "flutter_hz": EffectParam(4.0, 50.0, 9.0, "log", "Hz", search="rate", doc="Rate of its fast swing."),
        "flutter_percent": EffectParam(0.0, 1.0, 0.05, doc="Largest deviation of the speed by it, in percent."),
        "spacing_um": EffectParam(
            0.05,
            5.0,
            0.5,
            "log",
            automatable=False,
            doc="Micrometres from tape to playback head: the more, the duller.",
        ),
        "bump_hz": EffectParam(
            20.0, 250.0, 60.0, "log", "Hz", doc="Centre of the head bump; about 4 Hz for an inch per second."
        ),
        "bump_db": EffectParam(-3.0, 9.0, 1.5, unit="dB", doc="Gain of the head bump."),
        "mix": MIX,
        "output_db": OUTPUT,
    }
    options = {
        "speed_ips": Number(0.9375, 60, 15.0, "ips", doc="Speed of the tape in inches per second."),
        "noise": Flag(False, doc="Whether there is hiss; its level is the knob noise_db."),
        "seed": SEED,
        "oversampling": Shaper.options["oversampling"],
    }
    neutral = {"mix": 0.0, "output_db": 0.0}
    traits = {"causal", "odd"}
    in_pieces = True
    variants = ({}, {"noise": True, "seed": 3, "speed_ips": 7.5, "oversampling": 2})

    def table(self) -> dict[str, EffectParam]:
        """The class's knobs, and the level of the noise where there is some."""
        rows = dict(type(self).params)
        return {**rows, "noise_db": _NOISE} if self.noise else rows

    def prepare(self) -> None:
        """The oversampling, the length of the tape between the heads, the noise."""
        per_ms = self.sample_rate / 1000
        self.oversampler = Oversampler(self.oversampling)
        self._before = POINTS[_INTERPOLATION] // 2 - 1
        self._reach = max(4, round(_REACH_MS * per_ms))
        first = self.oversampler.latency
        played = first + self._before
        self.latency_samples = late = played + self._reach - 1
        self.knob_latency = {**dict.fromkeys(self.params, late), "drive_db": 0}
        self.knob_latency |= dict.fromkeys(("hysteresis", "coercivity"), first / 2)
        self.knob_latency |= dict.fromkeys(("wow_hz", "wow_percent", "flutter_hz", "flutter_percent"), played)
        longest = sum(
            2 * self._swing(self.params[f"{name}_percent"].max_val, self.params[f"{name}_hz"].min_val)
            for name in ("wow", "flutter")
        )
        self._longest = math.ceil(longest) + self._before + 1
        self._lowest = tuple(high_pass_first_order(_LOWEST_HZ, self.sample_rate).tolist())
        self._fade = max(1, round(FADE_MS * per_ms))
        n = torch.arange(1 - self._reach, self._reach, dtype=torch.float64)
        window = about_the_middle(hann_half(self._reach))
        self.register_buffer("_n", n, persistent=False)
        self.register_buffer("_window", window, persistent=False)
        if self.noise:
            self.register_buffer("_hiss", triangular_noise(self.seed), persistent=False)
            self.traits = self.traits - {"odd"}
            self.exempt = {
                "silence": "hiss is there in silence too",
                "channels": "every channel has hiss of its own, as every track of a tape has",
            }
            self.knob_latency["noise_db"] = played

    def control(
        self,
        *,
        coercivity: Tensor,
        wow_hz: Tensor,
        wow_percent: Tensor,
        flutter_hz: Tensor,
        flutter_percent: Tensor,
        spacing_um: Tensor,
        bump_hz: Tensor,
        bump_db: Tensor,
        noise_db: Tensor | None = None,
        **others: Tensor,
    ) -> dict[str, Any]:
        """The speed, the response of the spacing loss, the filter of the head; what moves in ratios, as logarithms."""
        return {
            "log_coercivity": coercivity.log(),
            "log_rates": torch.cat(torch.broadcast_tensors(wow_hz, flutter_hz), 1).log(),
            "percent": torch.cat(torch.broadcast_tensors(wow_percent, flutter_percent), 1),
            "loss": self._loss(spacing_um),
            "head": self._head(bump_hz, bump_db),
            "noise_db": noise_db,
            **others,
        }

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        drive_db: Tensor,
        hysteresis: Tensor,
        log_coercivity: Tensor,
        log_rates: Tensor,
        percent: Tensor,
        loss: Tensor,
        head: Tensor | ControlPoints,
        noise_db: Tensor | None,
        mix: Tensor,
        output_db: Tensor,
    ) -> tuple[Tensor, State]:
        """Record, move, play; the state is that of every part."""
        state = state or {}
        new_state: dict[str, Any] = {}
        up, new_state["up"] = self.oversampler.up(x * db_to_amp(drive_db), state.get("up"))
        magnetised, new_state["plays"] = self.magnetised(
            up, self.oversampler.at_rate(hysteresis), self.oversampler.at_rate(log_coercivity.exp()), state.get("plays")
        )
        wet, new_state["down"] = self.oversampler.down(magnetised, state.get("down"))
        wet, new_state["moved"] = self._moved(wet, log_rates.exp(), percent, state.get("moved"))
        if noise_db is not None:
            hiss, new_state["hiss"] = noise_block(self._hiss, x, state.get("hiss"))
            wet = wet + db_to_amp(noise_db) * (math.sqrt(6.0) * hiss)
        whole = with_past(wet, loss.shape[-1] - 1, state.get("loss"))
        new_state["loss"] = whole[..., x.shape[-1] :]
        wet = convolve(whole, loss[:, :, 0].to(x.dtype), start=loss.shape[-1] - 1, samples=x.shape[-1])
        wet, new_state["head"] = filter_sections(wet, head, state.get("head"))
        dry, new_state["dry"] = delayed(x, self.latency_samples, state.get("dry"))
        return torch.lerp(dry, wet, mix) * db_to_amp(output_db), new_state

    def magnetised(
        self, u: Tensor, hysteresis: Tensor, coercivity: Tensor, state: Tensor | None = None
    ) -> tuple[Tensor, Tensor]:
        """Magnetisation (B, C, T) by a field u (B, C, T), and the plays after it; knobs (B, 1, 1 or T)."""
        m, state = plays(u, hysteresis, coercivity, _PLAYS, state, return_zf=True)
        return m.tanh(), state

    def tail(self, **knobs: Tensor) -> Tensor:
        """The swing of the tape, the filters of both ends, and what the head filter rings."""
        head = self._head(knobs["bump_hz"], knobs["bump_db"])
        swing = self._swing(knobs["wow_percent"], knobs["wow_hz"])
        swing = 2 * (swing + self._swing(knobs["flutter_percent"], knobs["flutter_hz"])) / self.sample_rate
        return ring_seconds(head, self.sample_rate).sum(-1) + swing + 2 * self.latency_samples / self.sample_rate

    def curve(self, *, drive_db: Tensor, hysteresis: Tensor, coercivity: Tensor, **others: Tensor) -> Curve:
        """Magnetisation over a field that swings from end to end, and a quarter as far."""
        # From rest twice from end to end, down to a quarter, and once between quarters.
        whole = torch.sin(2 * math.pi * torch.linspace(0, 2.5, 1001, dtype=torch.float64))
        down = torch.linspace(0, -0.25, 26, dtype=torch.float64)
        inner = -0.25 * torch.cos(2 * math.pi * torch.linspace(0, 1, 201, dtype=torch.float64))
        x = torch.cat((whole, down[1:], inner[1:])).to(drive_db.dtype)
        given = (k[:1, :, :1] for k in (db_to_amp(drive_db), hysteresis, coercivity))
        gain, share, width = given
        m, _ = self.magnetised(gain * x[None, None], share, width)
        return Curve(x, m[0, 0], "input", "magnetisation", title="Tape")

    def _swing(self, percent: Any, rate_hz: Any) -> Any:
        """Samples by which the sound is early or late at most, where the speed swings so far."""
        return percent * (self.sample_rate / (200 * math.pi)) / rate_hz

    def _moved(self, x: Tensor, rates: Tensor, percent: Tensor, state: State) -> tuple[Tensor, State]:
        """The sound as a tape of uneven speed plays it; rates in Hz and deviations in percent, (B, 2, 1 or T)."""
        starts, line, memory = ((None, None), None, None) if state is None else state
        line = silent_line(x, x.shape[1], _INTERPOLATION) if line is None else line
        turning = [
            oscillator(rate, self.sample_rate, x.shape[-1], start, ahead=-0.25)
            for rate, start in zip(rates.split(1, 1), starts, strict=True)
        ]
        wave = torch.cat([wave for wave, _ in turning], 1)

        def read(x: Tensor, swing: Tensor, line: Line, where: slice) -> tuple[Tensor, Line]:
            late = (swing * (1 + wave[..., where])).sum(1, keepdim=True).clamp_min(0.0)
            return line_read(x, self._before + late, line, self._longest, _INTERPOLATION)

        swing = self._swing(percent.double(), rates)
        y, line, memory = crossfaded(read, x, swing, line, memory, self._fade)
        return y, (tuple(end for _, end in turning), kept_line(line, x.shape[-1]), memory)

    def _loss(self, spacing_um: Tensor) -> Tensor:
        """The response of exp(-2 pi f d / v), as far as it reaches; (B, 1, 1, N) float64 for (B, 1, 1).

        With a = d / v in samples it is h[n] = a (1 - (-1)^n e^(-pi a)) / (pi (a^2 + n^2)).
        """
        seconds = spacing_um.double().unsqueeze(-1) * (1e-6 / (_METRES_PER_INCH * self.speed_ips))
        a, sign = seconds * self.sample_rate, 1 - 2 * (self._n % 2).abs()
        h = a * (1 - sign * torch.exp(-math.pi * a)) / (a * a + self._n * self._n) * self._window
        return h / h.sum(-1, keepdim=True)

    def _head(self, bump_hz: Tensor, bump_db: Tensor) -> Tensor:
        """Sections (B, 1, F, 2, 6) of the bump and of what a head does not hear."""
        bump = peak(bump_hz, _BUMP_Q, bump_db, self.sample_rate)
        lowest = constant(self._lowest, bump.dtype, bump.device)
        return torch.stack((bump, lowest.expand_as(bump)), -2)
