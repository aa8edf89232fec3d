"""Sockets under guests that mean harm, and what the C programs of tests/oracle/linux cannot show."""

from __future__ import annotations

import errno
import struct

import pytest

from tests.support.guest_kernel import Guest
from toyvm.kernel.net.network import MEMORY, MOST_SOCKETS
from toyvm.kernel.vfs.path_walk import Vfs

AF_UNIX, AF_INET, STREAM, DGRAM, NONBLOCK = 1, 2, 1, 2, 0o4000


@pytest.fixture
def guest() -> Guest:
    return Guest(8 << 20, vfs=Vfs.sandbox(None))


def pair(guest: Guest, kind: int = STREAM) -> tuple[int, int]:
    assert guest.call("socketpair", AF_UNIX, kind | NONBLOCK, 0, guest.scratch) == 0
    return guest.word(0), guest.word(4)


def send_file(guest: Guest, socket: int, fd: int) -> int | None:
    """sendmsg of one byte with one descriptor."""
    at = guest.scratch + 0x1000
    guest.mm.write(at, struct.pack("<QQ", at + 0x100, 1))
    guest.mm.write(at + 0x40, struct.pack("<QiiiI", 20, 1, 1, fd, 0))
    guest.mm.write(at + 0x80, struct.pack("<QiiQQQQii", 0, 0, 0, at, 1, at + 0x40, 24, 0, 0))
    return guest.call("sendmsg", socket, at + 0x80, 0)


def test_circles_of_descriptors_in_flight_are_collected(guest: Guest) -> None:
    for _ in range(50):
        one, other = pair(guest)
        assert send_file(guest, one, one) == send_file(guest, other, other) == 1
        guest.call("close", one)
        guest.call("close", other)
    assert not guest.kernel.network.sockets
    assert not guest.kernel.network.in_flight
    assert guest.kernel.network.used == 0


def test_a_long_chain_of_sockets_in_messages_is_no_deep_recursion(guest: Guest) -> None:
    guest.process.fds.limit = 4000
    first, other = pair(guest)
    for _ in range(900):
        one, two = pair(guest)
        assert send_file(guest, two, other) == 1  # `one` holds the chain so far
        guest.call("close", other)
        guest.call("close", two)
        other = one
    guest.call("close", first)
    guest.call("close", other)
    assert not guest.kernel.network.sockets


def test_descriptors_in_flight_have_a_limit(guest: Guest) -> None:
    one, _ = pair(guest, DGRAM)
    results = []
    for _ in range(1100):
        results.append(send_file(guest, one, 0))
        if results[-1] != 1:
            break
    assert results[-1] in (-errno.ETOOMANYREFS, -errno.EAGAIN)


def test_buffers_are_small_once_the_machines_share_is_used_up(guest: Guest) -> None:
    one, other = pair(guest)
    guest.kernel.network.used = MEMORY
    assert guest.call("write", one, guest.scratch, 60000) == 4096
    guest.kernel.network.used -= MEMORY
    assert guest.call("write", one, guest.scratch, 60000) == 60000
    assert guest.call("close", one) == guest.call("close", other) == 0
    assert guest.kernel.network.used == 0


def test_sockets_have_a_limit(guest: Guest) -> None:
    guest.kernel.network.sockets = dict.fromkeys(range(MOST_SOCKETS))  # type: ignore[arg-type]  # numbers stand for sockets
    assert guest.call("socket", AF_INET, STREAM, 0) == -errno.ENFILE
    assert guest.call("socketpair", AF_UNIX, STREAM, 0, guest.scratch) == -errno.ENFILE


def test_nothing_leaves_the_machine(guest: Guest) -> None:
    for kind in (STREAM, DGRAM):
        socket = guest.call("socket", AF_INET, kind, 0)
        assert socket is not None
        guest.mm.write(guest.scratch, struct.pack("<H", AF_INET) + bytes([0, 53, 8, 8, 8, 8]) + bytes(8))
        assert guest.call("connect", socket, guest.scratch, 16) == -errno.ENETUNREACH
        assert guest.call("bind", socket, guest.scratch, 16) == -errno.EADDRNOTAVAIL
    assert guest.call("sendto", socket, guest.scratch, 1, 0, guest.scratch, 16) == -errno.ENETUNREACH
    assert guest.call("socket", 17, 3, 0) == -errno.EAFNOSUPPORT  # AF_PACKET
    assert guest.call("socket", 16, 3, 15) == -errno.EPROTONOSUPPORT  # NETLINK_KOBJECT_UEVENT


def test_proc_net_shows_the_sockets(guest: Guest) -> None:
    socket = guest.call("socket", AF_INET, STREAM, 0)
    assert socket is not None
    guest.mm.write(
        guest.scratch, struct.pack("<H", AF_INET) + (8080).to_bytes(2) + bytes([127, 0, 0, 1]) + bytes(8)
    )
    assert guest.call("bind", socket, guest.scratch, 16) == guest.call("listen", socket, 5) == 0
    local = guest.call("socket", AF_UNIX, STREAM, 0)
    assert local is not None
    guest.mm.write(guest.scratch, struct.pack("<H", AF_UNIX) + b"\0name")
    assert guest.call("bind", local, guest.scratch, 7) == 0
    lines = guest.read(guest.open("/proc/net/tcp")).decode().splitlines()
    assert lines[1].split()[1:4] == ["0100007F:1F90", "00000000:0000", "0A"]
    assert guest.read(guest.open("/proc/net/unix")).decode().splitlines()[1].endswith(" @name")
    assert guest.read(guest.open("/proc/net/udp6")).decode().count("\n") == 1
