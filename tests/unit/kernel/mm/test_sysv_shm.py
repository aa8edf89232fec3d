"""System V shared memory: what the stock program (tests/oracle/stock/sysvshm.c) cannot show where it runs as root."""

from __future__ import annotations

import errno
import struct

import pytest

from tests.support.guest_kernel import PAGE, Guest
from toyvm.kernel.proc.lifecycle import exit_process
from toyvm.kernel.proc.lifecycle import fork as fork_process

IPC_PRIVATE, IPC_CREAT, IPC_RMID, IPC_SET, IPC_STAT = 0, 0o1000, 0, 1, 2
SHM_RDONLY, SHM_REMAP, SHM_STAT = 0o10000, 0o40000, 13


@pytest.fixture
def guest() -> Guest:
    return Guest()


def segment(guest: Guest, size: int = PAGE, mode: int = 0o600, key: int = IPC_PRIVATE) -> int:
    number = guest.call("shmget", key, size, IPC_CREAT | mode)
    assert number is not None and number >= 0
    return number


def attach(guest: Guest, number: int, flags: int = 0) -> int:
    va = guest.call("shmat", number, 0, flags)
    assert va is not None and va > 0, va
    return va


def test_modes_are_kept(guest: Guest) -> None:
    """The owner's bits decide, for shmat as for shmget by key."""
    read_only = segment(guest, mode=0o400, key=7)
    assert guest.call("shmat", read_only, 0, 0) == -errno.EACCES
    attach(guest, read_only, SHM_RDONLY)
    assert guest.call("shmget", 7, 0, 0o200) == -errno.EACCES
    assert guest.call("shmget", 7, 0, 0o400) == read_only
    secret = segment(guest, mode=0)
    assert guest.call("shmctl", secret, IPC_STAT, guest.scratch) == -errno.EACCES
    assert guest.call("shmat", secret, 0, SHM_REMAP) == -errno.EINVAL


def test_only_the_owner_removes(guest: Guest) -> None:
    """A segment that is given away is still its creator's; one that somebody else made is not ours."""
    number = segment(guest)
    guest.call("shmctl", number, IPC_STAT, guest.scratch)
    guest.mm.write_int(guest.scratch + 4, 77, 4)
    assert guest.call("shmctl", number, IPC_SET, guest.scratch) == 0
    assert guest.kernel.segments.by_number(number).uid == 77
    guest.kernel.segments.by_number(number).creator = 77
    assert guest.call("shmctl", number, IPC_RMID, 0) == -errno.EPERM


def test_a_segment_outlives_its_processes_and_costs_its_pages(guest: Guest) -> None:
    number = segment(guest, 3 * PAGE)
    child = fork_process(guest.kernel, guest.process)
    va = guest.call("shmat", number, 0, 0, process=child)
    assert va is not None
    child.mm.write(va + PAGE, b"kept")
    used = guest.kernel.frames.used
    exit_process(guest.kernel, child, 0)
    assert guest.kernel.segments.attachments(guest.kernel.segments.by_number(number)) == 0
    assert guest.mm.read(attach(guest, number) + PAGE, 4) == b"kept"
    assert guest.kernel.frames.used < used
    info = guest.kernel.segments.text().decode().splitlines()
    assert info[1].split()[:8] == ["0", str(number), "600", str(3 * PAGE), "100", "100", "1", "1000"]
    assert info[1].split()[14:] == [str(PAGE), "0"] and len(info[0]) == len(info[1])


def test_the_machine_takes_segments_with_it(guest: Guest) -> None:
    """Nobody removed it: its pages are there until power goes off."""
    number = segment(guest)
    guest.mm.write(attach(guest, number), b"x")
    exit_process(guest.kernel, guest.process, 0)
    assert guest.kernel.frames.used == 1
    guest.kernel.power_off()
    assert guest.kernel.frames.used == 0


def test_identifiers_are_not_used_again_at_once(guest: Guest) -> None:
    """A place in the table gets a new sequence number when its turn comes again, so an old identifier finds nothing."""
    seen = []
    for _ in range(65):
        seen.append(segment(guest))
        guest.call("shmctl", seen[-1], IPC_RMID, 0)
    assert seen == [*range(64), 1 << 15]
    assert guest.call("shmctl", 0, IPC_STAT, guest.scratch) == -errno.EINVAL


def test_the_structure_is_linuxs(guest: Guest) -> None:
    number = segment(guest, 5000, 0o640, key=0x1234)
    attach(guest, number)
    assert guest.call("shmctl", number & 0x7FFF, SHM_STAT, guest.scratch) == number
    data = guest.mm.read(guest.scratch, 112)
    assert struct.unpack_from("<5iI", data) == (0x1234, 1000, 1000, 1000, 1000, 0o640)
    size, attached_at, detached_at, changed_at, creator, last, count = struct.unpack_from(
        "<QqqqiiQ", data, 48
    )
    assert (size, detached_at, creator, last, count) == (5000, 0, 100, 100, 1)
    assert attached_at == changed_at == 1_700_000_000
