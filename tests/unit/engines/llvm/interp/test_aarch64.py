"""The interpreter's handlers as code for aarch64: what LLVM can already compile for another host."""

from __future__ import annotations

import re

import pytest

from toyvm.elf.constants import SHT_RELA
from toyvm.elf.headers import read_shdrs
from toyvm.elf.symbol import relocation_fields
from toyvm.engines.llvm.interp.handler_table import HandlerModule
from toyvm.engines.llvm.translator import unavailable

pytestmark = pytest.mark.skipif(bool(unavailable()), reason=unavailable() or "LLVM is here")

EM_AARCH64 = 183
ADR_PREL_PG_HI21, ADD_ABS_LO12_NC, JUMP26 = 275, 277, 282


def compiled(text: str) -> bytes:
    """The object file of a module for aarch64."""
    import llvmlite.binding as binding

    binding.initialize_all_targets()
    binding.initialize_all_asmprinters()
    try:
        target = binding.Target.from_triple("aarch64-linux-gnu")
    except RuntimeError:
        pytest.skip("this LLVM does not make code for aarch64")
    machine = target.create_target_machine(cpu="generic", opt=2, reloc="pic", codemodel="small")
    code: bytes = machine.emit_object(binding.parse_assembly(f'target triple = "aarch64-linux-gnu"\n{text}'))
    return code


def relocations(code: bytes) -> set[int]:
    """The types of the relocations of the code."""
    found = set()
    sections = read_shdrs(code, "object")
    for section in sections:
        if section.type == SHT_RELA and sections[section.info].flags & 4:  # of executable sections
            table = code[section.offset : section.offset + section.size]
            found |= {info & 0xFFFFFFFF for _, info, _ in relocation_fields(table)}
    return found


def test_frequent_handlers_and_the_loop_are_independent_of_the_host() -> None:
    code = compiled(HandlerModule().often())
    assert int.from_bytes(code[18:20], "little") == EM_AARCH64
    assert relocations(code) <= {ADR_PREL_PG_HI21, ADD_ABS_LO12_NC, JUMP26}


def test_only_rounding_and_flags_need_the_host() -> None:
    """What engines.md says of aarch64: the handlers that name MXCSR are those that LLVM cannot compile."""
    text = HandlerModule().rarely()
    body, metadata = text[: text.index("\n!0 =")], text[text.index("\n!0 =") :]
    head, *functions = re.split(r"\n(?=define )", body)
    portable = [function for function in functions if "llvm.x86" not in function]
    assert len(functions) - len(portable) < 70 < len(portable)
    declarations = [line for line in head.splitlines() if "llvm.x86" not in line]
    code = compiled("\n".join([*declarations, *portable, metadata]))
    assert relocations(code) == {JUMP26}
