"""The commands that make and change stop points."""

from __future__ import annotations

from toyvm.base.bits import M64

from ..target import Access
from .conversation import CommandError
from .movement_commands import MovementCommands
from .numbered_stops import CATCHES, NumberedStop
from .stop_text import call_name
from .value_expressions import parsed


class StopCommands(MovementCommands):
    """`break` and its kin."""

    def break_(self, rest: str) -> list[str]:
        """`break`."""
        return self._break(rest, temporary=False)

    def tbreak(self, rest: str) -> list[str]:
        """`tbreak`."""
        return self._break(rest, temporary=True)

    def _break(self, rest: str, *, temporary: bool) -> list[str]:
        place, condition = _condition(rest)
        address = self.session.place(place)
        what = self.session.places.describe(self.session.pid, address) or place
        point = self.session.points.add(
            kind="breakpoint", what=what, address=address, condition=condition, temporary=temporary
        )
        source = self.session.places.source(self.session.pid, address)
        where = f": file {source.name}, line {source.line}." if source else "."
        name = "Temporary breakpoint" if temporary else "Breakpoint"
        return [f"{name} {point.number} at {address:#x}{where}"]

    def watch(self, rest: str) -> list[str]:
        """`watch`."""
        return self._watch(rest, Access.WRITE, "Hardware watchpoint")

    def rwatch(self, rest: str) -> list[str]:
        """`rwatch`."""
        return self._watch(rest, Access.READ, "Hardware read watchpoint")

    def awatch(self, rest: str) -> list[str]:
        """`awatch`."""
        return self._watch(rest, Access.ANY, "Hardware access (read/write) watchpoint")

    def _watch(self, rest: str, access: Access, name: str) -> list[str]:
        text, condition = _condition(rest)
        address, size = self.memory_of(text)
        point = self.session.points.add(
            kind="watchpoint", what=text, address=address, length=size, access=access, condition=condition
        )
        return [f"{name} {point.number}: {text}"]

    def memory_of(self, text: str) -> tuple[int, int]:
        """The address and the size of a memory operand."""
        session, text = self.session, text.strip()
        mask = M64
        if text.startswith("*"):
            return session.evaluate(text[1:]) & mask, 8
        if text.startswith("{") and "}" in text:
            size, _, rest = text[1:].partition("}")
            if size.strip() not in ("1", "2", "4", "8"):
                raise CommandError("a size is 1, 2, 4 or 8 bytes")
            return session.evaluate(rest) & mask, int(size)
        if not text:
            raise CommandError("Argument required (expression to compute).")
        known = session.places.symbol_size(session.pid, text)
        return session.address(text), known if known in (1, 2, 4, 8) else 8

    def catch(self, rest: str) -> list[str]:
        """`catch`."""
        word, _, names = rest.partition(" ")
        if word not in CATCHES:
            raise CommandError(f"catch one of: {', '.join(CATCHES)}")
        numbers = (
            frozenset(_call_number(name) for name in names.split()) if word == "syscall" else frozenset()
        )
        point = self.session.points.add(kind="catchpoint", what=rest, kinds=CATCHES[word], syscalls=numbers)
        return [f"Catchpoint {point.number} ({rest})"]

    def delete(self, rest: str) -> list[str]:
        """`delete`."""
        if not rest:
            self.session.points.clear()
        for point in self._points(rest):
            self.session.points.remove(point.number)
        return []

    def enable(self, rest: str) -> list[str]:
        """`enable`."""
        for point in self._points(rest) if rest else self.session.points:
            point.enabled = True
        return []

    def disable(self, rest: str) -> list[str]:
        """`disable`."""
        for point in self._points(rest) if rest else self.session.points:
            point.enabled = False
        return []

    def condition(self, rest: str) -> list[str]:
        """`condition`."""
        number, _, text = rest.partition(" ")
        points = self._points(number)
        if not points:
            raise CommandError("Argument required (breakpoint number).")
        point = points[0]
        if text.strip():
            parsed(text.strip())
        point.condition = text.strip()
        return [] if point.condition else [f"Breakpoint {point.number} now unconditional."]

    def ignore(self, rest: str) -> list[str]:
        """`ignore`."""
        number, _, count = rest.partition(" ")
        points = self._points(number)
        if not points or not count.strip().isdigit():
            raise CommandError("ignore NUMBER COUNT")
        points[0].ignore = int(count)
        return [f"Will ignore next {int(count)} crossings of breakpoint {points[0].number}."]

    def _points(self, text: str) -> list[NumberedStop]:
        found = []
        for word in text.split():
            point = self.session.points.get(int(word)) if word.isdigit() else None
            if point is None:
                raise CommandError(f"No breakpoint number {word}.")
            found.append(point)
        return found


def _condition(rest: str) -> tuple[str, str]:
    """A place and the expression after ` if `."""
    if rest.startswith("if "):
        rest = f" {rest}"
    place, _, condition = rest.partition(" if ")
    if condition.strip():
        parsed(condition.strip())
    return place.strip(), condition.strip()


def _call_number(name: str) -> int:
    from toyvm.kernel.syscalls.table import SYSTEM_CALLS

    if name.isdigit():
        return int(name)
    for number in SYSTEM_CALLS:
        if call_name(number) == name:
            return number
    raise CommandError(f'Unknown syscall name "{name}".')
