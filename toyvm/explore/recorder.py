"""Records a run for the page: each moment with what changed in the machine since the one before."""

from __future__ import annotations

import io
import json
from typing import TYPE_CHECKING, Any

from ..base.events import ContextSwitch, Event, MappingChanged, ProcessExecuted, ProcessForked
from ..engines.engine_choice import make_engine
from ..engines.watching.trapping_engine import TrappingEngine
from ..loader.loader_events import LibraryMapped, LibraryUnmapped
from ..machine.sv39 import translated, walk
from ..observe.symbolize import disassemble_one, kernel_symbolizer
from .moments import FIELDS, KINDS, MomentMaker
from .state_reader import StateReader
from .strings import Strings

if TYPE_CHECKING:
    from collections.abc import Callable
    from typing import IO

    from ..engines.engine import Engine
    from ..kernel.kernel import Kernel
    from ..machine.physical_memory import PhysicalMemory
    from ..run_options import RunOptions

SCHEMA = "toyvm.explore.run/1"
DEFAULT_MOMENTS = 100_000
MOST_JSON = 64 << 20  # characters of all moments together
MOST_LOOKED = 1_000_000  # `StateReader.looked`: a thousand processes must not take minutes
MOST_OUTPUT = 1 << 20  # bytes of the program's output
_LOOKED_EACH = 100  # what a moment of a usual run may cost, so that its length alone is no reason to stop
_NAMES = 100_000  # addresses whose names are remembered
_REMAPPING = (ProcessExecuted, ProcessForked, MappingChanged, LibraryMapped, LibraryUnmapped)


class Recorder:
    """Records up to `most` moments (`system.Watcher`); later ones are counted only.

    After the run, `to_json` returns the recording. `on_moment` is called with the number of each
    moment while the kernel stands at it.
    """

    def __init__(self, options: RunOptions, most: int = DEFAULT_MOMENTS):
        self._options = options
        self._most = most
        self._strings = Strings()
        self._rows: list[str] = []
        self._size = 0
        self._missed = 0
        self._time = 0
        self._kernel: Kernel
        self.reader: StateReader
        self._maker: MomentMaker
        self._names: tuple[_Names, _Names]
        self._streams: dict[str, io.BytesIO] = {}
        self._written: dict[str, int] = {}
        self.on_moment: Callable[[int], None] = lambda number: None

    def engine(self, memory: PhysicalMemory) -> Engine:
        """The engine that the options name, made to stop at each fault: so registers are exact."""
        options = self._options
        inner = make_engine(options.engine, memory, caching=options.caching, seed=options.schedule_seed or 0)
        return TrappingEngine(inner)

    def start(self, kernel: Kernel) -> None:
        """Subscribe to the events that are moments."""
        self._kernel = kernel
        symbols = kernel_symbolizer(kernel)
        self._names = place, code = _Names(symbols.describe), _Names(self._instruction)
        self.reader = StateReader(kernel, self._strings, place)
        self._maker = MomentMaker(self._strings, place, code)
        self._add(0, "start", ())
        for kind in self._maker.types:
            kernel.bus.subscribe(kind, self._event)

    def watch_output(self, **streams: IO[bytes]) -> None:
        """Let the moments hold what the programs write to these captured streams of the session."""
        self._streams = {name: stream for name, stream in streams.items() if isinstance(stream, io.BytesIO)}

    def _instruction(self, pid: int, va: int) -> str:
        """The instruction at an address, if it is in memory: to read it must not be a fault of its own."""
        process = self._kernel.processes.get(pid)
        if process is None:
            return ""
        memory, root = self._kernel.memory, process.mm.table.root_ppn
        code = b""
        for parcel in (va, va + 2):
            found = walk(memory, root, parcel)
            if found is not None:
                pa = translated(found[1], found[2], parcel)
                code += bytes(memory.u8[pa : pa + 2])
        return disassemble_one(code, va) if len(code) == 4 or (code and code[0] & 3 != 3) else ""

    def _event(self, event: Event) -> None:
        if (
            len(self._rows) >= self._most
            or self._size > MOST_JSON
            or self.reader.looked > MOST_LOOKED + _LOOKED_EACH * len(self._rows)
        ):
            self._missed += 1
            return
        if isinstance(event, _REMAPPING):
            for names in self._names:
                names.forget()
        moment = self._maker.make(event)
        if moment is not None:
            running = event.pid if isinstance(event, ContextSwitch) else self._kernel.last_tid
            self._add(event.pid, *moment, running=running)

    def _add(self, tid: int, kind: str, fields: tuple[Any, ...], running: int = 0) -> None:
        now = self._kernel.now
        changes = self.reader.changes(running)
        if output := self._output():
            changes["o"] = output
        row = [KINDS.index(kind), now - self._time, tid, fields, changes]
        self._time = now
        text = json.dumps(row, separators=(",", ":"))
        self._rows.append(text)
        self._size += len(text)
        self.on_moment(len(self._rows) - 1)

    def _output(self) -> list[tuple[str, str]]:
        """What the programs have written since the last moment."""
        pieces = []
        for name, stream in self._streams.items():
            start, end = self._written.get(name, 0), stream.getbuffer().nbytes
            if end > start:
                self._written[name] = end
                if start < MOST_OUTPUT:
                    text = bytes(stream.getbuffer()[start : min(end, MOST_OUTPUT)])
                    pieces.append((name, text.decode("utf-8", "replace")))
                if start < MOST_OUTPUT <= end:
                    pieces.append((name, "\n[more output is not shown]\n"))
        return pieces

    def finish(self) -> None:
        """Add the last moment: the programs have ended, and the machine is switched off."""
        if not self._missed:
            self._add(0, "end", ())

    @property
    def count(self) -> int:
        """How many moments are recorded."""
        return len(self._rows)

    @property
    def missed(self) -> int:
        """How many events came after the last moment that is recorded."""
        return self._missed

    def to_json(self) -> str:
        """The recording as JSON text: see docs/design/explore.md."""
        head = {
            "schema": SCHEMA,
            "frames": self._kernel.frames.count,
            "missed": self._missed,
            "kinds": KINDS,
            "fields": FIELDS,
            "strings": self._strings.table,
        }
        rows = ",\n".join(self._rows)
        return json.dumps(head, separators=(",", ":"))[:-1] + f',"moments":[\n{rows}]}}'


class _Names:
    """Remembers what `look_up(pid, va)` returned, until what is mapped changes."""

    def __init__(self, look_up: Callable[[int, int], str]):
        self._look_up = look_up
        self._known: dict[tuple[int, int], str] = {}

    def __call__(self, pid: int, va: int) -> str:
        text = self._known.get((pid, va))
        if text is None:
            if len(self._known) >= _NAMES:
                self.forget()
            text = self._known[pid, va] = self._look_up(pid, va)
        return text

    def forget(self) -> None:
        """Other files or other bytes may be at the same addresses now."""
        self._known.clear()
