"""Effects broken in the ways that shipped effects are; the contract must catch each (see test_contract_catches.py)."""

import torch

from diffFx_pytorch import EffectParam, Processor

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

    caught_by = "test_compiles_into_one_graph"
    params = GAIN
    neutral = {"gain": 1.0}

    def process(self, x, state, *, gain):
        return x * gain if float(gain.max()) > 0 else x, state
