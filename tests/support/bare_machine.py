"""A bare machine for engine tests: code and data pages mapped by a hand-made Sv39 table, no kernel."""

from __future__ import annotations

from collections.abc import Sequence

from toyvm.isa.table import lookup
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.sv39 import PTE_R, PTE_U, PTE_V, PTE_W, PTE_X

CODE, DATA, READ_ONLY, NO_ACCESS = 0x10000, 0x20000, 0x30000, 0x40000
CODE_PAGES, DATA_PAGES = 4, 4
_ROOT, _MIDDLE, _LEAF = 1, 2, 3  # frames of the page table
_CODE_FRAME, _DATA_FRAME, _READ_ONLY_FRAME = 8, 16, 24


def code(*instructions: tuple[str, dict[str, int]] | str | int) -> bytes:
    """Instructions to bytes: ("addi", {"rd": 1}) by fields, "ecall" without any, or a number as it is."""
    words: list[int] = []
    for instruction in instructions:
        if isinstance(instruction, int):
            words.append(instruction)
            continue
        name, fields = (instruction, {}) if isinstance(instruction, str) else instruction
        found = lookup(name)
        assert found is not None, name
        words.append(found[0].encode(**found[1], **fields))
    return b"".join(word.to_bytes(4 if word & 3 == 3 or word >> 16 else 2, "little") for word in words)


class Machine:
    """A hart with code at CODE, writable pages at DATA, a page at READ_ONLY, and nothing at NO_ACCESS."""

    def __init__(self, text: bytes, x: Sequence[int] = (), data: bytes = b""):
        self.memory = PhysicalMemory(1 << 17)
        u64 = self.memory.u64
        u64[(_ROOT << 12) >> 3] = _MIDDLE << 10 | PTE_V
        u64[(_MIDDLE << 12) >> 3] = _LEAF << 10 | PTE_V
        for page in range(CODE_PAGES):
            self.map(CODE + (page << 12), _CODE_FRAME + page, PTE_R | PTE_X)
        for page in range(DATA_PAGES):
            self.map(DATA + (page << 12), _DATA_FRAME + page, PTE_R | PTE_W)
        self.map(READ_ONLY, _READ_ONLY_FRAME, PTE_R)
        self.memory.u8[_CODE_FRAME << 12 : (_CODE_FRAME << 12) + len(text)] = text
        self.memory.u8[_DATA_FRAME << 12 : (_DATA_FRAME << 12) + len(data)] = data
        self.hart = Hart(Mmu(self.memory, _ROOT), CODE)
        for number, value in enumerate(x):
            self.hart.x[number] = value
        self.hart.x[0] = 0
        for number in range(32):  # both kinds of operands for floating point: boxed single, and double
            pattern = self.hart.x[number % 13]
            self.hart.f[number] = pattern if number & 1 else pattern | 0xFFFFFFFF << 32

    def map(self, va: int, frame: int, permissions: int) -> None:
        """Write the page-table entry of a page; permissions 0 unmaps it."""
        entry = frame << 10 | permissions | PTE_U | PTE_V if permissions else 0
        self.memory.u64[((_LEAF << 12) >> 3) + (va >> 12)] = entry

    def physical(self, va: int) -> int:
        """Where an address of the writable pages is in memory; of any other, nowhere."""
        return (_DATA_FRAME << 12) + va - DATA if DATA <= va < DATA + (DATA_PAGES << 12) else 0

    def write_code(self, va: int, text: bytes) -> None:
        """Change code behind the engine's back."""
        pa = (_CODE_FRAME << 12) + va - CODE
        self.memory.u8[pa : pa + len(text)] = text

    def write_data(self, va: int, data: bytes) -> None:
        """Change the writable pages."""
        pa = (_DATA_FRAME << 12) + va - DATA
        self.memory.u8[pa : pa + len(data)] = data

    def data(self) -> bytes:
        """The contents of the writable pages."""
        return bytes(self.memory.u8[_DATA_FRAME << 12 : (_DATA_FRAME + DATA_PAGES) << 12])

    def state(self) -> tuple[object, ...]:
        """All that an instruction can change."""
        hart = self.hart
        return (tuple(hart.x), tuple(hart.f), hart.pc, hart.instret, hart.fcsr, hart.reservation, self.data())
