"""Socket addresses as programs pass them: struct sockaddr_un, sockaddr_in, sockaddr_in6."""

from __future__ import annotations

import errno
import struct

from toyvm.base.errors import error
from toyvm.base.record import Record

AF_UNSPEC, AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 0, 1, 2, 10, 16
SUN_PATH_MAX = 108
_MAPPED = bytes(10) + b"\xff\xff"  # ::ffff:0:0/96, an IPv4 address in an IPv6 one


def family_of(address: bytes) -> int:
    """The address family of a struct sockaddr of at least 2 bytes."""
    return int.from_bytes(address[:2], "little")


class InetAddress(Record):
    """A host, 4 or 16 bytes, and a port."""

    host: bytes
    port: int

    @property
    def family(self) -> int:
        return AF_INET if len(self.host) == 4 else AF_INET6

    @property
    def any(self) -> bool:
        """Whether it is the wildcard."""
        return not any(self.host)

    @property
    def loopback(self) -> bool:
        """Whether it is an address of this machine, or the wildcard."""
        host = self.plain
        return not any(host) or (host[0] == 127 if len(host) == 4 else host == bytes(15) + b"\1")

    @property
    def plain(self) -> bytes:
        """The host; of an IPv4 address in an IPv6 one, the IPv4 address."""
        return self.host[12:] if self.host[:12] == _MAPPED else self.host

    def pack(self) -> bytes:
        """struct sockaddr_in or sockaddr_in6."""
        head = struct.pack("<H", self.family) + struct.pack(">H", self.port)
        return head + (self.host + bytes(8) if len(self.host) == 4 else bytes(4) + self.host + bytes(4))

    def seen_from(self, family: int) -> InetAddress:
        """The address as a socket of `family` is shown it."""
        if family == AF_INET6 and len(self.host) == 4:
            return InetAddress(_MAPPED + self.host, self.port)
        return self


def parse_inet(data: bytes, family: int) -> InetAddress:
    """The address of a socket of `family`. Raises OSError: EAFNOSUPPORT, EINVAL."""
    if len(data) < (16 if family == AF_INET else 24):
        raise error(errno.EINVAL)
    found = family_of(data)
    port = int.from_bytes(data[2:4], "big")
    if family == AF_INET6 and found == AF_INET6:
        return InetAddress(bytes(data[8:24]), port)
    if found == AF_INET and family == AF_INET:
        return InetAddress(bytes(data[4:8]), port)
    raise error(errno.EAFNOSUPPORT)


def parse_unix(data: bytes) -> bytes:
    """What follows the family: a path without its NUL, an abstract name with its first NUL, or nothing.

    Raises OSError(EINVAL).
    """
    if not 2 <= len(data) <= 2 + SUN_PATH_MAX or family_of(data) != AF_UNIX:
        raise error(errno.EINVAL)
    name = bytes(data[2:])
    return name if name[:1] == b"\0" else name.split(b"\0")[0]


def pack_unix(name: bytes) -> bytes:
    """struct sockaddr_un, as long as the name needs."""
    end = b"\0" if name and name[0] else b""
    return struct.pack("<H", AF_UNIX) + name + end
