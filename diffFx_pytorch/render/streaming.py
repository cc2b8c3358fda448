"""Blocks of sound through a chain: its latency taken out, its tail behind."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator

import numpy as np
import torch
from torch import Tensor

from ..control import Knobs
from ..processor import Processor
from ..stream import Stream


def processed(
    chain: Processor,
    dsp_params: Knobs | None,
    blocks: Iterable[Tensor],
    total: int,
    tail_frames: int = 0,
    block_frames: int = 65536,
    start: int = 0,
) -> Iterator[Tensor]:
    """Run blocks through a chain; compensate its latency and append its tail.

    Args:
        chain: any processor.
        dsp_params: its settings.
        blocks: (B, C, T) one after another.
        total: samples in the whole signal, over which control points are spaced; after them the last point holds.
        tail_frames: samples of silence to process after the last block.
        block_frames: longest block of the tail.
        start: sample of the whole signal at which the blocks begin.

    Yields:
        (B, C, T), ``tail_frames`` samples more than the blocks have.
    """
    latency = chain.latency_samples
    sounds = _then_silence(blocks, latency + tail_frames, block_frames)
    if not chain.streamable:
        whole = list(sounds)
        sounds = iter([torch.cat(whole, -1)] if whole else [])
    play = Stream(chain, dsp_params=dsp_params, total=total)
    play.position = start
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


def faded(blocks: Iterable[np.ndarray], end: int, frames: int) -> Iterator[np.ndarray]:
    """Blocks (T, C), faded out (half a cosine) over the last ``frames`` before ``end``."""
    at = 0
    for block in blocks:
        left = end - at - np.arange(len(block)) - 1
        at += len(block)
        if at > end - frames:
            gain = 0.5 - 0.5 * np.cos(np.pi * np.clip(left / frames, 0, 1))
            block = block * gain[:, None].astype(block.dtype)
        yield block


def tail_frames(chain: Processor, dsp_params: Knobs | None, longest: float, warnings: list[str]) -> int:
    """Samples that a chain rings after its input; more than ``longest`` seconds are cut, with a warning."""
    if longest == 0:
        return 0
    seconds = chain.tail_seconds(dsp_params=dsp_params)
    if not seconds <= longest:
        warnings.append(f"rings for {seconds:.3g} s after the input; cut after {longest:g} s, with a fade")
        seconds = longest
    return math.ceil(seconds * chain.sample_rate)


def part_of(frames: int, sample_rate: float, start: float, end: float | None) -> tuple[int, int]:
    """First frame and number of frames from a second to another of a sound; None is its end.

    Raises:
        ValueError: if the sound ends before that.
    """
    first = round(start * sample_rate)
    if start and first >= frames:
        raise ValueError(f"a part from {start:g} s on is asked for, and the file ends at {frames / sample_rate:.3f} s")
    return first, (frames if end is None else min(frames, round(end * sample_rate))) - first
