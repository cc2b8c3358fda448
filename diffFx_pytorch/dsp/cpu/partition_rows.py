"""Convolution by partitions of the response, whose work is spread over the frames of the first of them.

An item is I inputs and O outputs, one of each or a matrix of responses. Its memory, one run of numbers, holds the last
frames of the inputs, and for each level, partitions of one size N: the spectra of the last K frames of N samples; sums
of their products; and, from the second level on, the output of the frame that is heard and of the one that comes. The
first level answers at once: the partition that the newest frame meets is multiplied with every block, the others once a
frame of N, all at once. Another level's first partition begins 2 N samples into the response, so that N samples pass
between the end of a frame and the beginning of its output: a quarter of their blocks transforms inputs, a half
multiplies, a quarter transforms outputs.

No block overwrites what it reads. So one that is no longer than a frame of the first level may be computed again, with
other samples, from the memory that it has already written.
"""

from __future__ import annotations

from diffFx_pytorch.kernels import njit
from diffFx_pytorch.kernels.inner import INNER
from diffFx_pytorch.kernels.vector import constant, fma, lanes_of, load, store

from .odd_transform import forward, inverse

N, K, SLOTS, SPECTRA, SUMS, GIVEN, RESPONSE, FACTORS = range(8)
"""Columns of ``levels``: samples of a frame; partitions; spectra that are kept; where they, the sums and the output
begin in the memory; where the partitions' spectra begin in the response's, and what transforms multiply by."""


@njit(**INNER)
def _move(source, target, count):  # pragma: no cover
    """``target[i] = source[i]``, a multiple of 16 numbers."""
    for i in range(0, count, lanes_of(source)):
        store(target, i, load(source, i))


@njit(**INNER)
def _keep(work, size, ring, slots, slot):  # pragma: no cover
    """Put a spectrum into its slot: a vector of real and one of imaginary parts, slot beside slot."""
    wide = lanes_of(work)
    for i in range(0, size, wide):
        at = 2 * (i * slots + slot * wide)
        store(ring, at, load(work, i))
        store(ring, at + wide, load(work, size + i))


@njit(**INNER)
def _run(x, h, at, first, last, wide, sums):  # pragma: no cover
    """Products of neighbouring slots, added to real and imaginary sums, two of each: additions wait for each other."""
    a, b, c, d = sums
    for s in range(first, last):
        xr, xi = load(x, at + 2 * wide * s), load(x, at + 2 * wide * s + wide)
        hr, hi = load(h, 2 * wide * (s - first)), load(h, 2 * wide * (s - first) + wide)
        a, b = fma(xr, hr, a), fma(xi, hi, b)
        c, d = fma(xr, hi, c), fma(xi, hr, d)
    return a, b, c, d


@njit(**INNER)
def _weigh(x, slots, oldest, h, terms, size, first, last, is_more, out):  # pragma: no cover
    """Sums over as many slots as terms, from the oldest on, of vectors ``first`` to ``last - 1`` of the spectra."""
    wide = lanes_of(x)
    before_wrap = min(slots - oldest, terms)
    for v in range(first, last):
        at, here, zero = 2 * wide * slots * v, 2 * wide * terms * v, constant(x, 0.0)
        sums = _run(x, h[here:], at, oldest, oldest + before_wrap, wide, (zero, zero, zero, zero))
        a, b, c, d = _run(x, h[here + 2 * wide * before_wrap :], at, 0, terms - before_wrap, wide, sums)
        real, imag = a - b, c + d
        if is_more:
            real, imag = real + load(out, v * wide), imag + load(out, size + v * wide)
        store(out, v * wide, real)
        store(out, size + v * wide, imag)


@njit(**INNER)
def _transform(ring, length, frame, size, filled, w, work):  # pragma: no cover
    """The spectrum of a frame, of which so many samples are there, and the one before it."""
    frames = length // size
    _move(ring[(frame - 1) % frames * size :], work, size)
    here = ring[frame % frames * size :]
    for i in range(filled):
        work[size + i] = here[i]
    for i in range(filled, size):
        work[size + i] = 0.0
    forward(work, size, w)


@njit(**INNER)
def _step(memory, h, w, levels, sizes, level, number, work):  # pragma: no cover
    """The share of a level in the work of frame ``number`` of the first."""
    inputs, outputs, length, pairs = sizes[0], sizes[1], sizes[2], sizes[3]
    size, slots = levels[level, N], levels[level, K]
    steps = size // levels[0, N]
    frame, step = number // steps, number % steps
    newest, quarter = frame - 1, steps // 4
    spectra, sums = memory[levels[level, SPECTRA] :], memory[levels[level, SUMS] :]
    factors = w[levels[level, FACTORS] :]
    if step < quarter:
        for i in range(step * inputs // quarter, (step + 1) * inputs // quarter):
            _transform(memory[i * length :], length, newest, size, size, factors, work)
            _keep(work, size, spectra[2 * i * size * slots :], slots, newest % slots)
    elif step < steps - quarter:
        done, vectors = step - quarter, size // lanes_of(memory)
        first, last = vectors * done // (2 * quarter), vectors * (done + 1) // (2 * quarter)
        for o in range(outputs):
            for i in range(inputs):
                part = h[(o * inputs + i) * pairs + levels[level, RESPONSE] :]
                own = spectra[2 * i * size * slots :]
                _weigh(own, slots, frame % slots, part, slots, size, first, last, i > 0, sums[2 * o * size :])
    else:
        given = memory[levels[level, GIVEN] + (frame + 1) % 2 * outputs * size :]
        done = step - steps + quarter
        for o in range(done * outputs // quarter, (done + 1) * outputs // quarter):
            _move(sums[2 * o * size :], work, 2 * size)
            inverse(work, size, factors)
            _move(work[size:], given[o * size :], size)


@njit(**INNER)
def _begin(memory, h, w, levels, sizes, number, work):  # pragma: no cover
    """What is done as frame ``number`` of the first level begins."""
    inputs, outputs, pairs = sizes[0], sizes[1], sizes[3]
    size, terms, slots = levels[0, N], levels[0, K], levels[0, SLOTS]
    sums = memory[levels[0, SUMS] + number % 2 * 2 * outputs * size :]
    for o in range(outputs):
        here = sums[2 * o * size :]
        for i in range(inputs):
            if terms:
                part = h[(o * inputs + i) * pairs + levels[0, RESPONSE] :]
                own = memory[levels[0, SPECTRA] + 2 * i * size * slots :]
                # The slot of this frame may hold its spectrum already.
                _weigh(own, slots, (number + 1) % slots, part, terms, size, 0, size // lanes_of(memory), i > 0, here)
        if not terms:
            for k in range(2 * size):
                here[k] = 0.0
        elif sizes[4]:
            # Nothing of the newest frame is to come yet: these sums are all.
            inverse(here, size, w)
    for level in range(1, levels.shape[0]):
        _step(memory, h, w, levels, sizes, level, number, work)


@njit(**INNER)
def _answer(memory, h, w, levels, sizes, number, begin, count, work, new, y, at):  # pragma: no cover
    """Output samples ``begin`` to ``begin + count - 1`` of frame ``number``, whose input is there."""
    inputs, outputs, length, pairs, late = sizes[0], sizes[1], sizes[2], sizes[3], sizes[4]
    size, slots, wide = levels[0, N], levels[0, SLOTS], lanes_of(memory)
    is_full = begin + count == size
    if is_full or not late:
        for i in range(inputs):
            spectrum = new[2 * i * size :]
            _transform(memory[i * length :], length, number, size, begin + count, w, spectrum)
            if is_full:
                own = memory[levels[0, SPECTRA] + 2 * i * size * slots :]
                _keep(spectrum, size, own, slots, number % slots)
    sums = memory[levels[0, SUMS] + number % 2 * 2 * outputs * size :]
    for o in range(outputs):
        total = sums[2 * o * size :]
        if not late:
            for k in range(0, size, wide):
                real, imag = load(total, k), load(total, size + k)
                for i in range(inputs):
                    head = h[(o * inputs + i) * pairs :]
                    xr, xi = load(new, 2 * i * size + k), load(new, (2 * i + 1) * size + k)
                    hr, hi = load(head, k), load(head, size + k)
                    real = fma(-xi, hi, fma(xr, hr, real))
                    imag = fma(xi, hr, fma(xr, hi, imag))
                store(work, k, real)
                store(work, size + k, imag)
            inverse(work, size, w)
            total = work
        out = y[o, at : at + count]
        for k in range(count):
            out[k] = total[size + begin + k]
        for level in range(1, levels.shape[0]):
            longer = levels[level, N]
            frame, past = number * size // longer, number * size % longer + begin
            given = memory[levels[level, GIVEN] + (frame % 2 * outputs + o) * longer + past :]
            for k in range(count):
                out[k] += given[k]


@njit(nogil=True, cache=True, compact=True, fastmath={"contract", "nsz"}, error_model="numpy")
def convolve_rows(start, stop, x, x_row, h, h_row, before, after, clock, w, levels, sizes, y, next_clock, work, new):
    """Blocks of items ``start`` to ``stop - 1``.

    Args:
        start: first item.
        stop: one past the last.
        x: (rows, I, T) input.
        x_row: for each item the row of x.
        h: (rows, O I pairs) spectra from ``response_rows``.
        h_row: for each item the row of h.
        before: (items, M) memories before the block; may be ``after``.
        after: (items, M) memories after it, written.
        clock: (1,) samples before the block.
        w: factors of all levels.
        levels: (L, 8), see ``N``.
        sizes: I, O, samples of an input that are kept, numbers of a response, whether the output is a frame late.
        y: (items, O, T), written.
        next_clock: (1,), written.
        work: two of the longest frames, for the kernel itself.
        new: 2 I frames of the first level, for the kernel itself.
    """
    length, size, samples = sizes[2], levels[0, N], y.shape[2]
    for item in range(start, stop):
        memory, spectra, source = after[item], h[h_row[item]], x[x_row[item]]
        if before is not after:
            _move(before[item], memory, memory.size)
        done = 0
        while done < samples:
            position = clock[0] + done
            number, begin = position // size, position % size
            count = min(size - begin, samples - done)
            if begin == 0:
                _begin(memory, spectra, w, levels, sizes, number, work)
            for i in range(sizes[0]):
                ring, piece = memory[i * length + position % length :], source[i, done : done + count]
                for k in range(count):
                    ring[k] = piece[k]
            _answer(memory, spectra, w, levels, sizes, number, begin, count, work, new, y[item], done)
            done += count
    if start == 0:
        next_clock[0] = clock[0] + samples


@njit(nogil=True, cache=True, compact=True, fastmath={"contract", "nsz"}, error_model="numpy")
def response_rows(start, stop, h, latency, w, levels, parts, out, work):
    """Spectra of the partitions of responses ``start`` to ``stop - 1``.

    Args:
        start: first response.
        stop: one past the last.
        h: (rows, taps).
        latency: zeros before them.
        w: factors of all levels.
        levels: (L, 8), see ``N``.
        parts: (L + 1,) where the partitions of each level but the newest frame's begin in the response, and its end.
        out: (rows, pairs), written: the newest frame's, then those of each level, the last first.
        work: two of the longest frames, for the kernel itself.
    """
    for row in range(start, stop):
        for level in range(-1, levels.shape[0]):
            size = levels[max(level, 0), N]
            slots = 1 if level < 0 else levels[level, K]
            for slot in range(slots):
                begin = (0 if level < 0 else parts[level] + (slots - 1 - slot) * size) - latency
                for k in range(2 * size):
                    t = begin + k
                    is_inside = k < size and 0 <= t < h.shape[1] and t + latency < parts[max(level, 0) + (level >= 0)]
                    work[k] = h[row, t] / size if is_inside else 0.0
                forward(work, size, w[levels[max(level, 0), FACTORS] :])
                if level < 0:
                    _move(work, out[row], 2 * size)
                else:
                    _keep(work, size, out[row, levels[level, RESPONSE] :], slots, slot)
