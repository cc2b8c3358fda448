"""The command that looks at the installation: `doctor`."""

from __future__ import annotations

import importlib.metadata
import importlib.util
import json
import os
import platform
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer

from .app import FAILED, app, consoles, print_lines

_NEEDED = ("torch", "numpy", "numba", "soundfile", "soxr", "typer", "rich", "pyyaml")
_EXTRAS = {
    "mutagen": "all tags and cover art",
    "matplotlib": "plots",
    "sounddevice": "difffx live and play",
    "triton": "kernels for a GPU",
}


@app.command()
def doctor(as_json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Look at the installation: versions, devices, the cache of kernels, and whether a file can be rendered.

    The exit status is 1 if something is wrong.
    """
    parts: dict[str, Callable[[], dict[str, Any]]] = {
        "versions": _versions,
        "extras": _extras,
        "devices": _devices,
        "kernels": _kernels,
        "rendering": _rendering,
    }
    found: dict[str, dict[str, Any]] = {}
    wrong = []
    for name, look in parts.items():
        try:
            found[name] = look()
        except Exception as error:  # whatever is wrong is what is looked for
            wrong.append(f"{name}: {type(error).__name__}: {error}")
    if as_json:
        typer.echo(json.dumps({**found, "wrong": wrong}))
    else:
        out, error_console = consoles()
        for name, facts in found.items():
            print_lines(out, name, *(f"  {key:<18} {value}" for key, value in facts.items()))
        print_lines(error_console, *(f"wrong: {text}" for text in wrong))
    if wrong:
        raise typer.Exit(FAILED)


def _versions() -> dict[str, Any]:
    import soundfile

    from .. import __version__

    own = {"difffx": __version__, "python": platform.python_version(), "system": platform.platform()}
    return {
        **own,
        **{name: importlib.metadata.version(name) for name in _NEEDED},
        "libsndfile": soundfile.__libsndfile_version__,
    }


def _extras() -> dict[str, Any]:
    return {
        name: importlib.metadata.version(name)
        if importlib.util.find_spec(name)
        else f"not installed ({use}: pip install {name})"
        for name, use in _EXTRAS.items()
    }


def _devices() -> dict[str, Any]:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    found: dict[str, Any] = {"cpu": f"{usable} processors, {torch.get_num_threads()} threads in an operation"}
    if torch.cuda.is_available():
        for i in range(torch.cuda.device_count()):
            about = torch.cuda.get_device_properties(i)
            found[f"cuda:{i}"] = f"{about.name}, {about.total_memory / 2**30:.0f} GiB"
    else:
        found["cuda"] = "none"
    if torch.backends.mps.is_available():
        found["mps"] = "there"
    return found


def _kernels() -> dict[str, Any]:
    import torch

    from ..kernels import store
    from ..recursion import one_pole

    place = store.folder()
    if place is None:
        raise OSError("there is no home folder: set DIFFFX_CACHE to a folder to keep kernels in")
    place.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=place):
        pass
    start = time.perf_counter()
    one_pole(torch.ones(1, 100), torch.tensor([0.5]))
    took = time.perf_counter() - start
    kept = [path for path in place.glob("*") if path.suffix != ".part"]
    size = sum(path.stat().st_size for path in kept) / 1e6
    cure = "" if len(kept) > 1 else "; difffx warm compiles them all"
    return {"cache": str(place), "kept": f"{len(kept)}, {size:.0f} MB{cure}", "first call": f"{took:.2f} s"}


def _rendering() -> dict[str, Any]:
    import numpy as np

    from ..processors import Compressor
    from ..render import AudioWriter, render_file
    from ..routing import Chain

    rate, seconds = 44100, 10
    found: dict[str, Any] = {}
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder, "in.wav")
        with AudioWriter(source, rate, 2) as writer:
            writer.write(np.random.default_rng(0).uniform(-0.1, 0.1, (rate * seconds, 2)).astype(np.float32))
        render_file(Chain(Compressor(rate)), None, source, Path(folder, "first.wav"))  # loads kernels
        for name in ("wav", "flac", "ogg", "opus", "mp3"):
            start = time.perf_counter()
            render_file(Chain(Compressor(rate)), None, source, Path(folder, f"out.{name}"))
            found[name] = f"{seconds / (time.perf_counter() - start):.0f} times real time (Compressor, stereo)"
    return found
