"""Thread-local storage: the layout of the static block and the dtv (psABI, TLS variant I).

`tp` points to the program's block. The word at tp - 16 is the address of the dtv, whose entry m is
the address of module m's block (entry 0 is the length). The blocks of objects loaded at start-up,
and of small objects opened later, are in the static block at a fixed offset from tp, so TPREL
relocations work. Larger objects get separate blocks, which only `__tls_get_addr` reaches. Unloading
an object frees its module number and its block. A process has one static block and one dtv: the
threads of the guest's libc keep their creator's `tp` and share them.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from toyvm.base.bits import align_up
from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.headers import Phdr
from toyvm.kernel.mm.address_space import AddressSpace

from ..dlerror import DlError
from .guest_heap import GuestHeap

TCB_SIZE = 16  # before tp: the address of the dtv, and a word for the C library
DTV_ENTRIES = 128  # initial size of the dtv, which grows on demand
DTP_OFFSET = c.TLS_DTV_OFFSET
SURPLUS = 1664  # bytes of the static block reserved for libraries opened later, as in glibc
_WORD = struct.Struct("<Q")
_MAX_ALIGN = 1 << 16
_MAX_SIZE = 1 << 30


class TlsModule(Record):
    """The TLS block of one object.

    size       in bytes
    alignment  in bytes
    offset     from tp in the static block; None: a separate block
    block      the guest address of a separate block, 0 until it is initialised
    """

    size: int
    alignment: int
    offset: int | None
    block: int = 0


def segment(name: str, phdrs: Iterable[Phdr]) -> Phdr | None:
    """The checked PT_TLS of object `name`; None if it has no thread-local variables.

    Raises DlError.
    """
    phdr = next((phdr for phdr in phdrs if phdr.type == c.PT_TLS and phdr.memsz), None)
    if phdr is None:
        return None
    align = max(phdr.align, 1)
    if align & (align - 1) or align > _MAX_ALIGN or phdr.filesz > phdr.memsz or phdr.memsz > _MAX_SIZE:
        raise DlError(name, "cannot handle TLS data")
    return phdr


class ThreadStorage:
    """The static block, the dtv and the modules of one process.

    `tp` and `dtv` are 0 until allocated.
    """

    __slots__ = ("_alignment", "_entries", "_modules", "_size", "_written", "dtv", "tp")

    def __init__(self) -> None:
        self.tp = self.dtv = 0
        self._entries = DTV_ENTRIES
        self._modules: dict[int, TlsModule] = {}
        self._size = 0
        self._alignment = TCB_SIZE
        self._written = 0  # offset from tp beyond which the static block is still zero

    def __bool__(self) -> bool:
        """Whether an object has thread-local variables."""
        return bool(self._modules)

    def copy(self) -> ThreadStorage:
        """A copy for a forked process."""
        other = ThreadStorage()
        for name in self.__slots__:
            setattr(other, name, getattr(self, name))
        other._modules = self._modules.copy()
        return other

    def place(self, phdr: Phdr) -> tuple[int, int | None]:
        """Assign a module number to the variables of `phdr`, and an offset from tp.

        The offset is None if the static block is allocated already and has no room.
        """
        number = next(n for n in range(1, len(self._modules) + 2) if n not in self._modules)
        align = max(phdr.align, 1)
        offset: int | None = self._gap(phdr, align)
        if self.tp and (offset is None or offset + phdr.memsz > self._size or align > self._alignment):
            offset = None
        if not self.tp:
            self._alignment = max(self._alignment, align)
        self._modules[number] = TlsModule(phdr.memsz, max(align, TCB_SIZE), offset)
        return number, offset

    def _gap(self, phdr: Phdr, align: int) -> int:
        """The lowest free offset for the variables of `phdr`."""
        taken = sorted((m.offset, m.offset + m.size) for m in self._modules.values() if m.offset is not None)
        end = 0
        for start, following in taken:
            offset = align_up(end, align) + (phdr.vaddr & (align - 1))
            if offset + phdr.memsz <= start:
                return offset
            end = max(end, following)
        return align_up(end, align) + (phdr.vaddr & (align - 1))

    def allocate(self, heap: GuestHeap, memory: AddressSpace) -> int:
        """Allocate the static block and the dtv in guest memory, and return tp.

        Raises OSError(ENOMEM).
        """
        used = max((m.offset + m.size for m in self._modules.values() if m.offset is not None), default=0)
        self._size = align_up(used + SURPLUS, TCB_SIZE)
        before = align_up(TCB_SIZE, self._alignment)
        block = heap.alloc(memory, before + self._size, self._alignment)
        self.dtv = heap.alloc(memory, _WORD.size * self._entries)
        self.tp = block + before
        memory.write(self.dtv, _WORD.pack(self._entries - 1))
        memory.write(self.tp - TCB_SIZE, _WORD.pack(self.dtv) + _WORD.pack(0))
        return self.tp

    def initialise(self, number: int, phdr: Phdr, bias: int, heap: GuestHeap, memory: AddressSpace) -> None:
        """Initialise an object's block from its TLS image, and set its dtv entry.

        Raises OSError.
        """
        module = self._modules[number]
        data = memory.read(bias + phdr.vaddr, phdr.filesz) if phdr.filesz else b""
        if module.offset is None:
            block = heap.alloc(memory, module.size, module.alignment)
            self._modules[number] = TlsModule(module.size, module.alignment, None, block)
        else:
            block = self.tp + module.offset
            end = module.offset + module.size
            used_before = min(end, self._written) - module.offset
            data += bytes(max(used_before - len(data), 0))
            self._written = max(self._written, end)
        memory.write(block, data)
        if number >= self._entries:
            self._grow(number, heap, memory)
        memory.write(self.dtv + _WORD.size * number, _WORD.pack(block))

    def _grow(self, number: int, heap: GuestHeap, memory: AddressSpace) -> None:
        """Reallocate the dtv with room for entry `number`."""
        old, old_size = self.dtv, _WORD.size * self._entries
        entries = self._entries
        while entries <= number:
            entries *= 2
        dtv = heap.alloc(memory, _WORD.size * entries)
        content = memory.read(old + _WORD.size, old_size - _WORD.size)
        memory.write(dtv, _WORD.pack(entries - 1) + content)
        memory.write(self.tp - TCB_SIZE, _WORD.pack(dtv))
        self.dtv, self._entries = dtv, entries
        heap.release(memory, old, old_size)

    def block(self, number: int, memory: AddressSpace) -> int:
        """The guest address of a module's block."""
        return int(_WORD.unpack(memory.read(self.dtv + _WORD.size * number, _WORD.size))[0])

    def release(self, number: int, heap: GuestHeap, memory: AddressSpace) -> None:
        """Free a module's number and its block."""
        module = self._modules.pop(number)
        if module.block:
            heap.release(memory, module.block, module.size)
