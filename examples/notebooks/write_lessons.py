"""Write the notebooks of ``source``: text with blocks of Python becomes cells of text and code, without outputs.

python examples/notebooks/write_lessons.py
"""

from __future__ import annotations

import re
from pathlib import Path

from nbformat.v4 import new_code_cell, new_markdown_cell
from write_families import HERE, write_notebook

SOURCES = sorted((HERE / "source").glob("*.md"))


def main(folder: Path = HERE) -> None:
    """Write every notebook, without outputs."""
    for source in SOURCES:
        pieces = re.split(
            r"^```python\n(.*?)\n```$", source.read_text(encoding="utf-8"), flags=re.DOTALL | re.MULTILINE
        )
        cells = [
            new_code_cell(piece) if number % 2 else new_markdown_cell(piece.strip())
            for number, piece in enumerate(pieces)
            if piece.strip()
        ]
        write_notebook(folder / f"{source.stem}.ipynb", cells)


if __name__ == "__main__":
    main()
