"""--gc-sections keeps what is reached, and what runs without being named."""

from __future__ import annotations

from typing import Any

import pytest

from tests.support.small_links import link_all

TEXT = """
        .section .text.start,"ax"
        .globl _start
_start: call used
        .section .text.used,"ax"
        .globl used
used:   .cfi_startproc
        lla a0, table
        ret
        .cfi_endproc
        .section .text.unused,"ax"
        .globl unused
unused: .cfi_startproc
        call helper
        .cfi_endproc
        .section .text.helper,"ax"
        .globl helper
helper: ret
        .section .data.table,"aw"
table:  .dword pointed
        .section .text.pointed,"ax"
        .globl pointed
pointed: ret
        .section .init_array,"aw",@init_array
        .dword from_init
        .section .text.init,"ax"
        .globl from_init
from_init: ret
"""


def test_reached_and_unreached() -> None:
    result = link_all(TEXT, gc_sections=True)
    assert {"used", "pointed", "from_init"} <= set(result.symbols)
    assert result.layout.output[result.program.symbols.sid[result.resolution.table["unused"].id]] < 0
    assert result.layout.output[result.program.symbols.sid[result.resolution.table["helper"].id]] < 0
    assert result.sizes[".text"] < link_all(TEXT).sizes[".text"]


def test_unwind_records_go_with_their_functions() -> None:
    assert 0 < link_all(TEXT, gc_sections=True).sizes[".eh_frame"] < link_all(TEXT).sizes[".eh_frame"]


@pytest.mark.parametrize(
    ("section", "kept"),
    [('.section other,"aw"', False), ('.section other,"awR"', True), ('.section mine,"aw"', True), ('.section .note.x,"a",@note', True)],
)  # fmt: skip
def test_kept_sections(section: str, kept: bool) -> None:
    text = f'.globl _start\n_start: lla a0, __start_mine\n.section mine,"aw"\n.dword 0\n{section}\n.globl probe\nprobe: .dword 1\n'
    result = link_all(text, gc_sections=True)
    assert (
        result.layout.output[result.program.symbols.sid[result.resolution.table["probe"].id]] >= 0
    ) == kept


def test_removed_sections_are_named() -> None:
    result = link_all(TEXT, gc_sections=True, print_gc_sections=True)
    assert "removing unused section '.text.helper' in file 'a.o'" in result.warnings


ALIASES = """
        .section .text.start,"ax"
        .globl _start
_start: call alias
        .section .text.target,"ax"
        .globl target
target: lla a0, pointed
        .section .data.pointed,"aw"
pointed: .dword 1
        .section .text.other,"ax"
        .globl other
other:  ret
"""


@pytest.mark.parametrize(
    ("defsyms", "options", "kept"),
    [
        ((("alias", "target"),), {}, {"target"}),
        ((("alias", "target+4"), ("unused", "other")), {}, {"target"}),
        ((("alias", "second"), ("second", "target")), {}, {"target"}),
        ((("alias", "second"), ("second", "other - 4"), ("go", "target")), {"entry": "go"}, {"target"}),
        ((("alias", "0x1000"), ("more", "other")), {"undefined": ("more",)}, {"other"}),
        ((("alias", "target"), ("more", "other")), {"kind": "shared"}, {"target", "other"}),
    ],
)
def test_what_a_symbol_of_defsym_stands_for_is_reached(
    defsyms: tuple[tuple[str, str], ...], options: dict[str, Any], kept: set[str]
) -> None:
    hidden = ".hidden target, other\n.globl more\n" if "kind" in options else ""
    result = link_all(ALIASES + hidden, gc_sections=True, defsyms=defsyms, **options)
    symbols = result.program.symbols
    found = {
        name
        for name in ("target", "other")
        if result.layout.output[symbols.sid[result.resolution.table[name].id]] >= 0
    }
    assert found == kept


def test_debugging_information_goes_with_the_code_that_it_describes() -> None:
    used = (
        '.section .text.used,"ax"\n.globl _start\n_start: ret\n.section .text.idle,"ax"\nidle: ret\n'
        ".section .debug_line.text.used\n.byte 1, 2, 3\n.section .debug_line.text.idle\n.zero 100\n"
        ".section .debug_info\n.4byte named\n"
    )
    dead = '.section .text.dead,"ax"\ndead: ret\n.section .debug_abbrev\n.globl named\nnamed: .byte 1\n.section .debug_str\n.zero 50\n'
    result = link_all(used, dead, gc_sections=True)
    sizes = {name: size for name, size in result.sizes.items() if name.startswith(".debug")}
    sizes.pop(".debug_line", None)  # the assembler's own, of the live object
    assert sizes == {".debug_line.text.used": 3, ".debug_info": 4, ".debug_abbrev": 1}
