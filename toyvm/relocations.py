"""The table of RISC-V relocation types.

The assembler, linker, loader, readelf and the reference page read this table. A row holds all
properties of a type: the value to compute (`Formula`), the field to write and its range (`Field`),
the GOT, PLT or other entries that it requires (`Need`), the tools that apply it (`Tool`), and the
assembler modifier that requests it. To add a type, add its row to `R`.

Source: RISC-V ELF psABI, "Relocations".
"""

from __future__ import annotations

from collections.abc import Callable

from .base.light_types import TYPE_CHECKING, Any, Enum, IntEnum, NamedTuple

if TYPE_CHECKING:
    import numpy.typing as npt


class Formula(Enum):
    """The value that a type computes, in the psABI's notation.

    S is the symbol's address (or that of its PLT entry, if the type may use one), A the addend, P
    the place, V the value at the place, B the load base, GOT the address of the GOT, G the offset
    of the symbol's GOT entry, GP the global pointer, TLSMODULE and TLSOFFSET the module and the
    offset of a thread-local symbol.
    """

    NONE = ""  # a marker: no bytes change
    ABSOLUTE = "S + A"
    ADD = "V + S + A"
    SUBTRACT = "V - S - A"
    PC_RELATIVE = "S + A - P"
    PC_LOW = "S - P"  # S labels the relocation of the high part, which determines the value
    GOT_PC_RELATIVE = "G + GOT + A - P"
    GP_RELATIVE = "S + A - GP"
    TP_RELATIVE = "S + A + TLSOFFSET"
    DTP_RELATIVE = "S + A - TLS_DTV_OFFSET"
    TLS_MODULE = "TLSMODULE"
    TLS_DESCRIPTOR = "TLSDESC(S+A)"
    LOAD_BASE = "B + A"
    SYMBOL = "S"
    COPY = "the bytes at S"
    RESOLVER = "ifunc_resolver(B + A)"


class Need(Enum):
    """What a relocation of the type requires. The linker creates it if necessary."""

    GOT = "GOT entry"
    TLS_IE = "GOT entry of the TP offset"
    TLS_GD = "GOT pair of module and offset"
    TLS_DESC = "GOT pair of a descriptor"
    PLT = "PLT entry"  # if another component defines the function
    COPY = "copy"  # a copy of a library's datum, or a PLT entry as a function's address
    DYNAMIC = "dynamic relocation"  # if the address is known only at load
    THREAD_LOCAL = "thread-local symbol"


class Tool(Enum):
    """A tool that applies relocations."""

    ASSEMBLER = "assembler"  # if the value is a constant
    LINKER = "linker"
    LOADER = "loader"
    RELAXATION = "linker relaxation"  # and no input may hold it


class Piece(NamedTuple):
    """Bits `high`..`low` of the value plus `bias` go to the unit's bits from `at` upwards."""

    high: int
    low: int
    at: int
    bias: int = 0


class Field(NamedTuple):
    """The bits that a relocation writes: `pieces` of the `width` bytes at its offset.

    The signed value must satisfy `low <= value <= high` and `value % alignment == 0`. If `low >
    high`, there is no range and the value is truncated. `name` is the psABI's name of the field.
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


_ROUND = 0x800  # rounds the high part, because the low part is sign-extended
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


_LINKER, _LOADER = frozenset((Tool.LINKER,)), frozenset((Tool.LOADER,))
_CONSTANT, _EITHER = _LINKER | {Tool.ASSEMBLER}, _LINKER | _LOADER
_RELAXED = frozenset((Tool.RELAXATION,))
_UNSUPPORTED: frozenset[Tool] = frozenset()  # the linker and the loader report it as an error
_NO: frozenset[Need] = frozenset()
_COPY, _PLT, _GOT, _TLS = (frozenset((need,)) for need in (Need.COPY, Need.PLT, Need.GOT, Need.THREAD_LOCAL))
_WORD = _COPY | {Need.DYNAMIC}
_IE, _GD, _DESC = (_TLS | {need} for need in (Need.TLS_IE, Need.TLS_GD, Need.TLS_DESC))
_HIGH = ("PCREL_HI20", "GOT_HI20", "TLS_GOT_HI20", "TLS_GD_HI20")
_DESC_HIGH = ("TLSDESC_HI20",)
if TYPE_CHECKING:
    _Cells = tuple[
        int, Formula, Field, frozenset[Need], frozenset[Tool], str, str | None, tuple[str, ...], bool
    ]


def _row(
    number: int,
    formula: Formula,
    field: Field,
    needs: frozenset[Need],
    by: frozenset[Tool],
    meaning: str,
    operator: str | None = None,
    partners: tuple[str, ...] = (),
    relax: bool = False,
) -> _Cells:
    """The cells of a row.

    `operator` is the assembler modifier: "" for a bare symbol, None if there is none.
    """
    return number, formula, field, needs, by, meaning, operator, partners, relax


class R(IntEnum):
    """The relocation types by number, without the prefix R_RISCV_.

    R_RISCV_32, R_RISCV_64 and R_RISCV_32_PCREL are ABS32, ABS64 and PCREL32, because a name cannot
    begin with a digit.
    """

    # fmt: off
    NONE = _row(0, Formula.NONE, NOWHERE, _NO, _EITHER, "no effect, except that it keeps a section alive")
    ABS32 = _row(1, Formula.ABSOLUTE, ADDRESS32, _COPY, _LINKER, "32-bit address", "")
    ABS64 = _row(2, Formula.ABSOLUTE, WORD64, _WORD, _EITHER, "64-bit address", "")
    RELATIVE = _row(3, Formula.LOAD_BASE, WORD64, _NO, _LOADER, "adjust an address by the load base")
    COPY = _row(4, Formula.COPY, NOWHERE, _NO, _LOADER, "copy a library's datum into the program")
    JUMP_SLOT = _row(5, Formula.SYMBOL, WORD64, _NO, _LOADER, "address of a function in the GOT of the PLT; may be bound lazily")
    TLS_DTPMOD32 = _row(6, Formula.TLS_MODULE, WORD32, _TLS, _UNSUPPORTED, "RV32 only")
    TLS_DTPMOD64 = _row(7, Formula.TLS_MODULE, WORD64, _TLS, _LOADER, "module number of a thread-local symbol")
    TLS_DTPREL32 = _row(8, Formula.DTP_RELATIVE, WORD32, _TLS, _LINKER, "offset in the module's TLS block, in debugging information")
    TLS_DTPREL64 = _row(9, Formula.DTP_RELATIVE, WORD64, _TLS, _EITHER, "offset in the module's TLS block")
    TLS_TPREL32 = _row(10, Formula.TP_RELATIVE, WORD32, _TLS, _UNSUPPORTED, "RV32 only")
    TLS_TPREL64 = _row(11, Formula.TP_RELATIVE, WORD64, _TLS, _LOADER, "offset from the thread pointer")
    TLSDESC = _row(12, Formula.TLS_DESCRIPTOR, WORD64, _TLS, _LOADER, "thread-local descriptor: a function and its argument")
    BRANCH = _row(16, Formula.PC_RELATIVE, B_TYPE, _PLT, _LINKER, "12-bit conditional branch", "")
    JAL = _row(17, Formula.PC_RELATIVE, J_TYPE, _PLT, _LINKER, "20-bit jump", "")
    CALL = _row(18, Formula.PC_RELATIVE, U_I_TYPE, _PLT, _LINKER, "auipc and jalr pair (older name)")
    CALL_PLT = _row(19, Formula.PC_RELATIVE, U_I_TYPE, _PLT, _LINKER, "auipc and jalr pair", "", relax=True)
    GOT_HI20 = _row(20, Formula.GOT_PC_RELATIVE, U_TYPE, _GOT, _LINKER, "high part of the GOT entry's offset", "%got_pcrel_hi")
    TLS_GOT_HI20 = _row(21, Formula.GOT_PC_RELATIVE, U_TYPE, _IE, _LINKER, "initial exec: high part of its offset", "%tls_ie_pcrel_hi")
    TLS_GD_HI20 = _row(22, Formula.GOT_PC_RELATIVE, U_TYPE, _GD, _LINKER, "general dynamic: high part of its offset", "%tls_gd_pcrel_hi")
    PCREL_HI20 = _row(23, Formula.PC_RELATIVE, U_TYPE, _COPY, _LINKER, "high part of a distance", "%pcrel_hi", relax=True)
    PCREL_LO12_I = _row(24, Formula.PC_LOW, I_TYPE, _NO, _LINKER, "low part of the value at label S", "%pcrel_lo", _HIGH, True)
    PCREL_LO12_S = _row(25, Formula.PC_LOW, S_TYPE, _NO, _LINKER, "low part of the value at label S, in a store", "%pcrel_lo", _HIGH, True)
    HI20 = _row(26, Formula.ABSOLUTE, U_TYPE, _COPY, _CONSTANT, "high part of an address", "%hi", relax=True)
    LO12_I = _row(27, Formula.ABSOLUTE, I_TYPE, _COPY, _CONSTANT, "low part of an address", "%lo", relax=True)
    LO12_S = _row(28, Formula.ABSOLUTE, S_TYPE, _COPY, _CONSTANT, "low part of an address, in a store", "%lo", relax=True)
    TPREL_HI20 = _row(29, Formula.TP_RELATIVE, U_TYPE, _TLS, _LINKER, "local exec: high part of the TP offset", "%tprel_hi", relax=True)
    TPREL_LO12_I = _row(30, Formula.TP_RELATIVE, I_TYPE, _TLS, _LINKER, "local exec: low part", "%tprel_lo", relax=True)
    TPREL_LO12_S = _row(31, Formula.TP_RELATIVE, S_TYPE, _TLS, _LINKER, "local exec: low part, in a store", "%tprel_lo", relax=True)
    TPREL_ADD = _row(32, Formula.NONE, NOWHERE, _TLS, _LINKER, "local exec: marks the add for relaxation", "%tprel_add", relax=True)
    ADD8 = _row(33, Formula.ADD, WORD8, _NO, _LINKER, "label addition")
    ADD16 = _row(34, Formula.ADD, WORD16, _NO, _LINKER, "label addition")
    ADD32 = _row(35, Formula.ADD, WORD32, _NO, _LINKER, "label addition")
    ADD64 = _row(36, Formula.ADD, WORD64, _NO, _LINKER, "label addition")
    SUB8 = _row(37, Formula.SUBTRACT, WORD8, _NO, _LINKER, "label subtraction", partners=("ADD8",))
    SUB16 = _row(38, Formula.SUBTRACT, WORD16, _NO, _LINKER, "label subtraction", partners=("ADD16",))
    SUB32 = _row(39, Formula.SUBTRACT, WORD32, _NO, _LINKER, "label subtraction", partners=("ADD32",))
    SUB64 = _row(40, Formula.SUBTRACT, WORD64, _NO, _LINKER, "label subtraction", partners=("ADD64",))
    GOT32_PCREL = _row(41, Formula.GOT_PC_RELATIVE, OFFSET32, _GOT, _LINKER, "32-bit distance to a GOT entry")
    ALIGN = _row(43, Formula.NONE, NOWHERE, _NO, _LINKER, "A bytes of nops, of which the linker keeps as many as the alignment needs")
    RVC_BRANCH = _row(44, Formula.PC_RELATIVE, CB_TYPE, _PLT, _LINKER, "8-bit conditional branch")
    RVC_JUMP = _row(45, Formula.PC_RELATIVE, CJ_TYPE, _PLT, _LINKER, "11-bit jump")
    RVC_LUI = _row(46, Formula.ABSOLUTE, CI_TYPE, _COPY, _RELAXED, "internal to relaxing linkers: high part in c.lui")
    GPREL_I = _row(47, Formula.GP_RELATIVE, I_TYPE_12, _NO, _RELAXED, "internal to relaxing linkers: offset from gp")
    GPREL_S = _row(48, Formula.GP_RELATIVE, S_TYPE_12, _NO, _RELAXED, "internal to relaxing linkers: offset from gp, in a store")
    TPREL_I = _row(49, Formula.TP_RELATIVE, I_TYPE_12, _TLS, _RELAXED, "internal to relaxing linkers: offset from tp")
    TPREL_S = _row(50, Formula.TP_RELATIVE, S_TYPE_12, _TLS, _RELAXED, "internal to relaxing linkers: offset from tp, in a store")
    RELAX = _row(51, Formula.NONE, NOWHERE, _NO, _LINKER, "the linker may relax the relocation at the same place")
    SUB6 = _row(52, Formula.SUBTRACT, WORD6, _NO, _LINKER, "label subtraction in call frame information", partners=("SET6",))
    SET6 = _row(53, Formula.ABSOLUTE, WORD6, _NO, _LINKER, "label in call frame information")
    SET8 = _row(54, Formula.ABSOLUTE, WORD8, _NO, _LINKER, "label")
    SET16 = _row(55, Formula.ABSOLUTE, WORD16, _NO, _LINKER, "label")
    SET32 = _row(56, Formula.ABSOLUTE, WORD32, _NO, _LINKER, "label")
    PCREL32 = _row(57, Formula.PC_RELATIVE, OFFSET32, _COPY, _LINKER, "32-bit distance")
    IRELATIVE = _row(58, Formula.RESOLVER, WORD64, _NO, _LOADER, "address that a resolver function returns")
    PLT32 = _row(59, Formula.PC_RELATIVE, OFFSET32, _PLT, _LINKER, "32-bit distance to a function or its PLT entry")
    SET_ULEB128 = _row(60, Formula.ABSOLUTE, ULEB128, _NO, _LINKER, "label in a ULEB128 number")
    SUB_ULEB128 = _row(61, Formula.SUBTRACT, ULEB128, _NO, _LINKER, "label subtraction in a ULEB128 number", partners=("SET_ULEB128",))
    TLSDESC_HI20 = _row(62, Formula.GOT_PC_RELATIVE, U_TYPE, _DESC, _LINKER, "high part of descriptor's offset", "%tlsdesc_hi", (), True)
    TLSDESC_LOAD_LO12 = _row(63, Formula.PC_LOW, I_TYPE, _NO, _LINKER, "low part at S, in the load", "%tlsdesc_load_lo", _DESC_HIGH)
    TLSDESC_ADD_LO12 = _row(64, Formula.PC_LOW, I_TYPE, _NO, _LINKER, "low part at S, in the add", "%tlsdesc_add_lo", _DESC_HIGH)
    TLSDESC_CALL = _row(65, Formula.NONE, NOWHERE, _NO, _LINKER, "marks the call for relaxation", "%tlsdesc_call", _DESC_HIGH)
    # fmt: on

    cells: _Cells

    def __new__(cls, cells: Any) -> R:
        """The member is the type's number; `cells` is its row."""
        member = int.__new__(cls, cells[0])
        member._value_ = cells[0]
        member.cells = cells
        return member


class Reloc(NamedTuple):
    """One row of the table.

    `name` is the psABI's name. `operation` is "set", "add" or "sub", or "" if no bytes change.
    `partners` are, for a low part, the types of the high parts that its symbol may label; for a
    subtraction, the type that precedes it at the same place. If `relax` is set and relaxation is
    allowed, the assembler emits R_RISCV_RELAX after the relocation.
    """

    type: R
    name: str
    formula: Formula
    field: Field
    needs: frozenset[Need]
    by: frozenset[Tool]
    operation: str
    operator: str | None
    partners: tuple[R, ...]
    relax: bool
    meaning: str

    @property
    def is_low_part(self) -> bool:
        """Whether the field holds the low 12 bits of a value; another instruction has the rest."""
        return self.field in (I_TYPE, S_TYPE)


_NAMES = {R.ABS32: "32", R.ABS64: "64", R.PCREL32: "32_PCREL"}
_OPERATIONS = {Formula.ADD: "add", Formula.SUBTRACT: "sub"}


def _complete(type: R) -> Reloc:
    _, formula, field, needs, by, meaning, operator, partners, relax = type.cells
    name = f"R_RISCV_{_NAMES.get(type, type.name)}"
    operation = _OPERATIONS.get(formula, "set") if field.name else ""
    pairs = tuple(getattr(R, partner) for partner in partners) if partners else ()
    return Reloc(type, name, formula, field, needs, by, operation, operator, pairs, relax, meaning)


RELOCATIONS: dict[R, Reloc] = {type: _complete(type) for type in R}
NUMBERS = 256  # types are below this; 192 to 255 are reserved for vendors


def relocation_name(number: int) -> str:
    """`R_RISCV_CALL_PLT` for 19; `unrecognized: ff` for a number that is not in the table."""
    row = RELOCATIONS.get(number)  # type: ignore[call-overload]  # an R is an int, and hashes as one
    return row.name if row else f"unrecognized: {number:x}"


def by_type(test: Callable[[Reloc], bool]) -> npt.NDArray[Any]:
    """A boolean array indexed by type: whether its row passes `test`.

    Numbers without a row are False. The array has NUMBERS + 1 items and the last one is False, so
    that `array.take(column, mode="clip")` accepts any number.
    """
    import numpy as np

    result = np.zeros(NUMBERS + 1, dtype=bool)
    result[[int(row.type) for row in RELOCATIONS.values() if test(row)]] = True
    return result


# Field -> the kinds of operands that contain it. The kinds are those of `toyvm.isa`, "call" for the
# auipc and jalr pair of `call` and `tail`, and the sizes of data. An operator that marks a whole
# instruction has a kind of its own name: "tprel_add", "tlsdesc_call".
_OPERANDS: dict[str, tuple[str, ...]] = {
    U_TYPE.name: ("imm20",),
    I_TYPE.name: ("imm12", "load_mem"),
    S_TYPE.name: ("store_mem",),
    B_TYPE.name: ("branch",),
    J_TYPE.name: ("jump",),
    U_I_TYPE.name: ("call",),
    WORD32.name: ("word32",),
    WORD64.name: ("word64",),
}

# (operator, operand kind) -> relocation. Operator "" is a bare symbol.
MODIFIERS: dict[tuple[str, str], R] = {
    (row.operator, kind): row.type
    for row in RELOCATIONS.values()
    if row.operator is not None
    for kind in (_OPERANDS[row.field.name] if row.field is not NOWHERE else (row.operator.lstrip("%"),))
}
