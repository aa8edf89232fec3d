"""Where -Map writes, and what it leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.small_links import START, link_all
from toyvm.cli.ld import map_path
from toyvm.linker.by_products.map_file import map_text


@pytest.mark.parametrize(
    ("name", "expected"),
    [("x.map", "x.map"), ("dir/%", "dir/out/p.map"), ("%.foo", "out/p.foo"), (".", "./p.map")],
)
def test_map_path(name: str, expected: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert map_path(name, "out/p") == expected


def test_discarded_sections_are_shown_or_not() -> None:
    result = link_all(START + '.section gone,"a"\n.word 1\n', gc_sections=True)
    discarded = (
        map_text(result).partition("Discarded input sections\n")[2].partition("\nMemory Configuration")[0]
    )
    assert "\n gone " in discarded
    assert "gone" not in map_text(result, discarded=False)
