"""Convolution reverb."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from ...kernels.transforms import is_traced
from ...options import Choice, Flag, Number
from ...params import EffectParam
from ...recursion import delay_line
from .predelay import MIX
from .response import DARKNESS, EARLIEST, WIDTH, ResponseReverb, darkened
from .room_response import (
    BUILT_IN_RATE,
    built_in,
    decay_clock,
    given_response,
    load,
    normalized,
    resampled,
    trimmed,
)


class ConvolutionReverb(ResponseReverb):
    r"""The reverberation of a recorded room: y = (1 - m) x + m W(h' * x), by FFT, in blocks of any sizes.

    .. math:: h'_n = F\{h(n - d)\, e^{(1 - 1 / \delta)\, \tau(n - d)}\}

    h is the impulse response, d the predelay, F a one-pole low-pass and high-pass that are open exactly at the ends of
    their ranges, W the width of the sides. The decay factor delta multiplies the response's own T60 through its clock
    tau, the decay in nepers along the slope of its energy decay; the clock stops after 60 dB or where the response
    meets its noise, so that no noise is raised. 1 leaves the response as recorded.

    Mono or stereo in, stereo out. A response of one channel reverberates each side alone; of two, the left side with
    its first and the right with its second; of four, with ``true_stereo``, every side is heard on both: left to left,
    left to right, right to left, right to right.

    Normalised, the loudest output for pink noise is as loud as its input (``dsp.room_analysis.pink_power``), at every
    sample rate; JUCE's convolution and pedalboard give white noise -18 dB.

    Raises:
        ValueError: for a response of another shape, empty, silent or not finite.
        OSError: for a file that cannot be read.

    References:
        W. G. Gardner, "Efficient convolution without input-output delay", JAES 43(3), 1995.
    """

    words = (
        "adds a recorded room {predelay_ms} after the sound, its decay times {decay}, "
        "above {highpass_hz} and below {lowpass_hz}, {width:share} wide",
    )
    params = {
        "predelay_ms": EARLIEST,
        "decay": EffectParam(
            0.1,
            2.0,
            1.0,
            "log",
            search="decay",
            doc="Factor on the response's decay time; 1 is as recorded.",
            automatable=False,
        ),
        **DARKNESS,
        "width": WIDTH,
        "mix": MIX,
    }
    options = {
        "ir": given_response(
            "(C, L)",
            "Impulse response, (L,) or (C, L), or the path of a sound file; None is a built-in room of 0.9 s.",
        ),
        "ir_rate": Number(
            1000,
            1e6,
            None,
            "samples/s",
            doc="Sample rate of a tensor ir; None is the effect's, another is resampled.",
        ),
        "normalize": Flag(True, doc="Scale the response to the level of pink noise, or take it as it is."),
        "true_stereo": Flag(False, doc="Take four channels as above; otherwise ir has one or two."),
        "trim": Flag(False, doc="Cut silence, before the sound (60 dB under the peak) and after (-90 dB of energy)."),
        "learnable": Flag(False, doc="Make the response a parameter that training moves: fx.response, (C, L)."),
        "latency": Choice(
            0, *(1 << k for k in range(5, 15)), doc="Latency in samples; with more of it, short blocks cost less."
        ),
    }
    variants = ({}, {"true_stereo": True, "normalize": False, "latency": 64}, {"trim": True})

    response: Tensor
    """The response at the sample rate, (C, L), trimmed and normalised."""
    _clock: Tensor

    def prepare(self) -> None:
        """Load the response.

        Raises:
            ValueError: for a response of another shape, empty, silent or not finite.
            OSError: for a file that cannot be read.
        """
        legal = (4,) if self.true_stereo else (1, 2)
        try:
            response, rate = (
                (built_in(legal[-1]), BUILT_IN_RATE)
                if self.ir is None
                else load(self.ir, self.sample_rate, self.ir_rate)
            )
        except OSError as error:
            raise type(error)(f"ConvolutionReverb: {error}") from None
        if response.shape[0] not in legal:
            cure = "; give true_stereo=True" if response.shape[0] == 4 else ""
            ways = " (left to left, left to right, right to left, right to right)" if self.true_stereo else ""
            raise ValueError(
                f"ir must have {' or '.join(map(str, legal))} channels{ways}, got {response.shape[0]}{cure}"
            )
        if self.normalize:
            # At its own rate, so that its level is the same at every other.
            response = normalized(response, rate, inputs=2 if self.true_stereo else 1)
        response = resampled(response, rate, self.sample_rate)
        if self.trim:
            response = trimmed(response)
        self.is_matrix, self.latency_samples = self.true_stereo, self.latency
        self.knob_latency = {"width": self.latency, "mix": self.latency}
        self.register_buffer("_clock", decay_clock(response, self.sample_rate), persistent=False)
        if self.learnable:
            self.response = nn.Parameter(response.to(torch.get_default_dtype()))
        else:
            self.register_buffer("response", response, persistent=False)
        self.set_length(response.shape[-1])

    def version(self) -> int:
        """That of a response that is trained."""
        return 0 if is_traced() or self.response.is_inference() else self.response._version

    def respond(
        self,
        samples: int,
        dtype: torch.dtype,
        *,
        predelay_ms: Tensor,
        decay: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
    ) -> Tensor:
        """Decay, predelay and darkness on the response as loaded."""
        base, clock = self.response[:, :samples].to(dtype), self._clock[:samples]
        weight = torch.exp((1 - 1 / decay.double()) * clock).to(dtype)
        h = torch.nn.functional.pad(base * weight, (0, samples - base.shape[-1]))
        h = delay_line(h, predelay_ms.double() * (self.sample_rate / 1000))
        return darkened(h, lowpass_hz, highpass_hz, self.sample_rate)
