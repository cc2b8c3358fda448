"""A delay that steps does not click, whether it steps from block to block or within one."""

import pytest
import torch

import diffFx_pytorch
from diffFx_pytorch.control import can_look_at
from diffFx_pytorch.processors import (
    BasicDelay,
    Chorus,
    ConvolutionReverb,
    FDNReverb,
    FeedbackDelay,
    FeedbackFlanger,
    MultiTapDelay,
    NoiseShapedReverb,
    PingPongDelay,
    PlateReverb,
    SchroederReverb,
    SlapbackDelay,
    StereoChorus,
    StereoFlanger,
    VelvetReverb,
    Vibrato,
)
from diffFx_pytorch.processors.delay.crossfade import crossfaded
from diffFx_pytorch.recursion import delay_line
from diffFx_pytorch.recursion.ops.delay_line import line_read, silent_line

RATE = 44100
EFFECTS = [
    (BasicDelay, "delay_ms", 150.0, 70.0, {}),
    (SlapbackDelay, "delay_ms", 150.0, 70.0, {}),
    (FeedbackDelay, "delay_ms", 150.0, 11.0, {"feedback": 0.8}),
    (PingPongDelay, "delay_ms", 150.0, 70.0, {"feedback": 0.8}),
    (MultiTapDelay, "tap_1_delay_ms", 150.0, 70.0, {}),
    (Chorus, "delay_ms", 11.0, 37.0, {"depth": 0.1}),
    (StereoChorus, "depth", 0.05, 0.6, {}),
    (FeedbackFlanger, "delay_ms", 3.0, 7.0, {"feedback": 0.8}),
    (StereoFlanger, "delay_ms", 8.0, 0.9, {"feedback": -0.7, "depth": 0.5}),
    (FDNReverb, "predelay_ms", 0.0, 70.0, {}),
    (PlateReverb, "predelay_ms", 120.0, 70.0, {}),
    (SchroederReverb, "predelay_ms", 120.0, 0.0, {}),
    (StereoFlanger, "phase_deg", 150.0, 20.0, {"depth": 0.8, "delay_ms": 8.0}),
    (StereoChorus, "phase_deg", 10.0, 100.0, {"depth": 1.0}),
    (Vibrato, "depth", 0.2, 0.9, {}),
]


def tone(samples, channels=1):
    n = torch.arange(samples, dtype=torch.float64)
    onset = 0.5 - 0.5 * torch.cos(torch.pi * (n / 4410).clamp(max=1))
    return (onset * torch.sin(2 * torch.pi * 200 / RATE * n)).expand(1, channels, -1)


def roughness(y):
    """The largest third difference: what a click is made of, and a low tone has hardly any of."""
    return float(y.diff(dim=-1).diff(dim=-1).diff(dim=-1).abs().max())


@pytest.mark.parametrize(
    ("cls", "name", "first", "then", "others"), EFFECTS, ids=[f"{row[0].__name__}-{row[1]}" for row in EFFECTS]
)
@pytest.mark.parametrize("block", [pytest.param(97, marks=pytest.mark.slow), 4410])
def test_a_step_between_blocks(cls, block, name, first, then, others):
    fx = cls(RATE)
    x = tone(RATE, 2)
    rough = {}
    for value in (first, then):
        state, pieces = None, []
        for i, piece in enumerate(x.split(block, -1)):
            now = value if i * block < 0.6 * RATE else then
            y, state = fx.run(
                piece, state, dsp_params={name: now, **({"mix": 1.0} if "mix" in fx.params else {}), **others}
            )
            pieces.append(y)
        rough[value] = roughness(torch.cat(pieces, -1)[..., RATE // 2 :])
    assert rough[first] < 1.5 * rough[then] + 1e-3


@pytest.mark.parametrize(
    ("cls", "block", "name", "first", "then"),
    [
        (ConvolutionReverb, 147, "predelay_ms", 0.0, 60.0),
        (ConvolutionReverb, 4410, "decay", 1.0, 0.4),
        (VelvetReverb, 1470, "predelay_ms", 90.0, 3.0),
        (NoiseShapedReverb, 4410, "predelay_ms", 0.0, 60.0),
    ],
)
def test_a_response_that_changes_between_blocks(cls, block, name, first, then):
    """New sound goes into the new room, what came before rings out in the old one, whatever the blocks."""
    rate = 22050
    fx = cls(rate)
    x = tone(rate, 2)
    at = 3 * 4410

    def played(x, value, after):
        state, pieces = None, []
        for i, piece in enumerate(x.split(block, -1)):
            now = value if i * block < at else after
            y, state = fx.run(piece, state, dsp_params={name: now, "mix": 1.0})
            pieces.append(y)
        return torch.cat(pieces, -1)

    y = played(x, first, then)
    weight = 0.5 - 0.5 * torch.cos(torch.pi / 176 * (torch.arange(1.0, rate + 1).double() - at).clamp(0, 176))
    expected = played(x * (1 - weight), first, first) + played(x * weight, then, then)
    assert (y - expected).abs().max() < 1e-9
    assert roughness(y[..., at - 500 :]) < 2e-3 + 1.2 * max(
        roughness(played(x, v, v)[..., at - 500 :]) for v in (first, then)
    )


@pytest.mark.parametrize("cls", [BasicDelay, FeedbackDelay, PingPongDelay])
@pytest.mark.parametrize("block", [100, RATE])
def test_a_step_within_a_block(cls, block):
    fx, x = cls(RATE), tone(RATE)
    delay = torch.full((1, 1, RATE), 150.0, dtype=torch.float64)
    delay[..., 25050:] = 91.3
    delay[..., 25150:] = 42.7
    knobs = fx.knobs(x, dsp_params={"mix": 1.0})
    state, pieces = None, []
    for n in range(0, RATE, block):
        piece = slice(n, n + block)
        y, state = fx.process(x[..., piece], state, **{**knobs, "delay_ms": delay[..., piece]})
        pieces.append(y)
    y = torch.cat(pieces, -1)[..., 24000:]
    assert roughness(y) < 1e-3
    expected = fx(x, dsp_params={"mix": 1.0, "delay_ms": 42.7})
    if cls is BasicDelay:
        assert torch.allclose(y[..., -1000:], expected[..., -1000:], atol=1e-9)


def test_a_new_delay_in_every_block_does_not_click():
    fx, x = BasicDelay(RATE), tone(RATE)
    state, pieces = None, []
    for i, piece in enumerate(x.split(64, -1)):
        y, state = fx.run(piece, state, dsp_params={"mix": 1.0, "delay_ms": 200.0 + 17.3 * (i * i % 7)})
        pieces.append(y)
    assert roughness(torch.cat(pieces, -1)[..., RATE // 2 :]) < 1e-3


def test_items_of_a_batch_fade_on_their_own():
    fx, x = FeedbackDelay(RATE), torch.randn(2, 1, 12000, dtype=torch.float64)
    steps = torch.tensor([[100.0, 50.0, 50.0], [80.0, 80.0, 130.0]])

    def played(rows):
        state, pieces = None, []
        for piece, ms in zip(x[rows].split(4000, -1), steps[rows].unbind(-1), strict=True):
            y, state = fx.run(piece, state, dsp_params={"delay_ms": ms})
            pieces.append(y)
        return torch.cat(pieces, -1)

    together = played(slice(0, 2))
    for i in (0, 1):
        assert torch.equal(together[i : i + 1], played(slice(i, i + 1)))


def test_a_smooth_movement_is_no_step():
    """It shifts the pitch, to the bit as the line itself does."""
    x = torch.randn(1, 1, 9000, dtype=torch.float64)
    delay = torch.cat([torch.linspace(900, 5000, 4000), torch.linspace(5000, 100, 5000)]).double().view(1, 1, -1)
    fx = BasicDelay(RATE)
    assert can_look_at(delay)
    knobs = fx.knobs(x, dsp_params={"mix": 1.0}) | {"delay_ms": delay / RATE * 1000}
    y, _ = fx.process(x, None, **knobs)
    assert torch.allclose(y, delay_line(x, delay), rtol=0, atol=1e-9)


def test_gradients_of_both_delays():
    x = torch.randn(1, 1, 600, dtype=torch.float64)
    delay = torch.full((1, 1, 600), 50.3, dtype=torch.float64)
    delay[..., 300:] = 20.6

    def faded(delay):
        read = lambda x, d, line, _: line_read(x, d, line, 60, "lagrange")  # noqa: E731
        return crossfaded(read, x, delay, silent_line(x, 1, "lagrange"), None, 30)[0].square().sum()

    delay.requires_grad_()
    (grad,) = torch.autograd.grad(faded(delay), delay)
    for at in (100, 299, 310, 500):
        moved = torch.zeros_like(delay).index_fill_(-1, torch.tensor(at), 1e-5)
        with torch.no_grad():
            slope = (faded(delay + moved) - faded(delay - moved)) / 2e-5
        assert float(slope) == pytest.approx(float(grad[0, 0, at]), abs=1e-4, rel=1e-4)


@pytest.mark.parametrize("name", ["BasicDelay", "MultiTapDelay", "PingPongDelay", "SlapbackDelay", "SchroederReverb"])
def test_a_state_does_not_hold_the_whole_block(name):
    fx = getattr(diffFx_pytorch, name)(8000)
    x = torch.zeros(1, 2, 200_000)
    _, state = fx.run(x)
    leaves = torch.utils._pytree.tree_leaves(state)
    assert all(t.untyped_storage().nbytes() < x.nbytes // 2 for t in leaves if isinstance(t, torch.Tensor))
