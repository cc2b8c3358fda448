"""Losses of responses: what they measure, where they are nothing, and that they are finite everywhere."""

import math

import pytest
import torch

from diffFx_pytorch.dsp.room_analysis import octave_bands, octave_centres
from diffFx_pytorch.fit import (
    AveragePower,
    EnergyDecayCurve,
    EnergyDecayRelief,
    MagnitudeError,
    MultiResolutionMel,
    MultiResolutionSTFT,
    sparsity,
)

RATE = 16000
LOSSES = {
    "magnitude": lambda: MagnitudeError(),
    "curve": lambda: EnergyDecayCurve(RATE),
    "broadband curve": lambda: EnergyDecayCurve(RATE, bands="broadband", normalise=True),
    "relief": lambda: EnergyDecayRelief(RATE, n_mels=20),
    "mel": lambda: MultiResolutionMel(RATE, (256, 512), (10, 20)),
    "power": lambda: AveragePower(256, 16),
    "spectra": lambda: MultiResolutionSTFT((256, 512)),
}


def _decay(seconds, channels=2, samples=6000, seed=0):
    generator = torch.Generator().manual_seed(seed)
    t = torch.arange(samples) / RATE
    return torch.randn(1, channels, samples, generator=generator) * 10 ** (-3 * t / seconds)


@pytest.mark.parametrize("name", LOSSES)
def test_equal_responses_have_no_loss_and_others_do(name):
    loss = LOSSES[name]()
    h = _decay(0.3)
    assert float(loss(h, h)) == pytest.approx(0.0, abs=1e-6)
    assert float(loss(_decay(0.15), h)) > float(loss(_decay(0.28), h)) > 1e-5


@pytest.mark.parametrize("name", LOSSES)
def test_a_loss_of_channels_is_the_mean_of_theirs(name):
    loss = LOSSES[name]()
    a, b = _decay(0.2, seed=1), _decay(0.3, seed=2)
    both = float(loss(a, b))
    each = [float(loss(a[:, i : i + 1], b[:, i : i + 1])) for i in range(2)]
    assert both == pytest.approx(sum(each) / 2, rel=1e-4)


@pytest.mark.parametrize("name", LOSSES)
@pytest.mark.parametrize("target", [0.0, 1.0])
def test_silence_gives_finite_losses_and_gradients(name, target):
    h = torch.zeros(1, 2, 6000, requires_grad=True)
    loss = LOSSES[name]()(h, target * _decay(0.3))
    loss.backward()
    assert math.isfinite(float(loss.detach()))
    assert bool(h.grad.isfinite().all())


def test_zeros_of_a_response_give_finite_gradients():
    H = torch.zeros(1, 1, 9, dtype=torch.complex64, requires_grad=True)
    MagnitudeError()(H, torch.ones(1)).backward()
    assert bool(torch.view_as_real(H.grad).isfinite().all())


@pytest.mark.parametrize("band", range(5))
def test_a_tone_lands_in_its_octave(band):
    centres = octave_centres(RATE)
    t = torch.arange(RATE) / RATE
    tone = torch.sin(2 * math.pi * centres[band] * t) * torch.hann_window(RATE)
    energy = octave_bands(tone, RATE, centres).square().sum(-1)
    others = torch.cat([energy[:band], energy[band + 1 :]])
    assert float(energy[band] / others.max()) > 100.0


def test_half_the_points_are_drawn_anew_each_time():
    loss = MagnitudeError(points=50)
    H = torch.rand(1, 1, 1000)
    values = {round(float(loss(H, torch.ones(1))), 6) for _ in range(5)}
    assert len(values) == 5
    whole = float(MagnitudeError()(H, torch.ones(1)))
    assert float(torch.tensor(sorted(values)).mean()) == pytest.approx(whole, rel=0.2)


def test_sparsity_is_one_for_a_permutation_and_nothing_for_hadamard():
    hadamard = torch.tensor([[1.0, 1.0], [1.0, -1.0]]) / 2**0.5
    assert float(sparsity(torch.eye(4))) == pytest.approx(1.0)
    assert float(sparsity(torch.kron(hadamard, hadamard))) == pytest.approx(0.0, abs=1e-6)
    assert float(sparsity(torch.stack([torch.eye(4), torch.kron(hadamard, hadamard)]))) == pytest.approx(0.5)
    with pytest.raises(ValueError, match="square"):
        sparsity(torch.eye(1))


def test_decays_are_compared_in_decibels():
    exact = EnergyDecayCurve(RATE, bands="broadband", normalise=True, floor_db=-1000.0)
    t = torch.arange(round(0.9 * RATE), dtype=torch.float64) / RATE
    slow, fast = (10 ** (-3 * t / s)[None, None] for s in (0.8, 0.6))
    # Both fall along straight lines in dB, the one 4/3 as steep as the other, but for the very end.
    assert float(exact(fast, slow)) == pytest.approx(1 / 9, rel=0.15)


def test_the_sum_of_outputs_is_compared_where_asked():
    H, flat = torch.rand(2, 3, 100), torch.ones(1, 100)
    expected = (H.sum(-2) - 1).square().mean()
    torch.testing.assert_close(MagnitudeError(sum_outputs=True)(H, flat), expected)
    assert float(expected) > 1.5 * float(MagnitudeError()(H, flat))


def test_a_decay_curve_without_floor_is_a_mean_square_in_decibels():
    a, b = _decay(0.2, 1, seed=1), _decay(0.3, 1, seed=2)
    ours = EnergyDecayCurve(RATE, bands="broadband", floor_db=None, relative=False, discard=0.01)(a, b)
    levels = []
    for x in (a, b):
        kept = x[0, 0, :5940].double().square()
        levels.append(10 * torch.stack([kept[n:].sum() for n in range(0, 5940, 10)]).log10())
    assert float(ours) == pytest.approx(float((levels[0] - levels[1]).square().mean()), rel=0.02)


@pytest.mark.parametrize(
    ("make", "says"),
    [
        (lambda: EnergyDecayCurve(RATE, bands="third"), "bands must be"),
        (lambda: EnergyDecayCurve(RATE, discard=1.0), "discard must"),
        (lambda: MagnitudeError(sum_outputs=True)(torch.ones(3, 9), torch.ones(3, 9)), "target of one channel"),
        (lambda: MultiResolutionMel(RATE, (512,), (10, 20)), "window lengths"),
        (lambda: AveragePower(1024)(torch.zeros(1, 1, 500), torch.zeros(1, 1, 500)), "samples are needed"),
    ],
)
def test_what_cannot_be_is_refused(make, says):
    with pytest.raises(ValueError, match=says):
        make()
