"""Write the notebooks of the families: every effect heard dry and wet, its curve, its knobs as sliders.

    python examples/notebooks/write_families.py

The effects come from the registry; a setting worth hearing is in ``HEARD``; else the knobs that are neutral by default
are set to three quarters.
"""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

from diffFx_pytorch import Processor, registry

NOTEBOOKS = {
    "eq_and_dynamics": ("Equalisers, filters and dynamics", ("eq", "dynamics")),
    "delay": ("Delays", ("delay",)),
    "modulation": ("Modulation", ("modulation",)),
    "spatial": ("Width and place", ("spatial",)),
    "distortion": ("Distortion", ("distortion",)),
    "spectral": ("Effects on the spectrum", ("spectral",)),
    "reverb": ("Reverberation", ("reverb",)),
    "utility": ("Utilities", ("utility",)),
}

HEARD: dict[str, dict[str, float]] = {
    "LowPass": {"freq_hz": 800.0},
    "HighPass": {"freq_hz": 800.0},
    "BandPass": {"freq_hz": 1000.0},
    "Notch": {"freq_hz": 1000.0},
    "ParametricEqualizer": {"low_shelf_gain_db": -6.0, "peak_2_gain_db": 9.0, "high_shelf_gain_db": 6.0},
    "Compressor": {"threshold_db": -32.0, "ratio": 6.0, "makeup_db": 6.0},
    "DeEsser": {"range_db": 18.0, "threshold_db": -12.0},
    "Limiter": {"gain_db": 18.0, "ceiling_db": -3.0},
    "NoiseGate": {"threshold_db": -30.0, "range_db": 60.0, "release_ms": 50.0},
    "Expander": {"threshold_db": -24.0, "ratio": 3.0},
    "TransientShaper": {"attack_db": 9.0, "sustain_db": -9.0},
    "ToneStack": {"bass": 0.8, "mid": 0.2, "treble": 0.7},
    "BitCrusher": {"bits": 6.0, "hold": 4.0, "drive_db": 0.0},
    "Fade": {"fade_in_s": 1.0, "fade_out_s": 1.0},
    "FeedbackDelay": {"delay_ms": 300.0, "feedback": 0.5, "lowpass_hz": 3000.0},
    "Tremolo": {"depth": 0.9},
    "TanH": {"drive_db": 18.0, "output_db": -6.0},
    "ConvolutionReverb": {"predelay_ms": 20.0, "decay": 1.5, "mix": 0.5},
    "EarlyReflections": {"mix": 0.7},
    "FDNReverb": {"decay_s": 3.0, "decay_low_ratio": 1.3, "decay_high_ratio": 0.3, "mix": 0.4},
    "NoiseShapedReverb": {"mix": 0.4},
    "PlateReverb": {"decay_s": 3.0, "damping_hz": 5000.0, "mix": 0.4},
    "SchroederReverb": {"room_size": 0.8, "mix": 0.5},
    "VelvetReverb": {"mix": 0.4},
}

_FIRST = """\
from IPython.display import display

from diffFx_pytorch.processors import {names}
from diffFx_pytorch.report.demo import demo_clip
from diffFx_pytorch.report.notebook import knob_sliders, player
from diffFx_pytorch.report.plots import before_after

RATE = 44100
x = demo_clip(RATE, 2.4)  # (1, 2, T): batch, channels, samples


def listen(fx, settings):
    display(player(x, RATE, "dry"), player(fx(x, dsp_params=settings), RATE, "wet"))
    before_after(fx, x, dsp_params=settings)"""


def settings_of(cls: type[Processor]) -> dict[str, float]:
    """A setting worth hearing, in units; rounded, for it is read."""
    fx = cls()
    if cls.__name__ in HEARD:
        return HEARD[cls.__name__]
    still = [name for name, value in fx.neutral.items() if name in fx.params and fx.params[name].default == value]
    return {name: float(f"{fx.params[name].to_physical(0.75):.3g}") for name in still}


def cells_of(title: str, families: tuple[str, ...]) -> list[nbformat.NotebookNode]:
    """The cells of the notebook of some families."""
    effects = [
        cls
        for family in families
        for cls in sorted(registry.effects().values(), key=lambda c: c.__name__)
        if registry.family(cls) == family and cls.__module__.startswith("diffFx_pytorch.")
    ]
    names = ", ".join(sorted(cls.__name__ for cls in effects))
    imported = f"(\n    {names.replace(', ', f',{chr(10)}    ')},\n)" if len(names) > 60 else names
    cells = [
        new_markdown_cell(f"# {title}\n\nEvery effect dry and wet, what it does as a curve, and its knobs as sliders."),
        new_code_cell(_FIRST.format(names=imported)),
    ]
    for cls in effects:
        doc = inspect.getdoc(cls) or ""
        cells.append(new_markdown_cell(f"## {cls.__name__}\n\n{doc.partition('Args:')[0].strip()}"))
        listed = ", ".join(f'"{k}": {v!r}' for k, v in settings_of(cls).items())
        if len(listed) > 80:
            listed = "\n" + "".join(f'    "{k}": {v!r},\n' for k, v in settings_of(cls).items())
        cells.append(new_code_cell(f"fx = {cls.__name__}(RATE)\nsettings = {{{listed}}}\nlisten(fx, settings)"))
        cells.append(new_code_cell("knob_sliders(fx, x, settings, plot=False)"))
    return cells


def write_notebook(path: Path, cells: Sequence[nbformat.NotebookNode]) -> None:
    """Write cells as a notebook without outputs."""
    for number, cell in enumerate(cells):
        cell["id"] = f"cell-{number}"
    metadata = {"kernelspec": {"name": "python3", "display_name": "Python 3", "language": "python"}}
    nbformat.write(new_notebook(cells=list(cells), metadata=metadata), path)


def text_and_code(cells: Sequence[str]) -> list[nbformat.NotebookNode]:
    """Cells of text (Markdown) and code in turn."""
    return [new_code_cell(text) if number % 2 else new_markdown_cell(text) for number, text in enumerate(cells)]


def main() -> None:
    """Write every notebook, without outputs."""
    for name, (title, families) in NOTEBOOKS.items():
        write_notebook(Path(__file__).with_name(f"{name}.ipynb"), cells_of(title, families))


if __name__ == "__main__":
    main()
