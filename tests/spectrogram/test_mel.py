"""The mel scale, non-negative least squares, and signals back from mel spectrograms."""

import math
import warnings

import numpy as np
import pytest
import torch

from diffFx_pytorch.spectrogram import STFT, Momentum, invert_mel
from diffFx_pytorch.spectrogram.mel import MelScale, hz_to_mel, mel_to_hz
from diffFx_pytorch.spectrogram.nnls import nnls

RATE, N = 8000, 256
STFT256 = STFT(N, 64)
SCALE = MelScale(24, RATE, N)


def _sound(batch=1, seconds=0.5, dtype=torch.float32):
    """Gliding harmonics with a syllable's envelope."""
    t = torch.arange(int(seconds * RATE), dtype=torch.float64) / RATE
    rows = []
    for i in range(batch):
        phase = 2 * math.pi * (120 + 30 * i) * (t + 0.3 * t**2)
        voice = sum(torch.sin(k * phase) / k for k in range(1, 15))
        rows.append(voice * (1.05 - torch.cos(2 * math.pi * 4 * t)))
    return torch.stack(rows).to(dtype) / 8


def _convergence(y, M, scale=SCALE, stft=STFT256):
    error = torch.linalg.vector_norm(scale.forward(stft.magnitude(y)) - M, dim=(-1, -2))
    return 20 * (error / torch.linalg.vector_norm(M, dim=(-1, -2))).log10()


# The scale ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("scale", "bins", "first"),
    [
        # By librosa: row 5 of filters.mel with sr=22050, n_fft=1024, n_mels=80, htk=False, norm="slaney", in float64
        (MelScale(80, 22050, 1024), [10, 11, 12, 13], [0.005889710620214298, 0.01865044614081172, 0.01727587617289487]),
        # the same with htk=True, norm=None
        (MelScale(80, 22050, 1024, norm=None, scale="htk"), [7, 8], [0.6005812132489616, 0.6806645132764925]),
        # and with sr=16000, n_fft=401, n_mels=40, htk=False, norm=None
        (
            MelScale(40, 16000, 401, norm=None),
            [10, 11, 12],
            [0.4234293316744701, 0.9657722648419166, 0.49188480199063694],
        ),
    ],
)
def test_the_filters_are_those_of_librosa(scale, bins, first):
    row = scale.filters(torch.zeros(0, dtype=torch.float64))[5]
    assert row.nonzero().flatten().tolist() == bins
    assert row[bins][: len(first)].tolist() == pytest.approx(first, rel=1e-12)


@pytest.mark.parametrize("scale", ["slaney", "htk"])
def test_mels_and_hertz_are_inverse(scale):
    f = torch.linspace(0, 20000, 401, dtype=torch.float64)
    assert torch.allclose(mel_to_hz(hz_to_mel(f, scale), scale), f, atol=1e-9)
    assert (hz_to_mel(f, scale).diff() > 0).all()
    assert float(hz_to_mel(torch.tensor(1000.0), "slaney")) == pytest.approx(15)
    assert float(hz_to_mel(torch.tensor(1000.0), "htk")) == pytest.approx(1000, abs=0.1)


def test_triangles_share_their_corners_and_their_area():
    W = MelScale(24, RATE, 8192, norm=None).filters(torch.zeros(0, dtype=torch.float64))
    inside = W.sum(0)[W.argmax(-1)[0] + 1 : W.argmax(-1)[-1]]
    assert torch.allclose(inside, torch.ones_like(inside))  # one falls as the next rises
    area = MelScale(24, RATE, 8192).filters(torch.zeros(0, dtype=torch.float64)).sum(-1) * RATE / 8192
    assert torch.allclose(area, torch.ones_like(area), rtol=0.01)


def test_power_is_of_the_magnitude():
    A = STFT256.magnitude(_sound())
    energies = MelScale(24, RATE, N, power=2)
    assert torch.allclose(energies.forward(A), SCALE.forward(A.square()))


@pytest.mark.parametrize(
    ("wrong", "pattern"),
    [
        ({"n_mels": 0}, "n_mels"),
        ({"n_fft": 2.5}, "n_fft"),
        ({"sample_rate": 0}, "sample_rate"),
        ({"f_max": 5000}, "half the sample rate"),
        ({"f_min": 3000, "f_max": 2000}, "f_min"),
        ({"norm": "area"}, "norm must be 'slaney' or None"),
        ({"scale": "bark"}, "scale must be 'slaney' or 'htk'"),
        ({"power": 0}, "power"),
    ],
)
def test_a_scale_that_cannot_be_is_refused(wrong, pattern):
    with pytest.raises(ValueError, match=f"^MelScale: .*{pattern}"):
        MelScale(**{"n_mels": 24, "sample_rate": RATE, "n_fft": N, **wrong})


def test_bands_without_bins_are_said():
    with pytest.warns(UserWarning, match="bands hold no bin of n_fft=256"):
        MelScale(128, 22050, 256)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        MelScale(80, 22050, 1024)


# Non-negative least squares -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("spread", [0.0, 0.7])
def test_least_squares_are_as_small_as_scipys(spread):
    scipy = pytest.importorskip("scipy.optimize")
    generator = torch.Generator().manual_seed(0)
    W = MelScale(40, 16000, 512).filters(torch.zeros(0, dtype=torch.float64))
    m = W @ torch.rand(2, W.shape[1], 6, generator=generator, dtype=torch.float64) ** 4
    m = m * (spread * torch.randn(m.shape, generator=generator, dtype=torch.float64)).exp()
    a = nnls(W, m, n_iter=400)
    assert (a >= 0).all()
    for item in range(2):
        for frame in range(6):
            least = scipy.nnls(W.numpy(), m[item, :, frame].numpy())[1]
            left = float((W @ a[item, :, frame] - m[item, :, frame]).norm())
            assert left <= least + 2e-3 * float(m[item, :, frame].norm())


def test_columns_do_not_know_each_other():
    generator = torch.Generator().manual_seed(0)
    W = SCALE.filters(torch.zeros(0, dtype=torch.float64))
    m = torch.rand(2, 24, 5, generator=generator, dtype=torch.float64)
    a = nnls(W, m)
    assert torch.allclose(nnls(W, m[1:, :, 2:3]), a[1:, :, 2:3], atol=1e-12)
    assert torch.allclose(nnls(W, 8.0 * m), 8.0 * a, rtol=1e-9)


def test_silence_and_bins_that_no_band_holds_are_zero():
    scale = MelScale(10, RATE, N, f_min=500, f_max=2000)
    a = scale.inverse(torch.ones(10, 3))
    assert (a[:16] == 0).all()
    assert (a[65:] == 0).all()
    assert (scale.inverse(torch.zeros(10, 3)) == 0).all()
    with pytest.raises(ValueError, match="nnls: W must be"):
        nnls(torch.ones(3, 4), torch.ones(4, 2))
    with pytest.raises(ValueError, match="negative"):
        nnls(-torch.ones(3, 4), torch.ones(3, 2))


def test_a_magnitude_has_its_mel_spectrogram():
    M = SCALE.forward(STFT256.magnitude(_sound(2)))
    back = SCALE.forward(SCALE.inverse(M))
    assert (back - M).norm() < 1e-3 * M.norm()


# Inversion ----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("method", "least"), [("auto", -30), ("lbfgs", -24), ("fast_griffin_lim", -26)])
def test_a_voice_comes_back_from_its_mel_spectrogram(method, least):
    x = _sound(2)
    M = SCALE.forward(STFT256.magnitude(x))
    y, info = invert_mel(M, STFT256, SCALE, method, 32, length=x.shape[-1], return_info=True)
    assert y.shape == x.shape
    reached = _convergence(y, M)
    assert (reached < least).all(), reached
    assert torch.allclose(info.history[:, -1].float(), reached, atol=0.1)
    assert info.history.shape == (2, 33)


@pytest.mark.parametrize("power", [1.0, 2.0])
def test_more_iterations_are_no_worse(power):
    scale = MelScale(24, RATE, N, power=power)
    M = scale.forward(STFT256.magnitude(_sound()))
    reached = [float(_convergence(invert_mel(M, STFT256, scale, n_iter=n), M, scale)) for n in (0, 16, 32)]
    assert reached[0] > reached[1] > reached[2]


def test_mel_spectrograms_that_no_signal_has_come_near():
    generator = torch.Generator().manual_seed(0)
    M = SCALE.forward(STFT256.magnitude(_sound()))
    smooth = torch.nn.functional.avg_pool1d(M, 9, 1, 4)
    rough = M * (0.3 * torch.randn(M.shape, generator=generator)).exp()
    for target in (smooth, rough):
        errors = [float(_convergence(invert_mel(target, STFT256, SCALE, n_iter=n), target)) for n in (0, 32)]
        assert errors[1] < errors[0] - 3


def test_a_batch_is_a_loop():
    x = _sound(3, dtype=torch.float64)
    M = SCALE.forward(STFT256.magnitude(x))
    for method in ("auto", "lbfgs"):
        together = invert_mel(M, STFT256, SCALE, method, 8)
        alone = torch.stack([invert_mel(m, STFT256, SCALE, method, 8) for m in M])
        assert torch.allclose(together, alone, atol=1e-8)
    y, info = invert_mel(M.reshape(1, 3, 24, -1), STFT256, SCALE, n_iter=4, return_info=True)
    assert y.shape[:2] == info.iterations.shape == (1, 3)


@pytest.mark.parametrize("method", ["auto", "lbfgs"])
def test_scaling_the_target_scales_the_result(method):
    scale = MelScale(24, RATE, N, power=2)
    M = scale.forward(STFT256.magnitude(_sound(dtype=torch.float64)))
    y = invert_mel(M, STFT256, scale, method, 8)
    assert torch.allclose(invert_mel(2.0**-30 * M, STFT256, scale, method, 8), 2.0**-15 * y, rtol=1e-9)


@pytest.mark.parametrize("method", ["auto", "lbfgs"])
def test_silence_stays_silent(method):
    y, info = invert_mel(torch.zeros(2, 24, 9), STFT256, SCALE, method, 4, return_info=True)
    assert (y == 0).all()
    assert torch.isfinite(info.history).all()


def test_length_seed_start_and_callback():
    x = _sound()
    M = SCALE.forward(STFT256.magnitude(x))
    draws = [invert_mel(M, STFT256, SCALE, n_iter=2, init="random", generator=torch.Generator().manual_seed(1))] * 2
    assert torch.equal(*draws)
    assert invert_mel(M, STFT256, SCALE, n_iter=0, length=3990).shape == (1, 3990)
    heard = []
    for method in ("auto", "lbfgs", Momentum(0.5)):
        invert_mel(
            M, STFT256, SCALE, method, 5, length=3990, callback=lambda i, h, s: heard.append((i, s().shape)) or i == 2
        )
    assert heard == [(1, (1, 3990)), (2, (1, 3990))] * 3


def test_the_mel_spectrogram_is_left_alone():
    M = SCALE.forward(STFT256.magnitude(_sound()))
    kept = M.clone()
    invert_mel(M, STFT256, SCALE, n_iter=2)
    assert torch.equal(M, kept)


@pytest.mark.parametrize(
    ("change", "pattern"),
    [
        ({"mel": torch.ones(20, 5)}, "n_mels=24"),
        ({"mel": -torch.ones(24, 5)}, "undo that first"),
        ({"mel": torch.full((24, 5), math.nan)}, "NaN"),
        ({"mel": torch.ones(24, 5) + 0j}, "real floating"),
        ({"mel": torch.ones(24, 5).long()}, "real floating"),
        ({"stft": STFT(512)}, "built for n_fft=256, and the STFT has n_fft=512"),
        ({"n_iter": -1}, "n_iter must be"),
        ({"method": "magic"}, "method must be"),
        ({"init": "magic"}, "init must be"),
        ({"length": 10**6}, "length"),
    ],
)
def test_what_is_wrong_is_said(change, pattern):
    with pytest.raises(ValueError, match=pattern):
        invert_mel(**{"mel": torch.ones(24, 5), "stft": STFT256, "scale": SCALE, **change})
    with pytest.raises(TypeError, match="maxiter"):
        invert_mel(torch.ones(24, 5), STFT256, SCALE, maxiter=5)


@pytest.mark.slow
@pytest.mark.real_audio
def test_recordings_come_back(audio_folder):
    soundfile = pytest.importorskip("soundfile")
    stft = STFT(1024, 256)
    for name, least in (("singing", -30), ("guitar", -24)):
        x, rate = soundfile.read(audio_folder / f"{name}.flac", dtype="float32", always_2d=True)
        x = torch.from_numpy(np.ascontiguousarray(x[: 3 * rate, 0]))
        scale = MelScale(80, rate, 1024)
        M = scale.forward(stft.magnitude(x))
        y = invert_mel(M, stft, scale, length=len(x))
        assert _convergence(y, M, scale, stft) < least, name
