"""A recording of `toyvm explore`, played by Python as the page plays it, and pictures of a kernel to compare with."""

from __future__ import annotations

from collections import Counter
from typing import Any

from toyvm.kernel.kernel import Kernel
from toyvm.machine.sv39 import PTE_LEAF, PTE_SWAP, PTE_V, pte_frame


class Player:
    """The state of the machine at a moment, rebuilt from the changes."""

    def __init__(self, recording: dict[str, Any]):
        self.recording = recording
        self.at = -1
        self.time = 0
        self.threads: dict[int, list[Any]] = {}
        self.registers: dict[int, list[int]] = {}
        self.spaces: dict[int, list[Any]] = {}
        self.areas: dict[int, dict[int, list[Any]]] = {}
        self.tables: dict[int, dict[int, int]] = {}
        self.cached: dict[int, tuple[int, int]] = {}
        self.swap_cached: set[int] = set()
        self.merged: set[int] = set()
        self.output: list[tuple[str, str]] = []

    def go(self, moment: int) -> None:
        """Apply the changes up to `moment`."""
        while self.at < moment:
            self.at += 1
            _, later, _, _, changes = self.recording["moments"][self.at]
            self.time += later
            self.apply(changes)

    def apply(self, c: dict[str, Any]) -> None:
        """Apply the changes of one moment, as docs/design/explore.md says."""
        for tid in c.get("pd", ()):
            del self.threads[tid]
            self.registers.pop(tid, None)
        for tid, *row in c.get("p", ()):
            self.threads[tid] = row
            self.registers.setdefault(tid, [0] * 34)
        for tid, words in c.get("x", ()):
            mine = self.registers.setdefault(tid, [0] * 34)
            for number, value in zip(words[::2], words[1::2], strict=True):
                mine[number] = _int(value)
        for number in c.get("sd", ()):
            del self.spaces[number]
            self.areas.pop(number, None)
        for number, root, tids in c.get("s", ()):
            self.spaces[number] = [root, tids]
        for number, start in c.get("ad", ()):
            del self.areas[number][start]
        for number, start, *area in c.get("a", ()):
            self.areas.setdefault(number, {})[start] = area
        for frame in c.get("td", ()):
            del self.tables[frame]
        for frame in c.get("tn", ()):
            self.tables[frame] = {}
        words = iter(c.get("t", ()))
        for frame, index, entry in zip(words, words, words, strict=True):
            self.tables[frame][index] = _int(entry)
            if not entry:
                del self.tables[frame][index]
        for frame in c.get("cd", ()):
            del self.cached[frame]
        for frame, file, page in c.get("c", ()):
            self.cached[frame] = (file, page)
        self.swap_cached -= set(c.get("wd", ()))
        self.swap_cached |= set(c.get("w", ()))
        self.merged -= set(c.get("md", ()))
        self.merged |= set(c.get("m", ()))
        self.output += [(name, text) for name, text in c.get("o", ())]

    def references(self) -> dict[int, int]:
        """The reference count of each frame: tables, mappings, caches."""
        counts: Counter[int] = Counter({0: 1})
        counts.update(self.tables.keys())
        for root, _ in self.spaces.values():
            for frame in self._mapped(root, 2):
                counts[frame] += 1
        counts.update(self.cached.keys())
        counts.update(self.swap_cached)
        counts.update(self.merged)
        return dict(counts)

    def _mapped(self, table: int, level: int) -> list[int]:
        found = []
        for entry in self.tables[table].values():
            if entry & PTE_V and not entry & PTE_LEAF:
                found += self._mapped(pte_frame(entry), level - 1)
            elif entry & PTE_V or not entry & PTE_SWAP:
                found += range(pte_frame(entry), pte_frame(entry) + (512 if level == 1 else 1))
        return found

    def picture(self) -> dict[str, Any]:
        """The same as `picture` makes from the kernel."""
        text = self.recording["strings"]
        return {
            "time": self.time,
            "registers": self.registers,
            "threads": {tid: (row[0], text[row[1]]) for tid, row in self.threads.items()},
            "maps": {
                number: [
                    (start, area[0], text[area[1]], area[2], text[area[3]])
                    for start, area in sorted(areas.items())
                ]
                for number, areas in self.areas.items()
                if areas
            },
            "tables": {root: self._entries(root, 2, 0) for root, _ in self.spaces.values()},
            "references": self.references(),
        }

    def _entries(self, table: int, level: int, base: int) -> list[tuple[int, int, int]]:
        """(level, address, entry) in the order of `sv39.entries`."""
        found = []
        for index, entry in sorted(self.tables[table].items()):
            va = base | index << 12 + 9 * level
            found.append((level, va, entry))
            if entry & PTE_V and not entry & PTE_LEAF:
                found += self._entries(pte_frame(entry), level - 1, va)
        return found


def _int(value: int | str) -> int:
    return int(value, 16) if isinstance(value, str) else value


def picture(kernel: Kernel, numbers: dict[int, int]) -> dict[str, Any]:
    """What is true in the kernel now. `numbers` are the recorder's numbers of address spaces by root frame."""
    from toyvm.machine.sv39 import entries

    everyone = {**kernel.threads, **kernel.processes}
    spaces = list(kernel.system.spaces)
    return {
        "time": kernel.now,
        "registers": {t: [*p.hart.x, p.hart.pc, p.hart.instret] for t, p in everyone.items()},
        "threads": {tid: (p.pid, p.comm) for tid, p in everyone.items()},
        "maps": {
            numbers[space.table.root_ppn]: [
                (a.start, a.end, a.permissions(), a.offset, a.name) for a in space.vmas
            ]
            for space in spaces
            if len(space.vmas)
        },
        "tables": {
            space.table.root_ppn: [
                (level, va, pte) for level, _, va, pte in entries(kernel.memory, space.table.root_ppn)
            ]
            for space in spaces
        },
        "references": {frame: held for frame, held in enumerate(kernel.frames.refs) if held},
    }
