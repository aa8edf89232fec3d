"""Assembles the page: one file of HTML with its style, its script and its data.

The sources are in `web/`. Data are JSON in script elements of a type that no browser executes, so
nothing in them can become markup or code as long as no `<` is left in them; and the policy in the
page's head lets the browser run the page's own script only.
"""

from __future__ import annotations

import base64
import gzip
import hashlib
from collections.abc import Mapping
from functools import cache
from pathlib import Path

from ..base.errors import ToyvmError

# Order matters to readers only: all are parts of one script.
SCRIPTS = (
    "dom",
    "data",
    "format",
    "machine",
    "moments",
    "owners",
    "strip",
    "list",
    "frames",
    "memory",
    "processes",
    "now",
    "run",
    "build",
    "load",
    "compare",
    "app",
)
WEB = Path(__file__).parent / "web"
LONG = 512 << 10  # characters of JSON from which a part is compressed


def page(parts: Mapping[str, str]) -> str:
    """The page with the JSON texts `parts`, by name: `page`, `run`, and `build`, `load`, `compare` if present."""
    script = '(() => {\n"use strict";\n' + "\n".join(_source(f"{name}.js") for name in SCRIPTS) + "})();\n"
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    values = {
        "SCRIPT_HASH": f"'sha256-{digest}'",
        "STYLE": _source("page.css"),
        "DATA": "\n".join(data_element(name, text) for name, text in parts.items()),
        "SCRIPT": script,
    }
    pieces = _source("page.html").split("{{")
    out = [pieces[0]]
    for piece in pieces[1:]:
        name, _, rest = piece.partition("}}")
        out += [values[name], rest]
    return "".join(out)


def data_element(name: str, text: str) -> str:
    """JSON as an element: as it is, or compressed if it is long."""
    if len(text) < LONG:
        return f'<script type="application/json" id="data-{name}">{escaped(text)}</script>'
    packed = base64.b64encode(gzip.compress(text.encode(), 9, mtime=0)).decode()
    return f'<script type="application/gzip" id="data-{name}">{packed}</script>'


def escaped(text: str) -> str:
    """JSON without a character that HTML would read: `<`, `>` and `&` occur in strings only."""
    for letter in "<>&":
        text = text.replace(letter, f"\\u{ord(letter):04x}")
    return text


@cache
def _source(name: str) -> str:
    try:
        return (WEB / name).read_text(encoding="utf-8")
    except OSError as error:
        raise ToyvmError(f"the file {name} of the page is missing: {error.strerror}") from None
