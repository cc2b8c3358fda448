"""Feedback delay networks: the operator with its gradient, and the function that checks and lays out arguments."""

from __future__ import annotations

import math
from typing import Any, NoReturn

import torch
from torch import Tensor

from diffFx_pytorch.kernels import run_rows
from diffFx_pytorch.recursion.checks import check_signal
from diffFx_pytorch.recursion.cpu.feedback_network import CHUNK, feedback_network_rows
from diffFx_pytorch.recursion.cpu.feedback_network_backward import feedback_network_backward_rows
from diffFx_pytorch.recursion.cpu.simd import LANES
from diffFx_pytorch.recursion.fallback.feedback_network import feedback_network_blocks
from diffFx_pytorch.recursion.ops.transforms import with_transforms

NetworkState = tuple[Tensor, Tensor]
"""What went into the lines (..., N, P), oldest first, and the states of their sections (..., K, G, 2, LANES)."""

_CORES = (2, 1, 2, 2, 5, 2, 4)
"""Trailing dimensions of x, delay, offset, mixing, coef, past, zi that are not leading ones."""


def _lead(*arguments: Tensor | None) -> tuple[int, ...]:
    shapes = [t.shape[: t.ndim - core] for t, core in zip(arguments, _CORES, strict=True) if t is not None]
    first = shapes[0]
    return tuple(first if all(s == first for s in shapes) else torch.broadcast_shapes(*shapes))


def _rows(t: Tensor, lead: tuple[int, ...], core: int) -> Tensor:
    own = t.shape[t.ndim - core :]
    return t.detach().expand(*lead, *own).reshape(math.prod(lead), *own).contiguous()


def _prepare(lead: tuple[int, ...], *arguments: Tensor | None) -> list[Any]:
    """Arguments as arrays (R, ...), whole delays, an absent offset as one without samples."""
    rows = [None if t is None else _rows(t, lead, core) for t, core in zip(arguments, _CORES, strict=True)]
    x, delay, offset, *rest = rows
    assert x is not None and delay is not None  # noqa: PT018
    offset = delay.new_empty(*delay.shape, 0) if offset is None else offset
    # One type, converted outside: the kernels are long, and compiling them for each would take twice the time.
    return [
        x.double().numpy(),
        delay.round().long().numpy(),
        offset.numpy(),
        *(t.numpy() for t in rest if t is not None),
    ]


@torch.library.custom_op("diffFx::feedback_network", mutates_args=())
def _feedback_network(
    x: Tensor,
    delay: Tensor,
    offset: Tensor | None,
    mixing: Tensor,
    coef: Tensor,
    past: Tensor,
    zi: Tensor,
    outputs: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Outputs (..., outputs, T), lines (..., N, P + T if ``keep`` else P), states, checkpoints of the states."""
    lead = _lead(x, delay, offset, mixing, coef, past, zi)
    y, lines, zf = _plain(lead, x, delay, offset, mixing, coef, past, zi, outputs)
    lines = lines if keep else lines[..., x.shape[-1] :]
    return y.to(x.dtype), lines.clone(), zf.clone(), zf.new_empty(*lead, 0, *zf.shape[-4:])


def _plain(
    lead: tuple[int, ...],
    x: Tensor,
    delay: Tensor,
    offset: Tensor | None,
    mixing: Tensor,
    coef: Tensor,
    past: Tensor,
    zi: Tensor,
    outputs: int,
) -> tuple[Tensor, Tensor, Tensor]:
    """The operator in torch operations, in the layout of the operator, float64."""
    R, N = math.prod(lead), past.shape[-2]
    own = [
        None if t is None else t.expand(*lead, *t.shape[t.ndim - c :]).reshape(R, *t.shape[t.ndim - c :]).double()
        for t, c in zip((x, delay, offset, mixing, coef, past, zi), _CORES, strict=True)
    ]
    sound, d, o, m, c, p, z = own
    assert sound is not None and d is not None and m is not None  # noqa: PT018
    assert c is not None and p is not None and z is not None  # noqa: PT018
    K, G = z.shape[1:3]
    lanes = c.transpose(3, 4).reshape(R, c.shape[1], K, 5, G * LANES)[..., :N]
    states = z.transpose(2, 3).reshape(R, K, 2, G * LANES)[..., :N]
    y, lines, zf = feedback_network_blocks(sound, d, o, m[..., : N + outputs], lanes, p, states)
    padded = torch.nn.functional.pad(zf, (0, G * LANES - N)).reshape(R, K, 2, G, LANES).transpose(2, 3)
    return (
        y.reshape(*lead, *y.shape[1:]),
        lines.reshape(*lead, *lines.shape[1:]),
        padded.reshape(*lead, *padded.shape[1:]),
    )


@_feedback_network.register_kernel("cpu")
def _(
    x: Tensor,
    delay: Tensor,
    offset: Tensor | None,
    mixing: Tensor,
    coef: Tensor,
    past: Tensor,
    zi: Tensor,
    outputs: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    lead, T = _lead(x, delay, offset, mixing, coef, past, zi), x.shape[-1]
    rows = math.prod(lead)
    N, P = past.shape[-2:]
    y = past.new_empty(rows, outputs, T)
    lines = past.new_empty(rows, N, P + T if keep else P)
    zf = zi.new_empty(rows, *zi.shape[-4:])
    checkpoints = zi.new_empty(rows, -(-T // CHUNK) if keep else 0, *zi.shape[-4:])
    good = torch.ones(rows, dtype=torch.bool)
    if rows:
        arrays = _prepare(lead, x, delay, offset, mixing, coef, past, zi)
        outs = (lines.numpy(), y.numpy(), zf.numpy(), checkpoints.numpy(), good.numpy())
        run_rows(feedback_network_rows, rows, 1, *arrays, *outs)
    if not good.all():
        least = 1 if offset is None else 2
        raise ValueError(
            f"feedback_network: delays must be at least {least} sample{'s' if least > 1 else ''} and at most "
            f"longest = {P - 2}, and no NaN; got {delay.min():g} to {delay.max():g}"
            + ("" if offset is None else f", moved by {offset.min():g} to {offset.max():g}")
            + ". Clamp them, or raise longest."
        )
    return tuple(t.reshape(*lead, *t.shape[1:]) for t in (y.to(x.dtype), lines, zf, checkpoints))  # type: ignore[return-value]


@_feedback_network.register_fake
def _(
    x: Tensor,
    delay: Tensor,
    offset: Tensor | None,
    mixing: Tensor,
    coef: Tensor,
    past: Tensor,
    zi: Tensor,
    outputs: int,
    keep: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    lead, T = _lead(x, delay, offset, mixing, coef, past, zi), x.shape[-1]
    chunks = -(-T // CHUNK) if keep and x.device.type == "cpu" else 0
    return (
        x.new_empty(*lead, outputs, T),
        past.new_empty(*lead, past.shape[-2], past.shape[-1] + (T if keep else 0)),
        zi.new_empty(*lead, *zi.shape[-4:]),
        zi.new_empty(*lead, chunks, *zi.shape[-4:]),
    )


@torch.library.custom_op("diffFx::feedback_network_backward", mutates_args=())
def _feedback_network_backward(
    grad_y: Tensor,
    grad_lines: Tensor | None,
    grad_zf: Tensor | None,
    x: Tensor,
    delay: Tensor,
    offset: Tensor | None,
    mixing: Tensor,
    coef: Tensor,
    past: Tensor,
    zi: Tensor,
    lines: Tensor,
    checkpoints: Tensor,
    to_mixing: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    """Gradients to x, delay, offset, mixing, coef, past, zi, one a row of the output."""
    lead = lines.shape[:-2]
    inputs = (x, delay, offset, mixing, coef, past, zi)
    # Inside an operator torch records nothing for autograd: torch.func does, whatever surrounds it.
    rows = [
        None if t is None else t.expand(*lead, *t.shape[t.ndim - c :]).double()
        for t, c in zip(inputs, _CORES, strict=True)
    ]
    present = [i for i, t in enumerate(rows) if t is not None]

    def plain(*given: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        full = list(rows)
        for i, t in zip(present, given, strict=True):
            full[i] = t
        return _plain(lead, *full, grad_y.shape[-2])  # type: ignore[arg-type]  # only the offset may be absent

    outs, pull = torch.func.vjp(plain, *(rows[i] for i in present))
    given = (grad_y.double(), grad_lines, grad_zf)
    found = iter(
        pull(tuple(torch.zeros_like(o) if g is None else g.double() for o, g in zip(outs, given, strict=True)))
    )
    grads = [delay.new_empty(*lead, delay.shape[-1], 0) if t is None else next(found).clone() for t in rows]
    return (grads[0].to(x.dtype, copy=True), *grads[1:])  # type: ignore[return-value]


@_feedback_network_backward.register_kernel("cpu")
def _(
    grad_y: Tensor,
    grad_lines: Tensor | None,
    grad_zf: Tensor | None,
    x: Tensor,
    delay: Tensor,
    offset: Tensor | None,
    mixing: Tensor,
    coef: Tensor,
    past: Tensor,
    zi: Tensor,
    lines: Tensor,
    checkpoints: Tensor,
    to_mixing: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    lead, T = lines.shape[:-2], x.shape[-1]
    rows, N = math.prod(lead), lines.shape[-2]
    x_, delay_, offset_, mixing_, coef_, _, _ = _prepare(lead, x, delay, offset, mixing, coef, past, zi)
    kept = [_rows(lines, lead, 2), _rows(checkpoints, lead, 5)]
    pending = _filled(grad_lines, lead, lines, 2)
    state = _filled(grad_zf, lead, zi, 4)
    to_x = lines.new_empty(rows, *x.shape[-2:])
    to_delay = delay.new_zeros(rows, N)
    to_offset = delay.new_empty(rows, N, 0 if offset is None else T)
    to_mix, to_coef = mixing.new_zeros(mixing_.shape), coef.new_zeros(coef_.shape)
    outs = (pending, to_x, to_delay, to_offset, to_mix, to_coef, state)
    if rows:
        run_rows(
            feedback_network_backward_rows,
            rows,
            1,
            _rows(grad_y, lead, 2).double().numpy(),
            x_,
            delay_,
            offset_,
            mixing_,
            coef_,
            *(t.numpy() for t in kept),
            to_mixing,
            *(t.numpy() for t in outs),
        )
    to_past = pending[..., : past.shape[-1]].clone()
    grads = (to_x.to(x.dtype), to_delay, to_offset, to_mix, to_coef, to_past, state)
    return tuple(t.reshape(*lead, *t.shape[1:]) for t in grads)  # type: ignore[return-value]


def _filled(grad: Tensor | None, lead: tuple[int, ...], like: Tensor, core: int) -> Tensor:
    """A gradient to go on from, to write to: zeros where there is none."""
    own = like.shape[like.ndim - core :]
    if grad is None:
        return like.new_zeros(math.prod(lead), *own)
    return grad.expand(*lead, *own).to(torch.float64, copy=True).reshape(math.prod(lead), *own).contiguous()


@_feedback_network_backward.register_fake
def _(
    grad_y: Tensor,
    grad_lines: Tensor | None,
    grad_zf: Tensor | None,
    x: Tensor,
    delay: Tensor,
    offset: Tensor | None,
    mixing: Tensor,
    coef: Tensor,
    past: Tensor,
    zi: Tensor,
    lines: Tensor,
    checkpoints: Tensor,
    to_mixing: bool,
) -> tuple[Tensor, Tensor, Tensor, Tensor, Tensor, Tensor, Tensor]:
    lead, T, N = lines.shape[:-2], x.shape[-1], lines.shape[-2]
    return (
        x.new_empty(*lead, *x.shape[-2:]),
        delay.new_empty(*lead, N),
        delay.new_empty(*lead, N, 0 if offset is None else T),
        mixing.new_empty(*lead, *mixing.shape[-2:]),
        coef.new_empty(*lead, *coef.shape[-5:]),
        past.new_empty(*lead, *past.shape[-2:]),
        zi.new_empty(*lead, *zi.shape[-4:]),
    )


def _setup_context(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    _, lines, _, checkpoints = output
    ctx.save_for_backward(*inputs[:7], lines, checkpoints)
    ctx.mark_non_differentiable(checkpoints)
    ctx.set_materialize_grads(False)


def _first_derivative(
    ctx: Any, grad_y: Tensor | None, grad_lines: Tensor | None, grad_zf: Tensor | None, _: Any
) -> tuple[Tensor | None, ...]:
    *inputs, lines, checkpoints = ctx.saved_tensors
    if grad_y is None and grad_lines is None and grad_zf is None:
        return (None,) * 9
    x, mixing = inputs[0], inputs[3]
    if grad_y is None:
        # As many outputs as the lanes after the lines have room for: their gradients are zero.
        outputs = mixing.shape[-1] - lines.shape[-2]
        grad_y = x.new_zeros(*lines.shape[:-2], outputs, x.shape[-1])
    needs = ctx.needs_input_grad[:7]
    found = _call_backward(grad_y, grad_lines, grad_zf, *inputs, lines, checkpoints, needs[3])
    return (
        *(
            g.sum_to_size(p.shape).to(p.dtype) if need and p is not None else None
            for g, p, need in zip(found, inputs, needs, strict=True)
        ),
        None,
        None,
    )


def _refuse(*_: Any) -> NoReturn:
    raise NotImplementedError("feedback_network has first derivatives only: no forward mode, no second derivative.")


def _forget(ctx: Any, inputs: tuple[Any, ...], output: tuple[Tensor, ...]) -> None:
    """Nothing to keep for a derivative that there is not."""


_call = with_transforms(_feedback_network, _setup_context, _first_derivative, _refuse)
_call_backward = with_transforms(_feedback_network_backward, _forget, _refuse, _refuse)


def network_state_length(longest: int) -> int:
    """Samples of every line that a state holds for delays of up to ``longest`` samples."""
    return longest + 2


def feedback_network(
    x: Tensor,
    delays: Tensor,
    matrix: Tensor,
    input_gains: Tensor,
    output_gains: Tensor,
    absorption: Tensor | None = None,
    *,
    longest: int,
    moving: bool = False,
    modulation: Tensor | None = None,
    direct: Tensor | None = None,
    zi: NetworkState | None = None,
    return_zf: bool = False,
) -> Any:
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

    Gains do not move; for moving ones give each line its input (B = I) or output (C = I) and multiply outside.

    Args:
        x: signals (..., inputs, T), float32 or float64.
        delays: samples (..., N), float; whole after rounding, 1 .. ``longest``.
        matrix: M (..., N, N), float64, from line (column) to line (row); orthogonal for a loop without loss.
        input_gains: B (..., N, inputs), float64.
        output_gains: C (..., outputs, N), float64.
        absorption: sections [b0 b1 b2 a0 a1 a2], float64: (..., N, K, 6), or (..., N, T, K, 6) if ``moving``. None is
            none.
        longest: the longest delay there may be, modulation included; it sets the length of the state.
        moving: whether the absorption moves. First-order sections (b2 = a2 = 0) stay stable however they move.
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
    check_signal(caller, "x", x)
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
        "absorption": (absorption, (N, T, 6) if moving else (N, 6)),
    }
    for name, (value, shape) in wanted.items():
        if value is None:
            continue
        own = tuple(value.shape[-2:])
        if name == "absorption":
            own = (*value.shape[-4 if moving else -3 : -2], value.shape[-1])
        if own != shape:
            raise ValueError(
                f"{caller}: {name} must end in {shape} for {N} delays, {inputs} inputs and {T} samples, got shape "
                f"{tuple(value.shape)}."
            )
    if longest < 1:
        raise ValueError(f"{caller}: longest must be at least 1 sample, got {longest}.")
    groups = -(-N // LANES)
    mixing = _mixing(matrix.double(), input_gains.double(), output_gains.double(), direct)
    coef = _sections(absorption, moving, N, groups, x)
    K = coef.shape[-4]
    if zi is None:
        zeros = x.new_zeros((), dtype=torch.float64)
        zi = (zeros.expand(N, network_state_length(longest)), zeros.expand(K, groups, 2, LANES))
    past, states = zi
    given = (x, delays.double(), modulation, mixing, coef, past, states)
    count = max(t.ndim - core for t, core in zip(given, _CORES, strict=True) if t is not None)
    same = [None if t is None else t[(None,) * (count - t.ndim + core)] for t, core in zip(given, _CORES, strict=True)]
    keep = torch._C._are_functorch_transforms_active() or (
        torch.is_grad_enabled() and any(t is not None and t.requires_grad for t in same)
    )
    y, lines, zf, _ = _call(*same, outputs, keep)
    return (y, (lines[..., lines.shape[-1] - past.shape[-1] :], zf)) if return_zf else y


def _mixing(matrix: Tensor, input_gains: Tensor, output_gains: Tensor, direct: Tensor | None) -> Tensor:
    """(..., N + inputs, GO LANES): rows are who gives, columns who gets, the outputs after the lines."""
    N, inputs, outputs = matrix.shape[-1], input_gains.shape[-1], output_gains.shape[-2]
    lead = torch.broadcast_shapes(matrix.shape[:-2], input_gains.shape[:-2], output_gains.shape[:-2])
    if direct is None:
        direct = matrix.new_zeros(outputs, inputs)
    else:
        lead = torch.broadcast_shapes(lead, direct.shape[:-2])
    upper = torch.cat([matrix.expand(*lead, N, N), input_gains.expand(*lead, N, inputs)], -1)
    lower = torch.cat([output_gains.expand(*lead, outputs, N), direct.double().expand(*lead, outputs, inputs)], -1)
    whole = torch.cat([upper, lower], -2).mT
    return torch.nn.functional.pad(whole, (0, -(N + outputs) % LANES))


def _sections(absorption: Tensor | None, moving: bool, N: int, groups: int, x: Tensor) -> Tensor:
    """(..., 1 or T, K, G, 5, LANES) from (..., N, K, 6) or (..., N, T, K, 6)."""
    if absorption is None:
        return x.new_zeros(1, 0, groups, 5, LANES, dtype=torch.float64)
    sections = (absorption if moving else absorption.unsqueeze(-3)).double()
    b, a0, a = sections.split([3, 1, 2], -1)
    five = (torch.cat([b, a], -1) / a0).movedim(-4, -1)
    padded = torch.nn.functional.pad(five, (0, groups * LANES - N))
    return padded.unflatten(-1, (groups, LANES)).transpose(-3, -2)
