"""What the knobs of one call decide, made once: after it only sound goes through."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from .kernels.constants import on_device
from .kernels.nests import mapped, same_bits, settled, still, tensors_in
from .kernels.transforms import requires_grad, runs_eagerly
from .lines import Read, at_samples, grid, joined
from .recursion import ControlPoints

if TYPE_CHECKING:
    from .kernels.tape import Tape

Through = Callable[[Tensor, Any, "Tensor | None"], "tuple[Tensor, Any]"]
"""An effect inside another: sound (B, C, T), state and sidechain to sound and state."""


class Plan:
    """An effect with knobs that are read, for sounds of one batch, dtype and device.

    Where no knob moves, ``control`` has run when this is built, and blocks only run ``process``.

    Args:
        fx: the effect, a ``Processor``.
        knobs: by name, as ``read_knobs`` gives them.
        like: of the batch (B, C, T), dtype and device of the sounds.
    """

    def __init__(self, fx: Any, knobs: Mapping[str, Read], like: Tensor) -> None:
        self.fx, self.batch = fx, like.shape[0]
        self.parts: dict[str, Any] = fx.inside(knobs, like)
        self.knobs = {name: knob for name, knob in knobs.items() if "." not in name} if self.parts else knobs
        self.fixed: dict[str, Any] | None = None
        if all(isinstance(knob, Tensor) for knob in self.knobs.values()):
            self.fixed = self._designed(self.knobs, 1)  # type: ignore[arg-type]  # all are tensors

    def __call__(
        self, x: Tensor, state: Any, sidechain: Tensor | None = None, start: int = 0, total: int | None = None
    ) -> tuple[Tensor, Any]:
        """One block (B, C, T) after ``state``; ``start`` and ``total`` as for ``Processor.run``."""
        T = x.shape[-1]
        total = start + T if total is None else total
        length = self._piece(x, sidechain, state)
        if length is None:
            return self._block(x, state, sidechain, start, total)
        y = None
        for begin in range(0, T, length):
            piece = slice(begin, begin + length)
            key = None if sidechain is None else sidechain[..., piece]
            heard, state = self._block(x[..., piece], state, key, start + begin, total)
            y = heard.new_empty((*heard.shape[:-1], T)) if y is None else y
            y[..., piece] = heard
        return y, state  # type: ignore[return-value]  # there is a first piece

    def _piece(self, x: Tensor, sidechain: Tensor | None, state: Any) -> int | None:
        """How many samples of a block are to be computed together, None for all; blocks are the whole."""
        # A graph that is recorded is one of any length, which nobody may ask for there.
        if not (self.fx.in_pieces and self.fx.streamable) or not _repeatable(x, sidechain, state):
            return None
        if torch.is_grad_enabled() and (self.fixed is None or requires_grad(tuple(tensors_in(self.fixed)))):
            return None
        return max(_PIECE * x.shape[-1] // x.numel(), 1) if x.numel() >= 2 * _PIECE else None

    def _block(self, x: Tensor, state: Any, sidechain: Tensor | None, start: int, total: int) -> tuple[Tensor, Any]:
        fx = self.fx
        given = self._moving(x, start, total) if self.fixed is None else self.fixed
        if fx.takes_sidechain:
            given = {**given, "sidechain": sidechain}
        if self.parts:
            given = {**given, "effects": {name: _bound(part, start, total) for name, part in self.parts.items()}}
        return fx.process(x, state, **given)

    @property
    def stands(self) -> bool:
        """Whether no knob moves, inside either."""
        return self.fixed is not None and all(part.stands for part in self.parts.values())

    def repeat_parts(self) -> None:
        """Let the effects inside repeat their blocks, where this one cannot as a whole."""
        if self.fx.calls_once:
            self.parts = {name: Repeated(part) for name, part in self.parts.items()}

    def _moving(self, x: Tensor, start: int, total: int) -> dict[str, Any]:
        """What a block is given where a knob moves."""
        samples, period = x.shape[-1], self.fx.control_period
        if period == 1:
            n = torch.arange(samples, device=x.device, dtype=torch.float64) + start
            return self._designed(at_samples(self.knobs, n, total), samples)
        at = on_device(grid(self.knobs.values(), start, samples, total, period), x.device)
        n = (at + start).double()
        return _joined(self._designed(at_samples(self.knobs, n, total), at.shape[0]), at, samples)

    def _designed(self, knobs: dict[str, Tensor], points: int) -> dict[str, Any]:
        heard = self.fx.heard(knobs)
        if not self.fx.designs:
            return heard
        found = self.fx.control(**heard)
        if not isinstance(found, Mapping):
            raise TypeError(f"control() must return a dict of what process() takes, got {type(found).__name__}")
        if (taken := self.fx.coefficients) is not None and set(found) != taken:
            raise TypeError(
                f"control() returned {', '.join(found) or 'nothing'}, and process() takes {', '.join(sorted(taken))}; "
                "they must have the same names"
            )
        return _checked(found, self.batch, points)


def _bound(plan: Plan | Repeated, start: int, total: int | None) -> Through:
    return lambda x, state, sidechain=None: plan(x, state, sidechain, start, total)


def _joined(found: Any, at: Tensor, samples: int) -> Any:
    """Coefficients at control points as ``process`` takes them."""
    if isinstance(found, Mapping):
        return {name: _joined(value, at, samples) for name, value in found.items()}
    if not isinstance(found, Tensor) or found.shape[2] == 1:
        return found
    return joined(found, at, samples) if found.dim() == 3 else ControlPoints(found, at)


def _checked(found: Any, batch: int, points: int, name: str = "") -> Any:
    """What ``control`` gave, refused where its shapes do not fit.

    Raises:
        ValueError: for a tensor of another shape.
    """
    if isinstance(found, Mapping):
        for key, value in found.items():
            _checked(value, batch, points, f"{name}[{key!r}]" if name else key)
        return found
    if isinstance(found, Tensor):
        shape = tuple(found.shape)
        if len(shape) < 3 or shape[0] not in (1, batch) or shape[2] not in (1, points):
            moving = "" if points == 1 else f", or {points} where it moves"
            raise ValueError(
                f"control() returned {name} of shape {shape}; a coefficient is (B, C, F, ...) with B = {batch} or 1, "
                f"C = 1 or the channels, and F = 1{moving}; add axes with reshape or unsqueeze"
            )
    return found


_PIECE = 1 << 18
"""Elements of a piece: small beside a second-level cache, large beside the calls it takes."""
_ALIKE = 2
"""Blocks of one form after which the next is recorded."""
_PATIENCE = 3
"""How often a tape may have to be given up before no other is made."""
_SETTLING = 100
"""Blocks after which a state that still changes its form is not waited for any more."""
_FORMS = 4
"""Lengths of blocks whose tapes are kept: hosts alternate between two, or send a shorter one now and then."""
_LONGEST = 1 << 15
"""Samples of a block above which its kernels take most of the time."""


@dataclass(frozen=True)
class OnTape:
    """A state that lies in the memory of a tape; ``plain`` gives it a memory of its own."""

    tape: Tape
    number: int


def plain(state: Any) -> Any:
    """A state as ``process`` takes it."""
    return mapped(lambda leaf: leaf.tape.state(leaf.number) if isinstance(leaf, OnTape) else leaf, state)


def _repeatable(x: Tensor, sidechain: Tensor | None, state: Any) -> bool:
    """Whether nobody watches, and nobody asks for gradients."""
    if not runs_eagerly((x, sidechain)):
        return False
    if not torch.is_grad_enabled():
        return True
    inner = () if isinstance(state, OnTape) else tensors_in(state)
    return not requires_grad((x, sidechain, *inner))


@dataclass
class _Form:
    """What is known of blocks of one form: how many were alike, what of the state stood still, and their tape."""

    alike: int = 0
    still: list[Tensor] = field(default_factory=list)
    tape: Tape | None = None
    proven: bool = False


class Repeated:
    """A plan for the blocks of a stream: once they are alike, from a tape.

    Where a knob moves, or a state never settles, the effects inside are repeated one by one.
    """

    def __init__(self, plan: Plan) -> None:
        self._plan = plan
        self._forms: dict[Any, _Form] = {}
        self._gave_up = self._unsettled = 0
        self._last: Any = None
        if not plan.stands:
            self._give_up()

    def __call__(
        self, x: Tensor, state: Any, sidechain: Tensor | None = None, start: int = 0, total: int | None = None
    ) -> tuple[Tensor, Any]:
        """As ``Plan``; the state may be ``OnTape``."""
        if self._gave_up > _PATIENCE:
            return self._plan(x, plain(state) if isinstance(state, OnTape) else state, sidechain, start, total)
        if x.numel() > _LONGEST or not _repeatable(x, sidechain, state):
            return self._plan(x, plain(state), sidechain, start, total)
        form = self._form_of((x.shape, None if sidechain is None else sidechain.shape))
        if form.tape is not None:
            found = self._played(form, form.tape, x, sidechain, state)
            if found is not None:
                form.alike, self._last = 0, found[1]
                return found
        before = plain(state)
        if state is not self._last:
            form.alike = 0
        if form.alike >= _ALIKE:
            self._gave_up += form.tape is not None  # one that takes these states no more
            found = self._recorded(form, x, sidechain, before)
            self._last = found[1]
            return found
        y, after = self._plan(x, before, sidechain)
        if settled(before, after):
            form.alike += 1
            form.still = still(before, after)
        else:
            form.alike, self._unsettled = 0, self._unsettled + 1
            if self._unsettled > _SETTLING:
                self._give_up()
        self._last = after
        return y, after

    def _form_of(self, about: Any) -> _Form:
        form = self._forms[about] = self._forms.pop(about, None) or _Form()
        if len(self._forms) > _FORMS:
            del self._forms[next(iter(self._forms))]  # not seen for longest
        return form

    def _give_up(self) -> None:
        self._gave_up, self._last = _PATIENCE + 1, None
        self._forms.clear()
        self._plan.repeat_parts()

    def _recorded(self, form: _Form, x: Tensor, sidechain: Tensor | None, state: Any) -> tuple[Tensor, Any]:
        def block(x: Tensor, sidechain: Tensor | None, state: Any) -> tuple[Tensor, Any]:
            return self._plan(x, state, sidechain)

        from .kernels.tape import RefusedError, Tape  # its imports are for those who stream

        try:
            form.tape, form.proven = Tape(block, (x, sidechain), state, form.still), False
        except RefusedError as refused:
            self._give_up()
            return refused.args[1:]
        return form.tape.first, OnTape(form.tape, form.tape.number + 1)

    def _played(
        self, form: _Form, tape: Tape, x: Tensor, sidechain: Tensor | None, state: Any
    ) -> tuple[Tensor, Any] | None:
        if isinstance(state, OnTape) and state.tape is tape:
            tape.go_on(state.number)
        elif not tape.load(plain(state)):
            return None
        before = None if form.proven else tape.state(tape.number)
        y = tape.play(x, sidechain)
        if y is None:
            self._gave_up += 1
            form.alike, form.tape = 0, None
            return None
        if not form.proven:
            wanted = self._plan(x, before, sidechain)
            if not all(map(same_bits, tensors_in(wanted), tensors_in(y, tape.state(tape.number + 1)))):
                self._give_up()
                return wanted
            form.proven = True
        return y, OnTape(tape, tape.number + 1)
