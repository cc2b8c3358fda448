"""Losses against closed forms."""

import math

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
    error_to_signal_ratio,
    mid_side,
    residual_db,
)

STFT = MultiResolutionSTFT(reduction="none")


def noise(*shape, dtype=torch.float64):
    return 0.1 * torch.randn(*shape, dtype=dtype)


@pytest.mark.parametrize("gain", [0.5, 0.9, 2.0])
def test_a_gain_costs_its_logarithm_and_its_difference(gain):
    x = noise(2, 1, 8000)
    log = MultiResolutionSTFT(convergence_weight=0, floor_db=-200, reduction="none")
    convergence = MultiResolutionSTFT(log_weight=0, reduction="none")
    torch.testing.assert_close(log(gain * x, x), torch.full((2,), abs(math.log(gain))).double(), rtol=1e-4, atol=0)
    torch.testing.assert_close(convergence(gain * x, x), torch.full((2,), abs(1 - gain)).double(), rtol=1e-3, atol=0)


def test_a_full_scale_sine_has_magnitude_one():
    sine = torch.sin(2 * math.pi * 64 / 2048 * torch.arange(8192, dtype=torch.float64))
    magnitude = STFT._magnitude(sine[None, None], STFT.resolutions[-1])
    assert float(magnitude[0, 0, 64, 8]) == pytest.approx(1, abs=1e-6)


def test_the_spectrum_is_blind_to_a_sign_and_the_waveform_is_not():
    x = noise(1, 1, 8000)
    assert float(STFT(-x, x)) == 0
    assert float(error_to_signal_ratio(-x, x)) == pytest.approx(4, rel=1e-6)


ALL = [
    STFT,
    ErrorToSignalRatio(0.95),
    ErrorToSignalRatio(level_blind=True),
    MultiResolutionSTFT.auraloss(),
    MultiResolutionSTFT(bands=Bands("mel", 8000), linear_weight=1.0),
    MultiResolutionSTFT(bands=Bands("chroma", 44100), weighting=Weighting("a_weighting")),
    MultiResolutionSTFT(level_blind=True, stereo="mid_side"),
    RandomResolutionSTFT(max_n_fft=2048),
    LogCosh(),
    ConstantError(),
]


@pytest.mark.parametrize("loss", ALL)
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("case", ["both silent", "target silent", "output silent", "equal"])
def test_silence_and_equality_are_finite_with_finite_gradients(loss, dtype, case):
    x = noise(1, 2, 4000, dtype=dtype)
    silence = torch.zeros_like(x)
    y, target = {
        "both silent": (silence, silence),
        "target silent": (x, silence),
        "output silent": (silence, x),
        "equal": (x, x),
    }[case]
    y = y.clone().requires_grad_()
    value = loss(y, target).sum()
    value.backward()
    assert value.isfinite()
    assert y.grad.isfinite().all()
    if case in ("both silent", "equal") and not getattr(loss, "level_blind", False):
        assert float(value.detach()) == 0


@pytest.mark.parametrize(
    "loss",
    [
        MultiResolutionSTFT((16, 32), reduction="none"),
        ErrorToSignalRatio(0.9, reduction="none"),
        ErrorToSignalRatio(0.3, level_blind=True, reduction="none"),
        MultiResolutionSTFT((32,), bands=Bands("mel", 8000, 4), linear_weight=1.0, reduction="none"),
        MultiResolutionSTFT((32,), weighting=Weighting("folded"), level_blind=True, reduction="none"),
        MultiResolutionSTFT((16, 32), convergence="batch"),
        *(SignalToDistortion(scaling, reduction="none") for scaling in ("none", "target", "dependent")),
        LogCosh(20.0, reduction="none"),
        ConstantError(reduction="none"),
    ],
)
def test_gradients_match_finite_differences(loss):
    target = noise(1, 2, 40)
    y = noise(2, 2, 40).requires_grad_()
    assert torch.autograd.gradcheck(lambda y: loss(y, target), y, fast_mode=True)


def test_the_error_of_a_known_error():
    target = torch.ones(1, 1, 1000)
    assert float(error_to_signal_ratio(target * 0.9, target)) == pytest.approx(0.01, rel=1e-4)
    assert float(residual_db(target * 0.9, target)) == pytest.approx(-20, abs=1e-3)
    assert float(residual_db(target, target)) == -200


def test_pre_emphasis_is_a_first_difference():
    n = torch.arange(100_000, dtype=torch.float64)
    target = torch.cos(0.1 * n)[None, None]
    for w in (0.01, 3.0):
        error = 0.1 * torch.cos(w * n)[None, None]
        ratio = float(error_to_signal_ratio(target - error, target, pre_emphasis=0.95))
        power = lambda w: 1 + 0.95**2 - 2 * 0.95 * math.cos(w)  # noqa: E731  # |1 - p e^-jw|^2
        assert ratio == pytest.approx(0.01 * power(w) / power(0.1), rel=0.02)


def test_level_blind_ignores_level_and_sign_of_level_but_not_shape():
    x, other = noise(1, 1, 4000), noise(1, 1, 4000)
    loss = ErrorToSignalRatio(level_blind=True)
    assert float(loss(0.1 * x, x)) == pytest.approx(0, abs=1e-4)
    assert float(loss(other, x)) > 0.9
    assert float(MultiResolutionSTFT(level_blind=True)(0.1 * x, x)) < 2e-3


def test_every_item_is_compared_with_the_one_target():
    target, y = noise(1, 2, 3000), noise(3, 2, 3000)
    for loss in (STFT, ErrorToSignalRatio(reduction="none")):
        alone = torch.cat([loss(item[None], target) for item in y])
        torch.testing.assert_close(loss(y, target), alone)
        torch.testing.assert_close(loss(y, target.expand(3, -1, -1)), alone)


def test_mid_side_hears_a_swap_of_sign_that_channels_do_not():
    left = noise(1, 1, 8000)
    target, y = torch.cat([left, left], 1), torch.cat([left, -left], 1)
    torch.testing.assert_close(mid_side(y), torch.cat([0 * left, left], 1))
    assert float(STFT(y, target)) == 0
    assert float(MultiResolutionSTFT(stereo="mid_side")(y, target)) > 1


@pytest.mark.parametrize(
    ("make", "match"),
    [
        (lambda: STFT(torch.zeros(1, 1, 10), torch.zeros(1, 1, 11)), "compares"),
        (lambda: STFT(torch.zeros(3, 1, 10), torch.zeros(2, 1, 10)), "compares"),
        (lambda: MultiResolutionSTFT(stereo="mid_side")(torch.zeros(1, 1, 10), torch.zeros(1, 1, 10)), "two channels"),
        (lambda: MultiResolutionSTFT(()), "at least one resolution"),
        (lambda: MultiResolutionSTFT((2,)), "n_fft must be 4 or more"),
        (lambda: Resolution(512, win_length=1024), "win_length 1 to n_fft"),
        (lambda: Resolution(512, window="welch"), "window must be hann or hamming"),
        (lambda: Bands("bark", 44100), "kind must be 'mel' or 'chroma'"),
        (lambda: MultiResolutionSTFT.auraloss(reduction="none"), "no value per item"),
        (lambda: RandomResolutionSTFT(max_hop=2.0), "max_hop"),
        (lambda: SignalToDistortion("scale"), "scaling must be one of 'none', 'target', 'dependent'"),
        (lambda: LogCosh(0.0), "a must be positive"),
        (lambda: Weighting("b"), "kind must be"),
        (lambda: Weighting("a_weighting", taps=100), "taps must be odd"),
        (lambda: MultiResolutionSTFT(reduction="sum"), "reduction"),
        (lambda: MultiResolutionSTFT(stereo="wide"), "stereo"),
    ],
)
def test_what_is_wrong_is_said(make, match):
    with pytest.raises(ValueError, match=match):
        make()


def test_ratios_in_decibels():
    t = noise(2, 1, 4000)
    t = t - t.mean(-1, keepdim=True)
    other = noise(2, 1, 4000)
    other = other - other.mean(-1, keepdim=True)
    other = other - t * (other * t).sum(-1, keepdim=True) / t.square().sum(-1, keepdim=True)
    other = other * (t.square().sum(-1, keepdim=True) / other.square().sum(-1, keepdim=True)).sqrt()
    y = 0.5 * (t + 0.1 * other)
    assert float(SignalToDistortion()(y, t)) == pytest.approx(-20, abs=1e-3)
    assert float(SignalToDistortion("none")(t + 0.1 * other + 3, t)) == pytest.approx(-20, abs=1e-3)
    assert float(SignalToDistortion("none", zero_mean=False)(t + 3, t)) > 0
    half = 10 * math.log10(0.5**2 / (0.5**2 + 0.05**2))
    assert float(SignalToDistortion("dependent")(y, t)) == pytest.approx(-half, abs=1e-3)


def test_log_cosh_is_square_and_absolute():
    t = torch.zeros(1, 1, 10, dtype=torch.float64)
    for error, expected in ((1e-4, 1e-8 / 2), (1000.0, 1000.0 - math.log(2))):
        assert float(LogCosh()(t + error, t)) == pytest.approx(expected, rel=1e-4)
    assert float(ConstantError()(t + 1.5, t + 1)) == pytest.approx(0.25)


def test_random_resolutions_are_drawn_again_and_the_same_for_a_seed():
    x, y = noise(1, 1, 4096), noise(1, 1, 4096)
    first, second = (RandomResolutionSTFT(max_n_fft=4096, every=2, seed=3) for _ in range(2))
    values = [float(first(y, x)) for _ in range(4)]
    assert values[0] == values[1] != values[2] == values[3]
    assert values == [float(second(y, x)) for _ in range(4)]


def test_weights_are_those_of_the_curve():
    """IEC 61672: A is 0 dB at 1 kHz, -19.1 dB at 100 Hz, and +1.3 dB at 2.5 kHz."""
    response = Weighting("a_weighting", taps=4001).response
    spectrum = torch.fft.rfft(response, 44100).abs().log10() * 20
    for hertz, level in ((100, -19.1), (250, -8.6), (1000, 0.0), (2500, 1.3), (5000, 0.5)):
        assert float(spectrum[hertz]) == pytest.approx(level, abs=0.4)
    x = noise(1, 2, 50)
    torch.testing.assert_close(Weighting("high_pass")(x)[..., 1:], x[..., 1:] - 0.85 * x[..., :-1])
    torch.testing.assert_close(Weighting("folded", p=0.5)(x)[..., 1:-1], x[..., 2:] - 0.5 * x[..., :-2])
