"""Graphic equaliser."""

from __future__ import annotations

import functools
import itertools
import math
import warnings
from collections.abc import Sequence
from typing import Literal

import torch
from torch import Tensor

from ...dsp.biquad import Design, peak, sos_response
from ...dsp.levels import NEPER_PER_DB, amp_to_db
from ...options import Given
from ...params import HIGHEST_FREQUENCY, EffectParam
from .filters import DESIGN, SectionFilter

OCTAVE = (31.5, 63.0, 125.0, 250.0, 500.0, 1000.0, 2000.0, 4000.0, 8000.0, 16000.0)
"""ISO 266 preferred frequencies an octave apart, in Hz."""

# fmt: off
THIRD_OCTAVE = (
    20.0, 25.0, 31.5, 40.0, 50.0, 63.0, 80.0, 100.0, 125.0, 160.0, 200.0, 250.0, 315.0, 400.0, 500.0, 630.0, 800.0,
    1000.0, 1250.0, 1600.0, 2000.0, 2500.0, 3150.0, 4000.0, 5000.0, 6300.0, 8000.0, 10000.0, 12500.0, 16000.0, 20000.0,
)
"""ISO 266 preferred frequencies a third of an octave apart, in Hz."""
# fmt: on

_SLIDER_DB = 12.0
_SHARE = 0.38
_WIDEST = 3.75
_FURTHEST = 3.0
_DEGREE = 9
_NODES = 33
_ROUNDS = 4


class GraphicEqualizer(SectionFilter):
    """Peaks in series, one per band, whose gains are solved for so that the curve goes through the sliders.

    The width of a peak of gain g dB is such that it has 0.38 g at the nearer of its neighbours' centres: with
    u = f / f0 - f0 / f there,

        1 / Q^2 = u^2 sinh(0.38 G) / sinh(0.62 G),    G = g ln(10) / 20.

    So the shape in dB hardly depends on g, and what the peaks do together at the centres is nearly a matrix times g.
    Its inverse, a constant, gives the gains from the sliders; what is left is found with polynomials of g, fitted when
    the effect is built, and taken off by the same inverse, four times. The response at each centre then equals its
    slider within 0.1 dB, whatever the other sliders do.

    Given a ``q``, nothing is solved for: every peak has that Q and its slider's gain, and neighbours add up, as in
    equalisers of constant Q.

    References:
        V. Valimaki, J. Liski, "Accurate cascade graphic equalizer", IEEE SPL 24(2), 2017.
        J. Liski, V. Valimaki, "The quest for the best graphic equalizer", DAFx 2017.
        M. Vicanek, "Matched second order digital filters", 2016.
    """

    words = ("{band_#_gain_db:adds} in band #",)
    options = {
        "bands": Given(
            "octave",
            Literal["octave", "third_octave"] | Sequence[float],
            "'octave', 'third_octave' or centre frequencies in Hz, positive and rising",
            doc="10 bands, 31.5 Hz .. 16 kHz, or 31 bands, 20 Hz .. 20 kHz, or your own centres. What lies over 0.49 "
            "of the sample rate is left out of a named set, with a warning; a centre of your own there is an error.",
            check=lambda bands: bool(_wanted(bands)),
        ),
        "q": Given(
            None,
            float | Sequence[float] | None,
            "a number in 0.1 .. 100, as many as bands, or None",
            doc="Q of every peak, or of each; None makes the curve go through the sliders.",
            check=lambda q: q is None or all(0.1 <= value <= 100 for value in _qs(q, 1)),
        ),
        "design": DESIGN,
    }
    variants = (
        {},
        {"bands": [250.0, 700.0, 2000.0], "design": "bilinear"},
        {"bands": [250.0, 700.0, 2000.0], "q": [1.0, 4.0, 2.0]},
    )

    centres_hz: tuple[float, ...]
    """Centre of each band, in Hz."""

    def table(self) -> dict[str, EffectParam]:
        """A slider for each centre that the sample rate allows."""
        self.centres_hz = _centres(self.bands, self.sample_rate)
        return {
            f"band_{i + 1}_gain_db": EffectParam(-_SLIDER_DB, _SLIDER_DB, 0.0, unit="dB", doc=f"Gain at {centre:g} Hz.")
            for i, centre in enumerate(self.centres_hz)
        }

    def prepare(self) -> None:
        """What the bands do to each other."""
        self.neutral = dict.fromkeys(self.params, 0.0)
        freqs = torch.tensor(self.centres_hz, dtype=torch.float64)
        self.register_buffer("_freqs", freqs, persistent=False)
        if self.q is not None:
            if len(qs := _qs(self.q, len(freqs))) != len(freqs):
                raise ValueError(f"q must be a number or one for each of {len(freqs)} bands, got {self.q!r}")
            self.register_buffer("_q", freqs.new_tensor(qs), persistent=False)
            return
        largest = max(_SLIDER_DB, *(max(abs(p.min_val), abs(p.max_val)) for p in self.params.values()))
        reach, solve, powers = _interaction(self.centres_hz, largest, self.sample_rate, self.design)
        self._furthest = _FURTHEST * largest
        for name, value in {"_reach": reach, "_solve": solve, "_powers": powers}.items():
            self.register_buffer(name, value, persistent=False)

    def sections(self, **knobs: Tensor) -> Tensor:
        """The filters as sections [b0 b1 b2 a0 a1 a2], float64; knobs and shape as for ``SectionFilter``."""
        given = list(knobs.values())
        if any(knob.shape != given[0].shape for knob in given):
            given = torch.broadcast_tensors(*given)
        sliders = torch.stack(given, -1).double()
        if self.q is not None:
            return peak(self._freqs, self._q, sliders, self.sample_rate, self.design)
        return _peaks(self.gains(sliders), self._freqs, self._reach, self.sample_rate, self.design)

    def gains(self, sliders: Tensor) -> Tensor:
        """Gains of the peaks, in dB, whose cascade goes through the sliders (..., K), in dB, at the centres."""
        gains = sliders @ self._solve
        for _ in range(_ROUNDS):
            gains = gains + (sliders - self._at_centres(gains)) @ self._solve
        return gains

    def _at_centres(self, gains: Tensor) -> Tensor:
        """What the peaks do together at each centre, in dB: without a constant, so that 0 stays 0 exactly."""
        exponents = torch.arange(1, _DEGREE + 1, dtype=gains.dtype, device=gains.device)
        powers = (gains / self._furthest).unsqueeze(-2) ** exponents.unsqueeze(-1)
        return powers.flatten(-2) @ self._powers


def _peaks(gains: Tensor, freqs: Tensor, reach: Tensor, sample_rate: float, design: Design) -> Tensor:
    """Sections (..., K, 6) of peaks with gains (..., K), in dB."""
    G = gains * NEPER_PER_DB
    small = G.abs() < 1e-3
    near, far = torch.where(small, G, 0.0), torch.where(small, 1.0, G)
    series = _SHARE / (1 - _SHARE) * (1 + (2 * _SHARE - 1) / 6 * near * near)
    width = torch.where(small, series, torch.sinh(_SHARE * far) / torch.sinh((1 - _SHARE) * far))
    return peak(freqs, 1 / (reach * width.sqrt()), gains, sample_rate, design)


# Cached, so that two equalisers of a kind are the same to the last bit, which an inversion done twice need not be.
@functools.lru_cache(maxsize=64)
def _interaction(
    centres: tuple[float, ...], largest: float, sample_rate: float, design: Design
) -> tuple[Tensor, Tensor, Tensor]:
    """The reach of each band (K,), the inverse interaction matrix (K, K), the polynomials' matrix (degree K, K)."""
    freqs = torch.tensor(centres, dtype=torch.float64)
    # The bilinear map bends the axis; bands are told apart where its filters are symmetric.
    reach = _reach(freqs if design == "matched" else torch.tan(math.pi / sample_rate * freqs))

    def at_centres(gains: Tensor) -> Tensor:
        """What each peak (rows) does at each centre (columns), in dB."""
        sections = _peaks(gains, freqs, reach, sample_rate, design)
        return amp_to_db(sos_response(sections.unsqueeze(-2), freqs, sample_rate).abs())

    typical = 2 * largest
    solve = torch.linalg.inv(at_centres(torch.full_like(freqs, typical)) / typical)
    nodes = torch.cos(math.pi * (torch.arange(_NODES, dtype=torch.float64) + 0.5) / _NODES)
    measured = at_centres((_FURTHEST * largest * nodes)[:, None].expand(-1, len(freqs)))
    monomials = nodes[:, None] ** torch.arange(1, _DEGREE + 1, dtype=torch.float64)
    fitted = torch.linalg.lstsq(monomials, measured.flatten(1)).solution
    return reach, solve, fitted.reshape(-1, len(centres))


def _qs(q: float | Sequence[float], count: int) -> tuple[float, ...]:
    return tuple(float(value) for value in q) if isinstance(q, Sequence) else (float(q),) * count


def _wanted(bands: str | Sequence[float]) -> tuple[float, ...]:
    """The centres that were asked for, positive and rising."""
    wanted = {"octave": OCTAVE, "third_octave": THIRD_OCTAVE}.get(bands) if isinstance(bands, str) else None
    if wanted is None:
        wanted = tuple(float(centre) for centre in bands)
    rising = all(low < high for low, high in itertools.pairwise(wanted))
    if not wanted or not rising or not wanted[0] > 0 or not math.isfinite(wanted[-1]):
        raise ValueError("not centres")
    return wanted


def _centres(bands: str | Sequence[float], sample_rate: float) -> tuple[float, ...]:
    """Those of the centres that the sample rate allows."""
    wanted = _wanted(bands)
    highest = HIGHEST_FREQUENCY * sample_rate
    allowed = tuple(centre for centre in wanted if centre <= highest)
    if len(allowed) < len(wanted) and not isinstance(bands, str):
        # The named sets are a norm, of which a sample rate holds a part; a list is what somebody asked for.
        raise ValueError(
            f"a centre of {wanted[-1]:g} Hz lies over {highest:g} Hz, the highest at a sample rate "
            f"of {sample_rate:g} Hz; leave it out or raise the sample rate"
        )
    if not allowed:
        raise ValueError(
            f"no band is left under {highest:g} Hz, the highest centre at a sample rate of "
            f"{sample_rate:g} Hz; the lowest given is {wanted[0]:g} Hz"
        )
    if len(allowed) < len(wanted):
        left_out = ", ".join(f"{centre:g}" for centre in wanted[len(allowed) :])
        warnings.warn(
            f"GraphicEqualizer: bands at {left_out} Hz are left out: at a sample rate of {sample_rate:g} Hz centres "
            f"end at {highest:g} Hz",
            stacklevel=5,
        )
    return allowed


def _reach(axis: Tensor) -> Tensor:
    """Distance f / f0 - f0 / f to the nearer neighbour, at most that of two octaves; a band alone has an octave."""
    if len(axis) == 1:
        return torch.full_like(axis, 1.5)
    ratio = axis[1:] / axis[:-1]
    u = ratio - 1 / ratio
    return torch.minimum(torch.cat([u[:1], u]), torch.cat([u, u[-1:]])).clamp_max(_WIDEST)
