"""Sound cards, through sounddevice and PortAudio."""

from __future__ import annotations

import threading
from typing import Any

import numpy as np

from .player import Player
from .priority import come_first

Device = str | int | None


class NoCardError(RuntimeError):
    """Sound cards cannot be reached; the message names the cure."""


def sounddevice() -> Any:
    """The module of that name.

    Raises:
        NoCardError: where it or the library below it is missing.
    """
    try:
        import sounddevice  # pyright: ignore[reportMissingImports]  # an extra
    except ImportError:
        raise NoCardError("sound cards need sounddevice: pip install sounddevice") from None
    except OSError as error:
        raise NoCardError(
            f"sounddevice needs the PortAudio library ({error}): install the system's package, libportaudio2 on "
            "Debian and Ubuntu, portaudio on Fedora, Arch and Homebrew"
        ) from None
    return sounddevice


def open_card(player: Player, source: Device, target: Device) -> Any:
    """A card's input through a player to a card's output, not yet started.

    Raises:
        NoCardError: if the card cannot be opened so.
    """

    def callback(indata: np.ndarray, outdata: np.ndarray, frames: int, when: Any, status: Any) -> None:
        if status:
            player.miss()
        player.callback(indata, outdata)

    channels = (player.channels, player.channels_out)
    return _opened("Stream", player, callback, device=(source, target), channels=channels)


def open_file(player: Player, sound: np.ndarray, target: Device, tail: int = 0, loop: bool = False) -> Any:
    """A sound through a player to a card's output, not yet started; it ends after the sound and its tail.

    Args:
        player: for the sound's channels.
        sound: (T, channels), float32.
        target: the card; None is the usual one.
        tail: samples after the sound.
        loop: begin again at the end.

    Raises:
        NoCardError: if the card cannot be opened so.
    """
    stop, position = sounddevice().CallbackStop, 0
    end = len(sound) + tail + player.latency

    def callback(outdata: np.ndarray, frames: int, when: Any, status: Any) -> None:
        nonlocal position
        if status:
            player.miss()
        if loop:
            block = sound.take(range(position, position + frames), axis=0, mode="wrap")
        else:
            block = sound[position : position + frames]
            block = np.concatenate([block, np.zeros((frames - len(block), player.channels), np.float32)])
        player.callback(block, outdata)
        position += frames
        if loop:
            position %= len(sound)
        elif position >= end:
            raise stop

    return _opened("OutputStream", player, callback, device=target, channels=player.channels_out)


def _opened(kind: str, player: Player, callback: Any, **settings: Any) -> Any:
    module, threads = sounddevice(), set()

    def prompt(*arguments: Any) -> None:
        if (thread := threading.get_ident()) not in threads:
            threads.add(thread)
            come_first()
        callback(*arguments)

    try:
        return getattr(module, kind)(
            samplerate=player.sample_rate,
            blocksize=player.block,
            dtype="float32",
            latency="low",
            callback=prompt,
            **settings,
        )
    except (module.PortAudioError, ValueError) as error:
        raise NoCardError(f"the sound card cannot be opened: {error}; difffx live --list-devices shows them") from None
