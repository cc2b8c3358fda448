"""The feedback delay network backwards in time: the adjoint of what `feedback_network` computes, in one pass.

The gradient of what went into a line at n is that of what the line gave at n + m: so it is the same network with its
matrix transposed and its time reversed, and a block is again as long as the shortest delay. What the sections had is
computed again from the stored lines, chunk by chunk.
"""

from __future__ import annotations

import numpy as np

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import constant, fma, lanes_of, load, store, total

from .buffers import aligned_zeros
from .feedback_network import CHUNK, OPTIONS, is_wire, longest_block, read_block, time_varying_taps
from .feedback_network_lanes import LANES, mix_lanes, outer_lanes, section, section_adjoint
from .row_tiles import read_tile, write_tile
from .taps import ROOM, add_time_varying, copy_range, fill_all, new_taps, read_time_varying


@njit(**INNER)
def _transposed(mixing, N, inputs, outputs, width, back):  # pragma: no cover
    """What each line and each output hands back: to the lines and, in lanes of their own, to the inputs."""
    fill_all(back, 0.0)
    for j in range(N + outputs):
        for i in range(N):
            back[j * width + i] = mixing[i, j]
        for c in range(inputs):
            back[j * width + (N + LANES - 1) // LANES * LANES + c] = mixing[N + c, j]


@njit(**INNER)
def _add_whole(grad, work, pending, at, count):  # pragma: no cover
    """Add ``grad`` to ``pending`` from ``at`` on; returns the sum of its products with the slopes of the line."""
    step, slopes = lanes_of(work), constant(work, 0.0)
    whole = count // step * step
    for q in range(0, whole, step):
        value = load(grad, q)
        store(pending, at + q, load(pending, at + q) + value)
        slopes = fma(value, load(work, at + q - 1) - load(work, at + q + 1), slopes)
    found = total(slopes)
    for q in range(whole, count):
        pending[at + q] += grad[q]
        found += grad[q] * (work[at + q - 1] - work[at + q + 1])
    return 0.5 * found


@njit(**INNER)
def _read_adjoint(
    grad, work, pending, base, delay, offset, first, count, tables, taps, scratch, to_offset
):  # pragma: no cover
    """The adjoint of reading a block of one line; returns the gradient of its delay.

    ``grad`` holds the block; ``base`` is the place of its first sample in the line.
    """
    if offset.shape[0] == 0:
        return _add_whole(grad, work, pending, base - delay, count)
    # The last room begins with zeros, and nothing else may write to it.
    slopes, padded, found = scratch[:ROOM], scratch[2 * ROOM :], 0.0
    time_varying_taps(delay, offset, first, count, tables, scratch[ROOM:], taps)
    read_time_varying(work, base, taps.slopes, taps, count, slopes)
    for q in range(count):
        slopes[q] *= grad[q]
        found += slopes[q]
    copy_range(slopes, 0, to_offset, first, count)
    add_time_varying(pending, base, taps, count, grad, padded)
    return found


@njit(**INNER)
def _are_one_wire(coef, state, K, G):  # pragma: no cover
    """Whether the K constant sections of a group are wires that hand back one gradient, begun from one state."""
    different = 0
    for k in range(K):
        different += 0 if is_wire(coef[k * G * 5 * LANES :]) else 1
        for i in range(2 * LANES):
            different += 1 if state[k * G * 2 * LANES + i] != state[i] else 0
    return K > 0 and different == 0


@njit(**OPTIONS)
def feedback_network_backward_rows(
    start, stop, grad_y, x, delay, offset, mixing, coef, lines, checkpoints, tables, to_mixing, targets
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
        tables: of weights and slopes of time-varying reads.
        to_mixing: whether the gradient to the matrix is wanted.
        targets: the gradient of ``lines`` (R, N, P + T), whose first P samples become that of the past; those of x,
            filled; of delays (R, N), zeros, added to; of offsets, filled; of mixing and coef, zeros, added to; and
            (R, K, G, 2, LANES) that of the last states, which becomes that of the first.
    """
    to_lines, to_x, to_delay, to_offset, to_mix, to_coef, to_state = targets
    N, stride = lines.shape[1], lines.shape[2]
    inputs, T, outputs = x.shape[1], x.shape[2], grad_y.shape[1]
    P = stride - T
    K, G = coef.shape[2], coef.shape[3]
    step = K * G * 5 * LANES if coef.shape[1] != 1 else 0
    out_groups = mixing.shape[2] // LANES
    in_groups = (inputs + LANES - 1) // LANES
    width, columns = (G + in_groups) * LANES, out_groups * LANES
    size = CHUNK * LANES
    signals = aligned_zeros((K + 1) * G * size, mixing)
    sound = aligned_zeros(in_groups * size, mixing)
    grad_in = aligned_zeros((G + in_groups) * size, mixing)
    grad_out = aligned_zeros(out_groups * size, mixing)
    back = aligned_zeros((N + outputs) * width, mixing)
    scratch_state = aligned_zeros(K * G * 2 * LANES, mixing)
    taps = new_taps(4, True)
    scratch = np.zeros(3 * ROOM)
    mixed_from, places, still = np.zeros(N + outputs, np.int64), np.zeros(LANES, np.int64), np.zeros(N, np.int64)
    for j in range(N + outputs):
        mixed_from[j] = (j // LANES) * size + j % LANES
    rows, row_places = aligned_zeros(size, mixing), np.arange(LANES) * CHUNK
    wires = np.zeros(G, np.int64)
    heard_from = np.zeros(max(N, inputs), np.int64)
    for j in range(max(N, inputs)):
        heard_from[j] = (j // LANES) * size + j % LANES
    base = np.arange(N) * stride + P
    for row in range(start, stop):
        longest = longest_block(delay[row], offset[row], P, still)
        _transposed(mixing[row], N, inputs, outputs, width, back)
        work, pending = lines[row].reshape(-1), to_lines[row].reshape(-1)
        flat, grad_flat = coef[row].reshape(-1), to_coef[row].reshape(-1)
        grad_columns, state = to_mix[row].reshape(-1), to_state[row].reshape(-1)
        for g in range(G):
            alike = step == 0 and _are_one_wire(flat[g * 5 * LANES :], state[g * 2 * LANES :], K, G)
            wires[g] = K - 1 if alike else 0
        for chunk in range((T + CHUNK - 1) // CHUNK - 1, -1, -1):
            first = chunk * CHUNK
            length = min(CHUNK, T - first)
            copy_range(checkpoints[row, chunk].reshape(-1), 0, scratch_state, 0, scratch_state.size)
            for g in range(G):
                read_block(
                    work, base, first, delay[row], offset[row], still, first, length, g, tables, taps, scratch,
                    places, signals[g * size :],
                )  # fmt: skip
                if wires[g]:  # every signal is the first, of which the last section and the matrix read
                    for at in range((K - 1) * G + g, K * G + g + 1, G):
                        copy_range(signals, g * size, signals, at * size, length * LANES)
                    continue
                for k in range(K):
                    number = k * G + g
                    here = flat[first * step + number * 5 * LANES :]
                    came, went = signals[number * size :], signals[(number + G) * size :]
                    section(came, went, length, here, step, scratch_state[number * 2 * LANES :])
            for c in range(inputs):
                for q in range(length):
                    sound[heard_from[c] + q * LANES] = x[row, c, first + q]
            done = length
            while done > 0:
                count = min(longest, done)
                q0 = done - count
                n, skip = first + q0, q0 * LANES
                for g in range(G):
                    for lane in range(LANES):
                        places[lane] = min(g * LANES + lane, N - 1) * stride + P + n
                    read_tile(pending, places, count, grad_out[g * size :], LANES, -count)
                for j in range(N, N + outputs):
                    for q in range(count):
                        grad_out[mixed_from[j] + q * LANES] = grad_y[row, j - N, n + q]
                for g in range(G + in_groups):
                    mix_lanes(grad_out, mixed_from, N + outputs, back[g * LANES :], width, grad_in[g * size :], count)
                if to_mixing:
                    heard, inside = signals[K * G * size + skip :], sound[skip:]
                    for g in range(out_groups):
                        grad, target = grad_out[g * size :], grad_columns[g * LANES :]
                        outer_lanes(heard, heard_from, N, grad, count, target, columns)
                        outer_lanes(inside, heard_from, inputs, grad, count, target[N * columns :], columns)
                for c in range(inputs):
                    for q in range(count):
                        to_x[row, c, n + q] = grad_in[G * size + heard_from[c] + q * LANES]
                for g in range(G):
                    for k in range(K - 1, wires[g] - 1, -1):
                        number = k * G + g
                        here = n * step + number * 5 * LANES
                        came, went = signals[number * size + skip :], signals[(number + G) * size + skip :]
                        section_adjoint(
                            grad_in[g * size :], came, went, count, flat[here:], step, state[number * 2 * LANES :],
                            grad_flat[here:],
                        )  # fmt: skip
                    write_tile(rows, row_places, count, grad_in[g * size :], LANES, count)
                    for i in range(g * LANES, min((g + 1) * LANES, N)):
                        to_delay[row, i] += _read_adjoint(
                            rows[i % LANES * CHUNK :], work, pending, i * stride + P + n, delay[row, i], offset[row, i],
                            n, count, tables, taps, scratch, to_offset[row, i],
                        )  # fmt: skip
                done = q0
        for g in range(G):
            for k in range(wires[g]):  # of wires in a row one was followed, and the others have what it has
                alone, like = k * G + g, wires[g] * G + g
                copy_range(grad_flat, like * 5 * LANES, grad_flat, alone * 5 * LANES, 5 * LANES)
                copy_range(state, like * 2 * LANES, state, alone * 2 * LANES, 2 * LANES)
