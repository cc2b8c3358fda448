"""Feedback delay networks, ready built: a reverberator by its decay times, and one that is an all-pass."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from ..dsp.primes import primes_up_to
from .connections import Parallel, Recursion, Series
from .delays import Delay
from .equalizers import GEQ, DecayEqualizer, ShelvingAbsorption
from .gains import Gain, Matrix
from .grid import Grid
from .matrices import Exponential, MatrixKind
from .module import Module
from .response import Constant, Diagonal, Loop, Response, Sum, cascade
from .system import System


def coprime_delays(
    n: int, sample_rate: float, range_ms: tuple[float, float] = (20.0, 50.0), generator: torch.Generator | None = None
) -> Tensor:
    """Prime numbers of samples, spread over a range: no two echoes of a network fall together early.

    Args:
        n: lines.
        sample_rate: Hz.
        range_ms: shortest and longest.
        generator: of the draw.

    Returns:
        (n,) whole, rising; one drawn from each n-th part of the range on a logarithmic scale.

    Raises:
        ValueError: where a part of the range holds no prime.
    """
    low, high = (ms / 1000 * sample_rate for ms in range_ms)
    if not 2 <= low < high:
        raise ValueError(f"coprime_delays: the range must rise, from two samples on, got {range_ms} ms")
    every = torch.from_numpy(primes_up_to(int(high) + 1))
    edges = low * (high / low) ** torch.linspace(0, 1, n + 1, dtype=torch.float64)
    found = []
    for start, stop in itertools.pairwise(edges.tolist()):
        primes = every[(every >= int(start)) & (every <= int(stop))]
        primes = primes[~torch.isin(primes, torch.tensor(found))] if found else primes
        if not len(primes):
            raise ValueError(f"coprime_delays: no prime for each of {n} lines in {range_ms} ms; widen the range")
        found.append(int(primes[torch.randint(len(primes), (), generator=generator)]))
    return torch.tensor(found)


def feedback_delay_network(
    delays: Tensor,
    decay_s: float | Tensor,
    *,
    sample_rate: float,
    decay_high_s: float | Tensor | None = None,
    inputs: int = 1,
    outputs: int = 1,
    direct: bool = False,
    matrix: MatrixKind = "orthogonal",
    requires_grad: bool = True,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> System:
    r"""A feedback delay network that decays as it is told, to be trained, fitted or rendered.

    .. math:: H(z) = C\, (D(z)^{-1} - A\, G(z))^{-1} B \; (+ T)

    with lines D, a matrix A, and absorption G such that every line loses 60 dB in the decay time.

    Args:
        delays: samples of each line, (n,), such as ``coprime_delays`` gives.
        decay_s: T60. A number or (1,) is the same at all frequencies; (bands,) is per octave from 31.25 Hz to 0.45 of
            the sample rate, by an accurate graphic equaliser. With (n, 1) or (n, bands) each line has its own, as
            groups of lines do in coupled rooms.
        sample_rate: Hz.
        decay_high_s: T60 at the highest frequencies, a number or (n,): first-order shelves absorb.
        inputs: channels.
        outputs: channels.
        direct: whether the inputs also go straight to the outputs, by gains of their own.
        matrix: kind of A.
        requires_grad: whether gains, matrix and absorption are learned. Delays are not.
        generator: of the draws.
        dtype: of the parameters.

    Returns:
        A series of ``b``, ``loop`` and ``c``; with ``direct`` a parallel of ``direct`` and ``late``.

    Raises:
        ValueError: for decay times that are neither, or not positive.

    References:
        J.-M. Jot, A. Chaigne, "Digital delay networks for designing artificial reverberators", AES 90, 1991.
    """
    n, dtype = len(delays), dtype or torch.get_default_dtype()
    decay = torch.as_tensor(decay_s, dtype=dtype)
    if not bool((decay > 0).all()):
        raise ValueError(f"feedback_delay_network: decay times must be positive, got {decay_s}")
    per_round = -60.0 * delays.to(dtype) / sample_rate  # in dB, where the decay takes a second
    decay = decay.reshape(1) if decay.dim() == 0 else decay
    if decay.dim() > 2 or (decay.dim() == 2 and decay.shape[0] != n):
        raise ValueError(f"feedback_delay_network: decay_s must be (bands,) or ({n}, bands), got {tuple(decay.shape)}")
    absorption: System
    if decay.shape[-1] == 1:
        lines = decay[..., 0].expand(n).clone()
        if decay_high_s is None:
            absorption = _Homogeneous(lines, delays, sample_rate, requires_grad)
        else:
            high = torch.as_tensor(decay_high_s, dtype=dtype).expand(n).clone()
            absorption = ShelvingAbsorption(lines, high, delays, sample_rate=sample_rate, requires_grad=requires_grad)
    elif decay_high_s is not None:
        raise ValueError("feedback_delay_network: decay_high_s goes with one decay time, not with one per octave")
    else:
        gains = per_round[:, None] / decay
        absorption = GEQ(gains, sample_rate=sample_rate, diagonal=True, accurate=True, requires_grad=requires_grad)
    learned: dict[str, Any] = {"requires_grad": requires_grad, "generator": generator, "dtype": dtype}

    def feedback() -> System:
        return Series(absorption=absorption, mixing=Matrix(n, matrix, **learned))

    late = _around(delays, feedback, (inputs, outputs), **learned)
    return Parallel(direct=Gain(size=(outputs, inputs), **learned), late=late) if direct else late


def grouped_delay_network(
    delays: Tensor,
    decay_s: Tensor,
    *,
    sample_rate: float,
    coupling: float = 0.2,
    inputs: int = 1,
    outputs: int = 1,
    requires_grad: bool = True,
    generator: torch.Generator | None = None,
    dtype: torch.dtype | None = None,
) -> System:
    """A feedback delay network of groups of lines, each with a decay of its own, as coupled rooms have.

    Args:
        delays: samples of each line of each group, (groups, lines).
        decay_s: T60 of each group, (groups,), or (groups, bands) by octave from 31.25 Hz to 0.45 of the sample rate.
        sample_rate: Hz.
        coupling: angle by which every two groups mix, in radians: 0 keeps them apart, pi / 4 mixes two evenly.
        inputs: channels.
        outputs: channels.
        requires_grad: whether gains, matrix, coupling and decay times are learned. Delays are not.
        generator: of the draws.
        dtype: of the parameters.

    Returns:
        A series of ``b``, ``loop`` and ``c``; the loop's absorption holds one set of decay times per group.

    Raises:
        ValueError: for shapes that do not fit, or decay times that are not positive.

    References:
        O. Das, J. S. Abel, "Grouped feedback delay networks for modeling of coupled spaces", JAES 69(7/8), 2021.
    """
    dtype = dtype or torch.get_default_dtype()
    if delays.dim() != 2 or decay_s.dim() not in (1, 2) or len(decay_s) != len(delays) or not bool((decay_s > 0).all()):
        raise ValueError(
            "grouped_delay_network: delays must be (groups, lines) and decay_s (groups,) or (groups, bands), positive; "
            f"got {tuple(delays.shape)} and {tuple(decay_s.shape)}"
        )
    groups, lines = delays.shape
    group, flat, decay = torch.arange(groups).repeat_interleave(lines), delays.flatten(), decay_s.to(dtype)
    absorption: System
    if decay.dim() == 1:
        absorption = _Homogeneous(decay, flat, sample_rate, requires_grad, group)
    else:
        absorption = DecayEqualizer(decay, flat, group, sample_rate=sample_rate, requires_grad=requires_grad)
    learned: dict[str, Any] = {"requires_grad": requires_grad, "generator": generator, "dtype": dtype}

    def feedback() -> System:
        return Series(absorption=absorption, mixing=CoupledMatrix(groups, lines, coupling, **learned))

    return _around(flat, feedback, (inputs, outputs), **learned)


def _around(
    delays: Tensor,
    feedback: Callable[[], System],
    channels: tuple[int, int],
    *,
    requires_grad: bool,
    generator: torch.Generator | None,
    dtype: torch.dtype,
) -> Series:
    """Lines with the feedback that is built between the draws of the gains before and after them."""
    n, (inputs, outputs) = len(delays), channels
    return Series(
        b=Gain(torch.randn(n, inputs, generator=generator, dtype=dtype) / n**0.5, requires_grad=requires_grad),
        loop=Recursion(Delay(delays, dtype=dtype), feedback()),
        c=Gain(torch.randn(outputs, n, generator=generator, dtype=dtype) / n**0.5, requires_grad=requires_grad),
    )


class _Homogeneous(Module):
    """Gains by which lines lose 60 dB in a time, which is learned as its logarithm: one per line, or one per group."""

    delays: Tensor
    group: Tensor | None

    def __init__(
        self, decay_s: Tensor, delays: Tensor, sample_rate: float, requires_grad: bool, group: Tensor | None = None
    ) -> None:
        super().__init__((len(delays), len(delays)), diagonal=True, requires_grad=requires_grad)
        self.sample_rate = sample_rate
        self.register_buffer("delays", delays)
        self.register_buffer("group", group)
        self._declare("log_decay_s", decay_s.log())

    def respond(self, grid: Grid) -> Response:
        return Diagonal(self._gains().unsqueeze(-1))

    def constant(self) -> Tensor:
        return torch.diag_embed(self._gains())

    def _gains(self) -> Tensor:
        log_decay = self.value("log_decay_s")
        if self.group is not None:
            log_decay = log_decay.index_select(-1, self.group)
        rate = -math.log(1000) / self.sample_rate
        return torch.exp(rate * self.delays / log_decay.double().exp()).to(log_decay.dtype)


class CoupledMatrix(Module):
    r"""An orthogonal matrix of groups of lines: how each group mixes, and how much the groups mix with each other.

    .. math:: A_{ij} = \Phi_{ij}\, U_i U_j

    with U_i orthogonal, one per group (its own mixing matrix is U_i^2), and the coupling Phi, orthogonal with a row per
    group. Groups are of equal size.

    Args:
        groups: number of groups.
        lines: of each.
        coupling: angle by which every two groups mix, in radians, at the start.
        requires_grad: whether all are learned.
        generator: of the draw.
        dtype: of the parameters.

    References:
        O. Das, J. S. Abel, "Grouped feedback delay networks for modeling of coupled spaces", JAES 69(7/8), 2021.
    """

    def __init__(
        self,
        groups: int,
        lines: int,
        coupling: float = 0.2,
        *,
        requires_grad: bool = False,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        n = groups * lines
        super().__init__((n, n), requires_grad=requires_grad)
        self._declare("rooms", torch.randn(groups, lines, lines, generator=generator, dtype=dtype), Exponential())
        self._declare("coupling", torch.full((groups, groups), coupling, dtype=dtype), Exponential())

    def respond(self, grid: Grid) -> Response:
        """Return the matrix, the same at every point."""
        return Constant(self.constant())

    def constant(self) -> Tensor:
        """Return the matrix."""
        rooms, coupling = self.value("rooms"), self.value("coupling")
        A = torch.einsum("...ij,...iab,...jbc->...iajc", coupling, rooms, rooms)
        return A.flatten(-4, -3).flatten(-2)

    def extra_repr(self) -> str:
        """Return the groups."""
        groups, lines = self.get_parameter("rooms").shape[-3:-1]
        return f"{groups} groups of {lines}"


class AllpassFDN(Module):
    r"""A feedback delay network that passes all frequencies alike, whatever its delays (uniallpass).

    .. math:: H(z) = D + C\, (D_m(z)^{-1} - A)^{-1} B, \quad
        \begin{pmatrix} A & B \\ C & D \end{pmatrix} \text{ orthogonal}

    For several channels H is paraunitary. A series of Schroeder all-passes, ``Series(AllPass(...), ...)``, is another
    network of this kind, with one gain per line.

    Args:
        delays: samples of each line, (n,), at least 1.
        channels: inputs, and as many outputs.
        raw: (..., n + channels, n + channels), whose part above the diagonal gives the orthogonal matrix, as in
            ``Matrix(kind="orthogonal")``; drawn where None.
        requires_grad: whether it is learned.
        generator: of the draw.
        dtype: of the parameter.

    References:
        S. J. Schlecht, "Allpass feedback delay networks", IEEE Trans. Signal Processing 69, 2021, theorem 2.
    """

    delays: Tensor

    def __init__(
        self,
        delays: Tensor,
        channels: int = 1,
        *,
        raw: Tensor | None = None,
        requires_grad: bool = False,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__((channels, channels), requires_grad=requires_grad)
        size = len(delays) + channels
        if bool((delays < 1).any()):
            raise ValueError(f"AllpassFDN: delays must be at least 1 sample, got {delays.tolist()}")
        if raw is None:
            raw = torch.randn(size, size, generator=generator, dtype=dtype)
        if raw.shape[-2:] != (size, size):
            raise ValueError(f"AllpassFDN: raw must be (..., {size}, {size}), got {tuple(raw.shape)}")
        self.register_buffer("delays", delays.round().long())
        self._declare("matrix", raw, Exponential())

    def respond(self, grid: Grid) -> Response:
        """Return the loop between its gains, beside the direct path."""
        n, whole = len(self.delays), self.value("matrix")
        A, B, C, D = whole[..., :n, :n], whole[..., :n, n:], whole[..., n:, :n], whole[..., n:, n:]
        loop = Loop(Diagonal(grid.delay(self.delays)), Constant(A))
        return Sum([Constant(D), cascade([Constant(B), loop, Constant(C)])])

    def extra_repr(self) -> str:
        """Return the lines."""
        return f"{len(self.delays)} lines"
