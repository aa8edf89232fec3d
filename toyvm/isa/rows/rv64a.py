"""A: atomic memory operations (unprivileged manual, chapter "A").

The ordering bits aq and rl are fields, not rows: the suffixes `.aq .rl .aqrl` set them (`table.lookup`).
"""

from __future__ import annotations

from collections.abc import Callable

from ..fields import AMO
from ..semantics import Machine, Value, low, s, select, sext
from ..spec import Rows

insn = Rows("Zaamo")  # A is Zaamo and Zalrsc

_AMO = 0x2F
_WIDTHS = {"w": (2, 32), "d": (3, 64)}  # suffix -> funct3, bits


def _lr(bits: int) -> Callable[[Machine], None]:
    def lr(m: Machine) -> None:
        """Load reserved: load and remember the address for sc."""
        m.rd = sext(m.load_reserved(bits, m.rs1))

    return lr


def _sc(bits: int) -> Callable[[Machine], None]:
    def sc(m: Machine) -> None:
        """Store conditional: store if the reservation holds; rd is 0 if it stored, 1 if not."""
        m.rd = m.store_conditional(m.rs1, low(m.rs2, bits) if bits < 64 else m.rs2)

    return sc


def _amo(bits: int, change: Callable[[Value, Value], Value], doc: str) -> Callable[[Machine], None]:
    def amo(m: Machine) -> None:
        operand = low(m.rs2, bits) if bits < 64 else m.rs2
        m.amo(bits, lambda old: change(old, operand))

    amo.__doc__ = f"Atomically {doc}; rd gets the old value."
    return amo


_CHANGES: tuple[tuple[str, int, Callable[[Value, Value], Value], str], ...] = (
    ("amoswap", 0x01, lambda old, new: new, "swap memory with rs2"),
    ("amoadd", 0x00, lambda old, new: old + new, "add rs2 to memory"),
    ("amoxor", 0x04, lambda old, new: old ^ new, "exclusive-or rs2 into memory"),
    ("amoand", 0x0C, lambda old, new: old & new, "and rs2 into memory"),
    ("amoor", 0x08, lambda old, new: old | new, "or rs2 into memory"),
    (
        "amomin",
        0x10,
        lambda old, new: select(s(old) < s(new), old, new),
        "take the signed minimum of memory and rs2",
    ),
    (
        "amomax",
        0x14,
        lambda old, new: select(s(old) < s(new), new, old),
        "take the signed maximum of memory and rs2",
    ),
    (
        "amominu",
        0x18,
        lambda old, new: select(old < new, old, new),
        "take the unsigned minimum of memory and rs2",
    ),
    (
        "amomaxu",
        0x1C,
        lambda old, new: select(old < new, new, old),
        "take the unsigned maximum of memory and rs2",
    ),
)

for _suffix, (_funct3, _bits) in _WIDTHS.items():
    insn(f"lr.{_suffix}", AMO, "rd, amo_mem", ext="Zalrsc", opcode=_AMO, funct3=_funct3, funct5=2, rs2=0)(
        _lr(_bits)
    )
    insn(f"sc.{_suffix}", AMO, ext="Zalrsc", opcode=_AMO, funct3=_funct3, funct5=3)(_sc(_bits))
    for _name, _funct5, _change, _doc in _CHANGES:
        insn(f"{_name}.{_suffix}", AMO, opcode=_AMO, funct3=_funct3, funct5=_funct5)(
            _amo(_bits, _change, _doc)
        )
