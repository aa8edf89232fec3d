"""A word that the dynamic loader fills in: which symbol it is for, how it is bound, and what it holds."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

from toyvm.base.bits import sext
from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.symbol import relocation_fields
from toyvm.kernel.syscalls.tracing.trace_text import peek
from toyvm.loader.dynamic_loader import state_of
from toyvm.loader.load_relocation import read_table
from toyvm.relocations import RELOCATIONS, R

if TYPE_CHECKING:
    from toyvm.kernel.proc.process import Process
    from toyvm.loader.loader_events import SymbolBound
    from toyvm.loader.objects.link_map import LinkMap

    from ..symbolize import Symbolizer

WORD = 8
_AUIPC_T3 = 0xE17  # rd and opcode
_LD_T3_T3 = 0xE3E03  # rs1, funct3, rd and opcode


class SlotWord(Record):
    """A word with a dynamic relocation.

    `file_value` is what the file holds, `value` what the word holds now. `state` is "bound at load",
    "bound at the first call", "not called yet" or "an address in the object, moved by its bias".
    """

    object: str
    address: int
    section: str
    relocation: str
    symbol: str
    addend: int
    file_value: int
    value: int
    target: str  # what `value` is the address of
    state: str
    bound_at: int | None = None  # virtual time of a binding at the first call
    definer: str = ""


def slots(process: Process) -> Iterator[tuple[LinkMap, int, int, int, bytes]]:
    """(object, address, type, addend, symbol's name) of each word that toyvm's loader relocates in `process`."""
    state = state_of(process)
    for obj in state.namespace.objects:
        if obj.image is None:
            continue
        for table in (obj.dynamic.rela, obj.dynamic.plt_rela):
            for offset, info, addend in relocation_fields(read_table(process.mm, obj, table)):
                index = info >> c.R_SYM_SHIFT
                name = obj.symbols.name(obj.symbols[index]) if index else b""
                yield obj, obj.bias + offset, info & c.R_TYPE_MASK, addend, name


def explain_slots(
    process: Process, wanted: int | str, symbols: Symbolizer, bound: dict[int, SymbolBound]
) -> tuple[SlotWord, ...]:
    """The words at an address, or for a symbol. `bound` are the bindings at first calls, by slot."""
    state = state_of(process)
    made = []
    for obj, address, kind, addend, raw in slots(process):
        name = raw.decode("utf-8", "surrogateescape")
        if wanted != name if isinstance(wanted, str) else not address <= wanted < address + WORD:
            continue
        value = int.from_bytes(peek(process, address, WORD) or b"", "little")
        place = symbols.image_at(process.pid, address)
        in_file, section = 0, ""
        if place is not None and place[1].elf is not None:
            in_file = int.from_bytes(place[1].elf.at_address(place[2], WORD), "little")
            section = place[1].section_at(place[2])
        event = bound.get(address)
        if kind == R.JUMP_SLOT and event is None and value == obj.bias + in_file and in_file:
            how, target = "not called yet", "the PLT header, which calls the loader"
        else:
            how = "bound at load" if event is None else "bound at the first call"
            how = how if name else "an address in the object, moved by its bias"
            target = symbols.describe(process.pid, value) or symbols.file_place(process.pid, value)
        row = RELOCATIONS.get(R(kind)) if kind in RELOCATIONS else None
        made.append(
            SlotWord(
                state.filename(obj),
                address,
                section,
                row.name if row is not None else str(kind),
                name,
                addend,
                in_file,
                value,
                target,
                how,
                event.time if event is not None else None,
                event.definer if event is not None else "",
            )
        )
    return tuple(made)


def plt_slot(process: Process, va: int, symbols: Symbolizer) -> int | None:
    """The slot that the PLT entry at `va` jumps through (psABI, "Program Linkage Table"); None if it is no entry.

    An entry is `auipc t3, hi; ld t3, lo(t3); jalr t1, t3; nop`, of 16 bytes.
    """
    place = symbols.image_at(process.pid, va)
    if place is None or place[1].section_at(place[2]) not in (".plt", ".iplt"):
        return None
    start = va & -4
    for entry in range(start, start - 16, -4):
        code = peek(process, entry, 8) or b""
        if len(code) == 8:
            upper, load = int.from_bytes(code[:4], "little"), int.from_bytes(code[4:], "little")
            if upper & 0xFFF == _AUIPC_T3 and load & 0xFFFFF == _LD_T3_T3:
                return entry + sext(upper & 0xFFFFF000, 32) + sext(load >> 20, 12)
    return None
