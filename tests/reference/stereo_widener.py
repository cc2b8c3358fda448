"""Stereo width: Blumlein's sum and difference, the difference scaled."""


def twin(x, sample_rate, width):
    y = [[], []]
    for left, right in zip(*x, strict=True):
        mid, side = (left + right) / 2, width * (left - right) / 2
        y[0].append(mid + side)
        y[1].append(mid - side)
    return y
