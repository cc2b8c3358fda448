"""A box with knobs: a table of parameters and one equation; everything else an effect needs is done here, once."""

from __future__ import annotations

import inspect
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from .control import (
    Knobs,
    KnobValue,
    as_dict,
    as_flat,
    check_audio,
    check_rate,
    check_sidechain,
    physical,
    resolve,
    unknown_name,
)
from .curve import Curve, draw
from .options import ConstructorSignature, Option, documented, read_options
from .params import EffectParam
from .stream import Stream

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

    - ``params``: a dict of name to ``EffectParam``, or a method ``table`` where it depends on options or sample rate,
    - ``options``: a dict of name to ``Option``, what it may be built with. They are keywords of the constructor,
      checked, documented, and attributes of the effect,
    - ``process(self, x, state, *, <the same names as params>) -> (y, state)``: x (B, C, T); every knob (B, 1, 1) when
      constant, (B, 1, T) when automated, of x's dtype; ``state`` None is silence before time zero. With
      ``takes_sidechain``, a keyword ``sidechain`` comes before the knobs: (B, 1 or C, T) or None,
    - claims that tests measure: ``neutral`` (knob settings that return the input), ``traits``,

    and where they are not the default ``prepare``, ``latency_samples``, ``tail`` and ``curve``. A class is final, or a
    base that is never built, ``class Shaper(Processor, abstract=True)``.

    Args:
        sample_rate: in Hz, 8000 .. 192000 are tested.
        param_range: rows of the table of knobs to replace, ``{"ratio": EffectParam(1.0, 8.0)}``.
        options: those of the table ``options``.

    Raises:
        ValueError: for a sample rate that is not positive, a name in ``param_range`` that is no parameter, or an option
            that is not legal.
        TypeError: for a row of ``param_range`` that is no ``EffectParam``, or an unknown option.
    """

    params: Mapping[str, EffectParam] = {}
    options: ClassVar[Mapping[str, Option]] = {}
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
    """The options this effect was given: what a chain file keeps."""
    abstract: ClassVar[bool] = True
    """Whether a class only shares what its subclasses have in common."""
    about: ClassVar[str]
    """The docstring as it was written, without what the tables add."""
    __signature__ = ConstructorSignature()

    def __init_subclass__(cls, abstract: bool = False, **kwargs: Any) -> None:
        super().__init_subclass__(**kwargs)
        if cls.__module__.startswith("torch."):
            return  # torch.export stands a class of its own in for one whose modules have several names
        if finals := [b for b in cls.__mro__[1:-1] if not getattr(b, "abstract", True)]:
            raise TypeError(
                f"{cls.__name__} subclasses {finals[0].__name__}, which is final; wrap it or share a function"
            )
        if unknown := set(cls.traits) - TRAITS:
            raise TypeError(
                f"{cls.__name__} claims unknown traits {sorted(unknown)}; known: {', '.join(sorted(TRAITS))}"
            )
        cls.abstract = abstract
        cls.about = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
        if abstract:
            return
        if cls.params:
            _check_equation(cls, cls.params)
        cls.__doc__ = documented(cls.about, cls.options, cls.params, built_here=cls.__init__ is Processor.__init__)

    def __init__(
        self, sample_rate: float = 44100, param_range: Mapping[str, EffectParam] | None = None, **options: Any
    ) -> None:
        super().__init__()
        try:
            self.sample_rate = check_rate(sample_rate)
            self.construction = read_options(self.options, options, sample_rate)
            for name, option in self.options.items():
                setattr(self, name, self.construction.get(name, option.default))
            self.params = self._params(param_range or {})
            self.prepare()
        except (ValueError, TypeError) as error:
            raise _in_context(error, self) from error

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Options and buffers, which a checker cannot see in a table."""

        def __call__(
            self,
            x: Tensor,
            norm_params: Knobs | None = None,
            dsp_params: Knobs | None = None,
            sidechain: Tensor | None = None,
        ) -> Tensor:
            """``forward``."""
            ...

    # What an effect gives ------------------------------------------------------------------------------------------

    def process(self, x: Tensor, state: State, **knobs: Any) -> tuple[Tensor, State]:
        """The equation: one block of sound and the state before it to the processed block and the state after it."""
        raise NotImplementedError(f"{type(self).__name__} defines no process()")

    def table(self) -> Mapping[str, EffectParam]:
        """The knobs, where they depend on the options or the sample rate, which are attributes already."""
        return type(self).params

    def prepare(self) -> None:
        """Make what depends on options, ``params`` and sample rate: filters, buffers, latency. Called when built."""

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
                knobs automated by F points that stand evenly over the signal, or a dict of name to value.
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
            start: index of the block's first sample in the whole signal; automated knobs need it.
            total: length of the whole signal, over which the points of automated knobs stand; None is ``start + T``.

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
        check_audio(x, "x", self.channels)
        knobs: dict[str, Any] = self.knobs(x, norm_params, dsp_params, start, total)
        if sidechain is not None:
            check_sidechain(x, sidechain, self.takes_sidechain)
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
            total: length of the whole signal in samples, needed only where knobs are automated.

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
        return resolve(self.params, x, norm_params, dsp_params, start, total)

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

    # Inside --------------------------------------------------------------------------------------------------------

    def _params(self, ranges: Mapping[str, EffectParam]) -> dict[str, EffectParam]:
        """The table of this effect, some ranges replaced, with ranges that the sample rate allows."""
        table = dict(self.table())
        if type(self).table is not Processor.table:
            _check_equation(type(self), table)
        for name, row in ranges.items():
            if name not in table:
                raise ValueError(unknown_name(name, table, "parameter in param_range"))
            if not isinstance(row, EffectParam):
                raise TypeError(f"param_range[{name!r}] must be an EffectParam, got {type(row).__name__}")
            table[name] = row
        for name, row in table.items():
            try:
                table[name] = row.at_rate(self.sample_rate)
            except ValueError as error:
                raise ValueError(f"{name}: {error}") from None
        return table

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
                mapped = physical(name, param, value, not to_norm, None)
                mapped = mapped if isinstance(mapped, Tensor) else torch.tensor(mapped, dtype=torch.float64)
                converted[name] = param.to_norm(mapped) if to_norm else mapped
        except (ValueError, TypeError) as error:
            raise _in_context(error, self) from error
        return torch.stack(list(converted.values()), 1) if isinstance(knobs, Tensor) and converted else converted


def _check_equation(cls: type[Processor], table: Mapping[str, EffectParam]) -> None:
    if cls.process is Processor.process:
        raise TypeError(f"{cls.__name__} has a table of parameters but no process()")
    keywords = inspect.signature(cls.process).parameters.values()
    if any(k.kind is k.VAR_KEYWORD for k in keywords):
        return
    named = {k.name: k for k in keywords if k.kind is k.KEYWORD_ONLY and k.name != "sidechain"}
    if [name for name, k in named.items() if name in table or k.default is k.empty] != list(table):
        raise TypeError(
            f"{cls.__name__}: the table of parameters and the keywords of process() must be one list; "
            f"table: {', '.join(table)}; process: {', '.join(named)}"
        )


def _in_context(error: Exception, fx: Processor) -> Exception:
    name = type(fx).__name__
    text = str(error)
    kind = TypeError if isinstance(error, TypeError) else ValueError
    return error if text.startswith(f"{name}: ") else kind(f"{name}: {text}")


def is_effect(value: Any) -> bool:
    """Whether ``value`` is the class of a finished effect: not abstract, and built without other effects."""
    return isinstance(value, type) and issubclass(value, Processor) and not value.abstract and bool(value.variants)
