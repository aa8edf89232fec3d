"""Call frame information as bytes: CIEs and FDEs of `.eh_frame` and `.debug_frame`, as GNU as writes them.

Sources: DWARF 5 section 6.4, LSB "Exception Frames", binutils gas/dw2gencfi.c, RISC-V ELF psABI "DWARF".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, Generic, NamedTuple

from toyvm.base.record import Record
from toyvm.elf.leb128 import sleb128, uleb128
from toyvm.relocations import R

from .code_places import EmittedSection, Fixup, L, Place, SectionStart

RA_COLUMN = 1
SP = 2
DATA_ALIGN = -4
CIE_VERSION = 3
_SIZES_SINCE = 4  # the version that states the size of an address

# DW_CFA_* (DWARF 5, 7.24)
ADVANCE_LOC = 0x40
OFFSET = 0x80
RESTORE = 0xC0
ADVANCE_LOC1, ADVANCE_LOC2, ADVANCE_LOC4 = 0x02, 0x03, 0x04
OFFSET_EXTENDED, RESTORE_EXTENDED = 0x05, 0x06
UNDEFINED, SAME_VALUE, REGISTER, REMEMBER_STATE, RESTORE_STATE = 0x07, 0x08, 0x09, 0x0A, 0x0B
DEF_CFA, DEF_CFA_REGISTER, DEF_CFA_OFFSET = 0x0C, 0x0D, 0x0E
OFFSET_EXTENDED_SF, DEF_CFA_SF, DEF_CFA_OFFSET_SF = 0x11, 0x12, 0x13
VAL_OFFSET, VAL_OFFSET_SF = 0x14, 0x15
WINDOW_SAVE = 0x2D
NOP = 0x00

# DW_EH_PE_*: how a pointer is encoded
PE_ABSPTR, PE_UDATA4, PE_UDATA8, PE_SDATA4, PE_SDATA8 = 0x00, 0x03, 0x04, 0x0B, 0x0C
PE_PCREL, PE_INDIRECT, PE_OMIT = 0x10, 0x80, 0xFF


class CfiError(ValueError):
    """A CFI directive that is out of place or malformed. The message has no source position."""


_WORDS = {8: (R.ABS64, R.ADD64, R.SUB64), 4: (R.ABS32, R.ADD32, R.SUB32)}
POINTER_SIZE = {PE_ABSPTR: 8, PE_UDATA4: 4, PE_UDATA8: 8, PE_SDATA4: 4, PE_SDATA8: 8}


class Advance(NamedTuple, Generic[L]):
    start: L
    end: L


# An instruction: the bytes of an escape, an advance, or (operation, operands).
Plain = tuple[int, tuple[int, ...]]
Insn = Plain | bytes | Advance[L]

# Instructions that may move into a CIE, shared by all functions that begin with them (gas, initial_cie_insn).
_INITIAL = {
    OFFSET,
    DEF_CFA,
    VAL_OFFSET,
    REGISTER,
    DEF_CFA_REGISTER,
    RESTORE,
    UNDEFINED,
    SAME_VALUE,
    DEF_CFA_OFFSET,
}


class Frame(Record, Generic[L], frozen=False):
    """One `.cfi_startproc` .. `.cfi_endproc`."""

    start: L
    last: L
    end: L | None = None
    insns: list[Insn[L]] = []
    cfa_offset: int = 0
    states: list[int] = []
    return_column: int = RA_COLUMN
    signal: bool = False
    personality: tuple[int, L] | None = None
    lsda: tuple[int, L] | None = None


class _Cie(Record, Generic[L], frozen=False):
    offset: int
    key: tuple[object, ...]
    initial: list[Insn[L]]


class FrameWriter(Generic[L]):
    """Writes one section, with each CIE before the first frame that needs it, and padded to `word` bytes, those of an address."""

    def __init__(self, eh: bool, places: Callable[[L], Place], word: int = 8, version: int = CIE_VERSION):
        self.eh = eh
        self.version = version
        self.word = word
        self.places = places
        self.out = bytearray()
        self.fixups: list[Fixup[L]] = []
        self.cies: list[_Cie[L]] = []
        self.align = 4 if eh else word

    def write(self, frames: Sequence[Frame[L]]) -> EmittedSection[L]:
        for frame in frames:
            self._fde(frame, last=frame is frames[-1])
        name = ".eh_frame" if self.eh else ".debug_frame"
        return EmittedSection(name, self.eh, self.word, bytes(self.out), self.fixups)

    def _fde(self, frame: Frame[L], last: bool) -> None:
        cie = self._cie_for(frame)
        assert frame.end is not None  # set by endproc, which appends the frame to the list
        start = self._begin()
        if self.eh:
            self._word(len(self.out) - cie.offset, 4)
            self._fixed(4, (R.PCREL32, frame.start))
            self._fixed(4, (R.ADD32, frame.end), (R.SUB32, frame.start))
            self.out += uleb128(self._size(frame.lsda[0]) if frame.lsda else 0)
            if frame.lsda:
                self._encoded(*frame.lsda)
        else:
            self.fixups.append(Fixup(len(self.out), R.ABS32, SectionStart(".debug_frame"), cie.offset))
            self._word(0, 4)
            absolute, add, sub = _WORDS[self.word]
            self._fixed(self.word, (absolute, frame.start))
            self._fixed(self.word, (add, frame.end), (sub, frame.start))
        for insn in frame.insns[len(cie.initial) :]:
            self._instruction(insn)
        self._end(start, self.word if last else self.align)

    def _cie_for(self, frame: Frame[L]) -> _Cie[L]:
        """The newest CIE that matches the frame and whose instructions the frame begins with, else a new one, as in gas."""
        encodings = (frame.personality, frame.lsda and frame.lsda[0]) if self.eh else ()
        key = (frame.return_column, frame.signal, *encodings)
        for cie in reversed(self.cies):
            if cie.key == key and frame.insns[: len(cie.initial)] == cie.initial:
                return cie
        count = 0
        while count < len(frame.insns) and self._is_initial(frame.insns[count]):
            count += 1
        cie = _Cie(len(self.out), key, frame.insns[:count])
        self.cies.append(cie)
        self._write_cie(frame, cie)
        return cie

    @staticmethod
    def _is_initial(insn: Insn[L]) -> bool:
        return not isinstance(insn, bytes | Advance) and insn[0] in _INITIAL

    def _write_cie(self, frame: Frame[L], cie: _Cie[L]) -> None:
        start = self._begin()
        self._word(0 if self.eh else 0xFFFFFFFF, 4)
        signal = "S" if frame.signal else ""
        letters = (
            f"z{'P' if frame.personality else ''}{'L' if frame.lsda else ''}R{signal}" if self.eh else signal
        )
        self.out += bytes((self.version,)) + letters.encode() + b"\0"
        if self.version >= _SIZES_SINCE:
            self.out += bytes((self.word, 0))  # of an address and of a segment selector
        self.out += uleb128(1) + sleb128(DATA_ALIGN) + self._return_column(frame.return_column)
        if self.eh:
            size = 1 + bool(frame.lsda)
            size += 1 + self._size(frame.personality[0]) if frame.personality else 0
            self.out += uleb128(size)
            if frame.personality:
                self.out.append(frame.personality[0])
                self._encoded(*frame.personality)
            if frame.lsda:
                self.out.append(frame.lsda[0])
            self.out.append(PE_PCREL | PE_SDATA4)
        for insn in cie.initial:
            self._instruction(insn)
        self._end(start, self.align)

    def _return_column(self, column: int) -> bytes:
        if self.version > 1:
            return uleb128(column)
        if column > 0xFF:
            raise CfiError(f"return column number {column} overflows in CIE version 1")
        return bytes((column,))

    def _begin(self) -> int:
        self._word(0, 4)
        return len(self.out)

    def _end(self, start: int, align: int) -> None:
        self.out += bytes((NOP,)) * (-len(self.out) % align)
        self.out[start - 4 : start] = (len(self.out) - start).to_bytes(4, "little")

    def _word(self, value: int, size: int) -> None:
        self.out += value.to_bytes(size, "little")

    def _fixed(self, size: int, *relocs: tuple[R, L]) -> None:
        self.fixups += [Fixup(len(self.out), type, symbol) for type, symbol in relocs]
        self.out += bytes(size)

    def _size(self, encoding: int) -> int:
        return self.word if encoding & 0x0F == PE_ABSPTR else POINTER_SIZE[encoding & 0x0F]

    def _encoded(self, encoding: int, symbol: L) -> None:
        size = self._size(encoding)
        absolute = R.ABS32 if size == 4 else R.ABS64
        self._fixed(size, (R.PCREL32 if encoding & PE_PCREL else absolute, symbol))

    def _instruction(self, insn: Insn[L]) -> None:
        if isinstance(insn, bytes):
            self.out += insn
        elif isinstance(insn, Advance):
            self._advance(insn)
        else:
            self.out += encode_instruction(*insn)

    def _advance(self, insn: Advance[Any]) -> None:
        start, end = self.places(insn.start), self.places(insn.end)
        distance = end.offset - start.offset
        if distance < 0:
            raise CfiError("CFI directives go backwards in their section")
        if distance == 0:
            return
        fixed = start.fragment == end.fragment
        row = next((row for row in _ADVANCES if distance < row[0]), None)
        if row is None:
            raise CfiError("a function of 4 GiB or more")
        _, opcode, size, set_type, sub_type = row
        at = len(self.out) + (size > 0)
        self.out += (
            bytes((opcode,)) + distance.to_bytes(size, "little") if size else bytes((opcode | distance,))
        )
        if not fixed:
            self.fixups += [Fixup(at, set_type, insn.end), Fixup(at, sub_type, insn.start)]


_ADVANCES = (
    (0x40, ADVANCE_LOC, 0, R.SET6, R.SUB6),
    (1 << 8, ADVANCE_LOC1, 1, R.SET8, R.SUB8),
    (1 << 16, ADVANCE_LOC2, 2, R.SET16, R.SUB16),
    (1 << 32, ADVANCE_LOC4, 4, R.SET32, R.SUB32),
)


def encode_instruction(operation: int, operands: Sequence[int]) -> bytes:
    """The bytes of a call frame instruction. Offsets are in bytes; negative ones use the _sf forms."""
    match operation, *operands:
        case 0x80, register, offset:  # OFFSET
            return _factored(register, offset, OFFSET, OFFSET_EXTENDED, OFFSET_EXTENDED_SF)
        case 0x14, register, offset:  # VAL_OFFSET
            return _factored(register, offset, None, VAL_OFFSET, VAL_OFFSET_SF)
        case 0x0C, register, offset if offset < 0:  # DEF_CFA
            return bytes((DEF_CFA_SF,)) + uleb128(register) + sleb128(_divide(offset))
        case 0x0E, offset if offset < 0:  # DEF_CFA_OFFSET
            return bytes((DEF_CFA_OFFSET_SF,)) + sleb128(_divide(offset))
        case 0xC0, register:  # RESTORE
            return (
                bytes((RESTORE | register,))
                if register < 0x40
                else bytes((RESTORE_EXTENDED,)) + uleb128(register)
            )
        case _:
            return bytes((operation,)) + b"".join(map(uleb128, operands))


def _divide(offset: int) -> int:
    """Divide by the data alignment factor, rounding towards zero as C does."""
    return -(abs(offset) // -DATA_ALIGN) if offset > 0 else abs(offset) // -DATA_ALIGN


def _factored(register: int, offset: int, short: int | None, long: int, signed: int) -> bytes:
    factored = _divide(offset)
    if factored < 0:
        return bytes((signed,)) + uleb128(register) + sleb128(factored)
    if short is not None and register < 0x40:
        return bytes((short | register,)) + uleb128(factored)
    return bytes((long,)) + uleb128(register) + uleb128(factored)
