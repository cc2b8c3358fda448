"""Pairs of recordings from files and folders."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from ..files import audio_info, read_blocks
from ..render.plan import sounds
from .alignment import check_recordings


@dataclass(frozen=True)
class Recordings:
    """A dry and a wet recording, made comparable.

    Args:
        name: of the pair.
        dry: (1, C, T).
        wet: (1, C, T').
        sample_rate: of both, in Hz.
        notices: what was done to them, a sentence each.
    """

    name: str
    dry: Tensor
    wet: Tensor
    sample_rate: int
    notices: list[str]


def read_pair(dry: Path, wet: Path, name: str = "", sample_rate: int | None = None) -> Recordings:
    """Read two files at one rate, with as many channels.

    What has another rate is resampled to that of ``dry``; mono is heard in every channel of the other, and more
    channels than one beside mono as their mean. Each is said.

    Args:
        dry: path of the sound before.
        wet: path of the sound after.
        name: of the pair; empty takes that of ``wet``.
        sample_rate: in Hz, for both; None takes that of ``dry``.

    Raises:
        OSError: for files that cannot be read.
        ValueError: for recordings that no fit can answer, see ``check_recordings``, and other numbers of channels.
    """
    notices, read = [], []
    rate = sample_rate or audio_info(dry).sample_rate
    for path in (dry, wet):
        if (own := audio_info(path).sample_rate) != rate:
            notices.append(f"{path.name} was resampled from {own} to {rate} Hz")
        read.append(sound_at(path, rate))
    x, y = read
    if x.shape[1] != y.shape[1]:
        if 1 not in (x.shape[1], y.shape[1]):
            raise ValueError(f"{dry} has {x.shape[1]} channels and {wet} {y.shape[1]}; one must be mono, or both alike")
        if x.shape[1] == 1:
            x = x.expand(-1, y.shape[1], -1)
            notices.append(f"{dry.name} is mono: it was taken for each of the {y.shape[1]} channels of {wet.name}")
        else:
            notices.append(f"{wet.name} is mono: it was compared with the mean of the channels of {dry.name}")
            x = x.mean(1, keepdim=True)
    try:
        check_recordings(x, y, rate)
    except ValueError as error:
        raise ValueError(f"{name or wet}: {error}") from None
    return Recordings(name or wet.name, x, y, rate, notices)


def pairs_in(dry: Path, wet: Path) -> tuple[list[tuple[str, Path, Path]], list[str]]:
    """The pairs of two folders: files of one name, whatever their kind.

    Returns:
        Name, dry and wet path of each pair, and the names of files without a partner.

    Raises:
        ValueError: for one folder and one file, names that occur twice, or no pair.
    """
    if not dry.is_dir() or not wet.is_dir():
        raise ValueError(f"{dry} and {wet}: give two files or two folders")
    found = []
    for folder in (dry, wet):
        named: dict[str, Path] = {}
        for path, place in sounds([folder]):
            key = place.with_suffix("").as_posix()
            if key in named:
                raise ValueError(f"{path} and {named[key]} have one name; keep one of them")
            named[key] = path
        found.append(named)
    names = sorted(found[0].keys() & found[1].keys())
    alone = sorted(str(path) for a, b in (found, found[::-1]) for key, path in a.items() if key not in b)
    if not names:
        raise ValueError(f"{dry} and {wet} hold no two files of one name; pairs go by name, take_1.wav and take_1.flac")
    return [(name, found[0][name], found[1][name]) for name in names], alone


def sound_at(path: Path, rate: int) -> Tensor:
    """A whole sound file at a rate, float32 (1, C, T)."""
    blocks = list(read_blocks(path, 1 << 16, rate)) or [np.zeros((0, audio_info(path).channels), np.float32)]
    return torch.from_numpy(np.ascontiguousarray(np.concatenate(blocks).T))[None]
