"""Terminals: pseudo-terminals (pty(7)) with a line discipline (termios(3)), and the host's own terminal.

A pseudo-terminal is a pair. What is written to the master is typed at the slave: it is edited by lines, echoed, and makes
signals. What is written to the slave can be read at the master. The host's terminal has its own line discipline, which
TCGETS and TCSETS reach.
"""

from __future__ import annotations

import errno
import stat as st
import struct

from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..limits import GUEST_ID
from .nodes import DirNode, Identity, Node, Stat
from .open_file import (
    O_ACCMODE,
    O_RDWR,
    POLLHUP,
    POLLIN,
    POLLOUT,
    DeviceNode,
    HostStream,
    OpenFile,
    Sink,
    Source,
    WaitQueue,
    WouldBlock,
)

if TYPE_CHECKING:
    from collections.abc import Callable

_PTS_DEVICE = 0x18
_ROOM = 4096  # bytes of input, as N_TTY_BUF_SIZE
MOST_PAIRS = 256

ISTRIP, INLCR, IGNCR, ICRNL = 0o40, 0o100, 0o200, 0o400
OPOST, ONLCR, OCRNL = 1, 4, 8
ISIG, ICANON, ECHO, ECHOE, ECHOK, ECHONL, NOFLSH, TOSTOP, ECHOCTL = 1, 2, 8, 16, 32, 64, 128, 256, 512
VINTR, VQUIT, VERASE, VKILL, VEOF, VTIME, VMIN, VSUSP, VEOL, VWERASE, VEOL2 = (
    0,
    1,
    2,
    3,
    4,
    5,
    6,
    10,
    11,
    14,
    16,
)
_CONTROLS = bytes([3, 28, 127, 21, 4, 0, 1, 0, 17, 19, 26, 0, 18, 15, 23, 22, 0, 0, 0])
TERMIOS = struct.Struct("<IIIIB19s")  # the kernel's struct termios: 36 bytes
SIGINT, SIGQUIT, SIGTSTP = 2, 3, 20


class Terminal:
    """What job control knows of a terminal: its session, its foreground group, its size and its settings."""

    def __init__(self) -> None:
        self.session = 0  # whose controlling terminal it is; 0: nobody's
        self.foreground = 0  # the process group that may read
        self.settings = TERMIOS.pack(ICRNL | 0o2000, OPOST | ONLCR, 0o277, 0o105073, 0, _CONTROLS)
        self.size = bytes(8)  # struct winsize
        self.stopped = False  # by TCOOFF: output waits

    @property
    def flags(self) -> tuple[int, int, int, bytes]:
        """Input, output and local flags, and the control characters."""
        iflag, oflag, _, lflag, _, controls = TERMIOS.unpack(self.settings)
        return iflag, oflag, lflag, controls

    def set_settings(self, settings: bytes, *, flush: bool) -> None:
        """tcsetattr(3). `flush` drops the input that was not read."""
        self.settings = settings

    def set_size(self, size: bytes) -> bool:
        """TIOCSWINSZ; whether the size is another now."""
        changed, self.size = size != self.size, size
        return changed

    def hang_up(self) -> None:
        """The session of the terminal has ended (vhangup)."""

    def flush(self, queue: int) -> None:
        """TCFLSH: 0 drops input, 1 output, 2 both."""


class Pair(Terminal):
    """A pseudo-terminal. `signal` sends a signal to a process group."""

    def __init__(self, number: int, signal: Callable[[int, int], None]):
        super().__init__()
        self.number = number
        self.hang_ups = 0  # what was opened before the last one is of no use
        self.locked = True  # until TIOCSPTLCK: the slave cannot be opened
        self.master_open = True
        self.slaves = 0
        self.ever_opened = False
        self.output = bytearray()  # from the slave, for the master
        self.lines: list[bytes] = []  # input that can be read, by lines; b"" is an end of file
        self.line = bytearray()  # being edited
        self.changed = WaitQueue()
        self.mode = 0o620
        self._signal = signal

    def typed(self, data: bytes) -> None:
        """Input from the master goes through the line discipline."""
        for byte in data:
            self._key(byte)
        self.changed.wake()

    def _key(self, byte: int) -> None:
        iflag, _, lflag, controls = self.flags
        if iflag & ISTRIP:
            byte &= 0x7F
        if byte == 13 and iflag & IGNCR:
            return
        if byte == 13 and iflag & ICRNL:
            byte = 10
        elif byte == 10 and iflag & INLCR:
            byte = 13
        if lflag & ISIG and byte:
            for place, signal in ((VINTR, SIGINT), (VQUIT, SIGQUIT), (VSUSP, SIGTSTP)):
                if byte == controls[place]:
                    self._echo(byte, lflag)
                    if not lflag & NOFLSH:
                        self.flush(0)
                    if self.foreground:
                        self._signal(self.foreground, signal)
                    return
        if not lflag & ICANON:
            self._echo(byte, lflag)
            if len(self.line) < _ROOM:
                self.line.append(byte)
            return
        if byte and byte == controls[VERASE]:
            if self.line:
                self._rub_out(lflag)
        elif byte and byte == controls[VKILL]:
            while self.line:
                self._rub_out(lflag)
        elif byte and byte == controls[VWERASE]:
            while self.line and self.line[-1:].isspace():
                self._rub_out(lflag)
            while self.line and not self.line[-1:].isspace():
                self._rub_out(lflag)
        elif byte and byte == controls[VEOF]:
            self._end_line()
        else:
            self._echo(byte, lflag)
            if len(self.line) < _ROOM - 1 or byte == 10:
                self.line.append(byte)
            if byte == 10 or (byte and byte in (controls[VEOL], controls[VEOL2])):
                self._end_line()

    def _end_line(self) -> None:
        self.lines.append(bytes(self.line))
        self.line.clear()

    def _rub_out(self, lflag: int) -> None:
        byte = self.line.pop()
        if lflag & ECHO and lflag & ECHOE:
            width = 2 if byte < 32 and lflag & ECHOCTL else 1
            self.output += b"\b \b" * width

    def _echo(self, byte: int, lflag: int) -> None:
        if byte == 10 and lflag & (ECHO | ECHONL):
            self.written(b"\n")
        elif lflag & ECHO:
            control = (byte < 32 and byte not in (9, 10)) or byte == 127
            self.output += b"^" + bytes([byte ^ 64]) if control and lflag & ECHOCTL else bytes([byte])

    def written(self, data: bytes) -> None:
        """Output of the slave goes to the master."""
        oflag = self.flags[1]
        if oflag & OPOST:
            if oflag & OCRNL:
                data = data.replace(b"\r", b"\n")
            if oflag & ONLCR:
                data = data.replace(b"\n", b"\r\n")
        self.output += data
        self.changed.wake()

    def hang_up(self) -> None:
        self.hang_ups += 1
        self.changed.wake()

    @property
    def room(self) -> bool:
        """Whether the slave can write now."""
        return not self.stopped and len(self.output) < 1 << 16

    @property
    def ready(self) -> int:
        """How many bytes the slave can read now; -1 for an end of file."""
        _, _, lflag, controls = self.flags
        if self.lines:
            return len(self.lines[0]) or -1
        if lflag & ICANON:
            return 0
        return len(self.line) if len(self.line) >= max(1, controls[VMIN]) else 0

    def take(self, count: int) -> bytes:
        """Input for the slave."""
        if self.lines:
            line = self.lines[0]
            data, rest = line[:count], line[count:]
            if rest:
                self.lines[0] = rest
            else:
                del self.lines[0]
            return data
        data = bytes(self.line[:count])
        del self.line[:count]
        return data

    def set_settings(self, settings: bytes, *, flush: bool) -> None:
        was = self.flags[2]
        super().set_settings(settings, flush=flush)
        if flush:
            self.flush(0)
        now = self.flags[2]
        if was & ICANON and not now & ICANON:  # whole lines can be read byte by byte now
            self.line = bytearray(b"".join(self.lines)) + self.line
            self.lines.clear()
        elif now & ICANON and not was & ICANON and self.line:
            self._end_line()
        self.changed.wake()

    def flush(self, queue: int) -> None:
        if queue in (0, 2):
            self.lines.clear()
            self.line.clear()
        if queue in (1, 2):
            self.output.clear()


class Master(OpenFile):
    """The side of a pseudo-terminal that stands for the person."""

    is_terminal = True

    def __init__(self, pair: Pair, flags: int, closed: Callable[[Pair], None]):
        super().__init__(flags, "/dev/ptmx")
        self.pair = pair
        self._closed = closed

    def stat(self) -> Stat:
        return Stat(6, 18, st.S_IFCHR | 0o666, rdev=0x502)

    def read(self, count: int) -> bytes:
        pair = self.pair
        if not pair.output and count:
            if pair.ever_opened and not pair.slaves:
                raise error(errno.EIO)
            raise WouldBlock(pair.changed)
        data = bytes(pair.output[:count])
        del pair.output[:count]
        pair.changed.wake()
        return data

    def write(self, data: bytes) -> int:
        pair = self.pair
        waiting = sum(map(len, pair.lines)) + len(pair.lines)
        if waiting > _ROOM or len(pair.output) > 1 << 16:
            raise WouldBlock(pair.changed)
        piece = data[:_ROOM]
        pair.typed(piece)
        return len(piece)

    def poll(self) -> int:
        pair = self.pair
        hung = POLLHUP if pair.ever_opened and not pair.slaves else 0
        return POLLOUT | hung | (POLLIN if pair.output else 0)

    def poll_queue(self) -> WaitQueue:
        return self.pair.changed

    def released(self) -> None:
        self.pair.master_open = False
        self._closed(self.pair)
        self.pair.flush(2)
        self.pair.changed.wake()


class Slave(OpenFile):
    """The side of a pseudo-terminal that programs take for a terminal."""

    is_terminal = True

    def __init__(self, node: PtsNode, flags: int, path: str):
        super().__init__(flags, path)
        self.terminal = node.pair
        self._node = node
        self._hang_ups = node.pair.hang_ups
        node.pair.slaves += 1
        node.pair.ever_opened = True

    @property
    def node(self) -> Node:
        return self._node

    def reopen(self, flags: int, path: str) -> OpenFile:
        return self._node.open(flags, self.path)

    def stat(self) -> Stat:
        return self._node.stat()

    @property
    def hung_up(self) -> bool:
        """Whether there is nothing at the other end, or the session that this was opened in is over."""
        return not self.terminal.master_open or self._hang_ups != self.terminal.hang_ups

    def read(self, count: int) -> bytes:
        pair = self.terminal
        if self.hung_up:
            return b""
        if not pair.ready and count:
            controls = pair.flags[3]
            if not pair.flags[2] & ICANON and not controls[VMIN]:
                return pair.take(count)
            raise WouldBlock(pair.changed)
        data = pair.take(count)
        pair.changed.wake()
        return data

    def write(self, data: bytes) -> int:
        pair = self.terminal
        if self.hung_up:
            raise error(errno.EIO)
        if not pair.room:
            raise WouldBlock(pair.changed)
        piece = data[:_ROOM]
        pair.written(piece)
        return len(piece)

    def poll(self) -> int:
        pair = self.terminal
        hung = POLLHUP | POLLIN if self.hung_up else 0
        return hung | (POLLIN if pair.ready else 0) | (POLLOUT if pair.room else 0)

    def poll_queue(self) -> WaitQueue:
        return self.terminal.changed

    def released(self) -> None:
        self.terminal.slaves -= 1
        self.terminal.changed.wake()


class PtsNode(DeviceNode):
    """/dev/pts/N."""

    def __init__(self, pair: Pair):
        self.pair = pair
        self.identity: Identity = (_PTS_DEVICE, pair.number + 3)

    def stat(self) -> Stat:
        mode = st.S_IFCHR | self.pair.mode
        return Stat(*self.identity, mode, uid=GUEST_ID, gid=GUEST_ID, rdev=136 << 8 | self.pair.number)

    def set_attributes(self, **changes: int | None) -> None:
        if changes.get("mode") is not None:
            self.pair.mode = (changes["mode"] or 0) & 0o777

    def open(self, flags: int, path: str) -> OpenFile:
        if self.pair.locked or not self.pair.master_open:
            raise error(errno.EIO)
        return Slave(self, flags, path)


class Terminals(DirNode):
    """The terminals of one machine, and /dev/pts.

    `signal` sends a signal to a process group, `hang_up` takes a terminal from its session.
    """

    identity = (_PTS_DEVICE, 1)

    def __init__(self, signal: Callable[[int, int], None], hang_up: Callable[[Terminal], None]):
        self._signal, self._hang_up = signal, hang_up
        self.pairs: dict[int, PtsNode] = {}
        self.host: HostTerminal | None = None
        self.host_stream: HostTerminalStream | None = None  # reads and writes it

    def all(self) -> list[Terminal]:
        """Every terminal there is."""
        found: list[Terminal] = [node.pair for node in self.pairs.values()]
        return [self.host, *found] if self.host is not None else found

    def open_controlling(self, session: int, flags: int) -> OpenFile:
        """open(2) of /dev/tty. Raises OSError(ENXIO)."""
        terminal = self.controlling(session)
        if isinstance(terminal, Pair):
            return Slave(PtsNode(terminal), flags, "/dev/tty")
        if terminal is None or self.host_stream is None:
            raise error(errno.ENXIO)
        return self.host_stream.reopen(flags, "/dev/tty")

    def controlling(self, session: int) -> Terminal | None:
        """The controlling terminal of a session."""
        return next((terminal for terminal in self.all() if terminal.session == session), None)

    def stat(self) -> Stat:
        return Stat(*self.identity, st.S_IFDIR | 0o755, 2)

    def lookup(self, name: str) -> Node:
        if name == "ptmx":
            return PtmxNode(self)
        node = self.pairs.get(int(name)) if name.isascii() and name.isdigit() and len(name) < 6 else None
        if node is None:
            raise error(errno.ENOENT)
        return node

    def names(self) -> list[str]:
        return [*(str(number) for number in sorted(self.pairs)), "ptmx"]

    def new_pair(self, flags: int) -> Master:
        """open(2) of /dev/ptmx. Raises OSError(ENOSPC)."""
        number = next(n for n in range(MOST_PAIRS + 1) if n not in self.pairs)
        if number == MOST_PAIRS:
            raise error(errno.ENOSPC)
        pair = Pair(number, self._signal)
        self.pairs[number] = PtsNode(pair)
        return Master(pair, flags & ~O_ACCMODE | O_RDWR, self._master_closed)

    def _master_closed(self, pair: Pair) -> None:
        del self.pairs[pair.number]
        if pair.session:
            self._hang_up(pair)


class PtmxNode(DeviceNode):
    """/dev/ptmx."""

    identity = (6, 18)

    def __init__(self, terminals: Terminals):
        self._terminals = terminals

    def stat(self) -> Stat:
        return Stat(6, 18, st.S_IFCHR | 0o666, rdev=0x502)

    def open(self, flags: int, path: str) -> OpenFile:
        return self._terminals.new_pair(flags)


class HostTerminal(Terminal):
    """The terminal that toyvm itself runs at: settings and size are the host's."""

    def __init__(self, fd: int):
        super().__init__()
        self._fd = fd
        self._before: bytes | None = None
        self.settings = self._ioctl(0x5401, bytes(60))[: TERMIOS.size]
        self.size = self._ioctl(0x5413, bytes(8))

    def _ioctl(self, request: int, data: bytes) -> bytes:
        from fcntl import ioctl

        return ioctl(self._fd, request, data)

    def set_settings(self, settings: bytes, *, flush: bool) -> None:
        """Change the host's terminal; `restore` undoes it."""
        if self._before is None:
            self._before = self.settings
        self._ioctl(0x5404 if flush else 0x5403, settings.ljust(60, b"\0"))
        self.settings = settings

    def restore(self) -> None:
        """Give the host its terminal back as it was."""
        if self._before is not None:
            self._ioctl(0x5403, self._before.ljust(60, b"\0"))
            self._before = None


class HostTerminalStream(HostStream):
    """A standard stream that is the host's terminal."""

    is_terminal = True

    def __init__(self, flags: int, terminal: HostTerminal, source: Source | None, sink: Sink | None):
        super().__init__(flags, "/dev/console", source=source, sink=sink)
        self.terminal = terminal

    def stat(self) -> Stat:
        return Stat(6, 17, st.S_IFCHR | 0o620, uid=GUEST_ID, gid=GUEST_ID, rdev=0x501)

    def reopen(self, flags: int, path: str) -> OpenFile:
        return self._with_budget(HostTerminalStream(flags, self.terminal, self._source, self._sink))
