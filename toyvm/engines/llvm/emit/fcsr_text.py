"""fcsr as LLVM's text: rounding modes and flags live in the host's MXCSR while native code runs.

MXCSR's exception flags are sticky as fflags are, so every SSE instruction collects them for nothing. fcsr is what the
word `FCSR` of the state holds, or'ed with MXCSR's flags; the word's rounding mode is also MXCSR's. `enter` sets MXCSR
from the word and adds its flags to the word when native code returns. Round to nearest, ties away (RMM) does not exist
there: with that in frm, or a reserved mode, native code is never entered, and never goes on after setting it.
"""

from __future__ import annotations

from toyvm.engines.effects import FFLAGS, FRM
from toyvm.isa.ops import Node

from .. import state_layout as layout
from .function_text import UNLIKELY, FunctionText
from .value_text import ValueText

MXCSR = 0x1F80  # every exception masked, no flag, to nearest; denormal numbers are neither flushed nor taken for 0
_FLAGS, _ROUNDING = 0x3F, 0x6000
# The host's rounding control for RNE, RTZ, RDN and RUP, two bits each from the lowest.
CONTROLS = 0b10_01_11_00
CONTROLS_SHIFT = 13  # where MXCSR has them
NATIVE_MODES = 4  # the modes below this are the host's
DECLARATIONS = {"declare void @llvm.x86.sse.stmxcsr(ptr)", "declare void @llvm.x86.sse.ldmxcsr(ptr)"}


def _control(mode: int) -> int:
    """The bits of MXCSR for a rounding mode below `NATIVE_MODES`."""
    return (CONTROLS >> 2 * mode & 3) << CONTROLS_SHIFT


class ModeText(FunctionText):
    """MXCSR of the host, by way of a word of the state."""

    def _mxcsr(self) -> str:
        """MXCSR as 32 bits."""
        self._declared |= DECLARATIONS
        scratch = self._set(f"getelementptr i64, ptr %s, i64 {layout.MXCSR}")
        self._line(f"call void @llvm.x86.sse.stmxcsr(ptr {scratch})")
        return self._set(f"load i32, ptr {scratch}")

    def _set_mxcsr(self, value: str) -> None:
        self._declared |= DECLARATIONS
        scratch = self._set(f"getelementptr i64, ptr %s, i64 {layout.MXCSR}")
        self._line(f"store i32 {value}, ptr {scratch}")
        self._line(f"call void @llvm.x86.sse.ldmxcsr(ptr {scratch})")

    def _raised(self, mxcsr: str) -> str:
        """The flags of MXCSR (PE UE OE ZE DE IE, highest first) as fflags has them (NV DZ OF UF NX), 64 bits."""
        found = self._set(f"lshr i32 {self._set(f'and i32 {mxcsr}, 32')}, 5")
        for move, flag in (
            ("lshr i32 {}, 3", 2),
            ("lshr i32 {}, 1", 4),
            ("shl i32 {}, 1", 8),
            ("shl i32 {}, 4", 16),
        ):
            moved = self._set(f"and i32 {self._set(move.format(mxcsr))}, {flag}")
            found = self._set(f"or i32 {found}, {moved}")
        return self._set(f"zext i32 {found} to i64")

    def _mxcsr_for(self, fcsr: str) -> str:
        """MXCSR without flags in the rounding mode of a value of fcsr, which is one of the host's."""
        shift = self._set(f"and i64 {self._set(f'lshr i64 {fcsr}, 4')}, 6")  # twice the mode
        mode = self._set(f"and i64 {self._set(f'lshr i64 {CONTROLS}, {shift}')}, 3")
        placed = self._set(f"shl i64 {mode}, {CONTROLS_SHIFT}")
        return self._set(f"trunc i64 {self._set(f'or i64 {placed}, {MXCSR}')} to i32")

    def _fcsr(self) -> str:
        """The whole of fcsr."""
        held = self._state_word(layout.FCSR)
        return self._set(f"or i64 {held}, {self._raised(self._mxcsr())}")


class CsrText(ValueText, ModeText):
    """Prints accesses to fflags, frm and fcsr, and what else changes them."""

    def _leave(self, status: int, pc: str) -> None:
        """Print the way back to Python."""
        raise NotImplementedError

    def _csr_read(self, node: Node) -> None:
        number = node.args[0].value
        if number == FRM:
            self._values[node] = self._set(f"lshr i64 {self._state_word(layout.FCSR)}, 5")
        else:
            fcsr = self._fcsr()
            self._values[node] = self._set(f"and i64 {fcsr}, 31") if number == FFLAGS else fcsr

    def _csr_write(self, node: Node) -> None:
        number, given = node.args[0].value, self._value(node.args[1])
        if number == FFLAGS:
            self._write_flags(given)
            return
        mask = 0xE0 if number == FRM else 0xFF
        new = self._set(f"shl i64 {given}, 5") if number == FRM else given
        value = self._merged(self._fcsr(), new, mask)
        odd, native = self._name(), self._name()
        foreign = self._set(f"icmp uge i64 {value}, {NATIVE_MODES << 5}")
        self._line(f"br i1 {foreign}, label %{odd}, label %{native}{UNLIKELY}")
        self._start(odd)
        self._leave(layout.MISS, str(self._step.pc))
        self._start(native)
        self._put_state(layout.FCSR, value)
        self._set_mxcsr(self._mxcsr_for(value))

    def _write_flags(self, flags: str) -> None:
        """MXCSR is written only if it has a flag that is not among them: C compilers save and restore fflags around each
        quiet comparison, which mostly changes nothing, and the write is what takes time."""
        mxcsr = self._mxcsr()
        self._put_state(layout.FCSR, self._merged(self._state_word(layout.FCSR), flags, 31))
        kept = self._set(f"xor i64 {flags}, -1")
        more = self._set(f"icmp ne i64 {self._set(f'and i64 {self._raised(mxcsr)}, {kept}')}, 0")
        clear, done = self._name(), self._name()
        self._line(f"br i1 {more}, label %{clear}, label %{done}{UNLIKELY}")
        self._start(clear)
        self._set_mxcsr(self._set(f"and i32 {mxcsr}, {~_FLAGS}"))
        self._line(f"br label %{done}")
        self._start(done)

    def _merged(self, old: str, new: str, mask: int) -> str:
        """`old` with the bits of `mask` from `new`."""
        kept, changed = self._set(f"and i64 {old}, {255 ^ mask}"), self._set(f"and i64 {new}, {mask}")
        return self._set(f"or i64 {kept}, {changed}")

    def _raise(self, flags: str) -> None:
        """Set flags that no instruction of the host has raised."""
        self._put_state(layout.FCSR, self._set(f"or i64 {self._state_word(layout.FCSR)}, {flags}"))

    def _begin_mode(self, mode: int) -> str:
        """Round in a mode of the host's until `_end_mode`; what that needs."""
        before = self._mxcsr()
        other = self._set(f"and i32 {before}, {~_ROUNDING}")
        self._set_mxcsr(self._set(f"or i32 {other}, {_control(mode)}"))
        return before

    def _end_mode(self, before: str) -> None:
        flags = self._set(f"and i32 {self._mxcsr()}, {_FLAGS}")
        self._set_mxcsr(self._set(f"or i32 {before}, {flags}"))
