"""The picture of an address space: every area once, each with what it is for, and small whatever the process has."""

from __future__ import annotations

import xml.etree.ElementTree
from pathlib import Path

import pytest

from tests.support.harness import ASM, OPTIONS, Case, run_case, toyvm
from toyvm.base.record import replace
from toyvm.observe.pictures.layout_map import MAX_AREAS, AreaKind, LayoutArea, LayoutWatcher, picture, size


def texts(svg: str) -> list[str]:
    root = xml.etree.ElementTree.fromstring(svg)
    return ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_areas_are_those_of_the_map(linkage: str) -> None:
    watcher = LayoutWatcher()
    options = replace(OPTIONS, views=frozenset({"maps"}))
    result = run_case(Case(ASM / "layout.s", linkage), options, [watcher])
    (_, _, lines) = result.maps[0]
    shown = [f"{area.start:08x}-{area.end:08x} {area.permissions}" for area in watcher.seen]
    assert shown == [line[: len(text)] for line, text in zip(lines, shown, strict=True)]
    kinds = {area.kind for area in watcher.seen}
    wanted = {
        AreaKind.CODE,
        AreaKind.CONSTANTS,
        AreaKind.DATA,
        AreaKind.BSS,
        AreaKind.HEAP,
        AreaKind.MAPPING,
        AreaKind.STACK,
    }
    assert kinds == wanted
    assert {area.name for area in watcher.seen if area.kind is AreaKind.CODE} == (
        {"/bin/layout"} if linkage == "static" else {"/bin/layout", "/lib/libc.so", "[ld.so]"}
    )


def test_it_is_the_first_process_that_is_seen() -> None:
    """And its shared page, when children ended before it."""
    watcher = LayoutWatcher()
    run_case(Case(ASM / "shm_talk.s", "static"), watchers=[watcher])
    (shared,) = [area for area in watcher.seen if area.kind is AreaKind.SHARED]
    assert (shared.permissions, shared.resident) == ("rw-s", 1)


def test_gaps_and_neighbours() -> None:
    areas = (
        LayoutArea(0x1000, 0x2000, "r-xp", AreaKind.CODE, "a<b", 1),
        LayoutArea(0x2000, 0x4000, "rw-p", AreaKind.HEAP, "", 0),
        LayoutArea(0x104000, 0x105000, "rw-p", AreaKind.STACK, "", 1),
    )
    found = texts(picture(areas, "t"))
    assert found.count("2000") == 1, "one address where areas meet"
    assert [text for text in found if "not mapped" in text] == ["1 MiB not mapped"]
    assert "code of a<b: 4 KiB, 1 of 1 page in memory" in found
    assert "heap, grows up: 8 KiB, 0 of 2 pages in memory" in found


def test_many_areas_make_a_picture_of_bounded_size() -> None:
    areas = tuple(
        LayoutArea(at << 13, (at << 13) + 0x1000, "rw-p", AreaKind.MAPPING, "", 0) for at in range(1, 60_001)
    )
    found = texts(picture(areas, "t"))
    assert sum("private mapping" in text for text in found) == MAX_AREAS
    assert "59,936 more areas" in found
    assert texts(picture((), "nothing"))[0] == "nothing"


@pytest.mark.parametrize(
    ("count", "text"),
    [(4096, "4 KiB"), (1536, "1.5 KiB"), (1 << 20, "1 MiB"), (1 << 50, "1024 TiB"), (100, "100 bytes")],
)
def test_size(count: int, text: str) -> None:
    assert size(count) == text


def test_option(tmp_path: Path) -> None:
    done = toyvm("run", "--layout-picture", tmp_path / "l.svg", ASM / "hello.s")
    assert done.returncode == 0, done.stderr
    assert "Address space: hello.s" in texts((tmp_path / "l.svg").read_text())


def test_unwritable_picture_is_an_error_message(tmp_path: Path) -> None:
    done = toyvm("run", "--layout-picture", tmp_path / "no" / "l.svg", ASM / "hello.s")
    assert done.returncode == 1
    assert done.stderr.startswith(b"toyvm run: ")
    assert b"Traceback" not in done.stderr
