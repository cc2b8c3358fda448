"""Graphic equaliser: Valimaki and Liski 2017, its gains found by a constant inverse and polynomials of the gains.

Peaks are those of the RBJ cookbook or of Vicanek 2016, as wide as puts 0.38 of their gain at the nearer neighbour,
or of a given Q and the sliders' gains.
"""

import numpy as np

OCTAVE = [31.5, 63, 125, 250, 500, 1000, 2000, 4000, 8000, 16000]
EXACT = np.longdouble
PI = EXACT("3.14159265358979323846264338327950288")


def peak(f, q, gain, fs, design):
    A, w = EXACT(10) ** (EXACT(gain) / 40), 2 * PI * f / fs
    if design == "bilinear":
        c, al = np.cos(w), np.sin(w) / (2 * q)
        return np.array([1 + al * A, -2 * c, 1 - al * A]), np.array([1 + al / A, -2 * c, 1 - al / A])
    zeta, p0, p1 = 1 / (2 * q * A), np.cos(w / 2) ** 2, np.sin(w / 2) ** 2
    root = np.sqrt(abs(1 - zeta**2)) * w
    a1, a2 = -2 * np.exp(-zeta * w) * (np.cos(root) if zeta < 1 else np.cosh(root)), np.exp(-2 * zeta * w)
    A0, A1, A2 = (1 + a1 + a2) ** 2, (1 - a1 + a2) ** 2, -4 * a2
    R1, R2 = (A0 * p0 + A1 * p1 + A2 * 4 * p0 * p1) * A**4, (-A0 + A1 + 4 * (p0 - p1) * A2) * A**4
    B2 = (R1 - R2 * p1 - A0) / (4 * p1**2)
    B1 = R2 + A0 + 4 * (p1 - p0) * B2
    W = (np.sqrt(A0) + np.sqrt(B1)) / 2
    b0 = (W + np.sqrt(W**2 + B2)) / 2
    return np.array([b0, (np.sqrt(A0) - np.sqrt(B1)) / 2, -B2 / (4 * b0)]), np.array([EXACT(1), a1, a2])


def twin(x, sample_rate, bands=OCTAVE, q=None, design="matched", **sliders):
    if q is not None:
        of_bands = zip(bands, q, (sliders[f"band_{i + 1}_gain_db"] for i in range(len(bands))), strict=True)
        return cascade(x, [peak(EXACT(f), EXACT(own), gain, sample_rate, design) for f, own, gain in of_bands])
    f = np.array([c for c in bands if c <= 0.49 * sample_rate], EXACT)
    axis = f if design == "matched" else np.tan(PI * f / sample_rate)
    u = axis[1:] / axis[:-1] - axis[:-1] / axis[1:]
    u = np.minimum(np.minimum(np.r_[u[:1], u], np.r_[u, u[-1:]]), 3.75)
    z = np.exp(-2j * PI * f / sample_rate)

    def filters(gains):
        G = [g * np.log(EXACT(10)) / 20 if g else EXACT(1e-9) for g in gains]
        q = [
            1 / (ui * np.sqrt(np.sinh(EXACT("0.38") * g) / np.sinh(EXACT("0.62") * g)))
            for ui, g in zip(u, G, strict=True)
        ]
        return [peak(*band, sample_rate, design) for band in zip(f, q, gains, strict=True)]

    def at_centres(gains):  # dB of each peak (rows) at each centre (columns)
        return np.array(
            [20 * np.log10(abs(np.polyval(b[::-1], z) / np.polyval(a[::-1], z))) for b, a in filters(gains)]
        )

    inverse = np.linalg.inv((at_centres(np.full(len(f), 24.0)) / 24).astype(float))
    nodes = np.cos(np.pi * (np.arange(33) + 0.5) / 33)
    powers = np.stack([nodes**k for k in range(1, 10)], 1)
    measured = np.stack([at_centres(np.full(len(f), 36 * v)).ravel() for v in nodes]).astype(float)
    fit = np.linalg.lstsq(powers, measured, rcond=None)[0].reshape(9, len(f), len(f))
    target = np.array([sliders[f"band_{i + 1}_gain_db"] for i in range(len(f))])
    gains = target @ inverse
    for _ in range(4):
        gains = gains + (target - sum((gains / 36) ** k @ fit[k - 1] for k in range(1, 10))) @ inverse
    return cascade(x, filters(gains))


def cascade(x, filters):
    y = [list(map(EXACT, channel)) for channel in x]
    for b, a in filters:
        for channel in y:
            x1 = x2 = y1 = y2 = EXACT(0)
            for n, v in enumerate(channel):
                channel[n] = (b[0] * v + b[1] * x1 + b[2] * x2 - a[1] * y1 - a[2] * y2) / a[0]
                x1, x2, y1, y2 = v, x1, channel[n], y1
    return [list(map(float, channel)) for channel in y]
