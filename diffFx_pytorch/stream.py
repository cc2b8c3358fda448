"""A signal that comes block by block, and what is remembered between its blocks."""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from typing import Any, Literal, NamedTuple, TypeVar, get_args

import numpy as np
import torch
from torch import Tensor

from .automation import values_of
from .control import Knobs, as_dict, check_audio, check_sidechain
from .dsp.precision import at_least_float32, without_autocast
from .kernels.nests import mapped
from .kernels.precision import has_float64
from .kernels.transforms import creates_elsewhere
from .knobs import in_context
from .lines import spreads
from .plan import Repeated, plain
from .sound import Sound, as_batch, in_kind, warn_of_channels_last

OnNan = Literal["keep", "raise", "reset"]
Nest = TypeVar("Nest")


class BlockState(NamedTuple):
    """What a block leaves for the next, and what it is good for."""

    left_by: str
    batch: int
    channels: int
    dtype: torch.dtype
    inner: Any
    """What ``process`` returned: nested tuples and dicts of tensors, or None for silence."""


def run_block(
    fx: Any, x: Sound, state: Any, sidechain: Sound | None, plan: Callable[[Tensor], Any], start: int, total: int | None
) -> tuple[Sound, BlockState]:
    """One block through an effect, whatever its form, its precision, its length, and where its state comes from.

    Half precision is for sound at rest: it is computed in float32, inside autocast too, and comes out as it went in. On
    a device without float64 the sound goes to the CPU and back. A block of no samples or no items leaves the state as
    it was.

    Args:
        fx: the effect.
        x: as for ``Processor.forward``.
        state: None, or what the block before returned.
        sidechain: as for ``Processor.forward``.
        plan: gives the plan for a sound (B, C, T) in float32 or float64.
        start: as for ``Processor.run``.
        total: as for ``Processor.run``.

    Raises:
        TypeError: for what is no sound or no state.
        ValueError: for the state of another effect, or of blocks with other items, channels or dtype than x.
    """
    if torch.compiler.is_compiling():
        return _run(fx, x, state, sidechain, plan, start, total)
    warn_of_channels_last(type(fx).__name__, x)
    try:
        if isinstance(x, np.ndarray):
            with torch.no_grad():
                return _run(fx, x, state, sidechain, plan, start, total)
        return _run(fx, x, state, sidechain, plan, start, total)
    except (ValueError, TypeError) as error:
        raise in_context(error, fx) from error


def _run(
    fx: Any, x: Sound, state: Any, sidechain: Sound | None, plan: Callable[[Tensor], Any], start: int, total: int | None
) -> tuple[Sound, BlockState]:
    batch: Tensor = as_batch(x, "x")
    check_audio(batch, "x", fx.channels)
    beside: Tensor | None = as_batch(sidechain, "sidechain")
    if beside is not None:
        check_sidechain(batch, beside, fx.takes_sidechain)
    sound, key = _computable(batch), None if beside is None else _computable(beside)
    inner = _opened(state, fx._kind, sound)
    if sound.numel() == 0:
        y = sound if fx.channels_out is None else sound.sum(1, True).expand(-1, fx.channels_out, -1)
    else:
        with undisturbed(sound.device):
            y, inner = plan(sound)(sound, inner, key, start, total)
    y = y.to(batch.device) if sound.device != batch.device else y
    y = y if sound.dtype == batch.dtype else y.to(batch.dtype)  # no cast that would hide an effect of another dtype
    new_state = BlockState(fx._kind, batch.shape[0], batch.shape[1], sound.dtype, inner)
    return y if batch is x else in_kind(y, x), new_state  # type: ignore[return-value]  # of the kind of x


def _computable(sound: Tensor) -> Tensor:
    """In float32 at least, and where filters can be designed in float64: on the CPU if not on its own device."""
    sound = at_least_float32(sound)
    return sound if has_float64(sound.device) else sound.cpu()


def undisturbed(device: torch.device) -> contextlib.AbstractContextManager[Any]:
    """A context without autocast, in which new tensors are on ``device`` whatever the default device is."""
    exact = without_autocast(device)
    if not creates_elsewhere(device):
        return exact
    stack = contextlib.ExitStack()
    stack.enter_context(exact)
    stack.enter_context(device)
    return stack


def kind_of(fx: Any) -> str:
    """A processor in words, as far as its states depend on it."""
    parts = [f"{name}={step._kind}" for name, step in getattr(fx, "steps", {}).items()]
    for name, value in fx.construction.items():
        parts.append(f"{name}={tuple(value.shape) if hasattr(value, 'shape') else repr(value)}")
    return f"{type(fx).__name__}({', '.join(parts)}) at {fx.sample_rate:g} Hz"


def _opened(state: Any, kind: str, x: Tensor) -> Any:
    if state is None:
        return None
    if not isinstance(state, BlockState):
        raise TypeError(f"state must be None or what run() returned for the block before, got {type(state).__name__}")
    if state.left_by != kind:
        raise ValueError(f"the state was left by {state.left_by}; {kind} cannot go on from it, begin with state=None")
    cure = "begin with state=None (Stream.reset()), or go on with blocks like those before"
    if (state.batch, state.channels) != (x.shape[0], x.shape[1]):
        before, now = (f"({batch}, {channels}, T)" for batch, channels in ((state.batch, state.channels), x.shape[:2]))
        raise ValueError(f"the state was left by blocks {before}, and x is {now}; {cure}")
    if state.dtype != x.dtype:
        raise ValueError(f"the state was left by blocks in {state.dtype}, and x is in {x.dtype}; {cure}")
    return state.inner


def detached(state: Nest) -> Nest:
    """A state without the graph that made it, for truncated backpropagation through time.

    Args:
        state: what ``Processor.run`` returned, or any nest of tuples, lists and dicts of tensors.
    """
    return mapped(lambda leaf: leaf.detach() if isinstance(leaf, Tensor) else leaf, state)


class Stream:
    """An effect that remembers between blocks; made by ``Processor.stream``, which documents the arguments."""

    def __init__(
        self,
        fx: Any,
        norm_params: Knobs | None = None,
        dsp_params: Knobs | None = None,
        total: int | None = None,
        on_nan: OnNan = "keep",
    ) -> None:
        if on_nan not in get_args(OnNan):
            legal = " or ".join(map(repr, get_args(OnNan)))
            raise ValueError(f"{type(fx).__name__}: on_nan must be {legal}, got {on_nan!r}")
        self.fx = fx
        self._norm_params, self._dsp_params, self._total, self._on_nan = norm_params, dsp_params, total, on_nan
        self._kept: Any = None
        self.reset()

    def __call__(self, x: Sound, sidechain: Sound | None = None) -> Sound:
        """The next block, of any length, in the forms of ``Processor.forward``.

        Raises:
            ValueError: with ``on_nan="raise"``, for a block that is not finite; the stream stays as it was before it.
        """
        y, state = run_block(self.fx, x, self._state, sidechain, self._plan, self.position, self._total)
        if self._on_nan != "keep" and (broken := _not_finite(x=x, sidechain=sidechain, output=y)):
            if self._on_nan == "raise":
                raise ValueError(
                    f"{type(self.fx).__name__}: the block from sample {self.position} on has NaN or infinity in its "
                    f"{broken}"
                )
            y, state = in_kind(torch.zeros_like(torch.as_tensor(y)), y), None
        self._state = state
        self.position += x.shape[-1]
        return y

    def reset(self) -> None:
        """Forget everything: silence before time zero."""
        self._state: Any = None
        self.position = 0

    @property
    def state(self) -> Any:
        """What the last block left, as ``Processor.run`` returns and takes it; another may be given."""
        state = self._state
        return state._replace(inner=plain(state.inner)) if isinstance(state, BlockState) else state

    @state.setter
    def state(self, state: Any) -> None:
        self._state = state

    def __getstate__(self) -> dict[str, Any]:
        return {**self.__dict__, "_state": self.state, "_kept": None}  # a copy makes its own plan

    def detach(self) -> None:
        """Let go of the graph of the blocks so far: what follows is differentiated back to here and no further."""
        self.state = detached(self.state)

    def _plan(self, sound: Tensor) -> Any:
        """The plan of the block before, as long as it holds."""
        fx = self.fx
        modes = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
        about = (sound.shape[0], sound.dtype, sound.device, *modes, fx.edits)
        if self._kept is not None:
            plan, made_for, watched = self._kept
            if made_for == about and all(tensor._version == version for tensor, version in watched):
                return plan
        given = self._norm_params if self._norm_params is not None else self._dsp_params
        given = as_dict({} if given is None else given, fx.params)
        values = [*{**fx.settings, **given}.values()]
        if self._total is None and any(map(spreads, values)):
            raise ValueError(
                "automated knobs stretch over the whole signal, whose length a stream does not know; give "
                "stream(..., total=samples), or points in time"
            )
        plan = fx.plan(sound, self._norm_params, self._dsp_params)
        tensors = [v for v in map(values_of, (*values, *fx.parameters())) if isinstance(v, Tensor)]
        buffers = list(fx.buffers())
        # A graph is good for one backward pass, and what inference made counts no changes.
        lasting = not any(t.is_inference() or (t.requires_grad and torch.is_grad_enabled()) for t in tensors)
        runs: Any = lambda x, state, *rest: plan(x, plain(state), *rest)  # noqa: E731
        if lasting and not any(t.is_inference() for t in buffers):
            runs = Repeated(plan)
            tensors += buffers
        self._kept = (runs, about, [(t, t._version) for t in tensors]) if lasting else None
        return runs


def _not_finite(**parts: Any) -> str | None:
    """The name of the first part with NaN or infinity in it."""
    return next(
        (name for name, part in parts.items() if part is not None and not torch.as_tensor(part).isfinite().all()), None
    )
