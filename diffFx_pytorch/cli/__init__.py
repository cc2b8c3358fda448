"""The command ``difffx``: render files through a chain, list and describe effects, make a demo, work on spectra.

What is heavy (torch, numba, numpy) is imported by the command that needs it, so that ``--help`` answers at once.
"""

from . import rendering, mixing, chains, playing, catalogue, spectra, warming  # noqa: F401  # isort: skip  # importing a module registers its commands
from .app import app, main

__all__ = ["app", "main"]
