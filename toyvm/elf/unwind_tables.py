"""Call frame information: how the registers of a caller are found (.eh_frame, .debug_frame; DWARF 5, 6.4).

Only the entry for the wanted address is executed. A malformed record is skipped, and a malformed
section is read as far as it goes, because an unwinder has other ways to go on. Work and memory are
bounded by the size of the section: every step consumes a byte of it.
"""

from __future__ import annotations

from bisect import bisect_right
from typing import NamedTuple

from ..base.bits import M64, sext
from ..base.errors import ElfError
from .constants import PT_GNU_EH_FRAME, SHF_COMPRESSED
from .elf_file import ElfFile
from .leb128 import read_uleb128

_MAX_CIE = 4096  # bytes: many entries may name places inside of each other
_MAX_FDE = 1 << 16  # bytes; those of real programs have a few hundred
_MAX_SAVED = 64  # states that DW_CFA_remember_state keeps

# The kinds of rules for a register of the caller
UNDEFINED, SAME, OFFSET, VALUE_OFFSET, REGISTER, EXPRESSION, VALUE_EXPRESSION = range(7)


class Rule(NamedTuple):
    """How a register of the caller is found.

    `number` is an offset from the CFA or a register, `code` a DWARF expression.
    """

    kind: int
    number: int = 0
    code: bytes = b""


class UnwindRow(NamedTuple):
    """The rules at one address.

    The CFA is register `cfa_register` plus `cfa_offset`, or the value of `cfa_code` if that is not
    empty. A register without a rule keeps its value. In a `signal_frame` the return address is that
    of the interrupted instruction.
    """

    cfa_register: int
    cfa_offset: int
    cfa_code: bytes
    rules: dict[int, Rule]
    return_register: int
    signal_frame: bool


class _Cie(NamedTuple):
    code_alignment: int
    data_alignment: int
    return_register: int
    encoding: int
    sized: bool  # entries have augmentation data
    signal_frame: bool
    instructions: bytes


class _Entry(NamedTuple):
    start: int
    end: int
    cie: _Cie
    instructions: bytes


class UnwindTable:
    """All entries of one file, by link-time address."""

    def __init__(self, entries: list[_Entry]):
        # The sort is stable: of several entries for one address the first counts, .eh_frame before .debug_frame.
        self._entries = sorted(entries, key=lambda entry: entry.start)
        self._starts = [entry.start for entry in self._entries]
        self._rows: dict[int, UnwindRow | None] = {}

    @classmethod
    def from_elf(cls, elf: ElfFile) -> UnwindTable:
        """The table of a file. It is empty if the file has no such information, or none that can be read."""
        entries: list[_Entry] = []
        try:
            data, address = _eh_frame(elf)
            entries += _entries(data, address, eh_frame=True)
            section = elf.section(".debug_frame")
            if section is not None:
                content = elf.contents(section)
                if section.header.flags & SHF_COMPRESSED:
                    from .compression import decompressed  # few files need it

                    content = decompressed(content, elf.name)[0]
                entries += _entries(content, 0, eh_frame=False)
        except ElfError:
            return cls(entries)  # headers that lie: what has been read so far is used
        return cls(entries)

    def __len__(self) -> int:
        return len(self._entries)

    def row(self, address: int) -> UnwindRow | None:
        """The rules for the instruction at `address`, or None."""
        if address not in self._rows:
            self._rows[address] = self._find(address)
        return self._rows[address]

    def _find(self, address: int) -> UnwindRow | None:
        index = bisect_right(self._starts, address) - 1
        while index > 0 and self._starts[index - 1] == self._starts[index]:
            index -= 1
        if index < 0 or address >= self._entries[index].end:
            return None
        entry = self._entries[index]
        try:
            return _execute(entry, address)
        except (ValueError, IndexError):
            return None


def _eh_frame(elf: ElfFile) -> tuple[bytes, int]:
    """The contents of .eh_frame and its address. Without section headers, PT_GNU_EH_FRAME leads to it."""
    section = elf.section(".eh_frame")
    if section is not None:
        return elf.contents(section), section.header.addr
    header = next((s for s in elf.segments if s.type == PT_GNU_EH_FRAME), None)
    if header is None:
        return b"", 0
    data = elf.data[header.offset : header.offset + header.filesz]
    try:
        address, _ = _pointer(data, 4, data[1], header.vaddr + 4)
    except (ValueError, IndexError):
        return b"", 0
    segment = next((s for s in elf.segments if s.vaddr <= address < s.vaddr + s.filesz), None)
    if segment is None:
        return b"", 0
    return elf.data[segment.offset + address - segment.vaddr : segment.offset + segment.filesz], address


def _entries(data: bytes, address: int, *, eh_frame: bool) -> list[_Entry]:
    found: list[_Entry] = []
    cies: dict[int, _Cie | None] = {}
    at = 0
    while at + 4 <= len(data):
        width = 4
        length = int.from_bytes(data[at : at + 4], "little")
        at += 4
        if length == 0xFFFFFFFF:
            length, width = int.from_bytes(data[at : at + 8], "little"), 8
            at += 8
        if not length and eh_frame:
            break  # the terminator
        end = at + length
        if end > len(data) or length < width:
            break
        number = int.from_bytes(data[at : at + width], "little")
        if number != (0 if eh_frame else (1 << 8 * width) - 1):
            place = at - number if eh_frame else number
            if place not in cies:
                cies[place] = _read_cie(data, place)
            entry = _read_fde(data, at + width, end, address, cies[place])
            if entry is not None:
                found.append(entry)
        at = end
    return found


def _read_cie(data: bytes, at: int) -> _Cie | None:
    try:
        return _cie(data, at)
    except (ValueError, IndexError):
        return None


def _read_fde(data: bytes, at: int, end: int, address: int, cie: _Cie | None) -> _Entry | None:
    if cie is None or end - at > _MAX_FDE:
        return None
    try:
        return _fde(data, at, end, address, cie)
    except (ValueError, IndexError):
        return None


def _cie(data: bytes, at: int) -> _Cie | None:
    """The common information at offset `at`; None if it has parts that are not understood."""
    if not 0 <= at <= len(data) - 4:
        return None
    length = int.from_bytes(data[at : at + 4], "little")
    at += 4
    width = 4
    if length == 0xFFFFFFFF:
        length, width = int.from_bytes(data[at : at + 8], "little"), 8
        at += 8
    end = min(at + length, len(data))
    if length > _MAX_CIE:
        return None
    at += width
    version = data[at]
    text_end = data.index(0, at + 1)
    augmentation = data[at + 1 : text_end]
    at = text_end + 1
    if version == 4:
        at += 2  # the sizes of an address and of a segment selector
    code_alignment, at = read_uleb128(data, at)
    data_alignment, at = _sleb128(data, at)
    if version == 1:
        return_register, at = data[at], at + 1
    else:
        return_register, at = read_uleb128(data, at)
    encoding, sized, signal_frame = 0, False, False
    if augmentation[:1] == b"z":
        sized = True
        size, at = read_uleb128(data, at)
        instructions_at = at + size
        for letter in augmentation[1:].decode("latin-1"):
            if letter == "R":
                encoding, at = data[at], at + 1
            elif letter == "L":
                at += 1
            elif letter == "P":
                _, at = _pointer(data, at + 1, data[at] & 0x7F, 0)
            elif letter == "S":
                signal_frame = True
            else:
                break
        at = instructions_at
    elif augmentation == b"S":  # in .debug_frame
        signal_frame = True
    elif augmentation:
        return None
    if at > end:
        return None
    return _Cie(code_alignment, data_alignment, return_register, encoding, sized, signal_frame, data[at:end])


def _fde(data: bytes, at: int, end: int, address: int, cie: _Cie) -> _Entry:
    start, at = _pointer(data, at, cie.encoding, address + at)
    size, at = _pointer(data, at, cie.encoding & 0x0F, 0)
    if cie.sized:
        skipped, at = read_uleb128(data, at)
        at += skipped
    return _Entry(start, start + size, cie, data[at:end])


def _pointer(data: bytes, at: int, encoding: int, here: int) -> tuple[int, int]:
    """A value in one of .eh_frame's encodings (DW_EH_PE_*), and the offset behind it. Raises ValueError."""
    form, base = encoding & 0x0F, encoding & 0x70
    if base not in (0, 0x10):
        raise ValueError(f"pointer encoding {encoding:#x}")
    if form == 1:
        value, at = read_uleb128(data, at)
    elif form == 9:
        value, at = _sleb128(data, at)
    else:
        size = {0: 8, 2: 2, 3: 4, 4: 8, 0xA: 2, 0xB: 4, 0xC: 8}.get(form)
        if size is None or at + size > len(data):
            raise ValueError(f"pointer encoding {encoding:#x}")
        value = int.from_bytes(data[at : at + size], "little", signed=form > 8)
        at += size
    return (value + here if base else value) & M64, at


def _sleb128(data: bytes, at: int) -> tuple[int, int]:
    start = at
    value, at = read_uleb128(data, at)
    return sext(value, 7 * (at - start)), at


class _State:
    """The rules while the instructions of an entry are executed."""

    def __init__(self) -> None:
        self.register = self.offset = 0
        self.code = b""
        self.rules: dict[int, Rule] = {}


def _execute(entry: _Entry, address: int) -> UnwindRow:
    """The row that is valid at `address`. Raises ValueError or IndexError if the entry is malformed."""
    state = _State()
    _instructions(entry.cie, entry.cie.instructions, state, {}, entry.start, M64)
    initial = dict(state.rules)
    _instructions(entry.cie, entry.instructions, state, initial, entry.start, address)
    return UnwindRow(
        state.register,
        state.offset,
        state.code,
        state.rules,
        entry.cie.return_register,
        entry.cie.signal_frame,
    )


def _instructions(
    cie: _Cie, code: bytes, state: _State, initial: dict[int, Rule], location: int, address: int
) -> None:
    """Execute instructions until their location is beyond `address`."""
    saved: list[tuple[int, int, bytes, dict[int, Rule]]] = []
    rules = state.rules
    at = 0
    while at < len(code):
        op, at = code[at], at + 1
        high, low = op & 0xC0, op & 0x3F
        if high == 0x40:  # advance_loc
            location += low * cie.code_alignment
        elif high == 0x80:  # offset
            number, at = read_uleb128(code, at)
            rules[low] = Rule(OFFSET, number * cie.data_alignment)
        elif high == 0xC0:  # restore
            _restore(rules, initial, low)
        elif op == 0x00:  # nop
            continue
        elif op == 0x01:  # set_loc
            location, at = _pointer(code, at, cie.encoding & 0x0F, 0)
        elif op in (0x02, 0x03, 0x04):  # advance_loc1, 2, 4
            size = 1 << op - 2
            location += int.from_bytes(code[at : at + size], "little") * cie.code_alignment
            at += size
        elif op == 0x0A:  # remember_state
            if len(saved) >= _MAX_SAVED:
                raise ValueError("too many states are remembered")
            saved.append((state.register, state.offset, state.code, dict(rules)))
        elif op == 0x0B:  # restore_state
            state.register, state.offset, state.code, kept = saved.pop()
            rules = state.rules = dict(kept)
        elif op in (0x0C, 0x12):  # def_cfa, def_cfa_sf
            state.register, at = read_uleb128(code, at)
            state.offset, at = _factored(cie, code, at) if op == 0x12 else read_uleb128(code, at)
            state.code = b""
        elif op == 0x0D:  # def_cfa_register
            state.register, at = read_uleb128(code, at)
        elif op == 0x0E:  # def_cfa_offset
            state.offset, at = read_uleb128(code, at)
        elif op == 0x13:  # def_cfa_offset_sf
            state.offset, at = _factored(cie, code, at)
        elif op == 0x0F:  # def_cfa_expression
            state.code, at = _block(code, at)
        elif op == 0x2E:  # GNU_args_size
            _, at = read_uleb128(code, at)
        else:
            at = _register_rule(cie, op, code, at, rules, initial)
        if location > address:
            return


def _register_rule(
    cie: _Cie, op: int, code: bytes, at: int, rules: dict[int, Rule], initial: dict[int, Rule]
) -> int:
    """Execute an instruction whose first operand is a register. Returns the offset behind it."""
    register, at = read_uleb128(code, at)
    if op == 0x05:  # offset_extended
        number, at = read_uleb128(code, at)
        rules[register] = Rule(OFFSET, number * cie.data_alignment)
    elif op == 0x06:  # restore_extended
        _restore(rules, initial, register)
    elif op == 0x07:  # undefined
        rules[register] = Rule(UNDEFINED)
    elif op == 0x08:  # same_value
        rules[register] = Rule(SAME)
    elif op == 0x09:  # register
        number, at = read_uleb128(code, at)
        rules[register] = Rule(REGISTER, number)
    elif op == 0x10:  # expression
        expression, at = _block(code, at)
        rules[register] = Rule(EXPRESSION, 0, expression)
    elif op == 0x16:  # val_expression
        expression, at = _block(code, at)
        rules[register] = Rule(VALUE_EXPRESSION, 0, expression)
    elif op == 0x11:  # offset_extended_sf
        number, at = _factored(cie, code, at)
        rules[register] = Rule(OFFSET, number)
    elif op == 0x14:  # val_offset
        number, at = read_uleb128(code, at)
        rules[register] = Rule(VALUE_OFFSET, number * cie.data_alignment)
    elif op == 0x15:  # val_offset_sf
        number, at = _factored(cie, code, at)
        rules[register] = Rule(VALUE_OFFSET, number)
    else:
        raise ValueError(f"call frame instruction {op:#x}")
    return at


def _restore(rules: dict[int, Rule], initial: dict[int, Rule], register: int) -> None:
    if register in initial:
        rules[register] = initial[register]
    else:
        rules.pop(register, None)


def _factored(cie: _Cie, code: bytes, at: int) -> tuple[int, int]:
    number, at = _sleb128(code, at)
    return number * cie.data_alignment, at


def _block(code: bytes, at: int) -> tuple[bytes, int]:
    size, at = read_uleb128(code, at)
    if at + size > len(code):
        raise ValueError("an expression that ends beyond its entry")
    return code[at : at + size], at + size
