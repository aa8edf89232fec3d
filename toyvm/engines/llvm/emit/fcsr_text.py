"""fcsr as LLVM IR: the host's MXCSR holds rounding mode and flags while native code runs.

MXCSR's exception flags are sticky like fflags, so SSE instructions collect them at no cost. fcsr is
the state's word `FCSR` or'ed with MXCSR's flags; the rounding mode is in both. `enter` sets MXCSR
from the word, and adds MXCSR's flags to the word when native code returns. MXCSR has no
round-to-nearest, ties away (RMM). With RMM or a reserved mode in frm, native code is not entered,
and an instruction that sets such a mode leaves it.
"""

from __future__ import annotations

from toyvm.engines.effects import FFLAGS, FRM
from toyvm.isa.ops import Node

from .. import state_layout as layout
from .function_text import UNLIKELY, FunctionText
from .value_text import ValueText

MXCSR = 0x1F80  # all exceptions masked, no flags, round to nearest, no flush to zero, denormals not zero
_FLAGS, _ROUNDING = 0x3F, 0x6000
# The host's rounding control for RNE, RTZ, RDN and RUP, two bits each from the lowest.
CONTROLS = 0b10_01_11_00
CONTROLS_SHIFT = 13  # of the rounding control in MXCSR
NATIVE_MODES = 4  # the host has the modes below this
DECLARATIONS = {"declare void @llvm.x86.sse.stmxcsr(ptr)", "declare void @llvm.x86.sse.ldmxcsr(ptr)"}


def _control(mode: int) -> int:
    """The bits of MXCSR for a rounding mode below `NATIVE_MODES`."""
    return (CONTROLS >> 2 * mode & 3) << CONTROLS_SHIFT


class ModeText(FunctionText):
    """Reads and writes of MXCSR, through a word of the state."""

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
        """MXCSR's flags (PE UE OE ZE DE IE, highest first) as fflags (NV DZ OF UF NX) in an i64."""
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
        """MXCSR without flags, in the rounding mode of fcsr, which the host must have."""
        shift = self._set(f"and i64 {self._set(f'lshr i64 {fcsr}, 4')}, 6")  # twice the mode
        mode = self._set(f"and i64 {self._set(f'lshr i64 {CONTROLS}, {shift}')}, 3")
        placed = self._set(f"shl i64 {mode}, {CONTROLS_SHIFT}")
        return self._set(f"trunc i64 {self._set(f'or i64 {placed}, {MXCSR}')} to i32")

    def _fcsr(self) -> str:
        """The whole of fcsr."""
        held = self._state_word(layout.FCSR)
        return self._set(f"or i64 {held}, {self._raised(self._mxcsr())}")


class CsrText(ValueText, ModeText):
    """Prints accesses to fflags, frm and fcsr, and other changes of flags and rounding mode."""

    def _leave(self, status: int, pc: str) -> None:
        """Print the exit to Python."""
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
        """Print a write of fflags. It writes MXCSR only if MXCSR has a flag that is not in `flags`.

        C compilers save and restore fflags around a quiet comparison. That seldom changes a flag,
        and writing MXCSR is slow.
        """
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
        """Set flags that the host's instructions have not raised."""
        self._put_state(layout.FCSR, self._set(f"or i64 {self._state_word(layout.FCSR)}, {flags}"))

    def _begin_mode(self, mode: int) -> str:
        """Switch to one of the host's rounding modes. Returns MXCSR for `_end_mode`."""
        before = self._mxcsr()
        other = self._set(f"and i32 {before}, {~_ROUNDING}")
        self._set_mxcsr(self._set(f"or i32 {other}, {_control(mode)}"))
        return before

    def _end_mode(self, before: str) -> None:
        flags = self._set(f"and i32 {self._mxcsr()}, {_FLAGS}")
        self._set_mxcsr(self._set(f"or i32 {before}, {flags}"))
