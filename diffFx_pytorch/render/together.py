"""Files side by side as one batch on a device: each is read and written by a thread of its own meanwhile."""

from __future__ import annotations

import contextvars
import copy
import itertools
import threading
from collections import deque
from collections.abc import Callable, Hashable, Iterable, Iterator, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any, NamedTuple, TypeVar

import torch
from torch import Tensor

from ..control import Knobs
from ..files import AudioInfo, audio_info
from ..notices import listening, notify
from ..processor import Processor
from .file import Run
from .streaming import processed

MOST_FILES = 16
"""Of a batch."""
MOST_SAMPLES = 2**25
"""Of all files of a batch together, where a chain takes whole files at once."""
_ALIKE = 1.25
"""How much longer than the shortest file of a batch the longest may be: shorter ones run on in silence."""
_AHEAD = 2
"""Blocks of a file that are read before they are needed, and computed before they are written."""

Job = TypeVar("Job")
Result = TypeVar("Result")


class Abandoned(Exception):  # noqa: N818 (it is no error of the file in which it is raised)
    """What ends a file whose batch failed: it is rendered again by itself."""


class _Sizes(NamedTuple):
    """What ``processed`` is given beside the blocks."""

    chain: Processor
    dsp_params: Knobs | None
    total: int
    tail_frames: int
    block_frames: int
    start: int


class _Place:
    """A file's place in a batch. Its thread calls `run`; the batch calls the other methods, under one condition."""

    def __init__(self, changed: threading.Condition) -> None:
        self.sizes: _Sizes | None = None
        self.left = False
        self.error: BaseException | None = None
        self._changed, self._ended = changed, False
        self._given: deque[Tensor] = deque()
        self._made: deque[Tensor] = deque()
        self._context = contextvars.copy_context()
        self._wanted = self._read = 0

    def run(
        self, chain: Processor, dsp_params: Knobs | None, blocks: Iterable[Tensor], *sizes: int
    ) -> Iterator[Tensor]:
        """As ``processed``, by the batch."""
        with self._changed:
            self._context = contextvars.copy_context()
            self.sizes = _Sizes(chain, dsp_params, *sizes)
            self._changed.notify_all()
        given = 0
        for x in blocks:
            given += x.shape[-1]
            yield from self._put(x)
        with self._changed:
            self._ended, self._wanted = True, given + self.sizes.tail_frames if given else 0
            self._changed.notify_all()
        while (y := self._next()) is not None:
            yield y

    def _put(self, x: Tensor) -> Iterator[Tensor]:
        """Hand a block over; what was computed is given out while there is no room for it."""
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self.error or self._made or len(self._given) < _AHEAD)
                if self.error:
                    raise self.error
                ready = self._made.popleft() if self._made else None
                if ready is None:
                    self._given.append(x)
                self._changed.notify_all()
            if ready is None:
                return
            yield ready

    def _next(self) -> Tensor | None:
        """The next computed block; None after the last."""
        with self._changed:
            self._changed.wait_for(lambda: self.error or self._made or (self._ended and self._read >= self._wanted))
            if self.error:
                raise self.error
            self._changed.notify_all()
            return self._made.popleft() if self._made else None

    # The batch.

    def waits(self) -> bool:
        """Whether its thread has yet to come here, or to end without."""
        return self.sizes is None and not self.left

    def blocks(self, frames: int) -> Iterator[Tensor | None]:
        """Its sound in blocks (1, C, frames), the last filled up with silence; then None, for ever."""
        kept: list[Tensor] = []
        while True:
            have = sum(x.shape[-1] for x in kept)
            with self._changed:
                self._changed.wait_for(lambda: self._given or self._ended or self.left)
                more = self._given.popleft() if self._given else None
                self._changed.notify_all()
            if more is not None:
                kept.append(more)
                have += more.shape[-1]
            ended = more is None
            if not have and ended:
                yield None
                continue
            while have >= frames or (ended and have):
                whole = torch.cat(kept, -1)
                block, kept = whole[..., :frames], [whole[..., frames:]]
                have = kept[0].shape[-1]
                yield torch.nn.functional.pad(block, (0, frames - block.shape[-1]))

    def give(self, y: Tensor) -> None:
        """The next computed block (1, C, T): as much of it as the file has."""
        with self._changed:
            self._changed.wait_for(lambda: self.left or len(self._made) < _AHEAD)
            y = y[..., : self._wanted - self._read] if self._ended else y
            self._read += y.shape[-1]
            if y.shape[-1] and not self.left:
                self._made.append(y)
            self._changed.notify_all()

    def tell(self, text: str) -> None:
        """Say something to the file's listener."""
        self._context.run(notify, text)


class Form(NamedTuple):
    """What files have in common that may be one batch.

    Attributes:
        about: equal for such files.
        most: samples of all channels that a batch may have.
        exact: whether they must be of one length.
    """

    about: Hashable
    most: int
    exact: bool


def groups(
    jobs: Sequence[Job], source_of: Callable[[Job], Path], form_of: Callable[[AudioInfo], Form]
) -> list[list[Job]]:
    """Jobs in groups of files that may be one batch, of like length."""
    alike: dict[Form, list[tuple[AudioInfo, Job]]] = {}
    found: list[list[Job]] = []
    for job in jobs:
        try:
            info = audio_info(source_of(job))
            alike.setdefault(form_of(info), []).append((info, job))
        except Exception:  # whatever it is, it is said where the file is rendered
            found.append([job])
    for form, members in alike.items():
        members.sort(key=lambda member: member[0].frames)
        shortest = None
        for info, job in members:
            room = min(MOST_FILES, form.most // max(1, info.channels * info.frames))
            longest = -1 if shortest is None else shortest * (1 if form.exact else _ALIKE)
            if info.frames <= longest and len(found[-1]) < room:
                found[-1].append(job)
            else:
                shortest = info.frames
                found.append([job])
    return found


class Together:
    """Batches on a device.

    Args:
        device: where chains run.
    """

    def __init__(self, device: torch.device) -> None:
        self._device = device
        self._moved: tuple[Processor, Processor] | None = None

    def __call__(self, task: Callable[[Job, Run], Result], jobs: Sequence[Job]) -> Iterator[tuple[Job, Result]]:
        """Do jobs, each in a thread, whose sound goes through the chain as one batch.

        A batch that fails, for want of memory as for one bad file, is done again file by file.

        Args:
            task: does a job; its sound goes through what it is given in place of ``processed``. It raises nothing but
                `Abandoned`.
            jobs: their chains must be alike.
        """
        changed = threading.Condition()
        places = [_Place(changed) for _ in jobs]
        results: dict[int, Any] = {}

        def work(i: int) -> None:
            with suppress(Abandoned):
                results[i] = task(jobs[i], places[i].run)
            with changed:
                places[i].left = True
                changed.notify_all()

        threads = [threading.Thread(target=work, args=(i,), daemon=True) for i in range(len(jobs))]
        failure: BaseException = Abandoned()
        try:
            for thread in threads:
                thread.start()
            self._play(places, changed)
        except Exception as error:
            failure = Abandoned() if len(jobs) > 1 else error
        finally:
            with changed:
                for place in places:
                    place.error = place.error or failure
                changed.notify_all()
            for thread in threads:
                thread.join()
        for i, job in enumerate(jobs):
            if i in results:
                yield job, results[i]
            elif len(jobs) > 1:
                yield from self(task, [job])

    def _play(self, places: list[_Place], changed: threading.Condition) -> None:
        """Run the chain over the sounds of all that take part, until the last has all of its output."""
        with changed:
            changed.wait_for(lambda: not any(place.waits() for place in places))
        places = [place for place in places if place.sizes is not None]
        if not places:
            return
        sizes = [place.sizes for place in places if place.sizes]
        chain = self._on_device(sizes[0].chain)
        total, tail = max(s.total for s in sizes), max(s.tail_frames for s in sizes)

        def told(text: str) -> None:
            for place in places:
                place.tell(text)

        with listening(told):
            sound = self._blocks(places, sizes[0].block_frames)
            made = processed(chain, sizes[0].dsp_params, sound, total, tail, sizes[0].block_frames, sizes[0].start)
            before = None
            # The device computes a block while the one before is fetched.
            for y in itertools.chain(made, [None]):
                if before is not None:
                    for place, own in zip(places, before.cpu().split(1), strict=True):
                        place.give(own)
                before = y
        with changed:
            changed.wait_for(lambda: all(place.left for place in places))

    def _blocks(self, places: list[_Place], frames: int) -> Iterator[Tensor]:
        sounds = [place.blocks(frames) for place in places]
        silence = None
        while True:
            blocks = [next(sound) for sound in sounds]
            there = next((b for b in blocks if b is not None), None)
            if there is None:
                return
            if silence is None or silence.shape != there.shape:
                silence = torch.zeros_like(there)
            batch = torch.cat([silence if b is None else b for b in blocks])
            if self._device.type == "cuda":
                batch = batch.pin_memory()
            yield batch.to(self._device, non_blocking=True)

    def _on_device(self, chain: Processor) -> Processor:
        if self._moved is None or self._moved[0] is not chain:
            self._moved = chain, copy.deepcopy(chain).to(self._device)
        return self._moved[1]
