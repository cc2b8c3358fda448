"""A sound card's calls without a card: by the clock, or as fast as they can."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Mapping

import numpy as np

from ..control import KnobValue
from ..processor import Processor
from .player import Meter, Player
from .priority import first


def run(
    processor: Processor,
    block: int = 256,
    *,
    seconds: float = 10.0,
    channels: int = 2,
    source: np.ndarray | None = None,
    dsp_params: Mapping[str, KnobValue] | None = None,
    real_time: bool = True,
) -> Meter:
    """Play an effect as a sound card would, and say whether it keeps up.

    ``run(chain, 256).dropouts`` counts the blocks that were not ready when their time was over.

    Args:
        processor: the effect, which must be able to stream.
        block: samples of a block.
        seconds: of sound.
        channels: of the input; that of the source where one is given.
        source: input (T, channels), repeated; None is noise at -20 dBFS.
        dsp_params: values of knobs in their units.
        real_time: wait for the time of each block; else play them one after the other, and a block is a dropout if
            it takes longer than it lasts.

    Returns:
        Counts and times; peaks are of the whole run.

    Raises:
        ValueError: for an effect that cannot play live.
    """
    if source is None:
        noise = np.random.default_rng(0).standard_normal((block * 64, channels))
        source = (0.1 * noise).astype(np.float32)
    player = Player(processor, block, source.shape[1], dsp_params)
    repeated = np.concatenate([source, source[: -len(source) % block]]) if len(source) >= block else None
    if repeated is None:
        raise ValueError(f"source must have at least one block of {block} samples, got {len(source)}")
    out = np.zeros((block, player.channels_out), np.float32)
    lasts = block / player.sample_rate
    with player, first() if real_time else contextlib.nullcontext():
        due = time.perf_counter() + lasts
        for number in range(max(1, round(seconds / lasts))):
            begin = number * block % len(repeated)
            player.callback(repeated[begin : begin + block], out)
            if player.error is not None:
                raise player.error
            if not real_time:
                continue
            early = due - time.perf_counter()
            if early > 0:
                time.sleep(early)
                due += lasts
            else:
                player.miss()
                due = time.perf_counter() + lasts  # a card that ran dry begins anew
    return player.meter()
