"""The page of `toyvm explore` in Debian's Chromium: what is clicked shows what the JSON says."""

from __future__ import annotations

import json
import random
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.support.browser import chromium
from tests.support.exploring import Player
from tests.support.harness import ASM
from toyvm.build import build_program
from toyvm.cli import main
from toyvm.explore.explore import explore
from toyvm.run_options import RunOptions

MOST_BYTES = 1 << 20  # of a sample's page
# Seconds of the page's main thread for one moment: ten times what is measured (docs/design/explore.md), so that only
# a page that has become slower by its nature fails.
MOST_CPU = 0.25


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with chromium() as found:
        yield found


@pytest.fixture(scope="module")
def cow(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The page of asm/cow.s, as the command makes it."""
    path = tmp_path_factory.mktemp("pages") / "cow.html"
    assert main(["explore", str(ASM / "cow.s"), "-o", str(path)]) == 0
    return path


def run_of(path: Path) -> dict[str, Any]:
    """The recording in a page."""
    found = re.search(r'<script type="application/json" id="data-run">(.*?)</script>', path.read_text(), re.S)
    assert found is not None
    run: dict[str, Any] = json.loads(found[1])
    return run


@pytest.fixture
def page(browser: Any, cow: Path) -> Iterator[Any]:
    with opened(browser, cow) as found:
        yield found


class opened:
    """A page in a window of its own; an error in its script fails the test."""

    def __init__(self, browser: Any, path: Path, width: int = 1280, scheme: str = "light"):
        self.context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
        self.path = path
        self.errors: list[str] = []

    def __enter__(self) -> Any:
        page = self.context.new_page()
        page.on("pageerror", lambda error: self.errors.append(str(error)))
        page.on(
            "request", lambda request: self.errors.append(request.url) if "file:" not in request.url else None
        )
        page.goto(self.path.as_uri())
        page.wait_for_selector("html[data-ready]")
        return page

    def __exit__(self, *_: object) -> None:
        self.context.close()
        assert self.errors == []


def move(page: Any, moment: int) -> None:
    """Move the slider, as a hand does."""
    page.evaluate(
        "k => { const s = document.getElementById('slider'); s.value = k; s.dispatchEvent(new Event('input')) }",
        moment,
    )


def shown_state(page: Any) -> dict[str, Any]:
    """What the page shows of the machine."""
    return {
        "registers": page.locator("#registers .register code").all_inner_texts(),
        "entries": page.locator("#entries .entry .index").all_inner_texts(),
        "frames": page.locator("#frame-legend .total").inner_text(),
        "areas": page.locator("#areas .range").all_inner_texts(),
        "processes": page.locator("#processes .process").count(),
    }


def test_the_slider_shows_what_the_json_says(page: Any, cow: Path) -> None:
    run = run_of(cow)
    order = [32, *range(1, 32)]
    moments = random.Random(16).sample(range(len(run["moments"])), 12)
    for moment in [*moments, len(run["moments"]) - 1, 0]:
        player = Player(run)
        player.go(moment)
        move(page, moment)
        shown = shown_state(page)
        frames = len(player.references()) - 1
        assert shown["frames"].replace(",", "") == f"{frames} frame{'s' * (frames != 1)} in use"
        assert shown["processes"] == len(player.threads)
        chosen = page.evaluate("document.querySelector('.process.chosen .pid')?.textContent.trim()")
        if chosen is None:
            continue
        tid = int(chosen)
        assert shown["registers"] == [f"{player.registers[tid][number]:#x}" for number in order]
        space = next((n for n, (_, tids) in player.spaces.items() if tid in tids), None)
        areas = sorted(player.areas.get(space, {}).items()) if space is not None else []
        assert shown["areas"] == [f"{start:x}–{area[0]:x}" for start, area in areas]
        entries = player.picture()["tables"][player.spaces[space][0]] if space is not None else []
        assert shown["entries"] == [f"{level}[{va >> 12 + 9 * level & 511}]" for level, va, _ in entries]


def test_steps_jumps_and_search_find_moments(page: Any, cow: Path) -> None:
    run = run_of(cow)
    kinds = [run["kinds"][row[0]] for row in run["moments"]]
    at = lambda: int(page.evaluate("document.getElementById('slider').value"))  # noqa: E731
    page.keyboard.press("ArrowRight")
    assert at() == 1
    page.keyboard.press("c")
    first = kinds.index("copy")
    assert at() == first
    page.locator("#next-fork").click()
    assert at() == kinds.index("fork", first)
    page.keyboard.press("Shift+F")
    before_fork = kinds[: kinds.index("fork", first)]
    assert at() == max(i for i, kind in enumerate(before_fork) if kind in ("fault", "copy"))
    page.keyboard.press("/")
    page.keyboard.type("exit with status")
    assert page.locator("#found").inner_text() == f"{kinds.count('exit')} found"
    page.keyboard.press("Escape")
    assert kinds[at()] == "exit"
    page.locator("#only").check()
    assert page.locator("#moments .moment").count() == kinds.count("exit")
    page.locator("#moments .moment").first.click()
    assert at() == kinds.index("exit")
    page.locator("#only").uncheck()
    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("End")
    assert at() == len(kinds) - 1


def test_a_copy_is_shown_step_by_step(page: Any, cow: Path) -> None:
    run = run_of(cow)
    fields = run["fields"]["copy"]
    for number, row in enumerate(run["moments"]):
        if run["kinds"][row[0]] != "copy":
            continue
        named = dict(zip(fields, row[3], strict=True))
        move(page, number)
        steps = dict(
            zip(
                page.locator("#now .step").all_inner_texts(),
                page.locator("#now .what").all_inner_texts(),
                strict=True,
            )
        )
        steps = {name.lower(): text for name, text in steps.items()}
        assert f"{named['va']:#x}" in steps["trap"]
        assert f"frame {named['old']:#x}" in steps["pte before"].replace("\n", " ")
        assert f"frame {named['after'] >> 10:#x}" in steps["pte after"].replace("\n", " ")
        if named["copied"]:
            assert f"{named['frame']:#x}" in steps["new frame"]


def test_the_output_so_far(page: Any, cow: Path) -> None:
    run = run_of(cow)
    pieces = [(i, text) for i, row in enumerate(run["moments"]) for _, text in row[4].get("o", ())]
    for moment in (0, pieces[0][0] - 1, pieces[0][0], pieces[-1][0], len(run["moments"]) - 1):
        move(page, moment)
        expected = "".join(text for i, text in pieces if i <= moment) or "nothing yet"
        assert page.evaluate("document.getElementById('output').textContent") == expected


def test_light_and_dark(browser: Any, cow: Path) -> None:
    background = "getComputedStyle(document.body).backgroundColor"
    with opened(browser, cow, scheme="dark") as page:
        dark = page.evaluate(background)
        page.locator("#theme").click()  # from the system's to light
        light = page.evaluate(background)
        page.keyboard.press("t")
        assert page.evaluate(background) == dark != light
    with opened(browser, cow, scheme="light") as page:
        assert page.evaluate(background) == light


def test_a_narrow_page_does_not_scroll_sideways(browser: Any, cow: Path) -> None:
    with opened(browser, cow, width=360) as page:
        tabs = page.locator("[role=tab]:visible")
        for number in range(tabs.count()):
            tabs.nth(number).click()
            assert page.evaluate("document.documentElement.scrollWidth") <= 360
        page.keyboard.press("1")
        for moment in (0, 16, 30, 50):
            move(page, moment)
            assert page.evaluate("document.documentElement.scrollWidth") <= 360


def test_the_keys_are_on_the_page(page: Any) -> None:
    page.keyboard.press("?")
    assert page.locator("#help-box").is_visible()
    assert {"Space", "/", "?", "f", "c"} <= {*page.locator("#help-box kbd").all_inner_texts()}
    page.keyboard.press("Escape")
    assert not page.locator("#help-box").is_visible()
    nameless = page.evaluate(
        """[...document.querySelectorAll('button, input, select')].filter(
            n => !(n.innerText.trim() || n.getAttribute('aria-label') || n.labels?.length)).map(n => n.id)"""
    )
    assert nameless == []  # each control has a name


@pytest.mark.parametrize("sample", ["shm_talk", "lazy", "locality"])
def test_the_samples_pages_are_small_and_quick(browser: Any, sample: str, tmp_path: Path) -> None:
    path = tmp_path / f"{sample}.html"
    assert main(["explore", str(ASM / f"{sample}.s"), "--dynamic", "-o", str(path)]) == 0
    assert path.stat().st_size <= MOST_BYTES
    with opened(browser, path) as page:
        assert cpu_of_a_moment(page, 60) < MOST_CPU


def cpu_of_a_moment(page: Any, moments: int) -> float:
    """Seconds of CPU time of the page's main thread for each place of the slider, drawing included."""
    session = page.context.new_cdp_session(page)
    session.send("Performance.enable", {"timeDomain": "threadTicks"})

    def busy() -> float:
        metrics = {
            metric["name"]: metric["value"] for metric in session.send("Performance.getMetrics")["metrics"]
        }
        return float(metrics["TaskDuration"])

    before = busy()
    page.evaluate(
        """async (n) => {
        const slider = document.getElementById("slider");
        for (let i = 0; i < n; i++) {
          slider.value = Math.round(Number(slider.max) * i / (n - 1));
          slider.dispatchEvent(new Event("input"));
          await new Promise(requestAnimationFrame);
        }
    }""",
        moments,
    )
    return (busy() - before) / moments


def test_hostile_output_is_text(browser: Any, tmp_path: Path) -> None:
    source = tmp_path / "hostile.s"
    source.write_text(
        """        .section .rodata
text:   .ascii  "</script><img src=x onerror='document.title=1'><script>document.title=2</script><!--\\n"
        .equ    LENGTH, . - text
        .text
        .globl  main
main:   li      a0, 1
        la      a1, text
        li      a2, LENGTH
        li      a7, 64
        ecall
        li      a0, 0
        call    exit
"""
    )
    program = build_program([source], linkage="static")
    made = explore(program, ["<b>hostile</b>"], RunOptions())
    path = tmp_path / "hostile.html"
    path.write_text(made.html)
    with opened(browser, path) as page:
        page.keyboard.press("End")
        assert page.title() == "hostile: toyvm explore"
        assert page.locator("img").count() == 0
        assert "<img src=x" in page.locator("#output").inner_text()


def part_of(path: Path, name: str) -> dict[str, Any]:
    """The data of another part of a page."""
    found = re.search(
        rf'<script type="application/json" id="data-{name}">(.*?)</script>', path.read_text(), re.S
    )
    assert found is not None
    part: dict[str, Any] = json.loads(found[1])
    return part


def test_a_line_shows_its_bytes_relocations_and_place(page: Any, cow: Path) -> None:
    build = part_of(cow, "build")
    page.keyboard.press("2")
    (source,) = [source for source in build["sources"] if source["name"] == "cow.s"]
    with_pieces = [(i, line[1]) for i, line in enumerate(source["lines"]) if len(line) > 1]
    for number, pieces in random.Random(4).sample(with_pieces, 8):
        page.locator(f"#line-0-{number + 1}").click()
        shown = page.locator(".c-detail").inner_text()
        assert f"cow.s:{number + 1}" in shown
        for piece in pieces:
            assert f"{piece['section']}+{piece['offset']:#x}" in shown
            assert f"{piece['address']:#x}" in shown
            digits = page.locator(".c-detail .bytes").first.locator("code").all_inner_texts()
            assert "".join(digits) == piece["bytes"]
            for relocation in piece["relocations"]:
                assert relocation["name"] in shown
    picture = page.locator(".treemap").get_attribute("aria-label")
    for name, size, _, _ in build["sizes"][3]:
        assert f"{name} {size} bytes" in picture
    for decision in build["decisions"]:
        assert (
            page.locator(".c-members tr", has_text=decision["name"]).filter(has_text=decision["why"]).count()
        )


def test_bindings_lead_to_their_moments(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "lazy.html"
    assert main(["explore", str(ASM / "lazy.s"), "--dynamic", "--no-compare", "-o", str(path)]) == 0
    run = run_of(path)
    binds = [i for i, row in enumerate(run["moments"]) if run["kinds"][row[0]] == "bind"]
    with opened(browser, path) as page:
        assert page.locator("[role=tab]:visible").all_inner_texts() == ["Run", "Build", "Load"]
        page.keyboard.press("3")
        table = page.locator("#panel-load .card", has=page.locator("h2", has_text="Look-ups"))
        assert [int(text[1:]) for text in table.locator(".to").all_inner_texts()] == binds
        table.locator(".to").last.click()
        assert page.evaluate("Number(document.getElementById('slider').value)") == binds[-1]
        assert page.locator("#panel-run").is_visible()


def test_the_comparison_shows_the_measured_numbers(page: Any, cow: Path) -> None:
    compared = part_of(cow, "compare")
    page.keyboard.press("3" if page.locator("#tab-load").is_visible() else "4")
    page.locator("#tab-compare").click()
    shown = page.locator("#panel-compare").inner_text()
    for claim in compared["claims"]:
        assert claim["text"] in shown and claim["figures"] in shown
    for build in ("static", "dynamic"):
        assert f"{compared[build]['file_size']:,}" in shown
        assert f"{compared[build]['instructions']:,}" in shown
    assert "link_seconds" not in json.dumps(compared)
