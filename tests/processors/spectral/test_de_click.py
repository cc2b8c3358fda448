"""The de-click: clicks go, and what was under them is drawn anew; notes and drum hits stay."""

import math

import pytest
import soundfile
import torch

from diffFx_pytorch.processors import DeClick

RATE = 16000


def heard(x, rate=RATE, options=None, **knobs):
    fx = DeClick(rate, **(options or {}))
    late = fx.latency_samples
    return fx(torch.nn.functional.pad(x, (0, late)), dsp_params=knobs)[..., late:]


def snr(x, y):
    return float(20 * torch.log10(x.norm() / (x - y).norm()))


def music(seconds=2):
    """A chord over a floor of noise."""
    t = torch.arange(seconds * RATE, dtype=torch.float64) / RATE
    noise = torch.randn(len(t), dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    return (sum(0.1 * torch.sin(2 * math.pi * f * t) for f in (220, 277, 330, 660, 1320)) + 1e-4 * noise)[None, None]


def clicks(samples, length, level, count=15):
    """Bursts of noise, at random."""
    generator = torch.Generator().manual_seed(1)
    c = torch.zeros(1, 1, samples, dtype=torch.float64)
    for place in torch.randint(2000, samples - 2000, (count,), generator=generator).tolist():
        c[..., place : place + length] = level * torch.randn(length, generator=generator, dtype=torch.float64)
    return c


@pytest.mark.parametrize("length", [1, 3, 8])
def test_clicks_go(length):
    x = music()
    wrong = x + clicks(x.shape[-1], length, 0.3)
    assert snr(x, heard(wrong)) > snr(x, wrong) + 25


def test_music_without_clicks_passes():
    assert snr(music(), heard(music())) > 90


def test_what_goes_on_is_no_click():
    """A hit that rings over 50 ms is left alone, to the bit, however suddenly it begins."""
    t = torch.arange(RATE, dtype=torch.float64) / RATE
    noise = torch.randn(RATE, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    hit = torch.where(t > 0.5, (noise * torch.exp(-(t - 0.5) / 0.05)), 1e-4 * noise)[None, None]
    assert torch.equal(heard(hit), hit)


def test_what_lasts_longer_than_the_longest_click_mostly_stays():
    x = music()
    wrong = x + clicks(x.shape[-1], 24, 0.3, count=4)  # 1.5 ms
    kept, gone = heard(wrong, longest_ms=0.2), heard(wrong, longest_ms=2.0)
    assert snr(x, kept) < snr(x, gone) - 10  # its edges go
    assert snr(x, gone) > snr(x, wrong) + 18


def test_a_click_under_the_threshold_stays():
    x = music()
    wrong = x + clicks(x.shape[-1], 1, 0.003)  # some 30 dB over the floor
    assert torch.equal(heard(wrong, threshold_db=55.0), wrong)
    assert snr(x, heard(wrong, threshold_db=15.0)) > snr(x, wrong) + 6


def test_more_passes_take_more_of_dense_clicks():
    x = music()
    wrong = x + clicks(x.shape[-1], 4, 0.3, count=150)
    once, often = (snr(x, heard(wrong, options={"passes": n})) for n in (1, 4))
    assert often > once + 3


def test_lost_samples_are_those_that_leave_the_smallest_errors():
    """What is lost comes back as least squares over all errors say, solved whole."""
    fx = DeClick(RATE, passes=1, order=4)
    x = music()[0, :, 2000 : 2000 + fx.window]
    x[0, 500:505] += 0.5
    S = torch.zeros_like(x)
    S[0, 500:505] = 1e5**0.5
    a = fx._predictor(x)[0]
    fx._lost = lambda *_: S
    d = fx._clicks(x, x, *x.new_zeros(2, 1, 1))
    A = torch.zeros(fx.window + 4, fx.window, dtype=torch.float64)
    for k in range(5):
        A.diagonal(-k).fill_(a[k])
    lost = A[:, 500:505]
    expected = torch.linalg.lstsq(torch.cat((lost, 1e5**-0.5 * torch.eye(5))), torch.cat((A @ x[0], torch.zeros(5))))[0]
    assert torch.allclose(d[0, 500:505], expected.flatten(), rtol=1e-6)


@pytest.mark.real_audio
def test_drum_hits_stay_and_planted_clicks_go(audio_folder):
    samples, rate = soundfile.read(audio_folder / "drums.flac", frames=4 * 44100, always_2d=True)
    x = torch.from_numpy(samples.T[:1].copy())[None]
    wrong = x + clicks(x.shape[-1], 2, 0.3)
    assert snr(x, heard(x, rate)) > 60
    assert snr(x, heard(wrong, rate)) > snr(x, wrong) + 15
