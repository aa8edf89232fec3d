"""lr and sc as LLVM IR. `Effects.load_reserved` and `store_conditional` define them.

While native code runs, the reservation is a word of the state: a physical address, or
`NO_RESERVATION`.
"""

from __future__ import annotations

from toyvm.isa.ops import Node
from toyvm.machine.sv39 import PTE_R, PTE_W

from .. import state_layout as layout
from .function_text import GUEST, RANGE, UNLIKELY
from .memory_text import MemoryText


class AtomicText(MemoryText):
    """Prints LOAD_RESERVED and STORE_CONDITIONAL."""

    def _load_reserved(self, node: Node) -> None:
        pointer = self._pointer(node.args[0], node.width // 8, PTE_R, aligned=True)
        self._put_state(layout.RESERVATION, self._physical(pointer), scope=RANGE)
        self._values[node] = self._set(f"load i{node.width}, ptr {pointer}, align 1{GUEST}")

    def _store_conditional(self, node: Node) -> None:
        """A misaligned address always traps. Without a reservation there is no access."""
        address, data = node.args
        size = data.width // 8
        va, value = self._value(address), self._value(data)
        odd, aligned, reserved, same, after, join = (self._name() for _ in range(6))
        misaligned = self._set(f"icmp ne i64 {self._set(f'and i64 {va}, {size - 1}')}, 0")
        self._line(f"br i1 {misaligned}, label %{odd}, label %{aligned}{UNLIKELY}")
        self._start(odd)
        self._leave(layout.MISS, str(self._step.pc))
        self._start(aligned)
        held = self._state_word(layout.RESERVATION, scope=RANGE)
        nothing = self._set(f"icmp eq i64 {held}, {layout.NO_RESERVATION}")
        self._line(f"br i1 {nothing}, label %{join}, label %{reserved}{UNLIKELY}")
        self._start(reserved)
        pointer = self._pointer(address, size, PTE_W, aligned=True)
        self._put_state(layout.RESERVATION, str(layout.NO_RESERVATION), scope=RANGE)
        there = self._set(f"icmp eq i64 {self._physical(pointer)}, {held}")
        self._line(f"br label %{after}")
        self._start(after)
        self._line(f"br i1 {there}, label %{same}, label %{join}")
        self._start(same)
        self._line(f"store i{data.width} {value}, ptr {pointer}, align 1{GUEST}")
        self._line(f"br label %{join}")
        self._start(join)
        self._values[node] = self._set(f"phi i1 [ 1, %{aligned} ], [ 1, %{after} ], [ 0, %{same} ]")

    def _physical(self, pointer: str) -> str:
        """The physical address for a host pointer into the guest's memory."""
        return self._set(
            f"sub i64 {self._set(f'ptrtoint ptr {pointer} to i64')}, {self._state_word(layout.MEMORY)}"
        )
