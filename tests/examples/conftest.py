"""Notebooks run one after another in one kernel, each from nothing."""

import os
from pathlib import Path

import pytest

NOTEBOOKS = Path(__file__).parents[2] / "examples" / "notebooks"
RESET = "%reset -f"


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
        notebook.cells.insert(0, nbformat.v4.new_code_cell(RESET))
        nbclient.NotebookClient(notebook, km=kernel, timeout=600).execute()
        return [output for cell in notebook.cells for output in cell.get("outputs", [])]

    return run
