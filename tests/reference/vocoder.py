"""Slow twin of Vocoder: one band, one sample at a time (Dudley 1939); the carrier's harmonics are added one by one."""

import math

import numpy as np


def filtered(x, kind, freq, q, sample_rate):
    """RBJ cookbook; a band-pass has 0 dB at the centre, and a Q that undoes the narrowing of the bilinear transform."""
    w = 2 * math.pi * freq / sample_rate
    alpha, c = math.sin(w) / (2 * q * (math.sin(w) / w if kind == "band_pass" else 1)), math.cos(w)
    b = (alpha, 0, -alpha) if kind == "band_pass" else ((1 + c) / 2, -1 - c, (1 + c) / 2)
    y, x1, x2, y1, y2 = [], 0.0, 0.0, 0.0, 0.0
    for v in x:
        now = (b[0] * v + b[1] * x1 + b[2] * x2 + 2 * c * y1 - (1 - alpha) * y2) / (1 + alpha)
        x1, x2, y1, y2 = v, x1, now, y1
        y.append(now)
    return y


def band(x, freq, q, sample_rate):
    return filtered(filtered(x, "band_pass", freq, q, sample_rate), "band_pass", freq, q, sample_rate)


def carrier_of(kind, T, sample_rate, pitch, seed):
    if kind == "noise":
        first, second = np.random.default_rng(seed).random((2, 1 << 18), dtype=np.float32)
        return [float(v) * math.sqrt(6e-3 * sample_rate / 2) for v in (first - second)[:T]]
    count, last, out = 0.45 * sample_rate / pitch, 0.0, []
    hold, n = math.exp(-2 * math.pi * 20 / sample_rate), np.arange(T)
    for k in range(1, math.floor(count) + 2):
        share = min(1.0, count - (k - 1)) * math.sqrt(2e-3 * pitch)
        out.append(share * np.cos(2 * math.pi * (k * pitch / sample_rate * n % 1)))
    pulses, saw = np.sum(out, 0).tolist(), []
    for p in pulses:
        last = hold * last + (1 - hold) * p
        saw.append(last * 300 / 20)
    return saw if kind == "saw" else pulses


def twin(x, sample_rate, attack_ms, release_ms, formant_shift, width, tilt_db, sibilance_db, level_db, mix, **more):
    T, K = len(x[0]), more.get("num_bands", 16)
    low, high = more.get("lowest_hz", 100.0), min(more.get("highest_hz", 7000.0), 0.45 * sample_rate)
    step, kind = (high / low) ** (1 / (K - 1)), more.get("carrier", "saw")
    apart = step**0.5 - step**-0.5
    q, keys = math.sqrt(math.sqrt(2) - 1) / (width * apart), more.get("sidechain")
    if keys is None:
        keys = [carrier_of(kind, T, sample_rate, more.get("pitch_hz"), more.get("seed", 0))]
    rising, falling = (math.exp(-1000 / (sample_rate * ms)) for ms in (attack_ms, release_ms))
    out = []
    for c, sound in enumerate(x):
        speech, key = np.zeros(T), keys[c % len(keys)]
        hiss = filtered(sound, "high_pass", min(5000.0, 0.4 * sample_rate), math.sqrt(0.5), sample_rate)
        for k in range(K):
            f, power, levels = low * step**k, 0.0, []
            for b in band(sound, f, q, sample_rate):
                hold = rising if b * b > power else falling
                power = hold * power + (1 - hold) * b * b
                levels.append(math.sqrt(power + 1e-12) - 1e-6)
            shifted = f * 2 ** (formant_shift / 12)
            room = min(max((0.48 - shifted / sample_rate) / 0.08, 0.0), 1.0)
            gain = room * (-1) ** k * 10 ** (tilt_db * math.log2(f / 1000) / 20) / (width * math.sqrt(f * apart / 1000))
            speech += gain * np.array(levels) * np.array(band(key, min(shifted, 0.48 * sample_rate), q, sample_rate))
        wet = 10 ** (level_db / 20) * (speech + 10 ** (sibilance_db / 20) * np.array(hiss))
        out.append((1 - mix) * np.array(sound) + mix * wet)
    return out
