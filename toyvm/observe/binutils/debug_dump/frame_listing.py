"""`-wf` and `-wF`: call frame information, as it stands and as the table that it makes (DWARF 5, 6.4)."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from .byte_cursor import Cursor, Malformed, padded
from .debug_sections import DebugSection, DebugSections
from .dwarf_names import register_name
from .location_text import Shape, expression

M64 = (1 << 64) - 1
_MAX_REGISTERS = 8192
_MAX_SAVED = 1024
_COLUMNS = 80


class _Cie(NamedTuple):
    """The common information entry at `start`."""

    start: int
    version: int
    augmentation: str
    augmentation_data: bytes
    pointer_size: int
    segment_size: int
    code: int
    data: int
    return_register: int
    encoding: int
    instructions: int  # the place of the first
    end: int


def encoded_size(encoding: int, size: int) -> int:
    """The size of a value in one of .eh_frame's encodings; `size` is that of an address."""
    return {2: 2, 3: 4, 4: 8}.get(encoding & 7, size)


class _FrameRules:
    """The rules while instructions are executed. A rule is (kind, number), kind a letter as in the table."""

    def __init__(self) -> None:
        self.rules: dict[int, tuple[str, int]] = {}
        self.cfa_register = self.cfa_offset = 0
        self.cfa_is_expression = False

    def copy(self) -> _FrameRules:
        """The same rules."""
        other = _FrameRules()
        other.rules = dict(self.rules)
        other.cfa_register, other.cfa_offset = self.cfa_register, self.cfa_offset
        other.cfa_is_expression = self.cfa_is_expression
        return other


class FrameListing:
    """The lines of .eh_frame or .debug_frame. `interpreted`: as a table (-wF)."""

    def __init__(self, section: DebugSection, sections: DebugSections, interpreted: bool, wide: bool):
        self.section, self.sections = section, sections
        self.interpreted, self.wide = interpreted, wide
        self.is_eh = section.name == ".eh_frame"
        self.size = sections.pointer_size
        self._cies: dict[int, tuple[_Cie, _FrameRules]] = {}

    def lines(self) -> Iterator[str]:
        """All entries. Raises Malformed."""
        yield f"Contents of the {self.section.name} section:"
        yield ""
        cursor = self.section.cursor()
        while cursor:
            start = cursor.at
            length, offset_size = cursor.initial_length()
            if not length:
                yield ""
                yield f"{start:08x} ZERO terminator"
                yield ""
                while cursor and not cursor.data[cursor.at]:
                    cursor.at += 1
                continue
            if length > cursor.end - cursor.at:
                self.sections.warn(f"Invalid length {length:#x} in FDE at {start:#x}")
                length = cursor.end - cursor.at
            end = cursor.at + length
            body = Cursor(cursor.data, cursor.at, end)
            identity_at = body.at
            identity = body.number(offset_size)
            if self._is_cie(identity, offset_size):
                yield from self._cie_lines(start, length, identity, offset_size, body)
            else:
                yield from self._fde_lines(start, length, identity, offset_size, identity_at, body)
            cursor.at = end
        yield ""

    def _is_cie(self, identity: int, offset_size: int) -> bool:
        return identity == (0 if self.is_eh else (1 << 8 * offset_size) - 1)

    def _read_cie(self, start: int, body: Cursor) -> _Cie:
        """The common information whose version is next in `body`."""
        version = body.number(1)
        augmentation = body.text()
        if augmentation == "eh":
            body.number(self.size)
        size, segment = self.size, 0
        if version >= 4:
            size, segment = body.number(1), body.number(1)
            if not 1 <= size <= 8 or size + segment > 8:
                raise Malformed(f"Invalid pointer size ({size}) in CIE data")
        code, data = body.uleb(), body.sleb()
        register = body.number(1) if version == 1 else body.uleb()
        extra, encoding = b"", 0
        if augmentation.startswith("z"):
            count = body.uleb()
            if count > body.end - body.at:
                raise Malformed(
                    f"Augmentation data too long: {count:#x}, expected at most {body.end - body.at:#x}"
                )
            extra = body.block(count)
            encoding = _fde_encoding(augmentation[1:], extra, size)
        return _Cie(
            start,
            version,
            augmentation,
            extra,
            size,
            segment,
            code,
            data,
            register,
            encoding,
            body.at,
            body.end,
        )

    def _cie_lines(
        self, start: int, length: int, identity: int, offset_size: int, body: Cursor
    ) -> Iterator[str]:
        cie = self._read_cie(start, body)
        yield ""
        head = f"{start:08x} {padded(length, cie.pointer_size)} {padded(identity, offset_size)} CIE"
        if self.interpreted:
            yield (f'{head} "{cie.augmentation}" cf={cie.code} df={cie.data} ra={cie.return_register}')
        else:
            yield head
            yield f"  Version:               {cie.version}"
            yield f'  Augmentation:          "{cie.augmentation}"'
            if cie.version >= 4:
                yield f"  Pointer Size:          {cie.pointer_size}"
                yield f"  Segment Size:          {cie.segment_size}"
            yield f"  Code alignment factor: {cie.code}"
            yield f"  Data alignment factor: {cie.data}"
            yield f"  Return address column: {cie.return_register}"
            if cie.augmentation_data:
                yield from self._augmentation(cie.augmentation_data)
            else:
                yield ""
        state = _FrameRules()
        yield from self._instructions(cie, state, None, body, 0)
        self._cies[start] = (cie, state)

    def _augmentation(self, data: bytes) -> Iterator[str]:
        title = "  Augmentation data:    "
        per_line = _COLUMNS // 3
        if self.wide or len(data) < (_COLUMNS - len(title)) // 3:
            yield title + "".join(f" {byte:02x}" for byte in data)
            return
        yield title
        for at in range(0, len(data), per_line):
            yield "".join(f" {byte:02x}" for byte in data[at : at + per_line])

    def _find_cie(self, start: int) -> tuple[_Cie, _FrameRules] | None:
        """The common information at `start`, which may come later in the section."""
        if start in self._cies or not 0 <= start < len(self.section.data):
            return self._cies.get(start)
        cursor = self.section.cursor(start)
        length, offset_size = cursor.initial_length()
        if not length or length > cursor.end - cursor.at:
            return None
        body = Cursor(cursor.data, cursor.at, cursor.at + length)
        if not self._is_cie(body.number(offset_size), offset_size):
            return None
        cie, state = self._read_cie(start, body), _FrameRules()
        for _ in self._instructions(cie, state, None, body, 0):
            pass
        self._cies[start] = (cie, state)
        return self._cies[start]

    def _fde_lines(
        self, start: int, length: int, identity: int, offset_size: int, identity_at: int, body: Cursor
    ) -> Iterator[str]:
        cie_at = identity
        if self.is_eh:
            sign = 1 << 8 * offset_size - 1
            cie_at = body.at - 4 - ((identity ^ sign) - sign)
        found = self._find_cie(cie_at)
        if found is None:
            cie = _Cie(-1, 1, "", b"", self.size, 0, 0, 0, 0, 0, 0, 0)
            initial = _FrameRules()
        else:
            cie, initial = found
        segment = f"{body.number(cie.segment_size):04x}:" if cie.segment_size else ""
        begin = self._encoded(body, cie.encoding, cie.pointer_size)
        size = body.number(encoded_size(cie.encoding, cie.pointer_size) if cie.encoding else cie.pointer_size)
        extra = b""
        if cie.augmentation.startswith("z"):
            count = body.uleb()
            if count > body.end - body.at:
                self.sections.warn(
                    f"Augmentation data too long: {count:#x}, expected at most {body.end - body.at:#x}"
                )
                count = 0
                body.at = body.end
            extra = body.block(count)
        yield ""
        place = f"cie={cie.start:08x}" if cie.start >= 0 else "cie=invalid "
        first, last = padded(begin, cie.pointer_size), padded(begin + size, cie.pointer_size)
        head = f"{start:08x} {padded(length, cie.pointer_size)} {padded(identity, offset_size)} FDE {place}"
        yield f"{head} pc={segment}{first}..{last}"
        if not self.interpreted and extra:
            yield from self._augmentation(extra)
        yield from self._instructions(cie, initial.copy(), initial, body, begin)

    def _encoded(self, cursor: Cursor, encoding: int, size: int) -> int:
        """An address in one of .eh_frame's encodings (DW_EH_PE_*), pc-relative ones resolved."""
        place = self.section.address + cursor.at
        width = encoded_size(encoding, size) if encoding else size
        value = cursor.signed(width) if encoding & 8 else cursor.number(width)
        if encoding & 0x70 == 0x10:
            value += place
        return value & M64

    def _instructions(
        self, cie: _Cie, state: _FrameRules, initial: _FrameRules | None, cursor: Cursor, location: int
    ) -> Iterator[str]:
        """The instructions up to the end of `cursor`; with -wF the rows of the table."""
        start = cursor.at
        runner = _Runner(self, cie, state, initial, cursor, location)
        if self.interpreted:
            registers = runner.registers_used()
            cursor.at = start
            for register in registers:
                state.rules.setdefault(register, ("u", 0))
        any_work = False
        while cursor:
            opcode = cursor.number(1)
            any_work |= opcode != 0
            yield from runner.step(opcode)
        if self.interpreted and any_work:
            yield from runner.row()


class _Runner:
    """Executes the instructions of one entry, and makes their lines."""

    def __init__(
        self,
        listing: FrameListing,
        cie: _Cie,
        state: _FrameRules,
        initial: _FrameRules | None,
        cursor: Cursor,
        location: int,
    ):
        self.listing, self.cie, self.state, self.initial = listing, cie, state, initial
        self.cursor, self.location = cursor, location
        self.saved: list[_FrameRules] = []
        self.titled = False
        self.shape = Shape(cie.pointer_size, 0, -1)

    def registers_used(self) -> list[int]:
        """The registers that the instructions name: they get columns."""
        found: dict[int, None] = {}
        cursor = self.cursor
        while cursor:
            opcode = cursor.number(1)
            register = self._skip(opcode)
            if register is not None and register < _MAX_REGISTERS:
                found[register] = None
        return list(found)

    def _skip(self, opcode: int) -> int | None:
        """Skip the operands. Returns the register that gets a rule, or None."""
        cursor = self.cursor
        high, low = opcode & 0xC0, opcode & 0x3F
        if high == 0x80:
            cursor.uleb()
        if high:
            return low if high != 0x40 else None
        if opcode == 0x01:
            cursor.block(encoded_size(self.cie.encoding, self.cie.pointer_size))
        elif opcode in _ADVANCES:
            cursor.block(_ADVANCES[opcode])
        elif opcode in _REGISTER_ULEB or opcode in (0x06, 0x07, 0x08, 0x10, 0x11, 0x15, 0x16):
            register = cursor.uleb()
            if opcode in _REGISTER_ULEB or opcode in (0x11, 0x15):
                cursor.uleb()
            elif opcode in (0x10, 0x16):
                cursor.block(cursor.uleb())
            return register
        elif opcode in (0x0C, 0x12):
            cursor.uleb()
            cursor.uleb()
        elif opcode in (0x0D, 0x0E, 0x13, 0x2E):
            cursor.uleb()
        elif opcode == 0x0F:
            cursor.block(cursor.uleb())
        return None

    def step(self, opcode: int) -> Iterator[str]:
        """Execute one instruction."""
        if opcode & 0xC0 == 0x40 or opcode in _ADVANCES or opcode == 0x01:
            yield from self._advance(opcode)
            return
        text = self._rule(opcode)
        if text is None:
            text = self._register_rule(opcode)
        if text is None:
            self.cursor.at = self.cursor.end
            if opcode < 0x1C:
                self.listing.sections.warn(
                    f"Unsupported or unknown Dwarf Call Frame Instruction number: {opcode:#x}"
                )
                return
            text = f"DW_CFA_??? (User defined call frame op: {opcode:#x})"
        if not self.listing.interpreted:
            yield f"  {text}"

    def _advance(self, opcode: int) -> Iterator[str]:
        cie, cursor = self.cie, self.cursor
        if opcode == 0x01:
            target, delta, name = (
                self.listing._encoded(cursor, cie.encoding, cie.pointer_size),
                None,
                "DW_CFA_set_loc",
            )
        else:
            short = bool(opcode & 0xC0)
            delta = (opcode & 0x3F if short else cursor.number(_ADVANCES[opcode])) * cie.code & M64
            target = self.location + delta & M64
            name = "DW_CFA_advance_loc" if short else _ADVANCE_NAMES[opcode]
        if self.listing.interpreted:
            yield from self.row()
        else:
            shown = "" if delta is None else f"{delta} to "
            yield f"  {name}: {shown}{padded(target, cie.pointer_size)}"
        self.location = target

    def _rule(self, opcode: int) -> str | None:
        """An instruction without a register's rule; None for another."""
        state, cursor = self.state, self.cursor
        if opcode == 0x00:
            return "DW_CFA_nop"
        if opcode == 0x0A:
            if len(self.saved) >= _MAX_SAVED:
                raise Malformed("too many states are remembered")
            self.saved.append(state.copy())
            return "DW_CFA_remember_state"
        if opcode == 0x0B:
            if self.saved:
                kept = self.saved.pop()
                state.rules = {
                    register: ("u", 0) for register in state.rules if register not in kept.rules
                } | kept.rules
                state.cfa_register, state.cfa_offset = kept.cfa_register, kept.cfa_offset
                state.cfa_is_expression = kept.cfa_is_expression
            return "DW_CFA_restore_state"
        if opcode in (0x0C, 0x12):
            state.cfa_register = cursor.uleb()
            state.cfa_offset = cursor.uleb() if opcode == 0x0C else cursor.sleb() * self.cie.data
            state.cfa_is_expression = False
            name = "DW_CFA_def_cfa" if opcode == 0x0C else "DW_CFA_def_cfa_sf"
            return f"{name}: {register_name(state.cfa_register, bare=False)} ofs {state.cfa_offset}"
        if opcode == 0x0D:
            state.cfa_register = cursor.uleb()
            state.cfa_is_expression = False
            return f"DW_CFA_def_cfa_register: {register_name(state.cfa_register, bare=False)}"
        if opcode in (0x0E, 0x13):
            state.cfa_offset = cursor.uleb() if opcode == 0x0E else cursor.sleb() * self.cie.data
            return f"DW_CFA_def_cfa_offset{'_sf' if opcode == 0x13 else ''}: {state.cfa_offset}"
        if opcode == 0x0F:
            state.cfa_is_expression = True
            return f"DW_CFA_def_cfa_expression ({self._expression()})"
        if opcode == 0x2D:
            return "DW_CFA_GNU_window_save"
        return f"DW_CFA_GNU_args_size: {cursor.uleb()}" if opcode == 0x2E else None

    def _expression(self) -> str:
        size = self.cursor.uleb()
        if size > self.cursor.end - self.cursor.at:
            raise Malformed(f"an expression of {size} bytes ends beyond its entry")
        return expression(self.cursor.block(size), self.shape)[0]

    def _register_rule(self, opcode: int) -> str | None:
        cursor, factor = self.cursor, self.cie.data
        high = opcode & 0xC0
        if not high and opcode not in _NAMES:
            return None
        register = opcode & 0x3F if high else cursor.uleb()
        name = {0x80: "DW_CFA_offset", 0xC0: "DW_CFA_restore"}.get(high) or _NAMES[opcode]
        shown = f"{name}: {register_name(register, bare=False)}"
        if high == 0x80 or opcode in (0x05, 0x11, 0x2F):
            number = _signed64((cursor.sleb() if opcode == 0x11 else cursor.uleb()) * factor)
            number = -number if opcode == 0x2F else number
            self._set(register, ("c", number))
            return f"{shown} at cfa{number:+d}"
        if opcode in (0x14, 0x15):
            number = _signed64((cursor.sleb() if opcode == 0x15 else cursor.uleb()) * factor)
            self._set(register, ("v", number))
            return f"{shown} is cfa{number:+d}"
        if high == 0xC0 or opcode == 0x06:
            rules = self.initial.rules if self.initial else {}
            self._set(register, rules.get(register, ("u", 0)))
            return shown
        if opcode in (0x07, 0x08):
            self._set(register, ("u" if opcode == 0x07 else "s", 0))
            return shown
        if opcode == 0x09:
            other = cursor.uleb()
            self._set(register, ("r", other))
            return f"{shown} in {register_name(other, bare=False)}"
        self._set(register, ("exp" if opcode == 0x10 else "vexp", 0))
        return f"{shown} ({self._expression()})"

    def _set(self, register: int, rule: tuple[str, int]) -> None:
        if register < _MAX_REGISTERS:
            self.state.rules[register] = rule

    def row(self) -> Iterator[str]:
        """A row of the table, with the titles of the columns before the first."""
        state, size = self.state, self.listing.size
        registers = sorted(state.rules)
        if not self.titled:
            self.titled = True
            names = ("ra" if r == self.cie.return_register else register_name(r) for r in registers)
            yield f"{'   LOC':<{2 * size}} CFA      " + "".join(f"{name:<5} " for name in names)
        offset = state.cfa_offset & 0xFFFF_FFFF
        offset -= (offset >> 31) << 32
        cfa = "exp" if state.cfa_is_expression else f"{register_name(state.cfa_register)}{offset:+d}"
        cells = "".join(f"{_cell(*state.rules[register]):<5} " for register in registers)
        yield f"{padded(self.location, size)} {cfa:<8} {cells}"


def _cell(kind: str, number: int) -> str:
    if kind in ("c", "v"):
        return f"{kind}{number:+d}"
    return register_name(number, bare=False) if kind == "r" else kind


def _signed64(value: int) -> int:
    value &= M64
    return value - (1 << 64) if value >> 63 else value


def _fde_encoding(letters: str, data: bytes, size: int) -> int:
    """The encoding of addresses in entries, of the augmentation of their common information."""
    at = encoding = 0
    for letter in letters:
        if at >= len(data):
            break
        if letter == "L":
            at += 1
        elif letter == "P":
            at += 1 + encoded_size(data[at], size)
        elif letter == "R":
            encoding, at = data[at], at + 1
        elif letter not in "SB":
            break
    return encoding


_ADVANCES = {0x02: 1, 0x03: 2, 0x04: 4, 0x1D: 8}
_ADVANCE_NAMES = {
    0x02: "DW_CFA_advance_loc1", 0x03: "DW_CFA_advance_loc2", 0x04: "DW_CFA_advance_loc4",
    0x1D: "DW_CFA_MIPS_advance_loc8",
}  # fmt: skip
_REGISTER_ULEB = {0x05, 0x09, 0x14, 0x2F}
_NAMES = {
    0x05: "DW_CFA_offset_extended", 0x06: "DW_CFA_restore_extended", 0x07: "DW_CFA_undefined", 0x08: "DW_CFA_same_value",
    0x09: "DW_CFA_register", 0x10: "DW_CFA_expression", 0x11: "DW_CFA_offset_extended_sf", 0x14: "DW_CFA_val_offset",
    0x15: "DW_CFA_val_offset_sf", 0x16: "DW_CFA_val_expression", 0x2F: "DW_CFA_GNU_negative_offset_extended",
}  # fmt: skip
