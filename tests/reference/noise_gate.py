"""NoiseGate: Zolzer, DAFX 2011, section 4.2.3: thresholds to open and to shut, a hold, a gain in dB."""

import math

from tests.reference.key_levels import levels


def twin(
    x, sample_rate, threshold_db, hysteresis_db, attack_ms, hold_ms, release_ms, range_db, makeup_db,
    link=True, lookahead_ms=0.0, sidechain=None,
):  # fmt: skip
    sizes = levels(x if sidechain is None else sidechain, link)
    window, late, result = round(0.01 * sample_rate), round(lookahead_ms * sample_rate / 1000), []
    for c, channel in enumerate(x):
        size, y = sizes[c % len(sizes)], []
        follower, since, shut, before = -200.0, math.inf, 1.0, -1.0
        for n in range(len(channel)):
            level = 20 * math.log10(max(max(size[max(0, n - window + 1) : n + 1]), 1e-10))
            if level > follower:
                follower = level
            elif follower > level + hysteresis_db:
                follower = level + hysteresis_db
            over = follower - threshold_db
            if over >= 0:
                since = 0
            elif before >= 0:
                since = 1 - before / (before - over)
            else:
                since += 1
            before = over
            left = hold_ms * sample_rate / 1000 + 0.5 - since
            asked = min(1.0, max(0.0, (threshold_db - follower) / 3)) * (1 - min(1.0, max(0.0, left)))
            hold = math.exp(-1000 / (sample_rate * (release_ms if asked > shut else attack_ms)))
            shut = hold * shut + (1 - hold) * asked
            y.append((channel[n - late] if n >= late else 0.0) * 10 ** ((makeup_db - range_db * shut) / 20))
        result.append(y)
    return result
