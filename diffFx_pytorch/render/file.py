"""One file through one chain."""

from __future__ import annotations

import functools
import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
import torch

from ..control import Knobs
from ..files import AudioInfo, audio_info, block_frames_of, read_blocks, resampled_frames
from ..notices import listening
from ..processor import Processor
from ..sound import widened
from .audio_file import AudioWriter
from .formats import check_target, subtype_for
from .level import write_leveled
from .meter import Meter, db
from .settings import RenderSettings
from .streaming import faded, part_of, processed, tail_frames

_FADE_SECONDS = 0.25

Progress = Callable[[float], None]
"""Called with the seconds of input read since the last call."""

Run = Callable[..., Iterator[torch.Tensor]]
"""Runs a chain over blocks, as ``processed``."""


@dataclass(frozen=True)
class Rendered:
    """The result of rendering a file.

    Args:
        seconds: of the output.
        tail_seconds: the part of them after the input's end.
        peak_db: highest sample of the output in dBFS.
        lufs: integrated loudness of the output; None if not asked for.
        true_peak_db: of the output in dBTP; None if not asked for.
        gain_db: applied after the chain, for the level; None if no level was asked for.
        warnings: for the listener, one sentence each.
    """

    seconds: float
    tail_seconds: float
    peak_db: float
    lufs: float | None = None
    true_peak_db: float | None = None
    gain_db: float | None = None
    warnings: tuple[str, ...] = ()


def render_file(
    chain: Processor,
    dsp_params: Knobs | None,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    settings: RenderSettings | None = None,
    *,
    progress: Progress | None = None,
    run: Run = processed,
    **changes: Any,
) -> Rendered:
    """Run a sound file through a chain, block by block, into another file.

    Memory does not grow with the file, unless the chain cannot stream. The chain's latency is compensated, so that
    the output is aligned with the input sample by sample; its tail follows. The target appears whole or not at all.

    Args:
        chain: built for the rate of the file, or for the ``sample_rate`` of the settings.
        dsp_params: its settings in physical units, one item. Control points of automated knobs are evenly spaced over
            the input.
        source: sound file to read.
        target: sound file to write; its extension gives the format.
        settings: everything else.
        progress: called with the seconds of input read since the last call.
        run: how the chain is run over the blocks, if not here and now: as ``processed``.
        **changes: fields of :class:`RenderSettings`, in place of those of ``settings``: ``lufs=-16``.

    Raises:
        OSError: for files that cannot be read or written.
        ValueError: for a target that is the source, a chain built for another rate, settings that do not fit, an
            input or output with NaN.
    """
    settings = replace(settings or RenderSettings(), **changes)
    source, target = Path(source), Path(target)
    info = audio_info(source)
    subtype = settings.subtype or subtype_for(target, settings.bit_depth, info.subtype)
    check_target(source, target, subtype)
    with listening((warnings := []).append):
        sound = open_sound(chain, dsp_params, source, info, settings, warnings, progress, run)
        how = {"source": source, "dither": settings.dither, "clip": settings.clip}
        with AudioWriter(target, sound.rate, sound.channels, subtype, sound.frames, settings.seed, **how) as writer:
            tick = (lambda: progress(0.0)) if progress else (lambda: None)
            levels = write_leveled(sound.blocks, writer, settings, sound.meter, warnings, tick)
    seconds = (writer.frames / sound.rate, sound.tail_frames / sound.rate)
    return Rendered(*seconds, db(writer.peak), *levels, (*warnings, *writer.warnings))


@dataclass(frozen=True)
class Sound:
    """The output of a chain for a file, not yet computed.

    Args:
        rate: in Hz.
        channels: C.
        frames: in all.
        tail_frames: the part of them after the input's end.
        blocks: (T, C), one after another; once.
        meter: gives a meter for it.
    """

    rate: int
    channels: int
    frames: int
    tail_frames: int
    blocks: Iterator[np.ndarray]
    meter: Callable[[], Meter]


def open_sound(
    chain: Processor,
    dsp_params: Knobs | None,
    source: Path,
    info: AudioInfo,
    settings: RenderSettings,
    warnings: list[str],
    progress: Progress | None,
    run: Run = processed,
) -> Sound:
    """The output of a chain for a file; arguments and errors as for ``render_file``."""
    rate = info.sample_rate if settings.sample_rate is None else int(settings.sample_rate)
    if chain.sample_rate != rate:
        raise ValueError(
            f"{source}: the chain is built for {chain.sample_rate:g} Hz and the audio has {rate} Hz; build it for "
            f"that rate, or give sample_rate={chain.sample_rate:g}"
        )
    if info.notice:
        warnings.append(info.notice)
    channels = _channels(chain, info, warnings)
    total = resampled_frames(info, rate)
    first, length = part_of(total, rate, settings.start, settings.end)
    after = tail_frames(chain, dsp_params, settings.tail, warnings) if length else 0
    there, here = (block_frames_of(settings.block_seconds, r, channels) for r in (info.sample_rate, rate))

    def rendered() -> Iterator[np.ndarray]:
        blocks = _told(read_blocks(source, there, rate, first, length), rate, progress)
        sounds = (torch.from_numpy(b.T[None]).expand(1, channels, -1).contiguous() for b in blocks)
        for y in run(chain, dsp_params, sounds, total, after, here, first):
            yield np.ascontiguousarray(y[0].T.numpy())

    blocks = rendered()
    if after and chain.tail_seconds(dsp_params=dsp_params) > settings.tail:
        blocks = faded(blocks, length + after, min(after, round(_FADE_SECONDS * rate)))
    channels_out = chain.channels_out or channels
    mask = info.mask if channels_out == info.channels else None
    meter = functools.partial(Meter, rate, channels_out, mask=mask, dual_mono=settings.dual_mono)
    return Sound(rate, channels_out, length + after, after, blocks, meter)


def _told(blocks: Iterable[np.ndarray], rate: int, progress: Progress | None) -> Iterator[np.ndarray]:
    for block in blocks:
        yield block
        if progress is not None:
            progress(len(block) / rate)


def _channels(chain: Processor, info: AudioInfo, warnings: list[str]) -> int:
    channels = widened(info.channels, chain.channels)
    if channels is None:
        taken = " or ".join(map(str, chain.channels or ()))
        raise ValueError(f"the chain takes {taken} channels, and the file has {info.channels}")
    if channels != info.channels:
        warnings.append(f"mono was given to all {channels} channels that the chain needs")
    return channels
