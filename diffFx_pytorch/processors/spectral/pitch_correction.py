"""Pitch correction."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Literal

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.pitch import clearest_period
from ...options import Flag, Given, Number
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_line, one_pole
from ...recursion.ops.delay_line import delay_state_length
from .recorded import description_of, exports, recorded

_KEYS = {"C": 0, "C#": 1, "D": 2, "D#": 3, "E": 4, "F": 5, "F#": 6, "G": 7, "G#": 8, "A": 9, "A#": 10, "B": 11}
_KEYS |= {"Db": 1, "Eb": 3, "Gb": 6, "Ab": 8, "Bb": 10}
_A = 9.0
_SCALES: dict[str, tuple[float, ...]] = {
    "chromatic": tuple(map(float, range(12))),
    "major": (0, 2, 4, 5, 7, 9, 11),
    "minor": (0, 2, 3, 5, 7, 8, 10),
    "harmonic minor": (0, 2, 3, 5, 7, 8, 11),
    "pentatonic": (0, 2, 4, 7, 9),
    "minor pentatonic": (0, 3, 5, 7, 10),
}
Scale = Literal["chromatic", "major", "minor", "harmonic minor", "pentatonic", "minor pentatonic"]
_A4_HZ = 440.0
_HOPS = 8
"""Hops in a frame."""
_KNEE = 0.1
"""Half of the range of clarities between what is left alone and what is tuned."""
_SWING = 0.7
"""Semitones from the mean up to which a pitch may be a vibrato; at twice that it is another note."""
_INTERPOLATION = "lagrange"


class PitchCorrection(Processor):
    r"""Tunes one voice to the notes of a scale, by grains of two periods (TD-PSOLA).

    Frames of N = 2 f_s / ``lowest_hz`` samples, H = N / 8 apart; p[m] the pitch of a frame in semitones from 440 Hz
    and n[m] its clarity, by ``dsp.pitch.clearest_period``. v[m] rises from 0 to 1, as 3 z^2 - 2 z^3, where the clarity
    is within 0.1 of the knob's. What is not clear (v = 0) holds q, the pitch, and c, the correction:

        q[m] = (1 - v) q[m-1] + v p[m],    s[m] its mean over ``note_ms``, which begins anew with every voiced sound,
        t[m] = the note of the scale that is nearest to s[m],    for an A of ``a4_hz``,
        c[m] = c[m-1] + v (1 - exp(-H / (f_s speed))) (t[m] - q[m] - c[m-1]),
        shift = v (amount c + transpose),    r = 2^(shift / 12).

    So with a fast speed every vibrato goes, and with a slow one the note is right in the mean and the vibrato stays. A
    note is chosen by the mean, since a vibrato may swing past the middle between two.

    Between frames pitch and shift go in straight lines. At a period P[n] of the sound and a ratio r[n], with u the
    cycles that the output is ahead, counted from where the sound became voiced:

        theta[n] = theta[n-1] + r / P,    u[n] = u[n-1] + (r - 1) / P,
        y[n] = sum_j w(theta[n] - j) x(n - d_j),    w(z) = (1 + cos(pi z / h)) / 2 for |z| < h,
        d_j = D - (u_j - round(u_j)) P_j,    h = 1, but 1 - (1 - r)^2 for r < 1,

    u_j being u where theta reaches j, predicted when theta passes j - 1. So grain j is the sound unchanged, late by D
    and by so much that its cycle is in step, and there are r grains in a period: formants stay, the pitch moves, what
    is not voiced passes as it is, and so does all where nothing is corrected.

    Everything is causal, late by D = N / 2 + H (``latency_samples``). The notes, the lag that is the period, and the
    moments at which grains begin are decisions; between them the output is differentiable in all knobs and the sound.
    As that of ``PitchShift``, this derivative is one of a phase, which grows with time and says little of a pitch that
    is far off: a fit by the waveform does not find these knobs. Compare fundamental frequencies, or search.

    Where in a cycle grains stand is left to chance: large transpositions differ by some dB between harmonics with it.

    References:
        P. McLeod, G. Wyvill, "A smarter way to find pitch", ICMC 2005.
        E. Moulines, F. Charpentier, "Pitch-synchronous waveform processing techniques for text-to-speech synthesis
        using diphones", Speech Communication 9, 1990 (TD-PSOLA).
        H. A. Hildebrand, "Pitch detection and intonation correction apparatus and method", US 5973252, 1999 (the
        correction that closes in on a note in time).
    """

    words = (
        "tunes a voice to the nearest note in {speed_ms}, by {amount:share}",
        "transposes it by {transpose} semitones",
    )
    params = {
        "speed_ms": EffectParam(
            1.0, 1000.0, 25.0, "log", "ms", doc="Time to 63 % of a correction: 1 is a robot, 200 leaves vibrato alone."
        ),
        "amount": EffectParam(0.0, 1.0, 1.0, doc="Share of the correction: 0 leaves the pitch, 1 ends on the note."),
        "transpose": EffectParam(-12.0, 12.0, 0.0, doc="Semitones by which what is voiced is moved besides."),
        "a4_hz": EffectParam(400.0, 480.0, 440.0, unit="Hz", doc="Tuning of the scale: the frequency of its A."),
        "clarity": EffectParam(
            0.3, 1.0, 0.7, doc="How periodic a sound must be to be tuned: less tunes breath and noise too."
        ),
    }
    options = {
        "scale": Given(
            "chromatic",
            Scale | Sequence[float],
            f"{', '.join(map(repr, _SCALES))}, or the notes of one in semitones above the key, 0 .. 12",
            doc="The notes that are right.",
            check=lambda scale: scale in _SCALES if isinstance(scale, str) else _is_scale(scale),
        ),
        "key": Given(
            "C", str, "'C', 'C#', 'Db', ..., 'B'", doc="The note on which the scale begins.", check=_KEYS.__contains__
        ),
        "lowest_hz": Number(30, 1000, 80.0, "Hz", doc="The lowest note that is sung: lower needs a longer latency."),
        "highest_hz": Number(60, 3000, 1000.0, "Hz", doc="The highest note that is sung."),
        "note_ms": Number(
            1,
            1000,
            150.0,
            "ms",
            doc="Time of the mean by which a note is chosen: longer holds it through a vibrato; leaps are followed "
            "at once.",
        ),
        "link": Flag(True, doc="Channels are one voice; False tunes each on its own."),
    }
    neutral = {"amount": 0.0, "transpose": 0.0}
    traits = {"causal", "odd"}
    # Short frames of single channels, so that the contract's short signals hold several, where even noise has a pitch.
    variants = (
        {"lowest_hz": 450.0, "highest_hz": 2000.0, "link": False},
        {"lowest_hz": 700.0, "highest_hz": 3000.0, "link": False, "scale": "minor", "key": "E"},
    )

    def prepare(self) -> None:
        """The frames, and the notes in semitones from A."""
        if not self.lowest_hz < self.highest_hz:
            raise ValueError(f"lowest_hz must be the lower of them, got {self.lowest_hz:g} and {self.highest_hz:g} Hz")
        self.crosses_channels = self.link
        self.shortest = max(2, math.floor(self.sample_rate / self.highest_hz))
        self.longest = max(self.shortest + 1, math.ceil(self.sample_rate / self.lowest_hz))
        self.window = 2 * self.longest
        self.hop = max(1, self.window // _HOPS)
        self.latency_samples = self.longest + self.hop
        self.knob_latency = dict.fromkeys(self.params, float(self.latency_samples))
        self._furthest = self.latency_samples + self.longest // 2 + 2
        notes = _SCALES[self.scale] if isinstance(self.scale, str) else tuple(map(float, self.scale))
        self.notes = tuple(sorted({(note + _KEYS[self.key] - _A) % 12 for note in notes}))
        self.register_buffer("_notes", torch.tensor(self.notes, dtype=torch.float64), persistent=False)
        self._description = description_of(self)

    def process(self, x: Tensor, state: State, **knobs: Tensor) -> tuple[Tensor, State]:
        """Frames, what they are to be tuned by, and grains; the state holds the sound, and what went on in it."""
        if state is None and exports():
            return recorded(self._description, x, None, **knobs), {"whole": x.new_zeros(0)}
        if state and "whole" in state:
            raise ValueError(
                "this state is of an exported program, which begins with a whole sound; export run() with a state, "
                "which fx.run(x)[1] gives"
            )
        return self._tuned(x, state or self._silence(x), knobs)

    def whole(self, x: Tensor, profile: None, **knobs: Tensor) -> Tensor:
        """A whole sound."""
        return self._tuned(x, self._silence(x), knobs)[0]

    def _silence(self, x: Tensor) -> dict[str, Tensor]:
        """The state before time zero; of each voice (B, G), G being 1 or C."""
        B, C = x.shape[:2]
        voice = torch.zeros(B, 1 if self.link else C, dtype=torch.float64, device=x.device)
        late = torch.full_like(voice, float(self.latency_samples))
        return {
            "line": x.new_zeros(B, C, self.window - self.hop),
            "follows": torch.stack((voice,) * 5, -1),
            "frames": torch.stack((voice,) * 6, -1).unflatten(-1, (3, 2)),
            "phase": torch.stack((voice,) * 4, -1),
            "delays": torch.stack((late, late), -1),
            "past": x.new_zeros(B, C, delay_state_length(self._furthest, _INTERPOLATION), dtype=torch.float64),
        }

    def _tuned(self, x: Tensor, state: Mapping[str, Tensor], knobs: Mapping[str, Tensor]) -> tuple[Tensor, State]:
        T, N, H = x.shape[-1], self.window, self.hop
        line = torch.cat((state["line"], x), -1)
        # The line holds all of the last frame but its first hop, and what came since.
        since = line.shape[-1] - T - (N - H)
        count = (since + T) // H
        frames, follows = state["frames"], state["follows"]
        if count:
            at = {n: (k if k.shape[-1] == 1 else k[..., H - 1 - since :: H]).double() for n, k in knobs.items()}
            heard = line.double().unfold(-1, N, H)
            heard = heard.unsqueeze(1) if self.link else heard.unsqueeze(2)
            found, follows = self._followed(heard, follows, **at)
            frames = torch.cat((frames, found), -1)
        n = torch.arange(1, T + 1, device=x.device) + since
        k, share = n // H, (n % H).double() / H
        values = torch.lerp(frames[..., k], frames[..., k + 1], share)
        grains, phase, delays = self._grains(values, state["phase"], state["delays"])
        (first, late), (second, later) = grains
        read = {"interpolation": _INTERPOLATION, "zi": state["past"], "time_varying": True}
        (old, last), new = delay_line(x, late, return_zf=True, **read), delay_line(x, later, **read)
        return first.to(x.dtype) * old + second.to(x.dtype) * new, {
            "line": line[..., count * H :].contiguous(),
            "follows": follows,
            "frames": frames[..., -2:].contiguous(),
            "phase": phase,
            "delays": delays,
            "past": last,
        }

    def _followed(
        self,
        frames: Tensor,
        state: Tensor,
        *,
        speed_ms: Tensor,
        amount: Tensor,
        transpose: Tensor,
        a4_hz: Tensor,
        clarity: Tensor,
    ) -> tuple[Tensor, Tensor]:
        """Shift, pitch and voicing of frames (B, G, C, M, N): (B, G, 3, M); and of the last, what goes on."""
        period, clear = clearest_period(frames, self.shortest, self.longest)
        pitch = 12 * (self.sample_rate / _A4_HZ / period).log2()
        z = ((clear - clarity) / (2 * _KNEE) + 0.5).clamp(0.0, 1.0)
        v = z * z * (3 - 2 * z)
        held, slow, mean, corrected, last_v = state.unbind(-1)
        q, held = one_pole(pitch, 1 - v, held, return_zf=True, time_varying=True)
        rate = self.sample_rate / self.hop
        before = torch.cat((last_v.unsqueeze(-1), v[..., :-1]), -1)
        tune = 12 * (a4_hz / _A4_HZ).log2()
        with torch.no_grad():  # which note it is is a decision
            steady = before * (1 - v * (1 - math.exp(-1000 / (rate * self.note_ms))))
            b, slow = one_pole(q, steady, slow, return_zf=True, time_varying=True)
            far = (((q - b).abs() - _SWING) / _SWING).clamp(0.0, 1.0)
            s, mean = one_pole(q, steady * (1 - far), mean, return_zf=True, time_varying=True)
            note = self._nearest(s - tune)
        target = note + tune
        hold = 1 - v * (1 - smoothing(speed_ms, rate))
        c, corrected = one_pole(target - q, hold, corrected, return_zf=True, time_varying=True)
        shift = v * (amount * c + transpose)
        return torch.stack((shift, q, v), 2), torch.stack((held, slow, mean, corrected, v[..., -1]), -1)

    def _nearest(self, pitch: Tensor) -> Tensor:
        """The note of the scale that is nearest to pitches, all in semitones from A."""
        pitch = pitch.unsqueeze(-1)
        near = self._notes + 12 * ((pitch - self._notes) / 12).round()
        return near.gather(-1, (near - pitch).abs().argmin(-1, keepdim=True)).squeeze(-1)

    def _grains(
        self, values: Tensor, phase: Tensor, delays: Tensor
    ) -> tuple[tuple[tuple[Tensor, Tensor], ...], Tensor, Tensor]:
        """Weight and delay of the grains at every sample, from shift, pitch and voicing there (B, G, 3, T)."""
        shift, pitch, v = values.unbind(2)
        freq = (_A4_HZ / self.sample_rate) * (pitch / 12).exp2()
        r = (shift / 12).exp2()
        cycles, ahead, moved, quiet = phase.split(1, -1)
        # Cycles ahead, from where it became voiced: of the sound, and of the grains, which all are of silence then.
        cycles, gained = cycles + freq.cumsum(-1), ((r - 1) * freq).cumsum(-1)
        n = torch.arange(1, shift.shape[-1] + 1, device=shift.device)
        voiced = _last(v > 0)
        quiet = torch.where(voiced >= 0, n - 1 - voiced, quiet + n)  # samples since something was voiced
        ahead = _since(v == 0, ahead, gained)
        moved = _since(quiet > 2 * self.longest, moved, gained)
        theta = cycles + moved
        turn = theta.detach().floor()
        z = theta - turn
        before = (phase[..., :1] + phase[..., 2:3]).detach().floor()
        begins = turn > torch.cat((before, turn[..., :-1]), -1)
        coming = ahead + (1 - z) * (r - 1) / r
        delay = self.latency_samples - (coming - coming.detach().round()) / freq
        begun = _last(begins)
        old, new = delays[..., :1], delays[..., 1:]
        is_here = begun >= 0
        second = torch.where(is_here, delay.gather(-1, begun.clamp_min(0)), new)
        first = torch.where(is_here, torch.cat((new, second), -1).gather(-1, begun.clamp_min(0)), old)
        h = 1 - (1 - r.clamp_max(1.0)).square()
        grains = tuple(
            (torch.where(u < h, 0.5 + 0.5 * (math.pi * u / h).cos(), 0.0), late)
            for u, late in ((z, first), (1 - z, second))
        )
        ends = [row - row.detach().round() for row in (cycles[..., -1], ahead[..., -1], moved[..., -1])]
        ends = torch.stack((*ends, quiet[..., -1]), -1)
        return grains, ends, torch.stack((first[..., -1], second[..., -1]), -1)

    def tail(self, **knobs: Tensor) -> float:
        """What a grain reads from half a period before."""
        return (self.longest + 16) / self.sample_rate

    def curve(self, *, amount: Tensor, transpose: Tensor, a4_hz: Tensor, **others: Tensor) -> Curve:
        """Pitch after the effect over that before, of a note that is held."""
        pitch = torch.linspace(-12.0, 12.0, 961, dtype=torch.float64)
        tune = 12 * (a4_hz[0, 0, 0].double() / _A4_HZ).log2()
        note = self._nearest(pitch - tune) + tune
        out = pitch + amount[0, 0, 0] * (note - pitch) + transpose[0, 0, 0]
        labels = "pitch in (semitones from 440 Hz)", "pitch out (semitones)"
        return Curve(pitch, out, *labels, title="PitchCorrection")


def _last(where: Tensor) -> Tensor:
    """The index up to each sample at which something last was; -1 for never."""
    n = torch.arange(where.shape[-1], device=where.device)
    return torch.where(where, n, -1).cummax(-1).values


def _since(where: Tensor, before: Tensor, total: Tensor) -> Tensor:
    """What has been added to ``total`` since ``where`` last was, and to ``before`` where it has not been."""
    last = _last(where)
    return total - torch.where(last >= 0, total.gather(-1, last.clamp_min(0)), -before)


def _is_scale(notes: Sequence[float]) -> bool:
    return len(notes) > 0 and all(0 <= float(note) < 12 for note in notes)
