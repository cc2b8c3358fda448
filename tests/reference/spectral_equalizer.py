"""Spectral equaliser: log magnitudes at points, straight lines over log frequency, a Hann window.

Minimum phase is that of Oppenheim and Schafer, section 13.5.
The transform is four times as long as the filter, or as fine as the narrowest distance across a point.
"""

import numpy as np

from tests.reference.fir_filter import SIDES, filtered, minimum


def twin(x, sample_rate, points=32, num_taps=1023, phase="zero", layout="shared", **gains):
    if isinstance(points, int):
        points = np.geomspace(20, min(20000, 0.49 * sample_rate), points)
    edges = np.r_[0, points, sample_rate / 2]
    size = 2 ** int(np.ceil(np.log2(max(4 * num_taps, sample_rate / np.min(edges[2:] - edges[:-2])))))
    bins = np.abs(np.fft.fftfreq(size, 1 / sample_rate))
    filters = []
    for side in SIDES[layout]:
        given = [v for name, v in gains.items() if name.startswith(f"{side}point_")]
        log_magnitude = np.log(10) / 20 * np.interp(np.log(np.maximum(bins, 1e-9)), np.log(points), given)
        if phase == "minimum":
            window = 0.5 + 0.5 * np.cos(np.pi * np.arange(num_taps) / num_taps)
            filters.append(minimum(log_magnitude)[:num_taps] * window)
        else:
            h = np.fft.fftshift(np.fft.ifft(np.exp(log_magnitude)).real)
            around = np.arange(-(num_taps // 2), num_taps // 2 + 1)
            filters.append(h[size // 2 + around] * (0.5 + 0.5 * np.cos(np.pi * around / (num_taps // 2 + 1))))
    return filtered(x, filters, layout)
