"""getsockopt(2) and setsockopt(2): the options that programs use, and what they are at first."""

from __future__ import annotations

import errno
import struct

from toyvm.base.errors import error

from .addresses import AF_INET, AF_INET6, AF_NETLINK, AF_UNIX
from .network import BUFFER
from .socket_file import SOCK_STREAM, SocketFile

SOL_SOCKET, IPPROTO_IP, IPPROTO_TCP, IPPROTO_UDP, IPPROTO_IPV6 = 1, 0, 6, 17, 41
SOL_NETLINK = 270
SO_REUSEADDR, SO_REUSEPORT = 2, 15
SO_DEBUG, SO_TYPE, SO_ERROR, SO_SNDBUF, SO_RCVBUF, SO_LINGER, SO_PASSCRED, SO_PEERCRED = (
    1,
    3,
    4,
    7,
    8,
    13,
    16,
    17,
)
SO_RCVTIMEO, SO_SNDTIMEO, SO_ACCEPTCONN, SO_PEERGROUPS = 20, 21, 30, 59
SO_PROTOCOL, SO_DOMAIN, SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW = 38, 39, 66, 67
SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_PRIORITY, SO_OOBINLINE = 32, 33, 12, 10
TCP_INFO, TCP_CONGESTION = 11, 13
IPV6_V6ONLY = 26
_READ_ONLY = {SO_TYPE, SO_ERROR, SO_PEERCRED, SO_ACCEPTCONN, SO_PROTOCOL, SO_DOMAIN, SO_PEERGROUPS}
# On or off: REUSEADDR, DONTROUTE, BROADCAST, KEEPALIVE, OOBINLINE, REUSEPORT, PASSCRED, TIMESTAMP, TIMESTAMPNS,
# RXQ_OVFL; TCP_NODELAY, TCP_CORK, TCP_QUICKACK; IP_RECVERR, IP_PKTINFO, IP_FREEBIND; IPV6_V6ONLY, IPV6_RECVPKTINFO
_FLAGS = {
    SOL_SOCKET: {SO_REUSEADDR, 5, 6, 9, SO_OOBINLINE, SO_REUSEPORT, SO_PASSCRED, 29, 35, 40},
    IPPROTO_TCP: {1, 3, 12},
    IPPROTO_IP: {8, 11, 15},
    IPPROTO_IPV6: {IPV6_V6ONLY, 49, 25},
    SOL_NETLINK: {
        1,
        2,
        3,
        4,
        5,
        8,
        10,
        11,
        12,
    },  # memberships, PKTINFO, errors, CAP_ACK, EXT_ACK, GET_STRICT_CHK
}
# Numbers with their first values: PRIORITY, RCVLOWAT, SNDLOWAT (read only), INCOMING_CPU, BUSY_POLL; TCP_MAXSEG, KEEPIDLE,
# KEEPINTVL, KEEPCNT, SYNCNT, LINGER2, DEFER_ACCEPT, USER_TIMEOUT, FASTOPEN; IP_TOS, IP_TTL, MTU_DISCOVER, multicast TTL and
# LOOP; IPV6_UNICAST_HOPS, MULTICAST_HOPS, MULTICAST_LOOP, TCLASS
_NUMBERS = {
    SOL_SOCKET: {12: 0, 18: 1, 19: 1, 46: 0, 49: 0},
    IPPROTO_TCP: {2: 536, 4: 7200, 5: 75, 6: 9, 7: 6, 8: 60, 9: 0, 18: 0, 23: 0},
    IPPROTO_IP: {1: 0, 2: 64, 10: 1, 33: 1, 34: 1},
    IPPROTO_IPV6: {16: 64, 18: 1, 19: 1, 67: 0},
    SOL_NETLINK: {},
}
_FIRST = {(IPPROTO_TCP, 3): 0, (IPPROTO_TCP, 12): 1}
_BUFFERS = {SO_SNDBUF: 4608, SO_RCVBUF: 2304}  # the smallest
_TCP_BUFFERS = {SO_SNDBUF: 16384, SO_RCVBUF: 131072}  # net.ipv4.tcp_wmem and tcp_rmem


def _known(socket: SocketFile, level: int) -> bool:
    """Whether the socket has options of this level."""
    if level == SOL_SOCKET:
        return True
    if level == SOL_NETLINK or socket.family == AF_NETLINK:
        return level == SOL_NETLINK and socket.family == AF_NETLINK
    if level == IPPROTO_TCP:
        return socket.type == SOCK_STREAM and socket.family != AF_UNIX
    if level == IPPROTO_IP:
        return socket.family in (AF_INET, AF_INET6)
    return level == IPPROTO_IPV6 and socket.family == AF_INET6


def get_option(socket: SocketFile, level: int, name: int) -> bytes:
    """The value of an option. Raises OSError: ENODATA, ENOPROTOOPT, EOPNOTSUPP."""
    if not _known(socket, level):
        raise error(errno.EOPNOTSUPP)
    if level == SOL_SOCKET:
        special = _get_special(socket, name)
        if special is not None:
            return special
    if level == IPPROTO_TCP and name == TCP_INFO:
        return struct.pack("<B", 10 if socket.listening else 1).ljust(104, b"\0")
    if level == IPPROTO_TCP and name == TCP_CONGESTION:
        return b"cubic".ljust(16, b"\0")
    if name in _FLAGS[level] or name in _NUMBERS[level]:
        first = _NUMBERS[level].get(name, _FIRST.get((level, name), 0))
        return struct.pack("<i", socket.options.get((level, name), first))
    raise error(errno.ENOPROTOOPT)


def _get_special(socket: SocketFile, name: int) -> bytes | None:
    numbers = {
        SO_TYPE: socket.type,
        SO_PROTOCOL: socket.protocol,
        SO_DOMAIN: socket.family,
        SO_ACCEPTCONN: int(socket.listening),
        SO_DEBUG: 0,
    }
    if name in numbers:
        return struct.pack("<i", numbers[name])
    if name == SO_ERROR:
        return struct.pack("<i", socket.take_error())
    if name in (SO_SNDBUF, SO_RCVBUF):
        first = _TCP_BUFFERS[name] if socket.family != AF_UNIX and socket.type == SOCK_STREAM else BUFFER
        return struct.pack("<i", socket.options.get((SOL_SOCKET, name), first))
    if name == SO_LINGER:
        value = socket.options.get((SOL_SOCKET, SO_LINGER), 0)
        return struct.pack("<ii", value >> 32, value & 0x7FFFFFFF)
    if name == SO_PEERCRED:
        return struct.pack("<iII", *socket.peer_credentials)
    if name == SO_PEERGROUPS:
        if socket.peer_credentials[1] == 0xFFFFFFFF:
            raise error(errno.ENODATA)
        return b""
    if name in (SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW):
        timeout = socket.timeouts[name in (SO_SNDTIMEO, SO_SNDTIMEO_NEW)] or 0
        seconds, nanos = divmod(timeout, 10**9)
        return struct.pack("<qq", seconds, nanos // 1000)
    return None


def set_option(socket: SocketFile, level: int, name: int, value: bytes) -> None:
    """Set an option. Raises OSError: EDOM, EINVAL, ENOPROTOOPT, EOPNOTSUPP, EPERM."""
    if not _known(socket, level):
        raise error(errno.EOPNOTSUPP if socket.family == AF_UNIX else errno.ENOPROTOOPT)
    if level == IPPROTO_TCP and name == TCP_CONGESTION:
        if value.split(b"\0")[0] not in (b"cubic", b"reno"):
            raise error(errno.ENOENT)
        return
    if len(value) < 4:
        raise error(errno.EINVAL)
    (number,) = struct.unpack_from("<i", value)
    if level == SOL_SOCKET and _set_special(socket, name, number, value):
        return
    if name in _FLAGS[level]:
        number = int(number != 0)
    elif name not in _NUMBERS[level]:
        raise error(errno.ENOPROTOOPT)
    if (level, name) == (SOL_SOCKET, SO_REUSEPORT) and socket.family == AF_UNIX and number:
        raise error(errno.EOPNOTSUPP)
    if (level, name) == (SOL_SOCKET, SO_PASSCRED) and socket.family != AF_UNIX:
        raise error(errno.EOPNOTSUPP)
    if (level, name) == (IPPROTO_IPV6, IPV6_V6ONLY) and socket.name()[2:4] != b"\0\0":
        raise error(errno.EINVAL)
    socket.options[level, name] = number


def _set_special(socket: SocketFile, name: int, number: int, value: bytes) -> bool:
    """Set an option that is more than a number; whether it is one."""
    if name in (SO_SNDBUF, SO_RCVBUF):
        size = max(min(number & 0xFFFFFFFF, BUFFER) * 2, _BUFFERS[name])
        socket.options[SOL_SOCKET, name] = size
        if name == SO_SNDBUF:
            socket.send_buffer = size
        else:
            socket.receive_buffer = size
    elif name == SO_LINGER:
        if len(value) < 8:
            raise error(errno.EINVAL)
        on, seconds = struct.unpack_from("<ii", value)
        socket.options[SOL_SOCKET, name] = (int(on != 0) << 32) | (seconds & 0x7FFFFFFF if on else 0)
    elif name in (SO_RCVTIMEO, SO_SNDTIMEO, SO_RCVTIMEO_NEW, SO_SNDTIMEO_NEW):
        if len(value) < 16:
            raise error(errno.EINVAL)
        seconds, micros = struct.unpack_from("<qq", value)
        if not 0 <= micros < 10**6:
            raise error(errno.EDOM)
        timeout = seconds * 10**9 + micros * 1000 if seconds >= 0 else 0
        wait = timeout if timeout or seconds < 0 else None
        receive, send = socket.timeouts
        socket.timeouts = (receive, wait) if name in (SO_SNDTIMEO, SO_SNDTIMEO_NEW) else (wait, send)
    elif name in _READ_ONLY:
        raise error(errno.ENOPROTOOPT)
    elif name in (SO_SNDBUFFORCE, SO_RCVBUFFORCE, SO_DEBUG) or (name == SO_PRIORITY and not 0 <= number <= 6):
        raise error(errno.EACCES if name == SO_DEBUG else errno.EPERM)
    else:
        return False
    return True


def passes_credentials(socket: SocketFile) -> bool:
    """Whether SO_PASSCRED is set."""
    return bool(socket.options.get((SOL_SOCKET, SO_PASSCRED)))
