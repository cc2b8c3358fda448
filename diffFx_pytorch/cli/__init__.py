"""The command ``difffx``: render and measure files, mix, play, list and describe effects, make a demo, work on spectra.

What is heavy (torch, numba, numpy) is imported by the command that needs it, so that ``--help`` answers at once.
"""

from . import rendering, mixing, fitting, chains, playing, catalogue, inspecting, spectra, warming, health  # noqa: F401  # isort: skip  # importing a module registers its commands
from .app import app, main

__all__ = ["app", "main"]
