"""The losses of auraloss, to five digits."""

import pytest
import torch

from diffFx_pytorch.fit import (
    Bands,
    ConstantError,
    ErrorToSignalRatio,
    LogCosh,
    MultiResolutionSTFT,
    RandomResolutionSTFT,
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
        (ErrorToSignalRatio(by_channel=True), auraloss.time.ESRLoss()),
    ):
        same(ours, theirs, pair)
    for a in (0.1, 1.0, 30.0):  # in float64: their cosh of a small number has no float32 digits
        doubles = pair[0].double(), pair[1].double()
        same(LogCosh(a), auraloss.time.LogCoshLoss(a, eps=0.0), doubles)
    same(LogCosh(), auraloss.time.LogCoshLoss(), doubles)


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
    at = [Resolution(*r) for r in zip(*lengths, strict=True)]
    same(MultiResolutionSTFT.auraloss(at, stereo="sum_difference"), theirs, pair)
    theirs = auraloss.freq.SumAndDifferenceSTFTLoss(*lengths, perceptual_weighting=True, sample_rate=RATE)
    weighting = Weighting("a_weighting", sample_rate=RATE)
    same(MultiResolutionSTFT.auraloss(at, stereo="sum_difference", weighting=weighting), theirs, pair)


@pytest.mark.parametrize(
    ("ours", "theirs"),
    [
        ({"level_blind": True}, {"scale_invariance": True}),
        ({"distance": "square", "linear_weight": 1.0}, {"mag_distance": "L2", "w_lin_mag": 1.0}),
        ({"floor_db": -60.0}, {"eps": 1e-6}),
        ({"convergence_weight": 0.0, "log_weight": 0.3}, {"w_sc": 0.0, "w_log_mag": 0.3}),
    ],
)
def test_options(pair, ours, theirs):
    if "level_blind" in ours:  # theirs broadcasts the scale of one spectrum over a square of them only
        pair = tuple(x[:1, :1] for x in pair)
    same(
        MultiResolutionSTFT.auraloss([Resolution(1024, 256, 600)], **ours),
        auraloss.freq.STFTLoss(1024, 256, 600, **theirs),
        pair,
    )


def test_random_resolutions(pair):
    theirs = auraloss.freq.RandomResolutionSTFTLoss(4, max_fft_size=4096)
    ours = RandomResolutionSTFT.auraloss(4, max_n_fft=4096)
    value = float(theirs(*pair))
    names = ("hann", "bartlett", "blackman", "hamming", "kaiser")
    drawn = []
    for one in theirs.stft_losses:
        (window,) = [n for n in names if torch.equal(one.window, getattr(torch, f"{n}_window")(one.win_length))][:1]
        drawn.append(Resolution(one.fft_size, one.hop_size, one.win_length, window))
    ours._drawn = iter(drawn).__next__
    assert float(ours(*pair)) == pytest.approx(value, rel=1e-5)


@pytest.mark.parametrize(("kind", "theirs"), [("high_pass", "hp"), ("folded", "fd"), ("a_weighting", "aw")])
def test_weightings(pair, kind, theirs):
    """Theirs correlate where a filter convolves: their input backwards is ours. They pad short filters too far."""
    filtered, _ = auraloss.perceptual.FIRFilter(theirs, fs=RATE)(pair[0][:, :1].flip(-1), pair[0][:, :1])
    ours = Weighting(kind, sample_rate=RATE)(pair[0][:, :1])
    beyond = (filtered.shape[-1] - ours.shape[-1]) // 2
    filtered = filtered[..., beyond : filtered.shape[-1] - beyond].flip(-1)
    early = int(kind == "high_pass")  # a sample, by which their three taps stand beside the middle
    torch.testing.assert_close(ours[..., early:], filtered[..., : 8000 - early], rtol=1e-5, atol=1e-5)


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
    theirs = auraloss.freq.MelSTFTLoss(RATE, 2048, 512, 2048, n_mels=64)
    same(MultiResolutionSTFT.auraloss((2048,), bands=Bands("mel", RATE, 64)), theirs, pair)


def test_chroma(pair, monkeypatch):
    """auraloss hands librosa's array to a buffer, which torch refuses."""
    librosa = pytest.importorskip("librosa")
    array = librosa.filters.chroma
    monkeypatch.setattr(librosa.filters, "chroma", lambda **given: torch.from_numpy(array(**given)))
    theirs = auraloss.freq.ChromaSTFTLoss(RATE, 2048, 512, 2048, n_chroma=12)
    same(MultiResolutionSTFT.auraloss((2048,), bands=Bands("chroma", RATE, 12)), theirs, pair)


def test_chroma_is_librosas():
    librosa = pytest.importorskip("librosa")
    for rate, n_fft, count in ((44100, 1024, 12), (22050, 4096, 24), (16000, 512, 36)):
        theirs = librosa.filters.chroma(sr=rate, n_fft=n_fft, n_chroma=count, dtype="float64")
        torch.testing.assert_close(chroma_bands(rate, n_fft, count), torch.from_numpy(theirs), rtol=1e-9, atol=1e-12)
