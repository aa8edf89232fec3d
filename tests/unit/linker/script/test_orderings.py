"""--section-ordering-file: what it names comes first in its output section (GNU ld since 2.43)."""

from __future__ import annotations

import pytest

from tests.support.small_links import errors_of, link_all
from toyvm.linker.link_result import LinkResult

TEXT = (
    ".globl _start\n_start: ret\n"
    + "".join(
        f'.section .text.{name}, "ax"\n.globl {name}\n{name}: nop\nret\n' for name in ("cold", "warm", "hot")
    )
    + "".join(f'.section .data.{name}, "aw"\n.globl {name}_\n{name}_: .dword 1\n' for name in ("x", "y"))
)


def in_order(result: LinkResult) -> list[str]:
    names = ("cold", "warm", "hot", "_start", "x_", "y_")
    return sorted(names, key=lambda name: result.symbols[name])


def linked(*texts: str, **options: object) -> LinkResult:
    return link_all(TEXT, orderings=tuple((f"o{n}", text) for n, text in enumerate(texts)), **options)


def test_the_built_in_layout_with_an_order() -> None:
    result = linked(".text : { *(.text.hot) *(.text.warm) }\n.data : { *(.data.y) }\n")
    assert in_order(result) == ["hot", "warm", "_start", "cold", "y_", "x_"]
    assert in_order(linked(".text : { *(.text.warm) ; }", ".text : { *(.text.hot) }"))[:2] == ["hot", "warm"]


def test_a_script_with_an_order() -> None:
    script = "SECTIONS { . = 0x10000; .text : { *(.text .text.*) } .data : { *(.data .data.*) } }"
    result = linked(".text : { *(.text.warm) }", scripts=(("s", script),))
    assert in_order(result)[0] == "warm"
    assert result.symbols["warm"] == 0x10000


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".tex : { *(.text.hot) }", "o0:1:1: error: the linker script has no output section `.tex'"),
        ("\n.text : { a = 1; }", "o0:2:11: error: an ordering file places input sections, and nothing else"),
        (".text : { *(.text.hot }", "o0:1:"),
    ],
)
def test_what_an_ordering_file_cannot_say(text: str, message: str) -> None:
    assert errors_of(TEXT, orderings=(("o0", text),)).startswith(message)
