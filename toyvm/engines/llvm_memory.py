"""Loads and stores as LLVM's text: where in the host's memory the guest's data is.

For each pointer the state remembers the range of virtual addresses that it last went into and how far that is from the host's
memory (`llvm_layout.RANGES`): pages that the shadow page table has, and whose frames are neighbours. An access inside is a
subtraction, a comparison and the access itself. Any other looks into the shadow page table, and now and then, or when
nothing is there, calls `refill`, which finds the address and its range, or else the region is left with `MISS`.

A pointer is a register that functions save, or the place where an address was last computed in the block, or else a
register in a region.
"""

from __future__ import annotations

from ..isa.ops import Node, Op
from ..machine.sv39 import PTE_W
from . import llvm_layout as layout
from .llvm_text import GUEST, LIKELY, RANGE, REFILLS, SHADOW, UNLIKELY
from .llvm_values import ValueText

WRITE, ALIGNED = 32, 16  # what `refill` is told besides the size of an access
_SAVED = frozenset({2, 3, 4, 8, 9, *range(18, 28)})  # sp, gp, tp, s0 to s11
_SPREAD = 0x9E3779B1  # a prime


class MemoryText(ValueText):
    """Prints loads and stores of a region's blocks."""

    def __init__(self, home: int):
        super().__init__()
        self._home = home
        self._computed: dict[int, int] = {}  # where in the block registers were written

    def _leave(self, status: int, pc: str) -> None:
        """Print the way back to Python."""
        raise NotImplementedError

    def _left(self) -> str:
        """The budget that is left at the instruction."""
        raise NotImplementedError

    def _store(self, node: Node) -> None:
        address, data = node.args
        value = self._value(data)
        pointer = self._pointer(address, data.width // 8, PTE_W)
        self._line(f"store i{data.width} {value}, ptr {pointer}, align 1{GUEST}")

    def _load(self, node: Node, access: int, aligned: bool = False) -> None:
        pointer = self._pointer(node.args[0], node.width // 8, access, aligned)
        self._values[node] = self._set(f"load i{node.width}, ptr {pointer}, align 1{GUEST}")

    def _pointer(self, address: Node, size: int, access: int, aligned: bool = False) -> str:
        """Where an access goes in the host's memory; leaves where it needs the slow path.

        What the ways join with is a distance, so that nothing between an address and the access has to wait for the check.
        """
        va = self._value(address)
        word = layout.range_word(self._range(address), access == PTE_W)
        near, outside, far, join = (self._name() for _ in range(4))
        offset = self._set(f"sub i64 {va}, {self._state_word(word + layout.FIRST, scope=RANGE)}")
        inside = self._set(f"icmp ult i64 {offset}, {self._state_word(word + layout.INSIDE, scope=RANGE)}")
        if aligned and size > 1:
            odd = self._set(f"and i64 {va}, {size - 1}")
            inside = self._set(f"and i1 {inside}, {self._set(f'icmp eq i64 {odd}, 0')}")
        self._line(f"br i1 {inside}, label %{near}, label %{outside}{LIKELY}")
        self._start(near)
        near_delta = self._state_word(word + layout.DELTA, scope=RANGE)
        self._line(f"br label %{join}")
        self._start(outside)
        far_delta = self._outside(va, size, access, word, aligned, far)
        self._line(f"br label %{join}")
        self._start(join)
        delta = self._set(f"phi i64 [ {near_delta}, %{near} ], [ {far_delta}, %{far} ]")
        return self._set(f"inttoptr i64 {self._set(f'add i64 {va}, {delta}')} to ptr")

    def _outside(self, va: str, size: int, access: int, word: int, aligned: bool, join: str) -> str:
        """The distance for an access outside its range: from the shadow page table, or by `refill`."""
        plain, there, slow, back, out = (self._name() for _ in range(5))
        shift = size.bit_length() - 1
        turned = va
        if shift:
            self._declared.add("declare i64 @llvm.fshr.i64(i64, i64, i64)")
            turned = self._set(f"call i64 @llvm.fshr.i64(i64 {va}, i64 {va}, i64 {shift})")
        simple = self._set(f"icmp ult i64 {turned}, {1 << (layout.PAGE_BITS + 12 - shift)}")
        self._line(f"br i1 {simple}, label %{plain}, label %{slow}{LIKELY}")
        self._start(plain)
        number = self._set(f"lshr i64 {turned}, {12 - shift}")
        table = "%writable" if access == PTE_W else "%shadow"
        slot = self._set(f"getelementptr {{i64, i64}}, ptr {table}, i64 {number}")
        delta = self._set(f"load i64, ptr {slot}{SHADOW}")
        known = self._set(f"icmp ne i64 {delta}, 0")
        self._line(f"br i1 {known}, label %{there}, label %{slow}{LIKELY}")
        self._start(there)
        patience = self._set(f"sub i64 {self._state_word(word + layout.PATIENCE, scope=RANGE)}, 1")
        self._put_state(word + layout.PATIENCE, patience, scope=RANGE)
        tired = self._set(f"icmp slt i64 {patience}, 0")
        self._line(f"br i1 {tired}, label %{slow}, label %{join}{UNLIKELY}")
        self._start(slow)
        wanted = size | (ALIGNED if aligned else 0) | (WRITE if access == PTE_W else 0)
        found = self._set(
            f"call preserve_mostcc i64 %refill(ptr %s, i64 {va}, i64 {wanted}, i64 {word}, i64 {self._step.pc}, "
            f"i64 {self._left()}) nounwind{REFILLS}"
        )
        missing = self._set(f"icmp eq i64 {found}, 0")
        self._line(f"br i1 {missing}, label %{out}, label %{back}{UNLIKELY}")
        self._start(out)
        self._leave(layout.MISS, str(self._step.pc))
        self._start(back)
        self._line(f"br label %{join}")
        self._start(join)
        return self._set(f"phi i64 [ {delta}, %{there} ], [ {found}, %{back} ]")

    def _range(self, address: Node) -> int:
        """The pointer that an address is made from."""
        while address.op is not Op.READ_X and address.args:
            address = address.args[0]
        number = address.args[0].value if address.op is Op.READ_X else 0
        if number in _SAVED:
            return number
        place = self._computed.get(number, self._home + number)
        return 32 + (place >> 1) * _SPREAD % (layout.POINTERS - 32)
