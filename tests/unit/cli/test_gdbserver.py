"""The command line of `toyvm gdbserver`; tests/oracle/test_gdb_sessions.py connects gdb to it."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from toyvm.cli import main
from toyvm.debugger.gdb.packets import PacketReader, expand_runs, frame

HELLO = str(ROOT / "asm" / "hello.s")


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--pipe", "--port", "1"], "exclude each other"),
        (["--port", "65536"], "expected 0 to 65535"),
        (["--socket", "/nowhere/door"], "--socket /nowhere/door: No such file or directory"),
        (["--socket", "/" + "x" * 200], "--socket"),
        (["--port", "0", "--root", "/tmp:rw"], "--root DIR:rw cannot be used with a debugger"),
    ],
)
def test_wrong_options(arguments: list[str], message: str, capfd: pytest.CaptureFixture[str]) -> None:
    try:
        status = main(["gdbserver", *arguments, HELLO])
    except SystemExit as error:  # argparse's
        status = int(str(error.code))
    assert status == 2
    assert message in capfd.readouterr().err


def test_a_program_that_does_not_exist(capfd: pytest.CaptureFixture[str]) -> None:
    assert main(["gdbserver", "--port", "0", "/nowhere/program"]) == 127
    assert "/nowhere/program: No such file" in capfd.readouterr().err


def _server(*arguments: str, program: str = HELLO) -> subprocess.Popen[bytes]:
    return subprocess.Popen(
        [sys.executable, "-m", "toyvm", "gdbserver", *arguments, program],
        cwd=ROOT,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
    )


def test_a_port_is_chosen_and_printed(tmp_path: Path) -> None:
    with _server("--port", "0", "--log-packets") as server:
        assert server.stderr is not None
        line = server.stderr.readline().decode()
        assert "waits for a debugger at port " in line
        with socket.create_connection(("127.0.0.1", int(line.rsplit(" ", 1)[1]))) as peer:
            peer.sendall(frame(b"QStartNoAckMode") + frame(b"c"))
            data = b"".join(iter(lambda: peer.recv(1000), b""))
        out, err = server.communicate(timeout=60)
    assert list(PacketReader().feed(data))[-1] == b"W00"
    assert out == b"hello, world\n" and server.returncode == 0
    assert b"-> QStartNoAckMode\n<- OK\n" in err and b"the run ended after" in err


def test_a_debugger_that_goes_without_a_word_ends_the_run(tmp_path: Path) -> None:
    door = tmp_path / "door"
    with _server("--socket", str(door)) as server:
        assert server.stderr is not None and b"waits" in server.stderr.readline()
        with socket.socket(socket.AF_UNIX) as peer:
            peer.connect(str(door))
        out, err = server.communicate(timeout=60)
    assert (out, err, server.returncode) == (b"", b"", 0)
    assert not door.exists()


class Debugger:
    """A debugger at the other end of a server's pipe, without acknowledgements."""

    def __init__(self, server: subprocess.Popen[bytes]):
        self._server = server
        self._reader = PacketReader()
        self._packets: list[bytes] = []
        assert self.ask(b"QStartNoAckMode") == b"OK"

    def send(self, data: bytes) -> None:
        assert self._server.stdin is not None
        self._server.stdin.write(data)
        self._server.stdin.flush()

    def read(self) -> bytes:
        assert self._server.stdout is not None
        while not self._packets:
            data = os.read(self._server.stdout.fileno(), 1 << 16)
            assert data
            self._packets += [
                expand_runs(item) for item in self._reader.feed(data) if isinstance(item, bytes)
            ]
        return self._packets.pop(0)

    def ask(self, packet: bytes) -> bytes:
        self.send(frame(packet))
        return self.read()


def test_ctrl_c_stops_a_run_that_does_not_end(tmp_path: Path) -> None:
    program = tmp_path / "endless.s"
    program.write_text(".globl _start\n_start: addi a0, a0, 1\n j _start\n")
    with _server("--pipe", program=str(program)) as server:
        debugger = Debugger(server)
        for _ in range(3):
            debugger.send(frame(b"vCont;c"))
            debugger.send(b"\x03")
            assert debugger.read().startswith(b"T02thread:")
        assert debugger.ask(b"bc").startswith(b"T05replaylog:begin;")
        assert debugger.ask(b"pa") == b"0" * 16
        debugger.send(frame(b"k"))
        assert server.wait(timeout=60) == 0


def test_system_calls_are_caught(tmp_path: Path) -> None:
    with _server("--pipe") as server:
        debugger = Debugger(server)
        assert debugger.ask(b"QCatchSyscalls:1;40") == b"OK"
        assert debugger.ask(b"c").startswith(b"T05syscall_entry:40;")
        assert debugger.ask(b"c") == b"O" + b"hello, world\n".hex().encode()
        assert debugger.read().startswith(b"T05syscall_return:40;")
        assert debugger.ask(b"QCatchSyscalls:0") == b"OK"
        assert debugger.ask(b"c") == b"W00"
        assert server.wait(timeout=60) == 0
