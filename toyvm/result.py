"""The result of a run: status, output, statistics, and views of the processes' memory."""

from __future__ import annotations

from collections.abc import Mapping

from .base.light_types import TYPE_CHECKING, Any
from .base.record import Record
from .kernel.counters import Stats

if TYPE_CHECKING:
    from .base.rows import Rows

SCHEMA = "toyvm.run/1"


class View(Record):
    """One view (see `observe.memory_views`) of a process. `when` completes "process 2 (cow), "."""

    pid: int
    command: str
    what: str
    when: str
    text: str

    def __str__(self) -> str:
        return f"process {self.pid} ({self.command}), {self.when}:\n{self.text}"


class EndedProcess(Record, frozen=False):
    """A process that has ended: its name, its parent, and its exit status or the signal that killed it."""

    command: str
    parent: int
    status: int | None = None
    signal: int = 0


class RunResult(Record):
    """How a run ended, and what resources it used.

    `status` is the exit code that a shell would show (128 + signal). `stdout` and `stderr` hold the
    output of a captured run. `frames_leaked` and `slots_leaked` count frames and swap slots still
    in use after all processes ended and the page cache was dropped; anything but 0 is a bug in the
    kernel. The relocations, symbol look-ups and `libraries` (file names in load order) are those of
    the first process. `views` holds the requested views of each process at its end. `watched` is
    the number of instructions before the symbol `RunOptions.watch` was first reached. `signal` is
    the signal that killed the first process, or 0. `stopped` says why the run was cut short: a
    limit, or a deadlock. `segments_left` counts the System V shared memory segments that the
    programs did not remove. `name` is that of the first program. `ended` has the processes that
    have ended, by pid; of many, the last ones.

    `processes`, `faults` and `calls` are tables: `pandas.DataFrame(result.processes)`.
    """

    status: int
    stdout: bytes
    stderr: bytes
    stats: Stats
    frames_leaked: int
    slots_leaked: int = 0
    libraries: tuple[str, ...] = ()
    load_relocations: Mapping[str, int] = {}
    lazy_relocations: Mapping[str, int] = {}
    symbol_lookups: int = 0
    views: tuple[View, ...] = ()
    watched: int | None = None
    signal: int = 0
    stopped: str = ""
    segments_left: int = 0
    name: str = ""
    ended: Mapping[int, EndedProcess] = {}

    def __repr__(self) -> str:
        printed = f", {len(self.stdout):,} bytes of output" if self.stdout else ""
        return f"RunResult({self.name}: {self.ending}, {self.stats.instructions:,} instructions{printed})"

    def _repr_html_(self) -> str:
        from .base import notebook

        stats = self.stats
        counts = [
            ("instructions", stats.instructions),
            ("page faults", stats.page_faults),
            ("copies on write", stats.cow_copies),
            ("system calls", stats.syscalls),
            ("frames, most in use", stats.frames_peak),
        ]
        parts = [
            notebook.heading(self.name, self.ending),
            notebook.text(self.stdout.decode("utf-8", "replace")),
            notebook.text(self.stderr.decode("utf-8", "replace")),
            notebook.facts(counts),
        ]
        for title, rows in (
            ("processes", self._same_on_every_engine()),
            ("faults", self.faults),
            ("system calls", self.calls),
        ):
            if rows:
                parts.append(notebook.folded(title, rows.html()))
        return notebook.fragment(parts)

    @property
    def ending(self) -> str:
        """How the run ended, in words: "exit status 0", "killed by signal 11", "stopped: ..."."""
        if self.stopped:
            return f"stopped: {self.stopped}"
        return f"killed by signal {self.signal}" if self.signal else f"exit status {self.status}"

    @property
    def processes(self) -> Rows:
        """A row for each process, by pid: what it was, how it ended, and its counters.

        `parent` is the pid of the parent, 1 for the programs that the run starts. `status` is None
        for a process that a signal killed, or that was left when the run was stopped.
        """
        from .base.rows import Rows

        counters = ("instructions", "page_faults", "cow_copies", "tlb_misses", "syscalls", "context_switches")
        rows = []
        for pid, counted in sorted(self.stats.processes.items()):
            end = self.ended.get(pid)
            known = {
                "pid": pid,
                "parent": end.parent if end else None,
                "command": end.command if end else "",
                "status": end.status if end and not end.signal else None,
                "signal": end.signal if end else 0,
            }
            rows.append({**known, **{name: getattr(counted, name) for name in counters}})
        return Rows(("pid", "parent", "command", "status", "signal", *counters), rows)

    def _same_on_every_engine(self) -> Rows:
        """The processes without the count that each engine has its own of, so that a run looks the same each time."""
        from .base.rows import Rows

        rows = self.processes
        return Rows((name for name in rows.columns if name != "tlb_misses"), rows)

    @property
    def faults(self) -> Rows:
        """A row for each process and kind of page fault (`FaultKind`) that occurred, with the number."""
        from .base.rows import Rows

        rows = [
            {"pid": pid, "kind": str(kind), "count": count}
            for pid, counted in sorted(self.stats.processes.items())
            for kind, count in counted.faults.items()
            if count
        ]
        return Rows(("pid", "kind", "count"), rows)

    @property
    def calls(self) -> Rows:
        """A row for each system call of the table that was made, with the number of times."""
        from .base.rows import Rows

        return Rows(
            ("name", "count"), [{"name": n, "count": count} for n, count in sorted(self.stats.calls.items())]
        )

    @property
    def relocations(self) -> Rows:
        """A row for each type of relocation that the loader applied: at load, and at first calls."""
        from .base.rows import Rows

        at_load, lazily = self.load_relocations, self.lazy_relocations
        return Rows(
            ("type", "at_load", "lazily"),
            [
                {"type": kind, "at_load": at_load.get(kind, 0), "lazily": lazily.get(kind, 0)}
                for kind in dict.fromkeys([*at_load, *lazily])
            ],
        )

    @property
    def maps(self) -> tuple[tuple[int, str, tuple[str, ...]], ...]:
        """The memory map of each process at its end: (pid, command, lines)."""
        return tuple((v.pid, v.command, tuple(v.text.splitlines())) for v in self.views if v.what == "maps")

    def views_text(self) -> str:
        """The requested views, each under a line that names its process."""
        return "".join(f"{view}\n" for view in self.views)

    def stats_text(self) -> str:
        """The statistics as text, one per line."""
        stats = self.stats
        rows = [
            ("instructions", f"{stats.instructions:,}"),
            ("virtual time", f"{stats.virtual_ns / 1e9:.6f} s"),
            ("system calls", f"{stats.syscalls:,}"),
            ("context switches", f"{stats.context_switches:,}"),
            ("processes", f"{len(stats.processes) + stats.processes_forgotten:,}"),
            *((("threads started", f"{stats.threads:,}"),) if stats.threads else ()),
            ("page faults", f"{stats.page_faults:,}"),
            *((f"  {kind}", f"{count:,}") for kind, count in stats.faults.items() if count),
            ("COW copies", f"{stats.cow_copies:,}"),
            ("TLB misses", f"{stats.tlb_misses:,}"),
            *((("pages merged", f"{stats.pages_merged:,}"),) if stats.pages_merged else ()),
            ("frames, most in use", f"{stats.frames_peak:,} of {stats.frames_total:,}"),
            *self._megapage_rows(),
            *self._reclaim_rows(),
            ("frames in page cache", f"{stats.page_cache_frames:,}"),
            *(
                (
                    f"frames of {group.name}",
                    f"{group.peak:,} of {group.limit:,}, limit met {group.hits:,} times",
                )
                for group in stats.groups
            ),
            *(
                (("pages read ahead", f"{stats.read_early:,}, of which used {stats.used_early:,}"),)
                if stats.read_early
                else ()
            ),
        ]
        if self.libraries:
            rows += [
                ("libraries", ", ".join(self.libraries)),
                ("relocations at load", f"{sum(self.load_relocations.values()):,}"),
                ("bound lazily", f"{sum(self.lazy_relocations.values()):,}"),
                ("symbol look-ups", f"{self.symbol_lookups:,}"),
            ]
        return "".join(f"{name:<22}{value}\n" for name, value in rows)

    def _megapage_rows(self) -> list[tuple[str, str]]:
        """Megapage counts; nothing if the run did not try to map one."""
        stats = self.stats
        if not stats.megapages and not stats.megapage_fallbacks:
            return []
        return [
            (
                "megapages",
                f"{stats.megapages:,} mapped, {stats.megapages_split:,} split, {stats.megapage_fallbacks:,} fallbacks",
            )
        ]

    def _reclaim_rows(self) -> list[tuple[str, str]]:
        """Reclaim counts; nothing if the run reclaimed no memory."""
        stats = self.stats
        if not stats.reclaimed and not stats.direct_reclaims:
            return []
        rows = [
            ("pages swapped", f"{stats.swapped_in:,} in, {stats.swapped_out:,} out"),
            ("refaults", f"{stats.refaults:,}"),
            ("pages reclaimed", f"{stats.reclaimed:,} of {stats.scanned:,} scanned"),
            ("direct reclaims", f"{stats.direct_reclaims:,}"),
            ("pages written back", f"{stats.written_back:,}"),
        ]
        if stats.refaults:
            rows.append(("between two refaults", f"{stats.instructions // stats.refaults:,} instructions"))
        return rows

    def to_json(self) -> dict[str, Any]:
        """The result as JSON values; `schema` names the version of the format."""
        stats = self.stats
        return {
            "schema": SCHEMA,
            "status": self.status,
            "signal": self.signal,
            "stopped": self.stopped,
            "segments_left": self.segments_left,
            "instructions": stats.instructions,
            "virtual_ns": stats.virtual_ns,
            "syscalls": stats.syscalls,
            "calls": dict(sorted(stats.calls.items())),
            "context_switches": stats.context_switches,
            "faults": {str(kind): count for kind, count in stats.faults.items()},
            "cow_copies": stats.cow_copies,
            "tlb_misses": stats.tlb_misses,
            "reclaim": {
                "swapped_in": stats.swapped_in,
                "swapped_out": stats.swapped_out,
                "refaults": stats.refaults,
                "scanned": stats.scanned,
                "reclaimed": stats.reclaimed,
                "direct": stats.direct_reclaims,
                "written_back": stats.written_back,
                "oom_kills": stats.oom_kills,
            },
            "megapages": {
                "mapped": stats.megapages,
                "fallbacks": stats.megapage_fallbacks,
                "split": stats.megapages_split,
                "entries_split": stats.megapage_entries_split,
            },
            "pages_merged": stats.pages_merged,
            "read_ahead": {"pages": stats.read_early, "used": stats.used_early},
            "frames": {
                "total": stats.frames_total,
                "peak": stats.frames_peak,
                "page_cache": stats.page_cache_frames,
            },
            "processes": {
                str(pid): {
                    "instructions": c.instructions,
                    "faults": c.page_faults,
                    "cow_copies": c.cow_copies,
                }
                for pid, c in stats.processes.items()
            },
            "groups": [
                {"name": g.name, "limit": g.limit, "peak": g.peak, "hits": g.hits, "kills": g.kills}
                for g in stats.groups
            ],
            "libraries": list(self.libraries),
            "load_relocations": dict(self.load_relocations),
            "lazy_relocations": dict(self.lazy_relocations),
            "symbol_lookups": self.symbol_lookups,
            "maps": [
                {"pid": pid, "command": command, "lines": list(lines)} for pid, command, lines in self.maps
            ],
            "views": [
                {"pid": v.pid, "command": v.command, "what": v.what, "lines": v.text.splitlines()}
                for v in self.views
                if v.what != "maps"
            ],
        }
