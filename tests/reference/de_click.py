"""DeClick: Janssen, Veldhuis and Vries 1986 with degrees, two errors as Esquef and others 2000; frame by frame."""

import numpy as np


def clicks(x, clean, rate, p, threshold, longest):
    N = len(x)
    v = clean * (0.5 - 0.5 * np.cos(2 * np.pi * np.arange(N) / N))
    r = np.array([v[: N - k] @ v[k:] for k in range(p + 1)]) / N
    R = np.array([[r[abs(i - j)] + (i == j) * (1e-7 * r[0] + 1e-20) for j in range(p)] for i in range(p)])
    a = np.concatenate(([1.0], -np.linalg.solve(R, r[1:])))
    padded = np.concatenate((np.zeros(p), x, np.zeros(p)))
    ahead = np.array([a @ padded[n : n + p + 1][::-1] for n in range(N + p)])  # one for each of x, and p after
    back = np.array([a @ padded[n + p : n + 2 * p + 1] for n in range(N)])
    h = [0.0, *(2 * (e * b) ** 2 / (e * e + b * b + 1e-60) for e, b in zip(ahead, back, strict=False)), 0.0]
    u = [10 * np.log10((h[n] + 2 * h[n + 1] + h[n + 2]) / 4 + 1e-12) for n in range(N)]
    u, W, gap = u[p : N - p], N // 8, longest * rate / 1000
    mean = [np.mean(u[n : n + W]) for n in range(len(u) - W + 1)]
    level = [max(np.interp((n - gap - W, n + gap + 1), range(len(mean)), mean)) for n in range(len(u))]
    D = np.array([-1000.0] * p + [q - m for q, m in zip(u, level, strict=True)] + [-1000.0] * p)
    near = max(1, round(2.5e-5 * rate))
    D = np.array([max(D[max(0, n - near) : n + near + 1]) for n in range(N)])
    z = np.clip((D - max(threshold, sorted(D)[-1 - max(1, N // 8)])) / 6, 0, 1)
    g = 3 * z**2 - 2 * z**3
    S = np.sqrt(g / (1 - g + 1e-5))
    A = np.array([[a[i - n] if 0 <= i - n <= p else 0.0 for n in range(N)] for i in range(N + p)])
    return S * np.linalg.solve(np.eye(N) + S[:, None] * (A.T @ A) * S, S * (A.T @ ahead))


def twin(x, sample_rate, threshold_db, longest_ms, mix, window_ms=46.0, order=32, passes=3):
    N = 2 ** round(np.log2(max(8, window_ms * sample_rate / 1000)))
    fade = [0.5 + 0.5 * np.cos(4 * np.pi * n / N) if N // 4 <= n < 3 * N // 4 else 0.0 for n in range(N)]
    result = []
    for channel in x:
        padded, taken = np.concatenate((np.zeros(N), channel)), np.zeros(len(channel) + N)
        for end in range(N // 4, len(channel) + 1, N // 4):
            frame, d = padded[end : end + N], np.zeros(N)
            for _ in range(passes):
                d = clicks(frame, frame - d, sample_rate, max(1, min(order, N // 8)), threshold_db, longest_ms)
            taken[end : end + N] += mix * np.array(fade) * d
        result.append([padded[n + 1] - taken[n + 1] for n in range(len(channel))])
    return result
