"""What mkdocs does not know by itself: pages of docs/ link to files outside of it, such as the samples in asm/.

Each such file becomes a page of the site under source/: Markdown as it is, any other text as a block of code. Links are
rewritten to where the pages are, so that the same files also work where they lie.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from posixpath import dirname, join, normpath, relpath
from typing import Any

from mkdocs.structure.files import File, Files

LINK = re.compile(r"(?<=\]\()([^)#\s:]+)(?=[)#])")
LANGUAGES = {".s": "gas", ".c": "c", ".py": "python", ".inc": "gas"}


def _linked(text: str, path: str, root: Path) -> Iterator[tuple[str, str]]:
    """(target as written, path from the root) of the links in the text of `path` that lead to a file."""
    for target in LINK.findall(text):
        found = normpath(join(dirname(path), target))
        if not found.startswith("..") and (root / found).is_file():
            yield target, found


def _place(path: str) -> str:
    """Where the file at `path` from the root is in the site."""
    if path.startswith("docs/"):
        return path.removeprefix("docs/")
    return f"source/{path}" if path.endswith(".md") else f"source/{path}.md"


def _moved(text: str, path: str, root: Path) -> str:
    """The text with its links as they must be in the site."""
    here = dirname(_place(path)) or "."
    places = {target: relpath(_place(found), here) for target, found in _linked(text, path, root)}
    return LINK.sub(lambda link: places.get(link[0], link[0]), text)


def _page(path: str, root: Path) -> str:
    """A file outside docs/ as a page."""
    text = (root / path).read_text()
    if path.endswith(".md"):
        return _moved(text, path, root)
    return f"# {path}\n\n```{LANGUAGES.get(Path(path).suffix, 'text')}\n{text.rstrip()}\n```\n"


# The samples whose runs are shown, and how they are linked.
GALLERY = (("shm_talk", "dynamic"), ("cow", "static"), ("lazy", "dynamic"), ("locality", "static"))


def _gallery(files: Files, config: Any, root: Path) -> None:
    """Add the pages of `toyvm explore` for some samples, and a list of them."""
    from toyvm.build import build_program
    from toyvm.experiment import compare
    from toyvm.explore.explore import explore
    from toyvm.run_options import RunOptions

    rows = []
    for name, linkage in GALLERY:
        source = root / "asm" / f"{name}.s"
        program = build_program([source], linkage=linkage, keep_history=True)
        made = explore(
            program,
            [f"asm/{name}.s"],
            RunOptions(),
            how=f"{linkage}, from {name}.s",
            sources=[source],
            comparison=compare([source]),
        )
        files.append(File.generated(config, f"gallery/{name}.html", content=made.html))
        first = source.read_text().splitlines()[0].lstrip("# ").removeprefix(f"{name}: ")
        rows.append(
            f"| [{name}](gallery/{name}.html) | {first} | {linkage} | {made.moments} | {len(made.html) >> 10} KiB |"
        )
    text = (
        "# Gallery\n\nRuns of samples as pages, made by [`toyvm explore`](explore.md). Each is one file "
        "that works without a network.\n\n| page | sample | linked | moments | size |\n|---|---|---|---|---|\n"
    )
    files.append(File.generated(config, "gallery.md", content=text + "\n".join(rows) + "\n"))


def on_files(files: Files, config: Any) -> Files:
    """Add a page for each file that a page links to, and that those link to."""
    _gallery(files, config, Path(config.config_file_path).parent)
    root = Path(config.config_file_path).parent
    seen = {f"docs/{page.src_uri}" for page in files.documentation_pages() if not page.generated_by}
    pending = sorted(seen)
    while pending:
        path = pending.pop()
        if not path.endswith(".md"):
            continue
        for _, found in _linked((root / path).read_text(), path, root):
            if found not in seen and not found.startswith("docs/"):
                seen.add(found)
                pending.append(found)
                files.append(File.generated(config, _place(found), content=_page(found, root)))
    return files


def on_page_markdown(markdown: str, page: Any, config: Any, files: Files) -> str:
    """Rewrite the links of a page of docs/. A page with a wide table has no list of contents beside it."""
    columns = max(
        (line.count("|") - 1 for line in re.findall(r"^\|(?:[:-]+\|)+$", markdown, re.M)), default=0
    )
    hidden = ["toc"] * (columns > 8) + ["navigation"] * (columns > 12)
    if hidden:
        page.meta["hide"] = hidden
    if page.file.generated_by:
        return markdown
    return _moved(markdown, f"docs/{page.file.src_uri}", Path(config.config_file_path).parent)
