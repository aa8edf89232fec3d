"""Requests to terminals: what their two ends see of them."""

from __future__ import annotations

import errno
import os
import struct

import pytest

from tests.support.guest_kernel import Guest

TIOCSPTLCK, TCXONC, TCFLSH = 0x40045431, 0x540A, 0x540B
OFF, ON, ASK_OFF, ASK_ON = range(4)


@pytest.fixture
def guest() -> Guest:
    return Guest()


def pair(guest: Guest) -> tuple[int, int]:
    """The master and the slave of a new terminal."""
    master = guest.open("/dev/ptmx", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    guest.mm.write(guest.scratch, struct.pack("<i", 0))
    assert guest.call("ioctl", master, TIOCSPTLCK, guest.scratch) == 0
    slave = guest.open("/dev/pts/0", os.O_RDWR | os.O_NONBLOCK | os.O_NOCTTY)
    assert master >= 0 and slave >= 0
    return master, slave


def waiting(guest: Guest, master: int) -> bytes:
    """What the master can read."""
    count = guest.call("read", master, guest.scratch, 100)
    assert count is not None
    return guest.mm.read(guest.scratch, count) if count >= 0 else b""


def test_output_stops_and_goes_on(guest: Guest) -> None:
    master, slave = pair(guest)
    text = guest.text("abc", 512)
    assert guest.call("ioctl", slave, TCXONC, OFF) == 0
    assert guest.call("write", slave, text, 3) == -errno.EAGAIN
    assert guest.call("ioctl", slave, TCXONC, ON) == 0
    assert guest.call("write", slave, text, 3) == 3 and waiting(guest, master) == b"abc"
    for action, character in ((ASK_OFF, b"\x13"), (ASK_ON, b"\x11")):
        assert guest.call("ioctl", slave, TCXONC, action) == 0 and waiting(guest, master) == character
    assert (
        guest.call("ioctl", slave, TCXONC, 4)
        == guest.call("ioctl", slave, TCXONC, -1 & 0xFFFFFFFF)
        == -errno.EINVAL
    )


@pytest.mark.parametrize(("queue", "left"), [(0, b""), (1, b"abc"), (2, b"")])
def test_the_input_of_the_master_is_the_output_of_the_slave(guest: Guest, queue: int, left: bytes) -> None:
    master, slave = pair(guest)
    assert guest.call("write", slave, guest.text("abc", 512), 3) == 3
    assert guest.call("ioctl", master, TCFLSH, queue) == 0
    assert waiting(guest, master) == left
