"""Velvet noise as a module that learns."""

import pytest
import torch

from diffFx_pytorch import lti


def velvet(**options):
    return lti.VelvetNoiseFilter((2, 3), 400, density=1000.0, sample_rate=8000.0, requires_grad=True, **options)


def test_it_is_velvet_noise():
    h = velvet(generator=torch.Generator().manual_seed(0)).taps().detach()
    assert h.shape == (2, 3, 400)
    periods = h.reshape(2, 3, 50, 8)
    assert torch.equal(periods.abs().sum(-1), torch.ones(2, 3, 50))  # one pulse of size 1 in each period
    assert 0.3 < float((h > 0).sum() / (h != 0).sum()) < 0.7
    parallel = lti.VelvetNoiseFilter((3,), 400, diagonal=True)
    assert parallel.inputs == parallel.outputs == 3
    assert parallel(torch.randn(2, 3, 100)).shape == (2, 3, 100)
    with pytest.raises(ValueError, match="hold no impulse"):
        lti.VelvetNoiseFilter((1, 1), 10, density=100.0)
    with pytest.raises(ValueError, match="density must"):
        lti.VelvetNoiseFilter((1, 1), 10, density=1e6)


def test_its_response_is_that_of_its_pulses():
    system = velvet().double()
    x = torch.randn(1, 3, 500, dtype=torch.float64)
    h = system.taps()
    slow = torch.stack(
        [
            sum(
                torch.nn.functional.conv1d(x[:, i : i + 1], h[o, i].flip(0)[None, None], padding=399)[0, 0, :500]
                for i in range(3)
            )
            for o in range(2)
        ]
    )
    torch.testing.assert_close(system(x)[0], slow)


def test_gradients_are_exact_for_gains_and_central_differences_for_places():
    system = velvet().double()
    goal = torch.randn(2, 3, 400, dtype=torch.float64)
    (system.taps() * goal).sum().backward()
    gain, exact = system.value("gain").detach(), 8 * torch.arange(50) + 7 * system.value("place").detach()
    at = exact.round().long()
    torch.testing.assert_close(system.get_parameter("gain").grad, goal.gather(-1, at))
    around = torch.nn.functional.pad(goal, (1, 1))
    step = (around.gather(-1, at + 2) - around.gather(-1, at)) / 2
    raw = system.get_parameter("place")
    place = torch.sigmoid(raw.detach())
    torch.testing.assert_close(raw.grad, gain * step * 7 * place * (1 - place))


def test_it_learns_the_gains_and_places_of_a_smooth_response():
    torch.manual_seed(0)
    smooth = lti.FIR(torch.hann_window(61)[None, None])
    learned = lti.VelvetNoiseFilter((1, 1), 400, density=400.0, sample_rate=8000.0, requires_grad=True)
    hidden = lti.VelvetNoiseFilter((1, 1), 400, density=400.0, sample_rate=8000.0)
    with torch.no_grad():
        target = lti.Series(hidden, smooth).frequency_response(1024)
        learned.get_parameter("gain").copy_(hidden.value("gain"))
    chain = lti.Series(learned, smooth)
    optimizer = torch.optim.Adam(learned.parameters(), lr=0.1)
    errors = []
    for _ in range(200):
        optimizer.zero_grad()
        loss = (chain.frequency_response(1024) - target).abs().square().mean()
        loss.backward()
        optimizer.step()
        errors.append(float(loss.detach()))
    assert min(errors[-10:]) < 0.02 * errors[0]
