"""Thread-local storage: the layout of the static block and the dtv (psABI, TLS variant I).

`tp` points to the program's block. The word at tp - 16 is the address of the dtv, whose entry m is
the address of module m's block (entry 0 is the length). The blocks of objects loaded at start-up,
and of small objects opened later, are in the static block at a fixed offset from tp, so TPREL
relocations work. Larger objects get separate blocks, which only `__tls_get_addr` reaches. Unloading
an object frees its module number and its block. Each thread has a static block, a dtv and separate
blocks of its own; the guest's libc asks for them when it makes a thread. They are initialised when
the thread or the object is new, never later.
"""

from __future__ import annotations

import errno
import os
import struct
from collections.abc import Iterable

from toyvm.base.bits import align_up
from toyvm.base.record import Record, replace
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
    """

    size: int
    alignment: int
    offset: int | None


class ThreadBlocks(Record, frozen=False):
    """The blocks of one thread.

    tp       0 until allocated
    area     the guest address that the static block begins at, with the space before tp
    dtv      the guest address of the dtv
    entries  the number of its entries
    blocks   the guest address of each separate block, by module number
    written  the offset from tp beyond which the static block is still zero
    """

    tp: int = 0
    area: int = 0
    dtv: int = 0
    entries: int = DTV_ENTRIES
    blocks: dict[int, int] = {}
    written: int = 0


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
    """The modules of one process, and the blocks of its threads.

    `tp` and `dtv` are those of the first thread, 0 until allocated.
    """

    __slots__ = ("_alignment", "_main", "_modules", "_others", "_size")

    def __init__(self) -> None:
        self._main = ThreadBlocks(blocks={})
        self._others: dict[int, ThreadBlocks] = {}
        self._modules: dict[int, TlsModule] = {}
        self._size = 0
        self._alignment = TCB_SIZE

    def __bool__(self) -> bool:
        """Whether an object has thread-local variables."""
        return bool(self._modules)

    @property
    def tp(self) -> int:
        return self._main.tp

    @property
    def dtv(self) -> int:
        return self._main.dtv

    def copy(self) -> ThreadStorage:
        """A copy for a forked process."""
        other = ThreadStorage()
        other._size, other._alignment = self._size, self._alignment
        other._modules = self._modules.copy()
        other._main = replace(self._main, blocks=self._main.blocks.copy())
        other._others = {
            tp: replace(thread, blocks=thread.blocks.copy()) for tp, thread in self._others.items()
        }
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
        """Allocate the first thread's static block and dtv in guest memory, and return tp.

        Raises OSError(ENOMEM).
        """
        used = max((m.offset + m.size for m in self._modules.values() if m.offset is not None), default=0)
        self._size = align_up(used + SURPLUS, TCB_SIZE)
        self._allocate(self._main, heap, memory)
        return self.tp

    def new_thread(self, heap: GuestHeap, memory: AddressSpace) -> ThreadBlocks:
        """Allocate the blocks of a new thread; its modules are not initialised yet.

        Raises OSError(ENOMEM).
        """
        thread = ThreadBlocks(blocks={})
        self._allocate(thread, heap, memory)
        self._others[thread.tp] = thread
        return thread

    def _allocate(self, thread: ThreadBlocks, heap: GuestHeap, memory: AddressSpace) -> None:
        before = align_up(TCB_SIZE, self._alignment)
        area = heap.alloc(memory, before + self._size, self._alignment)
        thread.dtv = heap.alloc(memory, _WORD.size * thread.entries)
        thread.area, thread.tp = area, area + before
        memory.write(thread.dtv, _WORD.pack(thread.entries - 1))
        memory.write(thread.tp - TCB_SIZE, _WORD.pack(thread.dtv) + _WORD.pack(0))

    def end_thread(self, tp: int, heap: GuestHeap, memory: AddressSpace) -> None:
        """Free the blocks of a thread that has ended. Raises OSError(EINVAL) if there is none."""
        thread = self._others.pop(tp, None)
        if thread is None:
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        for number in thread.blocks:
            heap.release(memory, thread.blocks[number], self._modules[number].size)
        heap.release(memory, thread.dtv, _WORD.size * thread.entries)
        heap.release(memory, thread.area, align_up(TCB_SIZE, self._alignment) + self._size)

    def initialise(self, number: int, phdr: Phdr, bias: int, heap: GuestHeap, memory: AddressSpace) -> None:
        """Initialise an object's block in every thread from its TLS image.

        Raises OSError.
        """
        for thread in (self._main, *self._others.values()):
            self.initialise_in(thread, number, phdr, bias, heap, memory)

    def initialise_in(
        self,
        thread: ThreadBlocks,
        number: int,
        phdr: Phdr,
        bias: int,
        heap: GuestHeap,
        memory: AddressSpace,
    ) -> None:
        """Initialise an object's block in one thread, and set its dtv entry. Raises OSError."""
        module = self._modules[number]
        data = memory.read(bias + phdr.vaddr, phdr.filesz) if phdr.filesz else b""
        if module.offset is None:
            block = thread.blocks[number] = heap.alloc(memory, module.size, module.alignment)
        else:
            block = thread.tp + module.offset
            end = module.offset + module.size
            used_before = min(end, thread.written) - module.offset
            data += bytes(max(used_before - len(data), 0))
            thread.written = max(thread.written, end)
        memory.write(block, data)
        if number >= thread.entries:
            _grow(thread, number, heap, memory)
        memory.write(thread.dtv + _WORD.size * number, _WORD.pack(block))

    def block(self, number: int, tp: int, memory: AddressSpace) -> int:
        """The guest address of a module's block in the thread with this `tp`."""
        thread = self._others.get(tp, self._main)
        return int(_WORD.unpack(memory.read(thread.dtv + _WORD.size * number, _WORD.size))[0])

    def release(self, number: int, heap: GuestHeap, memory: AddressSpace) -> None:
        """Free a module's number and its blocks."""
        module = self._modules.pop(number)
        for thread in (self._main, *self._others.values()):
            block = thread.blocks.pop(number, 0)
            if block:
                heap.release(memory, block, module.size)


def _grow(thread: ThreadBlocks, number: int, heap: GuestHeap, memory: AddressSpace) -> None:
    """Reallocate a dtv with room for entry `number`."""
    old, old_size = thread.dtv, _WORD.size * thread.entries
    entries = thread.entries
    while entries <= number:
        entries *= 2
    dtv = heap.alloc(memory, _WORD.size * entries)
    content = memory.read(old + _WORD.size, old_size - _WORD.size)
    memory.write(dtv, _WORD.pack(entries - 1) + content)
    memory.write(thread.tp - TCB_SIZE, _WORD.pack(dtv))
    thread.dtv, thread.entries = dtv, entries
    heap.release(memory, old, old_size)
