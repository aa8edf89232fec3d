"""The link map (-Map) and the cross reference table (--cref), in GNU ld's format, which scripts read too."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from toyvm.base.bits import M64

from ..image_layout import OutputSection
from ..inputs.columns import LINKER
from ..inputs.global_symbols import DefinitionKind
from ..link_result import LinkResult

_NAME = 16
_FILE = 30
_SYMBOL = 50


def map_text(result: LinkResult, cross_references: bool = False, discarded: bool = True) -> str:
    """The whole map. `discarded`: with the input sections that are not in the output."""
    lines = [*_members(result), *_commons(result)]
    lines += [*(_discarded(result) if discarded else ()), *_memory(result)]
    if cross_references:
        lines += _cross_references(result)
    return "\n".join(lines) + "\n"


def _members(result: LinkResult) -> Iterator[str]:
    members = [d for d in result.decisions if d.what == "member"]
    if not members:
        return
    yield from ("Archive member included to satisfy reference by file (symbol)", "")
    for decision in members:
        yield from _columns(decision.name, decision.reason, _FILE)
    yield ""


def _columns(left: str, right: str, width: int) -> Iterator[str]:
    """Two columns; a left one that is too wide gets a line of its own."""
    if len(left) >= width:
        yield left
        left = ""
    yield f"{left:<{width}}{right}"


def _commons(result: LinkResult) -> Iterator[str]:
    commons = [s for s in result.resolution.symbols if s.kind is DefinitionKind.COMMON]
    if not commons:
        return
    yield from ("Allocating common symbols", f"{'Common symbol':<20}{'size':<18}file", "")
    for s in commons:
        yield from _columns(s.name, f"{s.size:#x}".ljust(18) + result.program.file_name(s.file), 20)
    yield ""


def _discarded(result: LinkResult) -> Iterator[str]:
    sections = result.program.sections
    rows = np.flatnonzero((result.layout.output < 0) & (sections.file >= 0)).tolist()
    gone = [sid for sid in rows if sections.name[sid]]
    if not gone:
        return
    yield from ("Discarded input sections", "")
    for sid in gone:
        yield from _section_line(" " + sections.name[sid], 0, int(sections.size[sid]), _owner(result, sid))
    yield ""


def _owner(result: LinkResult, sid: int) -> str:
    file = int(result.program.sections.file[sid])
    return result.program.file_name(file) if file >= 0 else "linker stubs"


def _section_line(name: str, address: int, size: int, owner: str) -> Iterator[str]:
    if len(name) >= _NAME:
        yield name
        name = ""
    yield f"{name:<{_NAME}}0x{address & M64:016x} {size:>#10x} {owner}".rstrip()


def _memory(result: LinkResult) -> Iterator[str]:
    yield from (
        "Memory Configuration",
        "",
        "Name             Origin             Length             Attributes",
    )
    for region in result.layout.memory:
        yield f"{region.name:<16} 0x{region.origin:016x} 0x{region.length:016x} {region.attributes}".rstrip()
    yield from (
        "*default*        0x0000000000000000 0xffffffffffffffff",
        "",
        "Linker script and memory map",
        "",
    )
    loads = [f"LOAD {name}" for name in result.opened or result.inputs]
    by_section = _symbols_by_section(result)
    if result.layout.script_lines:
        yield from loads[: result.script_position]
        yield from _by_script(result, by_section)
        yield from loads[result.script_position :]
        yield f"OUTPUT({result.output} elf64-littleriscv)"
        return
    yield from loads
    for output in result.layout.outputs:
        yield from _header(output)
        for sid in output.members:
            yield from _member(result, sid, by_section)
    provided = [s.id for s in result.resolution.symbols if result.program.symbols.sid[s.id] == LINKER]
    if provided:
        yield ""
    for number in sorted(provided, key=lambda n: int(result.addresses.symbol[n])):
        yield _symbol_line(result, number, "PROVIDE ({} = .)")


def _header(output: OutputSection) -> Iterator[str]:
    yield ""
    load = "" if output.lma in (None, output.addr) else f"load address 0x{output.lma:016x}"
    yield from _section_line(output.name, output.addr, output.size, load)


def _member(result: LinkResult, sid: int, symbols: dict[int, list[int]]) -> Iterator[str]:
    sections = result.program.sections
    size = int(sections.size[sid])
    if not size and sid not in symbols and not result.layout.script_lines:
        return
    address = int(result.layout.addr[sid])
    yield from _section_line(" " + sections.name[sid], address, size, _owner(result, sid))
    for number in symbols.get(sid, ()):
        yield _symbol_line(result, number, "{}")


def _by_script(result: LinkResult, symbols: dict[int, list[int]]) -> Iterator[str]:
    """The statements of the script, with the sections that they place."""
    for line in result.layout.script_lines:
        if line.output >= 0:
            yield from _header(result.layout.outputs[line.output])
        elif line.member >= 0:
            yield from _member(result, line.member, symbols)
        else:
            yield line.text


def _symbol_line(result: LinkResult, number: int, form: str) -> str:
    address = int(result.addresses.symbol[number]) & M64
    return f"{'':<{_NAME}}0x{address:016x}{'':<16}{form.format(result.program.symbol_name(number))}"


def _symbols_by_section(result: LinkResult) -> dict[int, list[int]]:
    symbols = result.program.symbols
    found: dict[int, list[int]] = {}
    for number, sid in enumerate(symbols.sid[: symbols.globals].tolist()):
        if sid >= 0 and result.resolution.symbols[number].kind in (
            DefinitionKind.DEFINED,
            DefinitionKind.COMMON,
        ):
            found.setdefault(sid, []).append(number)
    for numbers in found.values():
        numbers.sort(key=lambda n: int(result.addresses.symbol[n]))
    return found


def _cross_references(result: LinkResult) -> Iterator[str]:
    """Every global symbol: the file that defines it, then those that mention it."""
    users: dict[int, list[str]] = {}
    for loaded in result.resolution.files:
        for number in loaded.ids.tolist():
            users.setdefault(number, []).append(loaded.object.name)
    yield from ("", "Cross Reference Table", "", f"{'Symbol':<{_SYMBOL}}File")
    for symbol in sorted(result.resolution.symbols, key=lambda s: s.name):
        files = list(dict.fromkeys(users.get(symbol.id, ())))
        if symbol.kind in (DefinitionKind.DEFINED, DefinitionKind.COMMON):
            home = result.program.file_name(symbol.file)
            files = [home, *(f for f in files if f != home)]
        elif symbol.kind is DefinitionKind.SHARED:
            files.insert(0, result.resolution.libraries[symbol.file].name)
        if files:
            yield from _columns(symbol.name, files[0], _SYMBOL)
            yield from (f"{'':<{_SYMBOL}}{name}" for name in files[1:])
