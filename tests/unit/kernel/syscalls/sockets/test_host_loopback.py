"""What a guest reaches of the host's network: nothing, and with `--net loopback-host` its loopback alone.

tests/oracle/test_host_loopback.py has a whole client.
"""

from __future__ import annotations

import errno
import os
import socket
import struct
import sys
from collections.abc import Iterator

import pytest

from tests.support.guest_kernel import Guest
from toyvm.kernel.net import host_loopback
from toyvm.kernel.net.host_loopback import HostLoopback
from toyvm.kernel.proc.lifecycle import kill_all
from toyvm.kernel.vfs.path_walk import Vfs
from toyvm.run_options import Limits

AF_INET, AF_INET6, STREAM, DATAGRAM, NONBLOCK = 2, 10, 1, 2, 0o4000

_seen: list[tuple[str, tuple[object, ...]]] = []
_watching = False


def _audit(event: str, arguments: tuple[object, ...]) -> None:
    if _watching and event.startswith("socket."):
        _seen.append((event, arguments))


sys.addaudithook(_audit)


@pytest.fixture
def sockets_of_the_host() -> Iterator[list[tuple[str, tuple[object, ...]]]]:
    """What Python does with sockets of the host meanwhile."""
    global _watching
    _seen.clear()
    _watching = True
    yield _seen
    _watching = False


@pytest.fixture
def server() -> Iterator[socket.socket]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        listener.settimeout(5)
        yield listener


def machine(net: str = "loopback-host") -> Guest:
    return Guest(8 << 20, Vfs.sandbox(None), Limits(net=net))


def address(guest: Guest, host: str, port: int) -> tuple[int, int]:
    """The place and the length of a socket address."""
    if ":" in host:
        plain = socket.inet_pton(socket.AF_INET6, host)
        data = struct.pack("<H", AF_INET6) + struct.pack(">H", port) + bytes(4) + plain + bytes(4)
    else:
        data = struct.pack("<H", AF_INET) + struct.pack(">H", port) + socket.inet_aton(host) + bytes(8)
    guest.mm.write(guest.scratch, data)
    return guest.scratch, len(data)


def connected(guest: Guest, server: socket.socket) -> tuple[int, socket.socket]:
    """A descriptor of the guest, and the server's end."""
    fd = guest.call("socket", AF_INET, STREAM | NONBLOCK, 0)
    assert fd is not None
    port = server.getsockname()[1]
    assert guest.call("connect", fd, *address(guest, "127.0.0.1", port)) == -errno.EINPROGRESS
    end, _ = server.accept()
    end.settimeout(5)
    _loopback(guest).wait(1)
    return fd, end


def _loopback(guest: Guest) -> HostLoopback:
    found = guest.kernel.host_loopback
    assert found is not None
    return found


def read(guest: Guest, fd: int, count: int = 4096) -> bytes | int:
    """What a read gives when the host has had time, or the errno."""
    for _ in range(50):
        got = guest.call("read", fd, guest.scratch + 0x8000, count)
        assert got is not None
        if got != -errno.EAGAIN:
            return guest.mm.read(guest.scratch + 0x8000, got) if got >= 0 else -got
        _loopback(guest).wait(0.1)
    return errno.EAGAIN


def test_without_the_option_no_socket_of_the_host_is_made(
    server: socket.socket, sockets_of_the_host: list[tuple[str, tuple[object, ...]]]
) -> None:
    guest = machine("machine")
    port = server.getsockname()[1]
    sockets_of_the_host.clear()
    for family, host in ((AF_INET, "127.0.0.1"), (AF_INET, "127.1.2.3"), (AF_INET6, "::1")):
        fd = guest.call("socket", family, STREAM, 0)
        assert guest.call("connect", fd or 0, *address(guest, host, port)) == -errno.ECONNREFUSED
        fd = guest.call("socket", family, DATAGRAM, 0)
        assert guest.call("sendto", fd or 0, guest.scratch, 1, 0, *address(guest, host, port)) == 1
    assert guest.kernel.host_loopback is None and not sockets_of_the_host


@pytest.mark.parametrize(
    "host", ["8.8.8.8", "10.0.0.1", "192.168.1.1", "169.254.169.254", "::ffff:8.8.8.8", "2001:db8::1", "fe80::1", "::2"]
)  # fmt: skip
def test_only_loopback_is_reached(
    host: str, sockets_of_the_host: list[tuple[str, tuple[object, ...]]]
) -> None:
    guest = machine()
    family = AF_INET6 if ":" in host else AF_INET
    stream, datagram = guest.call("socket", family, STREAM, 0), guest.call("socket", family, DATAGRAM, 0)
    for call in ("connect", "bind"):
        assert guest.call(call, stream or 0, *address(guest, host, 8000)) in (
            -errno.ENETUNREACH,
            -errno.EADDRNOTAVAIL,
        )
    assert (
        guest.call("sendto", datagram or 0, guest.scratch, 1, 0, *address(guest, host, 53))
        == -errno.ENETUNREACH
    )
    assert guest.call("connect", datagram or 0, *address(guest, host, 53)) == -errno.ENETUNREACH
    assert not sockets_of_the_host


def test_the_wildcard_is_loopback(
    server: socket.socket, sockets_of_the_host: list[tuple[str, tuple[object, ...]]]
) -> None:
    guest = machine()
    fd = guest.call("socket", AF_INET, STREAM | NONBLOCK, 0)
    port = server.getsockname()[1]
    assert guest.call("connect", fd or 0, *address(guest, "0.0.0.0", port)) == -errno.EINPROGRESS
    assert [words[1] for name, words in sockets_of_the_host if name == "socket.connect"] == [
        ("127.0.0.1", port)
    ]


def test_bytes_go_both_ways_and_nothing_is_left(server: socket.socket) -> None:
    descriptors = len(os.listdir("/proc/self/fd"))
    guest = machine()
    fd, end = connected(guest, server)
    with end:
        assert guest.write(fd, b"to the host") == 11
        assert end.recv(100) == b"to the host"
        end.sendall(b"to the guest")
        assert read(guest, fd) == b"to the guest"
        end.shutdown(socket.SHUT_WR)
        assert read(guest, fd) == b""
        assert guest.write(fd, b"more") == 4
        assert guest.call("close", fd) == 0
        assert end.recv(100) == b"more"
        assert end.recv(100) == b""
    assert not _loopback(guest).links and not guest.kernel.network.sockets
    assert len(os.listdir("/proc/self/fd")) == descriptors


def test_a_server_that_does_not_read_makes_the_program_wait(server: socket.socket) -> None:
    guest = machine()
    fd, end = connected(guest, server)
    sent = 0
    while (wrote := guest.write(fd, bytes(16000))) is not None and wrote > 0:
        sent += wrote
        assert sent < 64 << 20
    assert wrote == -errno.EAGAIN
    got = 0
    while got < sent:
        got += len(end.recv(1 << 20))
        _loopback(guest).wait(0)
    assert guest.write(fd, b"again") == 5
    end.close()


def test_a_program_that_does_not_read_makes_the_server_wait(server: socket.socket) -> None:
    guest = machine()
    fd, end = connected(guest, server)
    end.setblocking(False)
    sent = 0
    with pytest.raises(BlockingIOError):
        while sent < 64 << 20:
            sent += end.send(bytes(1 << 16))
            _loopback(guest).wait(0)
    assert guest.kernel.network.used < 1 << 20
    got = 0
    while got < sent:
        data = read(guest, fd, 30000)
        assert isinstance(data, bytes)
        got += len(data)
    end.close()


def test_a_machine_that_ends_sends_what_is_left(server: socket.socket) -> None:
    guest = machine()
    fd, end = connected(guest, server)
    assert guest.write(fd, b"the last words") == 14
    kill_all(guest.kernel)
    guest.kernel.power_off()
    assert end.recv(100) == b"the last words" and end.recv(100) == b""
    assert not _loopback(guest).links
    end.close()


def test_closing_with_bytes_unread_is_a_reset(server: socket.socket) -> None:
    guest = machine()
    fd, end = connected(guest, server)
    end.sendall(b"nobody reads this")
    _loopback(guest).wait(1)
    assert guest.call("close", fd) == 0
    with pytest.raises(ConnectionResetError):
        end.recv(100)
    end.close()


def test_the_links_of_a_machine_have_a_limit(server: socket.socket, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(host_loopback, "MOST_LINKS", 3)
    guest = machine()
    for _ in range(3):
        connected(guest, server)
    fd = guest.call("socket", AF_INET, STREAM, 0)
    port = server.getsockname()[1]
    assert guest.call("connect", fd or 0, *address(guest, "127.0.0.1", port)) == -errno.EADDRNOTAVAIL
    fd = guest.call("socket", AF_INET, DATAGRAM, 0)
    assert (
        guest.call("sendto", fd or 0, guest.scratch, 1, 0, *address(guest, "127.0.0.1", port))
        == -errno.EADDRNOTAVAIL
    )
