"""Dynamic equaliser: band-pass by the trapezoidal rule, mean square, gain in dB smoothed (Giannoulis et al. 2012)."""

import math


def band_pass(x, freq_hz, q, sample_rate):
    """RBJ cookbook, constant 0 dB peak gain."""
    w = 2 * math.pi * freq_hz / sample_rate
    alpha, y = math.sin(w) / (2 * q), []
    for n, u in enumerate(x):
        x2 = x[n - 2] if n > 1 else 0.0
        y1, y2 = (y[n - k] if n >= k else 0.0 for k in (1, 2))
        y.append((alpha * (u - x2) + 2 * math.cos(w) * y1 - (1 - alpha) * y2) / (1 + alpha))
    return y


def mean_square(x, rms_ms, sample_rate):
    c, power, y = math.exp(-1000 / (sample_rate * rms_ms)), 0.0, []
    for u in x:
        power = c * power + (1 - c) * u * u
        y.append(power)
    return y


def twin(x, sample_rate, num_bands=3, direction="above", link=True, rms_ms=25.0, sidechain=None, **knobs):
    keys, y = x if sidechain is None else sidechain, x
    for k in range(num_bands):
        names = ("freq_hz", "q", "threshold_db", "ratio", "range_db", "attack_ms", "release_ms")
        freq, q, threshold, ratio, reach, attack, release = (knobs[f"band_{k + 1}_{name}"] for name in names)
        side = direction if isinstance(direction, str) else direction[k]
        powers = [mean_square(band_pass(key, freq, q, sample_rate), rms_ms, sample_rate) for key in keys]
        if link:
            powers = [[max(several) for several in zip(*powers, strict=True)]]

        def asked(power, side=side, threshold=threshold, ratio=ratio, reach=reach):
            level = 10 * math.log10(max(power, 1e-20))
            over = max(level - threshold if side == "above" else threshold - level, 0.0)
            return min((1 - 1 / ratio) * over, abs(reach))

        out = []
        for c, channel in enumerate(y):
            band, size, result = band_pass(channel, freq, q, sample_rate), asked(0.0), []
            for u, b, power in zip(channel, band, powers[c % len(powers)], strict=True):
                now = asked(power)
                hold = math.exp(-1000 / (sample_rate * (attack if now > size else release)))
                size = hold * size + (1 - hold) * now
                gain = 10 ** (math.copysign(size, reach) / 20)
                result.append(u + (gain - 1) * b)
            out.append(result)
        y = out
    return y
