"""A, Zabha and Zacas: atomic memory operations (unprivileged manual, chapters of those names).

The ordering bits aq and rl are fields, not rows: the suffixes `.aq .rl .aqrl` set them (`table.lookup`).
"""

from __future__ import annotations

from collections.abc import Callable

from ..fields import AMO, AMO_PAIR
from ..semantics import Machine, Value, low, s, select, sext
from ..spec import Rows

insn = Rows("Zaamo")  # A is Zaamo and Zalrsc
zabha, zacas = Rows("Zabha"), Rows("Zacas")

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


def _compare_and_swap(bits: int) -> Callable[[Machine], None]:
    def amocas(m: Machine) -> None:
        """Atomically store rs2 if memory equals rd; rd gets the old value."""
        wanted, new = (low(m.rd_value, bits), low(m.rs2, bits)) if bits < 64 else (m.rd_value, m.rs2)
        m.amo(bits, lambda old: select(old == wanted, new, old))

    return amocas


def _amocas_q(m: Machine) -> None:
    """Atomically store the pair at rs2 if memory equals the pair at rd; that gets the old value. Pairs are even."""
    address = m.rs1
    # a misaligned block makes the first address odd, so that its access traps
    first = m.amo_load(64, address | address >> 3 & 1)
    second = m.amo_load(64, address + 8)
    same = (first == m.pair("rd", 0)) & (second == m.pair("rd", 1))
    m.store(address, select(same, m.pair("rs2", 0), first))
    m.store(address + 8, select(same, m.pair("rs2", 1), second))
    m.write_pair(first, second)


for _suffix, _funct3, _bits in (("b", 0, 8), ("h", 1, 16)):
    for _name, _funct5, _change, _doc in _CHANGES:
        zabha(f"{_name}.{_suffix}", AMO, opcode=_AMO, funct3=_funct3, funct5=_funct5)(
            _amo(_bits, _change, _doc)
        )
for _suffix, _funct3, _bits, _ext in (
    ("b", 0, 8, "Zabha and Zacas"), ("h", 1, 16, "Zabha and Zacas"), ("w", 2, 32, "Zacas"), ("d", 3, 64, "Zacas"),
):  # fmt: skip
    zacas(f"amocas.{_suffix}", AMO, ext=_ext, opcode=_AMO, funct3=_funct3, funct5=5)(_compare_and_swap(_bits))
zacas("amocas.q", AMO_PAIR, opcode=_AMO, funct3=4, funct5=5, even=0, even2=0)(_amocas_q)
