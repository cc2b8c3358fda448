"""Compressor: Giannoulis, Massberg, Reiss, JAES 60(6) 2012, equations 4 and 16, one sample at a time, in dB.

The exponential knee is that of Lee et al., DAFx 2024, as high at the threshold as the parabola is.
"""

import math


def highpass(v, freq_hz, sample_rate):
    """Second-order Butterworth, bilinear: RBJ cookbook HPF with Q = 1 / sqrt(2)."""
    w = 2 * math.pi * freq_hz / sample_rate
    c, alpha = math.cos(w), math.sin(w) / math.sqrt(2)
    y = []
    for n in range(len(v)):
        x0, x1, x2 = (v[n - k] if n >= k else 0.0 for k in (0, 1, 2))
        y1, y2 = (y[n - k] if n >= k else 0.0 for k in (1, 2))
        y.append(((1 + c) / 2 * (x0 - 2 * x1 + x2) + 2 * c * y1 - (1 - alpha) * y2) / (1 + alpha))
    return y


def static_reduction(level, T, R, W, shape):
    over = level - T
    if shape == "exponential":
        beta = W / (8 * math.log(2))
        return (1 - 1 / R) * (max(over, 0) + beta * math.log1p(math.exp(-abs(over) / beta)))
    if 2 * abs(over) < W:
        return (1 - 1 / R) * (over + W / 2) ** 2 / (2 * W)
    return (1 - 1 / R) * over if over > 0 else 0.0


def squares(keys, link):
    powers = [[s * s for s in key] for key in keys]
    return [[max(several) for several in zip(*powers, strict=True)]] if link else powers


def crest(powers, sample_rate):
    """The square of the crest factor: peak and mean square over 200 ms."""
    hold, peak, mean, result = math.exp(-5 / sample_rate), 0.0, 0.0, []
    for p in powers:
        mean = hold * mean + (1 - hold) * p
        peak = max(p, hold * peak + (1 - hold) * p)
        result.append((peak + 1e-20) / (mean + 1e-20))
    return result


def twin(
    x, sample_rate, threshold_db, ratio, knee_db, attack_ms, release_ms, makeup_db, mix,
    detector="peak", knee_shape="quadratic", link=True, lookahead_ms=0.0, key_highpass_hz=None, rms_ms=25.0,
    auto_times=False, auto_makeup=False, sidechain=None,
):  # fmt: skip
    keys = x if sidechain is None else sidechain
    if auto_makeup:
        makeup_db -= threshold_db * (1 - 1 / ratio) / 2
    crests = [crest(powers, sample_rate) for powers in squares(keys, link)] if auto_times else None
    if key_highpass_hz:
        keys = [highpass(key, key_highpass_hz, sample_rate) for key in keys]
    sizes = [[abs(s) for s in key] for key in keys]
    window = round(0.01 * sample_rate)
    if detector == "peak":
        sizes = [[max(key[max(0, n - window + 1) : n + 1]) for n in range(len(key))] for key in sizes]
    else:
        for key in sizes:
            power = 0.0
            for n, s in enumerate(key):
                power += (1 - math.exp(-1000 / (sample_rate * rms_ms))) * (s * s - power)
                key[n] = math.sqrt(power)
    if link:
        sizes = [[max(several) for several in zip(*sizes, strict=True)]]
    late, result = round(lookahead_ms * sample_rate / 1000), []
    for c, channel in enumerate(x):
        reduction, y = 0.0, []
        for n, size in enumerate(sizes[c % len(sizes)]):
            asked = static_reduction(20 * math.log10(max(size, 1e-10)), threshold_db, ratio, knee_db, knee_shape)
            rising = asked > reduction
            time_ms = attack_ms if rising else release_ms
            if crests:
                longest = attack_ms if rising else max(release_ms - attack_ms, 0.01)
                time_ms = 2 * longest / min(crests[c % len(crests)][n], 64.0)
            hold = math.exp(-1000 / (sample_rate * time_ms))
            reduction = hold * reduction + (1 - hold) * asked
            dry = channel[n - late] if n >= late else 0.0
            y.append((1 - mix) * dry + mix * dry * 10 ** ((makeup_db - reduction) / 20))
        result.append(y)
    return result
