"""Auto-wah: DAFX 2nd ed. 2.4.1 with the trapezoidal state variable filter of Wishnick 2014, one sample at a time."""

import math


def twin(x, sample_rate, sensitivity_db, freq_hz, octaves, q, attack_ms, release_ms, mix):
    attack, release = (math.exp(-1000 / (sample_rate * ms)) for ms in (attack_ms, release_ms))
    y = []
    for channel in x:
        envelope = s1 = s2 = 0.0
        y.append([])
        for n, sample in enumerate(channel):
            peak = max(abs(s) for s in channel[max(0, n - round(0.01 * sample_rate) + 1) : n + 1])
            hold = attack if peak > envelope else release
            envelope = hold * envelope + (1 - hold) * peak
            e = envelope * 10 ** (sensitivity_db / 20)
            freq = min(freq_hz * 2 ** (octaves * e / (1 + e)), 0.49 * sample_rate)
            g, r = math.tan(math.pi * freq / sample_rate), 1 / q
            v1 = (s1 + g * (sample - s2)) / (1 + g * (g + r))
            v2 = s2 + g * v1
            s1, s2 = 2 * v1 - s1, 2 * v2 - s2
            y[-1].append((1 - mix) * sample + mix * r * v1)
    return y
