"""What MkDocs does besides reading pages: API pages, files from outside docs, players, formulas."""

from __future__ import annotations

import os
import posixpath
import re
import sys
from pathlib import Path
from typing import Any

from mkdocs.exceptions import PluginError
from mkdocs.plugins import event_priority
from mkdocs.structure.files import File

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE))

import site_markup  # noqa: E402
import site_sounds  # noqa: E402
import site_words  # noqa: E402
from site_api import API, api_page, undocumented  # noqa: E402
from site_pages import FAMILIES, built_in, by_family  # noqa: E402

ROOT = HERE.parent
OUTSIDE = {"changelog.md": "CHANGELOG.md", "contributing.md": "CONTRIBUTING.md", "CITATION.cff": "CITATION.cff"}
"""Pages and files of the site that lie beside docs."""

NOTEBOOKS = {
    "First listen": ("first_listen",),
    "Effects by family": (
        *("equalisers", "dynamics", "distortion", "modulation", "delays"),
        *("reverbs", "stereo", "spectral", "utilities"),
    ),
    "Putting them to work": ("moving_knobs", "mix_four_stems", "fit_a_recording", "neural_controller"),
    "Engines": ("fdn_design", "phase_retrieval"),
}
"""The notebooks in the order in which one would read them."""

NOTEBOOK_TITLES = {"fdn_design": "FDN design"}


def on_config(config: Any) -> Any:
    """Fill in the parts of the navigation that follow from the code and the folders."""
    effects: list = ["effects/README.md"]
    for family, members in by_family().items():
        pages = [{cls.__name__: f"effects/{cls.__name__}.md"} for cls in members]
        effects.append({FAMILIES.get(family, family.title()): pages})
    notebooks: list = []
    for part, names in NOTEBOOKS.items():
        pages = [{NOTEBOOK_TITLES.get(n, n.replace("_", " ").capitalize()): f"notebooks/{n}.ipynb"} for n in names]
        notebooks += pages if len(pages) == 1 else [{part: pages}]
    reference = [{title: f"api/{name}.md"} for name, (title, _) in API.items()]
    for entry in config["nav"]:
        for title, pages in (("Effects", effects), ("Notebooks", notebooks), ("Reference", reference)):
            if title in entry:
                entry[title] = pages
    fence = {"name": "math", "class": "math", "format": site_markup.fence_format}
    config["mdx_configs"]["pymdownx.superfences"] = {"custom_fences": [fence]}
    return config


@event_priority(100)  # before mkdocs-jupyter, which looks for notebooks
def on_files(files: Any, config: Any) -> Any:
    """Add the reference, what lies beside docs, notebooks, and the sounds of the players."""
    if missing := undocumented():
        raise PluginError(f"public names without a docstring: {', '.join(missing)}")
    for name, path in OUTSIDE.items():
        files.append(File.generated(config, name, abs_src_path=str(ROOT / path)))
    for name in (name for names in NOTEBOOKS.values() for name in names):
        files.append(
            File(f"notebooks/{name}.ipynb", str(ROOT / "examples"), config.site_dir, config.use_directory_urls)
        )
    for name, (title, names) in API.items():
        files.append(File.generated(config, f"api/{name}.md", content=api_page(title, names)))
    if os.environ.get("DOCS_SOUNDS", "yes") != "no":
        cache = Path(os.environ.get("DOCS_CACHE", ROOT / "build" / "sounds"))
        for name, path in site_sounds.players(built_in(), site_words.words(), cache).items():
            files.append(File.generated(config, name, abs_src_path=str(path)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Any) -> str:
    """Players for their comments, formulas in the line, and links that leave docs."""
    source = page.file.src_uri
    if source in OUTSIDE:
        markdown = re.sub(r"\]\(\s*docs/", "](", markdown)
    up = "../" * source.count("/")
    markdown = re.sub(r"\]\((?:\.\./)+(CHANGELOG|CONTRIBUTING)\.md", lambda m: f"]({up}{m[1].lower()}.md", markdown)
    markdown = re.sub(r"\]\((?:\.\./)*examples/notebooks/", f"]({up}notebooks/", markdown)
    markdown = _PATH_AS_TEXT.sub(lambda m: _named(m, source, files), markdown)
    if source.startswith("coming_from/"):
        markdown = re.sub(r"^```python ?(\w*)$", lambda m: _titled(m[1], page.file.name), markdown, flags=re.MULTILINE)
    # Pages are folders on the site, so a sound is one folder further up than the page's source says.
    markdown = re.sub(r"<!-- listen: (\S+) (\S+) (.*?) -->", lambda m: player(f"{up}../sounds/", *m.groups()), markdown)
    return site_markup.inline_math(markdown)


_PATH_AS_TEXT = re.compile(r"\[[^\[\]]+\.md\]\(([^()#]+\.md)(#[^()]*)?\)")
"""A link whose text is the file, as one reads it beside the code."""


def _named(link: re.Match[str], source: str, files: Any) -> str:
    """A link with the title of its page."""
    path, anchor = link[1], link[2] or ""
    file = files.get_file_from_path(posixpath.normpath(posixpath.join(posixpath.dirname(source), path)))
    return f"[{file.page.title}]({path}{anchor})" if file and file.page else link[0]


def _titled(kind: str, library: str) -> str:
    """The fence of a block of a page on another library: whose code it is stands above it."""
    title = {"theirs": library, "setup": "both", "": "diffFx_pytorch"}[kind]
    return f'```python title="{title}"'


_MISREAD = re.compile(r"<p>(?:(?!</p>).)*?(?:```|<code>math\s|:math:|\.\. math::)|(?:<blockquote>\s*){3}", re.DOTALL)
"""A fence, a formula, or the prompt of an interactive session as text."""


def on_page_content(html: str, page: Any, config: Any, files: Any) -> str:
    """Refuse a page on which code stands as text; mark what is prose in tables."""
    if found := _MISREAD.search(html):
        raise PluginError(f"{page.file.src_uri}: a block was not understood: {found[0][-200:]!r}")
    html = _PLOT.sub(lambda m: f'<img class="wide"{m[1]}' if _is_wide(m[2]) else m[0], html)
    html = re.sub(r"<p>(<div class=\"formula\">.*?</div>)</p>", r"\1", html)
    return _CELL.sub(lambda m: f'<td class="prose"{m[1]}>{m[2]}</td>' if _long(m[2]) else m[0], html)


_PLOT = re.compile(r'<img([^>]*? src="\.\./(\w+)\.svg")')


def _is_wide(effect: str) -> bool:
    """Whether a plot has two views beside each other."""
    with open(HERE / "effects" / f"{effect}.svg") as file:
        return int(re.search(r'viewBox="0 0 (\d+)', file.read(300))[1]) > 600


_CELL = re.compile(r"<td([^>]*)>((?:(?!</?td).)*)</td>", re.DOTALL)
_SENTENCE = 60
"""Characters from which on a cell is prose, which a narrow page must not squeeze into a word a line."""


def _long(cell: str) -> bool:
    return len(re.sub(r"<[^>]*>", "", cell)) > _SENTENCE


def player(folder: str, dry: str, wet: str, label: str) -> str:
    """Two sounds, one of which is heard, and buttons that go from one to the other without losing the place."""
    sounds = "".join(f'<audio preload="none" loop src="{folder}{name}"></audio>' for name in (dry, wet))
    takes = "".join(
        f'<button class="take" aria-pressed="{pressed}">{name}</button>'
        for name, pressed in (("before", "true"), ("after", "false"))
    )
    return (
        f'<div class="listen" role="group" aria-label="{label}">{sounds}'
        f'<button class="play" aria-label="Play">&#9654;</button>{takes}'
        '<progress max="1" value="0" aria-hidden="true"></progress></div>'
    )
