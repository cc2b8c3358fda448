"""Gain: multiply every sample by the amplitude of the level."""


def twin(x, sample_rate, gain_db):
    return [[10 ** (gain_db / 20) * sample for sample in channel] for channel in x]
