"""The texts of /proc/net: the sockets of the machine, in Linux's form (proc_pid_net(5))."""

from __future__ import annotations

import os

from toyvm.base.light_types import TYPE_CHECKING

from ..net.inet_sockets import InetSocket, TcpSocket
from ..net.socket_file import SHUT_RD, SHUT_WR
from ..net.udp_sockets import UdpSocket
from ..net.unix_sockets import UnixDatagram, UnixStream

if TYPE_CHECKING:
    from ..net.addresses import InetAddress
    from ..net.network import Network
    from ..proc.kernel_state import KernelState

_ESTABLISHED, _SYN_SENT, _FIN_WAIT2, _CLOSE, _CLOSE_WAIT, _LISTEN = 1, 2, 5, 7, 8, 10
_INET_HEAD = (
    "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid  timeout inode"
)
_LISTENING = 0x10000  # __SO_ACCEPTCON


def unix(network: Network) -> bytes:
    """/proc/net/unix."""
    lines = ["Num       RefCount Protocol Flags    Type St Inode Path"]
    for socket in network.sockets:
        if not isinstance(socket, (UnixStream, UnixDatagram)):
            continue
        state = 3 if socket.connected else 1
        flags = _LISTENING if socket.listening else 0
        name = os.fsdecode(socket.bound_to)
        shown = f" {name.replace(chr(0), '@')}" if name else ""
        users = max(2, socket.users + 1)
        lines.append(
            f"{0:016x}: {users:08X} {0:08X} {flags:08X} {socket.type:04X} {state:02X} {socket.ino:5d}{shown}"
        )
    return os.fsencode("\n".join(lines) + "\n")


def _address(address: InetAddress | None, size: int) -> str:
    host = address.host if address is not None else bytes(size)
    words = (host[at : at + 4][::-1].hex().upper() for at in range(0, len(host), 4))
    return f"{''.join(words)}:{address.port if address is not None else 0:04X}"


def _state(socket: InetSocket) -> int:
    if isinstance(socket, UdpSocket):
        return _ESTABLISHED if socket.remote is not None else _CLOSE
    assert isinstance(socket, TcpSocket)
    if socket.listening:
        return _LISTEN
    if socket.waiting_for is not None:
        return _SYN_SENT
    if not socket.connected:
        return _CLOSE
    if socket.shut & SHUT_RD:
        return _CLOSE_WAIT
    return _FIN_WAIT2 if socket.shut & SHUT_WR else _ESTABLISHED


def inet(network: Network, kind: type[InetSocket], family: int, uid: int) -> bytes:
    """/proc/net/tcp, tcp6, udp and udp6: the bound sockets of `kind` and `family`; `uid` owns them all."""
    lines = [_INET_HEAD]
    for socket in network.sockets:
        if not isinstance(socket, kind) or socket.family != family or socket.local is None:
            continue
        size = len(socket.local.host)
        received = len(socket.embryos()) if socket.listening else socket.inbox.bytes
        lines.append(
            f"{len(lines) - 1:4d}: {_address(socket.local, size)} {_address(socket.remote, size)}"
            f" {_state(socket):02X} {0:08X}:{received:08X} 00:00000000 00000000 {uid:5d} {0:8d} {socket.ino}"
        )
    return "\n".join(line.ljust(149) for line in lines).encode() + b"\n"


def text(kernel: KernelState, name: str) -> bytes:
    """A file of /proc/net by its name."""
    network, uid = kernel.network, kernel.UID
    if name == "unix":
        return unix(network)
    return inet(
        network, TcpSocket if name.startswith("tcp") else UdpSocket, 10 if name.endswith("6") else 2, uid
    )
