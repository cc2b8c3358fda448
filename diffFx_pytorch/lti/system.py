"""Linear time-invariant systems: their responses in frequency, in time, and anywhere in the z-plane."""

from __future__ import annotations

import difflib
import math
from abc import abstractmethod
from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor, nn

from ..dsp.precision import at_least_float32, without_autocast
from .diagram import block_diagram
from .drawing import draw_diagram, draw_response
from .grid import Circle, Grid, Points
from .outline import Arrangement, Outline
from .response import Response

Parameters = Mapping[str, Tensor]


class System(nn.Module):
    """Base of all modules and of the systems made of them.

    A subclass sets its numbers of channels and defines ``respond``; everything else follows from the response.

    Every parameter may have batch dimensions: a batch of systems is one system whose tensors have them first. A network
    that predicts the parameters passes them as ``parameters``, by the names of ``state_dict``; they replace the
    system's own for that call, which stay as they are.

    Shape:
        x (..., inputs, T), y (..., outputs, T'); responses (..., outputs, inputs, M). Batch dimensions of signals and
        parameters broadcast.
    """

    inputs: int
    outputs: int
    sample_rate: Any = None
    """In Hz, of systems designed from frequencies and seconds; None for others."""
    arrangement: Arrangement = "block"
    """How ``parts`` are connected; "block" where the system is a module."""

    @abstractmethod
    def respond(self, grid: Grid) -> Response:
        """Return the response at the points of a grid."""

    @property
    def parts(self) -> dict[str, System]:
        """The systems this one is made of, by name, in order."""
        return {name: part for name, part in self.named_children() if isinstance(part, System)}

    def constant(self) -> Tensor | None:
        """Return the matrix (..., outputs, inputs) of a system without memory, None for others."""
        return None

    def whole_delays(self) -> Tensor | None:
        """Return the delays (..., channels) of a bank of fixed whole delays of at least 1 sample, None for others."""
        return None

    def outline(self, name: str = "") -> Outline:
        """Return the plan of the system, as diagrams and messages need it."""
        return Outline(
            self.arrangement,
            name,
            type(self).__name__,
            self.extra_repr(),
            self.inputs,
            self.outputs,
            any(p.requires_grad for p in self.parameters()),
            tuple(part.outline(label) for label, part in self.parts.items()),
        )

    def diagram(self) -> str:
        """Draw the system as a block diagram in text."""
        return block_diagram(self.outline())

    def plot(self, ax: Any = None) -> Any:
        """Draw the block diagram on matplotlib axes (new if None) and return them; see ``drawing.draw_diagram``."""
        return draw_diagram(self.outline(), ax)

    def plot_response(
        self,
        sample_rate: float | None = None,
        *,
        nfft: int = 1 << 16,
        alias_decay_db: float = 0.0,
        parameters: Parameters | None = None,
        axes: Any = None,
        **style: Any,
    ) -> Any:
        """Draw magnitude, impulse response and energy decay, and return the three matplotlib axes.

        Args:
            sample_rate: Hz; the system's own where it has one.
            nfft: points of the circle, and samples in time.
            alias_decay_db: see ``Circle``. The magnitude is then that on the circle; a lossless loop has no other.
            parameters: in place of the system's own, by name.
            axes: three matplotlib axes; None makes a figure.
            style: options of the lines; a ``label`` is put before what distinguishes the lines.

        Raises:
            ImportError: without matplotlib, with the command that installs it.
            ValueError: for a sample rate that is not the system's, or none where it has none.
        """
        rate = agreed_sample_rate(type(self).__name__, {"the system": self.sample_rate, "the plot": sample_rate})
        if rate is None:
            raise ValueError(f"{type(self).__name__} has no sample rate of its own; a plot over Hz needs one")
        with torch.no_grad():
            H = self.frequency_response(nfft, alias_decay_db=alias_decay_db, parameters=parameters)
            h = self.circle(nfft, alias_decay_db).signal(H)
        return draw_response(H, h, rate, axes, **style)

    def __str__(self) -> str:
        return self.diagram()

    @property
    def dtype(self) -> torch.dtype:
        """float32 or float64, as the parameters are; torch's default where there are none."""
        return self._like().dtype

    def frequency_response(
        self,
        nfft: int | None = None,
        *,
        freqs_hz: Tensor | None = None,
        sample_rate: float | None = None,
        alias_decay_db: float = 0.0,
        parameters: Parameters | None = None,
    ) -> Tensor:
        """Return the matrix of responses, (..., outputs, inputs, M).

        Args:
            nfft: points of a whole circle; the response is given at its upper half, M = nfft // 2 + 1.
            freqs_hz: frequencies (M,) instead of a circle, with ``sample_rate``.
            sample_rate: of ``freqs_hz``, Hz; the system's own where it has one.
            alias_decay_db: radius of the circle, see ``Circle``; only with nfft.
            parameters: in place of the system's own, by name.

        Raises:
            ValueError: unless exactly one of nfft and freqs_hz is given; for a sample rate that is not the system's.
        """
        if (nfft is None) == (freqs_hz is None):
            raise ValueError("frequency_response needs either nfft, or freqs_hz and sample_rate")
        agreed_sample_rate(type(self).__name__, {"the system": self.sample_rate, "freqs_hz": sample_rate})
        if nfft is not None:
            grid: Grid = self.circle(nfft, alias_decay_db)
        else:
            sample_rate = sample_rate or self.sample_rate
            if sample_rate is None or freqs_hz is None:
                raise ValueError("freqs_hz needs the sample_rate they belong to")
            angle = freqs_hz.to(torch.float64) * (2 * math.pi / sample_rate)
            grid = Points(torch.polar(torch.ones_like(angle), angle), self.dtype)
        return self._with(parameters, "_dense", grid)

    def probe(self, z: Tensor, *, parameters: Parameters | None = None) -> Tensor:
        """Return the response at complex points z of any shape: (..., outputs, inputs, *z.shape)."""
        H = self._with(parameters, "_dense", Points(z.reshape(-1), self.dtype))
        return H.unflatten(-1, z.shape)

    def impulse_response(
        self,
        samples: int,
        *,
        nfft: int | None = None,
        alias_decay_db: float = 0.0,
        exact: bool = False,
        parameters: Parameters | None = None,
    ) -> Tensor:
        """Return the matrix of impulse responses, (..., outputs, inputs, samples).

        Args:
            samples: length.
            nfft: points of the circle; the next fast length from ``samples`` on where None. What rings on after nfft
                samples folds back onto the start.
            alias_decay_db: attenuation of what folds back (see ``Circle``). Rounding errors grow by as much towards
                the end: 30 dB suit float32, 100 dB float64.
            exact: by the recursion in time, where nothing folds back; for one loop of whole delays and constant gains,
                with constant gains before, after and beside it: a feedback delay network without filters.
            parameters: in place of the system's own, by name.

        Raises:
            ValueError: for an exact response of a system that is no such loop.
        """
        if exact:
            return self._with(parameters, "_exact", samples)
        grid = self.circle(nfft or fast_length(samples), alias_decay_db)
        return grid.signal(self._with(parameters, "_dense", grid), samples)

    def forward(
        self,
        x: Tensor,
        parameters: Parameters | None = None,
        *,
        samples: int | None = None,
        nfft: int | None = None,
        alias_decay_db: float = 0.0,
    ) -> Tensor:
        """Filter a signal: linear convolution with the impulse response, by FFT.

        Args:
            x: (..., inputs, T).
            parameters: in place of the system's own, by name.
            samples: length of the output; T where None.
            nfft: points of the circle; a fast length of at least T + samples where None. What rings on longer folds
                back, attenuated by ``alias_decay_db``.
            alias_decay_db: see ``Circle``.

        Returns:
            (..., outputs, samples).

        Raises:
            ValueError: for a signal with other channels than ``inputs``, a complex one, or an nfft shorter than it.
        """
        samples = x.shape[-1] if samples is None else samples
        grid = self.circle(nfft or fast_length(x.shape[-1] + samples), alias_decay_db)
        return grid.signal(self.through(x, grid, parameters), samples)

    def through(self, x: Tensor, grid: Circle, parameters: Parameters | None = None) -> Tensor:
        """Return spectra (..., outputs, M) of the outputs on a circle, for signals (..., inputs, T).

        Raises:
            ValueError: as ``forward``.
        """
        if x.is_complex() or x.dim() < 2 or x.shape[-2] != self.inputs:
            raise ValueError(
                f"{type(self).__name__} takes real signals (..., {self.inputs}, T), got {x.dtype} {tuple(x.shape)}"
            )
        Y = self._with(parameters, "_apply_at", grid, grid.spectrum(x))
        return Y.expand(*Y.shape[:-1], grid.size)

    def split_parameters(self, flat: Tensor) -> dict[str, Tensor]:
        """Divide a flat tensor of learned raw parameters, as a network predicts it, by name and in shape.

        Args:
            flat: (..., P), P the number of elements of all parameters that require a gradient, in their order.

        Returns:
            ``parameters`` for a call: each (..., *its own shape).

        Raises:
            ValueError: for another P; the message says which.
        """
        own = {name: value for name, value in self.named_parameters() if value.requires_grad}
        sizes = [value.numel() for value in own.values()]
        if flat.shape[-1] != sum(sizes):
            raise ValueError(f"{type(self).__name__} learns {sum(sizes)} numbers, got {flat.shape[-1]} of them")
        parts = flat.split(sizes, -1)
        return {name: part.unflatten(-1, value.shape) for (name, value), part in zip(own.items(), parts, strict=True)}

    def circle(self, nfft: int, alias_decay_db: float = 0.0) -> Circle:
        """Return a circle in the type and on the device of the parameters."""
        like = self._like()
        return Circle(nfft, alias_decay_db, like.dtype, like.device)

    def _like(self) -> Tensor:
        for tensor in (*self.parameters(), *self.buffers()):
            if tensor.is_floating_point():
                return tensor
        return torch.empty(0, dtype=torch.get_default_dtype())

    def _dense(self, grid: Grid) -> Tensor:
        H = self.respond(grid).dense(torch.empty(0, dtype=grid.dtype, device=grid.device))
        return H.expand(*H.shape[:-1], grid.size)

    def _exact(self, samples: int) -> Tensor:
        constant = self.constant()
        if constant is not None:
            return torch.nn.functional.pad(constant.unsqueeze(-1), (0, samples - 1))
        raise ValueError(
            f"{type(self).__name__} is no loop of whole delays and constant gains, with gains before and after it; "
            "its response is sampled in frequency"
        )

    def _apply_at(self, grid: Grid, X: Tensor) -> Tensor:
        return self.respond(grid).apply(X)

    def _with(self, parameters: Parameters | None, method: str, *args: Any) -> Any:
        with without_autocast(self._like().device):
            return self._given(parameters, method, *args)

    def _given(self, parameters: Parameters | None, method: str, *args: Any) -> Any:
        if not parameters:
            return getattr(self, method)(*args)
        own = {**dict(self.named_parameters()), **dict(self.named_buffers())}
        for name in parameters:
            if name not in own:
                near = difflib.get_close_matches(name, own, 1, 0.0)
                raise ValueError(
                    f"{type(self).__name__} has no parameter {name!r}"
                    + (f"; did you mean {near[0]!r}? It has {', '.join(own)}" if near else "; it has none at all")
                )
        given = {f"system.{name}": at_least_float32(value) for name, value in parameters.items()}
        return torch.func.functional_call(_Call(self, method), given, args)


class _Call(nn.Module):
    """A method of a system as a forward, so that ``functional_call`` can lend it parameters."""

    def __init__(self, system: System, method: str) -> None:
        super().__init__()
        self.system, self.method = system, method

    def forward(self, *args: Any) -> Any:
        return getattr(self.system, self.method)(*args)


def agreed_sample_rate(owner: str, rates: Mapping[str, float | None]) -> float | None:
    """Return the one sample rate of all systems that have one.

    Raises:
        ValueError: where two differ; the message says which.
    """
    known = {name: rate for name, rate in rates.items() if rate is not None}
    for name, rate in known.items():
        first = next(iter(known))
        if rate != known[first]:
            raise ValueError(f"{owner}: {first!r} is made for {known[first]:g} Hz and {name!r} for {rate:g} Hz")
    return next(iter(known.values()), None)


def fast_length(samples: int) -> int:
    """Return the next even length from ``samples`` on without prime factors above 5."""
    best = 1 << max(samples - 1, 1).bit_length()
    for five in range(best.bit_length()):
        for three in range(best.bit_length()):
            odd = 5**five * 3**three
            if odd > best:
                break
            even = max(1, (-(-samples // odd) - 1).bit_length())
            best = min(best, odd << even)
    return best
