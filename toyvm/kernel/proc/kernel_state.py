"""The kernel's state and basic services: the `kernel` argument of system calls and others.

It uses memory and files. Process life cycle, system calls and the run loop (`toyvm.kernel.kernel`)
use it.

`Interpreter` is the interface of toyvm's own dynamic loader, which belongs to a higher layer. A
real system maps ld.so beside the program and jumps to it. Here the loader is Python code: exec
maps the program, builds the stack, and asks the interpreter for the initial pc. A running program
calls the loader through the private system calls in `syscalls.table`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import cached_property

from toyvm.base.bits import M64
from toyvm.base.dates import seconds_of
from toyvm.base.errors import NotExecutableError
from toyvm.base.events import Bus, FaultKind
from toyvm.base.light_types import TYPE_CHECKING, Protocol
from toyvm.machine.mmu import Mmu
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.run_options import Limits

from ..counters import MOST_PROCESSES, Counters, FaultContext, Stats
from ..limits import GUEST_ID, Rlimits
from ..mm.address_space import AddressSpace
from ..mm.frame_allocator import FrameAllocator
from ..mm.image_mapping import LoadedImage, map_image
from ..mm.memory_system import MemorySystem
from ..vfs.nodes import DirNode, FileNode, Node
from ..vfs.open_file import O_WRONLY, FileCount, HostStream, Sink
from ..vfs.path_walk import Vfs
from .fd_table import file_max
from .process import Process
from .scheduler import Scheduler
from .signals import Signal

if TYPE_CHECKING:
    from toyvm.engines.engine import Engine

    from ..counters import Group
    from ..mm.ksm import Ksm
    from ..mm.no_mmu import FlatMemory, Placement
    from ..mm.sysv_shm import Segments
    from ..net.host_loopback import HostLoopback
    from ..net.network import Network
    from ..vfs.events.inotify import FileEvents
    from ..vfs.file_leases import FileLeases
    from ..vfs.file_locks import FileLocks
    from ..vfs.pipe import PipePool
    from ..vfs.terminal import Terminal, Terminals
    from .breakpoints import Breakpoints
    from .debug_hook import DebugHook
    from .futexes import Futexes

FIRST_PID = 100
STATUS_INTERRUPTED = 130  # 128 + SIGINT, as a shell reports it

Registers = list[int]
"""The 32 integer registers of the calling hart, unsigned 64-bit, for arguments and results."""


class Interpreter(Protocol):
    """A dynamic loader, as the kernel calls it."""

    def start(
        self,
        kernel: KernelState,
        process: Process,
        image: LoadedImage,
        argv: Sequence[bytes],
        envp: Sequence[bytes],
    ) -> int:
        """Load the libraries that `image` needs. Return the initial pc.

        exec calls it for an image with PT_INTERP. The process already has its new address space
        (`process.mm`), its stack (argc at `process.hart.x[2]`) and its auxiliary vector. Libraries
        are mapped with `kernel.map_image(process, path)`, and guest memory is accessed with
        `process.mm.read/write`.

        Raises LoadError: exec prints it, and the process exits with `exit_code`.
        """

    def call(self, kernel: KernelState, process: Process, number: int, args: Registers) -> None:
        """Serve one private system call.

        `args` is `process.hart.x` itself; pc is the address of the ecall.

        Raises LoadError to end the process with 127, OSError to return -errno in a0.
        """

    def forked(self, parent: Process, child: Process) -> None:
        """Copy the `loader_state` of `parent` to `child` after a fork."""

    def released(self, process: Process) -> None:
        """Release the loader state of a process that exits or executes another image."""


class KernelState:
    """One machine with its processes, files and limits.

    `kill_process` ends a process to free memory, and returns whether frames became free. The other
    arguments are those of `kernel.Kernel`.
    """

    UID = GUEST_ID

    def __init__(
        self,
        memory_bytes: int,
        engine_factory: Callable[[PhysicalMemory], Engine] | None,
        vfs: Vfs | None,
        bus: Bus | None,
        interpreter: Interpreter | None,
        limits: Limits | None,
        stderr: Sink | None,
        describe: Callable[[Process, int], str | None] | None,
        backtrace: Callable[[Process], list[str]] | None,
        breakpoints: Breakpoints | None,
        kill_process: Callable[[FaultContext], bool],
        signal_group: Callable[[int, int], None],
    ):
        bare = limits is not None and limits.no_mmu
        self.memory = PhysicalMemory(memory_bytes + (_table_bytes(memory_bytes) if bare else 0))
        self.engine = engine_factory(self.memory) if engine_factory is not None else None
        self.bus = bus if bus is not None else Bus()
        self.limits = limits if limits is not None else Limits()
        self._signal_group = signal_group
        self.vfs = vfs if vfs is not None else Vfs(memfs_bytes=self.limits.memfs_bytes)
        self.interpreter = interpreter
        self.describe: Callable[[Process, int], str | None] = describe or (lambda process, va: None)
        self.backtrace: Callable[[Process], list[str]] = backtrace or (lambda process: [])
        self.scheduler = Scheduler()
        self.files = FileCount(file_max(memory_bytes))
        self.epoch = int(
            seconds_of(self.limits.date) * 10**9
        )  # the date in nanoseconds when the machine is switched on
        self.vfs.switch_on(lambda: self.epoch + self.scheduler.now)
        self.system = MemorySystem(
            self.memory,
            self.engine,
            self.bus,
            lambda: self.scheduler.now,
            self.limits,
            kill_process=kill_process,
            on_swap_error=self._swap_failed,
        )
        self.flat_memory: FlatMemory | None = _flat_memory(self.system, memory_bytes) if bare else None
        self.processes: dict[int, Process] = {}  # the first thread of each process, by number
        self.threads: dict[int, Process] = {}  # all threads, by number
        self.first: Process | None = None
        self.last_tid = 0  # the thread that ran last; 0: none yet
        self.yielded = False  # the running process has called sched_yield: end its time slice
        self.current: Process | None = None  # the process whose system call is being served: /proc/self
        self.leases: FileLeases | None = None  # since the first lease
        self.inotify: FileEvents | None = None  # since the first inotify instance
        self.held: list[Process] = []  # ended, but their memory is kept (`Process.hold_at_exit`)
        self.breakpoints = breakpoints
        self.debug: DebugHook | None = None
        self.trampoline: FileNode | None = None  # the page that calls rt_sigreturn
        self._stderr = HostStream(O_WRONLY, "/dev/stderr", sink=stderr)
        self._random = self.limits.seed & M64
        self._next_pid = FIRST_PID
        self._next_ino = 1
        self._stop: int | None = None
        self.stopped = ""  # why the run was cut short
        self.absent_calls: dict[
            int, int
        ] = {}  # number of a call that this kernel does not have -> how often made
        self.executing = False  # the engine runs, and registers are in its hands

    def _swap_failed(self, failure: OSError) -> None:
        self.message(f"toyvm: write error on the swap area: {failure}")

    @property
    def now(self) -> int:
        """Virtual time in nanoseconds."""
        return self.scheduler.now

    @property
    def date(self) -> int:
        """The wall clock: virtual nanoseconds since 1970."""
        return self.epoch + self.scheduler.now

    @property
    def frames(self) -> FrameAllocator:
        return self.system.frames

    @cached_property
    def segments(self) -> Segments:
        """System V shared memory, created at first use."""
        from ..mm.sysv_shm import Segments

        return Segments(self.system, lambda: self.date // 10**9)

    @cached_property
    def futexes(self) -> Futexes:
        """The threads that wait at futexes. It exists once a program has used one."""
        from .futexes import Futexes

        return Futexes(self.scheduler.wake)

    @cached_property
    def pipes(self) -> PipePool:
        """The pipes of this machine, created at first use."""
        from ..vfs.pipe import PipePool

        return PipePool()

    @cached_property
    def network(self) -> Network:
        """The sockets of this machine, from the first one on."""
        from ..net.network import Network

        return Network(self.host_loopback)

    @cached_property
    def host_loopback(self) -> HostLoopback | None:
        """The way to servers on the host's loopback, if the options open it (`--net loopback-host`)."""
        if self.limits.net != "loopback-host":
            return None
        from ..net.host_loopback import HostLoopback

        return HostLoopback()

    @cached_property
    def terminals(self) -> Terminals:
        """The terminals of the machine, from the first use of one."""
        from ..vfs.terminal import Terminals

        return Terminals(self._signal_group, self.hang_up)

    def hang_up(self, terminal: Terminal) -> None:
        """Take a terminal from its session: its foreground group gets SIGHUP and SIGCONT."""
        group, terminal.session, terminal.foreground = terminal.foreground, 0, 0
        if group:
            self._signal_group(group, Signal.SIGHUP)
            self._signal_group(group, Signal.SIGCONT)

    def session_ended(self, session: int) -> None:
        """The leader of a session has ended: its terminal is free."""
        if "terminals" in self.__dict__ and (terminal := self.terminals.controlling(session)) is not None:
            self.hang_up(terminal)
            terminal.hang_up()

    def lease_breaker(self, process: Process) -> Callable[[Node, int], None] | None:
        """What breaks the leases of a file that `process` opens, with its flags; None if there are no leases."""
        leases = self.leases
        if leases is None:
            return None
        return lambda node, flags: leases.opening(node, flags, process, process.still_in(process.call))

    def file_events(self) -> FileEvents:
        """Who watches files (inotify(7), F_NOTIFY). From the first call on the system calls tell it what they do."""
        from ..vfs.events.inotify import FileEvents

        if self.inotify is None:
            self.inotify = FileEvents()
        return self.inotify

    @cached_property
    def flocks(self) -> FileLocks:
        """The locks of flock(2), from the first one on."""
        from ..vfs.file_locks import FileLocks

        return FileLocks()

    @cached_property
    def record_locks(self) -> FileLocks:
        """The record locks of fcntl(2), from the first one on."""
        from ..vfs.file_locks import FileLocks

        return FileLocks()

    @property
    def ksm(self) -> Ksm:
        """The same-page merging daemon, created at first use."""
        return self.system.start_ksm()

    @property
    def stats(self) -> Stats:
        """The counters of the run so far."""
        stats = self.system.stats
        stats.frames_total = self.frames.count - 1
        stats.frames_used, stats.frames_peak = self.frames.used, self.frames.peak
        stats.page_cache_frames = len(self.system.cache)
        stats.virtual_ns = self.now
        cache, swap = self.system.cache, self.system.swap
        stats.written_back, stats.refaults = cache.written_back, cache.refaults
        stats.read_early, stats.used_early = cache.read_early, cache.used_early
        if swap is not None:
            stats.swapped_in, stats.swapped_out = swap.swapped_in, swap.swapped_out
            stats.refaults += stats.faults[FaultKind.SWAP_IN] + stats.faults[FaultKind.SWAP_CACHED]
        if self.system.merged is not None:
            stats.pages_merged = self.system.merged.merged
        megapages = self.frames.megapages
        stats.megapages, stats.megapage_fallbacks = megapages.allocated, megapages.fallbacks
        stats.megapages_split = megapages.pages_split
        stats.megapage_entries_split = megapages.entries_split
        if self.frames.groups is not None:
            stats.groups = self.frames.groups.all
        return stats

    def invalidate(self, mmu: Mmu, start: int = 0, end: int | None = None) -> None:
        """Invalidate TLB entries and translated code of a range (`MemorySystem.invalidate`)."""
        self.system.invalidate(mmu, start, end)

    def random_bytes(self, count: int) -> bytes:
        """The next bytes of the run's seeded generator."""
        out = bytearray()
        while len(out) < count:  # splitmix64: reproducible, not cryptographically secure
            self._random = self._random + 0x9E3779B97F4A7C15 & M64
            z = self._random
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
            z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
            out += (z ^ z >> 31).to_bytes(8, "little")
        return bytes(out[:count])

    def new_inode(self) -> int:
        """A fresh number for an unnamed inode (pipe, shared anonymous memory)."""
        self._next_ino += 1
        return self._next_ino

    def message(self, text: str) -> None:
        """Write a line from the kernel to the host's stderr."""
        try:
            self._stderr.write(text.encode("utf-8", "surrogateescape") + b"\n")
        except OSError:
            self._stderr = HostStream(O_WRONLY, "/dev/stderr")  # stderr is closed: discard later messages

    def new_space(
        self,
        rlimits: Rlimits,
        placement: Placement | None = None,
        *,
        pid: int,
        counters: Counters,
        group: Group | None,
    ) -> AddressSpace:
        """An empty address space for process `pid`, with its frames charged to `group`.

        On a machine without MMU it is an empty part of the shared physical memory.

        Raises OutOfFrames.
        """
        if self.flat_memory is None:
            return AddressSpace(self.system, rlimits, pid=pid, counters=counters, group=group)
        from ..mm.no_mmu import PhysicalSpace

        return PhysicalSpace(self.flat_memory, rlimits, placement, pid=pid, counters=counters, group=group)

    def map_image(self, process: Process, path: str, *, file: FileNode | None = None) -> LoadedImage:
        """Map a shared object into `process`. Raises OSError, NotExecutableError."""
        if file is None:
            node = self.vfs.node(path, process.cwd)
            if not isinstance(node, FileNode):
                raise NotExecutableError(f"{path}: not a regular file")
            file = node
        return map_image(process.mm, file, path, library=True)

    def directories_moved(self, moves: dict[str, str]) -> None:
        """Let working directories and open directories, which are paths here, follow directories that have new paths."""

        def followed(path: str) -> str:
            for old, new in moves.items():
                if path == old or path.startswith(old + "/"):
                    return new + path[len(old) :]
            return path

        for place in {id(thread.place): thread.place for thread in self.threads.values()}.values():
            place.cwd = followed(place.cwd)
        tables = {id(thread.fds): thread.fds for thread in self.threads.values()}
        opened = (file for table in tables.values() for file in map(table.get, table))
        for file in {id(file): file for file in opened if isinstance(file.node, DirNode)}.values():
            file.path = followed(file.path)

    def take_pid(self) -> int:
        """Allocate a process number."""
        pid = self._next_pid
        self._next_pid += 1
        return pid

    def adopt(self, process: Process) -> None:
        """Add a process to the process table."""
        self.processes[process.pid] = self.threads[process.pid] = process
        stats = self.system.stats
        if len(stats.processes) >= MOST_PROCESSES:
            ended = next((pid for pid in stats.processes if pid not in self.processes), None)
            if ended is not None:
                del stats.processes[ended]
                stats.processes_forgotten += 1
        stats.processes[process.pid] = process.counters

    def leave_image(self, process: Process) -> None:
        """Release the address space of a process (exec or exit), and wake a vfork parent."""
        if self.interpreter is not None and process.loader_state is not None:
            self.interpreter.released(process)
        process.mm.release()
        if process.vfork_done is not None:
            process.vfork_done.wake()
            process.vfork_done = None

    def stop(self, status: int, message: str) -> None:
        """End the run: print `message`; `run` then reports the threads, kills all processes and returns `status`."""
        if self._stop is None:
            self.message(f"toyvm: {message}")
            self._stop, self.stopped = status, message

    def interrupt(self) -> None:
        """End the run as soon as the engine returns. A signal handler of the host may call this."""
        if self._stop is None:
            self._stop = STATUS_INTERRUPTED

    def yield_now(self) -> None:
        """End the time slice of the running process (sched_yield)."""
        self.yielded = True

    @property
    def interrupted(self) -> bool:
        """Whether `interrupt` was called."""
        return self._stop == STATUS_INTERRUPTED

    @property
    def stopping(self) -> bool:
        """Whether `stop` was called."""
        return self._stop is not None


def _table_bytes(size: int) -> int:
    from ..mm.no_mmu import table_bytes

    return table_bytes(size)


def _flat_memory(system: MemorySystem, size: int) -> FlatMemory:
    from ..mm.no_mmu import FlatMemory

    return FlatMemory(system, size)
