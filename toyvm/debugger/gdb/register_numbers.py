"""The registers in gdb's numbers, and the target description that names them.

The names and features are those of gdb's RISC-V description: `org.gnu.gdb.riscv.cpu`, `.fpu` and
`.csr`, with the CSRs that user mode can read. gdb numbers a CSR 65 + its number in the
instruction set. lldb reads the attributes that gdb ignores.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from ...base.record import replace
from ...isa.registers import F_NAMES, X_NAMES
from ..target import Registers
from .packets import PacketError

SP, PC, FIRST_FLOAT = 2, 32, 33
_CSR = 65
FFLAGS, FRM, FCSR = _CSR + 1, _CSR + 2, _CSR + 3
CYCLE, TIME, INSTRET = _CSR + 0xC00, _CSR + 0xC01, _CSR + 0xC02
_GENERIC = {"pc": "pc", "sp": "sp", "fp": "fp", "ra": "ra", **{f"a{n}": f"arg{n + 1}" for n in range(8)}}
_TYPES = {"pc": "code_ptr", "ra": "code_ptr", "sp": "data_ptr", "gp": "data_ptr", "tp": "data_ptr"}


class Row(NamedTuple):
    """A register: gdb's number and name, its size in bytes, and how its value is read."""

    number: int
    name: str
    size: int
    feature: str
    type: str
    read: Callable[[Registers], int]


def _rows() -> list[Row]:
    rows = [
        Row(n, name, 8, "cpu", _TYPES.get(name, "int"), lambda registers, n=n: registers.x[n])  # type: ignore[misc] # mypy infers no type for a lambda with a default
        for n, name in enumerate("fp" if name == "s0" else name for name in X_NAMES)
    ]
    rows.append(Row(PC, "pc", 8, "cpu", "code_ptr", lambda registers: registers.pc))
    rows += [
        Row(FIRST_FLOAT + n, name, 8, "fpu", "riscv_double", lambda registers, n=n: registers.f[n])  # type: ignore[misc] # as above
        for n, name in enumerate(F_NAMES)
    ]
    rows += [
        Row(FFLAGS, "fflags", 4, "fpu", "int", lambda registers: registers.fcsr & 0x1F),
        Row(FRM, "frm", 4, "fpu", "int", lambda registers: registers.fcsr >> 5 & 7),
        Row(FCSR, "fcsr", 4, "fpu", "int", lambda registers: registers.fcsr & 0xFF),
        Row(CYCLE, "cycle", 8, "csr", "int", lambda registers: registers.instret),
        Row(TIME, "time", 8, "csr", "int", lambda registers: registers.time),
        Row(INSTRET, "instret", 8, "csr", "int", lambda registers: registers.instret),
    ]
    return rows


ROWS = tuple(_rows())
_BY_NUMBER = {row.number: row for row in ROWS}


def read_all(registers: Registers) -> str:
    """Every register as `g` sends it."""
    return "".join(value_text(row, registers) for row in ROWS)


def read_one(number: int, registers: Registers) -> str:
    """One register as `p` sends it. Raises PacketError for a number that is not described."""
    return value_text(_row(number), registers)


def write_all(data: bytes, registers: Registers) -> Registers:
    """The registers after `G`. Raises PacketError if the length is wrong."""
    if len(data) != sum(row.size for row in ROWS):
        raise PacketError(f"{len(data)} bytes of registers, {sum(row.size for row in ROWS)} are expected")
    words = []
    for row in ROWS:
        words.append(int.from_bytes(data[: row.size], "little"))
        data = data[row.size :]
    x = (0, *words[1:32])
    floats = tuple(words[FIRST_FLOAT : FIRST_FLOAT + 32])
    return replace(registers, x=x, pc=words[PC], f=floats, fcsr=words[FIRST_FLOAT + 34] & 0xFF)


def write_one(number: int, data: bytes, registers: Registers) -> Registers:
    """The registers after `P`. Raises PacketError for a wrong number or length, and for a counter."""
    row = _row(number)
    if len(data) != row.size:
        raise PacketError(f"{len(data)} bytes for {row.name}, which has {row.size}")
    value = int.from_bytes(data, "little")
    if number < PC:
        x = (*registers.x[:number], value if number else 0, *registers.x[number + 1 :])
        return replace(registers, x=x)
    if number == PC:
        return replace(registers, pc=value)
    if number < FIRST_FLOAT + 32:
        place = number - FIRST_FLOAT
        return replace(registers, f=(*registers.f[:place], value, *registers.f[place + 1 :]))
    if number == FFLAGS:
        return replace(registers, fcsr=registers.fcsr & 0xE0 | value & 0x1F)
    if number == FRM:
        return replace(registers, fcsr=registers.fcsr & 0x1F | (value & 7) << 5)
    if number == FCSR:
        return replace(registers, fcsr=value & 0xFF)
    raise PacketError(f"{row.name} counts by itself and cannot be set")


def value_text(row: Row, registers: Registers) -> str:
    """A register's value in the guest's byte order, in hexadecimal."""
    return row.read(registers).to_bytes(row.size, "little").hex()


def _row(number: int) -> Row:
    row = _BY_NUMBER.get(number)
    if row is None:
        raise PacketError(f"no register has the number {number}")
    return row


def target_xml() -> str:
    """The target description."""
    lines = [
        '<?xml version="1.0"?>',
        '<!DOCTYPE target SYSTEM "gdb-target.dtd">',
        '<target version="1.0">',
        "  <architecture>riscv:rv64</architecture>",
        "  <osabi>GNU/Linux</osabi>",
    ]
    for feature in ("cpu", "fpu", "csr"):
        lines.append(f'  <feature name="org.gnu.gdb.riscv.{feature}">')
        if feature == "fpu":
            lines += [
                '    <union id="riscv_double">',
                '      <field name="float" type="ieee_single"/>',
                '      <field name="double" type="ieee_double"/>',
                "    </union>",
            ]
        lines += [f"    {_element(row)}" for row in ROWS if row.feature == feature]
        lines.append("  </feature>")
    return "\n".join([*lines, "</target>", ""])


def _element(row: Row) -> str:
    generic = _GENERIC.get(row.name)
    more = f' generic="{generic}"' if generic else ""
    group = {"cpu": "general", "fpu": "float", "csr": "system"}[row.feature]
    return (
        f'<reg name="{row.name}" bitsize="{8 * row.size}" type="{row.type}" regnum="{row.number}" '
        f'group="{group}"{more}/>'
    )


def register_info(index: int) -> str:
    """lldb's qRegisterInfo of the register at `index` in the order of `g`. Raises PacketError past the last."""
    if not 0 <= index < len(ROWS):
        raise PacketError("no more registers")
    row = ROWS[index]
    offset = sum(before.size for before in ROWS[:index])
    floating = row.type == "riscv_double"
    text = (
        f"name:{row.name};bitsize:{8 * row.size};offset:{offset};"
        f"encoding:{'ieee754' if floating else 'uint'};format:{'float' if floating else 'hex'};"
        f"set:{ {'cpu': 'General', 'fpu': 'Floating Point', 'csr': 'Counters'}[row.feature] };"
    )
    dwarf = row.number - (1 if floating else 0)  # DWARF counts f0 as 32, and has no pc
    if (row.feature != "csr" and row.number < PC) or floating:
        text += f"ehframe:{dwarf};dwarf:{dwarf};"
    generic = _GENERIC.get(row.name)
    return text + (f"generic:{generic};" if generic else "")
