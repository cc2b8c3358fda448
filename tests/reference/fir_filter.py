"""FIR filter: a sum over the last samples; minimum phase by the cepstrum (Oppenheim and Schafer, section 13.5)."""

import numpy as np

SIDES = {"shared": [""], "stereo": ["left_", "right_"], "mid_side": ["mid_", "side_"]}


def convolved(channel, h):
    return [sum(h[k] * channel[n - k] for k in range(min(n + 1, len(h)))) for n in range(len(channel))]


def filtered(x, filters, layout):
    """Each channel, or the sum and the difference of two, through its filter."""
    if layout == "mid_side":
        mid, side = ([(a + s * b) / 2 for a, b in zip(*x, strict=True)] for s in (1, -1))
        mid, side = convolved(mid, filters[0]), convolved(side, filters[1])
        return [[m + s * d for m, d in zip(mid, side, strict=True)] for s in (1, -1)]
    return [convolved(channel, filters[c % len(filters)]) for c, channel in enumerate(x)]


def minimum(log_magnitude):
    """Over a whole circle of frequencies."""
    n = len(log_magnitude)
    cepstrum = np.fft.ifft(log_magnitude).real
    cepstrum[1 : n // 2] *= 2
    cepstrum[n // 2 + 1 :] = 0
    return np.fft.ifft(np.exp(np.fft.fft(cepstrum))).real


def twin(x, sample_rate, num_taps=33, phase="any", normalize=False, layout="shared", **taps):
    filters = []
    for side in SIDES[layout]:
        h = np.array([v for name, v in taps.items() if name.startswith(f"{side}tap_")])
        if phase == "linear":
            h = np.r_[h[:0:-1], h]
        elif phase == "minimum":
            size = 8 * 2 ** int(np.ceil(np.log2(num_taps)))
            power = np.abs(np.fft.fft(h, size)) ** 2
            h = minimum(np.log((power + 1e-6) / (1 + 1e-6)) / 2)[:num_taps]
        filters.append(h / np.sqrt(np.sum(h**2) + 1e-12) if normalize else h)
    return filtered(x, filters, layout)
