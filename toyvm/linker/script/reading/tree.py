"""What a linker script says, as a tree of records (ld, "Linker Scripts")."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.diagnostics import Diagnostic, Span
from toyvm.base.errors import LinkError
from toyvm.base.record import Record


class Source(Record, eq=False):
    """The text of a script, and the name that messages use for it."""

    name: str
    text: str


class Place(Record, eq=False):
    """A range of characters of a source."""

    source: Source
    start: int
    end: int

    def span(self) -> Span:
        """The place as line and column."""
        text = self.source.text
        start = text.rfind("\n", 0, self.start) + 1
        end = text.find("\n", start)
        line = text[start : end if end >= 0 else len(text)]
        length = max(1, min(self.end, start + len(line)) - self.start)
        return Span(
            self.source.name, text.count("\n", 0, self.start) + 1, self.start - start + 1, length, line
        )

    def message(self, message: str, severity: str = "error", expected: str = "", hint: str = "") -> str:
        """A diagnostic that points here."""
        return Diagnostic(self.span(), message, severity, expected, hint).render()

    def error(self, message: str, **more: str) -> LinkError:
        """The exception for a fault here."""
        return LinkError([self.message(message, **more)])

    def __repr__(self) -> str:
        return str(self.span())


# -- expressions ------------------------------------------------------------------------------------------------------


class Expr(Record):
    """Base of expressions. `depth` counts nested operators."""

    place: Place
    depth: int

    def parts(self) -> tuple[Expr, ...]:
        """The operands."""
        return ()

    def walk(self) -> Iterator[Expr]:
        """This expression and all expressions in it."""
        yield self
        for part in self.parts():
            yield from part.walk()


class Number(Expr):
    """A number. `digits` are those of a plain hexadecimal number, whose length a fill value takes."""

    value: int
    digits: str = ""


class Name(Expr):
    """A symbol; `.` is the location counter."""

    name: str


class Unary(Expr):
    """An operator with one operand: `-`, `!`, `~`."""

    op: str
    operand: Expr

    def parts(self) -> tuple[Expr, ...]:
        """The operand."""
        return (self.operand,)


class Binary(Expr):
    """An operator with two operands."""

    op: str
    left: Expr
    right: Expr

    def parts(self) -> tuple[Expr, ...]:
        """Both operands."""
        return self.left, self.right


class Conditional(Expr):
    """`test ? yes : no`."""

    test: Expr
    yes: Expr
    no: Expr

    def parts(self) -> tuple[Expr, ...]:
        """All three expressions."""
        return self.test, self.yes, self.no


class Call(Expr):
    """A builtin function. `name` is its argument that is a name of a section, symbol, region or constant."""

    function: str
    arguments: tuple[Expr, ...] = ()
    name: str = ""

    def parts(self) -> tuple[Expr, ...]:
        """The arguments that are expressions."""
        return self.arguments


# -- statements -------------------------------------------------------------------------------------------------------


class Assignment(Record, eq=False):
    """`name = value`. `name` may be `.`; PROVIDE and HIDDEN set the flags."""

    name: str
    value: Expr
    place: Place
    provide: bool = False
    hidden: bool = False


class Assertion(Record, eq=False):
    """ASSERT(test, message)."""

    test: Expr
    message: str
    place: Place


class SectionPattern(Record):
    """A pattern for names of input sections. `sort` has the outer and the inner order: "name", "alignment",
    "priority", "none"."""

    name: str
    exclude: tuple[str, ...] = ()
    sort: tuple[str, ...] = ()
    reverse: bool = False


class InputPattern(Record, eq=False):
    """`file(section ...)`. Without `sections` all sections of the file are meant."""

    file: str
    sections: tuple[SectionPattern, ...]
    place: Place
    exclude: tuple[str, ...] = ()
    sort_files: bool = False
    reverse_files: bool = False
    keep: bool = False
    with_flags: int = 0
    without_flags: int = 0


class Data(Record, eq=False):
    """BYTE, SHORT, LONG, QUAD, SQUAD: a number of `size` bytes."""

    size: int
    value: Expr
    place: Place


class Text(Record, eq=False):
    """ASCIZ: a string, with its final zero."""

    data: bytes
    place: Place


class Fill(Record, eq=False):
    """FILL(value): the pattern of gaps from here on."""

    value: Expr
    place: Place


class Constructors(Record, eq=False):
    """CONSTRUCTORS and CREATE_OBJECT_SYMBOLS, which mean nothing in ELF."""

    place: Place


BodyStatement = Assignment | Assertion | InputPattern | Data | Text | Fill | Constructors


class OutputSection(Record, eq=False):
    """The description of an output section.

    `type`: "", NOLOAD, DSECT, COPY, INFO, OVERLAY, READONLY, TYPE or READONLY_TYPE. `overlay`: "first" or "more" for
    the sections of an OVERLAY. `after`: where the location counter is set to when the section ends.
    """

    name: str
    body: tuple[BodyStatement, ...]
    place: Place
    address: Expr | None = None
    type: str = ""
    type_value: Expr | None = None
    at: Expr | None = None
    align: Expr | None = None
    align_with_input: bool = False
    subalign: Expr | None = None
    constraint: str = ""
    region: str = ""
    lma_region: str = ""
    headers: tuple[str, ...] = ()
    fill: Expr | None = None
    overlay: str = ""
    after: Expr | None = None


class Insert(Record, eq=False):
    """INSERT AFTER or BEFORE: moves the statements before it, as far as the last INSERT."""

    where: str
    before: bool
    place: Place


SectionsStatement = Assignment | Assertion | OutputSection | Insert


class Region(Record, eq=False):
    """A region of MEMORY. `flags` are the letters before, `not_flags` those after a `!`."""

    name: str
    flags: str
    not_flags: str
    origin: Expr
    length: Expr
    place: Place


class Header(Record, eq=False):
    """A program header of PHDRS."""

    name: str
    type: Expr
    place: Place
    file_header: bool = False
    headers: bool = False
    at: Expr | None = None
    flags: Expr | None = None


class InputFile(Record, eq=False):
    """A file of INPUT or GROUP, `-lNAME` for a library; `group` numbers the GROUP commands of a script."""

    name: str
    place: Place
    as_needed: bool = False
    group: int | None = None


class CrossReferences(Record, eq=False):
    """NOCROSSREFS, or NOCROSSREFS_TO: only references to the first section are wrong."""

    sections: tuple[str, ...]
    place: Place
    to_first: bool = False


class Script(Record, frozen=False, eq=False):
    """A whole script. `statements` are those of all SECTIONS commands and between them, in order."""

    statements: list[SectionsStatement] = []
    has_sections: bool = False
    regions: list[Region] = []
    aliases: list[tuple[str, str, Place]] = []  # (alias, region)
    headers: list[Header] = []
    has_headers: bool = False
    inputs: list[InputFile] = []
    search: list[str] = []
    entry: str = ""
    output: str = ""
    output_format: str = ""
    externs: list[str] = []
    versions: list[str] = []
    cross_references: list[CrossReferences] = []
    force_groups: bool = False  # FORCE_GROUP_ALLOCATION
    sane: bool = False  # LD_FEATURE("SANE_EXPR")
    groups: int = 0  # GROUP commands

    @property
    def says_more(self) -> bool:
        """Whether it says more than which files to read."""
        return bool(
            self.statements or self.regions or self.headers or self.entry or self.externs or self.versions
            or self.cross_references or self.aliases
        )  # fmt: skip

    def merge(self, other: Script) -> None:
        """Append what `other` says."""
        for name in self.record_fields:
            value = getattr(other, name)
            if isinstance(value, list):
                getattr(self, name).extend(value)
            elif value:
                setattr(self, name, value)

    def sections(self) -> Iterator[OutputSection]:
        """The descriptions of output sections."""
        return (statement for statement in self.statements if isinstance(statement, OutputSection))

    def assignments(self) -> Iterator[Assignment]:
        """All assignments, those inside output sections too."""
        for statement in self.statements:
            if isinstance(statement, Assignment):
                yield statement
            elif isinstance(statement, OutputSection):
                yield from (inner for inner in statement.body if isinstance(inner, Assignment))

    def needed_names(self) -> set[str]:
        """The symbols whose values the script needs in any case: those of a PROVIDE count if something needs its symbol."""
        needed = {name for expr in self._plain_expressions() for name in names_in(expr)}
        assigned = {a.name for a in self.assignments() if not a.provide}
        provided = {
            a.name: names_in(a.value) for a in self.assignments() if a.provide and a.name not in assigned
        }
        new = set(needed)
        while new:
            new = {name for known in new for name in provided.get(known, ())} - needed
            needed |= new
        return needed

    def _plain_expressions(self) -> Iterator[Expr]:
        for statement in self.statements:
            yield from _expressions(statement)
            for inner in statement.body if isinstance(statement, OutputSection) else ():
                yield from _expressions(inner)
        for region in self.regions:
            yield from (region.origin, region.length)


def names_in(expr: Expr) -> set[str]:
    """The symbols in an expression."""
    return {part.name for part in expr.walk() if isinstance(part, Name) and part.name != "."}


def _expressions(statement: object) -> Iterator[Expr]:
    if isinstance(statement, Assignment) and statement.provide:
        return
    for name in getattr(statement, "record_fields", ()):
        value = getattr(statement, name)
        if isinstance(value, Expr):
            yield value
