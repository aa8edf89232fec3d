"""Names, source lines and instructions of a run's processes, from the files that they have mapped.

Everything comes through the target, so it is as true in the past as it is now: which file is mapped
where is read from /proc/PID/maps at the moment at which the run stands.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from toyvm.base.errors import ElfError
from toyvm.elf.dwarf import LineTable
from toyvm.observe.symbolize import FilePlace, ImageSymbols, Symbolizer

from ..target import Moment, NoSuchThreadError, Target

_MAPPING = re.compile(rb"([0-9a-f]+)-([0-9a-f]+) (\S{4}) ([0-9a-f]+) \S+ (\d+) +(.+)")
_MAX_INSTRUCTIONS = 512  # that one look at code disassembles


class Mapping(NamedTuple):
    """A line of /proc/PID/maps that names a file."""

    start: int
    end: int
    offset: int
    executable: bool
    path: str


class SourceLine(NamedTuple):
    """A line of a source file, and the half-open interval of addresses around an instruction of it."""

    file: str
    line: int
    start: int
    end: int

    @property
    def name(self) -> str:
        """The file's own name."""
        return self.file.rsplit("/", 1)[-1]


class Instruction(NamedTuple):
    """An instruction in memory."""

    address: int
    size: int
    text: str


class Places:
    """Finds names for addresses and addresses for names, in each process of a target."""

    def __init__(self, target: Target):
        self._target = target
        self._mappings: dict[int, tuple[Moment, list[Mapping]]] = {}
        self._files: dict[str, bytes] = {}
        self._lines: dict[str, LineTable | None] = {}
        self.symbols = Symbolizer(self._locate, self._read)

    # From an address

    def describe(self, pid: int, va: int) -> str:
        """`main+0x34 (cow.s:41)`, or ""."""
        return self.symbols.describe(pid, va)

    def function(self, pid: int, va: int) -> str:
        """The name of the function at an address, or ""."""
        found = self.symbols.image_at(pid, va)
        if found is None:
            return ""
        start = found[1].function_start(found[2])
        return "" if start is None else found[1].symbol(start)

    def is_function(self, pid: int, va: int) -> bool:
        """Whether an address is in code."""
        mapping = self._mapping_at(pid, va)
        return mapping is not None and mapping.executable

    def source(self, pid: int, va: int) -> SourceLine | None:
        """The source line of an address; None if the file has none for it."""
        found = self._image(pid, va)
        if found is None:
            return None
        mapping, image, linked = found
        table = self._line_table(mapping.path)
        row = table.row(linked) if table else None
        if table is None or row is None:
            return None
        start, end = table.extent(linked) or (linked, linked + 1)
        function = image.function_start(linked)
        if function is not None:
            start = max(start, function)
        moved = va - linked
        return SourceLine(row.file, row.line, start + moved, end + moved)

    def instructions(self, pid: int, start: int, count: int) -> list[Instruction]:
        """Disassembled instructions from `start` on, up to the first that cannot be read."""
        from toyvm.observe.symbolize import disassemble_one

        found: list[Instruction] = []
        code = self._target.read_memory(pid, start, 4 * min(count, _MAX_INSTRUCTIONS) + 2)
        at = 0
        while len(found) < count and at + 2 <= len(code):
            size = 4 if code[at] & 3 == 3 else 2
            if at + size > len(code):
                break
            found.append(Instruction(start + at, size, disassemble_one(code[at : at + 4], start + at)))
            at += size
        return found

    # From a name

    def address_of(self, pid: int, text: str, near: SourceLine | None = None) -> int | None:
        """The address of a function, a label, FILE:LINE, or LINE of the file of `near`; None if there is none."""
        if text.isdigit() and near is not None:
            text = f"{near.name}:{text}"
        from toyvm.observe.breakpoint_places import linked_address_of

        tried: set[str] = set()
        for mapping in self._of(pid):
            if mapping.path in tried:
                continue
            tried.add(mapping.path)
            image = self._image_of(pid, mapping)
            if image is None or image.elf is None:
                continue
            try:
                linked = linked_address_of(text, image.elf)
            except ElfError:
                continue
            if linked is not None and (bias := self._bias(pid, mapping.path, image)) is not None:
                return linked + bias
        return None

    def symbol_size(self, pid: int, name: str) -> int:
        """The size that a symbol's table gives it; 0 if it is unknown."""
        for mapping in self._of(pid):
            image = self._image_of(pid, mapping)
            if image is None:
                continue
            for entry, size in image.entries:
                if entry == name:
                    return size
        return 0

    # Files

    def file(self, pid: int, path: str) -> bytes:
        """A file of the guest; empty if it cannot be read. Files of a run do not change while it is looked at."""
        if path not in self._files:
            try:
                self._files[path] = self._target.read_file(pid, path)
            except (OSError, NoSuchThreadError):
                return b""
        return self._files[path]

    def _of(self, pid: int) -> list[Mapping]:
        known = self._mappings.get(pid)
        if known is not None and known[0] == self._target.moment:
            return known[1]
        try:
            text = self._target.read_file(pid, f"/proc/{pid}/maps")
        except (OSError, NoSuchThreadError):
            text = b""  # the process does not exist at this moment
        found = []
        for line in text.splitlines():
            match = _MAPPING.fullmatch(line.rstrip())
            if match is None or not int(match[5]):
                continue
            start, end, offset = (int(match[i], 16) for i in (1, 2, 4))
            path = match[6].decode("utf-8", "surrogateescape")
            found.append(Mapping(start, end, offset, b"x" in match[3], path))
        self._mappings[pid] = (self._target.moment, found)
        return found

    def _mapping_at(self, pid: int, va: int) -> Mapping | None:
        return next((m for m in self._of(pid) if m.start <= va < m.end), None)

    def _locate(self, pid: int, va: int) -> FilePlace | None:
        mapping = self._mapping_at(pid, va)
        if mapping is None:
            return None
        offset = va - mapping.start + mapping.offset
        return FilePlace(mapping.path, mapping.path, offset, lambda: self.file(pid, mapping.path))

    def _read(self, pid: int, va: int, count: int) -> bytes | None:
        try:
            data = self._target.read_memory(pid, va, count)
        except NoSuchThreadError:
            return None
        return data if len(data) == count else None

    def _image(self, pid: int, va: int) -> tuple[Mapping, ImageSymbols, int] | None:
        mapping = self._mapping_at(pid, va)
        found = self.symbols.image_at(pid, va)
        return None if mapping is None or found is None else (mapping, found[1], found[2])

    def _image_of(self, pid: int, mapping: Mapping) -> ImageSymbols | None:
        found = self.symbols.image_at(pid, mapping.start)
        return None if found is None else found[1]

    def _bias(self, pid: int, path: str, image: ImageSymbols) -> int | None:
        """The distance from addresses at link time to those of the process."""
        for mapping in self._of(pid):
            if mapping.path == path:
                linked = image.linked_address(mapping.offset)
                if linked is not None:
                    return mapping.start - linked
        return None

    def _line_table(self, path: str) -> LineTable | None:
        if path not in self._lines:
            table: LineTable | None = None
            data = self._files.get(path, b"")
            if data:
                try:
                    table = LineTable.from_elf(data, path, full_paths=True)
                except ElfError:
                    table = None
            self._lines[path] = table or None
        return self._lines[path]
