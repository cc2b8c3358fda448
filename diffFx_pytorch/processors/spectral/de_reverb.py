"""De-reverb."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.levels import db_to_amp
from ...options import Number
from ...params import EffectParam
from ...recursion import attack_release, one_pole
from ..choices import LINK
from .framed import WINDOW, FramedGain
from .recorded import description_of

_FLOOR = 1e-12
_FRAME_S = 0.008
"""The length of frame that ``room_db`` is of."""
_SMALL = 1e-30
_LEAST = 1e-6
"""A ratio of powers that has a root with a slope."""


class DeReverb(FramedGain):
    """The late part of a room taken out, by what the sound of a moment ago has left: spectral subtraction.

    Frames of N samples, H = N / 4 apart, under a root of a Hann window w; X[f, m] their spectrum, P its power, which
    rises at once and falls with ``smoothing_ms``. A room that falls by 60 dB in T = ``decay_s``, and to which a frame
    adds a share k of its power (10^(room / 10) in 8 ms), holds r, and R of what sounded t = ``late_ms`` ago:

        r[f, m] = a ((1 - k) r[f, m - 1] + k P[f, m - 1]),    a = 10^(-6 H / (f_s T)),
        R[f, m] = 10^(-6 t / T) r[f, m - t],    share = the lesser of sqrt(R / P) and 1 - 10^(-reduction / 20),
        y = x - sum over frames of w (frame of share X) / 2.

    What comes sooner than t, the sound itself and early reflections, stays. Where only the room sounds, P is r and all
    of it counts, whatever k; of a note that is held the less counts, the less room there is.

    References:
        K. Lebart, J.-M. Boucher, P. N. Denbigh, "A new method based on spectral subtraction for speech
        dereverberation", Acta Acustica 87(3), 2001 (k = 1).
        E. A. P. Habets, "Single- and multi-microphone speech dereverberation using spectral enhancement", PhD thesis,
        TU Eindhoven 2007, chapter 3 (the room's share of a sound that goes on).
        J. D. Polack, "Playing billiards in the concert hall", Applied Acoustics 38(2), 1993 (exponential decay).
    """

    words = (
        "takes what a room of {decay_s} ({room_db}) leaves of the sound a moment later down by up to {reduction_db}, "
        "smoothed over {smoothing_ms}",
    )
    params = {
        "decay_s": EffectParam(0.1, 8.0, 0.9, "log", "s", doc="Time in which the room to be taken out falls by 60 dB."),
        "room_db": EffectParam(
            -30.0,
            -1.0,
            -12.0,
            unit="dB",
            doc="What 8 ms of sound add to the room, relative to themselves: far is more.",
        ),
        "reduction_db": EffectParam(0.0, 40.0, 18.0, unit="dB", doc="Largest reduction of a band; 0 is neutral."),
        "smoothing_ms": EffectParam(
            1.0, 500.0, 40.0, "log", "ms", doc="Time to 63 % of a falling power: more is smoother and leaves more room."
        ),
    }
    options = {
        "late_ms": Number(5, 500, 48.0, "ms", doc="From when on the room counts as late, in whole frames."),
        "window_ms": WINDOW,
        "link": LINK,
    }
    neutral = {"reduction_db": 0.0}
    traits = {"causal", "odd"}
    exempt = {
        "level": "frames are a power of two samples, and late_ms whole frames: longer at one rate than at another"
    }
    # Short windows, so that the contract's short signals come out of them.
    variants = ({"window_ms": 4.0, "late_ms": 6.0}, {"window_ms": 8.0, "late_ms": 5.0, "link": False})

    def prepare(self) -> None:
        """The frames, and how many of them are a moment."""
        self.prepare_frames()
        self.crosses_channels = self.link
        self.late = max(1, round(self.late_ms * self.sample_rate / 1000 / self.hop))
        self._description = description_of(self)

    def shares(
        self, X: Tensor, state: Mapping[str, Any], profile: Tensor | None, **at: Tensor
    ) -> tuple[Tensor, dict[str, Any]]:
        """What is late; the states of the powers and of their past."""
        power = X.real.square() + X.imag.square()
        power = (power.mean(1, keepdim=True) if self.link else power).mT * (4 / self._root.sum().square().to(power))
        falling = smoothing(at["smoothing_ms"], self.sample_rate / self.hop)
        nothing = power.new_zeros(*power.shape[:-1], self.late)
        held, last = attack_release(
            power, torch.zeros_like(falling), falling, state.get("power", nothing[..., 0]), return_zf=True
        )
        delayed = torch.cat((state.get("power", nothing[..., 0]).unsqueeze(-1).to(held.dtype), held[..., :-1]), -1)
        hold = torch.exp(-6 * math.log(10.0) * self.hop / self.sample_rate / at["decay_s"].double())
        added = 1 - (1 - 10 ** (at["room_db"].double() / 10)) ** (self.hop / self.sample_rate / _FRAME_S)
        pole = hold * (1 - added)
        gain = (hold * added / (1 - pole)).to(power.dtype)
        room, rest = one_pole(
            gain * delayed, pole.expand_as(power), state.get("room", nothing[..., 0]), return_zf=True, time_varying=True
        )
        past = torch.cat((state.get("past", nothing), room), -1)
        ratio = (hold**self.late).to(power.dtype) * past[..., : room.shape[-1]] / (held + _FLOOR)
        share = (ratio + _LEAST).sqrt() - math.sqrt(_LEAST)
        most = 1 - db_to_amp(-at["reduction_db"].to(power.dtype))
        return _lesser(share, most), {
            "power": last,
            "room": rest,
            "past": past[..., room.shape[-1] :].contiguous(),
        }

    def curve(self, *, decay_s: Tensor, room_db: Tensor, reduction_db: Tensor, **others: Tensor) -> Curve:
        """Gain of a note over the time for which it has been held, and then of the room that it leaves."""
        hold = 10 ** (-6 * self.hop / self.sample_rate / float(decay_s[0, 0, 0]))
        k = 1 - (1 - 10 ** (float(room_db[0, 0, 0]) / 10)) ** (self.hop / self.sample_rate / _FRAME_S)
        frames = round(self.sample_rate / self.hop)
        room = [0.0]
        for n in range(frames):
            room.append(hold * ((1 - k) * room[-1] + k * (1.0 if n < frames // 2 else room[-1])))
        past = [0.0] * self.late + room
        power = [1.0 if n < frames // 2 else room[n] for n in range(frames)]
        ratio = torch.tensor([hold**self.late * r / p for r, p in zip(past, power, strict=False)], dtype=torch.float64)
        most = 1 - db_to_amp(-reduction_db[0, 0, 0].double())
        gain = 20 * torch.log10(1 - _lesser((ratio + _LEAST).sqrt() - math.sqrt(_LEAST), most))
        time = torch.arange(frames, dtype=torch.float64) * (self.hop / self.sample_rate)
        return Curve(time, gain, "time (s), the note ends in the middle", "gain (dB)", title="DeReverb")


def _lesser(p: Tensor, q: Tensor) -> Tensor:
    """The lesser of two that are not negative, with a round corner: 0.6 dB less where they are one."""
    return p * q * (p**8 + q**8 + _SMALL) ** -0.125
