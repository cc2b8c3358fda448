"""The losses of auraloss, to five digits."""

import pytest
import torch

from diffFx_pytorch.fit import (
    Bands,
    ConstantError,
    LogCosh,
    MultiResolutionSTFT,
    Resolution,
    SignalToDistortion,
    Weighting,
)
from diffFx_pytorch.spectrogram import chroma_bands

auraloss = pytest.importorskip("auraloss")

RATE = 44100


@pytest.fixture
def pair():
    x = 0.3 * torch.randn(2, 2, 8000)
    return x + 0.1 * torch.randn_like(x), x


def same(ours, theirs, pair):
    assert float(ours(*pair)) == pytest.approx(float(theirs(*pair)), rel=1e-5)


def test_in_time(pair):
    for ours, theirs in (
        (SignalToDistortion("none"), auraloss.time.SNRLoss()),
        (SignalToDistortion("target"), auraloss.time.SISDRLoss()),
        (SignalToDistortion("dependent"), auraloss.time.SDSDRLoss()),
        (SignalToDistortion("target", zero_mean=False), auraloss.time.SISDRLoss(zero_mean=False)),
        (ConstantError(), auraloss.time.DCLoss()),
    ):
        same(ours, theirs, pair)
    # Their 1e-8 inside the logarithm is more than that of the float32 value.
    assert float(LogCosh()(*pair)) == pytest.approx(float(auraloss.time.LogCoshLoss()(*pair)), rel=1e-4)


def test_multi_resolution(pair):
    same(MultiResolutionSTFT.auraloss(), auraloss.freq.MultiResolutionSTFTLoss(), pair)
    ours = MultiResolutionSTFT.auraloss(log_weight=0.5, linear_weight=2.0, convergence_weight=0.1)
    theirs = auraloss.freq.MultiResolutionSTFTLoss(w_log_mag=0.5, w_lin_mag=2.0, w_sc=0.1)
    same(ours, theirs, pair)
    quiet = pair[0] * torch.tensor([1.0, 0.01])[:, None, None], pair[1]
    assert float(MultiResolutionSTFT.auraloss()(*quiet)) != pytest.approx(
        float(MultiResolutionSTFT()(*quiet)), rel=0.01
    )


def test_sum_and_difference(pair):
    lengths = [512, 2048], [128, 256], [512, 1024]
    theirs = auraloss.freq.SumAndDifferenceSTFTLoss(*lengths)
    ours = MultiResolutionSTFT.auraloss([Resolution(*r) for r in zip(*lengths, strict=True)], stereo="mid_side")
    # Their sum is l + r, and ours half of it: the floor is 6 dB higher.
    assert float(ours(*pair)) == pytest.approx(float(theirs(*pair)), rel=1e-4)


@pytest.mark.parametrize("window", ["hamming", "blackman", "bartlett", "kaiser"])
def test_windows(pair, window):
    same(
        MultiResolutionSTFT.auraloss([Resolution(512, 100, 400, window)]),
        auraloss.freq.STFTLoss(512, 100, 400, f"{window}_window"),
        pair,
    )


def test_weighted_and_in_bands(pair):
    theirs = auraloss.freq.STFTLoss(1024, 256, 1024, sample_rate=RATE, perceptual_weighting=True)
    ours = MultiResolutionSTFT.auraloss((1024,), weighting=Weighting("a_weighting", sample_rate=RATE))
    same(ours, theirs, pair)
    pytest.importorskip("librosa")
    theirs = auraloss.freq.STFTLoss(2048, 512, 2048, sample_rate=RATE, scale="mel", n_bins=64)
    same(MultiResolutionSTFT.auraloss((2048,), bands=Bands("mel", RATE, 64)), theirs, pair)


def test_chroma_is_librosas():
    """auraloss hands librosa's array to a buffer, which torch refuses."""
    librosa = pytest.importorskip("librosa")
    for rate, n_fft, count in ((44100, 1024, 12), (22050, 4096, 24), (16000, 512, 36)):
        theirs = librosa.filters.chroma(sr=rate, n_fft=n_fft, n_chroma=count, dtype="float64")
        torch.testing.assert_close(chroma_bands(rate, n_fft, count), torch.from_numpy(theirs), rtol=1e-9, atol=1e-12)
