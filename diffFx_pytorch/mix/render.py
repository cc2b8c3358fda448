"""A session to a sound file, and to its stems."""

from __future__ import annotations

import math
import os
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..notices import listening
from ..render.audio_file import AudioWriter
from ..render.file import Progress
from ..render.formats import check_target
from ..render.streaming import processed, tail_frames
from .session import Session


@dataclass(frozen=True)
class Mixed:
    """The result of rendering a session.

    Args:
        seconds: of the mix.
        tail_seconds: the part of them after the end of the last clip.
        peak_db: highest sample of the mix in dBFS.
        stems: the files of the stems, by track or bus.
        warnings: for the listener, one sentence each.
    """

    seconds: float
    tail_seconds: float
    peak_db: float
    stems: dict[str, Path]
    warnings: tuple[str, ...] = ()


def render_session(
    session: Session,
    target: str | os.PathLike[str],
    *,
    stems: str | os.PathLike[str] | None = None,
    block_seconds: float = 1.0,
    tail: float = 30.0,
    subtype: str | None = None,
    seed: int = 0,
    progress: Progress | None = None,
) -> Mixed:
    """Mix a session block by block into a file; memory does not grow with its length.

    Every path is delayed as the longest is, and the whole is taken out of the mix, so that what begins at 2 s is heard
    at 2 s. Tails of the tracks, buses and the master follow.

    Args:
        session: the mix.
        target: sound file to write; its extension gives the format.
        stems: folder for a file of each track or bus that goes to the master, as it goes there, of the format of
            ``target``. They add up to what the master gets; where that does nothing, to the mix.
        block_seconds: seconds processed at a time; the output does not depend on it (beyond rounding).
        tail: longest tail in seconds; 0 ends the mix with the last clip.
        subtype: of the samples, as soundfile names it; None takes the format's usual one.
        seed: of the dither of 16-bit files.
        progress: called with the seconds mixed since the last call.

    Raises:
        OSError: for files that cannot be read or written.
        ValueError: for a target that is a source, nothing to hear, NaN in a file or the mix.
    """
    if not block_seconds > 0:
        raise ValueError(f"block_seconds must be positive, got {block_seconds!r}")
    if not 0 <= tail < math.inf:
        raise ValueError(f"tail must be a number of seconds, 0 or more, got {tail!r}")
    target, rate = Path(target), session.sample_rate
    mixer = session.mixer(stems=stems is not None)
    total = session.frames
    if not total:
        raise ValueError("there are no clips to hear")
    named = stem_files(session, target, stems)
    for file in {clip.file for track in session.tracks.values() for clip in track.clips}:
        for path in (target, *named.values()):
            check_target(Path(file), path, subtype)
    if target.resolve() in {path.resolve() for path in named.values()}:
        raise ValueError(f"{target}: would be the mix and a stem; give the stems another folder")
    target.parent.mkdir(parents=True, exist_ok=True)
    if stems is not None:
        Path(stems).mkdir(parents=True, exist_ok=True)
    warnings: list[str] = []
    after = tail_frames(mixer, None, tail, warnings)
    block = max(1, round(block_seconds * rate))
    with ExitStack() as stack:
        stack.enter_context(listening(warnings.append))
        writers = [
            stack.enter_context(AudioWriter(path, rate, 2, subtype, total + after, seed))
            for path in (target, *named.values())
        ]
        for y in processed(mixer, None, session.blocks(block), total, after, block):
            for writer, sound in zip(writers, y[0].split(2), strict=True):
                writer.write(np.ascontiguousarray(sound.T.numpy()))
            if progress is not None:
                progress(y.shape[-1] / rate)
    notices = [*warnings, *writers[0].warnings]
    notices += [f"{path}: {text}" for path, w in zip(named.values(), writers[1:], strict=True) for text in w.warnings]
    peak = writers[0].peak
    peak_db = 20.0 * math.log10(peak) if peak > 0 else -math.inf
    return Mixed(writers[0].frames / rate, after / rate, peak_db, named, tuple(notices))


def stem_files(
    session: Session, target: str | os.PathLike[str], stems: str | os.PathLike[str] | None
) -> dict[str, Path]:
    """The file of each stem of a mix, by track or bus: in the folder ``stems``, none without; as ``target`` is."""
    if stems is None:
        return {}
    return {name: Path(stems) / f"{name}{Path(target).suffix}" for name in session.mixer(stems=True).stems}
