"""A computation on the CPU as a list of calls over memory that stays: recorded once, played for block after block.

What runs once a block of a few hundred samples is mostly Python: checks, shapes, empty tensors, dispatch. A recording
is one such block, run on copies of its inputs; every tensor that comes up stays, so that what followed from constants
need not be computed again, a view is there already, an operation writes where it wrote before (``out=``), and a kernel
is called with the very arrays that it had (see ``computed``). A tape gives the bits of what it recorded.

A recording is refused where it would not tell all: values of changing tensors that Python saw past torch, random
numbers, results whose shape depends on values. What Python asked of values (``if x.any()``) is asked again by the
tape, which gives up where the answer is another.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.overrides import TorchFunctionMode
from torch.utils._python_dispatch import TorchDispatchMode

from .bound import Binding, Kept, Line, here
from .nests import mapped, moved, place, same_bits, same_memory, settled, tensors_in
from .transforms import is_plain, recording

Function = Callable[..., "tuple[Tensor, Any]"]
"""A block: tensors or None, and a state, a nest of tuples, lists and dicts, to a tensor and the next state."""

_LOOKS = frozenset(
    getattr(Tensor, name)
    for name in (
        *("numpy", "__array__", "tolist", "data_ptr", "storage", "untyped_storage", "__dlpack__", "__reduce_ex__"),
        *("__deepcopy__", "apply_", "map_"),
    )
)
"""What shows Python values of a tensor past the dispatcher."""

_EMPTY = {"empty", "new_empty", "empty_like", "empty_strided", "new_empty_strided"}
_MAKERS = {*_EMPTY, "new_zeros", "new_ones", "new_full", "zeros_like", "ones_like", "full_like"}
"""Operations that take no value of a tensor that they are given."""


class RefusedError(Exception):
    """A computation that cannot be recorded: why, and the output and the state that it gave."""


class _ChangedError(Exception):
    """Python would not go the recorded way with these values."""


class _Entry(NamedTuple):
    kind: str
    """``call``, ``write`` (into an argument), ``look`` (a result that is no tensor) or ``kernel``."""
    function: Callable[..., Any]
    args: tuple[Any, ...]
    kwargs: dict[str, Any]
    result: Any
    changing: bool
    """Whether it depends on the inputs."""


# Recording -----------------------------------------------------------------------------------------------------------


class _Looks(TorchFunctionMode):
    """Notices where Python sees values past the dispatcher."""

    def __init__(self, recorder: _Recorder) -> None:
        super().__init__()
        self._recorder = recorder

    def __torch_function__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        if func in _LOOKS and not self._recorder.paused:
            self._recorder.looked(func, args)
        return func(*args, **(kwargs or {}))


class _Recorder(TorchDispatchMode):
    """Notes every operation."""

    def __init__(self, inputs: Sequence[Tensor]) -> None:
        super().__init__()
        self.paused = False
        self.why: str | None = None
        self.entries: list[_Entry] = []
        self.inputs = {place(t) for t in inputs}
        self.changing = set(self.inputs)
        self.known = set(self.inputs)
        """Places whose values come from here."""

    def __torch_dispatch__(self, func: Any, types: Any, args: Any = (), kwargs: Any = None) -> Any:
        kwargs = kwargs or {}
        if self.paused:
            return func(*args, **kwargs)
        self.paused = True
        try:
            result = func(*args, **kwargs)
            self._note(func, args, kwargs, result)
        finally:
            self.paused = False
        return result

    def refuse(self, why: str) -> None:
        """Let the computation go on, which nobody records any more."""
        self.why = self.why or why

    def looked(self, func: Any, args: Any) -> None:
        """Python sees values."""
        self.paused = True
        if any(place(t) in self.changing for t in tensors_in(args)):
            self.refuse(f"{func.__name__} shows Python values of the sound")
        self.paused = False

    def kernel(self, bind: Any, batch_shape: Any, inputs: Any, outputs: Any, rest: Any) -> None:
        """As ``computed``."""
        self.paused = True
        try:
            bind(batch_shape, inputs, outputs, *rest)()
            changing = any(place(t) in self.changing for t in tensors_in(inputs))
            self._add("kernel", bind, (batch_shape, inputs, outputs, *rest), {}, outputs, changing)
        finally:
            self.paused = False

    def _note(self, func: Any, args: Any, kwargs: Any, result: Any) -> None:
        given = {place(t) for t in tensors_in(args, kwargs)}
        made = list(tensors_in(result))
        changing = bool(given & self.changing)
        if not all(map(is_plain, tensors_in(args, kwargs, result))):
            self.refuse(f"{func}: tensors that are not plain ones of the CPU")
        if torch.Tag.nondeterministic_seeded in func.tags:
            self.refuse(f"{func} is random")
        if torch.Tag.dynamic_output_shape in func.tags and not _by_numbers(func, args):
            self.refuse(f"{func}: a shape that depends on values")
        written = [t for is_written, t in zip(_writes(func), args, strict=False) if is_written]
        written += [t for name, t in kwargs.items() if name == "out"]
        if written:
            places = {place(t) for t in tensors_in(written)}
            if places & self.inputs or not places <= self.known:
                self.refuse(f"{func} writes into what is not its own")
            self._add("write", func, args, kwargs, written, changing or bool(places & self.changing))
        elif not made:
            self._add("look", func, args, kwargs, result, changing)
        elif any(place(t) not in given for t in made):
            self._add("call", func, args, kwargs, result, changing and func.overloadpacket.__name__ not in _MAKERS)

    def _add(self, kind: str, function: Any, args: Any, kwargs: Any, result: Any, changing: bool) -> None:
        self.entries.append(_Entry(kind, function, tuple(args), kwargs, result, changing))
        places = {place(t) for t in tensors_in(result)}
        self.known |= places
        if changing:
            self.changing |= places


@functools.lru_cache(maxsize=512)
def _writes(func: Any) -> tuple[bool, ...]:
    return tuple(a.alias_info is not None and a.alias_info.is_write for a in func._schema.arguments)


def _by_numbers(func: Any, args: Any) -> bool:
    """Whether an index is of numbers, not a mask."""
    return func is torch.ops.aten.index.Tensor and all(t.dtype != torch.bool for t in tensors_in(args[1]))


# Playing -------------------------------------------------------------------------------------------------------------


def _looking(entry: _Entry) -> Callable[[], Any]:
    def call() -> None:
        found = entry.function(*entry.args, **entry.kwargs)
        if found != entry.result and not (found != found and entry.result != entry.result):
            raise _ChangedError

    return call


_COPIES = {torch.ops.aten.clone.default, torch.ops.aten._to_copy.default}


def _calling(entry: _Entry) -> Callable[[], Any]:
    """The operation into the tensors of its result."""
    function, args, kwargs, result = entry.function, entry.args, entry.kwargs, entry.result
    if isinstance(result, Tensor):
        # Torch's own functions take half the time of the operators that they call.
        plain = getattr(torch, function.overloadpacket.__name__, None)  # type: ignore[attr-defined]  # an overload
        if function in _COPIES:
            return functools.partial(result.copy_, args[0])
        if callable(plain) and function.namespace == "aten":  # type: ignore[attr-defined]  # an overload
            call = functools.partial(plain, *args, **kwargs, out=result)
            if _gives_the_same(call, result):
                return call
    into = list(tensors_in(result))

    def copied() -> None:
        for target, found in zip(into, tensors_in(function(*args, **kwargs)), strict=True):
            target.copy_(found)

    return copied


def _gives_the_same(call: Callable[[], Any], result: Tensor) -> bool:
    """Whether a call writes the result that is there; it is there afterwards too."""
    before, place, size = result.clone(), result.data_ptr(), result.shape
    try:
        call()
    except (TypeError, RuntimeError):
        return False
    if result.data_ptr() == place and result.shape == size and same_bits(before, result):
        return True
    result.copy_(before)  # the call read what was overwritten since
    return False


class Tape:
    """A recorded block.

    Args:
        function: the block.
        tensors: what it takes before the state; None where there is nothing.
        state: what it takes last.
        constant: the tensors of the state that no block changes.

    Attributes:
        first: the output of the recorded block.
        number: of the state before the last block; that after it is one more.

    Raises:
        RefusedError: where it cannot be recorded; the function has run then, and the exception holds what it gave.
    """

    def __init__(
        self, function: Function, tensors: Sequence[Tensor | None], state: Any, constant: Sequence[Tensor] = ()
    ) -> None:
        stays = {id(t) for t in tensors_in(state) if any(same_memory(t, c) for c in constant)}
        self._tensors = [None if t is None else t.clone(memory_format=torch.contiguous_format) for t in tensors]
        self._state: Any = mapped(lambda t: t.clone() if isinstance(t, Tensor) and id(t) not in stays else t, state)
        self._own = [t for t in tensors_in(self._state) if id(t) not in stays]
        recorder = _Recorder([*(t for t in self._tensors if t is not None), *self._own])
        here.recorder = recorder
        try:
            with recording(), recorder, _Looks(recorder):
                self._y, self._next = function(*self._tensors, self._state)
        finally:
            here.recorder = None
        why = recorder.why or self._unfit(recorder, stays)
        if why is not None:
            raise RefusedError(why, self._y, self._next)
        self.first, self.number = self._y.clone(), 0
        self._lines: dict[int, Line | Kept] = {}
        self._calls = self._bound(recorder)
        changed = [(a, b) for a, b in moved(self._state, self._next) if id(a) not in self._lines]
        self._before, self._after = [a for a, _ in changed], [b for _, b in changed]

    def _unfit(self, recorder: _Recorder, stays: set[int]) -> str | None:
        if not settled(self._state, self._next):
            return "the state has another form after the block"
        changed = moved(self._state, self._next)
        if any(id(a) in stays for a, _ in changed):
            return "a part of the state that stood still moves"
        if any(place(t) not in recorder.known for t in (self._y, *(b for _, b in changed))):
            return "a result that no operation made"
        states = {place(t) for t in self._own}
        if any(place(b) in states for _, b in changed):
            return "a state that is part of the one before"
        return None

    def _bound(self, recorder: _Recorder) -> list[Callable[[], Any]]:
        rewritten: set[int] = set()
        for entry in recorder.entries:
            if entry.kind == "write" and entry.changing:
                rewritten |= {place(t) for t in tensors_in(entry.result)}
        calls: list[Callable[[], Any]] = []
        for entry in recorder.entries:
            needed = entry.changing or any(place(t) in rewritten for t in tensors_in(entry.result))
            if not needed or (entry.kind == "call" and entry.function.overloadpacket.__name__ in _EMPTY):  # type: ignore[attr-defined]  # an overload
                continue
            if entry.kind == "kernel":
                binding = Binding(
                    lambda t: place(t) not in recorder.changing,
                    functools.partial(self._line_of, recorder),
                    functools.partial(self._stays, recorder),
                )
                calls += binding.calls(entry.function, entry.args)
            elif entry.kind == "look":
                calls.append(_looking(entry))
            elif entry.kind == "write":
                calls.append(functools.partial(entry.function, *entry.args, **entry.kwargs))
            else:
                calls.append(_calling(entry))
        return calls

    def _line_of(self, recorder: _Recorder, past: Tensor, whole: Tensor) -> Line | None:
        """As ``bound.line_of``: where a state before and after are the ends of the line, and nobody else reads it."""
        ends = (whole[..., : past.shape[-1]], whole[..., whole.shape[-1] - past.shape[-1] :])
        if not self._is_alone(recorder, past, ends[1]):
            return None
        return self._held(past, ends[1], Line(whole, past.shape[-1]))

    def _stays(self, recorder: _Recorder, before: Tensor, after: Tensor) -> bool:
        """As ``bound.stays``: where a state before and after are the memory, and nobody else reads it."""
        if not self._is_alone(recorder, before, after):
            return False
        self._held(before, after, Kept(after))
        return True

    def _held(self, before: Tensor, after: Tensor, line: Any) -> Any:
        for pair in moved(self._state, self._next):
            if same_memory(pair[0], before) and same_memory(pair[1], after):
                self._lines.update({id(end): line for end in pair})
        return line

    def _is_alone(self, recorder: _Recorder, before: Tensor, after: Tensor) -> bool:
        """Whether these are one part of the state before and after the block, and one call's only."""
        pairs = moved(self._state, self._next)
        others = [pair for pair in pairs if not (same_memory(pair[0], before) and same_memory(pair[1], after))]
        places = {place(before), place(after)}
        users = sum(any(place(t) in places for t in tensors_in(e.args, e.kwargs)) for e in recorder.entries)
        read = any(place(t) in places for t in (self._y, *tensors_in(others)))
        return len(pairs) - len(others) == 1 and users == 1 and not read

    def load(self, state: Any) -> bool:
        """Go on from a state; False if it is of another form than the recorded one."""
        if not settled(self._state, state):
            return False
        changed, own = moved(self._state, state), {id(t) for t in self._own}
        if not all(id(mine) in own or same_bits(mine, given) for mine, given in changed):
            return False  # what stood still is another now
        for mine, given in changed:
            if id(mine) in self._lines:
                self._lines[id(mine)].load(given)
            elif id(mine) in own:
                mine.copy_(given)
        self.number += 2  # a number that was given names no other state
        return True

    def go_on(self, number: int) -> None:
        """Go on from the state after the last block or, where that block was turned down, the one before it."""
        if number > self.number:
            if self._before:
                torch._foreach_copy_(self._before, self._after)
            for line in {*self._lines.values()}:
                line.advance()
            self.number = number

    def play(self, *tensors: Tensor | None) -> Tensor | None:
        """The output of a block of the recorded shape; None where the block would have gone another way."""
        for mine, given in zip(self._tensors, tensors, strict=True):
            if mine is not None and given is not None:
                mine.copy_(given)
        try:
            for call in self._calls:
                call()
        except _ChangedError:
            return None
        return self._y.clone()

    def state(self, number: int) -> Any:
        """A copy of the state of a number: ``number``, that before the block, or the one after it."""
        after = number != self.number
        own = {id(t) for t in (*self._own, *self._after)}

        def copied(t: Any) -> Any:
            if id(t) in self._lines:
                return self._lines[id(t)].past(after)
            return t.clone() if id(t) in own else t

        return mapped(copied, self._next if after else self._state)
