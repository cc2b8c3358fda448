"""Dither."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.noise import noise_block, triangular_noise
from ...options import Flag, Integer
from ...params import EffectParam
from ...processor import Processor, State
from ..choices import SEED

_UNQUIET = {
    "silence": "dither is noise that is there in silence too",
    "channels": "every channel has noise of its own, so that it does not stand in the middle",
}


class Dither(Processor):
    """Rounding to a number of bits, with dither of triangular density: y[n] = q round(x[n] / q + amount d[n]).

    q = 2^(1 - bits) is the step, d = r_1 - r_2 the difference of two uniform numbers in [0, 1). At amount 1, mean and
    variance of the error do not depend on the signal: its mean is 0, its power q^2 / 4. So a fade ends in noise and not
    in distortion. Put it last in a chain whose output is written with that many bits. The noise is drawn at
    construction, each channel has its own, and it comes again after 2^18 samples.

    Rounding has no useful derivative; y has here that of its mean over the dither, which at amount 1 is exactly x:
    dy/dx = 1, dy/damount = q d.

    References:
        S. P. Lipshitz, R. A. Wannamaker, J. Vanderkooy, "Quantization and dither: a theoretical survey", J. Audio Eng.
        Soc. 40(5), 1992.
    """

    words = ("adds the noise of a rounding, {amount:share} of it",)
    params = {
        "amount": EffectParam(
            0.0, 1.0, 1.0, doc="Amplitude of the dither: 1 is two steps wide, 0 is none (rounding distorts)."
        )
    }
    options = {
        "bits": Integer(2, 24, 16, doc="Bits of the numbers that are written."),
        "quantize": Flag(True, doc="False adds the noise and leaves the rounding to what follows."),
        "seed": SEED,
    }
    traits = {"causal"}
    # Enough noise for the contract to see, and not so much that it drowns the signal.
    variants = ({"bits": 12}, {"bits": 12, "quantize": False})
    exempt = {
        **_UNQUIET,
        "neutral": "what rounds changes its input; quantize=False has a neutral setting",
        "gradients:amount": "rounding has none; the gradient is that of the mean over the dither",
        "sound_gradients": "rounding has none; the gradient is that of the mean over the dither",
    }

    def prepare(self) -> None:
        """Draw the noise."""
        if not self.quantize:
            self.neutral = {"amount": 0.0}
            self.exempt = _UNQUIET  # what holds of this construction
        self.register_buffer("_noise", triangular_noise(self.seed), persistent=False)

    def process(self, x: Tensor, state: State, *, amount: Tensor) -> tuple[Tensor, State]:
        """Add the noise and round; the state is the position in the noise."""
        step = 2.0 ** (1 - self.bits)
        noise, state = noise_block(self._noise, x, state)
        y = x + amount * (step * noise)
        if self.quantize:
            steps = y / step
            y = y + (steps.round() * step - y).detach()
        return y, state

    def curve(self, *, amount: Tensor) -> Curve:
        """Output over input, in steps of the smallest bit, as the input rises by six of them."""
        steps = torch.linspace(-3.0, 3.0, 601, dtype=torch.float64)
        size = 2.0 ** (1 - self.bits)
        y, _ = self.process((size * steps)[None, None], None, amount=amount[:1, :, :1].double())
        return Curve(steps, y[0, 0] / size, "input (steps)", "output (steps)", title=f"Dither, {self.bits} bits")
