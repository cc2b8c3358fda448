"""Channel vocoder."""

from __future__ import annotations

import math
from typing import Any

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.ballistics import smoothing
from ...dsp.biquad import band_pass, butterworth_qs, high_pass, ring_seconds, sos_response
from ...dsp.levels import amp_to_db, db_to_amp
from ...dsp.noise import noise_block, triangular_noise
from ...dsp.oscillator import phase_ramp
from ...dsp.pulses import pulse_train
from ...kernels.constants import constant
from ...options import Choice, Integer, Number
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import ControlPoints, attack_release, filter_sections, one_pole
from ..choices import SEED

_REFERENCE_HZ = 1000.0
_DENSITY = 1e-3
"""Power of a carrier of the vocoder's own in a band of 1 Hz at 1 kHz: 0 dB in a band of 1 kHz."""
_NARROWER = math.sqrt(math.sqrt(2) - 1)
"""By what two equal sections are narrower than one."""
_SAW_HZ, _SAW_REFERENCE_HZ = 20.0, 300.0
"""Corner of the low-pass that makes a saw of pulses, and where it is as strong as they are."""
_SIBILANCE_HZ = 5000.0
_HIGHEST, _FADES = 0.48, 0.40
"""A band that is shifted up fades out between these fractions of the sample rate, upwards from the lower."""
_SILENT = 1e-12


class Vocoder(Processor):
    r"""Channel vocoder: the carrier speaks. Levels of the sound in bands are put onto the same bands of a carrier.

        b_k = A_k x,    p_k = b_k^2 smoothed by attack and release,    e_k = sqrt(p_k),
        y = (1 - m) x + m 10^(level / 20) (sum_k g_k e_k C_k c + 10^(sibilance / 20) S x)

    x is the sound, the modulator; c the carrier: the sidechain, or where there is none a saw, pulses or noise. A_k is
    two equal band-passes around f_k, C_k the same around f_k 2^(shift / 12); f_k are ``num_bands`` frequencies from
    ``lowest_hz`` to ``highest_hz``, in equal ratios. At ``width`` 1 the -3 dB points of neighbours meet. S is a
    high-pass at 5 kHz, which lets s and t through, as a carrier seldom has what they need.

    g_k = (-1)^k (f_k / 1 kHz)^(tilt / 6.02) / (width sqrt(B_k / 1 kHz)), B_k being the distance of band k from the
    next: so white noise as a carrier, with 0 dB in 1 kHz, gives the sound's own spectrum at a tilt of 0. Neighbours
    have opposite signs, since their phases would cancel where they meet. Noise and pulses are so strong at every
    frequency, a saw at 300 Hz, whence it falls by 6 dB an octave. Harmonics end at 0.45 of the sample rate.

    References:
        H. Dudley, "Remaking speech", J. Acoust. Soc. Am. 11(2), 1939.
        H. Dudley, "The vocoder", Bell Labs Record 18(4), 1939 (hiss and buzz).
        B. Gold, C. M. Rader, "The channel vocoder", IEEE Trans. Audio Electroacoust. 15(4), 1967.
        T. Stilson, J. O. Smith, "Alias-free digital synthesis of classic analog waveforms", ICMC 1996 (pulses, saw).
    """

    words = (
        "puts the levels of bands onto a carrier, rising in {attack_ms} and falling in {release_ms}",
        "formants {formant_shift} semitones away",
        "{level_db:adds}",
    )
    _rows = {
        "attack_ms": EffectParam(0.1, 100.0, 2.0, "log", "ms", doc="Time to 63 % of a rising power in a band."),
        "release_ms": EffectParam(1.0, 1000.0, 15.0, "log", "ms", doc="Time to 63 % of a falling power in a band."),
        "formant_shift": EffectParam(
            -12.0, 12.0, 0.0, doc="Semitones by which the bands of the carrier lie above those of the sound."
        ),
        "width": EffectParam(
            0.5, 1.5, 1.0, "log", doc="Of a band, as a share of the way to the next: less rings, more blurs."
        ),
        "tilt_db": EffectParam(
            -6.0, 12.0, 3.0, unit="dB", doc="Brightness: by how much the bands of the carrier rise with every octave."
        ),
        "sibilance_db": EffectParam(
            -60.0, 12.0, -12.0, unit="dB", doc="Level of the sound itself above 5 kHz, for s and t."
        ),
        "pitch_hz": EffectParam(
            30.0, 1000.0, 110.0, "log", "Hz", search="rate", doc="Pitch of the saw or the pulses, where they are heard."
        ),
        "level_db": EffectParam(-24.0, 48.0, 0.0, unit="dB", doc="Level of the vocoder; a quiet carrier needs more."),
        "mix": EffectParam(0.0, 1.0, 1.0, doc="0 is the sound, 1 the vocoder."),
    }
    options = {
        "carrier": Choice("saw", "pulse", "noise", doc="What speaks where no sidechain is given."),
        "num_bands": Integer(2, 32, 16, doc="Bands: 8 to 10 are the classics, more are easier to understand."),
        "lowest_hz": Number(50, 1000, 100.0, "Hz", doc="Centre of the lowest band."),
        "highest_hz": Number(1500, 16000, 7000.0, "Hz", doc="Centre of the highest; 0.45 of the sample rate at most."),
        "seed": SEED,
    }
    neutral = {"mix": 0.0}
    traits = {"causal"}
    takes_sidechain = True
    variants = (
        {"num_bands": 4},
        {"num_bands": 3, "carrier": "pulse", "highest_hz": 3000.0},
        {"num_bands": 3, "carrier": "noise", "seed": 3},
    )

    def table(self) -> dict[str, EffectParam]:
        """The knobs; noise has no pitch."""
        return {name: row for name, row in self._rows.items() if self.carrier != "noise" or name != "pitch_hz"}

    def prepare(self) -> None:
        """The bands, and the noise."""
        highest = min(self.highest_hz, 0.45 * self.sample_rate)
        self._step = (highest / self.lowest_hz) ** (1 / (self.num_bands - 1))
        self.centres = tuple(self.lowest_hz * self._step**k for k in range(self.num_bands))
        self._sibilance_hz = min(_SIBILANCE_HZ, 0.4 * self.sample_rate)
        self._hold = math.exp(-2 * math.pi * _SAW_HZ / self.sample_rate)
        if self.carrier != "saw":
            self.exempt = {"level": "skirts of wide bands over a flat carrier reach the further, the higher the rate"}
        noise = triangular_noise(self.seed) if self.carrier == "noise" else None
        self.register_buffer("_noise", noise, persistent=False)

    def control(
        self,
        *,
        attack_ms: Tensor,
        release_ms: Tensor,
        formant_shift: Tensor,
        width: Tensor,
        pitch_hz: Tensor | None = None,
        **others: Tensor,
    ) -> dict[str, Any]:
        """The bands of the sound and of the carrier, and how their levels are smoothed."""
        shift, width = torch.broadcast_tensors(formant_shift.double(), width.double())
        return {
            "heard": self._bands(torch.zeros_like(shift), width),
            "carried": self._bands(shift, width),
            "attack": smoothing(attack_ms, self.sample_rate),
            "release": smoothing(release_ms, self.sample_rate),
            "shift": formant_shift,
            "width": width,
            # In octaves it moves straight.
            "octaves": None if pitch_hz is None else pitch_hz.double().log2(),
            **others,
        }

    def process(
        self,
        x: Tensor,
        state: State,
        sidechain: Tensor | None = None,
        *,
        heard: Any,
        carried: Any,
        attack: Tensor,
        release: Tensor,
        shift: Tensor,
        width: Tensor,
        tilt_db: Tensor,
        sibilance_db: Tensor,
        level_db: Tensor,
        mix: Tensor,
        octaves: Tensor | None,
    ) -> tuple[Tensor, State]:
        """Levels of all bands at once, the bands of the carrier, their sum; the state is that of the filters."""
        state = state or {}
        carrier, source = (sidechain, None) if sidechain is not None else self._own(x, octaves, state.get("source"))
        bands, ring = filter_sections(x.unsqueeze(2), _by_band(heard), state.get("heard"))
        power, last = attack_release(
            bands.square(), attack.unsqueeze(2), release.unsqueeze(2), state.get("power"), return_zf=True
        )
        envelope = (power + _SILENT).sqrt() - math.sqrt(_SILENT)
        spoken, rung = filter_sections(carrier.unsqueeze(2), _by_band(carried), state.get("carried"))
        speech = (self._gains(tilt_db, shift, width).to(x.dtype) * envelope * spoken).sum(2)
        corner = constant((self._sibilance_hz,), torch.float64, x.device)
        sections = high_pass(corner, butterworth_qs(2)[0], self.sample_rate, "bilinear").unsqueeze(0)
        hiss, sizzle = filter_sections(x, sections, state.get("hiss"))
        y = db_to_amp(level_db) * (speech + db_to_amp(sibilance_db) * hiss)
        new_state = {"source": source, "heard": ring, "power": last, "carried": rung, "hiss": sizzle}
        return torch.lerp(x, y, mix), new_state

    def tail(self, *, release_ms: Tensor, formant_shift: Tensor, width: Tensor, **others: Tensor) -> Tensor:
        """The power falls by 120 dB, for the carrier goes on; then the bands ring."""
        ring = ring_seconds(self._bands(formant_shift.clamp_max(0.0), width), self.sample_rate).amax(-2).sum(-1)
        return 6 * math.log(10) * release_ms / 1000 + 2 * ring

    def curve(self, *, width: Tensor, **others: Tensor) -> Curve:
        """Magnitude responses of the bands of the sound, one after the other, from the lowest."""
        top = min(20000.0, 0.49 * self.sample_rate)
        freqs = torch.logspace(math.log10(20.0), math.log10(top), 300, dtype=torch.float64)
        width = width[:1, :, :1].double()
        bands = self._bands(torch.zeros_like(width), width)[0, 0, 0]
        lines = amp_to_db(sos_response(bands, freqs, self.sample_rate).abs(), -60.0)
        # There and back, so that the lines join at the ends of the axis.
        x = torch.cat([freqs if k % 2 == 0 else freqs.flip(0) for k in range(len(lines))])
        y = torch.cat([line if k % 2 == 0 else line.flip(0) for k, line in enumerate(lines)])
        return Curve(x, y, "frequency (Hz)", "level of the bands (dB)", True, "Vocoder")

    def _centres(self, shift: Tensor) -> Tensor:
        """Of the carrier's bands, (..., K)."""
        centres = constant(self.centres, torch.float64, shift.device)
        return centres * (shift.double() / 12).exp2().unsqueeze(-1)

    def _bands(self, shift: Tensor, width: Tensor) -> Tensor:
        """Two equal sections for each band, (B, 1, F, K, 2, 6)."""
        q = _NARROWER / (width.double() * (self._step**0.5 - self._step**-0.5))
        centres = self._centres(shift).clamp_max(_HIGHEST * self.sample_rate)
        w = 2 * math.pi / self.sample_rate * centres
        # The bilinear transform narrows a band near its centre by this.
        section = band_pass(centres, q.unsqueeze(-1) * (w.sin() / w), self.sample_rate, "bilinear")
        return section.unsqueeze(-2).expand(*section.shape[:-1], 2, 6)

    def _gains(self, tilt_db: Tensor, shift: Tensor, width: Tensor) -> Tensor:
        """Of each band of the carrier, (B, 1, K, 1 or T)."""
        centres = constant(self.centres, torch.float64, tilt_db.device)
        octaves = (centres / _REFERENCE_HZ).log2()
        apart = centres * (self._step**0.5 - self._step**-0.5)
        gains = db_to_amp(tilt_db.double().unsqueeze(-1) * octaves) / (apart / _REFERENCE_HZ).sqrt()
        # Where neighbours meet they are more than 90 degrees apart, and would cancel.
        signs = constant(tuple((-1.0) ** k for k in range(self.num_bands)), torch.float64, tilt_db.device)
        room = (_HIGHEST - self._centres(shift) / self.sample_rate) / (_HIGHEST - _FADES)
        return (signs * gains * room.clamp(0.0, 1.0) / width.double().unsqueeze(-1)).mT

    def _own(self, x: Tensor, octaves: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        """A carrier (B or 1, 1, T) where none is given, its pitch in octaves over 1 Hz, and its state."""
        if octaves is None:
            noise, position = noise_block(self._noise, x[:, :1], state)
            # Of variance 1 / 6, up to half the sample rate.
            return noise.unsqueeze(0) * math.sqrt(6 * _DENSITY * self.sample_rate / 2), position
        start, last = (None, None) if state is None else state
        pitch = octaves.exp2()
        phase, start = phase_ramp(pitch, self.sample_rate, x.shape[-1], start)
        pulses = (2 * _DENSITY * pitch).sqrt() * pulse_train(phase, 0.45 * self.sample_rate / pitch)
        if self.carrier == "saw":
            pulses, last = one_pole(pulses, self._hold, last, return_zf=True)
            pulses = pulses * (_SAW_REFERENCE_HZ / _SAW_HZ)
        return pulses.to(x.dtype), (start, last)


def _by_band(sections: Tensor | ControlPoints) -> Tensor | ControlPoints:
    """Sections (B, 1, F, K, 2, 6) as (B, 1, K, F, 2, 6)."""
    if isinstance(sections, ControlPoints):
        return ControlPoints(sections.values.movedim(2, 3), sections.at)
    return sections.movedim(2, 3)
