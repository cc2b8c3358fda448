"""DeEsser: Zolzer, DAFX 2011, section 4.2, with the shelf of a bilinear Butterworth filter, one sample at a time."""

import math


def twin(
    x,
    sample_rate,
    freq_hz,
    threshold_db,
    range_db,
    attack_ms,
    release_ms,
    link=True,
    lookahead_ms=0.0,
    below=False,
    power_ms=5,
):
    k = math.tan(math.pi * freq_hz / sample_rate)
    a0, a1, a2 = 1 + math.sqrt(2) * k + k * k, 2 * (k * k - 1), 1 - math.sqrt(2) * k + k * k
    zeros = [(1, -2, 1), (math.sqrt(2) * k, 0, -math.sqrt(2) * k), (k * k, 2 * k * k, k * k)]
    bands = []
    for v in x:
        outputs = []
        for b0, b1, b2 in zeros:
            y = []
            for n in range(len(v)):
                x0, x1, x2 = (v[n - j] if n >= j else 0.0 for j in range(3))
                y1, y2 = (y[n - j] if n >= j else 0.0 for j in (1, 2))
                y.append((b0 * x0 + b1 * x1 + b2 * x2 - a1 * y1 - a2 * y2) / a0)
            outputs.append(y)
        bands.append(outputs)
    late = round(lookahead_ms * sample_rate / 1000)
    average, result = math.exp(-1000 / (sample_rate * power_ms)), []
    for c, v in enumerate(x):
        listened, power, z, out = bands if link else [bands[c]], [0.0, 0.0], 0.0, []
        for n, s in enumerate(v):
            for i, which in enumerate((2, 0) if below else (0, 2)):
                power[i] = average * power[i] + (1 - average) * sum(heard[which][n] ** 2 for heard in listened) / len(
                    listened
                )
            d = 10 * math.log10((power[0] + 1e-14) / (power[1] + 1e-8))
            asked = min(1.0, max(0.0, (d - threshold_db) / 6))
            hold = math.exp(-1000 / (sample_rate * (attack_ms if asked > z else release_ms)))
            z = hold * z + (1 - hold) * asked
            g = 10 ** (-range_db * z / 20)
            high, band, low = (output[n - late] if n >= late else 0.0 for output in bands[c])
            out.append((high + g * low if below else low + g * high) + math.sqrt(g) * band)
            assert late or abs(high + band + low - s) < 1e-9
        result.append(out)
    return result
