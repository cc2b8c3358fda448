"""The feedback delay network backwards in time: the adjoint of what `feedback_network` computes, in one pass.

The gradient of what went into a line at n is that of what the line gave at n + m: so it is the same network with its
matrix transposed and its time reversed, and a block is again as long as the shortest delay. What the sections had is
computed again from the stored lines, chunk by chunk.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit

from .feedback_network import CHUNK, OPTIONS, cubic_read, lane_starts, longest_block, read_block
from .feedback_network_lanes import mix_lanes, outer_lanes, section_backward, section_forward
from .simd import LANES, aligned_zeros, read_lanes


@njit(**OPTIONS)
def _spread_cubic(target, base, at, delay, value):  # pragma: no cover
    """The adjoint of reading by four points: ``value`` goes where it came from."""
    k = np.int64(np.floor(delay))
    f = delay - k
    i = base + at - k
    target[i + 1] -= value * f * (f - 1.0) * (f - 2.0) / 6.0
    target[i] += value * (f + 1.0) * (f - 1.0) * (f - 2.0) / 2.0
    target[i - 1] -= value * (f + 1.0) * f * (f - 2.0) / 2.0
    target[i - 2] += value * (f + 1.0) * f * (f - 1.0) / 6.0


@njit(**OPTIONS)
def feedback_network_backward_rows(
    start,
    stop,
    grad_y,
    x,
    delay,
    offset,
    mixing,
    coef,
    lines,
    checkpoints,
    to_mixing,
    to_lines,
    to_x,
    to_delay,
    to_offset,
    to_mix,
    to_coef,
    to_state,
):  # pragma: no cover
    """Gradients of rows ``start`` to ``stop - 1``.

    Args:
        start: first row.
        stop: one after the last row.
        grad_y: (R, outputs, T).
        x: (R, inputs, T).
        delay: (R, N) int64.
        offset: (R, N, T) or (R, N, 0).
        mixing: (R, N + inputs, GO LANES).
        coef: (R, 1 or T, K, G, 5, LANES).
        lines: (R, N, P + T), kept by the forward pass.
        checkpoints: (R, chunks, K, G, 2, LANES), likewise.
        to_mixing: whether the gradient to the matrix is wanted.
        to_lines: (R, N, P + T), the gradient of ``lines``; its first P samples become that of the past.
        to_x: (R, inputs, T); filled.
        to_delay: (R, N), zeros; added to.
        to_offset: (R, N, T or 0); filled.
        to_mix: as mixing, zeros; added to.
        to_coef: as coef, zeros; added to.
        to_state: (R, K, G, 2, LANES), the gradient of the last states; becomes that of the first.
    """
    N, stride = lines.shape[1], lines.shape[2]
    inputs, T, outputs = x.shape[1], x.shape[2], grad_y.shape[1]
    P = stride - T
    K, G = coef.shape[2], coef.shape[3]
    step = K * G * 5 * LANES if coef.shape[1] != 1 else 0
    moved = offset.shape[2] > 0
    out_groups = mixing.shape[2] // LANES
    in_groups = (inputs + LANES - 1) // LANES
    width = (G + in_groups) * LANES
    size = CHUNK * LANES
    signals = aligned_zeros((K + 1) * G * size, mixing)
    sound = aligned_zeros(in_groups * size, mixing)
    grad_in = aligned_zeros((G + in_groups) * size, mixing)
    grad_out = aligned_zeros(out_groups * size, mixing)
    back = aligned_zeros((N + outputs) * width, mixing)
    scratch = aligned_zeros(K * G * 2 * LANES, mixing)
    places = np.empty(N + outputs, np.int64)
    for j in range(N + outputs):
        places[j] = (j // LANES) * size + j % LANES
    line_places, sound_places = np.empty(N, np.int64), np.empty(inputs, np.int64)
    for j in range(N):
        line_places[j] = (K * G + j // LANES) * size + j % LANES
    for c in range(inputs):
        sound_places[c] = (c // LANES) * size + c % LANES
    here_places = np.empty(max(N, inputs), np.int64)
    offsets, still = np.empty(LANES, np.int64), np.zeros(N, np.bool_)
    for row in range(start, stop):
        longest = longest_block(delay[row], offset[row], P, still)
        back[:] = 0.0
        for j in range(N + outputs):
            for i in range(N):
                back[j * width + i] = mixing[row, i, j]
            for c in range(inputs):
                back[j * width + G * LANES + c] = mixing[row, N + c, j]
        work, pending = lines[row].reshape(-1), to_lines[row].reshape(-1)
        flat, grad_flat = coef[row].reshape(-1), to_coef[row].reshape(-1)
        grad_columns, state = to_mix[row].reshape(-1), to_state[row].reshape(-1)
        for chunk in range((T + CHUNK - 1) // CHUNK - 1, -1, -1):
            first = chunk * CHUNK
            length = min(CHUNK, T - first)
            scratch[:] = checkpoints[row, chunk].reshape(-1)
            for g in range(G):
                read_block(
                    work,
                    stride,
                    P + first,
                    delay[row],
                    offset[row],
                    still,
                    first,
                    length,
                    g,
                    offsets,
                    signals,
                    g * size,
                )
                for k in range(K):
                    c_at, z_at = first * step + (k * G + g) * 5 * LANES, (k * G + g) * 2 * LANES
                    came, went = (k * G + g) * size, ((k + 1) * G + g) * size
                    section_forward(signals, came, signals, went, length, flat, c_at, step, scratch, z_at)
            for c in range(inputs):
                for q in range(length):
                    sound[sound_places[c] + q * LANES] = x[row, c, first + q]
            done = length
            while done > 0:
                count = min(longest, done)
                q0 = done - count
                n = first + q0
                for g in range(G):
                    lane_starts(N, stride, g, offsets)
                    read_lanes(pending, offsets, P + n, count, grad_out, g * CHUNK)
                for j in range(N, N + outputs):
                    for q in range(count):
                        grad_out[places[j] + q * LANES] = grad_y[row, j - N, n + q]
                for g in range(G + in_groups):
                    mix_lanes(grad_out, places, N + outputs, back, g * LANES, width, grad_in, g * size, count)
                if to_mixing:
                    for g in range(out_groups):
                        columns = out_groups * LANES
                        for j in range(N):
                            here_places[j] = line_places[j] + q0 * LANES
                        outer_lanes(
                            signals, here_places, N, grad_out, g * size, count, grad_columns, g * LANES, columns
                        )
                        for c in range(inputs):
                            here_places[c] = sound_places[c] + q0 * LANES
                        at = N * columns + g * LANES
                        outer_lanes(sound, here_places, inputs, grad_out, g * size, count, grad_columns, at, columns)
                for c in range(inputs):
                    for q in range(count):
                        to_x[row, c, n + q] = grad_in[G * size + sound_places[c] + q * LANES]
                for g in range(G):
                    for k in range(K - 1, -1, -1):
                        c_at, z_at = n * step + (k * G + g) * 5 * LANES, (k * G + g) * 2 * LANES
                        came = (k * G + g) * size + q0 * LANES
                        went = ((k + 1) * G + g) * size + q0 * LANES
                        section_backward(
                            grad_in, g * size, signals, came, signals, went, count, flat, c_at, step, state, z_at,
                            grad_flat, c_at, step,
                        )  # fmt: skip
                for i in range(N):
                    base, lane = i * stride, (i // LANES) * size + i % LANES
                    total, m = 0.0, delay[row, i]
                    if moved:
                        for q in range(count):
                            value, d = grad_in[lane + q * LANES], m + offset[row, i, n + q]
                            slope = value * cubic_read(work, base, P + n + q, d, True)
                            to_offset[row, i, n + q] = slope
                            total += slope
                            _spread_cubic(pending, base, P + n + q, d, value)
                    else:
                        at = base + P + n - m
                        for q in range(count):
                            value = grad_in[lane + q * LANES]
                            pending[at + q] += value
                            total += 0.5 * value * (work[at + q - 1] - work[at + q + 1])
                    to_delay[row, i] += total
                done = q0
