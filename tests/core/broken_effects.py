"""Effects broken in the ways that shipped effects are; the contract must catch each (see test_contract_catches.py)."""

import numpy as np
import torch

from diffFx_pytorch import EffectParam, Processor
from diffFx_pytorch.kernels.dispatch import Dispatched

GAIN = {"gain": EffectParam(0.0, 2.0, 1.0, doc="Gain.")}
MIX = {**GAIN, "mix": EffectParam(0.0, 1.0, 1.0, doc="Mix.")}


class BrokenBatchLeak(Processor):
    """Filters every item with the mean of all items' knobs."""

    caught_by = "test_items_equal_themselves_alone"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * gain.mean(), state


class BrokenChannelLeak(Processor):
    """Lets one channel's level move the other's."""

    caught_by = "test_channels_equal_themselves_alone"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * (1 + (gain - 1) * x.abs().mean(1, keepdim=True)), state


class BrokenFuture(Processor):
    """Claims to be causal and reads the next sample."""

    caught_by = "test_causal"
    params = MIX
    neutral = {"gain": 1.0, "mix": 0.0}
    traits = {"causal"}

    def process(self, x, state, *, gain, mix):
        return x * gain + mix * x.roll(-1, -1), state


class BrokenState(Processor):
    """Forgets at the border of a block."""

    caught_by = "test_blocks_equal_the_whole"
    params = MIX
    neutral = {"gain": 1.0, "mix": 0.0}

    def process(self, x, state, *, gain, mix):
        return x * gain + mix * torch.nn.functional.pad(x, (1, 0))[..., :-1], None


class BrokenDeadKnob(Processor):
    """Has a knob that does nothing."""

    caught_by = "test_no_knob_is_dead"
    params = MIX
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain, mix):
        return x * gain + 0 * mix, state


class BrokenGradient(Processor):
    """Lets half of a knob's gradient through."""

    caught_by = "test_knobs_match_finite_differences"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * (gain / 2 + gain.detach() / 2), state


class BrokenEnd(Processor):
    """Has no gradient at the end of a knob: the square root of zero."""

    caught_by = "test_knobs_match_finite_differences"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * gain.sqrt() * gain.sqrt(), state


class BrokenNeutral(Processor):
    """Has a hidden gain at its neutral setting."""

    caught_by = "test_neutral_returns_the_input"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * gain * 1.0001, state


class BrokenNoise(Processor):
    """Is new noise at every call."""

    caught_by = "test_two_calls_agree"
    params = GAIN
    neutral = {"gain": 0.0}

    def process(self, x, state, *, gain):
        return x + gain * x * torch.rand_like(x), state


class BrokenLatency(Processor):
    """Is late and does not say so."""

    caught_by = "test_latency_is_what_is_declared"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return torch.nn.functional.pad(x, (3, 0))[..., : x.shape[-1]] * gain, state


class BrokenTail(Processor):
    """Rings on and declares no tail."""

    caught_by = "test_the_tail_ends_when_it_is_said_to"
    params = MIX
    neutral = {"gain": 1.0, "mix": 0.0}

    def process(self, x, state, *, gain, mix):
        return x * gain + mix * torch.nn.functional.pad(x, (99, 0))[..., : x.shape[-1]], state


class BrokenInput(Processor):
    """Writes to its input."""

    caught_by = "test_output_is_like_input"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x.mul_(gain.detach()) * gain / gain.detach(), state


class BrokenDtype(Processor):
    """Turns float32 audio into float64."""

    caught_by = "test_output_is_like_input"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * gain.double(), state


class BrokenUnit(Processor):
    """Has a knob whose name hides its unit."""

    caught_by = "test_names_carry_their_unit"
    params = {"gain": EffectParam(0.0, 2.0, 1.0, unit="dB", doc="Gain.")}
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * gain, state


class BrokenGraph(Processor):
    """Looks at a value in the middle of the graph."""

    caught_by = "test_compiles_into_one_graph_for_all_lengths"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * gain if float(gain.max()) > 0 else x, state


class BrokenDelayTime(Processor):
    """Rounds a delay time to float32 on the way of float64 audio."""

    caught_by = "test_equals_its_twin test_the_least_turn_of_a_knob_is_heard"
    params = {
        "delay_ms": EffectParam(1.0, 2000.0, 100.0, "log", "ms", doc="Delay of the echo."),
        "mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the echo."),
    }
    neutral = {"mix": 0.0}

    def process(self, x, state, *, delay_ms, mix):
        delay = (delay_ms * self.sample_rate / 1000).float().double()
        place = torch.arange(x.shape[-1]) - delay + torch.zeros_like(x)
        left = place.floor()
        samples = [x.gather(-1, i.long().clamp(0, x.shape[-1] - 1)) * (i >= 0).to(x) for i in (left, left + 1)]
        return x * (1 - mix) + mix * torch.lerp(*samples, (place - left).to(x)), state


class BrokenConstant(Processor):
    """Has 500 ms in an equation that has 600."""

    caught_by = "test_equals_its_twin"
    params = {"amount": EffectParam(0.0, 2.0, 1.0, doc="How much a loud sound is raised.")}
    neutral = {"amount": 0.0}

    def process(self, x, state, *, amount):
        pole = torch.tensor(-1 / (0.5 * self.sample_rate), dtype=x.dtype).exp()
        response = (1 - pole) * pole ** torch.arange(x.shape[-1])
        return x * (1 + amount * _convolved(x.abs(), response)), state


class BrokenExponent(Processor):
    """Has an exponent of a decay 1.02 times what it is."""

    caught_by = "test_equals_its_twin"
    params = {
        "decay_s": EffectParam(0.1, 10.0, 1.0, "log", "s", doc="Time until the response is 60 dB down."),
        "mix": EffectParam(0.0, 1.0, 0.5, doc="Share of the reverb."),
    }
    neutral = {"mix": 0.0}

    def process(self, x, state, *, decay_s, mix):
        noise = torch.from_numpy(np.random.default_rng(0).standard_normal(x.shape[-1])).to(x)
        t = torch.arange(x.shape[-1]).to(x) / self.sample_rate
        return x * (1 - mix) + mix * _convolved(x, noise * 10 ** (-3 * 1.02 * t / decay_s)), state


class _LateGain(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x, gain):
        ctx.save_for_backward(x, gain)
        return x * gain

    @staticmethod
    def backward(ctx, grad):
        x, gain = ctx.saved_tensors
        late = (grad * x).roll(1, -1) if gain.shape[-1] > 1 else grad * x
        return grad * gain, late.sum_to_size(gain.shape)


class BrokenMovingGradient(Processor):
    """Has a gradient of a moving knob that is one sample late."""

    caught_by = "test_moving_knobs_match_finite_differences"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return _LateGain.apply(x, gain), state


_scaled = Dispatched("broken_scaled", "(Tensor x, Tensor gain) -> Tensor", torch.mul)
_scaled.register_kernel("cpu", torch.mul)
_scaled_backward = Dispatched(
    "broken_scaled_backward",
    "(Tensor grad, Tensor x, Tensor gain) -> (Tensor, Tensor)",
    lambda grad, x, gain: (torch.zeros_like(x), torch.zeros_like(gain)),
)
_scaled_backward.register_kernel("cpu", lambda grad, x, gain: (grad * gain, (grad * x).sum_to_size(gain.shape)))
_scaled.register_autograd(
    lambda ctx, grad: _scaled_backward(grad, *ctx.saved_tensors),
    lambda ctx, inputs, output: ctx.save_for_backward(*inputs),
)


class BrokenEquation(Processor):
    """Has a gradient of zero on every device that has no kernel."""

    caught_by = "test_equations_equal_the_kernels"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return _scaled(x, gain), state


def _convolved(x, response):
    size = 2 * x.shape[-1]
    product = torch.fft.rfft(x, n=size) * torch.fft.rfft(response, n=size)
    return torch.fft.irfft(product, n=size)[..., : x.shape[-1]]
