"""The arguments of calls on sockets, epoll and clocks as text, as strace shows them."""

from __future__ import annotations

import ipaddress

from toyvm.base.bits import sext
from toyvm.base.light_types import TYPE_CHECKING

from .trace_text import flags_text, peek, quote

if TYPE_CHECKING:
    from toyvm.kernel.proc.process import Process

_FAMILIES = {0: "AF_UNSPEC", 1: "AF_UNIX", 2: "AF_INET", 10: "AF_INET6", 16: "AF_NETLINK", 17: "AF_PACKET"}
_TYPES = {1: "SOCK_STREAM", 2: "SOCK_DGRAM", 3: "SOCK_RAW", 5: "SOCK_SEQPACKET"}
_TYPE_FLAGS = {0o2000000: "SOCK_CLOEXEC", 0o4000: "SOCK_NONBLOCK"}
_LEVELS = {0: "SOL_IP", 1: "SOL_SOCKET", 6: "SOL_TCP", 17: "SOL_UDP", 41: "SOL_IPV6"}
_SHUT = {0: "SHUT_RD", 1: "SHUT_WR", 2: "SHUT_RDWR"}
_EPOLL_OPS = {1: "EPOLL_CTL_ADD", 2: "EPOLL_CTL_DEL", 3: "EPOLL_CTL_MOD"}
_CLOCKS = {
    0: "CLOCK_REALTIME",
    1: "CLOCK_MONOTONIC",
    2: "CLOCK_PROCESS_CPUTIME_ID",
    3: "CLOCK_THREAD_CPUTIME_ID",
    4: "CLOCK_MONOTONIC_RAW",
    5: "CLOCK_REALTIME_COARSE",
    6: "CLOCK_MONOTONIC_COARSE",
    7: "CLOCK_BOOTTIME",
    8: "CLOCK_REALTIME_ALARM",
    9: "CLOCK_BOOTTIME_ALARM",
    11: "CLOCK_TAI",
}
_MESSAGE_FLAGS = {
    0x1: "MSG_OOB",
    0x2: "MSG_PEEK",
    0x4: "MSG_DONTROUTE",
    0x8: "MSG_CTRUNC",
    0x20: "MSG_TRUNC",
    0x40: "MSG_DONTWAIT",
    0x80: "MSG_EOR",
    0x100: "MSG_WAITALL",
    0x4000: "MSG_NOSIGNAL",
    0x8000: "MSG_MORE",
    0x10000: "MSG_WAITFORONE",
    0x40000000: "MSG_CMSG_CLOEXEC",
}
_EVENTS = {
    0x1: "EPOLLIN",
    0x2: "EPOLLPRI",
    0x4: "EPOLLOUT",
    0x8: "EPOLLERR",
    0x10: "EPOLLHUP",
    0x40: "EPOLLRDNORM",
    0x80: "EPOLLRDBAND",
    0x100: "EPOLLWRNORM",
    0x200: "EPOLLWRBAND",
    0x2000: "EPOLLRDHUP",
    1 << 28: "EPOLLEXCLUSIVE",
    1 << 29: "EPOLLWAKEUP",
    1 << 30: "EPOLLONESHOT",
    1 << 31: "EPOLLET",
}
_NAMES = {
    "family": _FAMILIES,
    "sockoptlevel": _LEVELS,
    "shut": _SHUT,
    "epollop": _EPOLL_OPS,
    "clock": _CLOCKS,
}
EVENT_SHAPES = frozenset({*_NAMES, "socktype", "sockaddr", "msgflags", "epollevent"})


def event_argument(process: Process, kind: str, args: tuple[int, ...], number: int) -> str:
    """Argument `number` of a call, of one of `EVENT_SHAPES`."""
    value = args[number]
    if kind == "socktype":
        value &= 0xFFFFFFFF
        return flags_text(value & ~0xF, _TYPE_FLAGS, _TYPES.get(value & 0xF, hex(value & 0xF)))
    if kind == "msgflags":
        return flags_text(value & 0xFFFFFFFF, _MESSAGE_FLAGS) if value else "0"
    if kind == "sockaddr":
        return _address(process, value, args[number + 1])
    if kind == "epollevent":
        return _event(process, value)
    value = sext(value, 32)
    return _NAMES[kind].get(value, str(value))


def _event(process: Process, va: int) -> str:
    data = peek(process, va, 16) if va else None
    if data is None or len(data) < 16:
        return hex(va) if va else "NULL"
    events = int.from_bytes(data[:4], "little")
    shown = flags_text(events, _EVENTS) if events else "0"
    return f"{{events={shown}, data={int.from_bytes(data[8:], 'little'):#x}}}"


def _address(process: Process, va: int, length: int) -> str:
    """A struct sockaddr in strace's words."""
    data = peek(process, va, min(length, 128)) if va and length else None
    if data is None or len(data) < 2:
        return hex(va) if va else "NULL"
    family = int.from_bytes(data[:2], "little")
    head = f"sa_family={_FAMILIES.get(family, hex(family))}"
    port = int.from_bytes(data[2:4], "big")
    if family == 2 and len(data) >= 16:
        return f'{{{head}, sin_port=htons({port}), sin_addr=inet_addr("{ipaddress.IPv4Address(data[4:8])}")}}'
    if family == 10 and len(data) >= 24:
        host = ipaddress.IPv6Address(data[8:24])
        return f'{{{head}, sin6_port=htons({port}), inet_pton(AF_INET6, "{host}", &sin6_addr)}}'
    if family == 1:
        name = data[2:]
        if name[:1] == b"\0" and len(name) > 1:
            return f"{{{head}, sun_path=@{quote(name[1:], False)}}}"
        path = name.split(b"\0")[0]
        return f"{{{head}, sun_path={quote(path, False)}}}" if path else f"{{{head}}}"
    return f"{{{head}, ...}}"
