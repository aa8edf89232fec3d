"""`toyvm gdbserver`: run a program under gdb, or another debugger that speaks its remote protocol."""

from __future__ import annotations

import argparse
import os
import signal
import socket
import sys
from contextlib import ExitStack
from typing import TYPE_CHECKING, BinaryIO, cast

from ...base.errors import UsageError
from ...base.options import option
from ...run_options import CommandOptions
from .. import run as run_command
from .. import run_parser

if TYPE_CHECKING:
    from ...debugger.timeline import Timeline

CONNECTION = "the connection"
DEFAULT_PORT = 1234
RECORDING = ".tvr"


class GdbserverOptions(CommandOptions):
    """The options of `toyvm run`, and where the debugger connects."""

    port: int | None = option(
        default=None,
        flags="--port",
        group=CONNECTION,
        metavar="N",
        lowest=0,
        highest=65535,
        unset=f"{DEFAULT_PORT}",
        help="wait for a debugger at this TCP port of 127.0.0.1; 0 chooses a free one",
    )
    socket: str | None = option(
        default=None,
        flags="--socket",
        group=CONNECTION,
        metavar="PATH",
        help="wait for a debugger at a Unix socket",
    )
    pipe: bool = option(
        default=False,
        flags="--pipe",
        group=CONNECTION,
        help="speak to the debugger over standard input and output: `target remote | toyvm gdbserver --pipe PROGRAM`. "
        "The program's output appears in the debugger, and its standard input is empty",
    )
    log_packets: bool = option(
        default=False,
        flags="--log-packets",
        group=CONNECTION,
        help="write every packet to standard error",
    )


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm gdbserver`."""
    return run_parser.parser(
        GdbserverOptions,
        "toyvm gdbserver",
        "Run a program, or a run that `toyvm record` has recorded (RUN.tvr), under gdb. The program waits at its first "
        "instruction for a debugger to connect, at port 1234 unless an option says otherwise. The run can go backwards.",
        "[--port N | --socket PATH | --pipe]",
    )


def main(argv: list[str]) -> int:
    """Serve one debugger. Returns 0, also if the program fails: its status is the debugger's to show."""
    options = run_parser.parse(GdbserverOptions, parser(), argv)
    if (options.port is not None) + (options.socket is not None) + options.pipe > 1:
        raise UsageError("--port, --socket and --pipe exclude each other")
    options.check()
    with ExitStack() as resources:
        _serve(options, resources)
    return 0


def _serve(options: GdbserverOptions, resources: ExitStack) -> None:
    from ...debugger.gdb.connection import Connection, DebuggerConsole
    from ...debugger.gdb.running import run_on
    from ...debugger.gdb.server import serve
    from ...debugger.gdb.session import Ending, Session

    log = _log if options.log_packets else None
    stdin: BinaryIO | None = None
    if options.pipe:
        signal.signal(signal.SIGINT, signal.SIG_IGN)  # a Ctrl-C in gdb's terminal is gdb's
        connection = Connection(0, 1, log)
        stdout = stderr = cast(BinaryIO, DebuggerConsole(connection, sys.stderr.buffer))
    else:
        listener = resources.enter_context(_listen(options))
        stdin, stdout, stderr = sys.stdin.buffer, sys.stdout.buffer, sys.stderr.buffer
    target = resources.enter_context(_timeline(options, stdin, stdout, stderr))
    if not options.pipe:
        peer = resources.enter_context(_accept(listener, options))
        connection = Connection(peer.fileno(), peer.fileno(), log)
    ending = serve(Session(target, connection))
    connection.close()
    if ending is not Ending.KILLED:
        run_on(target)  # the processes that the debugger does not have
        if not options.pipe:
            print(f"toyvm: the run ended after {target.moment.instructions:,} instructions", file=sys.stderr)


def _timeline(
    options: GdbserverOptions, stdin: BinaryIO | None, stdout: BinaryIO, stderr: BinaryIO
) -> Timeline:
    """The run of a program, or a recorded one."""
    from ...debugger.recording import read_recording
    from ...debugger.timeline import Timeline
    from ...guestfs import with_sysroot

    if options.program.endswith(RECORDING):
        if options.args:
            raise UsageError(f"{options.program}: a recording has its arguments already")
        return Timeline.open(read_recording(options.program), stdout=stdout, stderr=stderr)
    starts = run_command.starts(options)
    run_options = with_sysroot((start.program for start in starts), options)
    return Timeline(starts, run_options, stdin=stdin, stdout=stdout, stderr=stderr)


def _listen(options: GdbserverOptions) -> socket.socket:
    if options.socket is not None:
        listener = socket.socket(socket.AF_UNIX)
        try:
            listener.bind(options.socket)
        except OSError as error:
            listener.close()
            raise UsageError(f"--socket {options.socket}: {error.strerror or error}") from None
    else:
        port = DEFAULT_PORT if options.port is None else options.port
        try:
            listener = socket.create_server(("127.0.0.1", port))
        except OSError as error:
            raise UsageError(f"--port {port}: {error.strerror or error}") from None
    listener.listen(1)
    return listener


def _accept(listener: socket.socket, options: GdbserverOptions) -> socket.socket:
    """Wait for the one debugger."""
    where = options.socket if options.socket is not None else f"port {listener.getsockname()[1]}"
    print(f"toyvm: {options.program} waits for a debugger at {where}", file=sys.stderr, flush=True)
    try:
        peer, _ = listener.accept()
    finally:
        listener.close()
        if options.socket is not None:
            os.unlink(options.socket)
    if options.socket is None:
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    return peer


def _log(line: str) -> None:
    print(line, file=sys.stderr, flush=True)
