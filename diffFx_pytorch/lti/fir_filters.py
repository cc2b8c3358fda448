"""Filters given by their impulse responses, and paraunitary scattering matrices."""

from __future__ import annotations

import torch
from torch import Tensor, nn

from .gains import given_or_random
from .grid import Grid
from .maps import Bounded, Map
from .matrices import Exponential
from .module import Module, channels_of
from .ops.layout import REAL_OF
from .response import Constant, Diagonal, Response, cascade


class FIR(Module):
    """Impulse responses from each input to each output, or one per channel.

    Args:
        taps: (..., outputs, inputs, L), or (..., channels, L) when diagonal; normally distributed where None.
        size: of the taps where none are given.
        diagonal: one response per channel instead of a matrix.
        map: from the raw parameter to the taps.
        requires_grad: whether they are learned.
        generator: of random taps.
        dtype: of random taps.
    """

    def __init__(
        self,
        taps: Tensor | None = None,
        *,
        size: tuple[int, ...] | None = None,
        diagonal: bool = False,
        map: Map | None = None,
        requires_grad: bool = False,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        taps = given_or_random("FIR", taps, size, generator, dtype)
        channels = channels_of("FIR", "taps", taps, diagonal, "L")
        super().__init__(channels, diagonal=diagonal, map=map, requires_grad=requires_grad)
        self._declare("taps", taps)

    def respond(self, grid: Grid) -> Response:
        """Return the transform of the taps."""
        return self._response(grid.fir(self.value("taps")))

    def extra_repr(self) -> str:
        """Return the length."""
        return f"{self.get_parameter('taps').shape[-1]} taps"


class VelvetNoiseMatrix(FIR):
    """Sparse responses of +-1 at random times, ``density`` per second, from each input to each output.

    Args:
        size: (outputs, inputs).
        length: of each response in samples.
        density: impulses per second.
        sample_rate: Hz.
        generator: of times and signs.
        requires_grad: whether all taps are learned.

    References:
        V. Valimaki, H.-M. Lehtonen, M. Takanen, "A perceptual study on velvet noise and its variants at different pulse
        densities", IEEE TASLP 21(7), 2013, equations 1 to 3.
    """

    def __init__(
        self,
        size: tuple[int, int],
        length: int,
        *,
        density: float = 1500.0,
        sample_rate: float = 48000.0,
        generator: torch.Generator | None = None,
        requires_grad: bool = False,
    ) -> None:
        start, spacing = _periods("VelvetNoiseMatrix", length, density, sample_rate)
        jitter = torch.rand(*size, len(start), generator=generator, dtype=torch.float64) * (spacing - 1)
        signs = _signs((*size, len(start)), generator)
        taps = torch.zeros(*size, length).scatter_(-1, (start + jitter).round().long().clamp(max=length - 1), signs)
        super().__init__(taps, requires_grad=requires_grad)


class VelvetNoiseFilter(Module):
    r"""Velvet noise that learns: one pulse in each period of 1 / density, its gain and its place in the period learned.

    .. math:: h_n = \sum_m g_m \, \delta(n - k_m), \quad k_m = \mathrm{round}(m T + p_m (T - 1)), \quad
        T = f_s / \rho, \quad 0 < p_m < 1

    A pulse stands on a whole sample, so convolution with it costs one addition per pulse; the gradient of its place is
    the central difference of a pulse a sample later and one a sample earlier.

    Args:
        size: (outputs, inputs), or (channels,) when diagonal.
        length: of each response in samples.
        density: pulses per second.
        sample_rate: Hz.
        diagonal: one response per channel instead of a matrix.
        requires_grad: whether gains and places are learned; gains start as +-1.
        generator: of places and signs.

    Raises:
        ValueError: for a density above the sample rate, or a length that holds no pulse.

    References:
        V. Valimaki et al., as for ``VelvetNoiseMatrix``.
        K. J. Werner, "Generalizations of velvet noise and their use in 1-bit music", DAFx 2019 (other gains than +-1).
    """

    start: Tensor

    def __init__(
        self,
        size: tuple[int, ...],
        length: int,
        *,
        density: float = 1500.0,
        sample_rate: float = 48000.0,
        diagonal: bool = False,
        requires_grad: bool = False,
        generator: torch.Generator | None = None,
    ) -> None:
        start, self._spacing = _periods("VelvetNoiseFilter", length, density, sample_rate)
        shape = (*size, len(start))
        gain = _signs(shape, generator)
        channels = channels_of("VelvetNoiseFilter", "size", gain, diagonal, "pulses")
        super().__init__(channels, diagonal=diagonal, requires_grad=requires_grad)
        self.length, self.sample_rate = length, sample_rate
        self.register_buffer("start", start, persistent=False)
        self._declare("gain", gain)
        self._declare("place", torch.rand(shape, generator=generator, dtype=gain.dtype), Bounded(0.0, 1.0))

    def taps(self) -> Tensor:
        """Return the responses, (..., outputs, inputs, length) or (..., channels, length)."""
        gain, place = torch.broadcast_tensors(self.value("gain"), self.value("place"))
        exact = self.start.to(place.device) + place.double() * max(self._spacing - 1, 0.0)
        at = exact.detach().round().long().clamp(0, self.length - 1)
        # Nothing, but a step of the place by d moves d / 2 of the pulse from the sample before to the sample after it.
        moved = (gain * (exact - exact.detach()).to(gain.dtype)) / 2
        taps = gain.new_zeros(*gain.shape[:-1], self.length + 2)  # one sample before the start and one after the end
        for shift, pulses in ((0, -moved), (1, gain), (2, moved)):
            taps = taps.scatter_add(-1, at + shift, pulses)
        return taps[..., 1:-1]

    def respond(self, grid: Grid) -> Response:
        """Return the transform of the pulses."""
        return self._response(grid.fir(self.taps()))

    def extra_repr(self) -> str:
        """Return the number of pulses."""
        return f"{len(self.start)} pulses in {self.length}"


def _periods(owner: str, length: int, density: float, sample_rate: float) -> tuple[Tensor, float]:
    """The start of each period of velvet noise that lies in the length, and its duration, in samples."""
    if not 0 < density <= sample_rate:
        raise ValueError(f"{owner}: density must lie above 0 and up to the sample rate, got {density}")
    spacing = sample_rate / density
    pulses = int(length / spacing)
    if pulses < 1:
        raise ValueError(f"{owner}: {length} samples hold no impulse at {density} per second")
    return torch.arange(pulses, dtype=torch.float64) * spacing, spacing


def _signs(shape: tuple[int, ...], generator: torch.Generator | None) -> Tensor:
    return torch.randint(0, 2, shape, generator=generator).to(torch.get_default_dtype()) * 2 - 1


class ScatteringMatrix(Module):
    r"""A paraunitary matrix of FIRs: orthogonal matrices with delays between them.

    .. math:: A(z) = D_{m_K}(z) U_K \dots D_{m_1}(z) U_1 D_{m_0}(z)

    It preserves energy at every frequency, so a loop of it and delays is lossless; it turns an impulse into a burst, so
    echoes grow dense sooner.

    Args:
        n: channels.
        stages: K, the number of orthogonal matrices.
        sparsity: spacing of the impulses that the first two matrices make: 1 is dense, more leaves gaps.
        delays: whole delays (K + 1, n) instead of random ones.
        gain_per_sample: factor per sample of delay; below 1 for a homogeneous decay.
        raw: raw parameters (..., K, n, n) of the orthogonal matrices.
        requires_grad: whether the matrices are learned.
        generator: of random delays and matrices.
        dtype: of the parameters.

    References:
        S. J. Schlecht, E. A. P. Habets, "Scattering in feedback delay networks", IEEE/ACM TASLP 28, 2020, equation 19.
    """

    delays: Tensor
    matrices: nn.Parameter

    def __init__(
        self,
        n: int,
        stages: int = 3,
        *,
        sparsity: float = 3.0,
        delays: Tensor | None = None,
        gain_per_sample: float = 1.0,
        raw: Tensor | None = None,
        requires_grad: bool = False,
        generator: torch.Generator | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if stages < 1 or n < 1:
            raise ValueError(f"ScatteringMatrix: needs at least one channel and one stage, got {n} and {stages}")
        if raw is None:
            raw = torch.randn(stages, n, n, generator=generator, dtype=dtype)
        if raw.shape[-3:] != (stages, n, n):
            raise ValueError(f"ScatteringMatrix: raw must be (..., {stages}, {n}, {n}), got {tuple(raw.shape)}")
        if delays is None:
            delays = _scattered_delays(n, stages, sparsity, generator)
        if delays.shape != (stages + 1, n) or (delays < 0).any():
            raise ValueError(
                f"ScatteringMatrix: delays must be {(stages + 1, n)}, at least 0; got {tuple(delays.shape)}"
            )
        super().__init__((n, n), requires_grad=requires_grad)
        self.gain_per_sample = gain_per_sample
        self.register_buffer("delays", delays.round().long())
        self._declare("matrices", raw, Exponential())

    def respond(self, grid: Grid) -> Response:
        """Return matrices and delays in turn, as factors."""
        phase = grid.delay(self.delays)
        if self.gain_per_sample != 1.0:
            phase = phase * (self.gain_per_sample ** self.delays.to(REAL_OF[grid.dtype])).unsqueeze(-1)
        stages: list[Response] = [Diagonal(phase[0])]
        for k, U in enumerate(self.value("matrices").unbind(-3)):
            stages += [Constant(U), Diagonal(phase[k + 1])]
        return cascade(stages)


def _scattered_delays(n: int, stages: int, sparsity: float, generator: torch.Generator | None) -> Tensor:
    """Delays after each matrix but the last, such that pulses of different paths fall on different samples."""
    delays = torch.zeros(stages + 1, n, dtype=torch.long)
    reach = 1.0
    for k in range(1, stages):
        spacing = sparsity if k == 1 else 1.0
        times = (torch.arange(n) + torch.rand(n, generator=generator) * 0.99) * spacing * reach
        delays[k] = times[torch.randperm(n, generator=generator)].floor().long()
        reach *= n * spacing
    return delays
