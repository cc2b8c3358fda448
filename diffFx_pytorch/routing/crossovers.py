"""Ways to split a sound into bands."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, TypeAlias

import torch
from torch import Tensor, nn

from ..dsp.biquad import ring_seconds, sos_response
from ..dsp.convolution import convolve
from ..dsp.crossover import linkwitz_riley, zero_phase_bands
from ..dsp.moving_convolution import convolve_moving
from ..dsp.zero_phase import about_the_middle, hann_half, zero_phase
from ..options import Choice, Integer, Option
from ..processor import State
from ..recursion import ControlPoints, filter_sections, svf_to_sos

CROSSOVER: Mapping[str, Option] = {
    "crossover": Choice(
        "linkwitz-riley",
        "linear-phase",
        doc='"linkwitz-riley" has no latency; its bands sum to an all-pass, which delays the lows by some ms. Those of '
        '"linear-phase" have the same slopes and sum to a pure delay, half of num_taps, and ring half before a hit.',
    ),
    "num_taps": Integer(
        3, 65535, 4095, doc="Length of the linear-phase filters, odd: a crossover needs about 4 of its periods."
    ),
}
"""The options of effects in bands that say how they are split."""


class LinkwitzRiley(nn.Module):
    """Sections of fourth order, phase-compensated: see ``dsp.crossover.linkwitz_riley``."""

    latency = 0

    def __init__(self, sample_rate: float) -> None:
        super().__init__()
        self.sample_rate = sample_rate

    def control(self, freqs: Tensor) -> Tensor:
        """Sections of every band (B, N, F, K, 6) of frequencies in order (B, 1, F, N - 1)."""
        return svf_to_sos(linkwitz_riley(freqs, self.sample_rate)).squeeze(1).movedim(2, 1)

    def forward(self, x: Tensor, sections: Tensor | ControlPoints, state: State) -> tuple[Tensor, State]:
        """Bands (B, N, C, T) of x (B, C, T)."""
        if isinstance(sections, ControlPoints):
            sections = sections._replace(values=sections.values.unsqueeze(2))
        else:
            sections = sections.unsqueeze(2)
        return filter_sections(x.unsqueeze(1), sections, state)

    def ring(self, freqs: Tensor) -> Tensor | float:
        """Seconds until the band that rings longest has, after the latency."""
        return ring_seconds(self.control(freqs), self.sample_rate).flatten(0, -2).sum(-1).amax()

    def magnitude(self, freqs: Tensor, at_hz: Tensor) -> Tensor:
        """Of every band (N, F) at frequencies (F,), for crossovers (1, 1, 1, N - 1)."""
        return sos_response(self.control(freqs)[0, :, 0].unsqueeze(1), at_hz, self.sample_rate).abs().flatten(1)


class LinearPhase(nn.Module):
    """Filters of linear phase with the magnitudes of those: all bands but the highest, which is what they leave.

    The magnitudes are sampled, transformed, and cut by a Hann window, which leaves their sum as it is: a pure delay of
    (``num_taps`` - 1) / 2 samples, the latency.

    Raises:
        ValueError: for an even number of taps.
    """

    _half_turns: Tensor
    _window: Tensor

    def __init__(self, sample_rate: float, num_taps: int, control_period: int) -> None:
        super().__init__()
        if num_taps % 2 == 0:
            raise ValueError(f"num_taps must be odd, got {num_taps}")
        self.sample_rate, self.taps, self.control_period = sample_rate, num_taps, control_period
        self.latency = (num_taps - 1) // 2
        self.transform = 4 << (num_taps - 1).bit_length()
        half_turns = math.pi / self.transform * torch.arange(self.transform // 2 + 1, dtype=torch.float64)
        self.register_buffer("_half_turns", half_turns, persistent=False)
        self.register_buffer("_window", about_the_middle(hann_half(self.latency + 1)), persistent=False)

    def taps_of(self, freqs: Tensor) -> Tensor:
        """Taps (B, N - 1, 1, F, L) of frequencies in order (B, 1, 1, F, N - 1)."""
        bands = zero_phase_bands(freqs, self._half_turns, self.sample_rate)
        return (zero_phase(bands, self.transform, self.latency + 1) * self._window).squeeze(1).movedim(-2, 1)

    def control(self, freqs: Tensor) -> dict[str, Tensor]:
        """The frequencies in order (B, 1, F, N - 1); the taps (B, N - 1, 1, L) too where they stand still."""
        still = self.taps_of(freqs.unsqueeze(1))[:, :, 0] if freqs.shape[2] == 1 else freqs[:1, :, :1, :0]
        return {"freqs": freqs, "still": still}

    def forward(self, x: Tensor, given: Mapping[str, Any], state: State) -> tuple[Tensor, State]:
        """Bands (B, N, C, T) of x (B, C, T); the state is the last samples of the input."""
        past = x.new_zeros(*x.shape[:-1], self.taps - 1) if state is None else state
        whole = torch.cat((past, x), -1)
        freqs, still, heard = given["freqs"], given["still"], whole.unsqueeze(1)
        if still.shape[-1]:
            lower = convolve(heard, still.to(x.dtype), start=self.taps - 1, samples=x.shape[-1])
        else:
            if isinstance(freqs, ControlPoints):
                knobs, at, longest = freqs.values, freqs.at, self.control_period
            else:
                knobs, at, longest = freqs, torch.arange(x.shape[-1], device=x.device), 1
            lower = convolve_moving(heard, self.taps_of, knobs.unsqueeze(1), at, longest, self.taps, self.transform)
        late = heard[..., self.latency : self.latency + x.shape[-1]]
        return torch.cat((lower, late - lower.sum(1, keepdim=True)), 1), whole[..., x.shape[-1] :]

    def ring(self, freqs: Tensor) -> Tensor | float:
        """Seconds until the filters have rung out, after the latency."""
        return self.latency / self.sample_rate

    def magnitude(self, freqs: Tensor, at_hz: Tensor) -> Tensor:
        """Of every band (N, F) at frequencies (F,), for crossovers (1, 1, 1, N - 1)."""
        taps = self.control(freqs)["still"][0, :, 0]
        turns = torch.arange(-self.latency, self.latency + 1, dtype=torch.float64) * at_hz[:, None]
        lower = taps @ (turns * (2 * math.pi / self.sample_rate)).cos().T
        return torch.cat((lower, 1 - lower.sum(0, keepdim=True))).abs()


Crossover: TypeAlias = LinkwitzRiley | LinearPhase
