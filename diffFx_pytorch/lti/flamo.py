"""Systems built with FLAMO, taken over and given back. Modules are known by what they have; FLAMO is not imported."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from .connections import Parallel, Recursion, Series
from .delays import Delay, GainDelay
from .fir_filters import FIR
from .gains import Gain, Matrix
from .iir_filters import SOS
from .maps import Map
from .shell import Shell
from .system import System


def from_flamo(module: Any) -> Any:
    """A system of FLAMO's as one of ours, with the same response: a ``System``, or a ``Shell`` for a shell.

    Gains, matrices (random, orthogonal, Householder), FIR filters and delays keep FLAMO's raw parameters and maps, and
    learn where those did. Recursive filters (biquads, state-variable filters, equalisers, absorption) are taken as
    the coefficients they have come to, and other matrices as their values: these do not learn on.

    Args:
        module: any module, ``Series``, ``Recursion``, ``Parallel`` or ``Shell`` of FLAMO 0.2.

    Raises:
        TypeError: for a module that is none of these, such as a ``Transform`` within a series, whose function may be
            anything; a shell with one as its last layer is taken over by its core.
    """
    kinds, diagonal = _kinds(module), _is_parallel(module)
    given: dict[str, Any] = {"diagonal": diagonal}
    if "Shell" in kinds:
        return _shell(module)
    if "Sequential" in kinds:
        return Series(**{name: from_flamo(part) for name, part in module.named_children()})
    if "Recursion" in kinds:
        return Recursion(from_flamo(module.feedforward), from_flamo(module.feedback))
    if "Parallel" in kinds:
        parts = (from_flamo(module.branchA), from_flamo(module.branchB))
        return Parallel(*parts, combine="sum" if module.sum_output else "stack")
    if hasattr(module, "get_poly_coeff"):
        with torch.no_grad():
            return SOS(_coefficients(module), diagonal=diagonal)
    if hasattr(module, "get_matrix"):
        return Gain(_values(module.get_matrix()))
    if not isinstance(raw := getattr(module, "param", None), Tensor):
        raise TypeError(f"from_flamo: {type(module).__name__} is no system that could be taken over: give its parts")
    given["requires_grad"] = raw.requires_grad
    if hasattr(module, "map_filter"):
        return FIR(_values(module.map_filter(module.map(raw))).movedim(0, -1))
    if hasattr(module, "get_gains"):
        return _gain_delay(module, raw.detach(), given)
    if hasattr(module, "get_delays"):
        samples = module.s2sample(module.map(raw.detach()))
        return Delay(samples, integer=bool(module.isint), dtype=raw.dtype, **given)
    if "HouseholderMatrix" in kinds:
        return Matrix(len(raw), "householder", raw=raw.detach()[:, 0], requires_grad=raw.requires_grad)
    if (kind := getattr(module, "matrix_type", None)) is not None:
        if kind in ("orthogonal", "random") and raw.shape[0] == raw.shape[1]:
            return Matrix(len(raw), kind, raw=raw.detach(), requires_grad=raw.requires_grad)
        return Gain(_values(module.map(raw)))
    if "Filter" in kinds:
        return FIR(raw.detach().movedim(0, -1), map=_taps_last(module.map), **given)
    return Gain(raw.detach(), map=module.map, **given)


def to_flamo(system: System | Shell, module: nn.Module) -> dict[str, Tensor]:
    """Give what was learned back: the inverse of :func:`from_flamo`, for the modules that keep FLAMO's parameters.

    Args:
        system: what ``from_flamo(module)`` returned, trained since.
        module: receives the parameters.

    Returns:
        The module's new ``state_dict()``.

    Raises:
        TypeError: for a system that was not made from such a module.
    """
    with torch.no_grad():
        _give_back(system, module)
    return module.state_dict()


def _give_back(system: Any, module: Any) -> None:
    kinds = _kinds(module)
    pairs: list[tuple[Any, Any]] = []
    if "Shell" in kinds:
        pairs = [(system.core, module.get_core())]
    elif "Sequential" in kinds:
        pairs = list(zip(system.parts.values(), module.children(), strict=True))
    elif "Recursion" in kinds:
        pairs = [(system.feedforward, module.feedforward), (system.feedback, module.feedback)]
    elif "Parallel" in kinds:
        pairs = list(zip(system.parts.values(), (module.branchA, module.branchB), strict=True))
    for part, theirs in pairs:
        _give_back(part, theirs)
    if pairs or not any(p.requires_grad for p in system.parameters()):
        return  # what cannot learn is as it was
    raw = module.param
    if isinstance(system, GainDelay):
        raw[0].copy_(system.get_parameter("gain"))
        raw[1].copy_(module.sample2s(system.samples()))
    elif isinstance(system, Delay):
        raw.copy_(module.sample2s(system.samples()))
    elif isinstance(system, (Gain, Matrix, FIR)):
        (ours,) = system.parameters()
        raw.copy_((ours.movedim(-1, 0) if isinstance(system, FIR) else ours).reshape(raw.shape))
    else:
        raise TypeError(f"to_flamo: {type(system).__name__} does not keep the parameters of {type(module).__name__}")


def _kinds(module: nn.Module) -> list[str]:
    return [cls.__name__ for cls in type(module).__mro__]


def _values(t: Tensor) -> Tensor:
    return t.detach().real.clone()


def _shell(module: Any) -> Shell:
    last = module.get_outputLayer()
    if "iFFT" not in type(last).__name__:
        name = type(last).__name__
        raise TypeError(
            f"from_flamo: the shell ends in {name}, not in iFFT; use lti.Shell(lti.from_flamo(shell.get_core()), nfft, "
            "output=...)"
        )
    decay = abs(float(module.alias_decay_db))
    return Shell(from_flamo(module.get_core()), int(module.nfft), output="signal", alias_decay_db=decay)


def _gain_delay(module: Any, raw: Tensor, given: dict[str, Any]) -> GainDelay:
    samples = module.s2sample(module.map_delay(raw[1]))
    return GainDelay(samples, raw[0].clone(), map=module.map_gain, integer=bool(module.isint), **given)


def _taps_last(map: Map) -> Map:
    """FLAMO's map of (taps, ...) for (..., taps)."""
    return lambda raw: map(raw.movedim(-1, 0)).movedim(0, -1)


def _coefficients(module: Any) -> Tensor:
    """Sections (outputs, inputs, K, 6) or (channels, K, 6) from the spectra of their polynomials."""
    rows = []
    for spectrum in module.get_poly_coeff(module.map(module.param))[1:]:
        bins, channels = module.nfft // 2 + 1, 1 if spectrum.dim() < 4 and _is_parallel(module) else 2
        if spectrum.dim() == 1 + channels:  # one section
            spectrum = spectrum.unsqueeze(1)
        if spectrum.shape[0] != bins:  # sections before frequencies
            spectrum = spectrum.transpose(0, 1)
        taps = torch.fft.irfft(spectrum.to(torch.complex128), n=module.nfft, dim=0)[:3]
        gamma = 10 ** (-abs(float(module.alias_decay_db)) / module.nfft / 20)
        taps = taps / (gamma ** torch.arange(3, dtype=torch.float64)).reshape(3, *[1] * (taps.dim() - 1))
        rows.append(taps.movedim((1, 0), (-2, -1)))
    return torch.cat(rows, -1)


def _is_parallel(module: nn.Module) -> bool:
    return any(kind.startswith("parallel") for kind in _kinds(module))
