"""Two chains of six in blocks of 512 samples, as a live host would call, and as whole files, beside pedalboard.

Pedalboard keeps its state between calls with ``reset=False``; ours does in a stream, whose plan is made once.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import torch
from harness import Call, Speed

from diffFx_pytorch import Chain, Processor
from diffFx_pytorch.processors import (
    Compressor,
    FeedbackDelay,
    HighPass,
    Limiter,
    LowShelf,
    ParametricEqualizer,
    Peak,
    SchroederReverb,
)

RATE, BLOCK, BLOCKS, SECONDS = 44100, 512, 100, 60


def sound(samples: int) -> np.ndarray:
    return 0.1 * np.random.default_rng(0).standard_normal((2, samples)).astype(np.float32)


def six(space: type[Processor]) -> Callable[[], Processor]:
    kinds = (HighPass, Peak, LowShelf, Compressor, space, Limiter)
    return lambda: Chain(*(kind(RATE) for kind in kinds))


def in_blocks(make: Callable[[], Processor]) -> Callable[[], Call]:
    def prepared() -> Call:
        play = make().stream()
        blocks = torch.from_numpy(sound(BLOCK * BLOCKS)).unsqueeze(0).split(BLOCK, -1)

        @torch.no_grad()
        def run() -> None:
            for block in blocks:
                play(block)

        return run

    return prepared


def whole(make: Callable[[], Processor]) -> Callable[[], Call]:
    def prepared() -> Call:
        fx, x = make(), torch.from_numpy(sound(SECONDS * RATE)).unsqueeze(0)
        return torch.no_grad()(lambda: fx(x))

    return prepared


def pedalboard(last: str, blocks: bool) -> Callable[[], Call]:
    def prepared() -> Call:
        import pedalboard as pb

        space = pb.Reverb() if last == "reverb" else pb.Delay(0.35, 0.35, 0.35)
        shelf = pb.LowShelfFilter(gain_db=0.0)
        board = pb.Pedalboard([pb.HighpassFilter(), pb.PeakFilter(), shelf, pb.Compressor(), space, pb.Limiter()])
        if not blocks:
            x = sound(SECONDS * RATE)
            return lambda: board(x, RATE)
        pieces = np.split(sound(BLOCK * BLOCKS), BLOCKS, -1)
        return lambda: [board(piece, RATE, buffer_size=BLOCK, reset=False) for piece in pieces]

    return prepared


def alone() -> Call:
    """One pass of numpy over the blocks: what the rows of single effects are compared with."""
    pieces = np.split(sound(BLOCK * BLOCKS), BLOCKS, -1)
    return lambda: [np.tanh(piece) for piece in pieces]


SPEED = [
    *(
        Speed(
            f"high-pass, peak, shelf, compressor, {last}, limiter, {'blocks of 512' if blocks else '60 s'}",
            (in_blocks if blocks else whole)(make),
            pedalboard(last, blocks),
            "pedalboard",
            0.2 if blocks else 1.0,
            2 * (BLOCK * BLOCKS if blocks else SECONDS * RATE),
        )
        for last, make in (("reverb", six(SchroederReverb)), ("delay", six(FeedbackDelay)))
        for blocks in (True, False)
    ),
    *(
        Speed(f"{fx.__name__}, blocks of 512", in_blocks(lambda fx=fx: fx(RATE)), alone, "numpy tanh", None, 2 * 51200)
        for fx in (HighPass, ParametricEqualizer, Compressor, SchroederReverb, FeedbackDelay, Limiter)
    ),
]
