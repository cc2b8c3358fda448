"""The phaser as an engineer measures it, and the loop it is made of."""

import numpy as np
import pytest
import torch
from scipy import signal

from diffFx_pytorch import EffectParam
from diffFx_pytorch.processors import Phaser
from diffFx_pytorch.recursion.fallback.allpass_loop import differentiable_loop
from diffFx_pytorch.recursion.ops.allpass_loop import allpass_loop

RATE = 44100


def level_db(num_stages=6, **knobs):
    x = torch.zeros(1, 1, 2**16, dtype=torch.float64)
    x[..., 0] = 1
    y = Phaser(RATE, num_stages=num_stages)(x, dsp_params={"depth": 0.0, **knobs})[0, 0]
    return np.fft.rfftfreq(2**16, 1 / RATE), 20 * np.log10(np.abs(np.fft.rfft(y.numpy())) + 1e-9)


@pytest.mark.parametrize("num_stages", [2, 4, 6, 12])
@pytest.mark.parametrize("feedback", [0.0, 0.6, -0.6])
def test_half_as_many_notches_as_stages(num_stages, feedback):
    _, level = level_db(num_stages, mix=1.0, feedback=feedback, center_hz=2000.0)
    inside = level[1:-1]
    notches = (inside < level[:-2]) & (inside <= level[2:]) & (inside < -20)
    assert notches.sum() == num_stages // 2


def test_notches_stand_where_the_stages_turn_by_an_odd_half():
    freq, level = level_db(6, mix=1.0, feedback=0.3, center_hz=1000.0)
    for turn in (30.0, 90.0, 150.0):  # degrees a stage; six of them make 180, 540, 900
        warped = np.tan(np.pi * 1000 / RATE) * np.tan(np.radians(turn) / 2)
        notch = np.arctan(warped) * RATE / np.pi
        near = np.abs(freq - notch) < 0.2 * notch
        assert freq[near][level[near].argmin()] == pytest.approx(notch, rel=0.01)
        assert level[near].min() < -40


@pytest.mark.parametrize("feedback", [0.9, -0.9, 0.95])
@pytest.mark.parametrize("mix", [0.5, 1.0])
def test_feedback_stays_under_12_db(feedback, mix):
    _, level = level_db(mix=mix, feedback=feedback, center_hz=800.0)
    assert level.max() < 12
    assert level.max() == pytest.approx(20 * np.log10(1 - mix + mix * (1 + abs(feedback))), abs=1.5)


def test_it_moves():
    x = torch.randn(1, 1, 2 * RATE, dtype=torch.float64)
    y = Phaser(RATE)(x, dsp_params={"rate_hz": 0.5, "depth": 1.0, "center_hz": 1000.0, "feedback": 0.0})[0, 0]
    # A quarter turn: four times the centre. Three quarters: a fourth of it. So the lowest notch moves by four octaves.
    tone = np.arctan(np.tan(np.pi * 4000 / RATE) * np.tan(np.radians(15))) * RATE / np.pi
    spectra = []
    for at in (RATE // 2, 3 * RATE // 2):
        window = torch.hann_window(4096, dtype=torch.float64)
        part = slice(at - 2048, at + 2048)
        ratio = np.abs(np.fft.rfft((y[part] * window).numpy())) / np.abs(np.fft.rfft((x[0, 0, part] * window).numpy()))
        spectra.append(np.median(ratio[np.abs(np.fft.rfftfreq(4096, 1 / RATE) - tone) < 40]))
    assert spectra[0] < 0.2 < spectra[1]


@pytest.mark.parametrize("num_stages", [2, 4, 6])
@pytest.mark.parametrize("q", [0.5, 1.0, 4.0])
def test_stages_of_second_order_are_the_cookbooks_all_pass(num_stages, q):
    """And the sum of what enters and leaves has as many notches as there are stages, nearer together at a high Q."""
    center = 1000.0
    w = 2 * np.pi * center / RATE
    alpha = np.sin(w) / (2 * q)
    b = np.array([1 - alpha, -2 * np.cos(w), 1 + alpha])
    x = torch.zeros(1, 1, 2**15, dtype=torch.float64)
    x[..., 0] = 1
    knobs = {"depth": 0.0, "feedback": 0.0, "mix": 1.0, "center_hz": center, "q": q}
    y = Phaser(RATE, num_stages=num_stages, stage_order=2)(x, dsp_params=knobs)[0, 0].numpy()
    turned = x[0, 0].numpy()
    for _ in range(num_stages):
        turned = signal.lfilter(b, b[::-1], turned)
    assert np.abs(y - (x[0, 0].numpy() + turned) / 2).max() < 1e-12
    level = np.abs(np.fft.rfft(y))
    freq = np.fft.rfftfreq(2**15, 1 / RATE)
    dips = freq[1:-1][(level[1:-1] < level[:-2]) & (level[1:-1] <= level[2:]) & (level[1:-1] < 0.1)]
    assert len(dips) == num_stages
    warped = np.tan(np.pi * dips / RATE) / np.tan(w / 2)
    assert warped[0] * warped[-1] == pytest.approx(1, rel=0.05)


@pytest.mark.parametrize("options", [{}, {"stage_order": 2}])
def test_a_fast_and_deep_sweep_never_blows_up(options):
    x = torch.randn(1, 1, 5 * RATE, dtype=torch.float64) * 0.1
    x[..., RATE:] = 0
    y = Phaser(RATE, **options)(
        x, dsp_params={"rate_hz": 10.0, "depth": 1.0, "center_hz": 4000.0, "feedback": 0.95, "mix": 1.0}
    )
    assert y[..., RATE + 4000 :].norm() < y[..., :RATE].norm()
    assert y[..., -RATE:].abs().max() < 1e-6


def test_channels_go_alone():
    x = torch.randn(1, 5, 1000, dtype=torch.float64)
    assert torch.allclose(Phaser(RATE)(x), torch.cat([Phaser(RATE)(c) for c in x.split(1, 1)], 1), atol=1e-12)


def test_feedback_of_one_is_refused():
    with pytest.raises(ValueError, match=r"Phaser: feedback must stay inside -1 \.\. 1"):
        Phaser(param_range={"feedback": EffectParam(0.0, 1.0)})


@pytest.mark.parametrize("moving", [True, False])
@pytest.mark.parametrize("samples", [1, 5, 300])
@pytest.mark.parametrize("order", [1, 2])
def test_the_kernel_is_the_plain_loop_and_so_are_its_gradients(moving, samples, order):
    x = torch.randn(3, 2, samples, dtype=torch.float64, requires_grad=True)
    coef = (torch.rand(3, 1, samples if moving else 1, dtype=torch.float64) * 1.9 - 0.95).requires_grad_()
    feedback = (torch.rand(3, 1, 1, dtype=torch.float64) * 1.9 - 0.95).requires_grad_()
    outer = [(torch.rand(3, 1, 1, dtype=torch.float64) * 1.9 - 0.95).requires_grad_()] if order == 2 else []
    zi = torch.randn(3, 2, 1 + 2 * order, 2, dtype=torch.float64, requires_grad=True)
    given = torch.stack(torch.broadcast_tensors(coef, feedback, *outer), -1).unsqueeze(-2)
    rows = given.expand(3, 2, -1, 1, 1 + order).reshape(6, -1, 1, 1 + order)
    plain = differentiable_loop(x.reshape(6, -1), rows, zi.reshape(6, 1 + 2 * order, 2))
    fast = allpass_loop(x, coef, feedback, 4, outer=outer[0] if outer else None, zi=zi, return_zf=True)
    weights = [torch.randn_like(t) for t in fast]
    gradients = []
    for outputs in (fast, [p.reshape(w.shape) for p, w in zip(plain, weights, strict=True)]):
        total = sum((o * w).sum() for o, w in zip(outputs, weights, strict=True))
        gradients.append([*outputs, *torch.autograd.grad(total, (x, coef, feedback, zi, *outer))])
    names = ("y", "zf", "x", "coef", "feedback", "zi", *["outer"] * len(outer))
    for name, a, b in zip(names, *gradients, strict=True):
        assert torch.allclose(a, b, rtol=1e-9, atol=1e-11), name


def test_the_loop_checks_its_arguments():
    x = torch.zeros(2, 10)
    with pytest.raises(ValueError, match="stages must be an even number from 2 up"):
        allpass_loop(x, 0.5, 0.1, 3)
    with pytest.raises(ValueError, match=r"coef must lie in \(-1, 1\)"):
        allpass_loop(x, 1.0, 0.1, 2)
    with pytest.raises(ValueError, match=r"outer must lie in \(-1, 1\)"):
        allpass_loop(x, 0.5, 0.1, 2, outer=-1.0)
    with pytest.raises(ValueError, match="zi"):
        allpass_loop(x, 0.5, 0.1, 4, zi=torch.zeros(2, 2, 2))
