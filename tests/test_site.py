"""The site that `make docs` builds: it can be read from its folder, without a server and a network."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import chromium
from tests.support.harness import ROOT


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("site")
    done = subprocess.run(
        [sys.executable, "-m", "mkdocs", "build", "--strict", "--quiet", "--site-dir", str(folder)],
        cwd=ROOT,
        env={"PATH": "/usr/bin:/bin", "NO_MKDOCS_2_WARNING": "1"},
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stdout + done.stderr) == (0, "")
    return folder


def pages(site: Path) -> list[Path]:
    """The pages that are written, without the sources that they link to."""
    return [path for path in sorted(site.rglob("*.html")) if path.relative_to(site).parts[0] != "source"]


def test_the_site_holds_what_it_needs_and_nothing_else(site: Path) -> None:
    assert len(pages(site)) > 30
    assert list(site.rglob("__pycache__")) == list(site.rglob("*.py")) == []
    assert (site / "search" / "search_index.js").stat().st_size > 100_000
    assert (site / "iframe-worker.js").exists()
    for page in pages(site):
        loaded = re.findall(r"<(?:script|img|iframe)[^>]* src=\"?(https?:[^\" >]*)", page.read_text())
        assert loaded == [], page.name


@pytest.fixture
def browser() -> Iterator[Any]:
    with chromium() as started:
        yield started.new_page(viewport={"width": 1280, "height": 800})


# the theme's script has put each table into a box that scrolls
WRAPPED = """() => [...document.querySelectorAll(".md-content table:not([class])")]
    .every(table => table.closest(".md-typeset__scrollwrap"))"""
WIDER = """() => [...document.querySelectorAll(".md-typeset__scrollwrap")]
    .filter(box => box.scrollWidth > box.clientWidth + 1).length"""


def test_search_works_from_files_and_tables_fit_the_page(site: Path, browser: Any) -> None:
    browser.goto(f"file://{site}/index.html")
    browser.locator("input.md-search__input").click()
    browser.keyboard.type("copy-on-write")
    found = browser.locator(".md-search-result__link")
    for _ in range(60):
        browser.wait_for_timeout(500)
        if found.count():
            break
        browser.keyboard.press("Space")  # what was typed before the index was read is not looked for
    assert "07-copy-on-write" in (found.first.get_attribute("href", timeout=1000) or "")
    widest = (
        "performance",
        "grading",
        "index",
        "reference/options",
        "reference/relocations",
        "reference/isa",
    )
    for page in widest:
        browser.goto(f"file://{site}/{page}.html", wait_until="domcontentloaded")
        browser.wait_for_function(WRAPPED)
        assert browser.evaluate(WIDER) == 0, page
