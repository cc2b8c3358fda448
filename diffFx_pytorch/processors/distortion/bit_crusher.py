"""Fewer bits, fewer samples."""

from __future__ import annotations

import torch
from torch import Tensor

from ...curve import Curve
from ...dsp.levels import db_to_amp
from ...params import EffectParam
from ...processor import Processor, State
from ..tiles import all_equal, in_tiles, is_known
from .shaper import DRIVE, MIX, OUTPUT

_TICK = 50
_NEARLY = 1 << (_TICK - 20)
"""The clock counts in 2^-50 of a period, as a whole number: blocks then add up to what the whole does, to the last bit.
The rounding of its steps would make a tick late; it may come a millionth of a period early instead."""

_SURROGATE = "a quantiser's derivative is 0 or infinite; the gradient is that of its error kept in proportion"


class BitCrusher(Processor):
    """An early converter: u = 10^(drive / 20) x held for ``hold`` samples, clipped, and rounded to ``bits`` bits.

    w = q round(u / q) with q = 2^(1 - bits), for u in -1 .. 1 - q: 2^bits levels, the noise of which is q^2 / 12. A
    level lies on 0, so silence stays silent. The clock ticks every ``hold`` samples, which need not be whole, and the
    sample at or after each tick is held until the next; nothing keeps that from aliasing, on purpose.

    Rounding and holding have no useful derivatives. The error of either is taken to keep its sign and to grow with the
    step: with w = u + q r and r = round(u / q) - u / q held fixed, dw/du = 1, dw/dbits = -ln 2 (w - u); where v is x
    held, dv/dhold = (v - x) / hold, and the derivative of v by x is exact, that of the sample which is held.

    References:
        B. Widrow, I. Kollar, "Quantization noise", Cambridge 2008, chapter 5 (noise of q^2 / 12).
        Y. Bengio, N. Leonard, A. Courville, "Estimating or propagating gradients through stochastic neurons", 2013 (the
        straight-through derivative).
    """

    words = ("{drive_db:drives} into {bits} bits, each sample held for {hold}", "{output_db:adds} behind it")
    params = {
        "drive_db": DRIVE,
        "bits": EffectParam(1.0, 16.0, 8.0, search="stairs", doc="Bits per sample, 2^bits levels; need not be whole."),
        "hold": EffectParam(
            1.0, 64.0, 1.0, "log", search="period", doc="Samples for which one sample is held; 1 keeps the sample rate."
        ),
        "mix": MIX,
        "output_db": OUTPUT,
    }
    neutral = {"mix": 0.0, "output_db": 0.0}
    traits = {"causal"}
    exempt = {
        "gradients:drive_db": _SURROGATE,
        "gradients:bits": _SURROGATE,
        "gradients:hold": _SURROGATE,
        "sound_gradients": _SURROGATE,
    }

    def process(
        self, x: Tensor, state: State, *, drive_db: Tensor, bits: Tensor, hold: Tensor, mix: Tensor, output_db: Tensor
    ) -> tuple[Tensor, State]:
        """Hold, then round; the state is the clock and what it holds."""
        held = x
        if state is not None or not all_equal(hold, 1.0):
            held, state = _held(x, hold, state)
        gain, step, level = db_to_amp(drive_db), torch.exp2(1 - bits), db_to_amp(output_db)
        if held is x and all(is_known(v) for v in (x, gain, step, mix, level)):
            return in_tiles(_crushed, x, mix, level, gain / step, step), state
        u = _clipped(gain * held, step)
        error = u / step
        wet = u + step * (error.round() - error).detach()
        return torch.lerp(x, wet, mix) * level, state

    def curve(self, *, drive_db: Tensor, bits: Tensor, hold: Tensor, mix: Tensor, output_db: Tensor) -> Curve:
        """Output over input, sample by sample."""
        x = torch.linspace(-1, 1, 1001, dtype=bits.dtype)
        knobs = {"drive_db": drive_db, "bits": bits, "hold": torch.ones_like(hold), "mix": mix, "output_db": output_db}
        y, _ = self.process(x.expand(1, 1, -1), None, **{name: knob[:1, :, :1] for name, knob in knobs.items()})
        return Curve(x, y[0, 0], "input", "output", title="BitCrusher")


def _clipped(u: Tensor, step: Tensor) -> Tensor:
    return torch.maximum(torch.minimum(u, 1 - step), -torch.ones_like(step))


def _crushed(x: Tensor, gain: Tensor, step: Tensor) -> Tensor:
    """The same without a graph, counted in steps."""
    top = 1 / step
    return torch.maximum(torch.minimum(x * gain, top - 1), -top).round_().mul_(step)


def _held(x: Tensor, hold: Tensor, state: State) -> tuple[Tensor, State]:
    """X sampled at the ticks of a clock of period ``hold``, and held between them."""
    T = x.shape[-1]
    step = (2.0**_TICK / hold.detach().double()).round().long()
    if state is None:
        clock = torch.full_like(step[..., :1], _NEARLY)
        state = clock, torch.full_like(clock, -1), torch.zeros_like(x[..., :1])
    clock, ticks, last = state
    line = torch.cat((clock, step.expand(*step.shape[:-1], T)), -1).cumsum(-1)
    count = line[..., :-1] >> _TICK
    n = torch.arange(1, T + 1, device=x.device)
    # Not greater: after 2^13 ticks the numbers go round.
    is_tick = count != torch.cat((ticks, count), -1)[..., :-1]
    newest = torch.where(is_tick, n, 0).cummax(-1).values
    held = torch.cat((last, x), -1).gather(-1, newest.expand(x.shape))
    new_state = line[..., -1:], count[..., -1:], held[..., -1:]
    return held + (held - x).detach() * (hold.log() - hold.log().detach()), new_state
