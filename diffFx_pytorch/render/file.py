"""One file through one chain."""

from __future__ import annotations

import math
import os
import tempfile
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..control import Knobs
from ..files import AudioInfo, audio_info, read_blocks, resampled_frames
from ..notices import listening
from ..processor import Processor
from ..sound import widened
from ..stream import Stream
from .audio_file import AudioWriter
from .formats import check_target
from .loudness import Loudness

Progress = Callable[[float], None]
"""Called with the seconds of input read since the last call."""


@dataclass(frozen=True)
class Rendered:
    """The result of rendering a file.

    Args:
        seconds: of the output.
        tail_seconds: the part of them after the input's end.
        peak_db: highest sample of the output in dBFS.
        lufs: integrated loudness before normalisation; None if not asked for.
        warnings: for the listener, one sentence each.
    """

    seconds: float
    tail_seconds: float
    peak_db: float
    lufs: float | None = None
    warnings: tuple[str, ...] = ()


def render_file(
    chain: Processor,
    dsp_params: Knobs | None,
    source: str | os.PathLike[str],
    target: str | os.PathLike[str],
    *,
    block_seconds: float = 4.0,
    tail: float = 30.0,
    sample_rate: int | None = None,
    subtype: str | None = None,
    lufs: float | None = None,
    dual_mono: bool = False,
    seed: int = 0,
    progress: Progress | None = None,
) -> Rendered:
    """Run a sound file through a chain, block by block, into another file.

    Memory does not grow with the file, unless the chain cannot stream. The chain's latency is compensated, so that
    the output is aligned with the input sample by sample; its tail follows. The target appears whole or not at all.

    Args:
        chain: built for the rate of the file, or for ``sample_rate``.
        dsp_params: its settings in physical units, one item. Control points of automated knobs are evenly spaced over
            the input.
        source: sound file to read.
        target: sound file to write; its extension gives the format.
        block_seconds: seconds of input processed at a time; the output does not depend on it (beyond rounding).
        tail: longest tail in seconds; 0 ends the output with the input.
        sample_rate: in Hz, to resample the input to; None keeps the file's rate.
        subtype: of the samples, as soundfile names it; None takes the format's usual one (24 bits for .wav).
        lufs: integrated loudness to normalise the output to; None leaves the level alone.
        dual_mono: measure the loudness of mono as played by two speakers, 3 dB higher (EBU Tech 3341).
        seed: of the dither of 16-bit files.
        progress: called with the seconds of input read since the last call.

    Raises:
        OSError: for files that cannot be read or written.
        ValueError: for a target that is the source, a chain built for another rate, settings that do not fit, an
            input or output with NaN.
    """
    source, target = Path(source), Path(target)
    if not block_seconds > 0:
        raise ValueError(f"block_seconds must be positive, got {block_seconds!r}")
    if not 0 <= tail < math.inf:
        raise ValueError(f"tail must be a number of seconds, 0 or more, got {tail!r}")
    check_target(source, target, subtype)
    info = audio_info(source)
    rate = info.sample_rate if sample_rate is None else int(sample_rate)
    if chain.sample_rate != rate:
        raise ValueError(
            f"{source}: the chain is built for {chain.sample_rate:g} Hz and the audio has {rate} Hz; build it for "
            f"that rate, or give sample_rate={chain.sample_rate:g}"
        )
    warnings = [info.notice] if info.notice else []
    channels = _channels(chain, info, warnings)
    total = resampled_frames(info, rate)
    after = tail_frames(chain, dsp_params, tail, warnings) if total else 0

    def rendered() -> Iterator[np.ndarray]:
        block_frames = max(1, round(block_seconds * info.sample_rate))
        blocks = _told(read_blocks(source, block_frames, rate), rate, progress)
        sounds = (torch.from_numpy(b.T[None]).expand(1, channels, -1).contiguous() for b in blocks)
        for y in processed(chain, dsp_params, sounds, total, after, max(1, round(block_seconds * rate))):
            yield np.ascontiguousarray(y[0].T.numpy())

    channels_out = chain.channels_out or channels
    with (
        AudioWriter(target, rate, channels_out, subtype, total + after, seed, source) as writer,
        listening(warnings.append),
    ):
        loudness = None
        if lufs is None:
            for block in rendered():
                writer.write(block)
        else:
            mask = info.mask if channels_out == info.channels else None
            meter = Loudness(rate, channels_out, mask=mask, dual_mono=dual_mono)
            loudness = _write_at(lufs, meter, rendered(), writer, warnings)
    peak_db = 20.0 * math.log10(writer.peak) if writer.peak > 0 else -math.inf
    return Rendered(writer.frames / rate, after / rate, peak_db, loudness, (*warnings, *writer.warnings))


def processed(
    chain: Processor,
    dsp_params: Knobs | None,
    blocks: Iterable[Tensor],
    total: int,
    tail_frames: int = 0,
    block_frames: int = 65536,
) -> Iterator[Tensor]:
    """Run blocks through a chain; compensate its latency and append its tail.

    Args:
        chain: any processor.
        dsp_params: its settings.
        blocks: (B, C, T) one after another.
        total: samples in all of them, over which control points are spaced; after them the last point holds.
        tail_frames: samples of silence to process after the last block.
        block_frames: longest block of the tail.

    Yields:
        (B, C, T), ``total + tail_frames`` samples in all.
    """
    latency = chain.latency_samples
    sounds = _then_silence(blocks, latency + tail_frames, block_frames)
    if not chain.streamable:
        sounds = iter([torch.cat(list(sounds), -1)])
    play = Stream(chain, dsp_params=dsp_params, total=total)
    with torch.no_grad():
        for x in sounds:
            y = play(x)
            early = min(latency, y.shape[-1])
            latency -= early
            if y.shape[-1] > early:
                yield y[..., early:]


def _then_silence(blocks: Iterable[Tensor], frames: int, block_frames: int) -> Iterator[Tensor]:
    last = None
    for last in blocks:
        yield last
    while last is not None and frames > 0:
        silence = last.new_zeros(*last.shape[:-1], min(frames, block_frames))
        frames -= silence.shape[-1]
        yield silence


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


def tail_frames(chain: Processor, dsp_params: Knobs | None, longest: float, warnings: list[str]) -> int:
    """Samples that a chain rings after its input; more than ``longest`` seconds are cut, with a warning."""
    if longest == 0:
        return 0
    seconds = chain.tail_seconds(dsp_params=dsp_params)
    if not seconds <= longest:
        warnings.append(f"rings for {seconds:.3g} s after the input; cut after {longest:g} s")
        seconds = longest
    return math.ceil(seconds * chain.sample_rate)


def _write_at(
    lufs: float, meter: Loudness, blocks: Iterable[np.ndarray], writer: AudioWriter, warnings: list[str]
) -> float:
    # Loudness is known at the end only, so the sound is stored in a file beside the target, not in memory.
    with tempfile.TemporaryFile(dir=writer.target.parent) as waiting:
        longest = 1
        for block in blocks:
            meter.add(block)
            waiting.write(block.astype(np.float32).tobytes())
            longest = max(longest, block.nbytes)
        loudness = meter.integrated()
        if math.isfinite(loudness):
            gain = 10.0 ** ((lufs - loudness) / 20.0)
        else:
            warnings.append("is too quiet or too short to measure its loudness; its level is left alone")
            gain = 1.0
        waiting.seek(0)
        while raw := waiting.read(longest):
            writer.write(np.frombuffer(raw, np.float32).reshape(-1, writer.channels) * np.float32(gain))
    return loudness
