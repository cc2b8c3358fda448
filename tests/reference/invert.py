"""Invert: polarity turned over, by degrees."""


def twin(x, sample_rate, amount):
    return [[sample - 2 * amount * sample for sample in channel] for channel in x]
