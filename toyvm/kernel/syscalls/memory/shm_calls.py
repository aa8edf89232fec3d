"""shmget, shmat, shmdt and shmctl, with Linux riscv64's structures (asm-generic/shmbuf.h)."""

from __future__ import annotations

import errno
import struct

from toyvm.base.bits import align_down, sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.mm.overcommit import NEVER
from toyvm.kernel.mm.sysv_shm import IPC_PRIVATE, SHM_LOCKED, SHMALL, SHMMAX, SHMMIN, SHMMNI, Segment
from toyvm.kernel.mm.vma import PROT_EXEC, PROT_READ, PROT_WRITE
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SIZE

if TYPE_CHECKING:
    from toyvm.kernel.proc.kernel_state import KernelState
    from toyvm.kernel.proc.process import Process

IPC_CREAT, IPC_EXCL, SHM_HUGETLB, SHM_NORESERVE = 0o1000, 0o2000, 0o4000, 0o10000
SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC = 0o10000, 0o20000, 0o40000, 0o100000
IPC_RMID, IPC_SET, IPC_STAT, IPC_INFO = 0, 1, 2, 3
SHM_LOCK, SHM_UNLOCK, SHM_STAT, SHM_INFO, SHM_STAT_ANY = 11, 12, 13, 14, 15
SHMID_DS = struct.Struct("<i5IHxx4xQQ Qqqq ii QQQ")
"""struct shmid64_ds: ipc64_perm (key, uid, gid, cuid, cgid, mode, seq, padding), segsz,
atime, dtime, ctime, cpid, lpid, nattch."""
_READ, _WRITE, _EXECUTE = 0o444, 0o222, 0o111


def shmget(kernel: KernelState, process: Process, key: int, size: int, flags: int) -> int:
    """shmget(2): find the segment of a key, or create one. Return its number.

    Errors: EACCES, EEXIST, EINVAL, ENOENT, ENOMEM, ENOSPC, EPERM (SHM_HUGETLB).
    """
    key = sext(key, 32)
    found = kernel.segments.by_key(key) if key != IPC_PRIVATE else None
    if found is None:
        if key != IPC_PRIVATE and not flags & IPC_CREAT:
            raise error(errno.ENOENT)
        if flags & SHM_HUGETLB:
            raise error(errno.EPERM)  # as without CAP_IPC_LOCK: there are no huge pages
        reserve = not flags & SHM_NORESERVE or kernel.system.commit.mode == NEVER
        return kernel.segments.create(key, size, flags, kernel.UID, process.pid, reserve=reserve).number
    if flags & IPC_CREAT and flags & IPC_EXCL:
        raise error(errno.EEXIST)
    if found.bytes < size:
        raise error(errno.EINVAL)
    if not found.permits(flags, kernel.UID):
        raise error(errno.EACCES)
    return found.number


def shmat(kernel: KernelState, process: Process, number: int, addr: int, flags: int) -> int:
    """shmat(2): map a segment. Return the address.

    Flags: SHM_RDONLY, SHM_RND, SHM_REMAP, SHM_EXEC.

    Errors: EACCES, EINVAL, ENOMEM.
    """
    if addr & PAGE_MASK:
        if not flags & SHM_RND:
            raise error(errno.EINVAL)
        addr = align_down(addr, PAGE_SIZE)
        if not addr and flags & SHM_REMAP:
            raise error(errno.EINVAL)
    elif not addr and flags & SHM_REMAP:
        raise error(errno.EINVAL)
    segment = kernel.segments.by_number(sext(number, 32))
    prot, wanted = PROT_READ, _READ
    if not flags & SHM_RDONLY:
        prot, wanted = prot | PROT_WRITE, wanted | _WRITE
    if flags & SHM_EXEC:
        prot, wanted = prot | PROT_EXEC, wanted | _EXECUTE
    if not segment.permits(wanted, kernel.UID):
        raise error(errno.EACCES)
    mm = process.mm
    if addr and not flags & SHM_REMAP and mm.vmas.overlapping(addr, addr + segment.size):
        raise error(errno.EINVAL)
    va = mm.mmap(
        addr,
        segment.size,
        prot,
        shared=True,
        fixed=addr != 0,
        file=segment,
        name=segment.area_name,
        may_write=not flags & SHM_RDONLY,
    )
    segment.attached(process.pid)
    return va


def shmdt(kernel: KernelState, process: Process, addr: int) -> int:
    """shmdt(2): unmap the rest of the attachment at `addr`, even if its first pages are unmapped.

    Errors: EINVAL.
    """
    if addr & PAGE_MASK:
        raise error(errno.EINVAL)
    mm = process.mm
    segment: Segment | None = None
    for area in mm.vmas.overlapping(addr, 1 << 38):
        if segment is not None and area.start - addr >= segment.size:
            break
        if not isinstance(area.file, Segment) or area.start - addr != area.offset:
            continue
        if segment is None:
            segment = area.file
        if area.file is segment:
            mm.munmap(area.start, area.length)
    if segment is None:
        raise error(errno.EINVAL)
    return 0


def shmctl(kernel: KernelState, process: Process, number: int, command: int, va: int) -> int:
    """shmctl(2): IPC_STAT, IPC_SET, IPC_RMID, IPC_INFO, SHM_INFO, SHM_STAT, SHM_STAT_ANY, SHM_LOCK,
    SHM_UNLOCK.

    Errors: EACCES, EFAULT, EINVAL, EPERM.
    """
    number, segments = sext(number, 32), kernel.segments
    if number < 0 and command not in (IPC_INFO, SHM_INFO):
        raise error(errno.EINVAL)
    if command == IPC_INFO:
        process.mm.write(va, struct.pack("<9Q", SHMMAX, SHMMIN, SHMMNI, SHMMNI, SHMALL, 0, 0, 0, 0))
        return segments.highest_place
    if command == SHM_INFO:
        resident = sum(map(segments.resident, segments.all()))
        process.mm.write(va, struct.pack("<ixxxx5Q", len(segments), segments.pages, resident, 0, 0, 0))
        return segments.highest_place
    if command in (IPC_STAT, SHM_STAT, SHM_STAT_ANY):
        segment = segments.by_number(number) if command == IPC_STAT else segments.at_place(number)
        if command != SHM_STAT_ANY and not segment.permits(_READ, kernel.UID):
            raise error(errno.EACCES)
        process.mm.write(va, _status(segment, segments.attachments(segment)))
        return 0 if command == IPC_STAT else segment.number
    if command not in (IPC_RMID, IPC_SET, SHM_LOCK, SHM_UNLOCK):
        raise error(errno.EINVAL)
    wanted = SHMID_DS.unpack(process.mm.read(va, SHMID_DS.size)) if command == IPC_SET else ()
    segment = segments.by_number(number)
    if not segment.owned_by(kernel.UID):
        raise error(errno.EPERM)
    if command == IPC_RMID:
        segments.remove(segment)
    elif command == IPC_SET:
        segment.uid, segment.gid = wanted[1], wanted[2]
        segment.mode = segment.mode & ~0o777 | wanted[5] & 0o777
        segment.changed_at = segments.seconds()
    elif command == SHM_LOCK:
        segment.mode |= SHM_LOCKED
    else:
        segment.mode &= ~SHM_LOCKED
    return 0


def _status(segment: Segment, attachments: int) -> bytes:
    return SHMID_DS.pack(
        segment.key,
        segment.uid,
        segment.gid,
        segment.creator,
        segment.creator,
        segment.mode,
        segment.number >> 15,
        0,
        0,
        segment.bytes,
        segment.attached_at,
        segment.detached_at,
        segment.changed_at,
        segment.creator_pid,
        segment.last_pid,
        attachments,
        0,
        0,
    )
