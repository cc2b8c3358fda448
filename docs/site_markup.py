"""What docstrings say, as Markdown, and formulas as MathML, which browsers draw without a script."""

from __future__ import annotations

import re
import textwrap
from typing import Any

_ROLE = re.compile(r":math:`([^`]+)`")
_CALL = re.compile(r":(?:func|class|meth|mod|attr):`[~\w.]*?(\w+)`")
_MATH = re.compile(r"^( *)\.\. math::( *\S.*(?:\n\1 +\S.*)*|(?:\n(?:\1 +.*)?)+)", re.MULTILINE)
"""A formula behind the mark, to the next empty line, or all that stands below it and further in."""
_INLINE = re.compile(r"\$`([^`]+)`\$")


def markdown_of(text: str) -> str:
    """A docstring as Markdown: formulas in fences, single backticks, references as a list."""
    text = _MATH.sub(_fence, text)
    text = _ROLE.sub(r"$`\1`$", _CALL.sub(r"`\1`", text))
    return re.sub(r"(?<!`)``([^`]+)``(?!`)", r"`\1`", text)  # a fence has three


def _fence(match: re.Match[str]) -> str:
    indent, body = match.groups()
    formula = textwrap.indent(textwrap.dedent(body).strip(), indent)
    return f"{indent}```math\n{formula}\n{indent}```" + "\n" * body.endswith("\n")


def references(text: str) -> tuple[str, list[str]]:
    """A docstring without its references, and they: an entry begins with capital initials or a name."""
    body, _, rest = text.partition("References:")
    entries: list[str] = []
    for line in textwrap.dedent(rest).strip("\n").splitlines():
        begins = not line.startswith(" ") and (not entries or entries[-1].rstrip().endswith((".", ")", ";")))
        if begins:
            entries.append(line.strip())
        elif line.strip():
            entries[-1] += f" {line.strip()}"
    return re.sub(r"\n(Raises|Args):\n(    .*\n?)+", "\n", body).strip(), entries


def mathml(formula: str, block: bool) -> str:
    """A LaTeX formula as MathML."""
    from latex2mathml.converter import convert

    # It knows the lines of ``align*``, and not those of ``aligned``.
    formula = re.sub(r"\\(begin|end)\{aligned\}", r"\\\1{align*}", formula)
    return convert(formula.strip(), display="block" if block else "inline")


def fence_format(source: str, language: str, css_class: str, options: Any, md: Any, **rest: Any) -> str:
    """A fence of ``math``, for pymdownx.superfences: a formula a paragraph."""
    formulas = re.split(r"\n\s*\n", source.strip())
    return "".join(f'<div class="formula">{mathml(formula, True)}</div>' for formula in formulas)


def inline_math(markdown: str) -> str:
    """The inline formulas of a page, written as GitHub reads them, as MathML."""
    return _INLINE.sub(lambda match: mathml(match[1], False), markdown)
