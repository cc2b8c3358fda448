"""Notebooks run one after another in one kernel, each from nothing."""

import os
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
RESET = """\
%reset -f
%matplotlib inline
# A figure is drawn once, and small: fitting the margins draws it twice, and drawing is most of a family's time.
from matplotlib_inline.backend_inline import set_matplotlib_formats
set_matplotlib_formats("png", bbox_inches=None, dpi=36)
"""
LARGEST = 3_000_000
"""Bytes of an executed notebook, with the sounds of its players and the state of its sliders."""

SHORTER = {"neural_controller": (("2048, 1200, 12", "512, 300, 2"),)}
"""What is trained for a shorter time, by notebook."""


@pytest.fixture(scope="session")
def kernel():
    """One process for all notebooks: importing torch and the kernels takes longer than many a notebook."""
    for package in ("nbformat", "nbclient", "ipykernel", "ipywidgets", "matplotlib"):
        pytest.importorskip(package)
    from jupyter_client.manager import KernelManager

    manager = KernelManager(kernel_name="python3")
    environment = {name: value for name, value in os.environ.items() if name != "MPLBACKEND"}  # plots are shown inline
    manager.start_kernel(env=environment, cwd=str(NOTEBOOKS))
    yield manager
    manager.shutdown_kernel(now=True)


@pytest.fixture
def run_notebook(kernel):
    """Run a notebook by name, among no variables of another, and return its outputs."""
    import nbclient
    import nbformat

    def run(name):
        notebook = nbformat.read(NOTEBOOKS / f"{name}.ipynb", 4)
        for cell in notebook.cells:
            for given, short in SHORTER.get(name, ()):
                cell.source = cell.source.replace(given, short)
        notebook.cells.insert(0, nbformat.v4.new_code_cell(RESET))
        nbclient.NotebookClient(notebook, km=kernel, timeout=600).execute()
        assert len(nbformat.writes(notebook)) < LARGEST
        return [output for cell in notebook.cells for output in cell.get("outputs", [])]

    return run
