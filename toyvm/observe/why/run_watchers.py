"""Watchers (`system.Watcher`) that ask a run one question, at its moment, and keep the answer."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

from toyvm.base.events import ProcessEnding
from toyvm.loader.loader_events import SymbolBound, SymbolLookedUp

from ..symbolize import kernel_symbolizer
from .fault_recorder import FaultRecorder
from .named_places import locate
from .page_history import PageHistory

if TYPE_CHECKING:
    from toyvm.base.record import Record
    from toyvm.engines.engine import Engine
    from toyvm.kernel.kernel import Kernel
    from toyvm.kernel.proc.process import Process
    from toyvm.machine.physical_memory import PhysicalMemory

    from ..symbolize import Symbolizer
    from .memory_answers import FaultAnswer, PageAnswer

Ask = Callable[["Kernel", "Process", "Symbolizer"], "Record"]


class NoEngine:
    """A watcher that runs the program with the engine that the options name."""

    def engine(self, memory: PhysicalMemory) -> Engine | None:
        """No engine of its own."""
        return None


class MomentWatcher(NoEngine):
    """Asks about a process just before it ends, or, with `at_limit`, where the limit stops the run.

    `pid` 0 is the first process. `answer` is None if the process did not exist at that moment, and
    `pids` are those that did.
    """

    def __init__(self, ask: Ask, pid: int = 0, *, at_limit: bool = False):
        self.answer: Record | None = None
        self.pids: tuple[int, ...] = ()
        self._ask, self._pid, self._at_limit = ask, pid, at_limit
        self._asked = False

    def start(self, kernel: Kernel) -> None:
        """Subscribe to the ends of processes; the kernel ends them all at a limit."""

        def ending(event: ProcessEnding) -> None:
            first = kernel.first.pid if kernel.first is not None else event.pid
            pid = self._pid or first
            if self._asked or (self._at_limit and not kernel.stopping):
                return
            process = kernel.processes.get(pid)
            if event.pid == pid or kernel.stopping:
                self._asked = True
                self.pids = tuple(sorted(p.pid for p in kernel.processes.values() if p.alive))
                if process is not None and process.alive:
                    self.answer = self._ask(kernel, process, kernel_symbolizer(kernel))
            elif not self._at_limit:
                self.pids = (*self.pids, event.pid)

        kernel.bus.subscribe(ProcessEnding, ending)


class FaultWatcher(NoEngine):
    """Keeps the explanation of fault `number` (of the process `pid`, if that is not 0), and stops the run there."""

    def __init__(self, number: int, pid: int = 0):
        self.answer: FaultAnswer | None = None
        self._number, self._pid = number, pid
        self._recorder: FaultRecorder | None = None

    @property
    def count(self) -> int:
        """The faults that were counted."""
        return self._recorder.count if self._recorder is not None else 0

    def start(self, kernel: Kernel) -> None:
        """Listen to faults."""

        def tell(answer: FaultAnswer) -> None:
            self.answer = answer
            kernel.stop(0, "the fault has been explained")

        self._recorder = FaultRecorder(kernel, tell, self._number, self._pid)


class PageWatcher(NoEngine):
    """Keeps the history of the page at a place of the process `pid`, 0 for the first one."""

    def __init__(self, place: str, pid: int = 0):
        self._place, self._pid = place, pid
        self._history: PageHistory | None = None

    @property
    def answer(self) -> PageAnswer | None:
        """What was seen; None if the place was never found."""
        history = self._history
        return None if history is None or history.address is None else history.answer()

    def start(self, kernel: Kernel) -> None:
        """Listen to what changes pages."""
        from toyvm.kernel.proc.kernel_state import FIRST_PID

        pid = self._pid or FIRST_PID
        symbols = kernel_symbolizer(kernel)

        def place() -> int | None:
            process = kernel.processes.get(pid)
            return None if process is None else locate(process, self._place, symbols)

        self._history = PageHistory(kernel, pid, place)


class LookupWatcher(NoEngine):
    """Keeps the look-ups of a symbol: `name`, or `name@version`. At most `MOST`."""

    MOST = 1000

    def __init__(self, name: str):
        self.lookups: list[SymbolLookedUp] = []
        self.names: set[str] = set()
        self.left_out = 0
        self._name, _, version = name.partition("@")
        self._version = version.lstrip("@")

    def start(self, kernel: Kernel) -> None:
        """Listen to the loader."""

        def looked_up(event: SymbolLookedUp) -> None:
            self.names.add(event.symbol)
            if event.symbol != self._name or self._version not in ("", event.version):
                return
            if len(self.lookups) < self.MOST:
                self.lookups.append(event)
            else:
                self.left_out += 1

        kernel.bus.subscribe(SymbolLookedUp, looked_up)


class BindingWatcher(MomentWatcher):
    """As `MomentWatcher`; `bound` are the bindings at first calls so far, by the slot's address."""

    def __init__(self, ask: Ask, pid: int = 0, *, at_limit: bool = False):
        super().__init__(ask, pid, at_limit=at_limit)
        self.bound: dict[int, SymbolBound] = {}

    def start(self, kernel: Kernel) -> None:
        """Listen to the loader, too."""
        super().start(kernel)

        def bound(event: SymbolBound) -> None:
            if event.lazy and (not self._pid or event.pid == self._pid):
                self.bound[event.slot] = event

        kernel.bus.subscribe(SymbolBound, bound)
