"""Everything that torch_specinv's own tests call works on this library, through a shim of its names and keywords.

torch_specinv tests its functions over every combination of ``torch.stft``'s keywords, some 2,400 calls. This is the
same matrix: a sample of it, and all of it with ``--all-cases``. Where its version 0.2 is installed
(from its repository: the release on PyPI calls functions that torch no longer has), numbers are held against it too.
"""

import importlib
import itertools
import random

import pytest
import torch

from diffFx_pytorch.spectrogram import STFT, invert, invert_spectrogram, spectral_convergence
from tests.spectrogram import specinv_shim as shim
from tests.spectrogram.signals import tones

TRANSFORMS = [
    dict(
        zip(
            ("window", "hop_length", "center", "normalized", "onesided", "pad_mode", "return_complex"),
            case,
            strict=True,
        )
    )
    for case in itertools.product(
        ((None, None), (300, None), (300, "hann")),
        (None, 128),
        (True, False),
        (False, True),
        (False, True),
        ("reflect", "constant", "replicate", "circular"),
        (True, False),
    )
]
FUNCTIONS = [("griffin_lim", {}), ("ADMM", {})] + [
    ("RTISI_LA", {"look_ahead": look_ahead, "asymmetric_window": asymmetric})
    for look_ahead in (-1, 2)
    for asymmetric in (True, False)
]
MATRIX = list(itertools.product(FUNCTIONS, TRANSFORMS))
SAMPLE = random.Random(0).sample(range(len(MATRIX)), 24)


def call(function, options, case):
    (win_length, window), settings = case["window"], {k: v for k, v in case.items() if k != "window"}
    settings |= {"win_length": win_length, "window": None if window is None else torch.hann_window(win_length)}
    x = torch.randn(4410)
    spectrum = torch.stft(x, 512, **{**settings, "return_complex": True})
    magnitude = spectrum.abs().requires_grad_()
    y = getattr(shim, function)(magnitude, max_iter=2, verbose=0, **options, **settings)
    (x[: len(y)] - y).square().mean().backward()
    assert y.isfinite().all()
    assert magnitude.grad.isfinite().all()
    assert magnitude.grad.any()
    stft = shim.transform(magnitude, **settings)
    assert len(y) == stft.length(spectrum.shape[-1])


@pytest.mark.filterwarnings("ignore:STFT. window=None", "ignore:A window was not provided")
@pytest.mark.parametrize("number", SAMPLE)
def test_keywords_of_a_transform(number):
    (function, options), case = MATRIX[number]
    call(function, options, case)


@pytest.mark.thorough
@pytest.mark.filterwarnings("ignore:STFT. window=None")
@pytest.mark.parametrize("function", range(len(FUNCTIONS)))
def test_all_keywords_of_a_transform(function):
    for case in TRANSFORMS:
        call(*FUNCTIONS[function], case)


@pytest.mark.parametrize("shape", [(4410,), (2, 4410), (1, 4410)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("function", ["griffin_lim", "ADMM", "RTISI_LA"])
def test_shapes(shape, dtype, function):
    S = torch.stft(torch.randn(shape, dtype=dtype), 128, window=torch.ones(128, dtype=dtype), return_complex=True)
    y = getattr(shim, function)(S.abs(), max_iter=4, verbose=0)
    assert y.dtype == dtype
    assert y.shape[:-1] == shape[:-1]
    assert 0 < y.shape[-1] <= shape[-1]


@pytest.mark.parametrize("shape", [(600,), (2, 600), (1, 600)])
@pytest.mark.parametrize("metric", ["sc", "snr", "ser"])
def test_lbfgs_takes_their_keywords(shape, metric, capsys):
    x = tones(*shape[:-1], length=600)

    def representation(x):
        return torch.stft(x, 128, window=torch.ones(128, dtype=x.dtype), return_complex=True).abs()

    A = representation(x)
    y = shim.L_BFGS(A, representation, samples=x.shape, max_iter=10, outer_max_iter=3, eva_iter=1, metric=metric)
    assert y.shape == x.shape
    assert spectral_convergence(representation(y), A) < -3
    assert "iteration" in capsys.readouterr().err


def test_every_few_iterations_a_metric_is_reported():
    stft = STFT(128)
    x = tones(2, length=800)
    A = stft.magnitude(x)
    seen = []

    def ser(X, A):
        seen.append(shim.ser(X, A))
        return seen[-1]

    reports = []

    def callback(iteration, level, signal):
        torch.testing.assert_close(level, shim.ser(stft.magnitude(signal()), A))
        reports.append(iteration)

    kw = {"n_iter": 10, "evaluate_every": 4, "metric": ser, "callback": callback}
    for method in ("griffin_lim", "lbfgs"):
        invert_spectrogram(A, stft, method, length=x.shape[-1], **kw)
    invert(A, stft.magnitude, x.shape[-1], **kw)
    assert reports == 3 * [4, 8]
    for name in ("spectral_convergence", "magnitude_snr", "log_spectral_distance"):
        levels = []
        kw = {"metric": name, "callback": lambda i, level, s, levels=levels: levels.append(level)}
        invert_spectrogram(A, stft, "griffin_lim", 3, **kw)
        assert len(levels) == 3
        assert levels[0].shape == (2,)
    for bad in ({"metric": "loudness"}, {"evaluate_every": 0}):
        with pytest.raises(ValueError, match=next(iter(bad))):
            invert_spectrogram(A, stft, n_iter=1, **bad)


def theirs():
    module = pytest.importorskip("torch_specinv")
    if getattr(module, "__version__", "0.1") < "0.2":
        pytest.skip("torch_specinv 0.1 calls functions that torch no longer has")
    return importlib.import_module("torch_specinv.methods")


def test_the_metrics_are_theirs():
    theirs()
    metrics = importlib.import_module("torch_specinv.metrics")
    A = tones().abs().view(30, 100)
    for name, ours in shim.METRICS.items():
        torch.testing.assert_close(ours(A + 0.1, A), getattr(metrics, name)(A + 0.1, A))


@pytest.mark.parametrize("onesided", [True, False])
def test_the_numbers_are_theirs(onesided):
    peer = theirs()
    window = torch.hann_window(512, dtype=torch.float64)
    kw = {"window": window, "hop_length": 128, "onesided": onesided, "center": True}
    S = torch.stft(tones(length=4096), 512, **kw, return_complex=True)
    for name, options in (("griffin_lim", {"alpha": 0.0}), ("ADMM", {})):
        options |= {"max_iter": 5, "verbose": 0, **kw}
        x, y = (getattr(m, name)(S * torch.exp(1j * S.abs()), **options) for m in (peer, shim))
        # But for the ends: their overlap-add forgets what a sample's mirror image adds.
        torch.testing.assert_close(x[1024:3072], y[1024:3072], atol=1e-2 * float(x.abs().max()), rtol=0)
