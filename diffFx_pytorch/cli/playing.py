"""The commands that are heard at once: a chain under a sound card, and a file through a chain to the card."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from .app import FAILED, Quiet, app, consoles, print_lines, refuse, status_line
from .keys import pressed_keys
from .steps import Effects, chain_of

if TYPE_CHECKING:
    from ..live import Meter, Player
    from ..presets import ChainFile

_LOOK_SECONDS = 0.1
_LONGEST_TAIL = 30.0

_Target = Annotated[
    str | None, typer.Option("--out", metavar="DEVICE", help="Card to play to: part of its name, or its number.")
]
_BlockFrames = Annotated[int, typer.Option(min=16, max=16384, metavar="SAMPLES", help="Length of a block.")]
_ListDevices = Annotated[bool, typer.Option("--list-devices", help="Show the sound cards and exit.")]


@app.command()
def live(
    chain: Annotated[Path | None, typer.Argument(metavar="[CHAIN.yaml]", show_default=False)] = None,
    effects: Effects = None,
    source: Annotated[
        str | None, typer.Option("--in", metavar="DEVICE", help="Card to listen to: part of its name, or its number.")
    ] = None,
    target: _Target = None,
    block: _BlockFrames = 256,
    rate: Annotated[int, typer.Option(min=8000, max=192000, metavar="HZ", help="Sample rate.")] = 48000,
    channels: Annotated[int, typer.Option(min=1, max=64, help="Channels of the input.")] = 2,
    list_devices: _ListDevices = False,
    quiet: Quiet = False,
) -> None:
    """Play a sound card's input through a chain to its output (pip install sounddevice).

    Keys: space or b bypasses, r reads the chain file again (as does changing it), q ends. A file that is wrong is
    named, and the chain before plays on.
    """
    from ..live.card import NoCardError, open_card

    try:
        _devices(list_devices)
        chain_file = _chain_file(chain, effects)
        player = _player(chain_file, rate, block, channels)
        card = open_card(player, _device(source), _device(target))
    except (OSError, ValueError, NoCardError) as error:
        refuse(error)
    _perform(player, card, None if effects else chain, quiet)


@app.command()
def play(
    file: Annotated[Path | None, typer.Argument(metavar="FILE", help="Sound file.", show_default=False)] = None,
    chain: Annotated[Path | None, typer.Option("--chain", "-c", metavar="CHAIN.yaml", help="Chain file.")] = None,
    effects: Effects = None,
    target: _Target = None,
    block: _BlockFrames = 256,
    loop: Annotated[bool, typer.Option("--loop", help="Begin again at the end.")] = False,
    list_devices: _ListDevices = False,
    quiet: Quiet = False,
) -> None:
    """Play a sound file through a chain to a sound card (pip install sounddevice).

    It ends when the effects' tail has died away. Keys: space or b bypasses, r reads the chain file again (as does
    changing it), q ends.
    """
    from ..live.card import NoCardError, open_file

    try:
        _devices(list_devices)
        if file is None:
            raise ValueError("name a sound file to play")
        from ..files import audio_info, read_sound

        chain_file = _chain_file(chain, effects)
        sound = read_sound(file).T.numpy()
        if not len(sound):
            raise ValueError(f"{file}: has no samples")
        player = _player(chain_file, audio_info(file).sample_rate, block, sound.shape[1], None if loop else len(sound))
        card = open_file(player, sound, _device(target), player.tail_samples(_LONGEST_TAIL), loop)
    except (OSError, ValueError, NoCardError) as error:
        refuse(error)
    _perform(player, card, None if effects else chain, quiet)


def _devices(wanted: bool) -> None:
    from ..live.card import sounddevice

    module = sounddevice()
    if wanted:
        print_lines(consoles()[0], str(module.query_devices()))
        raise typer.Exit


def _device(word: str | None) -> str | int | None:
    return int(word) if word is not None and word.isdecimal() else word


def _chain_file(chain: Path | None, effects: list[str] | None) -> ChainFile:
    from ..presets import load_chain

    if (chain is None) == (not effects):
        raise ValueError("name a chain file, or give effects with -e" if chain is None else "give a chain file or -e")
    return chain_of(effects or []) if chain is None else load_chain(chain)


def _player(chain_file: ChainFile, rate: int, block: int, channels: int, total: int | None = None) -> Player:
    from ..live import Player

    processor, knobs = chain_file.build(rate)
    return Player(processor, block, channels, knobs, total)


def _perform(player: Player, card: Any, path: Path | None, quiet: bool) -> None:
    """Play until the end, a key or an interruption."""
    error = consoles()[1]
    if not quiet:
        late = f", {1e3 * player.latency / player.sample_rate:.1f} ms late by its effects" if player.latency else ""
        keys = "space: bypass, r: reload, q: quit" if path else "space: bypass, q: quit"
        print_lines(error, f"playing at {player.sample_rate:g} Hz in blocks of {player.block}{late} ({keys})")
    with pressed_keys() as pressed, status_line(quiet) as show, player, card:
        seen = _changed(path)
        try:
            while card.active and player.error is None:
                key = pressed(_LOOK_SECONDS)
                if key in ("q", "Q"):
                    break
                if key in (" ", "b", "B"):
                    player.bypass()
                if path is not None and (key in ("r", "R") or _changed(path) not in (seen, None)):
                    seen = _changed(path)
                    _reload(player, path, quiet)
                if show:
                    show(_line(player.meter(), player.bypassed))
        except KeyboardInterrupt:
            pass
    meter = player.meter()
    if player.error is not None:
        refuse(player.error, FAILED)
    if not quiet:
        worst = f"slowest block {1e3 * meter.worst:.1f} of {1e3 * player.block / player.sample_rate:.1f} ms"
        text = f"played {meter.duration:.1f} s: {meter.dropouts} dropouts, load {100 * meter.load:.0f} %, {worst}"
        print_lines(error, text)


def _reload(player: Player, path: Path, quiet: bool) -> None:
    from ..presets import load_chain

    error = consoles()[1]
    try:
        player.exchange(*load_chain(path).build(player.sample_rate))
    except (OSError, ValueError) as problem:
        print_lines(error, f"kept the chain that plays: {problem}")
        return
    if not quiet:
        print_lines(error, f"reloaded {path}")


def _changed(path: Path | None) -> tuple[int, int] | None:
    """What changes when a file does; None while there is none."""
    try:
        status = path.stat() if path else None
    except OSError:
        return None
    return (status.st_mtime_ns, status.st_size) if status else None


def _line(meter: Meter, bypassed: bool) -> str:
    text = f"in {_db(meter.peak_in)}  out {_db(meter.peak_out)} dBFS  load {100 * meter.load:3.0f} %"
    text += f"  dropouts {meter.dropouts}"
    if meter.restarts:
        text += f"  restarts after NaN {meter.restarts}"
    return text + "  BYPASS" * bypassed


def _db(peak: float) -> str:
    return f"{20 * math.log10(peak):6.1f}" if peak > 0 else "  -inf"
