"""The page holds its data in such a way that nothing in them is markup."""

from __future__ import annotations

import base64
import gzip
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest

from toyvm.explore.page import LONG, data_element, page
from toyvm.explore.strings import Strings, exact

HOSTILE = [
    "</script><script>alert(1)</script>",
    "<!--<script>",
    "]]>",
    "&lt;script&gt;",
    "\u2028\u2029",
    "{{SCRIPT}}",
    "\x00\x1b[31m",
    "\ud800",
]


class Elements(HTMLParser):
    """The script elements of a page, by id."""

    def __init__(self, text: str):
        super().__init__()
        self.scripts: list[tuple[dict[str, str | None], str]] = []
        self._open: dict[str, str | None] | None = None
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "script":
            self._open = dict(attrs)
            self.scripts.append((self._open, ""))

    def handle_data(self, data: str) -> None:
        if self._open is not None:
            self.scripts[-1] = (self._open, self.scripts[-1][1] + data)

    def handle_endtag(self, tag: str) -> None:
        if tag == "script":
            self._open = None


@pytest.mark.parametrize("text", HOSTILE)
def test_what_a_guest_writes_stays_a_string(text: str) -> None:
    strings = Strings()
    strings.number(text)
    data = json.dumps({"text": strings.table})
    html = page({"page": data, "run": data})
    scripts = Elements(html).scripts
    assert [attributes.get("id") for attributes, _ in scripts] == ["data-page", "data-run", None]
    for _, content in scripts[:2]:
        assert json.loads(content) == json.loads(data)
        assert not re.search("[<>&]", content)


def test_only_the_pages_own_script_may_run() -> None:
    html = page({"page": "{}"})
    (script,) = [content for attributes, content in Elements(html).scripts if not attributes]
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    assert f"script-src 'sha256-{digest}'" in html
    assert "default-src 'none'" in html
    assert not re.search(r"https?://(?!www\.w3\.org/2000/svg)", html)
    assert "innerHTML" not in html and "fetch(" not in html


def test_long_data_are_compressed() -> None:
    text = json.dumps({"moments": ["a"] * LONG})
    element = data_element("run", text)
    assert 'type="application/gzip"' in element
    packed = element.split(">", 1)[1].split("<", 1)[0]
    assert gzip.decompress(base64.b64decode(packed)).decode() == text
    assert element == data_element("run", text)  # the same bytes each time


def test_numbers_keep_their_digits() -> None:
    assert exact((1 << 53) - 1) == (1 << 53) - 1
    assert exact(1 << 53) == "0x20000000000000"
    assert exact(-1) == -1
    assert exact((1 << 64) - 1) == "0xffffffffffffffff"
