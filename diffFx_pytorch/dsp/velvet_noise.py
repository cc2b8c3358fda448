"""Velvet noise: few pulses of either sign, smoother to the ear than Gaussian noise."""

from __future__ import annotations

import numpy as np


def velvet_noise(
    seconds: float, sample_rate: float, density: float, rng: np.random.Generator
) -> tuple[np.ndarray, np.ndarray]:
    r"""Positions and signs of the pulses of velvet noise.

    .. math:: k_m = \lfloor (m + r_m) f_s / \rho \rfloor, \qquad s_m = \pm 1

    Each period of 1 / density has one pulse at a random place. From some 2000 pulses a second on it sounds smoother
    than Gaussian noise of the same level. The same draw gives the same times at every rate.

    Args:
        seconds: duration.
        sample_rate: in Hz.
        density: pulses per second, up to the sample rate.
        rng: source of the places r in [0, 1) and signs, one pair per pulse.

    Returns:
        ``(positions, signs)``: int64 (P,), rising, under ``seconds * sample_rate``, and float64 (P,). Two pulses may
        coincide only where periods are shorter than two samples.

    References:
        M. Karjalainen, H. Jarvelainen, "Reverberation modeling using velvet noise", AES 30th Conference, 2007.
        V. Valimaki, H.-M. Lehtonen, M. Takanen, "A perceptual study on velvet noise and its variants at different pulse
        densities", IEEE Trans. Audio, Speech, Lang. Process. 21(7), 2013, eq. 1 and 2.
    """
    draws = rng.random((int(seconds * density), 2))
    positions = np.floor((np.arange(len(draws)) + draws[:, 0]) * (sample_rate / density)).astype(np.int64)
    inside = positions < round(seconds * sample_rate)
    return positions[inside], np.where(draws[:, 1] < 0.5, -1.0, 1.0)[inside]
