"""Pitch shift."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from ...curve import Curve
from ...kernels.transforms import is_traced
from ...params import EffectParam
from ...processor import Processor, State
from .recorded import description_of, recorded
from .shifting import SHIFTING, Shifter


class PitchShift(Processor):
    r"""Pitch shift by a phase vocoder; the length stays.

    Frames of N samples, H = N / 8 apart, under a Hann window w; X_m[k] their spectra, phases counted from their
    centres, d_m[k] the phase that bin k really advances from frame m - 1 to m, r = 2^(semitones / 12 + cents / 1200):

        theta_m[k] = theta_(m-1)[j] + (r - 1) d_m[j]            bin k continues bin j: see ``method``
        y_m(l) = 1/N Re sum_k c_k X_m[k] e^(i theta_m[k]) e^(2 pi i k r l / N)      k r < N / 2; c_k = 2, 1 at the ends
        y[n] = sum_m w(r l) y_m(l) / sum_m w(r l)^2,  l = n - m H

    So every frame is played r times as fast around its centre, which stays where it was: a stretch by r and reading the
    result at the rate r, in one. The sum over k at steps of r is a chirp z-transform, exact where an interpolator is
    not, with nothing above half the sampling rate to fold back, and differentiable in r.

    With ``formants="keep"`` X_m[k] is first multiplied by E_m(r k) / E_m(k), E_m being the true envelope of |X_m| (see
    ``spectrogram.envelope``): so what comes out at r k has the level that the sound had there. A bin is raised by 24 dB
    at most.

    The derivative by the semitones is that of the equations above, and exact, as no decision depends on them. It is
    that of a phase: it grows with time, and over more than some hundredths of a semitone it says little. To fit a
    pitch, compare spectra or fundamental frequencies, or search.

    References:
        Laroche and Dolson, "Improved phase vocoder time-scale modification of audio", IEEE TSAP 7(3), 1999. Prusa and
        Holighaus, "Phase vocoder done right", EUSIPCO 2017. Rabiner, Schafer and Rader, "The chirp z-transform
        algorithm", IEEE Trans. Audio Electroacoust. 17(2), 1969. Roebel and Rodet, "Efficient spectral envelope
        estimation and its application to pitch shifting and envelope preservation", DAFx 2005.
    """

    words = ("shifts the pitch by {semitones} semitones and {cents} cents",)
    params = {
        "semitones": EffectParam(-24.0, 24.0, 0.0, doc="Change of pitch; 12 semitones are an octave."),
        "cents": EffectParam(-100.0, 100.0, 0.0, doc="Fine change of pitch, added; 100 cents are a semitone."),
    }
    options = SHIFTING
    neutral = {"semitones": 0.0, "cents": 0.0}
    traits = {"odd"}
    streamable = False
    # Short windows, so that the contract's short signals hold several.
    variants = (
        {"window_ms": 8.0},
        {"window_ms": 8.0, "method": "gradient", "link": False},
        {"window_ms": 8.0, "formants": "keep", "envelope_ms": 1.0},
    )

    def prepare(self) -> None:
        """What shifts."""
        self.crosses_channels = self.link
        self.shifter = Shifter(self.sample_rate, **{name: getattr(self, name) for name in SHIFTING})
        self.window, self.hop = self.shifter.window, self.shifter.hop
        self._description = description_of(self)

    def process(self, x: Tensor, state: State, *, semitones: Tensor, cents: Tensor) -> tuple[Tensor, State]:
        """The whole sound; there is no state."""
        if is_traced():
            return recorded(self._description, x, None, semitones=semitones, cents=cents), state
        return self.whole(x, None, semitones=semitones, cents=cents), state

    def whole(self, x: Tensor, profile: None, *, semitones: Tensor, cents: Tensor) -> Tensor:
        """The whole sound."""
        lowest = self.params["semitones"].min_val + self.params["cents"].min_val / 100
        return self.shifter(x, semitones.double() + cents.double() / 100, lowest)

    def tail(self, *, semitones: Tensor, cents: Tensor) -> Tensor:
        """Half a frame behind the end, and half a played one."""
        ratio = ((semitones + cents / 100) / 12).exp2()
        return self.window / 2 * (1 + 1 / ratio.clamp(max=1.0)) / self.sample_rate

    def curve(self, *, semitones: Tensor, cents: Tensor) -> Curve:
        """Frequency of a sine after the effect over that before."""
        top = 0.49 * self.sample_rate
        freq = torch.logspace(math.log10(20.0), math.log10(top), 200, dtype=semitones.dtype)
        shifted = freq * ((semitones[0, 0, 0] + cents[0, 0, 0] / 100) / 12).exp2()
        return Curve(freq, shifted, "frequency in (Hz)", "frequency out (Hz)", title="PitchShift")
