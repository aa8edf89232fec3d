"""Links by a script, by GNU ld and by us, and what of the outputs must be equal."""

from __future__ import annotations

import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from tests.support.oracles import GNU_LD
from toyvm.base.errors import LinkError
from toyvm.elf.constants import PT_LOAD, SHF_ALLOC, SHN_ABS, SHN_LORESERVE, SHT_NOBITS, SHT_STRTAB, SHT_SYMTAB
from toyvm.elf.elf_file import ElfFile

_TABLES = (".symtab", ".strtab", ".shstrtab")


def facts(image: bytes, contents: bool = True) -> dict[str, Any]:
    """Sections, segments and symbols of a program, in a form to compare."""
    elf = ElfFile.parse(image, "out")
    sections = [s for s in elf.sections[1:] if s.name not in _TABLES]
    loads = [p for p in elf.segments if p.type == PT_LOAD]

    def lma(address: int, offset: int) -> int | None:
        for load in loads:
            if load.vaddr <= address < load.vaddr + max(load.memsz, 1) and load.offset <= offset:
                return address - load.vaddr + load.paddr
        return None

    found: dict[str, Any] = {
        "sections": [
            (
                s.name, s.header.type, s.header.flags, hex(s.header.addr), hex(s.header.size), s.header.addralign,
                s.header.entsize, hex(s.header.offset) if s.header.type != SHT_NOBITS else "",
                lma(s.header.addr, s.header.offset) if s.header.flags & SHF_ALLOC and s.header.size else None,
            )
            for s in sections
        ],
        "segments": [
            (p.type, p.flags, hex(p.offset) if p.filesz else "", hex(p.vaddr), hex(p.paddr), hex(p.filesz), hex(p.memsz), p.align)
            for p in elf.segments
        ],
        "symbols": _symbols(elf),
        "entry": hex(elf.header.entry),
    }  # fmt: skip
    if contents:
        stored = [s for s in sections if s.header.type not in (SHT_NOBITS, SHT_SYMTAB, SHT_STRTAB)]
        found["contents"] = [(s.name, elf.contents(s).hex()) for s in stored if s.name != ".riscv.attributes"]
    return found


def _symbols(elf: ElfFile) -> dict[str, tuple[str, str, int, int]]:
    table = elf.symbols()
    assert table is not None
    names = [section.name for section in elf.sections]
    found = {}
    for name, row in zip(table.names, table.array.tolist(), strict=True):
        _, info, other, shndx, value, _ = row
        if not name or info & 15 in (3, 4) or name.startswith("$"):
            continue
        where = names[shndx] if shndx < SHN_LORESERVE else "ABS" if shndx == SHN_ABS else str(shndx)
        found[name] = (hex(value), where, info, other)
    return found


def _script(text: str) -> list[str]:
    """The options for a script; none for the built-in one, ""."""
    Path("script.ld").write_text(text)
    return ["-T", "script.ld"] if text else []


def gnu_link(script: str, objects: Sequence[str], output: str, *flags: str) -> tuple[int, str]:
    """Link with GNU ld in the present folder: (its exit code, its messages)."""
    command = [GNU_LD, *_script(script), *flags, *objects, "-o", output, "--no-relax"]
    result = subprocess.run(command, capture_output=True, text=True, timeout=60)
    return result.returncode, result.stderr


def our_link(script: str, objects: Sequence[str], output: str, *flags: str) -> tuple[int, str]:
    """Link with us: (exit code, messages)."""
    from toyvm.cli.ld import main

    try:
        status = main([*_script(script), *flags, *objects, "-o", output, "--no-relax"])
    except LinkError as error:
        return 1, str(error)
    return status, ""


def differences(script: str, objects: Sequence[str], *flags: str, contents: bool = True) -> list[str]:
    """How our output of a link differs from GNU ld's; empty for none. Both may refuse the script."""
    theirs, their_text = gnu_link(script, objects, "theirs", *flags)
    ours, our_text = our_link(script, objects, "ours", *flags)
    if theirs or ours:
        same = bool(theirs) == bool(ours)
        return [] if same else [f"GNU ld: {theirs} {their_text}", f"toyvm: {ours} {our_text}"]
    one, two = facts(Path("theirs").read_bytes(), contents), facts(Path("ours").read_bytes(), contents)
    lines = []
    for what, expected in one.items():
        found = two[what]
        if what == "symbols":
            for name in sorted(expected.keys() | found.keys()):
                if expected.get(name) != found.get(name):
                    lines.append(f"symbol {name}: GNU ld {expected.get(name)}, toyvm {found.get(name)}")
        elif expected != found and isinstance(expected, list):
            lines += [f"{what}: GNU ld {row}" for row in expected if row not in found]
            lines += [f"{what}: toyvm  {row}" for row in found if row not in expected]
            if sorted(map(str, expected)) == sorted(map(str, found)):
                lines.append(
                    f"{what}: GNU ld's order {[row[0] for row in expected]}, toyvm {[row[0] for row in found]}"
                )
        elif expected != found:
            lines.append(f"{what}: GNU ld {expected}, toyvm {found}")
    return lines
