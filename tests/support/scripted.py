"""Small links by a script, for unit tests."""

from __future__ import annotations

from typing import Any

from tests.support.small_links import START, elf_of, errors_of, link_all
from toyvm.linker.link_options import Input
from toyvm.linker.link_result import LinkResult

# An object with a section of each kind.
PARTS = (
    START
    + """
        .word 1
        .section .text.one,"ax"
        .globl one
one:    .word 2
        .section .rodata,"a"
        .balign 8
        .dword 3
        .data
        .globl value
value:  .word 4
        .section .data.b,"aw"
        .balign 32
        .word 5
        .bss
        .globl room
room:   .skip 16
"""
)


def script_link(script: str, *objects: Input | str, **options: Any) -> LinkResult:
    """Link `objects`, PARTS without any, by a script."""
    return link_all(*(objects or (PARTS,)), scripts=(("test.ld", script),), **options)


def script_errors(script: str, *objects: Input | str, **options: Any) -> str:
    """The messages of a link by a script that must fail."""
    return errors_of(*(objects or (PARTS,)), scripts=(("test.ld", script),), **options)


def section_addresses(result: LinkResult) -> dict[str, tuple[int, int]]:
    """Name -> (address, size) of the sections in memory."""
    return {s.name: (s.header.addr, s.header.size) for s in elf_of(result).sections if s.header.flags & 2}


def section_bytes(result: LinkResult, name: str) -> bytes:
    """The contents of a section."""
    elf = elf_of(result)
    section = elf.section(name)
    assert section is not None
    return elf.contents(section)
