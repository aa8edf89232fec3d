"""Debian's Chromium for the tests of pages, driven by playwright."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from .oracles import require_oracle

CHROMIUM = "chromium"


@contextmanager
def chromium() -> Iterator[Any]:
    """A browser of playwright's (`playwright.sync_api.Browser`)."""
    require_oracle(CHROMIUM)
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which(CHROMIUM), args=["--no-sandbox"])
        yield browser
        browser.close()
