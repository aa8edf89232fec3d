"""What the screen's panels show, as lines of marked text. No panel changes anything."""

from __future__ import annotations

from typing import NamedTuple

from toyvm.isa.registers import X_NAMES

from .conversation import Conversation

_AROUND = 60  # source lines before and after the current one
_STACK = 64  # 8-byte words above sp
_BEFORE = 40  # instructions before the current one


class Line(NamedTuple):
    """A line of a panel. `mark` says how it stands out: "" not at all, "here", "changed", "stop"."""

    text: str
    mark: str = ""


def source(session: Conversation) -> list[Line]:
    """The source file around the selected frame's line."""
    place = session.source()
    if place is None:
        return [Line("[no source line for this address: the panel Code has its instructions]")]
    lines = session.sources.lines(place.file)
    if not lines:
        return [Line(f"[{place.file}: no such file]"), Line(f"line {place.line}", "here")]
    stops = _stop_lines(session, place.file)
    first = max(1, place.line - _AROUND)
    found = []
    for number in range(first, min(len(lines), place.line + _AROUND) + 1):
        stop = "●" if number in stops else " "
        here = "▶" if number == place.line else " "
        mark = "here" if number == place.line else "stop" if number in stops else ""
        found.append(Line(f"{stop}{here}{number:5}  {lines[number - 1].expandtabs(8)}", mark))
    return found


def _stop_lines(session: Conversation, file: str) -> set[int]:
    places = (session.places.source(session.pid, p.address) for p in session.points if p.kind == "breakpoint")
    return {place.line for place in places if place is not None and place.file == file}


def code(session: Conversation) -> list[Line]:
    """The instructions around the pc."""
    pc = session.pc
    start = session.places.symbols.function_start(session.pid, pc)
    if start is None or pc - start > 4096:
        start = pc
    instructions = session.places.instructions(session.pid, start, 512)
    at = next((i for i, each in enumerate(instructions) if each.address == pc), 0)
    stops = {p.address for p in session.points if p.kind == "breakpoint" and p.enabled}
    name = session.places.function(session.pid, pc)
    found = [Line(f"{name}:" if name else "[no function]")]
    for each in instructions[max(0, at - _BEFORE) : at + 2 * _BEFORE]:
        stop = "●" if each.address in stops else " "
        here = "▶" if each.address == pc else " "
        mark = "here" if each.address == pc else "stop" if each.address in stops else ""
        found.append(Line(f"{stop}{here}{each.address:10x}  {each.text.expandtabs(8)}", mark))
    return found


def registers(session: Conversation) -> list[Line]:
    """The integer registers; those that have changed since the stop before are marked."""
    now, before = session.registers(), session.before
    moved = before is not None and before.pc != now.pc
    found = [Line(f"{'*' if moved else ' '} pc   {now.pc:016x}", "changed" if moved else "")]
    for number, name in enumerate(X_NAMES[1:], 1):
        changed = before is not None and before.x[number] != now.x[number]
        where = session.places.describe(session.pid, now.x[number]).split(" ")[0] if now.x[number] else ""
        star = "*" if changed else " "
        found.append(
            Line(f"{star} {name:4} {now.x[number]:016x}  {where}".rstrip(), "changed" if changed else "")
        )
    return found


def stack(session: Conversation) -> list[Line]:
    """Backtrace, and the words from sp upwards."""
    found = [
        Line(frame.text, "here" if frame.number == session.frame else "") for frame in session.backtrace()
    ]
    sp = session.registers().x[2]
    found.append(Line(""))
    data = session.target.read_memory(session.pid, sp, 8 * _STACK)
    for offset in range(0, len(data) - 7, 8):
        value = int.from_bytes(data[offset : offset + 8], "little")
        where = session.places.describe(session.pid, value).split(" ")[0] if value else ""
        found.append(Line(f"sp+{offset:<4} {sp + offset:x}: {value:016x}  {where}".rstrip()))
    return found


def asked(session: Conversation, question: str) -> list[Line]:
    """An answer of the machine: maps, pagetable, frames."""
    return [Line(line) for line in session.ask(question)]


def processes(session: Conversation) -> list[Line]:
    """Processes and their threads."""
    from .information import information

    lines = [*information(session, "inferiors"), "", *information(session, "threads")]
    return [Line(line, "here" if line.startswith("*") else "") for line in lines]


def output(session: Conversation) -> list[Line]:
    """What the program has written up to this moment."""
    text = session.target.output()[-65536:].decode("utf-8", "replace")
    return [Line(_printable(line)) for line in text.splitlines()]


def _printable(text: str) -> str:
    """Without control characters, which could move the terminal's cursor."""
    return "".join(c if c.isprintable() else " " if c == "\t" else "·" for c in text.expandtabs(8))
