"""A box with knobs: a table of parameters and one equation; everything else an effect needs is done here, once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import Any, ClassVar

import torch
from torch import Tensor, nn

from .control import Knobs, KnobValue, as_dict, as_flat, check_kind, check_range, map_positions, spread, unknown_name
from .curve import Curve, draw
from .params import EffectParam

State = Any
"""What a block leaves for the next: nested tuples and dicts of tensors, or None for silence before time zero."""

TRAITS = frozenset({"linear", "time_invariant", "causal", "odd", "memoryless"})
"""What an effect may claim of itself at every setting; tests measure each claim.

linear: sums and scalings pass through. time_invariant: a delayed input gives the delayed output. causal: no output
before its input (latency aside). odd: fx(-x) = -fx(x). memoryless: y[t] depends on x[t] alone.
"""


class Processor(nn.Module):
    """Base of every effect: maps, checks and broadcasts knobs, keeps state, and calls the one equation ``process``.

    A subclass gives

    - ``params``: a dict of name to ``EffectParam`` (or, where it depends on construction, passes ``params=`` to
      ``super().__init__``),
    - ``process(self, x, state, *, <the same names>) -> (y, state)``: x (B, C, T); every knob (B, 1, 1) when constant,
      (B, 1, T) when moving, of x's dtype; ``state`` None is silence before time zero. With ``takes_sidechain``,
      a keyword ``sidechain`` comes before the knobs: (B, 1 or C, T) or None,
    - claims that tests measure: ``neutral`` (knob settings that return the input), ``traits``,

    and where they are not the default ``latency_samples``, ``tail`` and ``curve``. Subclasses are final.

    Args:
        sample_rate: in Hz, 8000 .. 192000 are tested.
        param_range: rows of the table to replace, ``{"ratio": EffectParam(1.0, 8.0)}``.
        params: the table, where it depends on construction.

    Raises:
        ValueError: for a sample rate that is not positive, or a name in ``param_range`` that is no parameter.
        TypeError: for a row of ``param_range`` that is no ``EffectParam``.
    """

    params: Mapping[str, EffectParam] = {}
    neutral: Mapping[str, float] = {}
    traits: frozenset[str] | set[str] = frozenset()
    latency_samples: int = 0
    streamable: bool = True
    takes_sidechain: bool = False
    channels: tuple[int, ...] | None = None
    """The numbers of channels an input may have; None takes any."""
    channels_out: int | None = None
    """The number of channels of the output; None gives as many as the input has."""
    crosses_channels: bool = False
    """Whether a channel of the output may depend on other channels of the input."""
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    """Constructions that the contract tests run over, as keyword dicts."""
    exempt: Mapping[str, str] = {}
    """Contract checks that this effect cannot pass: name of the check to the reason."""
    construction: Mapping[str, Any]
    """The options this effect was built with (keywords beside the sample rate and ranges): what a chain file keeps."""

    def __new__(cls, *args: Any, **kwargs: Any) -> Any:
        """Remember the options, so that no effect has to."""
        fx = super().__new__(cls)
        options = {k: v for k, v in kwargs.items() if k not in ("sample_rate", "param_range")}
        fx.__dict__["construction"] = {k: v for k, v in options.items() if not isinstance(v, nn.Module)}
        return fx

    def __init_subclass__(cls, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("torch."):
            return  # torch.export stands a class of its own in for one whose modules have several names
        finals = [b for b in cls.__mro__[1:-1] if b is not Processor and "process" in b.__dict__]
        if finals:
            raise TypeError(
                f"{cls.__name__} subclasses {finals[0].__name__}, which is final; wrap it or share a function"
            )
        if unknown := set(cls.traits) - TRAITS:
            raise TypeError(
                f"{cls.__name__} claims unknown traits {sorted(unknown)}; known: {', '.join(sorted(TRAITS))}"
            )
        if "params" in cls.__dict__:
            _check_equation(cls, cls.params)
            cls.__doc__ = _with_knobs(cls.__doc__, cls.params)

    def __init__(
        self,
        sample_rate: float = 44100,
        param_range: Mapping[str, EffectParam] | None = None,
        *,
        params: Mapping[str, EffectParam] | None = None,
    ) -> None:
        super().__init__()
        name = type(self).__name__
        if not sample_rate > 0:
            raise ValueError(f"{name}: sample_rate must be positive, got {sample_rate!r}")
        self.sample_rate = sample_rate
        table = dict(type(self).params if params is None else params)
        if params is not None:
            _check_equation(type(self), table)
        for key, row in (param_range or {}).items():
            if key not in table:
                raise ValueError(f"{name}: {unknown_name(key, table, 'parameter in param_range')}")
            if not isinstance(row, EffectParam):
                raise TypeError(f"{name}: param_range[{key!r}] must be an EffectParam, got {type(row).__name__}")
            table[key] = row
        self.params = {}
        for key, row in table.items():
            try:
                self.params[key] = row.at_rate(sample_rate)
            except ValueError as error:
                raise ValueError(f"{name}: {key}: {error}") from None

    # What an effect gives ------------------------------------------------------------------------------------------

    def process(self, x: Tensor, state: State, **knobs: Any) -> tuple[Tensor, State]:
        """The equation: one block of sound and the state before it to the processed block and the state after it."""
        raise NotImplementedError(f"{type(self).__name__} defines no process()")

    def tail(self, **knobs: Tensor) -> float | Tensor:
        """Seconds until the output has died to -60 dB after the input ends; knobs as for ``process``."""
        return 0.0

    def curve(self, **knobs: Tensor) -> Curve:
        """What this effect does, as a curve in the units of its knobs, for the first item of the batch."""
        raise NotImplementedError(f"{type(self).__name__} has no curve to plot")

    # Running -------------------------------------------------------------------------------------------------------

    def forward(
        self,
        x: Tensor,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        sidechain: Tensor | None = None,
    ) -> Tensor:
        """Process a whole signal that begins after silence.

        Args:
            x: (B, C, T), floating point.
            norm_params: knob positions in [0, 1]: a flat tensor (B, P) in the order of ``param_names``, (B, P, F) for
                knobs that move through F points spread evenly over the signal, or a dict of name to value.
            dsp_params: knob values in their units, in the same forms; a value is a number or a 0-d, (B,) or (B, F)
                tensor. Names left out take their defaults. Giving both is an error.
            sidechain: (B, 1 or C, T), the key of an effect that takes one.

        Returns:
            (B, C, T), of the dtype of x.

        Raises:
            ValueError: for wrong shapes, unknown names, values out of range, NaN in a parameter.
            TypeError: for wrong types.
        """
        return self.run(x, None, norm_params, dsp_params, sidechain)[0]

    def run(
        self,
        x: Tensor,
        state: State = None,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        sidechain: Tensor | None = None,
        start: int = 0,
        total: int | None = None,
    ) -> tuple[Tensor, State]:
        """Process one block after ``state``; a signal run in blocks equals the signal run whole.

        Args:
            x: (B, C, T), as for ``forward``; so are the parameters and the sidechain.
            state: what the block before returned; None at the beginning.
            norm_params: as for ``forward``.
            dsp_params: as for ``forward``.
            sidechain: as for ``forward``.
            start: index of the block's first sample in the whole signal; moving knobs need it.
            total: length of the whole signal over which moving knobs are spread; None is ``start + T``.

        Returns:
            ``(y, state)``.
        """
        if torch.compiler.is_compiling():
            return self._run(x, state, norm_params, dsp_params, sidechain, start, total)
        try:
            return self._run(x, state, norm_params, dsp_params, sidechain, start, total)
        except (ValueError, TypeError) as error:
            raise _in_context(error, self) from error

    def _run(
        self,
        x: Tensor,
        state: State,
        norm_params: Knobs | None,
        dsp_params: Knobs | None,
        sidechain: Tensor | None,
        start: int,
        total: int | None,
    ) -> tuple[Tensor, State]:
        self._check_audio(x, "x")
        knobs: dict[str, Any] = self.knobs(x, norm_params, dsp_params, start, total)
        if sidechain is not None:
            self._check_sidechain(x, sidechain)
        if self.takes_sidechain:
            knobs["sidechain"] = sidechain
        return self.process(x, state, **knobs)

    def stream(
        self, norm_params: Knobs | None = None, dsp_params: Knobs | None = None, total: int | None = None
    ) -> Stream:
        """A function of blocks that remembers: ``play = fx.stream(dsp_params=...); y = play(block)``.

        Args:
            norm_params: as for ``forward``.
            dsp_params: as for ``forward``.
            total: length of the whole signal in samples, needed only where knobs move.

        Raises:
            ValueError: if the effect needs the whole signal at once.
        """
        if not self.streamable:
            raise ValueError(f"{type(self).__name__} needs the whole signal at once and cannot stream; call it instead")
        return Stream(self, norm_params, dsp_params, total)

    # Knobs ---------------------------------------------------------------------------------------------------------

    @property
    def param_names(self) -> list[str]:
        """Names of the knobs, in the order of the flat tensor."""
        return list(self.params)

    def count_num_parameters(self) -> int:
        """Number of knobs, P."""
        return len(self.params)

    def default_params(self) -> dict[str, float]:
        """Every knob at its default, in its unit."""
        return {name: param.default for name, param in self.params.items()}

    def random_params(self, batch: int, generator: torch.Generator | None = None) -> Tensor:
        """Uniformly random knob positions, flat (batch, P)."""
        return torch.rand(batch, len(self.params), generator=generator)

    def map_parameters(self, norm_params: Knobs) -> dict[str, Tensor] | Tensor:
        """Knob positions in [0, 1] to values in their units; a dict gives a dict, a flat tensor a flat tensor."""
        return self._convert(norm_params, to_norm=False)

    def demap_parameters(self, dsp_params: Knobs) -> dict[str, Tensor] | Tensor:
        """Values in their units to knob positions: the inverse of ``map_parameters``."""
        return self._convert(dsp_params, to_norm=True)

    def to_dict(self, flat: Tensor) -> dict[str, Tensor]:
        """A flat tensor (B, P) or (B, P, F) as a dict of (B,) or (B, F) by name."""
        return as_dict(flat, self.params)  # type: ignore[return-value]  # a flat tensor gives tensors

    def to_flat(self, dsp_params: Mapping[str, KnobValue]) -> Tensor:
        """A dict of values in their units as one flat tensor; names left out take their defaults."""
        return as_flat(as_dict(dsp_params, self.params), self.params, self.default_params())

    def describe(self, dsp_params: Knobs | None = None) -> str:
        """One readable line a knob: name, value, unit, range, what it does. A batch shows all its values."""
        given = as_dict({} if dsp_params is None else dsp_params, self.params)
        width = max(map(len, self.params), default=0)
        lines = []
        for name, param in self.params.items():
            value = given.get(name, param.default)
            shown = torch.as_tensor(value).detach().flatten().tolist()
            text = ", ".join(f"{v:.4g}" for v in shown[:8]) + (" ..." if len(shown) > 8 else "")
            lines.append(
                f"{name:<{width}}  {text} {param.unit}".rstrip() + f"  ({param.range_text()})  {param.doc}".rstrip()
            )
        return "\n".join(lines)

    def knobs(
        self,
        x: Tensor,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        start: int = 0,
        total: int | None = None,
    ) -> dict[str, Tensor]:
        """Every knob as ``process`` takes it: in its unit, (B, 1, 1) or (B, 1, T), of the dtype and device of x."""
        if norm_params is not None and dsp_params is not None:
            raise ValueError("give norm_params or dsp_params, not both")
        is_norm = norm_params is not None
        given = as_dict(norm_params if is_norm else {} if dsp_params is None else dsp_params, self.params)
        batch, samples = x.shape[0], x.shape[-1]
        if isinstance(norm_params, Tensor) and self.params:
            constant = norm_params.squeeze(-1) if norm_params.dim() == 3 and norm_params.shape[-1] == 1 else norm_params
            mapped = map_positions(constant, self.params, batch) if constant.dim() == 2 else None
            if mapped is not None:
                columns = mapped.to(x)[..., None, None].expand(batch, -1, 1, 1).unbind(1)
                return dict(zip(self.params, columns, strict=True))
        values = {}
        for name, param in self.params.items():
            if name not in given:
                values[name] = x.new_full((1, 1, 1), param.default).expand(batch, 1, 1)
                continue
            value = self._physical(name, param, given[name], is_norm, batch)
            if not isinstance(value, Tensor):
                values[name] = x.new_full((1, 1, 1), value).expand(batch, 1, 1)
                continue
            value = value.to(x)
            if value.dim() == 2 and value.shape[1] > 1:
                if not param.automatable:
                    raise ValueError(f"{name} cannot move within a signal; give one value an item, shape (B,)")
                values[name] = spread(value, start, samples, start + samples if total is None else total).expand(
                    batch, 1, samples
                )
            else:
                values[name] = value.reshape(-1, 1, 1).expand(batch, 1, 1)
        return values

    def tail_seconds(self, norm_params: Knobs | None = None, dsp_params: Knobs | None = None) -> float:
        """Seconds of sound left after the input ends (to -60 dB), the longest over the batch."""
        with torch.no_grad():
            knobs = self._knobs_alone(norm_params, dsp_params)
            return float(torch.as_tensor(self.tail(**knobs), dtype=torch.float64).max())

    def plot(self, norm_params: Knobs | None = None, dsp_params: Knobs | None = None, ax: Any = None) -> Any:
        """Draw the effect's curve (needs matplotlib) and return the axes.

        Raises:
            NotImplementedError: if the effect has no curve.
            ImportError: without matplotlib, with the command that installs it.
        """
        with torch.no_grad():
            return draw(self.curve(**self._knobs_alone(norm_params, dsp_params)), ax)

    def extra_repr(self) -> str:
        """What ``repr`` shows of the construction."""
        return f"sample_rate={self.sample_rate:g}, knobs={len(self.params)}"

    # Checks --------------------------------------------------------------------------------------------------------

    def _knobs_alone(self, norm_params: Knobs | None, dsp_params: Knobs | None) -> dict[str, Tensor]:
        given = as_dict(norm_params if norm_params is not None else dsp_params or {}, self.params)
        shapes = [v.shape for v in given.values() if isinstance(v, Tensor) and v.dim()]
        batch = max((s[0] for s in shapes), default=1)
        points = max((s[1] for s in shapes if len(s) == 2), default=1)
        return self.knobs(torch.empty(batch, 1, points, dtype=torch.float64), norm_params, dsp_params)

    def _convert(self, knobs: Knobs, to_norm: bool) -> dict[str, Tensor] | Tensor:
        try:
            converted = {}
            for name, value in as_dict(knobs, self.params).items():
                param = self.params[name]
                physical = self._physical(name, param, value, not to_norm, None)
                if not isinstance(physical, Tensor):
                    physical = torch.tensor(physical, dtype=torch.float64)
                converted[name] = param.to_norm(physical) if to_norm else physical
        except (ValueError, TypeError) as error:
            raise _in_context(error, self) from error
        return torch.stack(list(converted.values()), 1) if isinstance(knobs, Tensor) and converted else converted

    def _physical(self, name: str, param: EffectParam, value: Any, is_norm: bool, batch: int | None) -> float | Tensor:
        value = check_kind(name, value, batch)
        if is_norm:
            check_range(f"norm_params[{name!r}]", value, 0.0, 1.0, "0 .. 1")
            return param.to_physical(value)  # type: ignore[arg-type]  # check_kind leaves float or Tensor
        check_range(name, value, param.min_val, param.max_val, param.range_text())
        return param.inside(value)  # type: ignore[arg-type]

    def _check_audio(self, x: Any, name: str) -> None:
        if not isinstance(x, Tensor):
            raise TypeError(f"{name} must be a tensor (B, C, T), got {type(x).__name__}; use torch.as_tensor")
        if not x.is_floating_point():
            raise TypeError(f"{name} must be floating-point audio, got {x.dtype}; scale to [-1, 1] and call .float()")
        if x.dim() != 3:
            cure = {1: "x[None, None]", 2: "x.unsqueeze(0) for (C, T) or x.unsqueeze(1) for (B, T)"}.get(x.dim(), "")
            raise ValueError(
                f"{name} must be (B, C, T), got shape {tuple(x.shape)}" + (f"; use {cure}" if cure else "")
            )
        if self.channels is not None and x.shape[1] not in self.channels:
            cure = "; make mono stereo with x.expand(-1, 2, -1)" if x.shape[1] == 1 and 2 in self.channels else ""
            raise ValueError(
                f"{name} must have {' or '.join(map(str, self.channels))} channels, got {x.shape[1]}{cure}"
            )

    def _check_sidechain(self, x: Tensor, sidechain: Any) -> None:
        if not self.takes_sidechain:
            raise ValueError("takes no sidechain")
        if not isinstance(sidechain, Tensor):
            raise TypeError(f"sidechain must be a tensor (B, C, T), got {type(sidechain).__name__}")
        batch, channels, samples = x.shape
        legal = {(batch, 1, samples), (batch, channels, samples)}
        if tuple(sidechain.shape) not in legal:
            raise ValueError(
                f"sidechain must have the batch and length of x: {' or '.join(map(str, sorted(legal)))}, "
                f"got {tuple(sidechain.shape)}"
            )
        if sidechain.dtype != x.dtype:
            raise TypeError(f"sidechain must have the dtype of x, {x.dtype}, got {sidechain.dtype}")


class Stream:
    """An effect that remembers between blocks; made by ``Processor.stream``."""

    def __init__(self, fx: Processor, norm_params: Knobs | None, dsp_params: Knobs | None, total: int | None) -> None:
        self.fx = fx
        self._norm_params, self._dsp_params, self._total = norm_params, dsp_params, total
        self.reset()

    def __call__(self, x: Tensor, sidechain: Tensor | None = None) -> Tensor:
        """The next block (B, C, T), of any length."""
        y, self.state = self.fx.run(
            x, self.state, self._norm_params, self._dsp_params, sidechain, self.position, self._length(x)
        )
        self.position += x.shape[-1]
        return y

    def reset(self) -> None:
        """Forget everything: silence before time zero."""
        self.state: State = None
        self.position = 0

    def _length(self, x: Tensor) -> int | None:
        if self._total is not None:
            return self._total
        given = self._norm_params if self._norm_params is not None else self._dsp_params
        values = as_dict({} if given is None else given, self.fx.params).values()
        if any(isinstance(v, Tensor) and v.dim() == 2 and v.shape[1] > 1 for v in values):
            raise ValueError(
                f"{type(self.fx).__name__}: moving knobs are spread over the whole signal, whose length a stream does "
                "not know; give stream(..., total=samples)"
            )
        return None


def _check_equation(cls: type[Processor], table: Mapping[str, EffectParam]) -> None:
    if "process" not in cls.__dict__:
        raise TypeError(f"{cls.__name__} has a table of parameters but no process()")
    keywords = inspect.signature(cls.process).parameters.values()
    if any(k.kind is k.VAR_KEYWORD for k in keywords):
        return
    named = [k.name for k in keywords if k.kind is k.KEYWORD_ONLY and k.name != "sidechain"]
    if named != list(table):
        raise TypeError(
            f"{cls.__name__}: the table of parameters and the keywords of process() must be one list; "
            f"table: {', '.join(table)}; process: {', '.join(named)}"
        )


def _with_knobs(doc: str | None, table: Mapping[str, EffectParam]) -> str:
    rows = [
        f"    {name}: {param.doc} {param.range_text()}, default {param.default:g}"
        + (f" {param.unit}." if param.unit else ".")
        for name, param in table.items()
    ]
    return "\n".join([inspect.cleandoc(doc or ""), "", "Knobs:", *rows])


def _in_context(error: Exception, fx: Processor) -> Exception:
    name = type(fx).__name__
    text = str(error)
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return error if text.startswith(f"{name}: ") else kind(f"{name}: {text}")


def is_effect(value: Any) -> bool:
    """Whether ``value`` is the class of a finished effect: it has an equation, is not abstract, and can be built."""
    return (
        isinstance(value, type)
        and issubclass(value, Processor)
        and "process" in value.__dict__
        and bool(value.variants)
        and not inspect.isabstract(value)
    )
