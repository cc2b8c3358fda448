"""Convolution reverb."""

from __future__ import annotations

import math
import os
from collections.abc import Mapping
from dataclasses import replace

import numpy as np
import torch
from torch import Tensor, nn

from ...curve import Curve
from ...dsp.whole_delay import delayed
from ...params import EffectParam
from ...processor import Processor, State
from ...recursion import delay_line
from ..delay.tone import TONE
from .predelay import MIX
from .response import EARLIEST, WIDTH, blend, darkened, decay_curve, heard_seconds, reverberate
from .room_response import built_in, decay_clock, load, trimmed


class ConvolutionReverb(Processor):
    r"""The reverberation of a recorded room: y = (1 - m) x + m W(h' * x), by FFT, in blocks of any sizes.

    .. math:: h'_n = F\{h(n - d)\, e^{(1 - 1 / \delta)\, \tau(n - d)}\}

    h is the impulse response, d the predelay, F a one-pole low-pass and high-pass that are open exactly at the ends of
    their ranges, W the width of the sides. The decay factor delta multiplies the response's own T60 through its clock
    tau, the decay in nepers along the slope of its energy decay; the clock stops after 60 dB or where the response
    meets its noise, so that no noise is raised. 1 leaves the response as recorded.

    Mono or stereo in, stereo out. A response of one channel reverberates each side alone; of two, the left side with
    its first and the right with its second; of four, with ``true_stereo``, every side is heard on both: left to left,
    left to right, right to left, right to right.

    Normalised, the loudest output for noise is as loud as its input: the energy of the loudest channel is 1 (that is
    18 dB above what JUCE's convolution and pedalboard take, 0.125).

    Args:
        sample_rate: in Hz.
        param_range: rows of the table to replace.
        ir: impulse response, a tensor (L,) or (C, L) or the path of a sound file; None is a built-in room of 0.9 s.
        ir_rate: sample rate of a tensor ``ir`` in Hz, None for ``sample_rate``; a file says its own. Another rate is
            resampled.
        normalize: scale the response to energy 1, or take it as it is.
        true_stereo: take four channels as above; otherwise ``ir`` has one or two.
        trim: cut silence before the sound arrives (60 dB under the peak) and after it has gone (-90 dB of energy).
        learnable: make the response a parameter that training moves: ``fx.response``, (C, L).
        latency: samples by which the output comes late, 0 or a power of two from 32 to 16384; blocks shorter than it
            then cost less.

    Raises:
        ValueError: for a response of another shape, empty, silent or not finite, or an unknown option.
        OSError: for a file that cannot be read.

    References:
        W. G. Gardner, "Efficient convolution without input-output delay", JAES 43(3), 1995.
    """

    params = {
        "predelay_ms": EARLIEST,
        "decay": EffectParam(
            0.1, 2.0, 1.0, "log", doc="Factor on the response's decay time; 1 is as recorded.", automatable=False
        ),
        "lowpass_hz": replace(TONE["lowpass_hz"], doc="Darkens the reverberation; open at the end.", automatable=False),
        "highpass_hz": replace(TONE["highpass_hz"], doc="Thins the reverberation; open at the end.", automatable=False),
        "width": WIDTH,
        "mix": MIX,
    }
    neutral = {"mix": 0.0}
    traits = {"linear", "time_invariant", "causal", "odd"}
    channels = (1, 2)
    channels_out = 2
    crosses_channels = True
    variants = (
        {},
        {"true_stereo": True, "normalize": False, "latency": 64},
        {"trim": True},
    )

    response: Tensor
    """The response at the sample rate, (C, L), trimmed and normalised."""
    _clock: Tensor

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        ir: Tensor | np.ndarray | str | os.PathLike[str] | None = None,
        ir_rate: float | None = None,
        normalize: bool = True,
        true_stereo: bool = False,
        trim: bool = False,
        learnable: bool = False,
        latency: int = 0,
    ) -> None:
        super().__init__(sample_rate, param_range)
        if isinstance(latency, bool) or latency not in (0, *(1 << k for k in range(5, 15))):
            raise ValueError(f"ConvolutionReverb: latency must be 0 or a power of two, 32 .. 16384, got {latency!r}")
        legal = (4,) if true_stereo else (1, 2)
        try:
            response = built_in(sample_rate, legal[-1]) if ir is None else load(ir, sample_rate, ir_rate)
        except (ValueError, TypeError, OSError) as error:
            raise type(error)(f"ConvolutionReverb: {error}") from None
        if response.shape[0] not in legal:
            cure = "; give true_stereo=True" if response.shape[0] == 4 else ""
            raise ValueError(
                f"ConvolutionReverb: ir must have {' or '.join(map(str, legal))} channels"
                f"{' (left to left, left to right, right to left, right to right)' if true_stereo else ''}, "
                f"got {response.shape[0]}{cure}"
            )
        if trim:
            response = trimmed(response)
        if normalize:
            energy = response.square().sum(-1)
            response = response / (energy.view(2, 2).sum(0) if true_stereo else energy).max().sqrt()
        self.true_stereo, self.latency_samples = true_stereo, latency
        clock = decay_clock(response, sample_rate)
        if learnable:
            self.response = nn.Parameter(response.to(torch.get_default_dtype()))
        else:
            self.register_buffer("response", response, persistent=False)
        self.register_buffer("_clock", clock, persistent=False)
        latest = math.ceil(self.params["predelay_ms"].max_val * sample_rate / 1000)
        self._taps = response.shape[-1] + (latest + 6 if latest else 0)

    def process(
        self,
        x: Tensor,
        state: State,
        *,
        predelay_ms: Tensor,
        decay: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
        width: Tensor,
        mix: Tensor,
    ) -> tuple[Tensor, State]:
        """Convolve with what the knobs make of the response; the state is the sound still to come."""
        shaping = {
            "predelay_ms": predelay_ms,
            "decay": decay,
            "lowpass_hz": lowpass_hz,
            "highpass_hz": highpass_hz,
        }
        before = state or {"wet": None, "dry": None}

        def respond(samples: int) -> Tensor:
            h = self._respond(samples, x.dtype, **shaping)
            return h.unflatten(1, (2, 2)).transpose(1, 2) if self.true_stereo else h

        wet, after = reverberate(
            x.expand(-1, 2, -1) if self.true_stereo else x,
            before["wet"],
            respond,
            self._taps,
            tuple(shaping.values()),
            version=0 if torch.compiler.is_compiling() else self.response._version,
            latency=self.latency_samples,
            matrix=self.true_stereo,
        )
        dry, line = delayed(x, self.latency_samples, before["dry"])
        return blend(dry, wet, width, mix), {"wet": after, "dry": line}

    def tail(self, *, width: Tensor, mix: Tensor, **shaping: Tensor) -> Tensor:
        """Until the response has all but gone."""
        return heard_seconds(self._respond(self._taps, torch.float64, **shaping), self.sample_rate)

    def curve(self, *, width: Tensor, mix: Tensor, **shaping: Tensor) -> Curve:
        """Decay of the energy of the response."""
        h = self._respond(self._taps, torch.float64, **shaping)
        return decay_curve(h[0], self.sample_rate, "ConvolutionReverb")

    def _respond(
        self,
        samples: int,
        dtype: torch.dtype,
        *,
        predelay_ms: Tensor,
        decay: Tensor,
        lowpass_hz: Tensor,
        highpass_hz: Tensor,
    ) -> Tensor:
        """The first samples of the response that the knobs ask for, (B, C, samples)."""
        base, clock = self.response[:, :samples].to(dtype), self._clock[:samples]
        weight = torch.exp((1 - 1 / decay.double()) * clock).to(dtype)
        h = torch.nn.functional.pad(base * weight, (0, samples - base.shape[-1]))
        h = delay_line(h, predelay_ms.double() * (self.sample_rate / 1000))
        return darkened(h, lowpass_hz, highpass_hz, self.sample_rate)
