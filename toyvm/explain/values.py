"""What an explanation of a relocation says, as values of numbers and texts; `tree` makes JSON of any of them."""

from __future__ import annotations

from typing import Any

from toyvm.base.record import Record


class Operand(Record):
    """A letter of a formula: its value (signed), and what it is the value of."""

    letter: str
    value: int
    what: str


class BitPiece(Record):
    """Bits `high`..`low` of the value plus `bias` go to the field's unit from bit `at` upwards."""

    high: int
    low: int
    at: int
    bias: int


class BitField(Record):
    """The bits that a relocation writes: `pieces` of a little-endian unit of `width` bytes.

    A value must be in `low`..`high` and a multiple of `alignment`; if `low > high` it is truncated. `operation` is "set",
    "add" or "sub": the value replaces the number in the field, or the number V there is an operand of the formula. The
    field `uleb128` has no pieces: seven bits of the value go to each byte of the unit, and the high bit of every byte but
    the last is set.
    """

    name: str
    width: int
    pieces: tuple[BitPiece, ...]
    low: int
    high: int
    alignment: int
    operation: str


class Application(Record):
    """How the linker has applied a relocation.

    `place` is its address (P), `file_offset` its place in the file. `formula` is the psABI's, in Python's notation, over
    the letters of `operands`, and `value` its result, modulo 2**64 as a signed number. `before` is the unit that it met;
    `base` is the same unit, unless the linker has also replaced the instruction, which `replaced` explains; `after` is
    what the value's bits have made of `base`. The texts are their disassembly, empty for data.
    """

    type: int
    name: str
    section: str
    place: int
    file_offset: int
    formula: str
    operands: tuple[Operand, ...]
    value: int
    field: BitField
    before: bytes
    base: bytes
    after: bytes
    before_text: tuple[str, ...] = ()
    after_text: tuple[str, ...] = ()
    replaced: str = ""


class LoaderPart(Record):
    """A dynamic relocation that finishes the work at run time: its place, and what the loader writes there."""

    name: str
    place: int
    section: str
    symbol: str
    addend: int
    what: str
    lazy: bool = False


class RelaxationVerdict(Record):
    """What relaxation made of the code at a relocation.

    `outcome` is "shortened", "replaced", "deleted", "padded", "kept", or "" for what relaxation never changes. `form` names
    the new code, `saved` counts the bytes that this relocation's code has lost.
    """

    outcome: str = ""
    form: str = ""
    saved: int = 0
    reason: str = ""


class RelocationExplanation(Record):
    """One relocation of an object that takes part in a link.

    `row` is its number among all relocations of the link, `offset` its place in the object's section. `fate` is:

    - "applied": the linker has computed the value; see `applied`
    - "loader": the word stays 0, and the loader writes it; see `loader`
    - "marker": its type changes no bytes
    - "deleted": its bytes are gone; `relaxation` or `reason` says why
    - "discarded": its section is not in the output; `reason` says why

    `assembled` is the unit at the place as the object has it. `loader` also names dynamic relocations that fill what an
    applied relocation refers to, such as a GOT entry.
    """

    row: int
    object: str
    section: str
    offset: int
    function: str
    source: str
    type: int
    name: str
    meaning: str
    symbol: str
    addend: int
    definition: str
    fate: str
    reason: str
    rule: str
    assembled: bytes
    assembled_text: tuple[str, ...]
    relaxation: RelaxationVerdict
    applied: Application | None = None
    loader: tuple[LoaderPart, ...] = ()


def tree(value: object) -> Any:
    """A value as JSON: records are objects, bytes are hexadecimal digits."""
    if isinstance(value, Record):
        return {name: tree(getattr(value, name)) for name in value.record_fields}
    if isinstance(value, tuple | list):
        return [tree(item) for item in value]
    if isinstance(value, dict):
        return {str(key): tree(item) for key, item in value.items()}
    return value.hex() if isinstance(value, bytes) else value
