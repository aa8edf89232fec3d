"""A short notation for rows whose operands each have one place in the word.

    Zve32x: 02000057 vadd.vv vd,vs2,vs1,vm

is an extension, the word with all operands 0, the mnemonic and the operands. The operands determine the fields, and
every other bit is fixed. `u2@25` is an unsigned number of two bits at bit 25, `s5@20` a signed one, `#3` the number 3
that stands for nothing. A `~` before the mnemonic: another name, which no listing shows.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cache

from ..fields import Format
from ..operands import field_names
from ..semantics import Machine
from ..spec import Insn

# field -> (lowest bit, width)
PLACES = {
    "rd": (7, 5), "rs1": (15, 5), "rs2": (20, 5), "rs3": (27, 5), "vd": (7, 5), "vs1": (15, 5), "vs2": (20, 5),
    "vm": (25, 1), "rm": (12, 3), "csr": (20, 12),
}  # fmt: skip


def absent(m: Machine) -> None:
    """Illegal here: this machine does not have the extension."""
    m.trap_illegal()


class Alias(Insn):
    """A row that is another name: it is assembled, and no listing shows it."""


def _place(field: str) -> tuple[int, int]:
    if "@" in field:
        width, _, at = field[1:].partition("@")
        return int(at), int(width)
    return PLACES[field]


@cache
def _format(places: tuple[tuple[int, int, str], ...], length: int) -> Format:
    """The format with these fields (lowest bit, width, name); the bits between them are fields fixed0, fixed1 ..."""
    words: list[str] = []
    at = 0
    for low, width, name in (*places, (8 * length, 0, "")):
        if low > at:
            words.append(f"fixed{at}:{low - at}")
        if name:
            words.append(f"{name}:{width}")
        at = low + width
    return Format("written", " ".join(reversed(words)), "")


def row(ext: str, word: int, name: str, syntax: str, length: int = 4) -> Insn:
    """One row."""
    fields = dict.fromkeys(field for kind in syntax.split(",") if kind for field in field_names(kind))
    places = tuple(sorted((*_place(field), field) for field in fields))
    format = _format(places, length)
    fixed = {name: field.extract(word) for name, field in format.fields.items() if name.startswith("fixed")}
    kind = Alias if name.startswith("~") else Insn
    return kind(name.lstrip("~"), ext, format, syntax.replace(",", ", "), fixed, absent)


def read(text: str) -> Iterator[Insn]:
    """The rows of lines in the notation."""
    ext = ""
    for line in text.strip().splitlines():
        if line.endswith(":"):
            ext = line[:-1]
            continue
        word, name, syntax = (*line.split(), "")[:3]
        yield row(ext, int(word, 16), name, syntax)


def by_name(rows: Iterable[Insn]) -> dict[str, list[Insn]]:
    """Rows by mnemonic, in order."""
    found: dict[str, list[Insn]] = {}
    for insn in rows:
        found.setdefault(insn.name, []).append(insn)
    return found
