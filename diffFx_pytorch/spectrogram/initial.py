"""Initial phases of a retrieval."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from .pghi import pghi
from .rules import with_magnitude
from .spsi import spsi
from .stft import STFT


def _random(magnitude: Tensor, stft: STFT, generator: torch.Generator | None) -> Tensor:
    # Drawn on the generator's device, in float64: one seed is the same phase on every device and in every precision.
    device = torch.device("cpu") if generator is None else generator.device
    c = torch.empty_like(magnitude, dtype=magnitude.dtype.to_complex(), memory_format=torch.contiguous_format)
    items = c.view(-1, *c.shape[-2:]) if c.numel() else c[:0]
    for item, A in zip(items, magnitude.reshape(items.shape), strict=True):
        angle = torch.rand(A.shape, dtype=torch.float64, device=device, generator=generator)
        torch.polar(A, angle.mul_(2 * torch.pi).to(A.device, A.dtype), out=item)
    return c


STARTS: dict[str, Callable[[Tensor, STFT, torch.Generator | None], Tensor]] = {
    "pghi": lambda magnitude, stft, generator: pghi(magnitude, stft),
    "spsi": lambda magnitude, stft, generator: spsi(magnitude, stft),
    "random": _random,
    "zero": lambda magnitude, stft, generator: magnitude.to(magnitude.dtype.to_complex()),
}


def broadcasts(given: Tensor, magnitude: Tensor) -> bool:
    """Whether a tensor broadcasts to the magnitude's shape."""
    sizes = zip(reversed(given.shape), reversed(magnitude.shape), strict=False)
    return given.dim() <= magnitude.dim() and all(a in (1, b) for a, b in sizes)


def initial_spectrum(
    init: str | Tensor, magnitude: Tensor, stft: STFT, generator: torch.Generator | None = None
) -> Tensor:
    """A complex spectrum (..., F, frames) with the initial phases.

    Args:
        init: one of ``STARTS``, or complex: its phases.
        magnitude: (..., F, frames).
        stft: the transform.
        generator: of "random".

    Raises:
        ValueError: for another name, or a tensor that is not complex or does not broadcast to the magnitude's shape.
    """
    if isinstance(init, Tensor):
        if not init.is_complex() or not broadcasts(init, magnitude):
            raise ValueError(
                f"init must be complex and of the magnitude's shape {tuple(magnitude.shape)}. "
                f"Got {init.dtype} of shape {tuple(init.shape)}."
            )
        return init.to(magnitude.device, magnitude.dtype.to_complex()).expand(magnitude.shape)
    if init not in STARTS:
        raise ValueError(f"init must be one of {', '.join(STARTS)}, or a complex tensor. Got {init!r}.")
    if stft.onesided:
        return STARTS[init](magnitude, stft, generator)
    half = one_sided(stft)
    return both_sides(STARTS[init](magnitude[..., : half.bins, :], half, generator), magnitude)


def one_sided(stft: STFT) -> STFT:
    """The transform to frequencies from 0 to Nyquist, a complex window replaced by its magnitude."""
    window = stft.window
    if isinstance(window, tuple):
        window = tuple(abs(v) for v in window)
    return replace(stft, window=window, onesided=True)


def both_sides(spectrum: Tensor, magnitude: Tensor) -> Tensor:
    """The phases of a spectrum (..., N // 2 + 1, frames) for a magnitude (..., N, frames): odd, as a real signal's."""
    negative = spectrum[..., 1 : (magnitude.shape[-2] + 1) // 2, :].conj().flip(-2)
    return with_magnitude(torch.cat((spectrum, negative), -2), magnitude)


def power_of_two(peak: Tensor) -> Tensor:
    """The next power of two above a positive number; 1 for 0. Division by it is exact, so scaling commutes with it."""
    mantissa, _ = torch.frexp(peak)
    return torch.where(peak > 0, peak / torch.where(peak > 0, mantissa, 1.0), 1.0)
