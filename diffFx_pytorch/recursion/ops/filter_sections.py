"""Sections in series, constant or time-varying, each in the form that suits it; blocks may follow in another form."""

from __future__ import annotations

import torch
from torch import Tensor

from diffFx_pytorch.kernels.precision import where_float64_is
from diffFx_pytorch.kernels.rows import broadcast_shape
from diffFx_pytorch.kernels.transforms import is_traced, transforms_active
from diffFx_pytorch.recursion.control_points import ControlPoints
from diffFx_pytorch.recursion.ops.sections import sosfilt
from diffFx_pytorch.recursion.ops.svf import sos_to_svf, svfilt

SectionState = dict[str, Tensor]
"""``{"direct": s, "sos": sections}`` or ``{"svf": s}`` with s (..., K, 2), float64: what a block leaves for the next.

A direct form's state means something for its own sections only, so it names them; state variables are bounded by the
sound, and go from sections to sections.
"""


@where_float64_is
def filter_sections(
    x: Tensor, sos: Tensor | ControlPoints, state: SectionState | None = None
) -> tuple[Tensor, SectionState]:
    """Filter a block with constant sections (`sosfilt`, fast) or time-varying ones (`svfilt`, which cannot blow up).

    A block of one sample does not tell whether its sections vary; it goes on in the form that the block before it had.

    Args:
        x: signal (..., T), float32 or float64.
        sos: sections [b0 b1 b2 a0 a1 a2], (..., 1, K, 6) constant or (..., T, K, 6) time-varying, or `ControlPoints`
            with values (..., F, K, 6), which are joined in the form of `svfilt`; batch dimensions broadcast with those
            of ``x``. Give float64 ones to float32 audio.
        state: what the block before returned; None is silence.

    Returns:
        ``(y, state)``. Blocks of any sizes equal the whole.

    Raises:
        TypeError: as `sosfilt`.
        ValueError: as `sosfilt`.
    """
    at = sos.at if isinstance(sos, ControlPoints) else None
    sos = sos.values if isinstance(sos, ControlPoints) else sos
    if not x.shape[-1]:
        return x.expand(*broadcast_shape(x.shape[:-1], sos.shape[:-3]), 0), state or {}
    given = state or {}
    constant = at is None and sos.shape[-3] == 1 and (x.shape[-1] > 1 or "direct" in given)
    if constant:
        fixed = sos.squeeze(-3)
        if "direct" in given and _same(given["sos"], fixed):
            zi = given["direct"]
        else:
            variables = _variables(given)
            zi = None if variables is None else _svf_to_direct(variables, fixed)
        y, zf = sosfilt(x, fixed, zi, return_zf=True, time_varying=False)
        return y, {"direct": zf, "sos": fixed}
    svf, zi = sos_to_svf(sos), _variables(given)
    if at is not None:
        y, zf = svfilt(x, svf, zi, return_zf=True, at=at)
    else:
        y, zf = svfilt(x, svf.expand(*sos.shape[:-3], x.shape[-1], -1, -1), zi, return_zf=True, time_varying=True)
    return y, {"svf": zf}


def _same(a: Tensor, b: Tensor) -> bool:
    """Whether sections are known to be the same; where that cannot be seen at no cost, they may not be."""
    seen = not (is_traced() or transforms_active()) and a.device.type == "cpu" and type(a) is type(b) is Tensor
    return a is b or (seen and torch.equal(a, b))


def _variables(state: SectionState) -> Tensor | None:
    """The state variables that a block left, in whichever form it ran; None for silence."""
    return _direct_to_svf(state["direct"], state["sos"]) if "direct" in state else state.get("svf")


def _ringing(s: Tensor, svf: Tensor) -> tuple[Tensor, Tensor]:
    """The first two samples that a state variable section gives to silence."""
    g, r, h, b, low = svf.unbind(-1)

    def step(s1: Tensor, s2: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        v1 = (s1 - g * s2) / (1 + g * (g + r))
        v2 = s2 + g * v1
        return (b - h * r) * v1 + (low - h) * v2, 2 * v1 - s1, 2 * v2 - s2

    first, s1, s2 = step(*s.unbind(-1))
    return first, step(s1, s2)[0]


def _svf_to_direct(s: Tensor, sos: Tensor) -> Tensor:
    """The state of transposed direct form 2 that rings as ``s`` does."""
    first, second = _ringing(s, sos_to_svf(sos))
    return torch.stack([first, second + sos[..., 4] / sos[..., 3] * first], -1)


def _direct_to_svf(s: Tensor, sos: Tensor) -> Tensor:
    """The state variables that ring as ``s`` does: the smallest, where a zero cancels a pole and others ring so too."""
    svf = sos_to_svf(sos)
    one, zero = torch.ones_like(svf[..., 0]), torch.zeros_like(svf[..., 0])
    a, c = _ringing(torch.stack([one, zero], -1), svf)
    b, d = _ringing(torch.stack([zero, one], -1), svf)
    first, second = s[..., 0], s[..., 1] - sos[..., 4] / sos[..., 3] * s[..., 0]
    det = a * d - b * c
    seen = det.abs() > 1e-12 * (a.abs() * d.abs() + b.abs() * c.abs()) + 1e-300
    safe = torch.where(seen, det, torch.ones_like(det))
    solved = torch.stack([d * first - b * second, a * second - c * first], -1) / safe[..., None]
    size = (a * a + b * b + c * c + d * d).clamp_min(1e-300)
    smallest = torch.stack([a * first + c * second, b * first + d * second], -1) / size[..., None]
    return torch.where(seen[..., None], solved, smallest)
