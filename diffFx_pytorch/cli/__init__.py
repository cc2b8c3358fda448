"""The command ``difffx``: render, measure, mix and play files, list and describe effects, open a rack in the browser.

What is heavy (torch, numba, numpy) is imported by the command that needs it, so that ``--help`` answers at once.
"""

from . import rendering, mixing, fitting, chains, playing, studio, catalogue, inspecting, spectra, warming, health  # noqa: F401  # isort: skip  # importing a module registers its commands
from .app import app, main

__all__ = ["app", "main"]
