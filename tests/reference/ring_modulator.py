"""Ring modulation: DAFX 2nd ed. 3.3.1, the product with an oscillator."""

from tests.reference.oscillator import wave


def twin(x, sample_rate, freq_hz, mix, shape="sine"):
    y = []
    for channel in x:
        y.append([])
        for n, sample in enumerate(channel):
            y[-1].append((1 - mix) * sample + mix * sample * wave(freq_hz * n / sample_rate, shape))
    return y
