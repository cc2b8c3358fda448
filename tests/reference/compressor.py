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


def knee(over, W, shape):
    if shape == "exponential":
        beta = W / (8 * math.log(2))
        return max(over, 0) + beta * math.log1p(math.exp(-abs(over) / beta))
    if 2 * abs(over) < W:
        return (over + W / 2) ** 2 / (2 * W)
    return max(over, 0.0)


def fed_back(over, before, R, W, hold):
    """s = hold before + (1 - hold) (R - 1) knee(over - s), by halving."""
    low, high = 0.0, hold * before + (1 - hold) * (R - 1) * knee(over, W, "quadratic")
    for _ in range(60):
        s = (low + high) / 2
        asked = hold * before + (1 - hold) * (R - 1) * knee(over - s, W, "quadratic")
        low, high = (s, high) if asked > s else (low, s)
    return (low + high) / 2


def squares(keys):
    """The power of each channel, and the largest."""
    powers = [[s * s for s in key] for key in keys]
    return [*powers, [max(several) for several in zip(*powers, strict=True)]]


def crest(powers, sample_rate):
    """The square of the crest factor: peak and mean square over 200 ms."""
    hold, peak, mean, result = math.exp(-5 / sample_rate), 0.0, 0.0, []
    for p in powers:
        mean = hold * mean + (1 - hold) * p
        peak = max(p, hold * peak + (1 - hold) * p)
        result.append((peak + 1e-20) / (mean + 1e-20))
    return result


def twin(
    x, sample_rate, threshold_db, ratio, knee_db, attack_ms, release_ms, makeup_db, mix, range_db=0.0,
    slow_release_ms=1.0, memory=0.0,
    detector="peak", knee_shape="quadratic", topology="feed-forward", direction="downward", link=1.0,
    lookahead_ms=0.0, key_highpass_hz=None, rms_ms=25.0, auto_times=False, auto_makeup=False, sidechain=None,
):  # fmt: skip
    keys, up = x if sidechain is None else sidechain, direction == "upward"
    if auto_makeup and not up:  # nothing is lost upwards
        makeup_db -= threshold_db * (1 - 1 / ratio) / 2
    crests = [crest(powers, sample_rate) for powers in squares(keys)]
    if key_highpass_hz:
        keys = [highpass(key, key_highpass_hz, sample_rate) for key in keys]
    sizes = [[abs(s) for s in key] for key in keys]
    window = round(0.01 * sample_rate)
    if detector in ("peak", "opto"):
        sizes = [[max(key[max(0, n - window + 1) : n + 1]) for n in range(len(key))] for key in sizes]
    elif detector == "rms":
        for key in sizes:
            power = 0.0
            for n, s in enumerate(key):
                power += (1 - math.exp(-1000 / (sample_rate * rms_ms))) * (s * s - power)
                key[n] = math.sqrt(power)
    sizes.append([max(several) for several in zip(*sizes, strict=True)])

    def asked(size):
        over = 20 * math.log10(max(size, 1e-10)) - threshold_db
        bent = (1 - 1 / ratio) * knee(-over if up else over, knee_db, knee_shape)
        return min(bent, range_db) if up else bent

    def hold(rising, c):
        longest = attack_ms if rising else release_ms
        if auto_times:
            longest = (attack_ms if rising else max(release_ms - attack_ms, 0.01)) * 2 / min(c, 64.0)
        return math.exp(-1000 / (sample_rate * longest))

    def reductions(key, squared_crest):
        s, slow, power, found = asked(0.0) if up else 0.0, 0.0, 0.0, []
        for size, c in zip(key, squared_crest, strict=True):
            over = 20 * math.log10(max(size, 1e-15)) - threshold_db
            back = topology == "feed-back"
            wanted = (ratio - 1) * knee(over - s, knee_db, knee_shape) if back else asked(size)
            keeps = hold((wanted > s) != up, c)
            if detector in ("vca", "envelope"):
                p = 2 if detector == "vca" else 1
                keeps = hold(size**p > power, c)
                power = keeps * power + (1 - keeps) * size**p
                s = asked(power ** (1 / p))
            else:
                s = fed_back(over, s, ratio, knee_db, keeps) if back else keeps * s + (1 - keeps) * wanted
            slow += (1 - math.exp(-1000 / (sample_rate * slow_release_ms))) * (s - slow)
            reduction = s + memory * max(slow - s, 0.0)
            found.append(-reduction if up else reduction)
        return found

    *own, shared = [reductions(key, c) for key, c in zip(sizes, crests, strict=True)]
    late, result = round(lookahead_ms * sample_rate / 1000), []
    for c, channel in enumerate(x):
        result.append([])
        each = zip([0.0] * late + channel, own[c % len(own)], shared, strict=False)
        for dry, alone, together in each:
            gain = 10 ** ((makeup_db - (1 - link) * alone - link * together) / 20)
            result[-1].append((1 - mix) * dry + mix * dry * gain)
    return result
