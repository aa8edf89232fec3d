"""The kernel: start processes, and run them until all have ended."""

from __future__ import annotations

import os
import stat as st
import time
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from ..base.errors import NotExecutableError, NotFoundError
from ..base.events import Bus
from ..base.light_types import TYPE_CHECKING
from ..machine.hart import Hart
from ..machine.physical_memory import DEFAULT_SIZE, PAGE_SHIFT, PhysicalMemory
from ..run_options import Limits
from .counters import Counters
from .limits import STATUS_LIMIT, Rlimits
from .mm.frame_allocator import OutOfFrames
from .proc import lifecycle
from .proc.execve import ExecFailedError, execute
from .proc.fd_table import FdTable
from .proc.kernel_state import Interpreter, KernelState
from .proc.process import ITIMER_REAL, Process
from .proc.signals import SigInfo, Signal
from .time_slices import TimeSlices
from .vfs.devices import mount_devices
from .vfs.nodes import PROC_IDENTITY, SYS_IDENTITY, DirNode, LazyDir
from .vfs.open_file import O_RDONLY, O_WRONLY, HostStream, OutputBudget, Sink, Source
from .vfs.path_walk import Vfs

if TYPE_CHECKING:
    from ..engines.engine import Engine
    from .mm.no_mmu import Placement
    from .net.host_loopback import HostLoopback
    from .proc.breakpoints import Breakpoints
    from .proc.oom_killer import OomKiller

_HOST_WAIT = 10**8  # ns of one wait for the host, after which Ctrl-C and limits are looked at


class Kernel(KernelState):
    """One machine with its operating system.

    memory_bytes     size of physical memory, a multiple of 4096
    engine_factory   creates the engine for that memory
    vfs              the guest's files, into which /dev, /proc and /sys are mounted; None: empty
    bus              receives the events; None: a new bus
    interpreter      toyvm's dynamic loader; None: images that need it exit with 127
    limits           see Limits
    stdin            a host file in binary mode, or an object with `read`; None: empty
    stdout, stderr   host files in binary mode, or objects with `write`; None: output is discarded
    messages         receives the kernel's own messages; None: stderr
    describe         (process, va) -> "symbol+0x8 (file.s:12)" or None, for reports
    backtrace        thread -> its frames as lines, the innermost first, for reports
    breakpoints      the breakpoints of a debugger
    """

    def __init__(
        self,
        memory_bytes: int = DEFAULT_SIZE,
        engine_factory: Callable[[PhysicalMemory], Engine] | None = None,
        vfs: Vfs | None = None,
        bus: Bus | None = None,
        interpreter: Interpreter | None = None,
        limits: Limits | None = None,
        stdin: Source | None = None,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        messages: Sink | None = None,
        describe: Callable[[Process, int], str | None] | None = None,
        backtrace: Callable[[Process], list[str]] | None = None,
        breakpoints: Breakpoints | None = None,
    ):
        super().__init__(
            memory_bytes,
            engine_factory,
            vfs,
            bus,
            interpreter,
            limits,
            stderr if messages is None else messages,
            describe,
            backtrace,
            breakpoints,
            lambda context: self._oom.freed(context),
            lambda group, signal: lifecycle.signal_group(self, group, signal),
        )
        self._streams = (stdin, stdout, stderr)
        most = self.limits.max_output
        reached = f"limit of {most} bytes of output reached"
        self._budget = None if most is None else OutputBudget(most, lambda: self.stop(STATUS_LIMIT, reached))
        self._slices = TimeSlices(self)
        mount_devices(self.vfs, self.random_bytes, lambda: self.terminals, self._current_session)
        self.vfs.mount("/proc", LazyDir(PROC_IDENTITY, self._proc))
        self.vfs.mount("/sys", LazyDir(SYS_IDENTITY, self._sys))
        if self.limits.ksm:
            self.ksm.pages_to_scan = self.limits.ksm
            self.ksm.set_run(1)

    def _proc(self) -> DirNode:
        from .vfs.pseudo.procfs import proc_directory  # most programs never open /proc

        return proc_directory(self)

    def _sys(self) -> DirNode:
        from .vfs.pseudo.sysfs import sys_directory

        return sys_directory(self)

    @cached_property
    def _oom(self) -> OomKiller:
        from .proc.oom_killer import OomKiller  # most runs never need it

        return OomKiller(self)

    # Starting

    def spawn(
        self,
        path: str,
        argv: Sequence[bytes | str],
        envp: Sequence[bytes | str] | Mapping[str, str] = (),
        cwd: str = "/",
        placement: Placement | None = None,
    ) -> Process:
        """Create a process that runs `path`, connected to the kernel's standard streams.

        The exit status of the first process is that of `run`. `placement` is the load address on a
        machine without MMU.

        Raises NotFoundError, NotExecutableError.
        """
        if isinstance(envp, Mapping):
            envp = [f"{name}={value}" for name, value in envp.items()]
        pid = self.take_pid()
        groups, group = self.frames.groups, None
        if groups is not None:
            group = groups.add(path.rsplit("/", 1)[-1], self.limits.memory_limit >> PAGE_SHIFT)
        rlimits = Rlimits(open_files=self.limits.open_files, processes=self.limits.processes)
        try:
            mm = self.new_space(rlimits, pid=pid, counters=Counters(), group=group)
        except OutOfFrames:
            raise NotExecutableError(f"{path}: Cannot allocate memory") from None
        process = Process(pid, mm, Hart(mm.mmu), FdTable(self.limits.open_files, self.files), rlimits)
        process.cwd = cwd
        process.started_at = self.now
        self._open_streams(process)
        self.adopt(process)
        try:
            execute(self, process, path, [_bytes(a) for a in argv], [_bytes(e) for e in envp], placement)
        except ExecFailedError as failure:
            self.message(str(failure))
            lifecycle.exit_process(self, process, failure.status << 8)
        except (OSError, NotExecutableError) as failure:
            lifecycle.exit_process(self, process, 127 << 8)
            if isinstance(failure, NotExecutableError):
                raise
            kind = NotFoundError if failure.errno in (2, 20) else NotExecutableError
            raise kind(f"{path}: {failure.strerror}") from None
        else:
            self.scheduler.add(process)
        if self.first is None:
            self.first = process
        return process

    def _current_session(self) -> int:
        return self.current.sid if self.current is not None else 0

    def _open_streams(self, process: Process) -> None:
        stdin, stdout, stderr = self._streams
        for file in (
            self._stream(process, O_RDONLY, "/dev/stdin", stdin, None),
            self._stream(process, O_WRONLY, "/dev/stdout", None, stdout),
            self._stream(process, O_WRONLY, "/dev/stderr", None, stderr),
        ):
            file.budget = self._budget
            process.fds.install(file)

    def _stream(
        self, process: Process, flags: int, path: str, source: Source | None, sink: Sink | None
    ) -> HostStream:
        """A standard stream: a file or a terminal if the host's is one, else a pipe."""
        fileno = getattr(source if source is not None else sink, "fileno", None)
        try:
            fd = -1 if fileno is None else fileno()
        except (OSError, ValueError):
            fd = -1
        if fd < 0:
            return HostStream(flags, path, source=source, sink=sink)
        if st.S_ISREG(os.fstat(fd).st_mode):
            from .vfs.host_file_stream import HostFileStream

            return HostFileStream(fd, flags, path, source=source, sink=sink)
        if os.isatty(fd):
            return self._host_terminal(process, fd, flags, source, sink)
        return HostStream(flags, path, source=source, sink=sink)

    def _host_terminal(
        self, process: Process, fd: int, flags: int, source: Source | None, sink: Sink | None
    ) -> HostStream:
        """The host's terminal, which is the controlling terminal of the first session."""
        from .vfs.terminal import HostTerminal, HostTerminalStream

        terminals = self.terminals
        if terminals.host is None:
            terminals.host = HostTerminal(fd)
            terminals.host.session = terminals.host.foreground = process.pid
            stdin, stdout, _ = self._streams
            terminals.host_stream = HostTerminalStream(flags, terminals.host, stdin, stdout)
        return HostTerminalStream(flags, terminals.host, source, sink)

    # Running

    def run(self) -> int:
        """Run until every process has ended or is held. Return the first one's exit status.

        The status is the process's own, 128 + signal, 124 at a time or instruction limit or a
        deadlock, or 130 after `interrupt`. If the host runs out of memory, the running process is
        killed. Raises MemoryError if no process can be killed, and KeyboardInterrupt.
        """
        scheduler, host = self.scheduler, self.host_loopback
        while self._stop is None:
            process = scheduler.next()
            try:
                if process is not None:
                    self._slices.give(process)
                    if host is not None and host.links:
                        host.wait(0)
                elif host is not None and host.links and any(p.alive for p in self.processes.values()):
                    self._wait_for_host(host)
                elif not scheduler.advance() and not lifecycle.end_deadlock(self):
                    break
                self._timers()
            except MemoryError:
                from .proc.oom_killer import host_is_full

                host_is_full(self, process)
        if self._stop is None:
            status = lifecycle.exit_code(self.first)
            if status and self.absent_calls:
                self._report_absent_calls()
            return status
        self.report_threads()
        lifecycle.kill_all(self)
        return self._stop

    def _wait_for_host(self, host: HostLoopback) -> None:
        """No process can run, and there are connections with the host: time passes as it does there."""
        scheduler = self.scheduler
        begun = time.monotonic_ns()
        until = scheduler.next_deadline()
        left = _HOST_WAIT if until is None else min(_HOST_WAIT, max(0, until - scheduler.now))
        host.wait(left / 1e9)
        now = scheduler.now + time.monotonic_ns() - begun
        scheduler.now = now if until is None else max(scheduler.now, min(now, until))

    def _report_absent_calls(self) -> None:
        """Name the absent system calls of a program that has failed, for they may be why."""
        from .syscalls.tracing.linux_names import absent_calls_text, simulator_hint

        text, hint = absent_calls_text(self.absent_calls), simulator_hint(self.absent_calls)
        if text:
            self.message(f"toyvm: system calls that this machine does not have were refused (ENOSYS): {text}")
        if hint:
            self.message(f"toyvm: {hint}")

    def report_threads(self) -> None:
        """Print where each thread is."""
        from .accounts.thread_report import all_threads  # only a run that is cut short needs it

        if self._stop is None or self.interrupted:
            self.message("toyvm: interrupted")
        for line in all_threads(self):
            self.message(line)

    def power_off(self) -> None:
        """Shut down after the last process: remove shared memory segments, and write files back."""
        if "segments" in self.__dict__:
            for segment in self.segments.all():
                self.segments.remove(segment)
        if self.host_loopback is not None:
            self.host_loopback.power_off()
        self.system.cache.drop()
        if "terminals" in self.__dict__ and self.terminals.host is not None:
            self.terminals.host.restore()
        if self.flat_memory is not None:
            self.flat_memory.release()

    def _timers(self) -> None:
        scheduler = self.scheduler
        scheduler.expire()
        system, ksm = self.system, self.system.ksm
        if system.write_back_at is not None:
            system.write_back.wake()
        if ksm is not None:
            ksm.wake()
        daemons = (system.write_back_at, ksm.wake_at if ksm is not None else None)
        scheduler.daemon_at = min((at for at in daemons if at is not None), default=None)
        for process in scheduler.due_alarms():
            if not isinstance(process, Process):
                process.expire(scheduler.now)
                continue
            timer = process.timer(ITIMER_REAL)
            timer.expire(scheduler.now)
            if timer.expires_at is not None:
                scheduler.set_alarm(process, timer.expires_at)
            lifecycle.send(self, process, SigInfo(Signal.SIGALRM))
        seconds = self.limits.virtual_seconds
        if seconds is not None and scheduler.now > seconds * 1e9:
            self.stop(STATUS_LIMIT, f"time limit of {seconds:g} s (virtual) reached")


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")
