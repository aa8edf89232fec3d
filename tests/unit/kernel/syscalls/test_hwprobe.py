"""riscv_hwprobe(2): values, unknown keys, sets of processors; and that it tells what the table executes."""

from __future__ import annotations

import errno
import struct

import pytest

from tests.support.guest_kernel import Guest
from toyvm.isa.extensions import MACHINE
from toyvm.isa.table import INSNS

# asm/hwprobe.h of Linux 6.17
IMA, FD, C, ZBA, ZICBOZ, ZKT, ZFHMIN = 1, 1, 1 << 1, 1 << 3, 1 << 6, 1 << 16, 1 << 28
ZICBOM, ZABHA, ZICBOP, V, ZVBB = 1 << 55, 1 << 58, 1 << 60, 1 << 2, 1 << 17
ZIHPM, ZAWRS, ZACAS, ZFA, ZICNTR = 1 << 51, 1 << 48, 1 << 34, 1 << 32, 1 << 50


@pytest.fixture
def guest() -> Guest:
    return Guest()


def probe(
    guest: Guest, *pairs: tuple[int, int], cpus: bytes = b"", flags: int = 0
) -> list[tuple[int, int]] | int:
    """The pairs after the call; the negative number of its error."""
    at, mask = guest.scratch, guest.scratch + 1024
    guest.mm.write(at, b"".join(struct.pack("<qQ", *pair) for pair in pairs))
    if cpus:
        guest.mm.write(mask, cpus)
    result = guest.call("riscv_hwprobe", at, len(pairs), len(cpus), mask if cpus else 0, flags)
    if result:
        return result
    return list(struct.iter_unpack("<qQ", guest.mm.read(at, 16 * len(pairs))))


def extensions(guest: Guest) -> int:
    answer = probe(guest, (4, 0))
    assert isinstance(answer, list)
    return answer[0][1]


def test_what_rva22u64_demands_is_there(guest: Guest) -> None:
    found = extensions(guest)
    wanted = FD | C | ZBA | ZICBOZ | ZICBOM | ZICBOP | ZKT | ZFHMIN | ZICNTR | ZIHPM
    assert found & wanted == wanted
    assert found & (ZABHA | ZAWRS | ZACAS | ZFA) == ZABHA | ZAWRS | ZACAS | ZFA
    assert not found & (V | ZVBB)
    assert probe(guest, (3, 0), (6, 0), (12, 0), (9, 0)) == [(3, IMA), (6, 64), (12, 64), (9, 3)]


def test_an_unknown_key_becomes_minus_one(guest: Guest) -> None:
    assert probe(guest, (0, 5), (999, 7), (-1, 7)) == [(0, 0), (-1, 0), (-1, 0)]
    assert probe(guest) == []


def test_sets_of_processors(guest: Guest) -> None:
    assert probe(guest, (3, 0), cpus=b"\1" + bytes(7)) == [(3, IMA)]
    assert probe(guest, (3, 0), cpus=bytes(8)) == -errno.EINVAL
    assert probe(guest, (3, 0), cpus=b"\0\1" + bytes(6)) == -errno.EINVAL  # a processor that is not there
    assert probe(guest, (3, 0), flags=2) == -errno.EINVAL
    assert probe(guest, (3, 0), flags=1) == -errno.EINVAL  # which processors? without a place for them
    mask = guest.scratch + 1024
    for pair, here in (((4, ZBA | FD), 1), ((4, V), 0), ((6, 64), 1), ((6, 32), 0), ((999, 0), 0)):
        assert probe(guest, pair, cpus=bytes(8), flags=1) == [pair]
        assert guest.mm.read(mask, 8) == bytes((here, *bytes(7)))


def test_bad_pointers(guest: Guest) -> None:
    wild = 0x123456789000
    assert guest.call("riscv_hwprobe", wild, 1, 0, 0, 0) == -errno.EFAULT
    assert guest.call("riscv_hwprobe", guest.scratch, 1, 8, wild, 0) == -errno.EFAULT
    assert guest.call("riscv_hwprobe", guest.scratch, 1 << 60, 0, 0, 0) == -errno.EINVAL


def test_the_machine_has_the_rows_that_it_tells_of() -> None:
    """And the other way round: each extension of the table, but those that are illegal in user mode."""
    rows = {
        part.lower()
        for row in INSNS.values()
        for part in row.ext.replace(" or ", " ").replace(" and ", " ").split()
    }
    rows -= {"privileged", "svinval", "h", "smrnmi"}
    told = set(MACHINE)
    assert rows - told == {"zmmul"}  # part of M, which has no name of its own in Linux
    without_rows = {"a", "zicntr", "zihpm", "zkt", "zbkc", "zcd", "zca", "zfhmin"}
    assert told - rows <= without_rows
