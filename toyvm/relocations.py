"""The ONE table of RISC-V relocations: what each type computes, where the result goes, and when it does not fit.

Assembler, linker, loader, readelf and the reference page read it. Formulas use the psABI's letters: S the symbol's
address, A the addend, P the place, V the value already there, B the load base, GOT the table's address, G the entry's
offset in it, TP the thread pointer, TLSMODULE and TLSOFFSET the module and offset of a thread-local symbol.
Source: RISC-V ELF psABI, "Relocations".
"""

from __future__ import annotations

from collections.abc import Iterable

from .base.bits import M64, sext
from .base.errors import ToyvmError
from .base.light_types import TYPE_CHECKING, Any, IntEnum, NamedTuple

if TYPE_CHECKING:
    import numpy.typing as npt


class R(IntEnum):
    """Relocation types by number, without `R_RISCV_`; R_RISCV_32, _64 and _32_PCREL are ABS32, ABS64 and PCREL32."""

    NONE = 0
    ABS32 = 1
    ABS64 = 2
    RELATIVE = 3
    COPY = 4
    JUMP_SLOT = 5
    TLS_DTPMOD32 = 6
    TLS_DTPMOD64 = 7
    TLS_DTPREL32 = 8
    TLS_DTPREL64 = 9
    TLS_TPREL32 = 10
    TLS_TPREL64 = 11
    TLSDESC = 12
    BRANCH = 16
    JAL = 17
    CALL = 18
    CALL_PLT = 19
    GOT_HI20 = 20
    TLS_GOT_HI20 = 21
    TLS_GD_HI20 = 22
    PCREL_HI20 = 23
    PCREL_LO12_I = 24
    PCREL_LO12_S = 25
    HI20 = 26
    LO12_I = 27
    LO12_S = 28
    TPREL_HI20 = 29
    TPREL_LO12_I = 30
    TPREL_LO12_S = 31
    TPREL_ADD = 32
    ADD8 = 33
    ADD16 = 34
    ADD32 = 35
    ADD64 = 36
    SUB8 = 37
    SUB16 = 38
    SUB32 = 39
    SUB64 = 40
    GOT32_PCREL = 41
    ALIGN = 43
    RVC_BRANCH = 44
    RVC_JUMP = 45
    RVC_LUI = 46
    GPREL_I = 47
    GPREL_S = 48
    TPREL_I = 49
    TPREL_S = 50
    RELAX = 51
    SUB6 = 52
    SET6 = 53
    SET8 = 54
    SET16 = 55
    SET32 = 56
    PCREL32 = 57
    IRELATIVE = 58
    PLT32 = 59
    SET_ULEB128 = 60
    SUB_ULEB128 = 61
    TLSDESC_HI20 = 62
    TLSDESC_LOAD_LO12 = 63
    TLSDESC_ADD_LO12 = 64
    TLSDESC_CALL = 65


class Piece(NamedTuple):
    """value[high:low], after `bias` was added to the value, goes to the unit's bits from `at` upwards."""

    high: int
    low: int
    at: int
    bias: int = 0


class Field(NamedTuple):
    """Where a value goes: `width` bytes at the relocation's offset, of them the bits that `pieces` name.

    `low <= value <= high` (signed) and `value % alignment == 0` must hold; `low` > `high` means that every value is
    good and is cut off. `name` is the psABI's name of the field.
    """

    name: str
    width: int
    pieces: tuple[Piece, ...]
    low: int = 1
    high: int = 0
    alignment: int = 1

    @property
    def mask(self) -> int:
        """The bits of the unit that belong to the field."""
        return sum(((1 << (p.high - p.low + 1)) - 1) << p.at for p in self.pieces)


def _signed(bits: int, bias: int = 0) -> tuple[int, int]:
    return -(1 << (bits - 1)) - bias, (1 << (bits - 1)) - 1 - bias


_ROUND = 0x800  # the high part is rounded, because the low part is added as a signed number
_U32 = _signed(32, _ROUND)

NOWHERE = Field("", 0, ())
WORD6 = Field("word6", 1, (Piece(5, 0, 0),))
WORD8 = Field("word8", 1, (Piece(7, 0, 0),))
WORD16 = Field("word16", 2, (Piece(15, 0, 0),))
WORD32 = Field("word32", 4, (Piece(31, 0, 0),))
WORD64 = Field("word64", 8, (Piece(63, 0, 0),))
ADDRESS32 = WORD32._replace(low=-(1 << 31), high=(1 << 32) - 1)
OFFSET32 = WORD32._replace(low=_signed(32)[0], high=_signed(32)[1])
ULEB128 = Field("uleb128", 0, ())
B_TYPE = Field(
    "B-type", 4, (Piece(12, 12, 31), Piece(10, 5, 25), Piece(4, 1, 8), Piece(11, 11, 7)), *_signed(13), 2
)
J_TYPE = Field(
    "J-type", 4, (Piece(20, 20, 31), Piece(10, 1, 21), Piece(11, 11, 20), Piece(19, 12, 12)), *_signed(21), 2
)
U_TYPE = Field("U-type", 4, (Piece(31, 12, 12, _ROUND),), *_U32)
I_TYPE = Field("I-type", 4, (Piece(11, 0, 20),))
S_TYPE = Field("S-type", 4, (Piece(11, 5, 25), Piece(4, 0, 7)))
I_TYPE_12 = I_TYPE._replace(low=_signed(12)[0], high=_signed(12)[1])
S_TYPE_12 = S_TYPE._replace(low=_signed(12)[0], high=_signed(12)[1])
U_I_TYPE = Field("U+I-type", 8, (Piece(31, 12, 12, _ROUND), Piece(11, 0, 52)), *_U32, 2)
CB_TYPE = Field(
    "CB-type",
    2,
    (Piece(8, 8, 12), Piece(4, 3, 10), Piece(7, 6, 5), Piece(2, 1, 3), Piece(5, 5, 2)),
    *_signed(9),
    2,
)
CJ_TYPE = Field(
    "CJ-type",
    2,
    (
        Piece(11, 11, 12),
        Piece(4, 4, 11),
        Piece(9, 8, 9),
        Piece(10, 10, 8),
        Piece(6, 6, 7),
        Piece(7, 7, 6),
        Piece(3, 1, 3),
        Piece(5, 5, 2),
    ),
    *_signed(12),
    2,
)
CI_TYPE = Field("CI-type", 2, (Piece(17, 17, 12, _ROUND), Piece(16, 12, 2, _ROUND)), *_signed(18, _ROUND))


class Reloc(NamedTuple):
    """One row of the table.

    `needs`: what the linker may have to make for it: "got", "plt", "copy" (a copy of a library's datum, or a PLT entry
    as the function's address), "dynamic" (work left to the loader in position-independent output), "tls".
    `operation`: "set", "add" or "sub" the value; "" when no bytes change. `loader`: met by the dynamic loader.
    """

    type: R
    name: str
    formula: str
    field: Field
    needs: frozenset[str]
    operation: str
    loader: bool
    meaning: str


def _row(
    type: R,
    formula: str,
    field: Field,
    needs: str = "",
    meaning: str = "",
    operation: str = "set",
    loader: bool = False,
) -> Reloc:
    special = {R.ABS32: "32", R.ABS64: "64", R.PCREL32: "32_PCREL"}
    name = "R_RISCV_" + special.get(type, type.name)
    return Reloc(
        type, name, formula, field, frozenset(needs.split()), operation if field.name else "", loader, meaning
    )


_ROWS = (
    _row(R.NONE, "", NOWHERE, "", "nothing; also keeps a section alive"),
    _row(R.ABS32, "S + A", ADDRESS32, "copy", "32-bit address"),
    _row(R.ABS64, "S + A", WORD64, "copy dynamic", "64-bit address", loader=True),
    _row(R.RELATIVE, "B + A", WORD64, "", "adjust an address by the load base", loader=True),
    _row(R.COPY, "", NOWHERE, "", "copy a library's datum into the program", loader=True),
    _row(
        R.JUMP_SLOT,
        "S",
        WORD64,
        "",
        "a function's entry in the GOT of the PLT, may be bound lazily",
        loader=True,
    ),
    _row(R.TLS_DTPMOD32, "TLSMODULE", WORD32, "tls", loader=True),
    _row(R.TLS_DTPMOD64, "TLSMODULE", WORD64, "tls", "module number of a thread-local symbol", loader=True),
    _row(R.TLS_DTPREL32, "S + A - TLS_DTV_OFFSET", WORD32, "tls", loader=True),
    _row(
        R.TLS_DTPREL64, "S + A - TLS_DTV_OFFSET", WORD64, "tls", "offset in its module's block", loader=True
    ),
    _row(R.TLS_TPREL32, "S + A + TLSOFFSET", WORD32, "tls", loader=True),
    _row(R.TLS_TPREL64, "S + A + TLSOFFSET", WORD64, "tls", "offset from the thread pointer", loader=True),
    _row(R.TLSDESC, "TLSDESC(S+A)", WORD64, "tls", "thread-local descriptor", loader=True),
    _row(R.BRANCH, "S + A - P", B_TYPE, "plt", "12-bit conditional branch"),
    _row(R.JAL, "S + A - P", J_TYPE, "plt", "20-bit jump"),
    _row(R.CALL, "S + A - P", U_I_TYPE, "plt", "auipc and jalr pair (older name of CALL_PLT)"),
    _row(R.CALL_PLT, "S + A - P", U_I_TYPE, "plt", "auipc and jalr pair, through the PLT if need be"),
    _row(R.GOT_HI20, "G + GOT + A - P", U_TYPE, "got", "%got_pcrel_hi: high part of the GOT entry's offset"),
    _row(
        R.TLS_GOT_HI20, "G + GOT + A - P", U_TYPE, "got tls", "%tls_ie_pcrel_hi: GOT entry of the TP offset"
    ),
    _row(
        R.TLS_GD_HI20, "G + GOT + A - P", U_TYPE, "got tls", "%tls_gd_pcrel_hi: GOT pair of module and offset"
    ),
    _row(R.PCREL_HI20, "S + A - P", U_TYPE, "copy", "%pcrel_hi: high part of a distance"),
    _row(R.PCREL_LO12_I, "S - P", I_TYPE, "", "%pcrel_lo: low part; S is the label of the high part"),
    _row(R.PCREL_LO12_S, "S - P", S_TYPE, "", "%pcrel_lo in a store"),
    _row(R.HI20, "S + A", U_TYPE, "copy", "%hi: high part of an address"),
    _row(R.LO12_I, "S + A", I_TYPE, "copy", "%lo: low part of an address"),
    _row(R.LO12_S, "S + A", S_TYPE, "copy", "%lo in a store"),
    _row(R.TPREL_HI20, "S + A + TLSOFFSET", U_TYPE, "tls", "%tprel_hi: high part of the offset from TP"),
    _row(R.TPREL_LO12_I, "S + A + TLSOFFSET", I_TYPE, "tls", "%tprel_lo"),
    _row(R.TPREL_LO12_S, "S + A + TLSOFFSET", S_TYPE, "tls", "%tprel_lo in a store"),
    _row(R.TPREL_ADD, "", NOWHERE, "tls", "%tprel_add: marks the add for relaxation"),
    _row(R.ADD8, "V + S + A", WORD8, "", "label addition", "add"),
    _row(R.ADD16, "V + S + A", WORD16, "", "label addition", "add"),
    _row(R.ADD32, "V + S + A", WORD32, "", "label addition", "add"),
    _row(R.ADD64, "V + S + A", WORD64, "", "label addition", "add"),
    _row(R.SUB8, "V - S - A", WORD8, "", "label subtraction", "sub"),
    _row(R.SUB16, "V - S - A", WORD16, "", "label subtraction", "sub"),
    _row(R.SUB32, "V - S - A", WORD32, "", "label subtraction", "sub"),
    _row(R.SUB64, "V - S - A", WORD64, "", "label subtraction", "sub"),
    _row(R.GOT32_PCREL, "G + GOT + A - P", OFFSET32, "got", "32-bit distance to a GOT entry"),
    _row(R.ALIGN, "", NOWHERE, "", "A bytes of nops stand here: keep as many as the alignment takes"),
    _row(R.RVC_BRANCH, "S + A - P", CB_TYPE, "plt", "8-bit conditional branch"),
    _row(R.RVC_JUMP, "S + A - P", CJ_TYPE, "plt", "11-bit jump"),
    _row(R.RVC_LUI, "S + A", CI_TYPE, "", "made by relaxation: high part in c.lui"),
    _row(R.GPREL_I, "S + A - GP", I_TYPE_12, "", "made by relaxation: offset from gp"),
    _row(R.GPREL_S, "S + A - GP", S_TYPE_12, "", "made by relaxation: offset from gp in a store"),
    _row(R.TPREL_I, "S + A + TLSOFFSET", I_TYPE_12, "tls", "made by relaxation: offset from tp"),
    _row(R.TPREL_S, "S + A + TLSOFFSET", S_TYPE_12, "tls", "made by relaxation: offset from tp in a store"),
    _row(R.RELAX, "", NOWHERE, "", "the relocation at the same place may be relaxed"),
    _row(R.SUB6, "V - S - A", WORD6, "", "label subtraction in call frame information", "sub"),
    _row(R.SET6, "S + A", WORD6, "", "label in call frame information"),
    _row(R.SET8, "S + A", WORD8, "", "label"),
    _row(R.SET16, "S + A", WORD16, "", "label"),
    _row(R.SET32, "S + A", WORD32, "", "label"),
    _row(R.PCREL32, "S + A - P", OFFSET32, "", "32-bit distance"),
    _row(R.IRELATIVE, "ifunc_resolver(B + A)", WORD64, "", "what a resolver function returns", loader=True),
    _row(R.PLT32, "S + A - P", OFFSET32, "plt", "32-bit distance to a function or its PLT entry"),
    _row(R.SET_ULEB128, "S + A", ULEB128, "", "label in a ULEB128 number"),
    _row(R.SUB_ULEB128, "V - S - A", ULEB128, "", "label subtraction in a ULEB128 number", "sub"),
    _row(R.TLSDESC_HI20, "S + A - P", U_TYPE, "got tls", "%tlsdesc_hi: high part of the descriptor's offset"),
    _row(R.TLSDESC_LOAD_LO12, "S - P", I_TYPE, "tls", "%tlsdesc_load_lo"),
    _row(R.TLSDESC_ADD_LO12, "S - P", I_TYPE, "tls", "%tlsdesc_add_lo"),
    _row(R.TLSDESC_CALL, "", NOWHERE, "tls", "%tlsdesc_call: marks the call for relaxation"),
)

RELOCATIONS: dict[R, Reloc] = {row.type: row for row in _ROWS}


def relocation_name(number: int) -> str:
    """`R_RISCV_CALL_PLT` for 19; `unrecognized: 63` style text for numbers outside the table."""
    row = RELOCATIONS.get(number)  # type: ignore[call-overload]  # an R is an int, and hashes as one
    return row.name if row else f"unrecognized: {number:x}"


# (modifier, operand kind) -> relocation. Modifier "" is a bare symbol. Kinds are those of `toyvm.isa`, and "call" for
# the auipc and jalr pair of `call` and `tail`, "tprel_add" for the fourth operand of add.
MODIFIERS: dict[tuple[str, str], R] = {
    ("", "branch"): R.BRANCH,
    ("", "jump"): R.JAL,
    ("", "call"): R.CALL_PLT,
    ("%hi", "imm20"): R.HI20,
    ("%pcrel_hi", "imm20"): R.PCREL_HI20,
    ("%got_pcrel_hi", "imm20"): R.GOT_HI20,
    ("%tprel_hi", "imm20"): R.TPREL_HI20,
    ("%tls_ie_pcrel_hi", "imm20"): R.TLS_GOT_HI20,
    ("%tls_gd_pcrel_hi", "imm20"): R.TLS_GD_HI20,
    ("%tprel_add", "tprel_add"): R.TPREL_ADD,
    **{
        (modifier, kind): lo12
        for kinds, rows in (
            (
                ("imm12", "load_mem"),
                {"%lo": R.LO12_I, "%pcrel_lo": R.PCREL_LO12_I, "%tprel_lo": R.TPREL_LO12_I},
            ),
            (("store_mem",), {"%lo": R.LO12_S, "%pcrel_lo": R.PCREL_LO12_S, "%tprel_lo": R.TPREL_LO12_S}),
        )
        for kind in kinds
        for modifier, lo12 in rows.items()
    },
}


class RelocationError(ToyvmError):
    """A relocation that cannot be applied. `index` is its number in the arrays given to `apply_many`, else 0."""

    def __init__(self, message: str, index: int = 0):
        super().__init__(message)
        self.index = index


class RelocationOverflow(RelocationError):
    """A value outside the field's range `low`..`high`, or not a multiple of its `alignment`."""

    def __init__(self, reloc: Reloc, value: int, index: int = 0):
        self.reloc, self.value = reloc, value
        self.low, self.high, self.alignment = reloc.field.low, reloc.field.high, reloc.field.alignment
        if self.low <= self.high and not self.low <= value <= self.high:
            limit = f"out of range: {value} is not in [{self.low}, {self.high}]"
        else:
            limit = f"misaligned: {value} is not a multiple of {self.alignment}"
        super().__init__(f"relocation {reloc.name} {limit}", index)


def check(reloc: Reloc, value: int) -> None:
    """Raise RelocationOverflow unless the signed number `value` fits the field of `reloc`."""
    field = reloc.field
    if value % field.alignment or (field.low <= field.high and not field.low <= value <= field.high):
        raise RelocationOverflow(reloc, value)


def apply(buf: bytearray | memoryview, offset: int, reloc: Reloc, value: int) -> None:
    """Write `value` (S + A - P or whatever the formula gives; modulo 2**64) into the field of `reloc` at `offset`.

    "add" and "sub" change the number already there. Raises RelocationOverflow naming the broken limit, and
    RelocationError when the field is not inside `buf`.
    """
    field = reloc.field
    if field is ULEB128:
        _apply_uleb128(buf, offset, reloc, value)
        return
    if offset < 0 or offset + field.width > len(buf):
        raise RelocationError(
            f"relocation {reloc.name} at {offset:#x} is outside its section of {len(buf):#x} bytes"
        )
    if not reloc.operation:
        return
    value = sext(value, 64)
    check(reloc, value)
    unit = int.from_bytes(buf[offset : offset + field.width], "little")
    if reloc.operation != "set":
        value = unit + value if reloc.operation == "add" else unit - value
    unit = unit & ~field.mask | scatter(field, value)
    buf[offset : offset + field.width] = unit.to_bytes(field.width, "little")


def scatter(field: Field, value: int) -> int:
    """The bits of `value` at their places in the unit, all other bits 0."""
    unit = 0
    for high, low, at, bias in field.pieces:
        unit |= ((value + bias) >> low & ((1 << (high - low + 1)) - 1)) << at
    return unit


def gather(field: Field, unit: int) -> int:
    """The number in a unit's field, as unsigned bits in place; the inverse of `scatter` but for bias and sign."""
    value = 0
    for high, low, at, _ in field.pieces:
        value |= (unit >> at & ((1 << (high - low + 1)) - 1)) << low
    return value


_ULEB128_LIMIT = 16  # bytes; 10 hold 64 bits


def _apply_uleb128(buf: bytearray | memoryview, offset: int, reloc: Reloc, value: int) -> None:
    """The number keeps its length in bytes: the assembler made room for it."""
    end, old = offset, 0
    while True:
        if not 0 <= end < len(buf) or end - offset >= _ULEB128_LIMIT:
            raise RelocationError(f"relocation {reloc.name} at {offset:#x}: no ULEB128 number ends there")
        old |= (buf[end] & 0x7F) << 7 * (end - offset)
        end += 1
        if not buf[end - 1] & 0x80:
            break
    room = 7 * (end - offset)
    new = (value if reloc.operation == "set" else old - value) & min(M64, (1 << room) - 1)
    for at in range(offset, end):
        buf[at] = new & 0x7F | (0x80 if at + 1 < end else 0)
        new >>= 7


def apply_many(
    buf: bytearray | memoryview, offsets: npt.NDArray[Any], reloc: Reloc, values: npt.NDArray[Any]
) -> None:
    """`apply` for a whole column: relocations of one type at `offsets` (integers) with `values` (int64).

    All or nothing: when one does not fit, nothing is written and the error's `index` tells the first bad one.
    The same place may occur several times for "add" and "sub". Fields must not overlap otherwise.
    """
    import numpy as np

    field = reloc.field
    if field is ULEB128:
        _apply_each(buf, offsets.tolist(), reloc, values.tolist())
        return
    offsets = offsets.astype(np.int64, copy=False)
    values = values.astype(np.int64, copy=False)
    _check_many(len(buf), offsets, reloc, values)
    if not reloc.operation or not len(offsets):
        return
    if reloc.operation != "set":
        offsets, inverse = np.unique(offsets, return_inverse=True)
        sums = np.zeros(len(offsets), dtype=np.int64)
        np.add.at(sums, inverse.reshape(-1), values)
        values = sums
    raw = np.frombuffer(buf, dtype=np.uint8)
    dtype = np.dtype(f"<u{field.width}")
    where = offsets[:, None] + np.arange(field.width)
    units = raw[where].view(dtype).reshape(-1)
    if reloc.operation != "set":
        old = units.astype(np.int64)
        values = old + values if reloc.operation == "add" else old - values
    units = units & dtype.type(field.mask ^ ((1 << 8 * field.width) - 1))
    for high, low, at, bias in field.pieces:
        bits = ((values + bias) >> low) & np.int64(-1 if high - low == 63 else (1 << (high - low + 1)) - 1)
        units |= bits.astype(dtype) << dtype.type(at)
    raw[where] = units.reshape(-1, 1).view(np.uint8)


def _check_many(size: int, offsets: npt.NDArray[Any], reloc: Reloc, values: npt.NDArray[Any]) -> None:
    field = reloc.field
    outside = (offsets < 0) | (offsets > size - field.width)
    if outside.any():
        index = int(outside.argmax())
        raise RelocationError(
            f"relocation {reloc.name} at {int(offsets[index]):#x} is outside its section of {size:#x} bytes",
            index,
        )
    bad = values % field.alignment != 0
    if field.low <= field.high:
        bad |= (values < field.low) | (values > field.high)
    if bad.any():
        index = int(bad.argmax())
        raise RelocationOverflow(reloc, int(values[index]), index)


def _apply_each(
    buf: bytearray | memoryview, offsets: Iterable[int], reloc: Reloc, values: Iterable[int]
) -> None:
    for offset, value in zip(offsets, values, strict=True):
        apply(buf, offset, reloc, value)
