"""Encodes instructions: operands become instruction words and fix-ups, by the instruction table."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..base.bits import M64
from ..isa.ieee754 import ROUNDING_MODES
from ..isa.lookup_tables import FLI_NAMES
from ..isa.operands import FLOAT_KINDS, parse_fence_set
from ..isa.pseudo import PSEUDOS
from ..isa.registers import CSRS, X_NAMES, X_NUMBERS
from ..isa.table import INSNS
from ..relocation_fields import scatter
from ..relocations import MODIFIERS, RELOCATIONS, R, Tool
from .encoded_operands import KINDS as ENCODED_KINDS
from .encoded_operands import SAID as ENCODED_SAID
from .encoded_operands import check_loaded, encoded_value, fits_encoded, merge_pieces, special_operand
from .grammar import Expr, WrittenOperand, parse_operand
from .mnemonics import (
    STACK,
    Candidate,
    EncodableRow,
    Expansion,
    OperandStep,
    address,
    all_candidates,
    candidates,
    compressions,
    mnemonics,
)
from .problems import Problem, unknown
from .sections import AsmSymbol, DeferredOperation, Fix, Linear, Part, PartKind

if TYPE_CHECKING:
    from ..elf.architecture.isa_strings import Arch
    from .state import AssemblyState

CALL_PLT = "%call_plt"  # in expansions only, see toyvm.isa.pseudo
# Types whose field also contains the addend (gas: md_apply_fix). Linkers ignore it.
ADDEND_IN_FIELD = frozenset(row.type for row in RELOCATIONS.values() if Tool.ASSEMBLER in row.by)
_RELAXABLE = frozenset(row.type for row in RELOCATIONS.values() if row.relax)
# After these the linker may delete bytes, and a new frag begins (gas: append_insn).
_ENDS_FRAG = frozenset(type for type in _RELAXABLE if not RELOCATIONS[type].is_low_part)
# Kind and length of a branch that keeps its size (`.insn`) -> its relocation
RAW_BRANCHES = {
    ("branch", 4): R.BRANCH,
    ("jump", 4): R.JAL,
    ("branch", 2): R.RVC_BRANCH,
    ("jump", 2): R.RVC_JUMP,
}
# Their loads also write the base register, which therefore cannot be loaded
_LOADS_WITH_BASE = ("Xtheadmemidx", "theadmempair")
_MEMORY = ("load_mem", "store_mem", "amo_mem")
_SAID = {
    "rd": "a register",
    "rs1": "a register",
    "rs2": "a register",
    "rs3": "a register",
    "temp": "a register",
    **dict.fromkeys(FLOAT_KINDS, "a floating-point register"),
    "rm": "a rounding mode (rne, rtz, rdn, rup, rmm, dyn)",
    "imm12": "a number in -2048..2047 or %lo(symbol)",
    "imm20": "a number in 0..1048575 or %hi(symbol)",
    "load_mem": "offset(register)",
    "store_mem": "offset(register)",
    "amo_mem": "(register)",
    "branch": "a label",
    "jump": "a label",
    "csr": "a CSR's name or number",
    "fence_pred": "letters of iorw",
    "fence_succ": "letters of iorw",
    "symbol": "a symbol",
    "constant": "a number",
    "tprel_add": "%tprel_add(symbol)",
    "tlsdesc_call": "%tlsdesc_call(label)",
    "sp": "sp",
    "load_sp": "offset(sp)",
    "store_sp": "offset(sp)",
    "rtz": "rtz",
    "lui6": "a number in 1..31 or 0xfffe0..0xfffff",
    **ENCODED_SAID,
}


_FORMS = {
    **dict.fromkeys(("rd", "rs1", "rs2", "rs3", "temp"), "register"),
    **dict.fromkeys(FLOAT_KINDS, "float_register"),
    **dict.fromkeys(_MEMORY, "memory"),
}
STACK_POINTER = 2
_T0 = 5
_WHOLE = {"Zaamo": "a", "Zalrsc": "a", "Zmmul": "m"}  # part of an extension -> the extension
_MARKERS = ("tprel_add", "tlsdesc_call")  # operands that are a relocation of the whole instruction


def fits(kind: str, operand: WrittenOperand, state: AssemblyState) -> bool:
    """Whether `operand` is of `kind`. The range of a number is not checked here."""
    form = operand.form
    wanted = _FORMS.get(kind)
    if wanted is not None:
        if form != wanted:
            return False
        return not operand.modifier or kind == "amo_mem" or (operand.modifier, kind) in MODIFIERS
    if kind in STACK:
        return form == STACK[kind] and operand.number == STACK_POINTER
    if kind in ENCODED_KINDS or kind[0] == "#":
        return fits_encoded(kind, operand, state)
    if kind in ("branch", "jump", "symbol"):
        return not operand.modifier and form in ("expression", "register", "float_register")
    if form != "expression":
        return False
    if operand.modifier:
        return (operand.modifier, kind) in MODIFIERS
    if kind == "rm":
        return operand.expr in ROUNDING_MODES
    if kind == "rtz":
        return operand.expr == "rtz"
    if kind == "csr":
        return isinstance(operand.expr, int) or operand.expr in CSRS or state.is_number(operand.expr)
    if kind in ("fence_pred", "fence_succ"):
        return parse_fence_set(str(operand.expr)) is not None
    if kind == "nzimm" and state.is_number(operand.expr):
        return state.number(operand.expr) != 0  # 0 is another instruction
    return kind not in _MARKERS and (isinstance(operand.expr, int) or state.is_number(operand.expr))


def encode(state: AssemblyState, mnemonic: str, pieces: Sequence[str]) -> None:
    """Assemble one instruction at the current place of `state`. Raises Problem."""
    options = candidates(mnemonic)
    if state.more_rows or not options:
        options = all_candidates(mnemonic, state.xlen)
    if not options:
        raise unknown("instruction", mnemonic, mnemonics())
    if mnemonic.startswith("fli."):
        pieces = _with_constant_number(pieces)
    if mnemonic[:4] == "vset" or mnemonic[:3] == "cm.":
        pieces = merge_pieces(mnemonic, pieces)
        operands = [special_operand(piece) or parse_operand(piece) for piece in pieces]
    else:
        operands = [parse_operand(piece) for piece in pieces]
    count = len(operands)
    if state.is_embedded:
        _refuse_upper_registers(operands)
    if state.modes.rvc and _compress(state, mnemonic, operands):
        return
    missing = ""
    for candidate in options:
        kinds = candidate.kinds
        if len(kinds) != count:
            continue
        for kind, operand in zip(kinds, operands, strict=True):
            if not fits(kind, operand, state):
                break
        else:
            if candidate.ext[-12:] in _LOADS_WITH_BASE:
                check_loaded(mnemonic, operands)
            if candidate.ext not in state.enabled:
                missing = missing or candidate.ext
                continue
            if "csr" in kinds:
                state.note_privileged()
                if state.modes.csr_check:
                    _emit_checked(state, candidate, operands)
                    return
            if isinstance(candidate, EncodableRow):
                _emit(state, candidate, operands)
                return
            if candidate.pseudo.when in ("", "short") or (candidate.pseudo.when == "pic") == state.modes.pic:
                _expand(state, candidate, operands)
                return
    if missing:
        raise _missing(state, mnemonic, missing)
    raise _misfit(state, mnemonic, options, pieces, operands)


def _refuse_upper_registers(operands: list[WrittenOperand]) -> None:
    """Raise Problem if an operand is one of x16 to x31, which RV32E and RV64E do not have."""
    for operand in operands:
        if operand.form in ("register", "memory") and operand.number > 15:
            name = operand.text or X_NAMES[operand.number]
            raise Problem(f"{name} is x{operand.number}, and the architecture ends at x15", name)


def _emit_checked(state: AssemblyState, candidate: Candidate, operands: list[WrittenOperand]) -> None:
    """Assemble an instruction with a CSR, and warn if the architecture does not allow it."""
    from ..isa.csr_rules import csr_faults, writes_read_only

    csr = operands[candidate.kinds.index("csr")].expr
    if isinstance(csr, str) and csr in CSRS:
        for ours, gnu in csr_faults(csr, state.xlen, state.modes.arch.has, state.priv_spec):
            state.warn(ours, csr, gnu)
    if isinstance(candidate, EncodableRow):
        _emit(state, candidate, operands)
    else:
        _expand(state, candidate, operands)
    if writes_read_only(int.from_bytes(state.chunk.data[-4:], "little")):
        state.warn(f"CSR {csr} is read-only", gnu="read-only CSR is written `{statement}'")


def _missing(state: AssemblyState, mnemonic: str, missing: str) -> Problem:
    """The error for an instruction of an extension or a register width that the architecture does not have."""
    width, _, rest = missing.rpartition("RV")[2].partition(" ") if missing[:2] == "RV" else ("", "", missing)
    if width and int(width) != state.xlen:
        return Problem(
            f"'{mnemonic}' is an instruction of {width}-bit machines, and this is {state.arch_text}",
            mnemonic,
            gnu="unrecognized opcode `{statement}'",
        )
    names = re.split(r" (or|and) ", rest)
    names = [name if name in ("or", "and") else f"'{name.lower()}'" for name in names]
    wanted = " ".join([f"'{_WHOLE[rest]}' or", *names] if rest in _WHOLE else names)
    return Problem(
        f"'{mnemonic}' needs extension {wanted}, which {state.arch_text} does not have",
        mnemonic,
        gnu=_gnu_missing(rest, state.modes.arch, mnemonic),
    )


def _gnu_missing(ext: str, arch: Arch, mnemonic: str) -> str:
    from .gnu_messages import required

    if ext == "Zve64x" and arch.has("zve32x"):
        return "illegal opcode for zve32x `{statement}'"
    wanted = required(ext, arch)
    if (
        mnemonic[:2] in ("fl", "fs") and len(mnemonic) == 3
    ):  # a load or a store, which integer registers have, too
        wanted = f"`{ext.lower()}'"
    return f"unrecognized opcode `{{statement}}', extension {wanted} required"


def _with_constant_number(pieces: Sequence[str]) -> list[str]:
    """The operands of fli, with the number of its constant for the constant. Raises Problem if there is no such one."""
    *others, text = pieces or [""]
    for number, name in enumerate(FLI_NAMES):
        try:
            same = text == name or float(text) == float(name)
        except ValueError:
            same = False  # `min`, or no number at all
        if same or text.lower() == name:
            return [*others, str(number)]
    raise Problem(f"'{text}' is not a constant of fli", text, expected=", ".join(FLI_NAMES))


def _compress(state: AssemblyState, mnemonic: str, operands: list[WrittenOperand]) -> bool:
    """Assemble the 16-bit form of an instruction if GNU as does. Returns whether there is one."""
    for expansion in compressions(mnemonic, state.xlen):
        if len(expansion.kinds) != len(operands):
            continue
        if all(
            _matches(state, kind, operand, operands)
            for kind, operand in zip(expansion.kinds, operands, strict=True)
        ):
            row, fillers = expansion.lines[0]
            if row.ext not in state.enabled:
                continue
            filled = [fill(operands, _NO_LABEL) for fill in fillers]
            if all(
                _is_encodable(state, step, operand) for step, operand in zip(row.steps, filled, strict=True)
            ):
                _emit(state, row, filled)
                return True
    return False


def _matches(
    state: AssemblyState, pattern: str, operand: WrittenOperand, operands: list[WrittenOperand]
) -> bool:
    """Whether an operand matches a pattern of `isa.compressed`."""
    form, number = operand.form, operand.number
    if pattern in ("mem", "spmem"):
        known = form == "memory" and not operand.modifier and state.is_number(operand.expr)
        return known and (pattern == "mem" or number == STACK_POINTER)
    if pattern == "label":
        return fits("branch", operand, state)
    if pattern in ("255", "-1"):
        known = form == "expression" and not operand.modifier and state.is_number(operand.expr)
        return known and state.number(operand.expr) == int(pattern)
    if pattern in ("imm", "nzimm", "0"):
        if form != "expression" or operand.modifier or not state.is_number(operand.expr):
            return False
        return pattern == "imm" or (state.number(operand.expr) == 0) == (pattern == "0")
    if pattern == "freg":
        return form == "float_register"
    if form != "register":
        return False
    if pattern == "=0":
        return number == operands[0].number
    return {
        "reg": True,
        "nz": number != 0,
        "other": number not in (0, STACK_POINTER),
        "zero": number == 0,
        "sp": number == STACK_POINTER,
    }[pattern]


def _is_encodable(state: AssemblyState, step: OperandStep, operand: WrittenOperand) -> bool:
    """Whether an operand is within the limits of a 16-bit row."""
    try:
        if operand.form in ("register", "float_register", "memory") and step.kind not in ("branch", "jump"):
            step.register(operand)
        if operand.form in ("memory", "expression") and step.kind not in ("branch", "jump"):
            encode_number(state, step, operand)
    except Problem:
        return False
    return True


def emit_row(
    state: AssemblyState, row: EncodableRow, operands: Sequence[WrittenOperand], pieces: Sequence[str]
) -> None:
    """Encode a row that is not in the table (`.insn`). Raises Problem if the operands do not fit."""
    for kind, operand, piece in zip(row.kinds, operands, pieces, strict=True):
        if not fits(kind, operand, state):
            raise Problem(
                f"operand '{piece}' does not fit",
                operand.modifier or piece,
                expected=_SAID.get(kind, "a number"),
            )
    _emit(state, row, operands)


def _expand(state: AssemblyState, expansion: Expansion, operands: list[WrittenOperand]) -> None:
    kinds = expansion.kinds
    if "constant" in kinds or ("symbol" in kinds and _is_constant_address(state, expansion, operands)):
        value = state.number(address(operands[1]))
        if (
            "constant" not in kinds and -2048 <= value < 2048
        ):  # `la` writes addiw where `li` writes addi (gas: load_const)
            name = "addiw" if state.xlen == 64 else "addi"
            encode(state, name, [_register_name(operands[0]), "zero", str(value)])
            return
        _check_constant(state, value, operands[1])
        for line in PSEUDOS["li"][0].expand([_register_name(operands[0])], value=value, xlen=state.xlen):
            name, _, rest = line.partition(" ")
            encode(state, name, rest.split(","))
        return
    if expansion.pseudo.when == "short":
        for line in expansion.pseudo.expand([_register_name(operand) for operand in operands]):
            name, _, rest = line.partition(" ")
            encode(state, name, rest.split(","))
        return
    label = state.chunk.here() if expansion.pseudo.needs_label else _NO_LABEL
    for row, fillers in expansion.lines:
        _emit(state, row, [fill(operands, label) for fill in fillers])
    if kinds[-1:] and kinds[-1] in _MARKERS:
        marker = operands[-1]
        if kinds[-1] == "tlsdesc_call" and operands[0].number != _T0:
            raise Problem("a call through a TLS descriptor returns to t0", operands[0].text, expected="t0")
        type = MODIFIERS[marker.modifier, kinds[-1]]
        _fix(state, type, split(state, marker.expr), len(state.chunk.data) - 4)


def _check_constant(state: AssemblyState, value: int, operand: WrittenOperand) -> None:
    """Raise Problem for a constant that a register of 32 bits cannot hold."""
    if state.xlen == 32 and not -1 << 31 <= value < 1 << 32 and value >> 31 != (1 << 33) - 1:
        raise Problem(
            f"{value:#x} does not fit into a register of 32 bits",
            _said(operand),
            gnu="unsupported large constant",
        )


_NO_LABEL = AsmSymbol("")


def _is_constant_address(state: AssemblyState, expansion: Expansion, operands: list[WrittenOperand]) -> bool:
    """Whether this is `la` of a number, which is `li` (gas: M_LA).

    Raises Problem for a load or store at a number.
    """
    if not expansion.pseudo.needs_label or not state.is_number(address(operands[1])):
        return False
    if expansion.pseudo.name in INSNS:
        raise Problem("a numeric address needs a register", _said(operands[1]), expected="offset(register)")
    return True


def _register_name(operand: WrittenOperand) -> str:
    return f"x{operand.number}"


def _emit(state: AssemblyState, row: EncodableRow, operands: Sequence[WrittenOperand]) -> None:
    """Append the instruction word of one row, and the fix-ups for its symbols."""
    word = row.match
    chunk = state.chunk
    if row.privileged:
        state.note_privileged()
    length = row.insn.length
    deferred: tuple[str, WrittenOperand] | None = None
    ends = False
    for step, operand in zip(row.steps, operands, strict=True):
        kind, form = step.kind, operand.form
        if form in ("register", "float_register") and kind not in ("branch", "jump"):
            word |= step.register(operand)
            continue
        if form == "memory":
            word |= step.register(operand)
            if kind == "amo_mem":
                if operand.modifier or operand.expr != 0:
                    illegal = "illegal operands `{statement}'"
                    raise Problem(
                        "an atomic instruction takes no offset",
                        _said(operand),
                        expected="(register)",
                        gnu="bad expression" if operand.modifier else illegal,
                        also=illegal if operand.modifier else "",
                    )
                continue
        if operand.modifier or kind in ("branch", "jump"):
            deferred = (kind, operand)
            if length == 2 and operand.modifier:
                raise Problem(f"there is no relocation for {operand.modifier} in 16 bits", operand.modifier)
        else:
            if kind in ENCODED_KINDS:
                word |= step.insert(encoded_value(kind, operand, state, operands))
                continue
            word |= step.insert(encode_number(state, step, operand))
            ends = ends or kind == "imm20"  # GNU as also ends the frag after lui and auipc of a number
    data = chunk.data
    start = len(data)
    value = (
        split(state, address(deferred[1])) if deferred is not None else None
    )  # `.` is the instruction itself
    data += word.to_bytes(length, "little")
    if deferred is not None and value is not None:
        _defer(state, deferred[0], deferred[1], value, start, length, row.raw)
    chunk.frag += ends


def encode_number(state: AssemblyState, step: OperandStep, operand: WrittenOperand) -> int:
    """The value of the bit field for a numeric operand. Raises Problem with the valid range."""
    expr = operand.expr
    kind = step.kind
    if kind in ("fence_pred", "fence_succ"):
        bits = parse_fence_set(str(expr))
        assert bits is not None
        return bits
    if kind == "rm":
        return ROUNDING_MODES[str(expr)]
    if kind == "rtz" or kind[0] == "#":
        return 0
    value = CSRS[expr] if kind == "csr" and isinstance(expr, str) and expr in CSRS else state.number(expr)
    if kind in ("imm12", "load_mem", "store_mem") and value >> 12 == 0xFFFFFFFFFFFFF:
        value -= 1 << 64  # 0xfffffffffffff800 and above, as 64-bit numbers
    if state.xlen == 32:
        if value >> 31 == 1 and kind not in ("imm20", "lui6"):
            value -= 1 << 32  # the same of 32-bit numbers
        if kind == "uimm6" and value > 31:
            raise Problem(f"{value} is not in 0..31", _said(operand), gnu=f"improper shift amount ({value})")
    try:
        return step.slot.to_field(value)
    except ValueError as error:
        gnu = ""
        if "@" in kind:
            gnu = f"improper immediate value ({value if kind[0] == 's' else value & M64})"
        elif kind in ("uimm5", "uimm6") and step.slot.high > 7:
            gnu = f"improper shift amount ({value & M64})"
        elif step.slot.step == 32:
            gnu = f"improper prefetch offset ({value})"
        elif kind == "zimm5":
            gnu = f"improper CSRxI immediate ({value & M64})"
        raise Problem(str(error), _said(operand), expected=_SAID.get(kind, ""), gnu=gnu) from None


def _said(operand: WrittenOperand) -> str:
    return str(operand.expr) if isinstance(operand.expr, int | str) else ""


def _defer(
    state: AssemblyState,
    kind: str,
    operand: WrittenOperand,
    value: Linear,
    start: int,
    length: int,
    raw: bool,
) -> None:
    """Record a fix-up at `start`: a branch, or the relocation that `MODIFIERS` gives for a modifier."""
    if kind in ("branch", "jump"):
        add, sub, addend = value
        if sub is not None:
            raise Problem("the target of a branch cannot be a difference", "")
        chunk = state.chunk
        if raw:
            chunk.fixes.append(Fix(start, RAW_BRANCHES[kind, length], add, None, addend, False, state.where))
            chunk.frag += 1
            return
        part = PartKind.BRANCH if kind == "branch" else PartKind.JUMP
        chunk.stretch(Part(start + length, chunk.frag + 1, part, add, addend, state.where, size=length))
        return
    wanted = ("", "call") if operand.modifier == CALL_PLT else (operand.modifier, kind)
    _fix(state, MODIFIERS[wanted], value, start)


def _fix(state: AssemblyState, type: R, value: Linear, start: int) -> None:
    add, sub, addend = value
    chunk = state.chunk
    if type in ADDEND_IN_FIELD and addend:
        field = RELOCATIONS[type].field
        data = chunk.data
        word = int.from_bytes(data[start : start + 4], "little") | scatter(field, addend)
        data[start : start + 4] = word.to_bytes(4, "little")
        if add is None:
            return
    relax = state.modes.relax and type in _RELAXABLE and add is not None
    chunk.fixes.append(Fix(start, type, add, sub, addend, relax, state.where))
    if type in _ENDS_FRAG:
        chunk.frag += 1


def split(state: AssemblyState, expr: Expr) -> Linear:
    """The value of `expr` as `add - sub + addend`. A deferred expression becomes a symbol without a name."""
    value = Linear(expr, None, 0) if isinstance(expr, AsmSymbol) else state.evaluate(expr)
    if isinstance(value, Linear):
        return value
    if isinstance(value, DeferredOperation):
        symbol = AsmSymbol("")
        symbol.value = value
        symbol.where = state.where
        return Linear(symbol, None, 0)
    return Linear(None, None, value)


def _misfit(
    state: AssemblyState,
    mnemonic: str,
    options: tuple[Candidate, ...],
    pieces: Sequence[str],
    operands: list[WrittenOperand],
) -> Problem:
    """The error for operands that fit no candidate: the first wrong operand of the best candidate."""
    options = tuple([option for option in options if option.ext in state.enabled]) or options
    usage = " or ".join(dict.fromkeys(f"{mnemonic} {', '.join(option.kinds)}".strip() for option in options))
    best, blame = -1, ""
    for option in options:
        if len(option.kinds) != len(operands):
            continue
        for index, (kind, operand) in enumerate(zip(option.kinds, operands, strict=True)):
            if not fits(kind, operand, state):
                if index > best:
                    best, blame = index, kind
                break
    if best < 0:
        counts = sorted({len(option.kinds) for option in options})
        wanted = " or ".join(map(str, counts))
        message = f"'{mnemonic}' takes {wanted} operand{'s' if counts != [1] else ''}, not {len(operands)}"
        return Problem(message, mnemonic, expected=usage)
    text = pieces[best].strip()
    hint = ""
    if blame in ("rd", "rs1", "rs2", "temp"):
        from ..base.diagnostics import did_you_mean

        hint = did_you_mean(text, X_NUMBERS)
    elif blame == "csr":
        from ..base.diagnostics import did_you_mean

        hint = did_you_mean(text, CSRS)
    said = _SAID.get(blame, "a number")
    modifier = operands[best].modifier
    if modifier and (modifier, blame) not in MODIFIERS:
        fitting = [name for name, kind in MODIFIERS if kind == blame and name]
        said += f"; of modifiers, {', '.join(fitting)}" if fitting else "; no modifier"
        text = modifier
    if blame[:1] == "#" and operands[best].form == "expression" and state.is_number(operands[best].expr):
        number = state.number(operands[best].expr)
        return Problem(
            f"operand {best + 1} of '{mnemonic}' is always {blame[1:]}",
            text,
            gnu=f"unexpected literal ({number})",
        )
    gnu = f"unknown CSR `{text}'" if blame == "csr" and text[:1].isalpha() else ""
    return Problem(
        f"operand {best + 1} of '{mnemonic}' does not fit: '{text}'", text, expected=said, hint=hint, gnu=gnu
    )
