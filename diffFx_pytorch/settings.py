"""Settings: values of knobs that stay, as attributes and as parameters of a module."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from torch import Tensor, nn

from .automation import SEGMENTS, Points, values_of
from .control import Knobs, KnobValue, as_dict, physical, unknown_name
from .kernels.precision import has_float64
from .knobs import Knobbed, in_context, shown
from .params import EffectParam

if TYPE_CHECKING:
    from typing_extensions import Self


class Setting:
    """A knob as an attribute: reading gives the value that stays, or the default; writing makes a value stay.

    Args:
        name: of the knob.
    """

    def __init__(self, name: str) -> None:
        self.name = name

    def __get__(self, fx: Adjustable | None, cls: type | None = None) -> Any:
        """The value in its unit: a float, or a tensor where it was set to one or is trainable."""
        if fx is None:
            return self
        if self.name not in fx.params:
            raise AttributeError(f"{type(fx).__name__}: {unknown_name(self.name, fx.params, 'setting')}")
        value = fx.setting(self.name)
        return fx.params[self.name].default if value is None else value

    def __set__(self, fx: Adjustable, value: KnobValue) -> None:
        fx.set({self.name: value})

    def __delete__(self, fx: Adjustable) -> None:
        fx.forget(self.name)


class _Built(type):
    """Marks an object whose constructor is done: from then on a new attribute is a misspelt one."""

    if not TYPE_CHECKING:  # a checker takes a class with a metaclass like this for a function that returns anything

        def __call__(cls, *args: Any, **kwargs: Any) -> Any:
            built = super().__call__(*args, **kwargs)
            built.__dict__["_built"] = True
            return built


class Adjustable(Knobbed, metaclass=_Built):
    """A module with a table of knobs and settings; the half of ``Processor`` that knows nothing of sound.

    A setting is the value of a knob that stays: given when the module is built or as an attribute, found by an
    optimiser, or loaded. It lives in the effect whose knob it is; what is made of effects reads it there.
    """

    constants: ClassVar[frozenset[str]] = frozenset()
    """Names of attributes that are chosen when a module is built, and stay."""
    edits: ClassVar[int] = 0
    """How often settings of any module were changed: what was made of them before is out of date."""

    def __init__(self) -> None:
        super().__init__()
        self._held: dict[str, float | Tensor | None] = {}
        """Settings in their units by knob; None where the value is a parameter of the module, a position."""

    @property
    def settings(self) -> dict[str, float | Tensor]:
        """The values that stay, by name, in their units; a knob that is not among them stands at its default."""
        return self._settings()

    def _settings(self) -> dict[str, float | Tensor]:
        return {name: self.setting(name) for name in self._held} if self._held else {}  # type: ignore[misc]

    def setting(self, name: str) -> float | Tensor | None:
        """The value that a knob holds, in its unit; None where it stands at its default."""
        fx, knob = self.home_of(name)
        position = fx._parameters.get(_position(knob)) if fx._parameters else None
        return fx._held.get(knob) if position is None else fx.params[knob].to_physical(_inward(position))

    def set(self, values: Knobs | None = None, **settings: KnobValue) -> Self:
        """Make values stay, in the forms of ``dsp_params`` and of keywords.

        A trainable setting stays trainable: its parameter takes the value.

        Raises:
            ValueError: for unknown names and what is no legal value.
            TypeError: for what is no value.
        """
        _edited()
        try:
            given = {**as_dict({} if values is None else values, self.params), **as_dict(settings, self.params)}
            read = {name: _read(name, self.params[name], value) for name, value in given.items()}
            for name, value in read.items():
                fx, knob = self.home_of(name)
                position = fx._parameters.get(_position(knob))
                if position is None:
                    fx._held[knob] = value
                elif isinstance(value, Points):
                    raise ValueError(f"{name} is trainable and takes no points in time; call frozen({name!r}) first")
                else:
                    _move(name, position, torch.as_tensor(fx.params[knob].to_norm(value)))  # type: ignore[type-var]  # either
        except (ValueError, TypeError) as error:
            raise in_context(error, self) from error
        return self

    def forget(self, *names: str) -> Self:
        """Let knobs return to their defaults: those named, or all."""
        _edited()
        for fx, knob in self._named(names):
            fx._held.pop(knob, None)
            fx._parameters.pop(_position(knob), None)
        return self

    def trainable(self, *names: str) -> Self:
        """Make settings parameters of the module, which hold knob positions in [0, 1]; ``frozen`` is the way back.

        They begin where the knobs stand. A step of an optimiser that leaves [0, 1] acts as the end of the range, and
        from there a gradient leads back inside, none further out.

        Args:
            *names: of knobs, or of effects with all their knobs; none are all.

        Raises:
            ValueError: for unknown names.

        Examples:
            >>> from diffFx_pytorch.processors import Gain
            >>> gain = Gain(gain_db=-6.0).trainable()
            >>> [name for name, position in gain.named_parameters()], round(float(gain.gain_db), 3)
            (['gain_db_position'], -6.0)
        """
        _edited()
        for fx, knob in self._named(names):
            if fx._parameters.get(_position(knob)) is None:
                value = fx._held.get(knob)
                if isinstance(value, Points):
                    raise ValueError(
                        f"{type(fx).__name__}: {knob} has points in time; to learn it give a tensor (B, F)"
                    )
                value = torch.as_tensor(fx.params[knob].default if value is None else value)
                dtype = value.dtype if value.dim() else torch.get_default_dtype()
                position = fx.params[knob].to_norm(value.detach().double()).to(dtype)
                fx.register_parameter(_position(knob), nn.Parameter(position))
                fx._held[knob] = None
        return self

    def frozen(self, *names: str) -> Self:
        """Make settings constants again, at the values found: those named as for ``trainable``, or all."""
        _edited()
        for fx, knob in self._named(names):
            if _position(knob) in fx._parameters:
                value = fx.setting(knob).detach()  # type: ignore[union-attr]  # a parameter gives a tensor
                del fx._parameters[_position(knob)]
                fx._held[knob] = value if value.dim() else float(value)
        return self

    def home_of(self, name: str) -> tuple[Adjustable, str]:
        """Where the setting of a knob lives: a module, and the name of the knob there."""
        return self, name

    def _named(self, names: Iterable[str]) -> Iterator[tuple[Adjustable, str]]:
        knobs = list(self.params) if not names else []
        for name in names:
            matching = [knob for knob in self.params if knob == name or knob.startswith(f"{name}.")]
            if not matching:
                raise ValueError(f"{type(self).__name__}: {unknown_name(name, self.params, 'setting')}")
            knobs += matching
        return map(self.home_of, knobs)

    def _add_settings(self, table: Mapping[str, EffectParam]) -> None:
        """Give the class an attribute for every knob of its own."""
        cls = type(self)
        for name in table:
            if "." not in name and not isinstance(getattr(cls, name, None), Setting):
                if hasattr(cls, name):
                    raise TypeError(f"a knob cannot be named {name!r}, which is an attribute of every effect")
                setattr(cls, name, Setting(name))

    if not TYPE_CHECKING:  # a checker that sees it lets any attribute be set

        def __setattr__(self, name: str, value: Any) -> None:
            """Set an attribute; a new one, or one that a constructor chose, is refused once that is done."""
            if isinstance(getattr(type(self), name, None), Setting):
                object.__setattr__(self, name, value)
                return
            if "_built" in self.__dict__:
                owner = type(self).__name__
                if name in self.constants or name in self._modules:
                    raise AttributeError(f"{owner}: {name} is chosen when it is built; build another one")
                if not name.startswith("_") and not hasattr(self, name) and not isinstance(value, nn.Module):
                    raise AttributeError(f"{owner}: {unknown_name(name, self.params, 'setting')}")
            if name in vars(self).get("_buffers", ()):
                _edited()  # a stream may have computed with the one before
            super().__setattr__(name, value)

    def _apply(self, fn: Any, recurse: bool = True) -> Self:
        # Settings that are tensors follow to a device; they keep their precision.
        _edited()
        if not has_float64(fn(torch.empty(0)).device):
            return self._apply_without_float64(fn, recurse)
        super()._apply(fn, recurse)
        for name, value in self._held.items():
            if isinstance(value, Tensor):
                self._held[name] = value.to(fn(value).device)
        return self

    def _apply_without_float64(self, fn: Any, recurse: bool) -> Self:
        """On such a device effects run on the CPU: what learns goes there, settings and constants stay."""
        kept = [(part, dict(part._buffers)) for part in self.modules()]
        for part, _ in kept:
            part._buffers.clear()
        try:
            super()._apply(fn, recurse)
        finally:
            for part, buffers in kept:
                part._buffers.update(buffers)
        return self

    def _save_to_state_dict(self, destination: dict[str, Any], prefix: str, keep_vars: bool) -> None:
        super()._save_to_state_dict(destination, prefix, keep_vars)
        for name, value in self._held.items():
            if isinstance(value, Points):
                destination[f"{prefix}{name}_points"] = _table_of(value)
            elif value is not None:
                tensor = value if isinstance(value, Tensor) else torch.tensor(value, dtype=torch.float64)
                destination[prefix + name] = tensor if keep_vars else tensor.detach()

    def _load_from_state_dict(
        self, state_dict: dict[str, Any], prefix: str, local_metadata: Any, strict: bool, missing: Any, unexpected: Any,
        errors: Any,
    ) -> None:  # fmt: skip
        super()._load_from_state_dict(state_dict, prefix, local_metadata, strict, missing, unexpected, errors)
        _edited()
        for name in filter(lambda name: "." not in name, self.params):
            value, points, position = prefix + name, f"{prefix}{name}_points", prefix + _position(name)
            given: Any = state_dict.get(value)
            if points in state_dict:
                given = _points_of(state_dict[points])
            elif position in unexpected:  # trainable there, and a constant here
                given = self.params[name].to_physical(state_dict[position])
            if given is not None:
                ours = {value, points, position}
                unexpected[:] = [key for key in unexpected if key not in ours]
                missing[:] = [key for key in missing if key != position]
                try:
                    self.set({name: given if isinstance(given, Points) or given.dim() else float(given)})
                except (ValueError, TypeError) as error:
                    errors.append(str(error))
            elif strict and self._held.get(name) is not None:
                missing.append(value)

    def extra_repr(self) -> str:
        """What ``repr`` shows: how many knobs there are, and the settings of this module itself."""
        held = [
            f"{name}={shown(self.setting(name))}" + (" (trainable)" if value is None else "")
            for name, value in self._held.items()
        ]
        return ", ".join([f"knobs={len(self.params)}", *held])


def _edited() -> None:
    Adjustable.edits += 1


class _Inward(torch.autograd.Function):
    """Positions clamped to [0, 1]; outside, a gradient that leads back passes, and none that leads further out."""

    generate_vmap_rule = True

    @staticmethod
    def forward(position: Tensor) -> Tensor:
        """The clamped position."""
        return position.clamp(0.0, 1.0)

    @staticmethod
    def setup_context(ctx: Any, inputs: tuple[Tensor], output: Tensor) -> None:
        """Keep the position."""
        ctx.save_for_backward(*inputs)

    @staticmethod
    def backward(ctx: Any, grad: Tensor) -> Tensor:  # type: ignore[override]  # of one output
        """The gradient, zero where a step against it leads further out."""
        (position,) = ctx.saved_tensors
        outward = ((position > 1) & (grad < 0)) | ((position < 0) & (grad > 0))
        return torch.where(outward, 0.0, grad)


def _inward(position: Tensor) -> Tensor:
    return _Inward.apply(position)  # type: ignore[return-value]


def _table_of(points: Points) -> Tensor:
    """Points as one tensor (2 + B, N): times, NaN where they are spread evenly; kinds of segment; values."""
    count = points.values.shape[1]
    kinds = [SEGMENTS.index(kind) for kind in points.segments or ("linear",) * (count - 1)] + [0]
    head = torch.tensor([points.times or [math.nan] * count, kinds], dtype=torch.float64)
    return torch.cat([head, points.values.detach().to(head)])


def _points_of(table: Tensor) -> Points:
    """Points from their tensor."""
    times, kinds, values = table[0].tolist(), table[1].tolist(), table[2:]
    segments: Any = tuple(SEGMENTS[int(kind)] for kind in kinds[:-1])
    return Points(values, None if math.isnan(times[0]) else tuple(times), segments)


def _position(knob: str) -> str:
    """The name of the parameter that holds the position of a knob."""
    return f"{knob}_position"


def _read(name: str, param: EffectParam, value: Any) -> float | Tensor:
    """A value as it is kept."""
    if isinstance(value, nn.Parameter):
        raise TypeError(f"{name} is set to a value in its unit; to learn it call trainable({name!r})")
    value = physical(name, param, value, False, None)
    values = values_of(value)
    if isinstance(values, Tensor) and values.dim() == 2 and values.shape[1] > 1 and not param.automatable:
        raise ValueError(f"{name} cannot move within a signal; give one value per item, shape (B,)")
    return value


def _move(name: str, parameter: Tensor, position: Tensor) -> None:
    """Give a trainable setting another position."""
    with torch.no_grad():
        try:
            parameter.copy_(position)
        except RuntimeError:
            raise ValueError(
                f"{name} is trainable with shape {tuple(parameter.shape)}; call frozen({name!r}) to give it another"
            ) from None
