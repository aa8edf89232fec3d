"""The page that `toyvm explore` makes: its size, and how many moments a second its slider shows in Chromium.

A figure of elapsed time, unlike the others: it counts the frames that the browser has drawn, by software.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Iterator
from typing import Any

from tests.bench.measure import cpu_seconds, progress
from tests.bench.settings import Settings
from tests.bench.tables import Column, Row, Table
from tests.support.browser import chromium
from tests.support.harness import ROOT

SAMPLES = ("shm_talk", "cow", "lazy", "locality")
VIEWS = ((1280, 800), (360, 740))  # of the window, in pixels
PLACES = 100  # of the slider, evenly from the first moment to the last

TABLE = Table(
    "the page of explore, dynamic",
    (
        Column("program", "program"),
        Column("make", "CPU seconds to make", ".2f"),
        Column("size", "KB", ",.0f"),
        *(
            Column(f"frames_{width}", f"frames a second, {width} x {height}", ".0f")
            for width, height in VIEWS
        ),
        Column("aim", "aim"),
    ),
)

# Each place of the slider waits for the frame that shows it.
SLIDE = """async (places) => {
    const slider = document.getElementById("slider"), begun = performance.now();
    for (let i = 0; i < places; i++) {
        slider.value = Math.round(i * slider.max / (places - 1));
        slider.dispatchEvent(new Event("input", { bubbles: true }));
        await new Promise(requestAnimationFrame);
    }
    return places * 1000 / (performance.now() - begun);
}"""


def frames(browser: Any, url: str, width: int, height: int, runs: int) -> float:
    """The median of `runs`, in frames a second; a first run warms the browser up."""
    page = browser.new_page(viewport={"width": width, "height": height})
    page.goto(url)
    found = [page.evaluate(SLIDE, PLACES) for _ in range(runs + 1)]
    page.close()
    return statistics.median(found[1:])


def rows(settings: Settings) -> Iterator[Row]:
    """A row for each sample."""
    with chromium() as browser:
        for name in SAMPLES:
            if not settings.wants(name):
                continue
            progress("", about=f"explore {name}")
            page = settings.folder / f"{name}.html"
            source = ROOT / "asm" / f"{name}.s"
            words = [sys.executable, "-m", "toyvm", "explore", str(source), "--dynamic", "-o", str(page)]
            row: Row = {"program": name, "make": cpu_seconds(words), "size": page.stat().st_size / 1000}
            for width, height in VIEWS:
                row[f"frames_{width}"] = frames(browser, page.as_uri(), width, height, settings.runs)
            yield row | {"aim": "30 frames a second, 1,000 KB"}
