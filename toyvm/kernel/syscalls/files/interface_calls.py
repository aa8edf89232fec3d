"""The ioctl(2) requests of sockets about interfaces (netdevice(7)): there is one, `lo`."""

from __future__ import annotations

import errno
import struct

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.kernel.net.netlink import (
    ARPHRD_LOOPBACK,
    LOOPBACK_FLAGS,
    LOOPBACK_INDEX,
    LOOPBACK_MTU,
    LOOPBACK_NAME,
)

if TYPE_CHECKING:
    from toyvm.kernel.proc.process import Process

SIOCGIFNAME, SIOCGIFCONF, SIOCGIFINDEX = 0x8910, 0x8912, 0x8933
_NAME_SIZE, _REQUEST_SIZE = 16, 40  # struct ifreq
_SETTING = (0x8914, 0x8916, 0x8918, 0x891A, 0x891C, 0x891E, 0x8922, 0x8923, 0x8924, 0x8943)


def _address(host: bytes) -> bytes:
    """struct sockaddr_in of an IPv4 address."""
    return struct.pack("<HH", 2, 0) + host + bytes(8)


# What a request stores after the name: flags, address, destination, broadcast address, netmask, metric, MTU, hardware
# address, index, length of the queue.
_ANSWERS = {
    0x8913: struct.pack("<h", LOOPBACK_FLAGS & 0xFFFF),
    0x8915: _address(b"\x7f\0\0\1"),
    0x8917: _address(b"\x7f\0\0\1"),
    0x8919: _address(bytes(4)),
    0x891B: _address(b"\xff\0\0\0"),
    0x891D: bytes(4),
    0x8921: struct.pack("<i", LOOPBACK_MTU),
    0x8927: struct.pack("<H", ARPHRD_LOOPBACK) + bytes(14),
    SIOCGIFINDEX: struct.pack("<i", LOOPBACK_INDEX),
    0x8942: struct.pack("<i", 1000),
}


def interface_ioctl(process: Process, request: int, argument: int) -> int:
    """One request. Raises Fault, OSError: ENODEV (no such interface), ENOTTY, EPERM (settings)."""
    mm = process.mm
    if request == SIOCGIFCONF:
        return _list(process, argument)
    if request not in _ANSWERS and request not in _SETTING and request != SIOCGIFNAME:
        raise error(errno.ENOTTY)
    asked = mm.read(argument, _REQUEST_SIZE)
    if request == SIOCGIFNAME:
        if struct.unpack_from("<i", asked, _NAME_SIZE) != (LOOPBACK_INDEX,):
            raise error(errno.ENODEV)
        mm.write(argument, LOOPBACK_NAME.ljust(_NAME_SIZE, b"\0"))
        return 0
    if request in _SETTING:
        raise error(errno.EPERM)
    if asked[: _NAME_SIZE - 1].split(b"\0")[0] + b"\0" != LOOPBACK_NAME:
        raise error(errno.ENODEV)
    mm.write(argument + _NAME_SIZE, _ANSWERS[request])
    return 0


def _list(process: Process, argument: int) -> int:
    """SIOCGIFCONF: a struct ifreq of each interface with an IPv4 address, as many as there is room for."""
    mm = process.mm
    room, buffer = struct.unpack("<i4xQ", mm.read(argument, 16))
    entry = (LOOPBACK_NAME.ljust(_NAME_SIZE, b"\0") + _ANSWERS[0x8915]).ljust(_REQUEST_SIZE, b"\0")
    size = len(entry)
    if buffer:
        if room < 0:
            raise error(errno.EINVAL)
        size = len(entry) if room >= len(entry) else 0
        mm.write(buffer, entry[:size])
    mm.write_int(argument, size, 4)
    return 0
