"""Docstrings of the API pages as Markdown (an extension of griffe, which reads them)."""

from typing import Any

import griffe
from site_markup import markdown_of


class MarkdownDocstrings(griffe.Extension):
    """Formulas and code of docstrings in the markup of the pages."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of what was read."""
        if obj.docstring:
            obj.docstring.value = markdown_of(obj.docstring.value)
