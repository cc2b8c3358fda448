"""Feedback delay networks: the operator, and the function that checks and lays out arguments."""

from __future__ import annotations

import functools
import math
from collections import namedtuple
from typing import Any

import numpy as np
import torch
from torch import Tensor

from diffFx_pytorch.kernels import Keeping, Kernel, define, run_rows
from diffFx_pytorch.kernels.cuda import triton_kernel
from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import as_rows, as_whole_rows, broadcast_shape, whole_rows
from diffFx_pytorch.kernels.transforms import plain
from diffFx_pytorch.recursion.checks import check_signal, coefficients
from diffFx_pytorch.recursion.cpu.feedback_network import CHUNK, feedback_network_rows
from diffFx_pytorch.recursion.cpu.feedback_network_backward import feedback_network_backward_rows
from diffFx_pytorch.recursion.cpu.feedback_network_lanes import LANES
from diffFx_pytorch.recursion.cpu.taps import kernel_tables
from diffFx_pytorch.recursion.fallback.feedback_network import (
    Network,
    delay_error,
    feedback_network_blocks,
    feedback_network_gradient,
    kept_states,
)

NetworkState = tuple[Tensor, Tensor]
"""What went into the lines (..., N, P), oldest first, and the states of their sections (..., K, G, 2, LANES)."""

_INPUTS = {"x": 2, "delay": 1, "offset?": 2, "mixing": 2, "coef": 5, "past": 2, "zi": 4}
_Inputs: Any = namedtuple("_Inputs", [name.removesuffix("?") for name in _INPUTS])


def _arrays(batch_shape: tuple[int, ...], inputs: Any) -> list[Any]:
    """Inputs as arrays (R, ...), whole delays, an absent offset as one without samples."""
    delay = inputs.delay
    offset = delay.new_empty(*delay.shape, 0) if inputs.offset is None else inputs.offset
    given = inputs._replace(delay=delay.round().long(), offset=offset)
    return [as_whole_rows(t, core, batch_shape) for t, core in zip(given, _INPUTS.values(), strict=True)]


def _of_either_type(sound: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """As float32 and as float64, of which one is without rows."""
    narrow, wide = (sound if sound.dtype == t else np.empty((0, *sound.shape[1:]), t) for t in (np.float32, np.float64))
    return narrow, wide


def _forward(batch_shape: tuple[int, ...], inputs: Any, outputs: Any, count: int) -> None:
    rows = math.prod(batch_shape)
    good = np.ones(rows, np.bool_)
    y, *written = (as_rows(t, core) for t, core in zip(outputs[:3], (2, 2, 4), strict=True))
    x, *others = _arrays(batch_shape, inputs)
    lines, states = outputs.lines, outputs.section_states
    kept = [t.view(rows, *t.shape[len(batch_shape) :]).numpy() for t in (lines, states)]
    run_rows(
        feedback_network_rows, rows, 1, _of_either_type(x), *others, kernel_tables("cubic"), _of_either_type(y),
        *written, *kept, good,
    )  # fmt: skip
    if not good.all():
        raise delay_error(inputs.delay, inputs.offset, inputs.past.shape[-1])


def _backward(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, outputs: int
) -> list[Tensor | None]:
    rows, T = math.prod(batch_shape), inputs.x.shape[-1]
    x, delay, offset, mixing, coef, past, _ = _arrays(batch_shape, inputs._replace(x=inputs.x.double()))
    lines = whole_rows(saved.lines, 2, batch_shape)
    pending = torch.zeros_like(lines)
    if grads.end is not None:
        pending[..., T:] = whole_rows(grads.end, 2, batch_shape)
    state = whole_rows(grads.zf, 4, batch_shape).double().clone()
    shapes = ((x, np.empty), (delay, np.zeros), (offset, np.empty), (mixing, np.zeros), (coef, np.zeros))
    found = [make(like.shape) for like, make in shapes]
    run_rows(
        feedback_network_backward_rows,
        rows,
        1,
        whole_rows(grads.y, 2, batch_shape).double().numpy(),
        *(x, delay, offset, mixing, coef),
        lines.numpy(),
        as_whole_rows(saved.section_states, 5, batch_shape),
        kernel_tables("cubic"),
        bool(needs.mixing),
        (pending.numpy(), *found, state.numpy()),
    )
    whole = [*(torch.from_numpy(g) for g in found), pending[..., : past.shape[-1]], state]
    return [g.reshape(*batch_shape, *g.shape[1:]) for g in whole]


def _in_rows(batch_shape: tuple[int, ...], inputs: Any, outputs: int) -> Network:
    """Inputs as the equation takes them: rows (R, ...), float64 but for x, filters and states with an axis of lines."""
    R = math.prod(batch_shape)

    def rows(t: Tensor | None, core: int) -> Any:
        own = () if t is None else t.shape[t.ndim - core :]
        return None if t is None else t.expand(*batch_shape, *own).reshape(R, *own)

    x, *others = (rows(t, core) for t, core in zip(inputs, _INPUTS.values(), strict=True))
    wide: Any = (None if t is None else t.double() for t in others)
    delay, offset, mixing, c, past, z = wide
    if inputs.coef.shape[:-5].numel() == 1:  # which all rows share
        c = inputs.coef.double().reshape(1, *inputs.coef.shape[-5:])
    N, (K, G) = past.shape[1], z.shape[1:3]
    coef = c.transpose(3, 4).reshape(*c.shape[:2], K, 5, G * LANES)[..., :N]
    return Network(x, delay, offset, mixing[..., : N + outputs], coef, past, _of_lines(z, N))


def _of_lines(z: Tensor, N: int) -> Tensor:
    """States (R, K, 2, N) from (R, K, G, 2, LANES)."""
    return z.transpose(2, 3).flatten(3)[..., :N]


def _of_lanes(t: Tensor, groups: int) -> Tensor:
    """(..., G, n, LANES) from (..., n, N)."""
    padded = torch.nn.functional.pad(t, (0, groups * LANES - t.shape[-1]))
    return padded.unflatten(-1, (groups, LANES)).transpose(-3, -2)


def _equation(*arguments: Any, keep: bool = False) -> tuple[Tensor, ...]:
    """Outputs in torch operations, in the operator's own layout, and with ``keep`` what the gradient reads."""
    inputs = _Inputs(*arguments[:-1])
    cores = [(t, core) for t, core in zip(inputs, _INPUTS.values(), strict=True) if t is not None]
    batch_shape = broadcast_shape(*(t.shape[: t.ndim - core] for t, core in cores))
    y, end, zf, *kept = feedback_network_blocks(_in_rows(batch_shape, inputs, arguments[-1]), keep)
    found = y, end, _of_lanes(zf, inputs.zi.shape[-3]), *kept
    return tuple(t.reshape(*batch_shape, *t.shape[1:]) for t in found)


def _adjoint(
    batch_shape: tuple[int, ...], grads: Any, inputs: Any, saved: Any, needs: Any, outputs: int
) -> list[Tensor | None]:
    """The gradients in torch operations."""
    net, groups = _in_rows(batch_shape, inputs, outputs), inputs.zi.shape[-3]
    if not (net.is_still and plain(*grads, *inputs)):
        return _network.adjoint_of_equation(batch_shape, grads, inputs, saved, needs, outputs)

    def rows(t: Tensor, core: int) -> Tensor:
        own = t.shape[t.dim() - core :]
        return t.expand(*batch_shape, *own).reshape(len(net.x), *own)

    given: Any = (None if g is None else rows(g, core) for g, core in zip(grads, (2, 2, 4), strict=True))
    (to_y, to_end, to_zf), kept = given, None
    if all(
        t is not None and t.shape == (*batch_shape, *_KEPT[n](*inputs, outputs)[0]) for n, t in saved._asdict().items()
    ):
        kept = [rows(t, t.dim() - len(batch_shape)) for t in saved]
    to_zf = _of_lines(to_zf, inputs.past.shape[-2])
    found = feedback_network_gradient(net, to_y, to_end, to_zf, kept, bool(needs.delay))
    spare = inputs.mixing.shape[-1] - found.mixing.shape[-1]
    found = found._replace(
        mixing=torch.nn.functional.pad(found.mixing, (0, spare)),
        coef=_of_lanes(found.coef, groups),
        zi=_of_lanes(found.zi, groups),
    )
    shared = found.coef.shape[:1] != found.x.shape[:1]
    return [
        None if g is None else g[0] if name == "coef" and shared else g.reshape(*batch_shape, *g.shape[1:])
        for name, g in found._asdict().items()
    ]


def _all_lines(*arguments: Any) -> Any:
    x, past = arguments[0], arguments[5]
    return (past.shape[-2], past.shape[-1] + x.shape[-1]), torch.float64


def _section_states(*arguments: Any) -> Any:
    return (-(-arguments[0].shape[-1] // CHUNK), *arguments[6].shape[-4:]), torch.float64


def _lines_of_sound(*arguments: Any) -> Any:
    return _all_lines(*arguments)[0], arguments[0].dtype


def _is_still(*arguments: Any) -> bool:
    return arguments[2] is None and arguments[4].shape[-5] == 1


def _lines_of_still(*arguments: Any) -> Any:
    return _lines_of_sound(*arguments) if _is_still(*arguments) else ((0,), torch.float64)


def _states_of_still(*arguments: Any) -> Any:
    shape = kept_states(arguments[0].shape[-1], arguments[5].shape[-2], arguments[6].shape[-4])
    return shape if _is_still(*arguments) else (0,), torch.float64


_KEPT = {"lines": _lines_of_still, "section_states": _states_of_still}

_network = define(
    "feedback_network",
    _INPUTS,
    {
        "y": lambda x, *rest: ((rest[-1], x.shape[-1]), x.dtype),
        "end?": lambda *arguments: (tuple(arguments[5].shape[-2:]), torch.float64),
        "zf": lambda *arguments: (tuple(arguments[6].shape[-4:]), torch.float64),
    },
    _equation,
    Kernel(_forward, _backward, {"lines": _all_lines, "section_states": _section_states}),
    settings={"outputs": int},
    adjoint=_adjoint,
    keeping=Keeping(functools.partial(_equation, keep=True), _KEPT),
)
_network.register(
    device="cuda",
    kernel=triton_kernel(
        "diffFx_pytorch.recursion.cuda.feedback_network",
        {
            "lines": _lines_of_sound,
            "section_states": lambda *arguments: ((0,), torch.float64),
        },
    ),
)


def network_state_length(longest: int) -> int:
    """Samples of every line that a state holds for delays of up to ``longest`` samples."""
    return longest + 2


@where_float64_is
def feedback_network(
    x: Tensor,
    delays: Tensor,
    matrix: Tensor,
    input_gains: Tensor,
    output_gains: Tensor,
    absorption: Tensor | None = None,
    *,
    longest: int,
    time_varying: bool | None = None,
    modulation: Tensor | None = None,
    direct: Tensor | None = None,
    zi: NetworkState | None = None,
    return_zf: bool = False,
) -> Tensor | tuple[Tensor, NetworkState]:
    r"""Delay lines that feed each other through a matrix, each with an absorption filter.

    .. math:: u_i = a_i * s_i[n - m_i], \qquad s = B x + M u, \qquad y = C u + D x

    One pass, block by block: within the shortest delay everything that the lines give is known, so that only the
    absorption is computed sample by sample, several lines at a time. Arithmetic and states are float64. The gradient
    is the same network run backwards in time; it needs what went into the lines, (..., N, T), which is stored only
    where a gradient is wanted.

    Delays are whole samples (rounded), and their gradient is a surrogate: the slope of the line around the sample,
    :math:`-(s[n - m + 1] - s[n - m - 1]) / 2`. With ``modulation``, which is added, lines are read by Lagrange
    interpolation through four points, and the gradient is exact; that damps high frequencies a little (at half a
    sample, 0.5 dB at fs / 5 and 3 dB at fs / 3).

    Gains do not move; for time-varying ones give each line its input (B = I) or output (C = I) and multiply outside.

    Args:
        x: signals (..., inputs, T), float32 or float64.
        delays: samples (..., N), float; whole after rounding, 1 .. ``longest``.
        matrix: M (..., N, N), float64, from line (column) to line (row); orthogonal for a loop without loss.
        input_gains: B (..., N, inputs), float64.
        output_gains: C (..., outputs, N), float64.
        absorption: sections [b0 b1 b2 a0 a1 a2], float64: (..., N, K, 6) constant or (..., T, N, K, 6) time-varying.
            First-order sections (b2 = a2 = 0) stay stable however they move. None is none.
        longest: the longest delay there may be, modulation included; it sets the length of the state.
        time_varying: whether the absorption is; None tells it from the number of axes.
        modulation: samples (..., N, T), float64, added to the delays; the sum is at least 2.
        direct: D (..., outputs, inputs), float64; None is 0.
        zi: state from a call before; None is silence.
        return_zf: also return the state after the last sample.

    Returns:
        ``y`` (..., outputs, T) in the dtype of x; with ``return_zf`` also the state, a pair in float64.

    Raises:
        TypeError: no float tensors.
        ValueError: shapes that do not fit, or delays out of range.

    References:
        J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90th Convention,
        1991.
        J. Stautner, M. Puckette, "Designing multi-channel reverberators", Computer Music Journal 6(1), 1982.
    """
    caller = "feedback_network"
    check_signal(caller, x)
    if x.dim() < 2:
        raise ValueError(f"{caller}: x must be (..., inputs, T), got shape {tuple(x.shape)}; use x[None].")
    N, inputs, T = delays.shape[-1], x.shape[-2], x.shape[-1]
    outputs = output_gains.shape[-2]
    wanted = {
        "matrix": (matrix, (N, N)),
        "input_gains": (input_gains, (N, inputs)),
        "output_gains": (output_gains, (outputs, N)),
        "direct": (direct, (outputs, inputs)),
        "modulation": (modulation, (N, T)),
    }
    for name, (value, shape) in wanted.items():
        if value is None:
            continue
        own = tuple(value.shape[-2:])
        if own != shape:
            raise ValueError(
                f"{caller}: {name} must end in {shape} for {N} delays, {inputs} inputs and {T} samples, got shape "
                f"{tuple(value.shape)}."
            )
    if longest < 1:
        raise ValueError(f"{caller}: longest must be at least 1 sample, got {longest}.")
    groups = -(-N // LANES)
    mixing = _mixing(matrix.double(), input_gains.double(), output_gains.double(), direct)
    if absorption is None:
        coef = x.new_zeros(1, 0, groups, 5, LANES, dtype=torch.float64)
    else:
        given = coefficients(caller, "absorption", absorption, x.select(-2, 0), f"{N}, K, 6", time_varying)
        coef = _sections(given)
    K = coef.shape[-4]
    if zi is None:
        zeros = x.new_zeros((), dtype=torch.float64)
        zi = (zeros.expand(N, network_state_length(longest)), zeros.expand(K, groups, 2, LANES))
    past, states = zi
    y, end, zf = _network(x, delays.double(), modulation, mixing, coef, past, states, outputs)
    return (y, (end, zf)) if return_zf else y


def _mixing(matrix: Tensor, input_gains: Tensor, output_gains: Tensor, direct: Tensor | None) -> Tensor:
    """(..., N + inputs, GO LANES): rows are who gives, columns who gets, the outputs after the lines."""
    N, inputs, outputs = matrix.shape[-1], input_gains.shape[-1], output_gains.shape[-2]
    batch_shape = broadcast_shape(matrix.shape[:-2], input_gains.shape[:-2], output_gains.shape[:-2])
    if direct is None:
        direct = matrix.new_zeros(outputs, inputs)
    else:
        batch_shape = broadcast_shape(batch_shape, direct.shape[:-2])
    upper = torch.cat([matrix.expand(*batch_shape, N, N), input_gains.expand(*batch_shape, N, inputs)], -1)
    lower = torch.cat(
        [output_gains.expand(*batch_shape, outputs, N), direct.double().expand(*batch_shape, outputs, inputs)], -1
    )
    whole = torch.cat([upper, lower], -2).mT
    return torch.nn.functional.pad(whole, (0, -(N + outputs) % LANES))


def _sections(absorption: Tensor) -> Tensor:
    """(..., 1 or T, K, G, 5, LANES) from (..., 1 or T, N, K, 6)."""
    b, a0, a = absorption.double().split([3, 1, 2], -1)
    five = (torch.cat([b, a], -1) / a0).movedim(-3, -1)
    # Lanes without a line let everything pass, so that a group of such lines is told by all its lanes.
    more, pad = (0, -five.shape[-1] % LANES), torch.nn.functional.pad
    padded = torch.cat([pad(five[..., :1, :], more, value=1.0), pad(five[..., 1:, :], more)], -2)
    return padded.unflatten(-1, (-1, LANES)).transpose(-3, -2)
