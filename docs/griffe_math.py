"""Docstrings of the API pages as Markdown (an extension of griffe, which reads them)."""

import re
from typing import Any

import griffe
from site_markup import inline_math, markdown_of

_RETURNS = re.compile(r"^( *)Returns:\n((?:\1 +\S.*\n?|\n(?=\1 +\S))+)", re.MULTILINE)


class MarkdownDocstrings(griffe.Extension):
    """Formulas and code of docstrings in the markup of the pages."""

    def on_object(self, *, obj: griffe.Object, **kwargs: Any) -> None:
        """Rewrite the docstring of what was read."""
        if obj.docstring:
            text = inline_math(markdown_of(obj.docstring.value))
            kind = getattr(obj, "returns", None) or getattr(obj, "annotation", None)
            obj.docstring.value = _RETURNS.sub(lambda m: _returned(m, str(kind or "")), text)


def _returned(section: re.Match[str], kind: str) -> str:
    """What is returned, behind its type: a colon in the first line would else be taken for the end of one."""
    indent, text = section.groups()
    said = text.strip()
    if not kind or said.startswith(f"{kind}:"):
        return section[0]
    step = re.match(r" *", text)[0]
    return f"{indent}Returns:\n{step}{kind}: {said}\n"
