"""The bands of a parametric equaliser: their knobs, and the sections that they are."""

from __future__ import annotations

from collections.abc import Mapping

import torch
from torch import Tensor

from ...dsp.section_design import Design, section_design
from ...options import Integer
from ...params import EffectParam

NUM_PEAKS = Integer(0, 64, 3, doc="Number of peaks between the shelves.")


def parametric_rows(num_peaks: int) -> dict[str, EffectParam]:
    """Gain, frequency and Q of the shelves and of every peak."""
    rows = _band("low_shelf", 20.0, 2000.0, 100.0, "far below low_shelf_freq_hz", "Middle of the slope")
    for i in range(num_peaks):
        # Middles of equal parts of 100 Hz .. 10 kHz, on a logarithmic axis.
        centre = round(100.0 * 100.0 ** ((i + 0.5) / num_peaks))
        rows |= _band(f"peak_{i + 1}", 20.0, 20000.0, centre, f"at peak_{i + 1}_freq_hz", "Centre of the bell")
    return rows | _band("high_shelf", 1000.0, 20000.0, 8000.0, "far above high_shelf_freq_hz", "Middle of the slope")


def parametric_sections(knobs: Mapping[str, Tensor], num_peaks: int, sample_rate: float, design: Design) -> Tensor:
    """Sections [b0 b1 b2 a0 a1 a2] (..., K, 6), float64, K = ``num_peaks`` + 2, of knobs that broadcast to (...)."""
    bands = ["low_shelf", *(f"peak_{i + 1}" for i in range(num_peaks)), "high_shelf"]
    kinds = ("low_shelf", *["peak"] * num_peaks, "high_shelf")
    given = [knobs[f"{band}_{knob}"] for knob in ("freq_hz", "q", "gain_db") for band in bands]
    if any(knob.shape != given[0].shape for knob in given):
        given = torch.broadcast_tensors(*given)
    count = len(bands)
    freq, q, gain = (torch.stack(tuple(given[i : i + count]), -1) for i in range(0, 3 * count, count))
    return section_design(kinds, freq, q, gain, sample_rate, design)


def _band(name: str, lowest: float, highest: float, usual: float, gains: str, centre: str) -> dict[str, EffectParam]:
    steep = "Steepness of the slope; 0.7071 is the steepest without ripple."
    return {
        f"{name}_gain_db": EffectParam(-24.0, 24.0, 0.0, unit="dB", doc=f"Gain {gains}."),
        f"{name}_freq_hz": EffectParam(lowest, highest, usual, "log", "Hz", search="frequency", doc=f"{centre}."),
        f"{name}_q": EffectParam(
            0.1,
            10.0 if "slope" in centre else 100.0,
            0.7071,
            "log",
            doc=steep if "slope" in centre else "Narrowness of the bell.",
        ),
    }
