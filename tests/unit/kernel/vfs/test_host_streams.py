"""Standard streams: what is a file, a pipe or a terminal on the host is one for the guest."""

from __future__ import annotations

import os
import stat as st
import termios
from pathlib import Path

from tests.support.guest_kernel import Guest
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.vfs.host_file_stream import HostFileStream
from toyvm.kernel.vfs.open_file import HostStream, OpenFile, OutputBudget
from toyvm.kernel.vfs.terminal import ECHO, TERMIOS, HostTerminal, HostTerminalStream


def _streams(stdin: int) -> OpenFile:
    """Descriptor 0 of a process of a kernel whose standard input is this descriptor."""
    guest = Guest()
    with os.fdopen(os.dup(stdin), "rb", buffering=0) as stream:
        kernel = Kernel(4 << 20, None, stdin=stream)
        return kernel._stream(guest.process, 0, "/dev/stdin", stream, None)


def test_a_file_has_a_size_and_a_position_that_the_host_shares(tmp_path: Path) -> None:
    (tmp_path / "in").write_bytes(b"abcdefgh")
    with open(tmp_path / "in", "rb", buffering=0) as source:
        stream = HostFileStream(source.fileno(), 0, "/dev/stdin", source=source)
        assert st.S_ISREG(stream.stat().mode) and stream.stat().size == 8
        assert stream.read(3) == b"abc"
        assert os.lseek(source.fileno(), 0, os.SEEK_CUR) == 3
        assert stream.seek(-2, 2) == 6
        assert stream.read(9) == b"gh" and stream.read(9) == b""
        assert stream.pread(1, 2) == b"bc"
        assert isinstance(_streams(source.fileno()), HostFileStream)


def test_output_to_a_file_goes_on_where_the_file_ends(tmp_path: Path) -> None:
    with open(tmp_path / "out", "wb", buffering=0) as sink:
        sink.write(b"before ")
        stream = HostFileStream(sink.fileno(), 1, "/dev/stdout", sink=sink)
        assert (stream.position, stream.write(b"after"), stream.position) == (7, 5, 12)
    assert (tmp_path / "out").read_bytes() == b"before after"


def test_a_pipe_is_a_pipe() -> None:
    reader, writer = os.pipe()
    try:
        stream = _streams(reader)
        assert type(stream) is HostStream and st.S_ISFIFO(stream.stat().mode) and not stream.is_terminal
    finally:
        os.close(reader)
        os.close(writer)


def test_a_terminal_has_the_hosts_settings_and_gives_them_back() -> None:
    master, slave = os.openpty()
    try:
        termios.tcsetwinsize(slave, (33, 77))
        stream = _streams(slave)
        assert isinstance(stream, HostTerminalStream) and st.S_ISCHR(stream.stat().mode)
        terminal = HostTerminal(slave)
        assert terminal.size[:4] == bytes([33, 0, 77, 0])
        iflag, oflag, cflag, lflag, line, controls = TERMIOS.unpack(terminal.settings)
        assert lflag == termios.tcgetattr(slave)[3] and lflag & ECHO
        terminal.set_settings(TERMIOS.pack(iflag, oflag, cflag, lflag & ~ECHO, line, controls), flush=False)
        assert not termios.tcgetattr(slave)[3] & ECHO
        terminal.restore()
        assert termios.tcgetattr(slave)[3] == lflag
    finally:
        os.close(master)
        os.close(slave)


def test_what_has_no_descriptor_is_a_pipe() -> None:
    assert type(Guest().process.fds.get(1)) is HostStream


def test_all_output_streams_share_a_budget(tmp_path: Path) -> None:
    """A program cannot pass the limit by pwrite(2), or by opening /dev/stdout again."""
    spent: list[int] = []
    budget = OutputBudget(8, lambda: spent.append(1))
    with open(tmp_path / "out", "wb", buffering=0) as sink:
        stream = HostFileStream(sink.fileno(), 1, "/dev/stdout", sink=sink)
        stream.budget = budget
        assert stream.write(b"abcde") == 5 and not spent
        again = stream.reopen(1, "/dev/stdout")
        assert isinstance(again, HostFileStream)
        assert again.pwrite(100, b"fghij") == 5 and spent == [1]
        assert stream.write(b"more") == 4 and spent == [1]
    assert (tmp_path / "out").read_bytes() == b"abcde" + bytes(95) + b"fgh"
