"""Calls that every CUDA kernel is tested with: in the interpreter, compiled, and on a device."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor

import diffFx_pytorch.recursion as R
from diffFx_pytorch.dsp.gain_computer import compress, overshoot
from diffFx_pytorch.lti import ops
from diffFx_pytorch.recursion.ops.allpass_loop import allpass_loop
from tests.cuda.diagram import diagram, run_diagram
from tests.cuda.signals import absorption, between, blocks, few, network, noise, shelves


@dataclass(frozen=True)
class Call:
    """A call of operators with CUDA kernels.

    Attributes:
        operators: whose kernels it runs, without namespace.
        inputs: from a number of samples to the floating-point tensors, float64, signal first.
        run: from the tensors to the outputs.
        tolerance: of float32 results, relative to the largest value.
        variant: whether another call runs the same kernels, so that one size is enough but for the slow tests.
        reorders: whether its gradient adds up in an order that varies: moving taps may meet in a sample.
    """

    operators: set[str]
    inputs: Callable[[int], list[Tensor]]
    run: Callable[..., tuple[Tensor, ...]]
    tolerance: float = 2e-6
    variant: bool = False
    reorders: bool = False

    def results(self, samples: int, dtype: torch.dtype, device: str = "cpu") -> list[Tensor]:
        """Outputs, and the gradients of a weighted sum of them."""
        given = self.inputs(samples)
        pair = torch.complex64 if dtype == torch.float32 else torch.complex128
        leaves = [t.to(device, pair if t.is_complex() else dtype).requires_grad_() for t in given]
        outputs = [y for y in self.run(*leaves) if y.numel()]
        weights = [noise(*y.shape, seed=7).to(device, y.dtype) for y in outputs]
        found = torch.autograd.grad(outputs, leaves, weights, materialize_grads=True) if outputs else ()
        return [t.detach().cpu() for t in (*outputs, *found)]


def _svf(*shape: int) -> Tensor:
    """Sections between 20 Hz and 20 kHz, Q up to 10."""
    g = torch.tan(torch.pi * 20 * 1000 ** between(0, 1, *shape, seed=2) / 48000)
    return torch.stack([g, between(0.1, 1, *shape, seed=3), *noise(3, *shape, seed=4)], -1)


def _level(samples: int) -> Tensor:
    """Decibels that rise and fall, with silence held at the lowest."""
    swell = torch.sin(torch.arange(samples, dtype=torch.float64) / 40)
    return (20 * torch.log10((noise(3, samples, seed=5) * swell.clamp_min(0)).abs() + 1e-9)).clamp_min(-80)


def _disk(*shape: int) -> Tensor:
    """Complex numbers, most of them within the unit circle."""
    return torch.complex(noise(*shape, seed=8), noise(*shape, seed=9)) / 3


def _loud(samples: int) -> Tensor:
    """Between silence and full scale."""
    return torch.linspace(0, 1, samples, dtype=torch.float64) ** 2


def _knee(*shape: int) -> list[Tensor]:
    return [between(-3, -1, *shape), between(0.2, 1.5, *shape)]


def _steps(samples: int) -> Tensor:
    """Few values, so that many are equal."""
    return (2 * noise(2, samples, seed=6)).round()


def _poles(samples: int) -> Tensor:
    """Coefficients of a pair of poles that turns."""
    angle, radius = torch.linspace(0.02, 1, samples, dtype=torch.float64), between(0.9, 0.99, 2, 1, 1)
    return torch.stack(torch.broadcast_tensors(-2 * radius * torch.cos(angle), radius * radius), -1)


def _sweep(samples: int) -> Tensor:
    """A section whose frequency rises from 20 Hz to 4 kHz: biquads that jump may blow up."""
    g = torch.tan(torch.pi * 20 * 200 ** torch.linspace(0, 1, samples, dtype=torch.float64) / 48000)
    ones = torch.ones_like(g)
    return torch.stack([g, 0.2 * ones, 0.5 * ones, -0.7 * ones, 0.3 * ones], -1).unsqueeze(-2)


def _with_state(found: tuple[Tensor, tuple[Tensor, Tensor]]) -> tuple[Tensor, ...]:
    return found[0], *found[1]


def _filtered_network(*given: Tensor) -> tuple[Tensor, ...]:
    """With states that are random, but for those of lanes without a line, which are nobody's."""
    *network, past, zi = given
    lanes = (torch.arange(zi.shape[-3] * 8).view(-1, 1, 8) < past.shape[-2]).to(zi)
    how = {"longest": 58, "time_varying": False, "zi": (past, zi * lanes), "return_zf": True}
    y, end, states = _with_state(R.feedback_network(*network, **how))
    return y, end, states * lanes


def _jumps(x: Tensor) -> Tensor:
    """Where seven points stand."""
    last = max(x.shape[-1] - 1, 0)
    return torch.tensor(
        [0, last // 7, last // 7, last // 3, last // 2, min(last // 2 + 1, last), last], device=x.device
    )


CALLS = {
    "graph": Call(
        {"delay_graph"},
        lambda T: [
            *(noise(2, 2, blocks(T)), between(0.2, 0.6, 2, 4, 1), between(150, 175, 2, 1, 1)),
            *(noise(1, sum(diagram().longest)), noise(2, 2)),
        ],
        run_diagram,
        1e-5,
        reorders=True,
    ),
    "graph, moving": Call(
        {"delay_graph"},
        lambda T: [
            *(noise(1, 2, blocks(T)), between(0.2, 0.6, 1, 4, blocks(T))),
            160 + 12 * torch.sin(torch.arange(blocks(T), dtype=torch.float64) / 30).view(1, 1, -1),
            *(noise(1, sum(diagram().longest)), noise(2, 2)),
        ],
        run_diagram,
        1e-5,
        variant=True,
        reorders=True,
    ),
    "one pole": Call(
        {"allpole"},
        lambda T: [noise(2, 2, T), between(0.98, 1, 2, 1), noise(2)],
        lambda x, c, zi: R.one_pole(x, c, zi, True, time_varying=False),
    ),
    "allpole, moving": Call(
        {"allpole"},
        lambda T: [noise(2, 2, T), -between(-0.9, 1, 2, 1, T, 1), noise(2, 1)],
        lambda x, a, zi: R.allpole(x, a, zi, True),
    ),
    "allpole of order 2": Call(
        {"allpole"},
        lambda T: [noise(2, 1, T), torch.tensor([[-1.99, 0.9905], [0.3, 0.0]]).double(), noise(2, 1, 2)],
        lambda x, a, zi: R.allpole(x, a, zi, True),
        1e-5,
        variant=True,
    ),
    "allpole of order 2, moving": Call(
        {"allpole"},
        lambda T: [noise(2, 1, T), _poles(T), noise(2, 1, 2)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=True),
        1e-5,
        variant=True,
    ),
    "allpole of order 5": Call(
        {"allpole"},
        lambda T: [noise(2, 3, T), between(-0.15, 0.15, 2, 1, 5), noise(3, 5)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=False),
        variant=True,
    ),
    "allpole of order 4, moving": Call(
        {"allpole"},
        lambda T: [noise(2, 3, T), between(-0.2, 0.2, 3, T, 4), noise(2, 3, 4)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=True),
        variant=True,
    ),
    "allpole, complex": Call(
        {"allpole"},
        lambda T: [_disk(2, T), _disk(1, 1), _disk(2, 1)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=False),
        variant=True,
    ),
    "allpole, complex and moving": Call(
        {"allpole"},
        lambda T: [_disk(2, T), _disk(T, 3) / 2, _disk(1, 3)],
        lambda x, a, zi: R.allpole(x, a, zi, True, time_varying=True),
        variant=True,
    ),
    "allpass loop": Call(
        {"allpass_loop"},
        lambda T: [noise(2, 3, T), between(-0.5, 0.99, 2, 1), between(-0.9, 0.9, 3, seed=2), noise(2, 1, 2, 2)],
        lambda x, b, g, zi: allpass_loop(x, b, g, 2, zi=zi, return_zf=True, time_varying=False),
    ),
    "allpass loop, moving": Call(
        {"allpass_loop"},
        lambda T: [noise(2, 2, T), between(-0.5, 0.99, 2, 1, T), between(-0.9, 0.9, 1, seed=2)],
        lambda x, b, g: (allpass_loop(x, b, g.expand(x.shape[-1]), 6, time_varying=True),),
        variant=True,
    ),
    "allpass loop of second order": Call(
        {"allpass_loop"},
        lambda T: [noise(2, T), *between(-0.8, 0.98, 2, 2, 1), between(-0.9, 0.9, 2), noise(3, 2)],
        lambda x, b, d, g, zi: allpass_loop(
            x, b[..., 0], g, 2, outer=d[..., 0], zi=zi, return_zf=True, time_varying=False
        ),
        variant=True,
    ),
    "allpass loop of second order, moving": Call(
        {"allpass_loop"},
        lambda T: [noise(2, T), *between(-0.8, 0.98, 2, T), between(-0.9, 0.9, 2, T), noise(2, 3, 2)],
        lambda x, b, d, g, zi: allpass_loop(
            x, *(k.expand(x.shape) for k in (b, g)), 2, outer=d.expand(x.shape), zi=zi, return_zf=True
        ),
        variant=True,
    ),
    "allpass loop of 16 stages": Call(
        {"allpass_loop"},
        lambda T: [noise(2, few(T)), between(-0.5, 0.99, few(T)), between(-0.9, 0.9, few(T))],
        lambda x, b, g: (allpass_loop(x, b.expand(x.shape), g.expand(x.shape), 16),),
        variant=True,
    ),
    "attack_release": Call(
        {"attack_release"},
        lambda T: [_level(T), torch.tensor([0.9, 0.0, 0.99])[:, None].double(), between(0.995, 0.9999, 1), noise(3)],
        lambda x, a, r, zi: R.attack_release(x, a[..., 0], r[..., 0], zi, True),
    ),
    "attack_release, moving": Call(
        {"attack_release"},
        lambda T: [_level(T)[:2] + noise(2, T), between(0.8, 0.9999, 2, T), between(0.5, 0.99, T)],
        # Samples of the rows by turns, as spectra stand in memory.
        lambda x, a, r: (R.attack_release(x.mT.contiguous().mT, a, r.expand(x.shape), time_varying=True),),
        variant=True,
    ),
    "loop_overshoot": Call(
        {"loop_overshoot"},
        lambda T: [
            *(_level(T), between(2, 12, 3), between(0, 9, 1), torch.tensor([0.9, 0.0, 0.99]).double()),
            *(between(0.995, 0.9999, 1), noise(3).abs()),
        ],
        lambda level, *knobs: R.loop_overshoot(level + 30, *knobs, return_zf=True, time_varying=False),
        1e-5,
    ),
    "loop_overshoot, moving": Call(
        {"loop_overshoot"},
        lambda T: [
            _level(T)[:2],
            between(2, 12, T),
            between(0, 9, 2, T),
            between(0.8, 0.9999, T),
            between(0.5, 0.99, T),
        ],
        lambda level, *knobs: (R.loop_overshoot(level + 30, *(k.expand(level.shape) for k in knobs)),),
        1e-5,
        variant=True,
    ),
    "overshoot": Call(
        {"gain_computer"},
        lambda T: [_loud(T) * noise(2, 3, T), *_knee(2, 1, 1)],
        lambda key, threshold, width: (overshoot(key, threshold, width),),
    ),
    "overshoot, linked": Call(
        {"gain_computer"},
        # Channels that are equally loud, and silence.
        lambda T: [_loud(T) * _steps(T)[:, None] * torch.tensor([1.0, -1, 0.5])[:, None], *_knee(2, 1, T)],
        lambda key, threshold, width: (overshoot(key, threshold, width, link=True),),
        variant=True,
    ),
    "overshoot of powers": Call(
        {"gain_computer"},
        lambda T: [_loud(T) * noise(1, 2, T).square(), *_knee(1, 1, 1)],
        lambda power, threshold, width: (
            overshoot(power, threshold, width, power=True),
            overshoot(power, threshold, width, power=True, link=True),
        ),
        variant=True,
    ),
    "gain": Call(
        {"gain_computer"},
        lambda T: [noise(2, 3, T), between(0, 3, 2, 1, T), *(between(0, 1, 2, 1, 1, seed=s) for s in range(3))],
        lambda x, over, *knobs: (compress(x, over, *knobs),),
    ),
    "gain, moving": Call(
        {"gain_computer"},
        lambda T: [noise(2, 3, T), between(0, 3, 2, 3, T), *(between(0, 1, 2, 1, n, seed=n) for n in (1, T, T))],
        lambda x, over, *knobs: (compress(x, over, *knobs),),
        variant=True,
    ),
    "running_max": Call({"running_max_index"}, lambda T: [_steps(T)], lambda x: (R.running_max(x, 37),)),
    "running_max, long": Call(
        {"running_max_index"}, lambda T: [_steps(T)], lambda x: (R.running_max(x, 600),), variant=True
    ),
    "backlash": Call(
        {"backlash_source"},
        lambda T: [_steps(T), between(0, 2, 1, T), noise(1)],
        lambda x, w, zi: R.backlash(x, w, zi, True),
    ),
    "backlash, constant": Call(
        {"backlash_source"}, lambda T: [_steps(T), between(0, 2, 1)], lambda x, w: (R.backlash(x, w),), variant=True
    ),
    "plays": Call(
        {"plays"},
        lambda T: [noise(2, 2, T), between(0.2, 0.9, 2, 1), between(0.5, 3, 2), noise(2, 1, 3)],
        lambda x, h, c, zi: R.plays(x, h, c, 3, zi, True),
    ),
    "plays, moving": Call(
        {"plays"},
        lambda T: [noise(2, T).cumsum(-1) / 5, between(0.2, 0.9, 1, T), between(0.5, 3, 2, T)],
        lambda x, h, c: (R.plays(x, h, c),),
        variant=True,
    ),
    "feedback delay": Call(
        {"feedback_delay"},
        lambda T: [noise(2, T), between(90, 95, 2), between(0.4, 0.8, 1)],
        lambda x, d, g: (R.feedback_delay(x, d, g, interpolation="linear"),),
        1e-5,
    ),
    "feedback delay, moving": Call(
        {"feedback_delay"},
        lambda T: [
            *(noise(2, T), 60 + 40 * torch.sin(torch.arange(T, dtype=torch.float64) / 90), between(0.4, 0.8, 2, T)),
            *(between(0.1, 0.5, 1), between(0.9, 0.99, T)),
        ],
        lambda x, d, g, low, high: R.feedback_delay(
            *(x, d.expand(2, -1), g),
            lowpass=low,
            highpass=high.expand(2, -1),
            saturation="tanh",
            max_delay=100,
            interpolation="cubic",
            return_zf=True,
            time_varying=None,
        ),
        1e-5,
        reorders=True,
    ),
    "network": Call(
        {"feedback_network"},
        lambda T: [noise(2, 2, T), *network(3, 2, 2), noise(3, 60), noise(1, 2, 2)],
        lambda x, m, M, b, c, past, direct: _with_state(
            R.feedback_network(
                x, m, M, b, c, longest=58, direct=direct, zi=(past, past.new_zeros(0, 1, 2, 8)), return_zf=True
            )
        ),
        1e-5,
    ),
    "network, wide": Call(
        {"feedback_network"},
        lambda T: [noise(1, 1, T), *network(17, 1, 1)],
        lambda x, m, M, b, c: (R.feedback_network(x, m, M, b, c, longest=58),),
        1e-5,
        variant=True,
    ),
    "network, filtered": Call(
        {"feedback_network"},
        lambda T: [noise(1, few(T)), *network(3, 1, 1), absorption(3, 2), noise(3, 60), noise(2, 1, 2, 8)],
        _filtered_network,
        1e-5,
        variant=True,
    ),
    "network, filtered in groups": Call(
        {"feedback_network"},
        lambda T: [noise(1, few(T)), *network(9, 1, 1), absorption(9, 1), noise(9, 60), noise(1, 2, 2, 8)],
        _filtered_network,
        1e-5,
        variant=True,
    ),
    "network, modulated": Call(
        {"feedback_network"},
        lambda T: [noise(2, 2, few(T)), *network(3, 2, 2), 6 + 5 * noise(2, 3, few(T)).sin(), noise(3, 90)],
        lambda x, m, M, b, c, offset, past: _with_state(
            R.feedback_network(
                x, m, M, b, c, longest=88, modulation=offset, zi=(past, past.new_zeros(0, 1, 2, 8)), return_zf=True
            )
        ),
        1e-5,
        variant=True,
        reorders=True,
    ),
    "network, modulated and filtered": Call(
        {"feedback_network"},
        lambda T: [noise(1, 1, few(T)), *network(3, 1, 1), absorption(3, 1), 6 + 5 * noise(3, few(T)).sin()],
        lambda x, m, M, b, c, sos, offset: (
            R.feedback_network(x, m, M, b, c, sos, longest=88, modulation=offset, time_varying=False),
        ),
        1e-5,
        variant=True,
        reorders=True,
    ),
    "network, filters moving": Call(
        {"feedback_network"},
        lambda T: [noise(2, 1, few(T)), *network(3, 1, 2), shelves(few(T))],
        lambda x, m, M, b, c, sos: (R.feedback_network(x, m, M, b, c, sos, longest=58, time_varying=True),),
        1e-5,
        variant=True,
    ),
    "svfilt, moving": Call(
        {"svf"},
        lambda T: [noise(2, 1, T), _svf(2, 1, T, 2), noise(2, 1, 2, 2)],
        lambda x, c, zi: R.svfilt(x, c, zi, True),
        1e-5,
    ),
    "svfilt, constant": Call(
        {"svf"},
        lambda T: [noise(2, T), _svf(1), noise(2, 1, 2)],
        lambda x, c, zi: R.svfilt(x, c, zi, True),
        1e-5,
        variant=True,
    ),
    "svfilt, one row": Call(  # Triton compiles for a size of 1 anew
        {"svf"},
        lambda T: [noise(1, T), _svf(T, 1)],
        lambda x, c: (R.svfilt(x, c, time_varying=True),),
        1e-5,
        variant=True,
    ),
    "svfilt, control points": Call(
        {"svf_points"},
        lambda T: [noise(2, T), _svf(2, 3, 1), noise(1, 1, 2)],
        lambda x, c, zi: R.svfilt(
            x, c, zi, True, at=torch.tensor([0, x.shape[-1] // 3, max(x.shape[-1] - 1, 0)], device=x.device)
        ),
        1e-5,
    ),
    "svfilt, jumps": Call(
        {"svf_points"},
        # Coefficients that change their sign on the way, too.
        lambda T: [noise(1, T), _svf(7, 2)],
        lambda x, c: (R.svfilt(x, c, at=_jumps(x)),),
        1e-5,
        variant=True,
    ),
    "sosfilt, constant": Call(
        {"sections", "sections_time_varying"},  # one sample is filtered as if it moved
        lambda T: [noise(2, T), R.svf_to_sos(_svf(3)), noise(2, 3, 2)],
        lambda x, c, zi: R.sosfilt(x, c, zi, True),
        1e-5,
    ),
    "sosfilt, a cascade an item": Call(
        {"sections", "sections_time_varying"},
        lambda T: [noise(2, 2, T), R.svf_to_sos(_svf(2, 1, 3))],
        lambda x, c: (R.sosfilt(x, c),),
        1e-5,
        variant=True,
    ),
    "sosfilt, many": Call(
        {"sections", "sections_time_varying"},
        lambda T: [noise(1, T), R.svf_to_sos(_svf(17))],
        lambda x, c: (R.sosfilt(x, c),),
        1e-5,
        variant=True,
    ),
    "sosfilt, moving": Call(
        {"sections_time_varying"},
        lambda T: [noise(2, T), R.svf_to_sos(_sweep(T)) * between(0.5, 2, T, 1, 1), noise(2, 1, 2)],
        lambda x, c, zi: R.sosfilt(x, c, zi, True, time_varying=True),
    ),
    "closed loop": Call(
        {"lti_closed_loop"},
        lambda M: [_disk(2, 5, M), between(-0.4, 0.4, 5, 5), _disk(5, M), noise(2, 5, 1, 1) + 0j],
        lambda left, A, right, b: (ops.closed_loop(left, A, right, b),),
        1e-5,
    ),
    "closed loop, complex": Call(
        {"lti_closed_loop"},
        lambda M: [_disk(3, M), _disk(3, 3), noise(3, 2, M) + 0j],
        lambda left, A, b: (ops.closed_loop(left, A, None, b),),
        1e-5,
        variant=True,
    ),
    "solve": Call(
        {"lti_solve"},
        # Each needs rows exchanged.
        lambda M: [_disk(2, 4, 4, M) * (1 - torch.eye(4))[..., None] + 1e-3, noise(4, 2, M) + 0j],
        lambda A, b: (ops.solve(A, b),),
        1e-4,
    ),
}
