"""Expander: Zolzer, DAFX 2011, section 4.2.2, with the knee of Giannoulis et al., JAES 2012, equation 4 upside down."""

import math

from tests.reference.key_levels import levels


def static_reduction(level, T, R, W, most):
    under = T - level
    if 2 * abs(under) < W:
        return min((R - 1) * (under + W / 2) ** 2 / (2 * W), most)
    return min((R - 1) * under, most) if under > 0 else 0.0


def twin(
    x, sample_rate, threshold_db, ratio, knee_db, attack_ms, release_ms, range_db,
    link=True, lookahead_ms=0.0, sidechain=None,
):  # fmt: skip
    sizes = levels(x if sidechain is None else sidechain, link)
    window, late, result = round(0.01 * sample_rate), round(lookahead_ms * sample_rate / 1000), []
    for c, channel in enumerate(x):
        size, y = sizes[c % len(sizes)], []
        reduction = static_reduction(-200, threshold_db, ratio, knee_db, range_db)
        for n in range(len(channel)):
            level = 20 * math.log10(max(max(size[max(0, n - window + 1) : n + 1]), 1e-10))
            asked = static_reduction(level, threshold_db, ratio, knee_db, range_db)
            hold = math.exp(-1000 / (sample_rate * (release_ms if asked > reduction else attack_ms)))
            reduction = hold * reduction + (1 - hold) * asked
            y.append((channel[n - late] if n >= late else 0.0) * 10 ** (-reduction / 20))
        result.append(y)
    return result
