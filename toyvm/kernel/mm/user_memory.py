"""Kernel access to user memory by virtual address, through the same page faults as the user's."""

from __future__ import annotations

import errno
import os

from toyvm.machine.mmu import Access
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE, PhysicalMemory


class Fault(OSError):
    """The process may not access this address: EFAULT."""

    def __init__(self, va: int):
        super().__init__(errno.EFAULT, os.strerror(errno.EFAULT))
        self.va = va


class UserMemory:
    """Reading and writing by virtual address, for a class that implements `translate`.

    Every method raises Fault, and OutOfFrames if there is no frame for a page.
    """

    memory: PhysicalMemory

    def translate(self, va: int, access: Access) -> int:
        """The physical address for an access, after resolving a page fault. Raises Fault."""
        raise NotImplementedError

    def read(self, va: int, count: int) -> bytes:
        """`count` bytes from `va`. The caller bounds `count`."""
        u8 = self.memory.u8
        room = PAGE_SIZE - (va & PAGE_MASK)
        if count <= room:
            if count <= 0:
                return b""
            pa = self.translate(va, Access.READ)
            return bytes(u8[pa : pa + count])
        pieces = []
        while count > 0:
            size = min(room, count)
            pa = self.translate(va, Access.READ)
            pieces.append(bytes(u8[pa : pa + size]))
            va += size
            count -= size
            room = PAGE_SIZE
        return b"".join(pieces)

    def write(self, va: int, data: bytes | bytearray | memoryview) -> None:
        """Store `data` at `va`. Bytes before a bad address are written when Fault is raised."""
        u8 = self.memory.u8
        done, count = 0, len(data)
        while done < count:
            size = min(PAGE_SIZE - (va & PAGE_MASK), count - done)
            pa = self.translate(va, Access.WRITE)
            u8[pa : pa + size] = data[done : done + size]
            va += size
            done += size

    def read_cstring(self, va: int, limit: int = PAGE_SIZE) -> bytes:
        """The bytes before the NUL. Raises OSError(ENAMETOOLONG) if there is none in `limit` bytes."""
        u8 = self.memory.u8
        pieces: list[bytes] = []
        left = limit
        while left > 0:
            size = min(PAGE_SIZE - (va & PAGE_MASK), left)
            pa = self.translate(va, Access.READ)
            piece = bytes(u8[pa : pa + size])
            end = piece.find(0)
            if end >= 0:
                pieces.append(piece[:end])
                return b"".join(pieces)
            pieces.append(piece)
            va += size
            left -= size
        raise OSError(errno.ENAMETOOLONG, os.strerror(errno.ENAMETOOLONG))

    def read_int(self, va: int, width: int = 8) -> int:
        """An unsigned little-endian integer."""
        return int.from_bytes(self.read(va, width), "little")

    def write_int(self, va: int, value: int, width: int = 8) -> None:
        """Store the low `width` bytes of an integer."""
        self.write(va, (value & ((1 << 8 * width) - 1)).to_bytes(width, "little"))
