"""The symbols of a script, and what its expressions may ask about (ld/ldexp.c)."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from ...base.bits import u64
from ...elf import constants
from ..inputs.columns import ABSOLUTE as SYMBOL_ABSOLUTE
from ..inputs.columns import LINKER, SHARED, UNDEFINED, ProgramColumns
from ..inputs.global_symbols import DefinitionKind, GlobalSymbol
from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from .flags import KEEP, TLS
from .placing import Placed, Regions, ScriptSymbol
from .plan import Plan
from .reading.tree import Assertion, Assignment, Binary, Call, Conditional, Expr, Name, Number, Place
from .values import ABSOLUTE, Evaluator, Section, Segment, Value

_LINKER_SYMBOLS = {
    "_GLOBAL_OFFSET_TABLE_": ".got",
    "_DYNAMIC": ".dynamic",
    "_PROCEDURE_LINKAGE_TABLE_": ".plt",
}


class ScriptScope:
    """The state that statements of a script change (`values.Scope`), for one plan.

    `phase`: "first" before inputs have places, "mark" while sections are chosen, "size", "assign" and "final".
    """

    def __init__(
        self, program: ProgramColumns, plan: Plan, options: LinkOptions, errors: Diagnostics
    ) -> None:
        self.program, self.plan, self.options, self.errors = program, plan, options, errors
        self.placed = {
            id(out): Placed(out, out.flags, out.align, keep=bool(out.flags & KEEP)) for out in plan.outs
        }
        self.order = [self.placed[id(out)] for out in plan.outs]
        self.table = [self.placed[id(out)] for out in plan.table]
        self.regions = Regions(plan.script)
        self.symbols: dict[str, ScriptSymbol] = {}
        self.provided: set[int] = set()
        self.size_of, self.align_of = program.sections.size.tolist(), program.sections.align.tolist()
        self.offset_of = [0] * len(self.size_of)
        self.shown: dict[int, int] = {}  # by the id of an assignment or assertion: its value in the last pass
        self.written_at: dict[int, tuple[int, int]] = {}  # by the id of BYTE and its like: address and value
        self.dot_after: dict[int, int] = {}  # by the id of an assignment to the location counter in a section
        self.evaluate = Evaluator(self)
        # The scope of the expression at hand.
        self.dot: int | None = None
        self.section: Section = ABSOLUTE
        self.phase = "first"
        self.segment = Segment()
        self.sane, self.relro = plan.script.sane, options.relro
        self.pages: Mapping[str, int] = {
            "MAXPAGESIZE": options.page,
            "COMMONPAGESIZE": min(options.page, options.common_page),
        }
        self.header_size: int | None = None  # of the file header and the program headers
        self.estimate_headers: Callable[[], int] = int
        self.uses_headers = False  # the script says SIZEOF_HEADERS
        self.file_offset: dict[int, int] = {}  # by the id of a Placed
        self.file_end = 0
        self.on_dot = False
        self.to_dot = False
        self.assigning = ""
        self.sources: set[str] = set()
        self.current_out: Placed | None = None
        self.iteration = 0
        self.check_regions = False
        self._failed: set[int] = set()
        self.misfits = 0  # errors that leave a layout
        self._prepare()

    def _prepare(self) -> None:
        self.by_name: dict[str, Placed] = {
            out.name: self.placed[id(out)] for out in reversed(self.plan.made) if out.matches
        }
        self._section_regions()
        for _, region in self.regions.declared:
            region.current = region.origin
        self._align_tls()

    def _section_regions(self) -> None:
        """The regions that the script names; where it names none, `_region` chooses when flags are final."""
        before: Placed | None = None
        for placed in self.order:
            out, statement = placed.out, placed.out.statement
            placed.lma_region = self.regions.find(out.lma_region) if out.lma_region else None
            if out.region or placed.lma_region is None or statement.address is not None:
                placed.region = self.regions.find(out.region)
            else:
                placed.region = placed.lma_region
            if (
                before is not None
                and placed.lma_region is None
                and statement.at is None
                and statement.address is None
                and placed.region is before.region
            ):
                placed.lma_region = before.lma_region
            before = placed

    def _align_tls(self) -> None:
        """The thread-local template starts at its largest alignment."""
        parts = [placed for placed in self.table if placed.flags & TLS]
        if parts:
            parts[0].align = max(part.align for part in parts)

    # -- scope ------------------------------------------------------------------------------------------------------

    def fail(self, place: Place, message: str) -> None:
        """Report an error once."""
        if id(place) not in self._failed:
            self._failed.add(id(place))
            self.errors.error(place.message(message))

    def saw_dot(self, stands: bool = True) -> None:
        """The value stands on the location counter, or no longer does."""
        self.on_dot = stands

    def lookup(self, name: Name) -> Value | None:
        """A symbol of the script or of an object."""
        text = name.name
        self.sources.add(text)
        symbol = self.symbols.get(text)
        if text == self.assigning and not (
            symbol is not None and symbol.value.section is ABSOLUTE and symbol.iteration == self.iteration
        ):
            self.assigning = ""
        value = self._object_symbol(name) if symbol is None else symbol.value
        if value is None:
            if self.phase == "final" or (self.phase != "mark" and self.to_dot):
                self.fail(name.place, f"undefined symbol `{text}' referenced in expression")
            return None
        if value.section is ABSOLUTE and (self.section is not ABSOLUTE or self.sane):
            return Value(value.value)
        return value

    def _object_symbol(self, name: Name) -> Value | None:
        found = self.program.resolution.table.get(name.name)
        if found is None:
            return None
        sid, value = int(self.program.symbols.sid[found.id]), u64(int(self.program.symbols.value[found.id]))
        if sid >= 0:
            index = int(self.plan.out_of[sid])
            if index < 0:  # its section was left out
                return Value(value, ABSOLUTE)
            return Value(u64(value + self.offset_of[sid]), self.order[index])
        if sid == SYMBOL_ABSOLUTE:
            return Value(value, ABSOLUTE)
        if sid == LINKER:
            return self._overridden(found) or self._linker_symbol(name.name)
        return None

    def _overridden(self, found: GlobalSymbol) -> Value | None:
        """The value that an object gives a symbol which the script assigns, too."""
        if found.kind is not DefinitionKind.DEFINED:
            return None
        if found.section >= constants.SHN_LORESERVE:
            return Value(u64(found.value), ABSOLUTE)
        sid = int(self.program.file_sections[found.file]) + found.section
        index = int(self.plan.out_of[sid])
        return Value(u64(found.value + self.offset_of[sid]), self.order[index]) if index >= 0 else None

    def _linker_symbol(self, name: str) -> Value | None:
        section = self.by_name.get(_LINKER_SYMBOLS.get(name, ""))
        if section is not None:
            return Value(0, section)
        for prefix in ("__start_", "__stop_"):
            section = self.by_name.get(name.removeprefix(prefix)) if name.startswith(prefix) else None
            if section is not None:
                return Value(0 if prefix == "__start_" else section.size or section.previous_size, section)
        return None

    def is_defined(self, name: str) -> bool:
        """DEFINED: by an object, or by the script before this place."""
        symbol = self.symbols.get(name)
        found = self.program.resolution.table.get(name)
        if found is not None and found.kind in (DefinitionKind.DEFINED, DefinitionKind.COMMON):
            return True
        if symbol is not None:
            return symbol.iteration == self.iteration
        return found is not None and int(self.program.symbols.sid[found.id]) not in (
            UNDEFINED,
            SHARED,
            LINKER,
        )

    def about_section(self, call: Call) -> Value | None:
        """ADDR, LOADADDR, SIZEOF and ALIGNOF."""
        found = self.by_name.get(call.name)
        sized = call.function in ("SIZEOF", "ALIGNOF")
        if found is None and sized and call.name == "NEXT_SECTION" and self.current_out is not None:
            following = self.order[self.order.index(self.current_out) + 1 :]
            found = next((placed for placed in following if placed.out.matches and placed.out.exists), None)
        if found is None:
            if self.phase == "final":
                self.fail(call.place, f"undefined section `{call.name}' referenced in expression")
            return Value(0) if sized else None
        if call.function == "ADDR":
            return Value(0, found) if found.vma_known else None
        if call.function == "LOADADDR":
            return Value(found.lma, ABSOLUTE) if found.lma_known else None
        if not found.out.exists:
            return Value(0)
        if call.function == "ALIGNOF":
            return Value(found.align)
        return Value(found.size if found.vma_known else found.previous_size)

    def about_region(self, call: Call) -> Value | None:
        """ORIGIN and LENGTH."""
        found = self.regions.by_name.get(call.name)
        if found is None:
            self.fail(call.place, f"undefined MEMORY region `{call.name}' referenced in expression")
            return None
        return Value(found.origin if call.function == "ORIGIN" else found.length)

    def headers_size(self) -> int:
        """SIZEOF_HEADERS; an estimate at first, later what the segments need."""
        self.uses_headers = True
        if self.phase == "mark":
            return 0
        if self.header_size is None:
            self.header_size = self.estimate_headers()
        return self.header_size

    def segment_start(self, name: str) -> int | None:
        """-Ttext-segment; -Ttext, -Tdata and -Tbss name segments, too."""
        if name == "text-segment":
            return self.options.image_base
        return None

    # -- statements -------------------------------------------------------------------------------------------------

    def _in(self, section: Section, dot: int | None, out: Placed | None) -> None:
        self.section, self.dot, self.current_out = section, dot, out
        self.on_dot = False

    def value_of(self, expr: Expr, dot: int | None, out: Placed | None = None) -> Value | None:
        """The value of an expression that is not part of the contents of a section: numbers in it are absolute."""
        self._in(ABSOLUTE, dot, out)
        return self.evaluate(expr)

    def constant(self, expr: Expr, what: str) -> int:
        """The value of an expression that nothing changes."""
        value = self.value_of(expr, None)
        if value is None:
            self.fail(expr.place, f"nonconstant expression for {what}")
            return 0
        return value.address

    def section_type(self, expr: Expr) -> int:
        """The type of `(TYPE = ...)`: a name of the gABI, or a number."""
        if isinstance(expr, Name) and expr.name.startswith("SHT_") and hasattr(constants, expr.name):
            return int(getattr(constants, expr.name))
        return self.constant(expr, "section type") & 0xFFFFFFFF

    def assign(
        self, statement: Assignment, section: Section, dot: int | None, out: Placed | None
    ) -> int | None:
        """Carry out an assignment; the new location counter."""
        self._in(section, dot, out)
        if statement.name == ".":
            return self._assign_dot(statement, section, dot)
        provided = id(statement) in self.provided
        if statement.provide and not provided and not self._is_wanted(statement.name):
            return dot
        self.assigning, self.sources = statement.name, set()
        value = self.evaluate(statement.value)
        if self.phase == "final" or self.assigning:
            if statement.provide:
                self.provided.add(id(statement))
            old = self.symbols.get(statement.name)
            if value is None and old is None and self._is_new(statement.name):
                value = Value(0)
            if value is not None:
                self._define(statement, value if value.section is not None else Value(value.value, section))
        self.assigning = ""
        if out is not None and (not statement.provide or id(statement) in self.provided):
            out.update_dot = True
        return dot

    def _define(self, statement: Assignment, value: Value) -> None:
        name = statement.name
        old = self.symbols.get(name)
        like = next(iter(self.sources)) if len(self.sources) == 1 else ""
        self.symbols[name] = ScriptSymbol(
            value, self.iteration, self.on_dot, statement.hidden or (old is not None and old.hidden), like
        )  # fmt: skip

    def _is_wanted(self, name: str) -> bool:
        """Whether PROVIDE defines a symbol: something refers to it, and no object defines it."""
        if name in self.symbols:
            return False
        found = self.program.resolution.table.get(name)
        if found is None or (name in self.options.assigned and found.first_file < 0):
            return False
        return int(self.program.symbols.sid[found.id]) == LINKER

    def _is_new(self, name: str) -> bool:
        found = self.program.resolution.table.get(name)
        return found is None or int(self.program.symbols.sid[found.id]) == LINKER

    def _assign_dot(self, statement: Assignment, section: Section, dot: int | None) -> int | None:
        if self.phase == "first":
            return dot
        self.to_dot = True
        value = self.evaluate(statement.value)
        self.to_dot = False
        placed = section if isinstance(section, Placed) else None
        if self.phase == "mark" and placed is not None and not self._is_nothing(statement.value, value):
            placed.keep = True
        if value is None:
            if self.phase != "mark":
                self.fail(statement.place, "invalid assignment to location counter")
            return dot
        if dot is None:
            self.fail(statement.place, "assignment to location counter invalid outside of SECTIONS")
            return dot
        if self.phase in ("assign", "final") and placed is not None:
            return dot
        following = u64(value.value + (value.section.vma if value.section is not None else section.vma))
        if following < dot and placed is not None:
            self.fail(
                statement.place,
                f"cannot move location counter backwards (from {dot:016x} to {following:016x})",
            )
            return dot
        return following

    def _is_nothing(self, expr: Expr, value: Value | None) -> bool:
        """Assignments that keep no section: `. = 0`, `. = . + 0`, `. = ALIGN(. != 0 ? n : 1)`."""
        if value is None or value.value:
            return False

        def is_zero(part: Expr) -> bool:
            if isinstance(part, Number):
                return part.value == 0
            known = self.symbols.get(part.name) if isinstance(part, Name) else None
            return (
                known is not None and known.value == Value(0, ABSOLUTE) and known.iteration == self.iteration
            )

        def is_dot(part: Expr) -> bool:
            return isinstance(part, Name) and part.name == "."

        if isinstance(expr, Binary) and expr.op == "+" and is_dot(expr.left) and is_zero(expr.right):
            return True
        if isinstance(expr, Call) and expr.function == "ALIGN" and len(expr.arguments) == 1:
            choice = expr.arguments[0]
            return (
                isinstance(choice, Conditional)
                and isinstance(choice.test, Binary)
                and choice.test.op == "!="
                and is_dot(choice.test.left)
                and is_zero(choice.test.right)
                and isinstance(choice.no, Number)
                and choice.no.value == 1
            )
        return is_zero(expr)

    def assert_that(self, item: Assertion, section: Section, dot: int | None, out: Placed | None) -> None:
        """ASSERT, which is checked when everything has its place."""
        self._in(section, dot, out)
        value = self.evaluate(item.test)
        if self.phase == "final" and (value is None or not value.value):
            self.fail(item.place, item.message)
