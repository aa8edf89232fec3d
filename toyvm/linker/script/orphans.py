"""Places input sections that no pattern chose: after the output sections that are like them (GNU ld: ldelf_place_orphan,
lang_insert_orphan)."""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.record import Record

from ...elf.constants import SHT_NOTE, SHT_RELA
from .flags import ALLOC, CODE, CONTENTS, DATA, DEBUG, LOAD, READONLY, TLS
from .plan import Lone, Out
from .reading.tree import Assertion, Assignment, Number, OutputSection, Place, Source

Flow = list[Out | Assignment | Assertion]

_ORPHAN = Place(Source("", ""), 0, 0)
_ZERO = Number(_ORPHAN, 1, 0)
_HINTS = {
    ".text": CONTENTS | ALLOC | LOAD | READONLY | CODE,
    ".rodata": CONTENTS | ALLOC | LOAD | READONLY | DATA,
    ".tdata": CONTENTS | ALLOC | LOAD | DATA | TLS,
    ".data": CONTENTS | ALLOC | LOAD | DATA,
    ".bss": ALLOC,
    "rel": 0,
    ".interp": CONTENTS | ALLOC | LOAD | READONLY | DATA,
    ".comment": CONTENTS,
}
_KEY = CONTENTS | ALLOC | LOAD | READONLY | CODE | TLS


class OrphanSection(Record):
    """An input section without a place."""

    sid: int
    name: str
    flags: int
    type: int
    align: int
    entsize: int


class _Hold(Record, frozen=False, eq=False):
    """Where sections of one kind go: after `out`, or after the last orphan of the kind."""

    out: Out | None = None
    last: Out | None = None  # the last orphan in the flow
    before: Out | None = None  # the section that new ones precede in the table
    in_table: bool = False


class OrphanPlacer:
    """Places orphans in `flow` (order of addresses), `outs` (order of statements) and `table` (order of headers)."""

    def __init__(
        self,
        flow: Flow,
        outs: list[Out],
        table: list[Out],
        unique: bool = False,
        created: Callable[[Out], None] = lambda out: None,
    ) -> None:
        self.flow, self.outs, self.table, self.unique = flow, outs, table, unique
        self.created = created  # called with a section of the script that an orphan has made
        self.made: list[Out] = []
        self.holds: dict[str, _Hold] = {}

    def place(self, section: OrphanSection) -> Out:
        """Give `section` a place, and return its output section."""
        if section.type == SHT_RELA and section.flags & ALLOC:
            section = OrphanSection(
                section.sid, ".rela.dyn", section.flags, section.type, section.align, section.entsize
            )
        named = [] if self.unique else [out for out in self.outs if out.name == section.name and out.matches]
        for out in named:
            alike = not (section.flags ^ out.flags) & (LOAD | ALLOC) and section.type == out.type
            if out.exists and (out.flags == 0 or alike):
                return self._add(out, section)
        unused = [out for out in named if not out.exists]
        if unused:
            return self._add(unused[-1], section)
        if not self.holds:
            self._begin()
        hold = self._hold(section)
        if hold is None:  # debugging sections are last
            out = self._made(section, None)
            self.flow.append(out)
            self.outs.append(out)
            self.table.append(out)
            return out
        after = hold.out
        if after is None:
            after, hold.out = self._find(section.flags, section.type)
        return self._insert(section, after, hold)

    def _add(self, out: Out, section: OrphanSection) -> Out:
        existed = out.exists
        out.add(section.flags, section.type, section.align, section.entsize, section.type == SHT_NOTE)
        if not existed:
            self.table.append(out)
            self.created(out)
        out.items.append(Lone((section.sid,)))
        return out

    def _begin(self) -> None:
        for name, flags in _HINTS.items():
            found = next((out for out in self.outs if out.name == name and out.matches), None)
            self.holds[name] = _Hold(found)
            if found is not None and not found.hint:
                found.hint = flags

    def _hold(self, section: OrphanSection) -> _Hold | None:
        flags = section.flags
        if not flags & (ALLOC | DEBUG):
            name = ".comment"
        elif not flags & ALLOC:
            return None
        elif flags & LOAD and section.type == SHT_NOTE:
            name = ".interp"
        elif not flags & (LOAD | CONTENTS | TLS):
            name = ".bss"
        elif flags & TLS:
            name = ".tdata"
        elif not flags & READONLY:
            name = ".data"
        elif flags & LOAD and section.type == SHT_RELA:
            name = "rel"
        elif not flags & CODE:
            name = ".rodata"
        else:
            name = ".text"
        hold = self.holds[name]
        if name == "rel" and hold.out is None:
            hold.out = self._before_relocations()
        elif hold.out is None:
            hold.out = next((out for out in self.outs if out.name == name and out.matches), None)
        return hold

    def _before_relocations(self) -> Out | None:
        """The last read-only section: .rela.dyn precedes all other tables of relocations."""
        last = last_alloc = last_readonly = None
        for out in self.outs:
            if out.matches and out.name.startswith(".rel"):
                break
            last = out
            if out.exists and out.flags & ALLOC:
                last_alloc = out
                last_readonly = out if out.flags & READONLY else last_readonly
        return last_readonly or last_alloc or last

    def _find(self, flags: int, type: int | None) -> tuple[Out | None, Out | None]:
        """(the section to follow, the same if it is alike in every respect)."""

        def last(wanted: Callable[[int], bool], typed: bool = True) -> Out | None:
            found = None
            for out in self.outs:
                if out.exists and typed and type is not None and out.type != type:
                    continue
                if wanted(out.flags if out.exists else out.hint):
                    found = out
            return found

        exact = last(lambda look: not (look ^ flags) & _KEY)
        if exact is not None:
            return exact, exact
        if flags & CODE and flags & ALLOC:
            found = last(lambda look: not (look ^ flags) & (CONTENTS | ALLOC | LOAD | CODE | TLS))
        elif flags & READONLY and flags & ALLOC:
            found = last(lambda look: not (look ^ flags) & (CONTENTS | ALLOC | LOAD | READONLY))
        elif flags & TLS and flags & ALLOC:
            found = self._thread_local(flags)
        elif flags & CONTENTS and flags & ALLOC:
            found = last(lambda look: not (look ^ flags) & (CONTENTS | ALLOC | LOAD | TLS))
        elif flags & ALLOC:
            found = last(lambda look: not (look ^ flags) & ALLOC)
        else:
            return last(lambda look: not (look ^ flags) & DEBUG, typed=False), None
        if found is None and type is not None:
            return self._find(flags, None)[0], None
        return found, None

    def _thread_local(self, flags: int) -> Out | None:
        found, seen = None, False
        for out in self.outs:
            look = out.flags if out.exists else out.hint
            differ = look ^ (flags | LOAD | CONTENTS)
            if not differ & (TLS | ALLOC):
                if not look & LOAD and flags & LOAD:
                    break
                found, seen = out, True
            elif seen:
                break
            elif not differ & (CONTENTS | ALLOC | LOAD):
                found = out
        return found

    def _made(self, section: OrphanSection, after: Out | None) -> Out:
        """A new output section with `section` in it, in the regions and segments of `after`."""
        in_memory = bool(section.flags & (LOAD | ALLOC))
        statement = OutputSection(section.name, (), _ORPHAN, address=None if in_memory else _ZERO)
        out = Out(statement, section.name, orphan=True)
        if after is not None and in_memory:
            out.region, out.lma_region, out.headers = after.region, after.lma_region, after.headers
        out.add(section.flags, section.type, section.align, section.entsize, section.type == SHT_NOTE)
        out.items.append(Lone((section.sid,)))
        self.made.append(out)
        return out

    def _insert(self, section: OrphanSection, after: Out | None, hold: _Hold) -> Out:
        """Add a section after the last orphan of its kind, or after `after`; at the front if there is neither."""
        out = self._made(section, after)
        follows = hold.last
        notes = self._notes() if section.type == SHT_NOTE and section.flags & LOAD else []
        if notes:
            follows = next((note for note in reversed(notes) if note.align >= section.align), None)
        if notes and follows is None:  # the most strictly aligned note is the first
            for places in (self.flow, self.outs, self.table):
                places.insert(places.index(notes[0]), out)
            hold.in_table = True
            hold.last = hold.last or out
            return out
        self._into_table(out, after, hold)
        if follows is None:
            self.flow.insert(self.flow_place(after), out)
            self.outs.insert(self.outs.index(after) + 1 if after is not None else 0, out)
        else:
            self.flow.insert(self.flow.index(follows) + 1, out)
            self.outs.insert(self.outs.index(follows) + 1, out)
        hold.last = out
        return out

    def _notes(self) -> list[Out]:
        """The first notes in memory, which stand together; those of the script count, too."""
        found: list[Out] = []
        for out in self.table:
            if out.type == SHT_NOTE and out.flags & LOAD:
                found.append(out)
            elif found:
                break
        return found

    def _into_table(self, out: Out, after: Out | None, hold: _Hold) -> None:
        """Add `out` to the table of headers, beside its neighbours."""
        if not hold.in_table:
            if after is None:
                at = 0
            else:
                previous = next(
                    (
                        o
                        for o in reversed(self.outs[: self.outs.index(after) + 1])
                        if o.matches and o in self.table
                    ),
                    None,
                )
                at = self.table.index(previous) + 1 if previous is not None else 0
        else:
            at = self.table.index(hold.last) + 1 if hold.last is not None else len(self.table)
        self.table.insert(at, out)
        hold.in_table = True

    def flow_place(self, after: Out | None) -> int:
        """The index in the flow after `after`: before what belongs to the next section, such as an assignment to the location
        counter (GNU ld: insert_os_after)."""
        start = self.flow.index(after) + 1 if after is not None else 0
        ignore_first = after is None
        assignment = -1
        for at in range(start, len(self.flow)):
            item = self.flow[at]
            if isinstance(item, Out):
                belongs = not item.exists or not item.has_input or item.flags & ALLOC
                return assignment if assignment >= 0 and belongs else at
            if assignment < 0 and isinstance(item, Assignment) and item.name == ".":
                assignment = -1 if ignore_first else at
                ignore_first = False
        return len(self.flow)
