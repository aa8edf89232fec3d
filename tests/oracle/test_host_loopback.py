"""Programs and servers on the host's loopback (`--net loopback-host`): a client as it runs on the host itself, and what nobody reaches."""

from __future__ import annotations

import platform
import socket
import struct
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from tests.support.harness import OPTIONS
from tests.support.oracles import GCC, HOST_GCC, do_without, require_oracle
from tests.support.ways import WAYS, engines_made
from toyvm.base.record import replace
from toyvm.system import run

pytestmark = pytest.mark.oracle
SOURCE = Path(__file__).with_name("host") / "client.c"


def _echo(connection: socket.socket) -> None:
    while data := connection.recv(65536):
        connection.sendall(data)


def _speak(connection: socket.socket) -> None:
    connection.sendall(b"first")


def _reset(connection: socket.socket) -> None:
    connection.recv(100)
    connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))


def _count(connection: socket.socket) -> None:
    total = 0
    while data := connection.recv(65536):
        total += len(data)
    connection.sendall(str(total).encode())


def _serve(listener: socket.socket, answer: Callable[[socket.socket], None]) -> None:
    def one(connection: socket.socket) -> None:
        with connection, suppress(OSError):
            answer(connection)

    with suppress(OSError):
        while True:
            threading.Thread(target=one, args=(listener.accept()[0],), daemon=True).start()


def _serve_datagrams(server: socket.socket) -> None:
    with suppress(OSError):
        while True:
            data, address = server.recvfrom(65536)
            if not address[1]:  # the end
                return
            server.sendto(data, address)


@contextmanager
def servers() -> Iterator[list[int]]:
    """The ports of servers as `client.c` wants them. The last one is a port where nobody listens."""
    opened = []
    ports = []
    for family, host, answer in (
        (socket.AF_INET, "127.0.0.1", _echo),
        (socket.AF_INET6, "::1", _echo),
        (socket.AF_INET, "127.0.0.1", _speak),
        (socket.AF_INET, "127.0.0.1", _reset),
        (socket.AF_INET, "127.0.0.1", _count),
    ):
        listener = socket.create_server((host, 0), family=family)
        opened.append(listener)
        ports.append(listener.getsockname()[1])
        threading.Thread(target=_serve, args=(listener, answer), daemon=True).start()
    datagrams = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    datagrams.bind(("127.0.0.1", 0))
    ports.append(datagrams.getsockname()[1])
    threading.Thread(target=_serve_datagrams, args=(datagrams,), daemon=True).start()
    reserved = socket.socket()  # bound and not listening: nobody else gets the port
    reserved.bind(("127.0.0.1", 0))
    ports.append(reserved.getsockname()[1])
    try:
        yield ports
    finally:
        for listener in opened:
            listener.shutdown(socket.SHUT_RDWR)
            listener.close()
        reserved.close()
        datagrams.close()


def test_a_client_as_on_the_host(tmp_path: Path) -> None:
    require_oracle(GCC, HOST_GCC)
    if not sys.platform.startswith("linux") or platform.machine() not in ("x86_64", "riscv64"):
        do_without("the host is not a Linux whose numbers are those of riscv64")
    here, there = tmp_path / "here", tmp_path / "there"
    subprocess.run([HOST_GCC, "-O2", "-w", "-o", here, SOURCE], check=True)
    subprocess.run([GCC, "-O2", "-w", "-static", "-o", there, SOURCE], check=True)
    with servers() as ports:
        words = [str(port) for port in ports]
        expected = subprocess.run([here, *words], capture_output=True, timeout=60, check=False)

        options = replace(OPTIONS, net="loopback-host", max_instructions=None)
        for way in WAYS:
            with engines_made(way):
                result = run(there, [str(there), *words], options, stdin=b"", capture=True)
            assert result.stdout.decode() == expected.stdout.decode(), result.stderr.decode()
            assert result.status == expected.returncode == 0
            assert (result.frames_leaked, result.slots_leaked) == (0, 0)
