"""Every row of the relocation table: its numbers, modifiers and partners, and the reference page."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from toyvm.observe.relocations_page import reference_page
from toyvm.relocations import (
    MODIFIERS,
    NUMBERS,
    RELOCATIONS,
    Formula,
    Need,
    R,
    Reloc,
    by_type,
    relocation_name,
)

ROWS = list(RELOCATIONS.values())


def name_of(row: Reloc) -> str:
    return row.name


@pytest.mark.parametrize("row", ROWS, ids=name_of)
def test_row_is_complete(row: Reloc) -> None:
    assert RELOCATIONS[row.type] is row
    assert relocation_name(int(row.type)) == row.name
    assert bool(row.operation) == bool(row.field.name)
    pieces = row.field.pieces
    assert sum(p.high - p.low + 1 for p in pieces) == row.field.mask.bit_count()  # pieces do not overlap
    assert row.field.mask < 1 << 8 * max(row.field.width, 1)


def test_every_type_has_a_row() -> None:
    assert set(RELOCATIONS) == set(R)
    assert all(0 <= row.type < NUMBERS for row in ROWS)
    assert relocation_name(200) == "unrecognized: c8"


def test_whole_columns_are_asked_as_single_rows_are() -> None:
    array = by_type(lambda row: Need.PLT in row.needs)
    assert [R(n) for n in np.flatnonzero(array)] == [row.type for row in ROWS if Need.PLT in row.needs]
    assert array.take(np.array([R.CALL_PLT, 1 << 31, NUMBERS]), mode="clip").tolist() == [True, False, False]


def test_partners_lie_in_the_same_field_or_are_high_parts() -> None:
    for row in ROWS:
        partners = [RELOCATIONS[type] for type in row.partners]
        if row.operation == "sub":
            assert [p.field for p in partners] == [row.field] and partners[0].operation in ("add", "set")
        elif partners:
            assert all(p.field.name == "U-type" for p in partners)
        else:
            assert row.formula is not Formula.PC_LOW


def test_modifiers_name_rows_that_change_bytes_or_mark() -> None:
    assert all(kind in RELOCATIONS for kind in MODIFIERS.values())
    assert MODIFIERS["%lo", "store_mem"] is R.LO12_S and MODIFIERS["%lo", "load_mem"] is R.LO12_I


def test_reference_page_is_up_to_date() -> None:
    page = Path(__file__).parents[2] / "docs" / "reference" / "relocations.md"
    assert page.read_text() == reference_page(), (
        "write it again: python -m toyvm.observe.relocations_page > docs/reference/relocations.md"
    )
