"""The commands that show values, memory, code, frames and source lines."""

from __future__ import annotations

from toyvm.base.bits import M64

from .conversation import CommandError, Conversation
from .formats import formatted, read_format
from .stop_commands import StopCommands

_ROOM = 4096  # elements that one `x` shows
_STRING = 200  # bytes of a string that are shown


class LookingCommands(StopCommands):
    """`print`, `x`, `info`, `list` and their kin."""

    def __init__(self, session: Conversation):
        super().__init__(session)
        self._listed: tuple[str, int] | None = None
        self._next_address = 0
        self._format = (1, "x", 8)

    def print_(self, rest: str) -> list[str]:
        """`print`."""
        form, text = _slash(rest)
        _, letter, _ = _read(form)
        if not text:
            raise CommandError("Argument required (expression to compute).")
        value = self.session.evaluate(text)
        if letter == "s":
            return [f"= {value & M64:#x} {self._string(value)}"]
        if letter == "a":
            name = self.session.places.describe(self.session.pid, value & M64)
            return [f"= {formatted(value, 'x')}{f' <{name}>' if name else ''}"]
        return [f"= {formatted(value, letter)}"]

    def examine(self, rest: str) -> list[str]:
        """`x`."""
        form, text = _slash(rest)
        count, letter, size = _read(form)
        previous = self._format
        letter, size = letter or previous[1], size or (previous[2] if letter not in "c" else 1)
        if text:
            self._next_address = self.session.evaluate(text) & M64
        self._format = (count, letter, size)
        if count > _ROOM:
            raise CommandError(f"at most {_ROOM} elements")
        if letter == "i":
            return self._instructions(count)
        if letter == "s":
            return [self._next_string() for _ in range(count)]
        return self._elements(count, letter, size)

    def _instructions(self, count: int) -> list[str]:
        session = self.session
        found = session.places.instructions(session.pid, self._next_address, count)
        if not found:
            raise CommandError(f"Cannot access memory at address {self._next_address:#x}")
        self._next_address = found[-1].address + found[-1].size
        pc = session.pc
        return [
            f"{'=>' if i.address == pc else '  '} {i.address:#x} {_bracketed(session, i.address)}:\t{i.text}"
            for i in found
        ]

    def _elements(self, count: int, letter: str, size: int) -> list[str]:
        lines, per_line = [], max(1, 16 // size) if letter != "a" else 1
        for first in range(0, count, per_line):
            address = self._next_address
            cells = []
            for _ in range(min(per_line, count - first)):
                value = self.session.memory(self._next_address, size)
                cell = formatted(value, letter if letter != "x" else "z", size)
                if letter == "a" and (name := self.session.places.describe(self.session.pid, value & M64)):
                    cell += f" <{name}>"
                cells.append(cell)
                self._next_address += size
            lines.append(f"{address:#x} {_bracketed(self.session, address)}:\t" + "\t".join(cells))
        return lines

    def _next_string(self) -> str:
        address = self._next_address
        text, length = self._string_at(address)
        self._next_address += length + 1
        return f"{address:#x}:\t{text}"

    def _string(self, value: int) -> str:
        return self._string_at(value & M64)[0]

    def _string_at(self, address: int) -> tuple[str, int]:
        data = self.session.target.read_memory(self.session.pid, address, _STRING)
        if not data:
            raise CommandError(f"Cannot access memory at address {address:#x}")
        text, nul, _ = data.partition(b"\0")
        shown = "".join(chr(c) if 32 <= c < 127 and c not in b'"\\' else f"\\{c:03o}" for c in text)
        return f'"{shown}"{"" if nul else "..."}', len(text)

    def display(self, rest: str) -> list[str]:
        """`display`."""
        form, text = _slash(rest)
        if text:
            number = max(self.session.displays, default=0) + 1
            self.session.displays[number] = (text, _read(form)[1])
        return self.session.shown_displays()

    def undisplay(self, rest: str) -> list[str]:
        """`undisplay`."""
        for word in rest.split() or list(map(str, self.session.displays)):
            self.session.displays.pop(int(word) if word.isdigit() else 0, None)
        return []

    def info(self, rest: str) -> list[str]:
        """`info`."""
        from .information import information

        return information(self.session, rest)

    def backtrace(self, rest: str) -> list[str]:
        """`backtrace`."""
        frames = self.session.backtrace()
        most = int(rest) if rest.isdigit() else len(frames)
        return [frame.text for frame in frames[:most]]

    def frame_(self, number: int) -> list[str]:
        """Select a frame, and show it."""
        frames = self.session.backtrace()
        if not 0 <= number < len(frames):
            raise CommandError(f"No frame at level {number}.")
        self.session.frame = number
        lines = [frames[number].text]
        source = self.session.source()
        if source is not None and (text := self.session.sources.line(source.file, source.line)) is not None:
            lines.append(f"{source.line}\t{text}")
        return lines

    def frame(self, rest: str) -> list[str]:
        """`frame`."""
        if rest and not rest.isdigit():
            raise CommandError("frame NUMBER")
        return self.frame_(int(rest) if rest else self.session.frame)

    def up(self, rest: str) -> list[str]:
        """`up`."""
        if self.session.frame + 1 >= len(self.session.backtrace()):
            raise CommandError("Initial frame selected; you can't go up.")
        return self.frame_(self.session.frame + 1)

    def down(self, rest: str) -> list[str]:
        """`down`."""
        if not self.session.frame:
            raise CommandError("Bottom (innermost) frame selected; you can't go down.")
        return self.frame_(self.session.frame - 1)

    def thread(self, rest: str) -> list[str]:
        """`thread`."""
        if rest:
            if not rest.isdigit():
                raise CommandError(f"Invalid thread ID: {rest}")
            self.session.select_thread(int(rest))
        return [f"[Current thread is {self.session.tid} (process {self.session.pid})]", *self.session.where()]

    def list_(self, rest: str) -> list[str]:
        """`list`."""
        session = self.session
        if rest:
            source = session.places.source(session.pid, session.place(rest))
            if source is None:
                raise CommandError(f"no source line at {rest}")
            self._listed = (source.file, max(1, source.line - 5))
        elif self._listed is None:
            source = session.source()
            if source is None:
                raise CommandError("No symbol table is loaded for this place.")
            self._listed = (source.file, max(1, source.line - 5))
        file, first = self._listed
        lines = session.sources.lines(file)
        if not lines:
            raise CommandError(f"{file}: No such file or directory.")
        if first > len(lines):
            raise CommandError(f"Line number {first} out of range; {file} has {len(lines)} lines.")
        self._listed = (file, first + 10)
        return [f"{number}\t{lines[number - 1]}" for number in range(first, min(first + 10, len(lines) + 1))]

    def disassemble(self, rest: str) -> list[str]:
        """`disassemble`."""
        session = self.session
        address = session.place(rest) if rest else session.pc
        start = session.places.symbols.function_start(session.pid, address)
        if start is None:
            raise CommandError("No function contains specified address.")
        name = session.places.function(session.pid, address)
        lines = [f"Dump of assembler code for function {name}:"]
        for instruction in session.places.instructions(session.pid, start, 512):
            if session.places.symbols.function_start(session.pid, instruction.address) != start:
                break
            mark = "=>" if instruction.address == session.pc else "  "
            lines.append(
                f"{mark} {instruction.address:#x} <+{instruction.address - start}>:\t{instruction.text}"
            )
        return [*lines, "End of assembler dump."]

    def why(self, rest: str) -> list[str]:
        """`why`."""
        if not rest:
            raise CommandError("Argument required (an address).")
        return self.session.ask("why", self.session.evaluate(rest) & M64)

    def when(self, rest: str) -> list[str]:
        """`when`."""
        moment = self.session.target.moment
        return [f"Current moment: {moment.instructions}:{moment.entry}"]


def _slash(rest: str) -> tuple[str, str]:
    """("3xg", "ADDRESS") of "/3xg ADDRESS"."""
    if not rest.startswith("/"):
        return "", rest
    form, _, text = rest[1:].partition(" ")
    return form, text.strip()


def _read(form: str) -> tuple[int, str, int]:
    try:
        return read_format(form)
    except ValueError as error:
        raise CommandError(f'Undefined output format "{error}".') from None


def _bracketed(session: Conversation, address: int) -> str:
    name = session.places.symbols.describe(session.pid, address)
    return f"<{name.split(' ')[0]}>" if name else ""
