"""Terminals: their ioctls, and job control (tty_ioctl(4), credentials(7))."""

from __future__ import annotations

import errno

from toyvm.base.bits import sext
from toyvm.base.errors import error
from toyvm.base.light_types import TYPE_CHECKING

from ..proc.lifecycle import orphaned, send
from ..proc.signals import SIG_IGN, SigInfo, Signal
from ..vfs.open_file import OpenFile, WouldBlock
from ..vfs.terminal import TERMIOS, TOSTOP, HostTerminalStream, Master, Pair, PtsNode, Slave, Terminal

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process

TCGETS, TCSETS, TCSETSW, TCSETSF, TCSBRK, TCXONC, TCFLSH = (
    0x5401,
    0x5402,
    0x5403,
    0x5404,
    0x5409,
    0x540A,
    0x540B,
)
TIOCEXCL, TIOCNXCL, TIOCSCTTY, TIOCGPGRP, TIOCSPGRP = 0x540C, 0x540D, 0x540E, 0x540F, 0x5410
TIOCOUTQ, TIOCGWINSZ, TIOCSWINSZ, TIOCNOTTY, TCSBRKP, TIOCGSID = (
    0x5411,
    0x5413,
    0x5414,
    0x5422,
    0x5425,
    0x5429,
)
FIONREAD, TIOCGPTN, TIOCSPTLCK, TIOCGPTLCK, TIOCGPTPEER = 0x541B, 0x80045430, 0x40045431, 0x80045439, 0x5441
_VSTART, _VSTOP = 8, 9  # control characters
_CHANGING = {TCSETS, TCSETSW, TCSETSF, TCSBRK, TCSBRKP, TCXONC, TCFLSH, TIOCSPGRP}


def terminal_of(file: OpenFile) -> Terminal:
    """The terminal of an open file. Raises OSError(ENOTTY)."""
    if isinstance(file, Master):
        return file.pair
    if isinstance(file, (Slave, HostTerminalStream)):
        return file.terminal
    raise error(errno.ENOTTY)


def require_foreground(kernel: KernelState, process: Process, terminal: Terminal, signal: int) -> None:
    """Stop a background process that uses its controlling terminal (__tty_check_change).

    Raises OSError(EIO) where it cannot be stopped; WouldBlock to try again once it continues.
    """
    if terminal.session != process.sid or process.pgid == terminal.foreground or not terminal.foreground:
        return
    signals = process.signals
    if signals.mask >> (signal - 1) & 1 or signals.action(signal).handler == SIG_IGN:
        if signal == Signal.SIGTTIN:
            raise error(errno.EIO)
        return
    if orphaned(kernel, process.pgid):
        raise error(errno.EIO)
    for member in list(kernel.processes.values()):
        if member.pgid == process.pgid:
            send(kernel, member, SigInfo(signal))
    raise WouldBlock


def before_read(kernel: KernelState, process: Process, file: OpenFile) -> None:
    """Only the foreground group reads its terminal. Raises OSError(EIO), WouldBlock."""
    if isinstance(file, (Slave, HostTerminalStream)):
        require_foreground(kernel, process, file.terminal, Signal.SIGTTIN)


def before_write(kernel: KernelState, process: Process, file: OpenFile) -> None:
    """With TOSTOP, only the foreground group writes. Raises OSError(EIO), WouldBlock."""
    if isinstance(file, (Slave, HostTerminalStream)) and file.terminal.flags[2] & TOSTOP:
        require_foreground(kernel, process, file.terminal, Signal.SIGTTOU)


def acquire(kernel: KernelState, process: Process, file: OpenFile) -> None:
    """A session's leader without a terminal has opened one: it is its controlling terminal now."""
    if not isinstance(file, (Slave, HostTerminalStream)):
        return
    terminal = file.terminal
    if (
        process.sid == process.pid
        and not terminal.session
        and kernel.terminals.controlling(process.sid) is None
    ):
        terminal.session, terminal.foreground = process.sid, process.pgid


def terminal_ioctl(kernel: KernelState, process: Process, file: OpenFile, request: int, argument: int) -> int:
    """The requests of tty_ioctl(4). Raises Fault, OSError, WouldBlock."""
    terminal = terminal_of(file)
    if request in _CHANGING and not isinstance(file, Master):
        require_foreground(kernel, process, terminal, Signal.SIGTTOU)
    mm = process.mm
    if request == TCGETS:
        mm.write(argument, terminal.settings)
    elif request in (TCSETS, TCSETSW, TCSETSF):
        terminal.set_settings(mm.read(argument, TERMIOS.size), flush=request == TCSETSF)
    elif request == TIOCGWINSZ:
        mm.write(argument, terminal.size)
    elif request == TIOCSWINSZ:
        if terminal.set_size(mm.read(argument, 8)) and terminal.foreground:
            for member in list(kernel.processes.values()):
                if member.pgid == terminal.foreground:
                    send(kernel, member, SigInfo(Signal.SIGWINCH))
    elif request in (TIOCGPGRP, TIOCSPGRP, TIOCGSID, TIOCSCTTY, TIOCNOTTY):
        return _session_ioctl(process, kernel, file, terminal, request, argument)
    elif request == TCFLSH:
        if argument not in (0, 1, 2):
            raise error(errno.EINVAL)
        if not isinstance(file, Master):
            terminal.flush(argument)
        elif argument != 1:  # the master's input is the slave's output
            terminal.flush(1)
    elif request == TCXONC:
        _flow(terminal, argument)
    elif request == TIOCOUTQ:
        mm.write_int(argument, 0, 4)
    elif request == FIONREAD:
        mm.write_int(argument, _readable_bytes(file, terminal), 4)
    elif request == TIOCGPTPEER and isinstance(file, Master):
        return process.fds.install(
            Slave(PtsNode(file.pair), argument & ~0o2000000, f"/dev/pts/{file.pair.number}")
        )
    elif request in (TIOCGPTN, TIOCSPTLCK, TIOCGPTLCK):
        _pair_ioctl(process, file, request, argument)
    elif request not in (TCSBRK, TCSBRKP, TIOCEXCL, TIOCNXCL):
        raise error(errno.ENOTTY)
    return 0


def _flow(terminal: Terminal, action: int) -> None:
    """TCXONC: 0 stops output, 1 lets it go on, 2 and 3 send the characters that ask the other end to do so.

    Raises OSError(EINVAL).
    """
    if action not in (0, 1, 2, 3):
        raise error(errno.EINVAL)
    if not isinstance(terminal, Pair):
        return
    character = terminal.flags[3][_VSTOP if action == 2 else _VSTART]
    if action < 2:
        terminal.stopped = action == 0
    elif character:
        terminal.output.append(character)
    terminal.changed.wake()


def _readable_bytes(file: OpenFile, terminal: Terminal) -> int:
    if not isinstance(terminal, Pair):
        return 0
    return len(terminal.output) if isinstance(file, Master) else max(0, terminal.ready)


def _pair_ioctl(process: Process, file: OpenFile, request: int, argument: int) -> None:
    """The requests that only a master has. Raises Fault, OSError(ENOTTY)."""
    if not isinstance(file, Master):
        raise error(errno.ENOTTY)
    pair = file.pair
    if request == TIOCSPTLCK:
        pair.locked = process.mm.read_int(argument, 4) != 0
    else:
        process.mm.write_int(argument, pair.number if request == TIOCGPTN else int(pair.locked), 4)


def _session_ioctl(
    process: Process, kernel: KernelState, file: OpenFile, terminal: Terminal, request: int, argument: int
) -> int:
    own = terminal.session == process.sid
    if request == TIOCSCTTY:
        if own:
            return 0
        if process.sid != process.pid or terminal.session or kernel.terminals.controlling(process.sid):
            raise error(errno.EPERM)
        terminal.session, terminal.foreground = process.sid, process.pgid
    elif request == TIOCNOTTY:
        if not own:
            raise error(errno.ENOTTY)
        if process.sid == process.pid:
            kernel.hang_up(terminal)
    elif not own and not (isinstance(file, Master) and request != TIOCSPGRP and terminal.session):
        raise error(errno.ENOTTY)
    elif request == TIOCSPGRP:
        group = sext(process.mm.read_int(argument, 4), 32)
        if group < 0:
            raise error(errno.EINVAL)
        members = [p for p in kernel.processes.values() if p.pgid == group]
        if not members:
            raise error(errno.ESRCH)
        if any(member.sid != process.sid for member in members):
            raise error(errno.EPERM)
        terminal.foreground = group
    else:
        process.mm.write_int(argument, terminal.foreground if request == TIOCGPGRP else terminal.session, 4)
    return 0
