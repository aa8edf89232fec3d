"""`.cfi_*` directives: collects them while the text is read, and makes `.eh_frame` or `.debug_frame`.

The assembler makes one `CallFrameTable` for an object. `L` is its handle of a place: a label.

1. For each directive it calls `table.directive(name, arguments, here)`: `name` such as ".cfi_offset",
   the arguments as integers (registers by `dwarf_register`), and a function that returns the handle
   of the current place. Personality and LSDA have methods of their own. The caller adds the source
   position to a `CfiError`.
2. When all addresses are final, it calls `table.finish(places)`, which returns the sections with
   bytes and fixups. `places(handle)` is the `Place` of a handle.

Sources: DWARF 5 section 6.4, LSB "Exception Frames", binutils gas/dw2gencfi.c, RISC-V ELF psABI "DWARF".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from typing import Generic

from toyvm.isa import registers

from .call_frames import (
    DEF_CFA,
    DEF_CFA_OFFSET,
    DEF_CFA_REGISTER,
    OFFSET,
    PE_OMIT,
    PE_PCREL,
    POINTER_SIZE,
    REGISTER,
    REMEMBER_STATE,
    RESTORE,
    RESTORE_STATE,
    SAME_VALUE,
    SP,
    UNDEFINED,
    VAL_OFFSET,
    WINDOW_SAVE,
    Advance,
    CfiError,
    Frame,
    FrameWriter,
    Insn,
)
from .code_places import EmittedSection, L, Place

_VECTOR = re.compile(r"v([0-9]|[12][0-9]|3[01])")


def dwarf_register(name: str) -> int | None:
    """The DWARF number of a register (psABI): x 0..31, f 32..63, v 96..127, CSRs from 4096; None for other words."""
    number = registers.x_register(name)
    if number is not None:
        return number
    number = registers.f_register(name)
    if number is not None:
        return 32 + number
    vector = _VECTOR.fullmatch(name)
    if vector is not None:
        return 96 + int(vector[1])
    csr = registers.CSRS.get(name)
    return None if csr is None else 4096 + csr


_ARITY = {
    ".cfi_def_cfa": 2,
    ".cfi_def_cfa_register": 1,
    ".cfi_def_cfa_offset": 1,
    ".cfi_adjust_cfa_offset": 1,
    ".cfi_offset": 2,
    ".cfi_rel_offset": 2,
    ".cfi_val_offset": 2,
    ".cfi_register": 2,
    ".cfi_return_column": 1,
    ".cfi_remember_state": 0,
    ".cfi_restore_state": 0,
    ".cfi_signal_frame": 0,
    ".cfi_window_save": 0,
}
_OPERATIONS = {
    ".cfi_def_cfa": DEF_CFA,
    ".cfi_def_cfa_register": DEF_CFA_REGISTER,
    ".cfi_def_cfa_offset": DEF_CFA_OFFSET,
    ".cfi_offset": OFFSET,
    ".cfi_val_offset": VAL_OFFSET,
    ".cfi_register": REGISTER,
    ".cfi_remember_state": REMEMBER_STATE,
    ".cfi_restore_state": RESTORE_STATE,
    ".cfi_window_save": WINDOW_SAVE,
}
_REGISTER_LISTS = {".cfi_restore": RESTORE, ".cfi_undefined": UNDEFINED, ".cfi_same_value": SAME_VALUE}

REGISTER_ARGUMENTS: dict[str, tuple[int, ...]] = {
    ".cfi_def_cfa": (0,),
    ".cfi_def_cfa_register": (0,),
    ".cfi_offset": (0,),
    ".cfi_rel_offset": (0,),
    ".cfi_val_offset": (0,),
    ".cfi_register": (0, 1),
    ".cfi_return_column": (0,),
}
"""Which arguments of a directive may be register names; of `.cfi_restore/undefined/same_value` all may."""

DIRECTIVES = frozenset({*_ARITY, *_REGISTER_LISTS, ".cfi_escape"})
"""The directives that `CallFrameTable.directive` takes. The others (startproc, endproc, sections, personality, lsda) are methods."""


class CallFrameTable(Generic[L]):
    """All frame descriptions of one object."""

    def __init__(self) -> None:
        self._frames: list[Frame[L]] = []
        self._open: Frame[L] | None = None
        self._sections: tuple[str, ...] = (".eh_frame",)

    @property
    def is_open(self) -> bool:
        """Whether a `.cfi_startproc` has no `.cfi_endproc` yet (an error at the end of the file)."""
        return self._open is not None

    def __bool__(self) -> bool:
        return bool(self._frames)

    def sections(self, names: Sequence[str]) -> None:
        """`.cfi_sections .eh_frame, .debug_frame`."""
        for name in names:
            if name not in (".eh_frame", ".debug_frame"):
                raise CfiError(f"unsupported .cfi_sections argument '{name}'")
        self._sections = tuple(names)

    def startproc(self, here: Callable[[], L], simple: bool = False) -> None:
        """`.cfi_startproc [simple]`: the CFA is sp + 0, unless simple."""
        if self._open is not None:
            raise CfiError("previous CFI entry not closed (missing .cfi_endproc)")
        label = here()
        self._open = Frame(label, label)
        if not simple:
            self._open.insns.append((DEF_CFA_REGISTER, (SP,)))

    def endproc(self, here: Callable[[], L]) -> None:
        """`.cfi_endproc`."""
        frame = self._current(".cfi_endproc")
        frame.end = here()
        self._frames.append(frame)
        self._open = None

    def personality(self, encoding: int, symbol: L | None) -> None:
        """`.cfi_personality encoding, symbol`; encoding 0xff takes no symbol."""
        frame = self._current(".cfi_personality")
        frame.personality = self._pointer(encoding, symbol, ".cfi_personality")

    def lsda(self, encoding: int, symbol: L | None) -> None:
        """`.cfi_lsda encoding, symbol`; encoding 0xff takes no symbol."""
        frame = self._current(".cfi_lsda")
        frame.lsda = self._pointer(encoding, symbol, ".cfi_lsda")

    def directive(self, name: str, arguments: Sequence[int], here: Callable[[], L]) -> None:
        """Process one of `DIRECTIVES`. Raises CfiError if it is out of place or malformed."""
        frame = self._current(name)
        expected = _ARITY.get(name)
        if expected is not None and len(arguments) != expected:
            raise CfiError(f"{name} takes {expected} argument{'s' * (expected != 1)}, not {len(arguments)}")
        if expected is None and not arguments:
            raise CfiError(f"{name} needs an argument")
        if name == ".cfi_return_column":
            frame.return_column = arguments[0]
        elif name == ".cfi_signal_frame":
            frame.signal = True
        else:
            self._advance(frame, here())
            frame.insns += self._instructions(frame, name, arguments)

    def _instructions(self, frame: Frame[L], name: str, arguments: Sequence[int]) -> list[Insn[L]]:
        if name == ".cfi_escape":
            return [bytes(value & 0xFF for value in arguments)]
        if name in _REGISTER_LISTS:
            return [(_REGISTER_LISTS[name], (number,)) for number in arguments]
        if name == ".cfi_rel_offset":
            return [(OFFSET, (arguments[0], arguments[1] - frame.cfa_offset))]
        self._track_cfa(frame, name, arguments)
        if name == ".cfi_adjust_cfa_offset":
            return [(DEF_CFA_OFFSET, (frame.cfa_offset,))]
        return [(_OPERATIONS[name], tuple(arguments))]

    @staticmethod
    def _track_cfa(frame: Frame[L], name: str, arguments: Sequence[int]) -> None:
        """Track the offset of the CFA for the relative directives."""
        if name in (".cfi_def_cfa", ".cfi_def_cfa_offset"):
            frame.cfa_offset = arguments[-1]
        elif name == ".cfi_adjust_cfa_offset":
            frame.cfa_offset += arguments[0]
        elif name == ".cfi_remember_state":
            frame.states.append(frame.cfa_offset)
        elif name == ".cfi_restore_state":
            if not frame.states:
                raise CfiError("CFI state restore without previous remember")
            frame.cfa_offset = frame.states.pop()

    def finish(
        self, places: Callable[[L], Place], word: int = 8, version: int = 3
    ) -> list[EmittedSection[L]]:
        """The finished sections; none without `.cfi_startproc`. `places` maps a handle to its place.

        `word` is the size in bytes of an address, `version` that of the CIEs. Raises CfiError.
        """
        if not self._frames:
            return []
        return [
            FrameWriter(name == ".eh_frame", places, word, version).write(self._frames)
            for name in self._sections
        ]

    def _current(self, name: str) -> Frame[L]:
        if self._open is None:
            raise CfiError(f"{name} without corresponding .cfi_startproc")
        return self._open

    def _advance(self, frame: Frame[L], here: L) -> None:
        if here != frame.last:
            frame.insns.append(Advance(frame.last, here))
            frame.last = here

    def _pointer(self, encoding: int, symbol: L | None, name: str) -> tuple[int, L] | None:
        if encoding == PE_OMIT:
            return None
        if encoding & 0x0F not in POINTER_SIZE or encoding & 0x70 not in (0, PE_PCREL):
            raise CfiError(f"{name}: invalid or unsupported encoding {encoding:#x}")
        if encoding & 0x70 == PE_PCREL and POINTER_SIZE[encoding & 0x0F] != 4:
            raise CfiError(f"{name}: encoding {encoding:#x}: there is no 64-bit pc-relative relocation")
        if symbol is None:
            raise CfiError(f"{name} requires an encoding and a symbol")
        return encoding, symbol
