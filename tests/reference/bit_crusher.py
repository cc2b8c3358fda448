"""BitCrusher: the sample at or after each tick of a clock, held, clipped and rounded to 2^bits levels."""

import math


def twin(x, sample_rate, drive_db, bits, hold, mix, output_db):
    q, result = 2 * 2**-bits, []
    for channel in x:
        clock, ticks, held, y = 0.0, -1, 0.0, []
        for s in channel:
            if math.floor(clock + 2**-20) > ticks:
                ticks, held = math.floor(clock + 2**-20), s
            clock += 1 / hold
            u = min(max(10 ** (drive_db / 20) * held, -1.0), 1 - q)
            y.append(10 ** (output_db / 20) * ((1 - mix) * s + mix * q * round(u / q)))
        result.append(y)
    return result
