"""A finished link, indexed: which row of each pass a relocation was, what symbols and places are called."""

from __future__ import annotations

from bisect import bisect_right
from functools import cached_property

import numpy as np

from toyvm.elf.constants import STT_FUNC, STT_SECTION
from toyvm.linker.history import LinkHistory
from toyvm.linker.inputs.columns import ABSOLUTE, LINKER, SHARED, UNDEFINED, Column, ProgramColumns
from toyvm.linker.link_result import LinkResult
from toyvm.linker.source_places import SourcePlaces

_NO_LABELS = ("$x", "$d", ".L")


class LinkIndex:
    """One finished link. Raises ValueError if the link has kept no history (`LinkOptions.keep_history`).

    A row without further words is one of `read.relocs`: the relocations as the objects have them.
    """

    link: LinkResult
    history: LinkHistory
    read: ProgramColumns
    final: ProgramColumns

    def __init__(self, link: LinkResult):
        if link.history is None:
            raise ValueError("the link has kept no history: link with LinkOptions(keep_history=True)")
        self.link, self.history = link, link.history
        self.read, self.final = self.history.read, link.program
        self.places = SourcePlaces(self.read)
        self._rows: dict[str, Column] = {}
        self._symbols: dict[int, str] = {}

    # --- rows ---

    @cached_property
    def final_row(self) -> list[int]:
        """By row, the row of the finished program; -1 if it is gone."""
        result: list[int] = self.row_in(self.final).tolist()
        return result

    def row_in(self, program: ProgramColumns) -> Column:
        """By row, the row of `program`, which a pass has made; -1 if it is gone."""
        result = np.full(len(self.read.relocs), -1, dtype=np.int64)
        origin = program.relocs.origin
        if origin is not None:
            result[origin] = np.arange(len(origin))
        return result

    def rows_after(self, name: str) -> Column | None:
        """By row, the row after pass `name`; None if the pass changed nothing."""
        program = self.history.after_pass(name)
        if program is None:
            return None
        if name not in self._rows:
            self._rows[name] = self.row_in(program)
        return self._rows[name]

    def lost_in(self, row: int) -> str:
        """The pass that has deleted the bytes at a row's place; "" if they are there."""
        for name, _ in self.history.passes:
            rows = self.rows_after(name)
            if rows is not None and rows[row] < 0:
                return name
        return ""

    # --- names ---

    def object_name(self, sid: int) -> str:
        """The object that an input section is in."""
        return short_name(self.read.file_name(int(self.read.sections.file[sid])))

    @property
    def object_names(self) -> list[str]:
        """The names of all objects, in link order."""
        return [loaded.object.name for loaded in self.read.resolution.files]

    def find_object(self, name: str) -> list[int]:
        """The numbers of the objects called `name`: the whole name, its last part, or the member of an archive."""
        names = self.object_names
        for match in (_is_same, _is_tail, _is_member):
            found = [number for number, each in enumerate(names) if match(each, name)]
            if found:
                return found
        return []

    def sections_of(self, file: int) -> range:
        """The section numbers of object number `file`."""
        first = int(self.read.file_sections[file])
        return range(first, first + len(self.read.resolution.files[file].object.sections))

    def function(self, sid: int, offset: int) -> str:
        """`main+0x8`: the function or label before a place of an input section; "" without one."""
        values, names = self._labels.get(sid, ([], []))
        index = bisect_right(values, offset) - 1
        if index < 0:
            return ""
        return names[index] + (f"+{offset - values[index]:#x}" if offset > values[index] else "")

    @cached_property
    def _labels(self) -> dict[int, tuple[list[int], list[str]]]:
        return self._labels_of(self.read)

    @cached_property
    def final_labels(self) -> dict[int, tuple[list[int], list[str]]]:
        """By section number of the finished program, the offsets of its labels in order, and their names."""
        return self._labels_of(self.final)

    def _labels_of(self, program: ProgramColumns) -> dict[int, tuple[list[int], list[str]]]:
        symbols = program.symbols
        placed = np.flatnonzero((symbols.sid >= 0) & (symbols.type != STT_SECTION))
        found: dict[int, dict[int, tuple[bool, int, str]]] = {}
        for number in placed.tolist():
            name = program.symbol_name(number)
            if not name or name.startswith(_NO_LABELS):
                continue
            at = found.setdefault(int(symbols.sid[number]), {})
            key = (symbols.type[number] != STT_FUNC, number, name)
            value = int(symbols.value[number])
            at[value] = min(at.get(value, key), key)
        return {
            sid: (sorted(labels), [labels[value][2] for value in sorted(labels)])
            for sid, labels in found.items()
        }

    def symbol_name(self, number: int) -> str:
        """The name of a symbol of the finished program."""
        return self.final.symbol_name(number)

    def definition(self, number: int) -> str:
        """Where a symbol is in the finished program: `main.o:(.text+0x8)`, or what it is else."""
        if number not in self._symbols:
            self._symbols[number] = self._definition(number)
        return self._symbols[number]

    def _definition(self, number: int) -> str:
        symbols, resolution = self.final.symbols, self.final.resolution
        sid = int(symbols.sid[number])
        shared = ""
        if number < symbols.globals and resolution.symbols[number].shared is not None:
            shared = short_name(resolution.libraries[resolution.symbols[number].file].name)
        if sid == UNDEFINED:
            return "undefined"
        if sid == ABSOLUTE:
            return "a number"
        if sid == SHARED:
            return f"in {shared}"
        if sid == LINKER:
            return "defined by the linker"
        file, value = int(self.final.sections.file[sid]), int(symbols.value[number])
        place = f"{self.final.sections.name[sid]}+{value:#x}"
        if file >= 0:
            return f"{short_name(self.final.file_name(file))}:({place})"
        return f"({place}), for {shared}" if shared else f"({place}), made by the linker"


def short_name(name: str) -> str:
    """A file's name as explanations show it: an absolute path by its last part, such as `libc.a(puts.o)`."""
    return name.rsplit("/", 1)[-1] if name.startswith("/") else name


def _is_same(name: str, wanted: str) -> bool:
    return name == wanted


def _is_tail(name: str, wanted: str) -> bool:
    return name.endswith(f"/{wanted}")


def _is_member(name: str, wanted: str) -> bool:
    return name.endswith(f"({wanted})")
