"""`.file`, `.loc` and `as -g`: the rows of the line table, and the compile unit that refers to it.

The assembler makes one `LineTableWriter` for an object. `S` is its handle of a section, `L` that of a
place (see `code_places`).

1. `.file N "dir" "name"` calls `lines.file(...)`, and `.loc ...` calls `lines.loc(...)`. Before each
   instruction, before it leaves a section, and at the end of the file, the assembler calls
   `lines.instruction(section, here)` if `lines.pending`.
2. With `-g` and no `.loc` in the text, it calls `lines.row(section, here, file, line)` before each
   instruction. `lines.file_number(name)` is the number of a file.
3. After layout it calls `lines.finish(places, bounds, unit)`. `bounds(section)` are the handles of the
   section's start and end. `unit` is None if the text has a .debug_info (of a compiler).

Source: binutils gas/dwarf2dbg.c, whose numbers of directories and files these are.
"""

from __future__ import annotations

from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

from toyvm.base.record import Record

from .code_places import EmittedSection, L, Place
from .compile_unit import Unit, compile_unit
from .line_program import FileEntry, LineHeader, LineRow, Loc, line_sections

S = TypeVar("S", bound=Hashable)
MAX_FILE_NUMBER = 999_999


class LineError(ValueError):
    """A `.file` or `.loc` that is malformed or inconsistent. The message has no source position."""


_NO_LOC = Loc(0, 0)


class LineTableWriter(Record, Generic[S, L], frozen=False):
    """The rows of all sections of one object, in the order in which the instructions were written."""

    comp_dir: str = ""
    word: int = 8
    """Bytes of an address."""
    level: int = 3
    """The version of DWARF. A `.file 0` makes it 5."""
    pending: bool = False
    """Whether a `.loc` has no instruction yet."""
    _files: dict[int, FileEntry] = {}
    _directories: list[str | None] = []
    _numbers: dict[str, int] = {}
    _rows: dict[S, list[LineRow[L]]] = {}
    _loc: Loc = _NO_LOC

    def __bool__(self) -> bool:
        return bool(self._rows)

    def file(self, number: int, name: str, directory: str | None = None, md5: bytes | None = None) -> None:
        """`.file NUMBER "directory" "name" md5 0x...`. File 0 is that of the compile unit, in comp_dir.

        Raises LineError.
        """
        if number < 0:
            raise LineError("file number less than one")
        if number > MAX_FILE_NUMBER:
            raise LineError(f"file number {number} is too big")
        if number == 0 or directory is not None or md5:
            self.level = max(self.level, 5)
        folder, _, base = name.rpartition("/")
        folder = folder if base and folder else ""  # "/x" has no directory
        base = base if folder else name
        home: str | None = None
        if number == 0:
            home, directory = directory, folder or directory or ""
        elif directory is None:
            directory = folder
        else:
            base = name
        known = self._files.get(number)
        if known is not None:
            self._compare(number, known, base, directory, md5)
            return
        self._files[number] = FileEntry(base, self._directory(directory, home, number == 0), md5)

    def _compare(self, number: int, known: FileEntry, base: str, directory: str, md5: bytes | None) -> None:
        old = self._directories[known.directory] if known.directory < len(self._directories) else None
        if base == known.name and directory in ("", old or "") and md5 in (None, known.md5):
            return
        if base == known.name and not old and directory:  # it fills an entry that had none
            self._directories += [None] * (1 + known.directory - len(self._directories))
            self._directories[known.directory] = directory
            return
        shown = f"{old}/{known.name}" if old else known.name
        wanted = f"{directory}/{base}" if directory else base
        raise LineError(
            f"file table slot {number} is already occupied by a different file ({shown} vs {wanted})"
        )

    def file_number(self, path: str) -> int:
        """The number of file `path`, assigned at its first use."""
        if path not in self._numbers:
            self._numbers[path] = max(self._files, default=0) + 1
            self.file(self._numbers[path], path)
        return self._numbers[path]

    def has_file(self, number: int) -> bool:
        """Whether a `.file` has given `number` a file."""
        return number in self._files

    def loc(self, loc: Loc, section: S, here: Callable[[], L]) -> None:
        """`.loc`: set the row of the next instruction. A pending `.loc` gets its row here."""
        if loc.file == 0:
            self.level = max(self.level, 5)
        if loc.file not in self._files:
            raise LineError(f"unassigned file number {loc.file}")
        self.instruction(section, here)
        self._loc = loc
        self.pending = True

    def instruction(self, section: S, here: Callable[[], L]) -> None:
        """Give the instruction at `here` the row of the pending `.loc`."""
        if self.pending:
            self._append(section, LineRow(here(), self._loc))
            self.pending = False
            if self._loc.view is not None:
                self._loc = self._loc._replace(view=None)

    def row(self, section: S, here: Callable[[], L], file: int, line: int) -> None:
        """Add a row for the instruction at `here`, which comes from `line` of `file` (`as -g`)."""
        self._append(section, LineRow(here(), Loc(file, line)))

    def _append(self, section: S, row: LineRow[L]) -> None:
        self._rows.setdefault(section, []).append(row)

    def rows(self, section: S) -> list[LineRow[L]]:
        """The rows of a section so far."""
        return self._rows.get(section, [])

    def resume(self, section: S, rows: list[LineRow[L]], last: Loc, pending: bool) -> None:
        """Continue after `last`, which is pending or has its row; `rows` is what `rows` returned, with more rows."""
        if rows:
            self._rows[section] = rows
        self._loc, self.pending = last, pending

    def label(self, section: S, place: L) -> None:
        """Give a label a row of its own, with the last `.loc`, at the start of a basic block (`.loc_mark_labels`)."""
        if not self._files:
            return
        last = Loc(1, 1) if self._loc is _NO_LOC else self._loc
        self._append(section, LineRow(place, last._replace(basic_block=True)))
        self._loc = Loc(last.file, last.line, last.column, last.is_stmt, isa=last.isa)
        self.pending = False

    @property
    def last(self) -> Loc:
        """The last `.loc`. The next one inherits its is_stmt and isa."""
        return self._loc

    def finish(
        self,
        places: Callable[[L], Place],
        bounds: Callable[[S], tuple[L, L]],
        unit: Unit | None,
        strings_before: int = 0,
    ) -> list[EmittedSection[L]]:
        """.debug_line, and with `unit` also .debug_info and its companions. Raises LineError.

        `strings_before` is the size of what the text has put into .debug_line_str.
        """
        if unit is not None and not self._rows:
            return []
        version = max(3, self.level)
        for number in range(1, max(self._files, default=0)):
            if number not in self._files:
                raise LineError(f"unassigned file number {number}")
        programs = [(rows, bounds(section)[1]) for section, rows in self._rows.items()]
        header = LineHeader(version, self.comp_dir, self._directories, self._files)
        sections = line_sections(header, programs, places, self.word, strings_before)
        if unit is not None:
            named = Unit(self._main_file() or unit.name, unit.comp_dir, unit.producer)
            sections += compile_unit(
                named, [bounds(section) for section in self._rows], self.level, self.word
            )
        return sections

    def _main_file(self) -> str:
        """The path of the file that the compile unit is named after."""
        file = self._files.get(0) or self._files.get(1)
        if file is None:
            return ""
        folder = self._directories[file.directory] if file.directory else ""
        return f"{folder}/{file.name}" if folder else file.name

    def _directory(self, path: str, home: str | None, is_main: bool) -> int:
        """The number of a directory. Number 0 is that of the compilation; `home` is it if a `.file 0` says so."""
        path = path.removesuffix("/")
        if not path:
            return 0
        known = self._directories
        if path in known:
            return known.index(path)
        number = max(1, len(known))
        if is_main and (not known or known[0] is None):
            number = 0
            current = self.comp_dir if home is None else home
            if path != current:
                self._directories[:1] = [current]
                number = max(1, len(known))
        known += [None] * (1 + number - len(known))
        known[number] = path
        return number
