"""DeReverb: Lebart, Boucher and Denbigh 2001, frame by frame, band by band."""

import math

import numpy as np


def twin(x, sample_rate, decay_s, room_db, reduction_db, smoothing_ms, late_ms=48.0, window_ms=32.0, link=True):
    N = 2 ** round(math.log2(window_ms * sample_rate / 1000))
    H, T = N // 4, len(x[0])
    w = [math.sin(math.pi * n / N) for n in range(N)]
    ends, L = range(H, T + 1, H), max(1, round(late_ms * sample_rate / 1000 / H))
    a, k = 10 ** (-6 * H / sample_rate / decay_s), 1 - (1 - 10 ** (room_db / 10)) ** (H / sample_rate / 0.008)
    hold = math.exp(-1000 * H / (sample_rate * smoothing_ms))
    padded = [[0.0] * N + list(channel) for channel in x]
    spectra = [[np.fft.rfft([w[n] * v[end + n] for n in range(N)]) for end in ends] for v in padded]
    powers = np.abs(spectra) ** 2 * (4 / sum(w) ** 2)
    result = []
    for c, channel in enumerate(x):
        power = powers.mean(0) if link else powers[c]
        held, room, taken = [np.zeros(N // 2 + 1)], [np.zeros(N // 2 + 1)] * (L + 1), np.zeros(T + N)
        for end, frame, now in zip(ends, spectra[c], power, strict=True):
            room.append(a * ((1 - k) * room[-1] + k * held[-1]))
            held.append(np.where(now > held[-1], now, hold * held[-1] + (1 - hold) * now))
            ratio = a**L * room[-1 - L] / (held[-1] + 1e-12)
            most = 1 - 10 ** (-reduction_db / 20)
            asked = np.sqrt(ratio + 1e-6) - 1e-3
            share = asked * most / (asked**8 + most**8 + 1e-30) ** (1 / 8)
            taken[end : end + N] += np.multiply(w, np.fft.irfft(frame * share, N)) / 2
        late = [0.0] * (N - 1) + list(channel)
        result.append([late[n] - taken[n + 1] for n in range(T)])
    return result
