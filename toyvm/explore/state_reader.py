"""What has changed in the machine since the last moment, as one small JSON object.

The state of the machine at a moment is

    threads     number -> process, command, what it does, where its pc is
    registers   number -> x0 to x31, pc, instructions executed
    spaces      number -> the frame of its root table, its threads
    areas       (space, start) -> end, permissions, offset in the file, name
    tables      frame -> index -> page table entry: each frame that holds a table
    cached      frame -> file, page: the page cache
    swap cache  frames
    merged      frames that KSM has merged
    output      (stream, text) pieces

`StateReader.changes` compares the kernel with what it saw last, and returns what differs. The page
applies these changes one after another (`web/machine.js`), and so does `tests/support/exploring.py`.
Reference counts, owners and uses of frames follow from tables and caches, and are not stored.
docs/design/explore.md lists the keys.
"""

from __future__ import annotations

from itertools import compress
from typing import TYPE_CHECKING, Any

from ..kernel.accounts.thread_report import waiting
from ..kernel.proc.process import State
from ..machine.physical_memory import PAGE_SIZE
from ..machine.sv39 import TABLE_ENTRIES
from .strings import Strings, exact

if TYPE_CHECKING:
    from collections.abc import Callable

    from ..kernel.kernel import Kernel
    from ..kernel.mm.memory_map import MemoryMap
    from ..kernel.proc.process import Process
    from ..kernel.vfs.nodes import Identity

PC, COUNT = 32, 33  # indices of the pc and of the instruction count behind x0 to x31
_NEW_THREAD = [0] * (COUNT + 1)
_NEW_TABLE = bytes(PAGE_SIZE)

Changes = dict[str, Any]
Area = tuple[int, int, int, int]  # end, permissions, offset, name


class StateReader:
    """Compares the machine with its state at the last call.

    `place(pid, pc)` names an address. Strings go into `strings`.
    """

    def __init__(self, kernel: Kernel, strings: Strings, place: Callable[[int, int], str]):
        self._kernel = kernel
        self._strings = strings
        self._place = place
        self._threads: dict[int, list[int]] = {}
        self._registers: dict[int, list[int]] = {}
        self.numbers: dict[MemoryMap, int] = {}  # of the spaces; a number is used once
        self._last_space = 0
        self._spaces: dict[int, tuple[int, tuple[int, ...]]] = {}
        self._areas: dict[int, dict[int, Area]] = {}
        self._tables: dict[int, bytes] = {}
        self._cached: dict[int, tuple[Identity, int]] = {}
        self._cache_version = (-1, -1)
        self._swap_cached: set[int] = set()
        self._merged: set[int] = set()
        self._files: dict[Identity, str] = {}  # names of the files that were mapped
        self._running = 0
        self.looked = 0  # threads and frames of page tables that were compared, at all calls together

    def changes(self, running: int) -> Changes:
        """What is different from the last call. `running` is the thread that has the hart."""
        self._running = running
        out: Changes = {}
        self._read_threads(out)
        self._read_spaces(out)
        self._read_tables(out)
        self._read_cache(out)
        self._read_swap_cache(out)
        self._read_merged(out)
        return out

    # Threads

    def _everyone(self) -> dict[int, Process]:
        kernel = self._kernel
        return {**kernel.threads, **kernel.processes}

    def _read_threads(self, out: Changes) -> None:
        everyone = self._everyone()
        self.looked += len(everyone)
        rows, words = [], []
        for tid, thread in everyone.items():
            hart = thread.hart
            row = [
                thread.pid,
                self._strings.number(thread.comm),
                self._strings.number(self._doing(thread)),
                self._strings.number(self._place(thread.pid, hart.pc) if thread.alive else ""),
            ]
            if self._threads.get(tid) != row:
                self._threads[tid] = row
                rows.append([tid, *row])
            now = [*hart.x, hart.pc, hart.instret]
            before = self._registers.get(tid, _NEW_THREAD)
            if now != before:
                self._registers[tid] = now
                pairs = enumerate(zip(now, before, strict=True))
                words.append([tid, [w for n, (new, old) in pairs if new != old for w in (n, exact(new))]])
        gone = self._threads.keys() - everyone.keys()
        for tid in gone:
            del self._threads[tid]
            self._registers.pop(tid, None)
        _put(out, p=rows, pd=sorted(gone), x=words)

    def _doing(self, thread: Process) -> str:
        state = thread.state
        if state is State.RUNNABLE:
            return "runs" if thread.tid == self._running else "is ready"
        if state is State.BLOCKED:
            return waiting(self._kernel, thread)
        if state is State.STOPPED:
            return "is stopped"
        return "has ended" if thread.alive else "has ended (zombie)"

    # Memory

    def _live(self) -> dict[MemoryMap, int]:
        """The address spaces with their numbers, which no later space gets again."""
        spaces = self._kernel.system.spaces
        for space in self.numbers.keys() - spaces.keys():
            del self.numbers[space]
        for space in spaces:
            if space not in self.numbers:
                self._last_space += 1
                self.numbers[space] = self._last_space
        return self.numbers

    def _read_spaces(self, out: Changes) -> None:
        users: dict[MemoryMap, list[int]] = {}
        for tid, thread in self._everyone().items():
            users.setdefault(thread.mm.map, []).append(tid)
        live = self._live()
        rows, new, dropped = [], [], []
        for space, number in live.items():
            row = (space.table.root_ppn, tuple(sorted(users.get(space, ()))))
            if self._spaces.get(number) != row:
                self._spaces[number] = row
                rows.append([number, row[0], list(row[1])])
            before, now = self._areas.get(number, {}), self._areas_of(space)
            if before != now:
                self._areas[number] = now
                new += [[number, start, *area] for start, area in now.items() if before.get(start) != area]
                dropped += [[number, start] for start in before.keys() - now.keys()]
        gone = sorted(self._spaces.keys() - set(live.values()))
        for number in gone:
            del self._spaces[number]
            self._areas.pop(number, None)
        _put(out, s=rows, sd=gone, ad=sorted(dropped), a=new)

    def _areas_of(self, space: MemoryMap) -> dict[int, Area]:
        number, areas = self._strings.number, {}
        for area in space.vmas:
            areas[area.start] = (area.end, number(area.permissions()), area.offset, number(area.name))
            if area.file is not None:
                self._files.setdefault(area.file.identity, area.name or "shared memory")
        return areas

    def _file(self, identity: Identity) -> int:
        return self._strings.number(self._files.get(identity) or f"file {identity[0]:x}:{identity[1]}")

    def _read_tables(self, out: Changes) -> None:
        memory = self._kernel.memory
        seen: set[int] = set()
        entries: list[int | str] = []
        new = []
        for space in self._kernel.system.spaces:
            for frame in space.table.table_frames():
                seen.add(frame)
                now = memory.frame_bytes(frame)
                before = self._tables.get(frame)
                if now == before:
                    continue
                self._tables[frame] = now
                if before is None:
                    new.append(frame)
                entries += _different(frame, before or _NEW_TABLE, now)
        self.looked += len(seen)
        gone = sorted(self._tables.keys() - seen)
        for frame in gone:
            del self._tables[frame]
        _put(out, td=gone, tn=new, t=entries)

    def _read_cache(self, out: Changes) -> None:
        """The page cache. It gets no page without an allocated frame, and loses none without shrinking."""
        cache, frames = self._kernel.system.cache, self._kernel.frames
        version = (len(cache), frames.births)
        if version == self._cache_version:
            return
        self._cache_version = version
        now, before = cache.owner, self._cached
        if now == before:
            return
        new = [
            [frame, self._file(owner[0]), owner[1]]
            for frame, owner in now.items()
            if before.get(frame) != owner
        ]
        gone = sorted(before.keys() - now.keys())
        self._cached = dict(now)
        _put(out, cd=gone, c=new)

    def _read_swap_cache(self, out: Changes) -> None:
        swap = self._kernel.system.swap
        if swap is None or not (swap.cached or self._swap_cached):
            return
        now = {frame for frame in swap.frame_of if frame}
        _put(out, wd=sorted(self._swap_cached - now), w=sorted(now - self._swap_cached))
        self._swap_cached = now

    def _read_merged(self, out: Changes) -> None:
        merged = self._kernel.system.merged
        if merged is None or not (merged.stable or self._merged):
            return
        now = set(merged.stable)
        _put(out, md=sorted(self._merged - now), m=sorted(now - self._merged))
        self._merged = now


def _different(frame: int, before: bytes, now: bytes) -> list[int | str]:
    """frame, index, entry of each entry of a table that has changed."""
    old, new = memoryview(before).cast("Q"), memoryview(now).cast("Q")
    words = new.tolist()
    changed = compress(range(TABLE_ENTRIES), (a != b for a, b in zip(old.tolist(), words, strict=True)))
    return [word for index in changed for word in (frame, index, exact(words[index]))]


def _put(out: Changes, **parts: Any) -> None:
    out.update((key, value) for key, value in parts.items() if value)
