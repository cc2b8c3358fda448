"""Meter: a fader; what it reads changes nothing."""


def twin(x, sample_rate, trim_db, loudness=True, true_peak=True, spectrum=False):
    return [[10 ** (trim_db / 20) * sample for sample in channel] for channel in x]
