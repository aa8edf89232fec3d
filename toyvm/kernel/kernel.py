"""The kernel: starts processes, runs them in turn, and answers their traps."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from functools import cached_property

from ..base.bits import M64
from ..base.errors import NotExecutableError, NotFoundError
from ..base.events import Bus, FaultKind
from ..base.light_types import TYPE_CHECKING
from ..machine.hart import Hart
from ..machine.mmu import Mmu
from ..machine.physical_memory import DEFAULT_SIZE, PAGE_SHIFT, PhysicalMemory
from .counters import Stats
from .limits import Limits, Rlimits
from .mm.address_space import AddressSpace
from .mm.frame_allocator import FrameAllocator, OutOfFrames
from .mm.image_mapping import map_image
from .mm.memory_system import MemorySystem
from .proc import lifecycle
from .proc.execve import ExecFailedError, execute
from .proc.interpreter import Interpreter, LoadedImage
from .proc.process import ITIMER_REAL, FdTable, Process
from .proc.scheduler import Scheduler
from .proc.signals import SigInfo, Signal
from .proc.time_slices import STATUS_LIMIT, Turns
from .vfs.nodes import PROC_IDENTITY, SYS_IDENTITY, DirNode, FileNode, LazyDir
from .vfs.open_file import O_RDONLY, O_WRONLY, HostStream, Sink, Source
from .vfs.path_walk import Vfs
from .vfs.pipe import PipePool
from .vfs.pseudo.devices import mount_devices

if TYPE_CHECKING:
    from ..engines.engine import Engine
    from .mm.ksm import Ksm
    from .mm.memory_groups import Groups
    from .mm.no_mmu import Ground, Placement
    from .mm.sysv_shm import Segments
    from .proc.breakpoints import Breakpoints
    from .proc.oom_killer import OomKiller

FIRST_PID = 100


class Kernel:
    """One machine with its operating system.

    memory_bytes     physical memory, a multiple of 4096
    engine_factory   makes the engine for that memory
    vfs              the guest's files; /dev and /proc are mounted into it here. None: an empty tree
    bus              where events go; None: nobody listens
    interp           "program": PT_INTERP is always run; "toyvm": `interpreter` serves every image; "auto": when the file is missing
    interpreter      the dynamic loader; None: images with PT_INTERP end with 127
    limits           see Limits
    stdin, stdout, stderr   binary files of the host, or anything with `read` or `write`; None: nothing to read, thrown away
    describe         (process, va) -> "symbol+0x8 (file.s:12)" or None, for explanations
    """

    UID = 1000

    def __init__(
        self,
        memory_bytes: int = DEFAULT_SIZE,
        engine_factory: Callable[[PhysicalMemory], Engine] | None = None,
        vfs: Vfs | None = None,
        bus: Bus | None = None,
        interpreter: Interpreter | None = None,
        interp: str = "auto",
        limits: Limits | None = None,
        stdin: Source | None = None,
        stdout: Sink | None = None,
        stderr: Sink | None = None,
        describe: Callable[[Process, int], str | None] | None = None,
    ):
        bare = limits is not None and limits.no_mmu
        self.memory = PhysicalMemory(memory_bytes + (_table_bytes(memory_bytes) if bare else 0))
        self.engine = engine_factory(self.memory) if engine_factory is not None else None
        self.bus = bus if bus is not None else Bus()
        self.limits = limits if limits is not None else Limits()
        self.vfs = vfs if vfs is not None else Vfs(memfs_bytes=self.limits.memfs_bytes)
        self.interpreter = interpreter
        self.interp = interp
        self.describe: Callable[[Process, int], str | None] = describe or (lambda process, va: None)
        self.scheduler = Scheduler()
        self.system = MemorySystem(self.memory, self.engine, self.bus, lambda: self.scheduler.now)
        self.system.commit.mode = self.limits.overcommit
        self.system.commit.ratio = self.limits.overcommit_ratio
        self.system.fault_around = self.limits.fault_around
        self.frames.megapages.enabled = self.limits.thp
        if self.limits.readahead:
            from .mm.cache.read_ahead import ReadAhead

            self.system.readahead = ReadAhead(self.system.cache, self.limits.readahead)
        self.system.policy, self.system.seed = self.limits.reclaim, self.limits.seed
        self.system.pinned = self._slept_on
        self.system.write_back.ratio = self.limits.dirty_ratio
        self.system.kill_somebody = lambda: self._oom.freed()
        if self.limits.swap_bytes:
            self._add_swap()

        self.ground: Ground | None = _ground(self.system, memory_bytes) if bare else None
        if self.limits.memory_limit:
            self.frames.groups = _groups(self.system)
        self.processes: dict[int, Process] = {}
        self.first: Process | None = None
        self.hold_at_exit = False
        self.current: Process | None = None  # whose system call is being served: /proc/self
        self.futex_waiters: dict[int, dict[int, Process]] = {}
        self.held: list[Process] = []  # ended, memory still there (`hold_at_exit`)
        self.on_exit: Callable[[Process], None] | None = (
            None  # called before an ending process lets go of anything
        )
        self.breakpoints: Breakpoints | None = None
        self.pipes = PipePool()
        self.trampoline: FileNode | None = None  # the page that calls rt_sigreturn
        self._streams = (stdin, stdout, stderr)
        self._stderr = HostStream(O_WRONLY, "/dev/stderr", sink=stderr)
        self._random = self.limits.seed & M64
        self._next_pid = FIRST_PID
        self._next_ino = 1
        self._stop: int | None = None
        self.turns = Turns(self)
        mount_devices(self.vfs, self.random_bytes)
        self.vfs.mount("/proc", LazyDir(PROC_IDENTITY, self._proc))
        self.vfs.mount("/sys", LazyDir(SYS_IDENTITY, self._sys))
        if self.limits.ksm:
            self.ksm.pages_to_scan = self.limits.ksm
            self.ksm.set_run(1)

    def _proc(self) -> DirNode:
        from .vfs.pseudo.procfs import proc_directory  # most programs never look at /proc

        return proc_directory(self)

    def _sys(self) -> DirNode:
        from .vfs.pseudo.sysfs import sys_directory

        return sys_directory(self)

    def _add_swap(self) -> None:
        from .mm.reclaim.swap_area import SwapArea  # most machines have none

        limits = self.limits
        swap = SwapArea(limits.swap_bytes, self.memory, self.frames, limits.swap_readahead)
        swap.on_write_error = lambda failure: self.message(f"toyvm: write error on the swap area: {failure}")
        self.system.add_swap(swap)

    def _slept_on(self) -> Iterator[int]:
        """The frames that processes wait at with a futex, which is known by its physical address."""
        for pa, waiters in self.futex_waiters.items():
            if any(process.alive and process.call.futex == pa for process in waiters.values()):
                yield pa >> PAGE_SHIFT

    # What other parts ask for

    @property
    def now(self) -> int:
        """Virtual time in nanoseconds."""
        return self.scheduler.now

    @property
    def frames(self) -> FrameAllocator:
        return self.system.frames

    @cached_property
    def segments(self) -> Segments:
        """System V shared memory, from its first use on."""
        from .mm.sysv_shm import Segments
        from .syscalls.time_calls import EPOCH_NS

        return Segments(self.system, lambda: (EPOCH_NS + self.now) // 10**9)

    @cached_property
    def ksm(self) -> Ksm:
        """The scanner for equal pages, from the first look at it on."""
        from .mm.ksm import Ksm

        self.system.ksm = Ksm(self.system)
        return self.system.ksm

    @cached_property
    def _oom(self) -> OomKiller:
        from .proc.oom_killer import OomKiller  # most runs never need it

        return OomKiller(self)

    @property
    def running(self) -> Process | None:
        """The process that has, or had last, the processor, while it lives."""
        process = self.processes.get(self.turns.last_pid)
        return process if process is not None and process.alive else None

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
        if self.system.ksm is not None:
            stats.pages_merged = self.system.ksm.merged
        megapages = self.frames.megapages
        stats.megapages, stats.megapage_fallbacks = megapages.allocated, megapages.fallbacks
        stats.megapages_split = megapages.pages_split
        stats.megapage_entries_split = megapages.entries_split
        if self.frames.groups is not None:
            stats.groups = self.frames.groups.all
        return stats

    def invalidate(self, mmu: Mmu, start: int = 0, end: int | None = None) -> None:
        """Drop TLB entries and translations of a changed range: `MemorySystem.invalidate`."""
        self.system.invalidate(mmu, start, end)

    def random_bytes(self, count: int) -> bytes:
        """The next bytes of the run's seeded generator."""
        out = bytearray()
        while len(out) < count:  # splitmix64: this is for repeatable runs, not for secrets
            self._random = self._random + 0x9E3779B97F4A7C15 & M64
            z = self._random
            z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9 & M64
            z = (z ^ z >> 27) * 0x94D049BB133111EB & M64
            out += (z ^ z >> 31).to_bytes(8, "little")
        return bytes(out[:count])

    def new_inode(self) -> int:
        """A number for an inode without a name (pipes, shared anonymous memory)."""
        self._next_ino += 1
        return self._next_ino

    def message(self, text: str) -> None:
        """A line from the kernel to the host's stderr."""
        try:
            self._stderr.write(text.encode("utf-8", "surrogateescape") + b"\n")
        except OSError:
            self._stderr = HostStream(O_WRONLY, "/dev/stderr")  # nobody reads it any more

    def new_space(self, rlimits: Rlimits, placement: Placement | None = None) -> AddressSpace:
        """An empty address space, or nothing yet of the memory that all share. Raises OutOfFrames."""
        if self.ground is None:
            return AddressSpace(self.system, rlimits)
        from .mm.no_mmu import PhysicalSpace

        return PhysicalSpace(self.ground, rlimits, placement)

    def map_image(self, process: Process, path: str, *, file: FileNode | None = None) -> LoadedImage:
        """Map a shared object into `process` (for the dynamic loader). Raises OSError, NotExecutableError."""
        if file is None:
            node = self.vfs.node(path, process.cwd)
            if not isinstance(node, FileNode):
                raise NotExecutableError(f"{path}: not a regular file")
            file = node
        return map_image(process.mm, file, path, library=True)

    # Starting

    def spawn(
        self,
        path: str,
        argv: Sequence[bytes | str],
        envp: Sequence[bytes | str] | Mapping[str, str] = (),
        cwd: str = "/",
        placement: Placement | None = None,
    ) -> Process:
        """A new process that runs `path`, with the kernel's standard streams. The first one decides `run`'s status.

        `placement` is for a machine without MMU.

        Raises NotFoundError, NotExecutableError.
        """
        if isinstance(envp, Mapping):
            envp = [f"{name}={value}" for name, value in envp.items()]
        pid = self.take_pid()
        groups = self.frames.groups
        if groups is not None:
            groups.current = groups.add(path.rsplit("/", 1)[-1], self.limits.memory_limit >> PAGE_SHIFT)
        rlimits = Rlimits(open_files=self.limits.open_files, processes=self.limits.processes)
        try:
            mm = self.new_space(rlimits)
        except OutOfFrames:
            raise NotExecutableError(f"{path}: Cannot allocate memory") from None
        process = Process(pid, mm, Hart(mm.mmu), FdTable(self.limits.open_files), rlimits)
        process.cwd = cwd
        process.group = groups.current if groups is not None else None
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

    def _open_streams(self, process: Process) -> None:
        stdin, stdout, stderr = self._streams
        process.fds.install(HostStream(O_RDONLY, "/dev/stdin", source=stdin))
        process.fds.install(HostStream(O_WRONLY, "/dev/stdout", sink=stdout))
        process.fds.install(HostStream(O_WRONLY, "/dev/stderr", sink=stderr))

    def take_pid(self) -> int:
        """The next process number."""
        pid = self._next_pid
        self._next_pid += 1
        return pid

    def adopt(self, process: Process) -> None:
        """Enter a process into the table."""
        self.processes[process.pid] = process
        self.system.stats.processes[process.pid] = process.counters

    def leave_image(self, process: Process) -> None:
        """The process gives up its address space (exec or exit) and frees a vfork parent."""
        if self.interpreter is not None and process.loader_state is not None:
            self.interpreter.released(process)
        process.mm.release()
        if process.vfork_done is not None:
            process.vfork_done.wake()
            process.vfork_done = None

    # Running

    def run(self) -> int:
        """Run until every process has ended (or is held); the first one's exit status: n, 128 + signal, 124 at a limit.

        A process for whose work the host has no memory is killed. Raises MemoryError where that is nobody's work.
        """
        scheduler = self.scheduler
        while self._stop is None:
            process = scheduler.next()
            try:
                if process is not None:
                    self.turns.give(process)
                elif not scheduler.advance() and not lifecycle.end_deadlock(self):
                    break
                self._timers()
            except MemoryError:
                from .proc.oom_killer import host_is_full

                host_is_full(self, process)
        if self._stop is not None:
            lifecycle.kill_all(self)
            return self._stop
        return lifecycle.exit_code(self.first)

    def power_off(self) -> None:
        """After the last process: what outlives processes but not the machine goes (segments), files are written back."""
        if "segments" in self.__dict__:
            for segment in self.segments.all():
                self.segments.remove(segment)
        self.system.cache.drop()
        if self.ground is not None:
            self.ground.release()

    def stop(self, status: int, message: str) -> None:
        """End the whole run: say why, kill everything, let `run` return `status`."""
        if self._stop is None:
            self.message(f"toyvm: {message}")
            self._stop = status

    @property
    def stopping(self) -> bool:
        """Whether the whole run is to end."""
        return self._stop is not None

    def yield_now(self) -> None:
        """The running process gives up the rest of its quantum (sched_yield)."""
        self.turns.yielded = True

    def _timers(self) -> None:
        scheduler = self.scheduler
        scheduler.expire()
        ksm, write_back = self.system.ksm, self.system.write_back
        write_back.wake()
        if ksm is not None:
            ksm.wake()
        daemons = (write_back.wake_at, ksm.wake_at if ksm is not None else None)
        scheduler.daemon_at = min((at for at in daemons if at is not None), default=None)
        for process in scheduler.due_alarms():
            timer = process.timer(ITIMER_REAL)
            timer.expire(scheduler.now)
            if timer.expires_at is not None:
                scheduler.set_alarm(process, timer.expires_at)
            from .proc.signal_delivery import send  # here and elsewhere: most programs get no signal

            send(self, process, SigInfo(Signal.SIGALRM))
        seconds = self.limits.virtual_seconds
        if seconds is not None and scheduler.now > seconds * 1e9:
            self.stop(STATUS_LIMIT, f"time limit of {seconds:g} s (virtual) reached")

    # Memory that is gone

    def out_of_memory(self, process: Process) -> None:
        """No frame is left for a page that `process` touched, and nobody is to go before it: it dies, the others do not."""
        group = process.group
        if group is not None and group.used >= group.limit:
            group.kills += 1
            self.message(
                f"toyvm: memory limit: the group of {group.name} has all {group.limit} frames "
                f"({group.limit << PAGE_SHIFT >> 10} KiB) that it may have"
            )
        self._oom.kill(process, process)


def _bytes(text: bytes | str) -> bytes:
    return text if isinstance(text, bytes) else text.encode("utf-8", "surrogateescape")


def _table_bytes(size: int) -> int:
    from .mm.no_mmu import table_bytes

    return table_bytes(size)


def _ground(system: MemorySystem, size: int) -> Ground:
    from .mm.no_mmu import Ground

    return Ground(system, size)


def _groups(system: MemorySystem) -> Groups:
    from .mm.memory_groups import Groups

    return Groups(system.frames.count, lambda group: system.reclaimer.shrink(group=group))
