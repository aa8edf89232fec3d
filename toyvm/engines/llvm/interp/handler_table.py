"""The interpreter's module and its decoding table, made from the instruction table.

The decoding table is data for `fill` in `interpreter.ll`: offsets of 32 bits, by the bits that all
rows of a kind fix, to runs of records. A record has mask, match, the bits that must not be zero,
the function that extracts the operands, and the handler; of a direct jump, the handlers for a
target in the page, for one to be counted, and for one outside. The last record of a run matches
everything.
"""

from __future__ import annotations

import os
import struct
from collections.abc import Callable, Iterator

from toyvm.base.record import Record
from toyvm.isa.buckets import file_rows
from toyvm.isa.fields import Field
from toyvm.isa.ops import Op, Tree
from toyvm.isa.semantics import CAUSE_ECALL_U
from toyvm.isa.spec import Insn
from toyvm.isa.table import INSNS
from toyvm.isa.trees import tree
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE
from toyvm.machine.sv39 import USER_TOP

from .. import state_layout as layout
from ..analysis.regions import control, nodes
from ..emit.effects_text import native
from ..emit.float_text import F0
from ..emit.function_text import CONVENTION, IR_NAMES, METADATA
from ..runtime.ir_files import render
from .handler_text import COUNTED, FAR, NEAR, PLACES, HandlerText, discards, handler_tree, is_direct, slots_of

FOLDER = os.path.dirname(__file__)
FILES = ("interpreter.ll",)
# The values of fields that the printer must know; with others, the row's function executes the instruction.
_KNOWN = {"rm": (7, 0, 1), "csr": (1, 2, 3)}
_MISSED, _CALLED, _NOTHING = "missed", "called", "nothing"
_ANY = "handler"  # the name of a function that has no name yet
_CALLEES = "missed", "spent", "go", "arrive"
# The extensions whose rows programs execute often, and the rows of F and D that are.
_OFTEN = frozenset(["I", "C", "M", "Zmmul", "Zalrsc", "Zcd", "Zcb", "Zba", "Zbb", "Zicond"])
_FLOAT_MEMORY = frozenset(("flw", "fsw", "fld", "fsd"))
_NUMBERS = frozenset({Op.READ_X, Op.WRITE_X, Op.READ_F, Op.WRITE_F})
# The table's keys: of 32 bits, funct3 and opcode; of 16 bits, funct3 and op.
_KEYS_LONG, _KEYS_SHORT = 1024, 32
_BITS_LONG, _BITS_SHORT = 0x707F, 0xE003
_RECORD = struct.Struct("<8I")


class Decoding(Record, eq=False):
    """One record of the table, with names for functions; `jumps`: it has a handler for each kind of target."""

    mask: int
    match: int
    nonzero: int
    extract: str
    handlers: tuple[str, str, str]
    jumps: bool


class HandlerModule:
    """The texts of the module's two parts, and the decoding table once the functions have addresses.

    Programs execute most rows rarely. Compiling the handlers of these takes as long as that of all
    others, so they are a part of their own, which LLVM need not optimise.
    """

    def __init__(self) -> None:
        self._functions: dict[str, str] = {}  # the name of a function by its text without the name
        self._rare: set[str] = set()
        self._declared: set[str] = set()
        self._extractors: dict[str, str] = {"": _NOTHING}
        entries = [entry for insn in INSNS.values() for entry in self._decodings(insn)]
        self._filed = file_rows((entry.match, entry.mask, entry.nonzero, entry) for entry in entries)

    def often(self) -> str:
        """The text of the loop and of the handlers that programs execute often."""
        extractors = [_extractor(name, body) for body, name in self._extractors.items()]
        return self._part(render(FOLDER, FILES, constants()), *extractors, rare=False)

    def rarely(self) -> str:
        """The text of the other handlers, which call functions of the first part."""
        return self._part(
            *(f"declare {CONVENTION} void @{name}(ptr, ptr, i64, i64)" for name in _CALLEES), rare=True
        )

    def _part(self, *texts: str, rare: bool) -> str:
        handlers = [
            text.replace(_ANY, name, 1)
            for text, name in self._functions.items()
            if (name in self._rare) == rare
        ]
        return "\n".join([*sorted(self._declared), *texts, *handlers, METADATA])

    def table(self, offset: Callable[[str], int]) -> bytes:
        """The decoding table; `offset` gives the place of a function in the image."""
        records = bytearray()
        starts = []
        known: dict[tuple[int, ...], int] = {}
        last = Decoding(0, 0, 0, _NOTHING, (_MISSED, _MISSED, _MISSED), False)
        for number in range(_KEYS_LONG + _KEYS_SHORT):
            run = [*self._run(number), last]
            at = known.setdefault(tuple(map(id, run)), 4 * (_KEYS_LONG + _KEYS_SHORT) + len(records))
            starts.append(at)
            if at == 4 * (_KEYS_LONG + _KEYS_SHORT) + len(records):
                for entry in run:
                    places = [offset(name) for name in (entry.extract, *entry.handlers)]
                    records += _RECORD.pack(entry.mask, entry.match, entry.nonzero, *places, entry.jumps)
        return struct.pack(f"<{len(starts)}I", *starts) + bytes(records)

    def _run(self, number: int) -> Iterator[Decoding]:
        """The records to try for a key of the table, in the order of `buckets.find_row`."""
        if number < _KEYS_LONG:
            bits, key = _BITS_LONG, number >> 7 << 12 | number & 0x7F
        else:
            bits, key = _BITS_SHORT, (number - _KEYS_LONG) >> 2 << 13 | number & 3
        short = key & 3 != 3
        if short == (number < _KEYS_LONG):
            return
        for _, buckets in self._filed:
            for entries in buckets.values():
                for match, mask, _, entry in entries:
                    if not (match ^ key) & mask & bits:
                        yield entry

    def _decodings(self, insn: Insn) -> Iterator[Decoding]:
        """The records of a row: for known values of its fields, and for the rest."""
        names = [field.name for field in insn.free if field.name in _KNOWN]
        choices = [{names[0]: value} for value in _KNOWN[names[0]]] if names else [{}]
        for values in choices:
            mask, match = insn.mask, insn.match
            for name, value in values.items():
                field = insn.format.fields[name]
                mask, match = mask | field.mask, match | field.insert(value)
            made = self._handlers(insn, values)
            if made is not None:
                yield Decoding(mask, match, insn.nonzero, *made)
        if names or made is None:
            called = tuple(node.value for node in tree(insn) if node.op is Op.TRAP) == (CAUSE_ECALL_U,)
            handler = _CALLED if called else _MISSED
            yield Decoding(insn.mask, insn.match, insn.nonzero, _NOTHING, (handler,) * 3, False)

    def _handlers(self, insn: Insn, values: dict[str, int]) -> tuple[str, tuple[str, str, str], bool] | None:
        """The function that extracts the operands, the handlers, and whether it jumps; None if not native."""
        if not _names_registers(insn):
            return None
        effects = handler_tree(insn, values)
        fields = {node.name for node in nodes(effects) if node.op is Op.FIELD}
        if not native(effects) or len(fields) > 1:
            return None
        extract = self._extractors.setdefault(_extraction(insn, effects, fields), f"e{len(self._extractors)}")
        jump = control(effects)
        if jump is None or not is_direct(jump.args[-1]):
            return extract, (self._print(insn, effects, NEAR),) * 3, False
        counted, far = (self._print(insn, effects, way) for way in (COUNTED, FAR))
        links = any(node.op is Op.WRITE_X for node in effects)
        return extract, (counted if links else self._print(insn, effects, NEAR), counted, far), True

    def _print(self, insn: Insn, effects: Tree, way: str) -> str:
        printer = HandlerText(insn, effects, way)
        text = printer.text(_ANY)
        name = self._functions.get(text)
        if name is None:
            name = self._functions[text] = f"h{len(self._functions)}"
            if insn.name not in _FLOAT_MEMORY and _OFTEN.isdisjoint(insn.ext.split()):
                self._rare.add(name)
        self._declared |= printer.declarations
        return name


def _names_registers(insn: Insn) -> bool:
    """Whether the fields of `PLACES` only name registers, and no register has another kind of name.

    The condition of a CSR's write is ignored: without it, csrrs with x0 writes the value that is there.
    """
    for node in nodes(tree(insn)):
        if node.op in _NUMBERS:
            if node.args[0].op not in (Op.FIELD, Op.CONST):
                return False
        elif any(argument.op is Op.FIELD and argument.name in PLACES for argument in node.args) and not (
            node.op is Op.NE and "csr" in insn.format.fields
        ):
            return False
    return True


def constants() -> dict[str, int | str]:
    """The value of each name in `interpreter.ll`."""
    return {
        **IR_NAMES,
        "STATE_PC": layout.PC,
        "STATE_LEFT": layout.LEFT,
        "STATE_STATUS": layout.STATUS,
        "STATE_JUMP": layout.JUMP,
        "STATE_CODE": layout.CODE,
        "STATE_IMAGE": layout.IMAGE,
        "STATE_BUCKETS": layout.BUCKETS,
        "STATE_ARRIVALS": layout.ARRIVALS,
        "STATE_CROSSING": layout.CROSSING,
        "LOOKUP": layout.LOOKUP,
        "MISS": layout.MISS,
        "BUDGET": layout.BUDGET,
        "PAGE": layout.PAGE,
        "ARRIVED": layout.ARRIVED,
        "ECALL": layout.ECALL,
        "JUMP_MASK": (1 << layout.JUMP_BITS) - 1,
        "ARRIVAL_MASK": (1 << layout.ARRIVAL_BITS) - 1,
        "OP_IMMEDIATE": layout.OP_IMMEDIATE,
        "PAGE_SHIFT": PAGE_SHIFT,
        "PAGE_SIZE": PAGE_SIZE,
        "PAGE_MASK": PAGE_MASK,
        "LAST_PARCEL": PAGE_SIZE - 2,
        "FAR_AWAY": 1 << 30,
        "USER_TOP": USER_TOP,
    }


def _extraction(insn: Insn, effects: Tree, fields: set[str]) -> str:
    """LLVM IR that stores the operands of the instruction `%w` in `%op`; equal for equal formats."""
    lines: list[str] = []
    read, written = slots_of(effects)
    for field in insn.free:
        if field.name in PLACES:
            number = PLACES[field.name]
            kinds = [base for base in (0, F0) if base + number in read | written]
            if not kinds:
                continue
            (base,) = kinds
            value = _value(field, lines)
            if base:
                value = _set(lines, f"add i32 {value}, {base}")
            elif field.name == "rd" and discards(effects):
                zero = _set(lines, f"icmp eq i32 {value}, 0")
                value = _set(lines, f"select i1 {zero}, i32 {layout.DISCARD}, i32 {value}")
            byte = _set(lines, f"trunc i32 {value} to i8")
            at = layout.OP_REGISTERS + number - PLACES["rd"]
            lines.append(f"store i8 {byte}, ptr {_set(lines, f'getelementptr i8, ptr %op, i64 {at}')}")
        elif field.name in {insn.bound.get(name, name) for name in fields}:
            value = _value(field, lines)
            pointer = _set(lines, f"getelementptr i8, ptr %op, i64 {layout.OP_IMMEDIATE}")
            lines.append(f"store i32 {value}, ptr {pointer}")
    return "\n".join(f"  {line}" for line in lines)


def _set(lines: list[str], text: str) -> str:
    name = f"%v{len(lines)}"
    lines.append(f"{name} = {text}")
    return name


def _value(field: Field, lines: list[str]) -> str:
    """A field's value, as `Field.extract`."""
    value = "0"
    for at, width, to in field.parts:
        part = _set(lines, f"and i32 {_set(lines, f'lshr i32 %w, {at}')}, {(1 << width) - 1}")
        value = _set(lines, f"or i32 {value}, {_set(lines, f'shl i32 {part}, {to}')}")
    if field.signed:
        away = 32 - field.width
        value = _set(lines, f"ashr i32 {_set(lines, f'shl i32 {value}, {away}')}, {away}")
    return _set(lines, f"add i32 {value}, {field.bias}") if field.bias else value


def _extractor(name: str, body: str) -> str:
    return f"define preserve_mostcc void @{name}(ptr %op, i32 %w) nounwind {{\n{body}\n  ret void\n}}"
