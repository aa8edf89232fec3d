"""Libraries that libraries need: who takes part, who is reported missing, who is searched for."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.small_links import START, errors_of, link_all, shared
from toyvm.linker.link_options import Input


@pytest.fixture
def libraries(tmp_path: Path) -> tuple[Input, tuple[str, ...]]:
    """liba.so, which needs libb.so, where `deep` is; and the folder that has libb.so."""
    deep = shared("libb.so", ".globl deep\n.type deep,@function\ndeep: ret\n")
    assert deep.data is not None
    (tmp_path / "libb.so").write_bytes(deep.data)
    return shared("liba.so", ".globl near\n.type near,@function\nnear: tail deep\n", deep), (str(tmp_path),)


def test_a_library_of_a_library_is_reported_or_takes_part(libraries: tuple[Input, tuple[str, ...]]) -> None:
    library, folder = libraries
    text = START + "call deep\n"
    message = errors_of(text, library, rpath_link=folder)
    assert "undefined reference to symbol `deep'\n" in message
    assert f"{folder[0]}/libb.so: error adding symbols: DSO missing from command line" in message
    result = link_all(text, library, rpath_link=folder, copy_needed=True)
    assert result.needed == ("liba.so", "libb.so")
    # Without a need for it, it is no DT_NEEDED; where it is not found, the symbol is undefined.
    assert link_all(START + "call near\n", library, rpath_link=folder, copy_needed=True).needed == (
        "liba.so",
    )
    assert "undefined reference to `deep'" in errors_of(text, library)


def test_a_symbol_that_the_program_hides_from_a_library() -> None:
    library = shared("libx.so", ".globl f\n.type f,@function\nf: tail mine\n")
    text = START + ".globl mine\n.hidden mine\nmine: ret\n"
    assert "hidden symbol `mine' in a.o is referenced by DSO libx.so" in errors_of(text, library)
    assert link_all(text.replace(".hidden", ".protected"), library).symbols["mine"]
