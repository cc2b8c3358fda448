"""A box with knobs: a table of parameters and one equation; everything else an effect needs is done here, once."""

from __future__ import annotations

import inspect
import itertools
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor

from .automation import values_of
from .control import Knobs, KnobValue, as_dict, check_rate, unknown_name
from .curve import Curve
from .kernels.precision import has_float64
from .knobs import by_keyword_only, check_equation, in_context, keywords_of, read_table
from .lines import Read, at_samples, read_knobs
from .options import CONTROL_PERIOD, ConstructorSignature, Option, documented, read_options
from .params import EffectParam
from .plan import Plan
from .settings import Adjustable
from .sound import Sound
from .stream import OnNan, Stream, kind_of, run_block, undisturbed
from .views.drawn import Drawn

State = Any
"""What a block leaves for the next: nested tuples and dicts of tensors, or None for silence before time zero."""

TRAITS = frozenset({"linear", "time_invariant", "causal", "odd", "memoryless"})
"""What an effect may claim of itself at every setting; tests measure each claim.

linear: sums and scalings pass through. time_invariant: a delayed input gives the delayed output. causal: no output
before its input (latency aside). odd: fx(-x) = -fx(x). memoryless: y[t] depends on x[t] alone.
"""


class Processor(Adjustable, Drawn):
    """Base of every effect: maps, checks and broadcasts knobs, keeps state, and calls the equations of a subclass.

    A subclass gives

    - ``params``: a dict of name to ``EffectParam``, or a method ``table`` where it depends on options or sample rate,
    - ``options``: a dict of name to ``Option``, what it may be built with. They are keywords of the constructor,
      checked, documented, and attributes of the effect,
    - ``process(self, x, state, *, <the same names as params>) -> (y, state)``: x (B, C, T); every knob (B, 1, 1) when
      constant, (B, 1, T) when automated, of x's dtype; ``state`` None is silence before time zero. With
      ``takes_sidechain``, a keyword ``sidechain`` comes before the knobs: (B, 1 or C, T) or None,
    - where there is something to design, also ``control(self, **knobs) -> coefficients``, a dict; ``process`` then
      takes the names that it returns in place of the knobs. See ``control``,
    - claims that tests measure: ``neutral`` (knob settings that return the input), ``traits``,

    and where they are not the default ``prepare``, ``latency_samples``, ``tail`` and ``curve``. A class is final, or a
    base that is never built, ``class Shaper(Processor, abstract=True)``.

    Args:
        sample_rate: in Hz, 8000 .. 192000 are tested.
        param_range: new ranges of knobs by name, ``{"ratio": EffectParam(1.0, 8.0)}``.
        options: those of the table ``options``.

    Raises:
        ValueError: for a sample rate that is not positive, a name in ``param_range`` that is no parameter, or an option
            that is not legal.
        TypeError: for a row of ``param_range`` that is no ``EffectParam``, or an unknown option.
    """

    options: ClassVar[Mapping[str, Option]] = {}
    heard_as: ClassVar[Mapping[str, str]] = {}
    """Knobs that ``process`` takes under another name, since ``heard`` converts them."""
    neutral: Mapping[str, float] = {}
    words: ClassVar[tuple[str, ...]] = ()
    """Clauses of ``explain``, with knobs in braces; see ``explaining.sentence``. What they do not name is listed."""
    traits: frozenset[str] | set[str] = frozenset()
    latency_samples: int = 0
    knob_latency: Mapping[str, float] = {}
    """By knob, the samples of latency before the place where it acts, 0 where none is said: a curve is read that much
    earlier, so that it acts on the sound of its time."""
    control_period: int = 1
    """Samples between the control points of knobs that move, an option of every effect with ``control``."""
    streamable: bool = True
    in_pieces: ClassVar[bool] = False
    """Whether long blocks go through in pieces that stay in the cache, where nobody asks for gradients."""
    takes_sidechain: bool = False
    channels: tuple[int, ...] | None = None
    """The numbers of channels an input may have; None takes any."""
    channels_out: int | None = None
    """The number of channels of the output; None gives as many as the input has."""
    crosses_channels: bool = False
    """Whether a channel of the output may depend on other channels of the input."""
    calls_once: ClassVar[bool] = False
    """Whether ``process`` calls each of its effects once a block, each with the state that its last call left."""
    variants: ClassVar[tuple[Mapping[str, Any], ...]] = ({},)
    """Constructions that the contract tests run over, as keyword dicts."""
    exempt: Mapping[str, str] = {}
    """Contract checks that this effect cannot pass: name of the check to the reason."""
    construction: Mapping[str, Any]
    """The options this effect was given: what a chain file keeps."""
    designs: ClassVar[bool] = False
    """Whether there is a ``control`` before ``process``."""
    coefficients: ClassVar[frozenset[str] | None] = None
    """What ``process`` takes of ``control``; None where that is not said."""
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
        if unknown := sorted(set(cls.traits) - TRAITS):
            raise TypeError(f"{cls.__name__} claims unknown traits {unknown}; known: {', '.join(sorted(TRAITS))}")
        cls.abstract = abstract
        cls.designs = cls.control is not Processor.control
        if cls.designs:
            cls.coefficients = keywords_of(cls.process)
            cls.options = {**cls.options, "control_period": CONTROL_PERIOD}
        cls.constants = frozenset({"sample_rate", "params", *cls.options})
        cls.about = inspect.cleandoc(cls.__dict__.get("__doc__") or "")
        if abstract:
            return
        if (cls.params or cls.table is not Processor.table) and cls.process is Processor.process:
            raise TypeError(f"{cls.__name__} has a table of parameters but no process()")
        if cls.params:
            check_equation(cls, cls.params)
        cls.__doc__ = documented(cls.about, cls.options, cls.params, built_here=cls.__init__ is Processor.__init__)

    def __init__(
        self, sample_rate: float = 44100, param_range: Mapping[str, EffectParam] | None = None, **given: Any
    ) -> None:
        super().__init__()
        try:
            self.sample_rate = check_rate(sample_rate)
            options = {name: given.pop(name) for name in self.options if name in given}
            self.construction = read_options(self.options, options, sample_rate)
            for name, option in self.options.items():
                setattr(self, name, self.construction.get(name, option.default))
            with undisturbed(torch.device("cpu")):
                table = self.table()
                if type(self).table is not Processor.table:
                    check_equation(type(self), [self.heard_as.get(name, name) for name in table])
                self.params = read_table(table, param_range or {}, self.sample_rate)
                self._add_settings(self.params)
                self.prepare()
            if (device := torch.get_default_device()).type != "cpu":
                self.to(device)
            self._kind = kind_of(self)
            for name in given:
                if name not in self.params:
                    raise TypeError(unknown_name(name, [*self.options, *self.params], "option or knob"))
            self.set(given)
        except (ValueError, TypeError) as error:
            raise in_context(error, self) from error

    if TYPE_CHECKING:

        def __getattr__(self, name: str) -> Any:
            """Options and buffers, which a checker cannot see in a table."""

        def __call__(
            self,
            x: Sound,
            *,
            norm_params: Knobs | None = None,
            dsp_params: Knobs | None = None,
            sidechain: Sound | None = None,
            **settings: KnobValue,
        ) -> Sound:
            """``forward``."""
            ...

        def __or__(self, following: Processor) -> Processor:
            """A ``Chain`` of this effect and another; given by ``routing``, which is above this layer."""
            ...

    # What an effect gives ------------------------------------------------------------------------------------------

    def process(self, x: Tensor, state: State, **knobs: Any) -> tuple[Tensor, State]:
        """The equation: one block of sound and the state before it to the processed block and the state after it."""
        raise NotImplementedError(f"{type(self).__name__} defines no process()")

    def control(self, **knobs: Tensor) -> dict[str, Any]:
        """What the knobs alone decide: by name, the coefficients that ``process`` takes in their place.

        It runs once for a call, a stream or a file where no knob moves, and at control points where one does: every
        ``control_period`` samples of the signal's own time and at the corners of automation.

        Args:
            knobs: each (B, 1, 1) or, at F control points, (B, 1, F), of the dtype of the sound.

        Returns:
            Tensors with the axis of the points third, (B, C, F, ...), F = 1 for what does not move; or dicts of them.
            Without further axes ``process`` gets straight lines between the points, (B, C, T); with them, as sections
            (B, 1, F, K, 6), it gets ``ControlPoints``, which the engine joins while it filters. What is no tensor is
            handed on.
        """
        return knobs

    def table(self) -> Mapping[str, EffectParam]:
        """The knobs, where they depend on the options or the sample rate, which are attributes already."""
        return type(self).params

    def inside(self, knobs: Mapping[str, Read], like: Tensor) -> dict[str, Plan]:
        """The effects that ``process`` is given as ``effects``, with their knobs; ``like``: B, dtype and device."""
        return {}

    def clauses(self) -> tuple[str, ...]:
        """``words``, where they depend on the options."""
        return self.words

    def heard(self, knobs: dict[str, Tensor]) -> dict[str, Tensor]:
        """The knobs in the units of ``process``, where those are not the user's."""
        return knobs

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
        x: Sound,
        *misplaced: Any,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        sidechain: Sound | None = None,
        **settings: KnobValue,
    ) -> Sound:
        """Process a whole signal that begins after silence. All but the signal is given by keyword.

        Args:
            x: (B, C, T), or one sound (C, T) or (T,), floating point; a tensor, or a numpy array that needs no
                gradient.
            *misplaced: an error.
            norm_params: knob positions in [0, 1]: a flat tensor (B, P) in the order of ``param_names``, (B, P, F) for
                knobs automated by F points that stand evenly over the signal, or a dict of name to value.
            dsp_params: knob values in their units, in the same forms; a value is a number or a 0-d, (B,) or (B, F)
                tensor, numpy array or list. Names left out take the settings of the effect, which begin as the
                defaults. Giving both is an error.
            sidechain: (B, 1 or C, T), the key of an effect that takes one, in the forms of x.
            settings: single knobs as keywords, ``fx(x, ratio=4)``, as in ``dsp_params``.

        Returns:
            The sound in the form and dtype of x; where an effect makes several channels of (T,), (C, T).

        Raises:
            ValueError: for wrong shapes, unknown names, values out of range, NaN in a parameter.
            TypeError: for wrong types, parameters without a keyword, or a keyword that is no knob.
        """
        if misplaced:
            raise TypeError(by_keyword_only(self, misplaced))
        if settings:
            dsp_params = self._with_keywords(dsp_params, settings)
        return self.run(x, None, norm_params=norm_params, dsp_params=dsp_params, sidechain=sidechain)[0]

    def run(
        self,
        x: Sound,
        state: State = None,
        *,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        sidechain: Sound | None = None,
        start: int = 0,
        total: int | None = None,
    ) -> tuple[Sound, State]:
        """Process one block after ``state``; a signal run in blocks equals the signal run whole.

        Args:
            x: as for ``forward``; so are the parameters and the sidechain.
            state: what the block before returned; None at the beginning.
            norm_params: as for ``forward``.
            dsp_params: as for ``forward``.
            sidechain: as for ``forward``.
            start: index of the block's first sample in the whole signal; automated knobs need it.
            total: length of the whole signal, over which the points of automated knobs stand; None is ``start + T``.

        Returns:
            ``(y, state)``.
        """
        return run_block(self, x, state, sidechain, lambda like: self.plan(like, norm_params, dsp_params), start, total)

    def plan(self, x: Tensor, norm_params: Knobs | None = None, dsp_params: Knobs | None = None) -> Plan:
        """The effect with these knobs and its settings, for sounds of the batch, dtype and device of x (B, C, T).

        A stream holds one; it runs blocks and checks nothing.
        """
        return Plan(self, self._knobs_of(x, norm_params, dsp_params, self._settings()), x)

    def stream(
        self,
        *misplaced: Any,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        total: int | None = None,
        on_nan: OnNan = "keep",
        **settings: KnobValue,
    ) -> Stream:
        """A function of blocks that remembers: ``play = fx.stream(dsp_params=...); y = play(block)``.

        Args:
            norm_params: as for ``forward``.
            dsp_params: as for ``forward``.
            *misplaced: an error.
            total: length of the whole signal in samples, needed only for points spread evenly over it.
            on_nan: what a block with NaN or infinity in it, or in what comes of it, does. ``"keep"`` hands it on, and
                where an effect remembers, NaN stays in its state for good; ``"raise"`` is an error; ``"reset"`` gives a
                silent block and begins anew after it. The last two look at every block, so they wait for the device.
            settings: as for ``forward``.

        Raises:
            ValueError: if the effect needs the whole signal at once, or for another ``on_nan``.
            TypeError: for parameters without a keyword, or a keyword that is no knob.
        """
        if misplaced:
            raise TypeError(by_keyword_only(self, misplaced))
        if not self.streamable:
            raise ValueError(f"{type(self).__name__} needs the whole signal at once and cannot stream; call it instead")
        if settings:
            dsp_params = self._with_keywords(dsp_params, settings)
        return Stream(self, norm_params, dsp_params, total, on_nan)

    # Knobs ---------------------------------------------------------------------------------------------------------

    def knobs(
        self,
        x: Tensor,
        *,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        start: int = 0,
        total: int | None = None,
    ) -> dict[str, Tensor]:
        """Every knob as ``process`` takes it: in its unit, (B, 1, 1) or (B, 1, T), of the dtype and device of x."""
        n = torch.arange(x.shape[-1], dtype=torch.float64, device=x.device) + start
        length = start + x.shape[-1] if total is None else total
        return self.heard(at_samples(self._knobs_of(x, norm_params, dsp_params, self.settings), n, length))

    def tail_seconds(self, *, norm_params: Knobs | None = None, dsp_params: Knobs | None = None) -> float:
        """Seconds of sound left after the input ends (to -60 dB), the longest over the batch."""
        with torch.no_grad(), undisturbed(self._device()):
            knobs = self._knobs_alone(norm_params, dsp_params)
            return float(torch.as_tensor(self.tail(**knobs), dtype=torch.float64).max())

    def extra_repr(self) -> str:
        """What ``repr`` shows of the construction, and the settings."""
        return f"sample_rate={self.sample_rate:g}, {super().extra_repr()}"

    # Inside --------------------------------------------------------------------------------------------------------

    def _device(self) -> torch.device:
        """Where the effect computes, as far as it is anywhere."""
        held = itertools.chain(self.buffers(), self.parameters())
        return next((t.device for t in held if has_float64(t.device)), torch.device("cpu"))

    def _setting(self, norm_params: Knobs | None, dsp_params: Knobs | None) -> tuple[dict[str, float], Curve | None]:
        values = self._values_alone(norm_params, dsp_params)
        still = {name: float(value.flatten()[0]) for name, value in values.items()}
        if type(self).curve is Processor.curve:
            return still, None
        return still, self.curve(**self.heard({name: value[:1, :, :1] for name, value in values.items()}))

    def _knobs_alone(self, norm_params: Knobs | None, dsp_params: Knobs | None) -> dict[str, Tensor]:
        return self.heard(self._values_alone(norm_params, dsp_params))

    def _values_alone(self, norm_params: Knobs | None, dsp_params: Knobs | None) -> dict[str, Tensor]:
        given = norm_params if norm_params is not None else dsp_params
        given = {name: values_of(v) for name, v in as_dict({} if given is None else given, self.params).items()}
        settings = {name: values_of(v) for name, v in self.settings.items() if name not in given}
        shapes = [v.shape for v in (*given.values(), *settings.values()) if isinstance(v, Tensor) and v.dim()]
        batch = max((s[0] for s in shapes), default=1)
        points = max((s[1] for s in shapes if len(s) == 2), default=1)
        x = torch.empty(batch, 1, points, dtype=torch.float64, device=self._device())
        is_norm = norm_params is not None
        positions, values = (given, None) if is_norm else (None, given)
        n = torch.arange(points, dtype=torch.float64, device=x.device)
        return at_samples(read_knobs(self.params, x, positions, values, settings), n, points)

    def _knobs_of(
        self, x: Tensor, norm_params: Knobs | None, dsp_params: Knobs | None, settings: Mapping[str, KnobValue]
    ) -> dict[str, Read]:
        return read_knobs(self.params, x, norm_params, dsp_params, settings, self.knob_latency, self.sample_rate)


def is_effect(value: Any) -> bool:
    """Whether ``value`` is the class of a finished effect: not abstract, and built without other effects."""
    return isinstance(value, type) and issubclass(value, Processor) and not value.abstract and bool(value.variants)
