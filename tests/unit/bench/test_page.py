"""docs/performance.md says what docs/performance.json holds."""

from __future__ import annotations

import json
import xml.etree.ElementTree as ET

from tests.bench import page, plot
from tests.bench.tables import Row

ROWS: list[Row] = [
    {"what": "one", "length": 7, "warm": 1.0, "cold": 9.0, "qemu": 2.0, "native": 0.5, "warm/qemu": 0.5},
    {"what": "two", "length": 8, "warm": 3.0, "cold": 4.0, "qemu": 2.0, "native": 1.0, "warm/qemu": 1.5},
]


def test_the_page_and_the_plot_are_made_from_the_figures() -> None:
    figures = json.loads(page.FIGURES.read_text())
    assert page.filled(page.PAGE.read_text(), figures) == page.PAGE.read_text()
    assert page.picture(figures) == page.PLOT.read_text()


def test_places_are_filled_and_say_so_when_there_is_nothing() -> None:
    text = "a\n<!-- figures: compute -->\nformer\n<!-- end -->\n<!-- figures: latency -->\n<!-- end -->\n"
    filled = page.filled(text, {"groups": {"compute": {"rows": ROWS}}})
    assert "former" not in filled
    assert "| one | 7 | 9.00 | 1.00 | 2.00 | 0.50 | 0.50 |" in filled
    assert "<!-- figures: latency -->\nNot measured yet.\n<!-- end -->\n" in filled
    assert page.filled(filled, {"groups": {"compute": {"rows": ROWS}}}) == filled


def test_our_row_beside_others_is_taken_from_the_figures() -> None:
    hello: Row = {"what": "hello, static, glibc", "warm": 30.0, "qemu": 12.0}
    report = {"groups": {"compute": {"rows": [{**ROWS[0], "what": "sieve"}]}, "start": {"rows": [hello]}}}
    lines = page.filled("<!-- figures: peers -->\n<!-- end -->", report).splitlines()
    assert "| **toyvm**, warm | Sv39 pages | - | 0.50 | - | - | - | 2.50 |" in lines


def test_the_plot_has_a_bar_for_each_way_of_each_program() -> None:
    root = ET.fromstring(plot.ratios(ROWS, 0.6))
    space = "{http://www.w3.org/2000/svg}"
    widths = {
        way: [float(bar.get("width", "")) for bar in root.iter(f"{space}rect") if bar.get("class") == way][1:]
        for way in ("warm", "cold", "native")  # the first of each is in the legend
    }
    assert widths["warm"][1] == 3 * widths["warm"][0]
    assert widths["native"][0] < widths["native"][1] < widths["warm"][1] < widths["cold"][0]
    words = [element.text for element in root.iter(f"{space}text")]
    assert {"one", "two", "4.50"} <= set(words)  # a bar that is cut still tells its number
