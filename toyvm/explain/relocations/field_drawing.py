"""Draws the bits of a relocation's field: which bits of the value go to which bits of the instruction."""

from __future__ import annotations

from typing import NamedTuple

from ..values import Application, BitField, BitPiece

_WORD = 32


class _Cell(NamedTuple):
    """Bits `high`..`low` of the unit: a piece of the field, or bits that stay."""

    high: int
    low: int
    label: str
    bits: str


def drawing(applied: Application) -> list[str]:
    """A picture of the unit after relocation, an instruction at a time, high bits on the left; [] for whole words.

    v is the value; v' is v + 0x800, which rounds the high part, because the low part counts as signed.
    """
    field = applied.field
    if not field.pieces or field.name.startswith("word"):
        return []
    unit = int.from_bytes(applied.after, "little")
    lines = []
    for start in range(0, 8 * field.width, _WORD):
        end = min(start + _WORD, 8 * field.width) - 1
        pieces = [piece for piece in field.pieces if start <= piece.at <= end]
        lines += _table(_cells(pieces, start, end, unit))
    return lines


def legend(field: BitField) -> str:
    """What v' is, if a piece has it."""
    bias = next((piece.bias for piece in field.pieces if piece.bias), 0)
    return f"v' = v + {bias:#x}: the low part counts as signed" if bias else ""


def _cells(pieces: list[BitPiece], start: int, end: int, unit: int) -> list[_Cell]:
    cells = []
    at = end
    for piece in sorted(pieces, key=lambda piece: -piece.at):
        top = piece.at + piece.high - piece.low
        if top < at:
            cells.append(_cell(at, top + 1, "", start, unit))
        letter = "v'" if piece.bias else "v"
        bits = f"{piece.high}:{piece.low}" if piece.high != piece.low else str(piece.high)
        cells.append(_cell(top, piece.at, f"{letter}[{bits}]", start, unit))
        at = piece.at - 1
    if at >= start:
        cells.append(_cell(at, start, "", start, unit))
    return cells


def _cell(high: int, low: int, label: str, start: int, unit: int) -> _Cell:
    width = high - low + 1
    return _Cell(high - start, low - start, label, f"{unit >> low & ((1 << width) - 1):0{width}b}")


def _table(cells: list[_Cell]) -> list[str]:
    """Three lines: bit numbers, what is there, and the bits."""
    columns = []
    for cell in cells:
        numbers = str(cell.high) if cell.high == cell.low else f"{cell.high}..{cell.low}"
        width = max(len(numbers), len(cell.label), len(cell.bits))
        columns.append((numbers.center(width), cell.label.center(width), cell.bits.center(width)))
    rows = [" ".join(column[i] for column in columns).rstrip() for i in range(3)]
    return [f" {rows[0]}".rstrip(), *("|" + "|".join(column[i] for column in columns) + "|" for i in (1, 2))]
