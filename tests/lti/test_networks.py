"""Networks ready built: they decay as told, and the all-pass passes all."""

import pytest
import torch

from diffFx_pytorch import lti
from diffFx_pytorch.dsp.room_analysis import reverberation_time

RATE = 16000.0


@pytest.mark.parametrize("channels", [1, 2])
def test_an_allpass_network_is_paraunitary_for_any_delays(channels):
    for delays in (torch.tensor([3, 7, 11]), torch.tensor([1, 1, 200])):
        network = lti.AllpassFDN(delays, channels, dtype=torch.float64)
        H = network.frequency_response(512).movedim(-1, 0)
        unit = torch.eye(channels, dtype=torch.complex128).expand_as(H)
        torch.testing.assert_close(H @ H.mH, unit, atol=1e-9, rtol=0)
        assert H.angle().std() > 0.5  # more than a gain
    with pytest.raises(ValueError, match="at least 1 sample"):
        lti.AllpassFDN(torch.tensor([0, 3]))


def test_delays_are_primes_spread_over_the_range():
    delays = lti.coprime_delays(8, 48000.0, generator=torch.Generator().manual_seed(0)).tolist()
    assert delays == sorted(set(delays))
    assert all(d % i for d in delays for i in range(2, int(d**0.5) + 1))
    assert 960 <= delays[0] < 1100
    assert 2000 < delays[-1] <= 2400
    with pytest.raises(ValueError, match="widen the range"):
        lti.coprime_delays(20, 8000.0, (1.0, 2.0))


@pytest.mark.parametrize(
    ("decay", "high", "expected"),
    [
        (0.4, None, (0.4, 0.4)),
        (torch.tensor([0.6, 0.6, 0.6, 0.6, 0.6, 0.3, 0.3, 0.3]), None, (0.6, 0.3)),
        (0.6, 0.2, (0.6, 0.45)),
    ],
)
def test_it_decays_as_it_is_told(decay, high, expected):
    g = torch.Generator().manual_seed(0)
    delays = lti.coprime_delays(8, RATE, (15.0, 40.0), g)
    network = lti.feedback_delay_network(
        delays, decay, sample_rate=RATE, decay_high_s=high, outputs=2, direct=True, generator=g
    )
    assert any(p.requires_grad for p in network.parameters())
    with torch.no_grad():
        h = network.impulse_response(int(RATE))
    t60 = reverberation_time(h[0, 0], RATE, "octave", (-5.0, -30.0))
    assert float(t60[0]) == pytest.approx(expected[0], rel=0.2)
    assert float(t60[4]) == pytest.approx(expected[1], rel=0.2)


def test_lines_may_decay_apart_and_wrong_times_are_refused():
    delays = torch.tensor([100, 131, 157])
    apart = lti.feedback_delay_network(delays, torch.tensor([[0.1], [0.2], [0.4]]), sample_rate=RATE)
    gains = apart.loop.feedback.absorption.constant().diagonal()
    torch.testing.assert_close(gains, 10 ** (-3 * delays / RATE / torch.tensor([0.1, 0.2, 0.4])))
    for decay, high, match in (
        (0.0, None, "must be positive"),
        (torch.ones(2, 8), None, r"\(bands,\) or \(3, bands\)"),
        (torch.ones(8), 0.5, "not with one per octave"),
    ):
        with pytest.raises(ValueError, match=match):
            lti.feedback_delay_network(delays, decay, sample_rate=RATE, decay_high_s=high)


def test_a_decay_can_be_learned():
    delays = torch.tensor([100, 131, 157])
    network = lti.feedback_delay_network(delays, 0.2, sample_rate=RATE)
    network.impulse_response(4000).square().sum().backward()
    assert float(network.loop.feedback.absorption.log_decay_s.grad.abs().sum()) > 0


@pytest.mark.parametrize("octaves", [False, True])
def test_groups_decay_apart_and_stay_together_in_training(octaves):
    g = torch.Generator().manual_seed(0)
    delays = lti.coprime_delays(8, RATE, (15.0, 40.0), g)[torch.randperm(8, generator=g)].reshape(2, 4)
    seconds = torch.tensor([0.9, 0.2])
    decay = seconds[:, None].expand(2, len(lti.band_centres(1, RATE))) if octaves else seconds
    apart = lti.grouped_delay_network(delays, decay, sample_rate=RATE, coupling=0.0, generator=g)
    loop = apart.loop.feedback
    with torch.no_grad():
        for i, expected in enumerate((0.9, 0.2)):
            apart.b.get_parameter("gain").copy_(torch.arange(8).unsqueeze(1) // 4 == i)
            h = apart.impulse_response(2 * int(RATE), alias_decay_db=30)
            assert float(reverberation_time(h[0, 0], RATE)) == pytest.approx(expected, rel=0.1)
    name = "decay_s" if octaves else "log_decay_s"
    assert loop.absorption.get_parameter(name).shape[0] == 2  # one set a group, not a line
    coupled = lti.grouped_delay_network(delays, decay, sample_rate=RATE, coupling=0.5, inputs=2, generator=g)
    A = coupled.loop.feedback.mixing.constant()
    torch.testing.assert_close(A @ A.mT, torch.eye(8), atol=1e-5, rtol=0)
    assert A[:4, 4:].abs().max() > 0.1
    U, coupling = (coupled.loop.feedback.mixing.value(name) for name in ("rooms", "coupling"))
    torch.testing.assert_close(A[:4, 4:], coupling[0, 1] * U[0] @ U[1])
    assert loop.mixing.constant()[:4, 4:].abs().max() == 0
    coupled.frequency_response(4096, alias_decay_db=30).abs().sum().backward()
    assert all(float(p.grad.abs().max()) > 0 for p in coupled.parameters() if p.requires_grad)


def test_absorption_by_groups_is_what_lines_of_their_own_would_have():
    delays, group = torch.tensor([100, 131, 157]), torch.tensor([1, 0, 1])
    decay = torch.rand(2, len(lti.band_centres(1, RATE)), dtype=torch.float64) + 0.3
    grouped = lti.DecayEqualizer(decay, delays, group, sample_rate=RATE).double()
    gains = -60 * delays[:, None] / (RATE * decay[group])
    each = lti.GEQ(gains, sample_rate=RATE, diagonal=True, accurate=True).double()
    torch.testing.assert_close(grouped.frequency_response(1024), each.frequency_response(1024))
    for wrong in ((decay[:, 1:], group), (decay, torch.tensor([0, 1, 2])), (decay, torch.tensor([0, 1]))):
        with pytest.raises(ValueError, match="DecayEqualizer"):
            lti.DecayEqualizer(wrong[0], delays, wrong[1], sample_rate=RATE)
    with pytest.raises(ValueError, match="grouped_delay_network"):
        lti.grouped_delay_network(delays, decay[:, 0], sample_rate=RATE)
