"""The state of one assembly: sections, symbols, modes, the current place; evaluation of expressions.

`statement_loop` passes it to directives and the encoder, and `finalize` makes the object from it.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from copy import copy
from typing import Protocol

from toyvm.base.record import Record

from ..base.diagnostics import Diagnostic
from ..elf.architecture.isa_strings import Arch
from ..elf.constants import SHF_ALLOC, SHF_WRITE, SHT_NOBITS
from .assembler_options import AssemblerOptions
from .dwarf.cfi_directives import CallFrameTable
from .dwarf.line_table import LineTableWriter
from .enabled_rows import enabled_rows, needs_encoded
from .expressions import combine, present
from .grammar import Expr, ExprNode, parse_expression
from .problems import MAX_ERRORS, MAX_REPORTS, MAX_SECTIONS, Fatal, Problem, TooManyErrors
from .sections import (
    DATA_FLAGS,
    TEXT_FLAGS,
    AsmSection,
    AsmSymbol,
    Chunk,
    DeferredOperation,
    ExplicitReloc,
    Linear,
    Room,
    SectionKey,
    Value,
    distance,
)
from .source_listing import SourceListing
from .statements import SourceMap
from .symbols import AsmSymbols
from .versioned_symbols import VersionedName

_NUMERIC = re.compile(r"([0-9]+)([fb])")
_DECIMAL = re.compile(r"0|[1-9][0-9]{0,8}")


class Cache(Protocol):
    """A dictionary, or what else can be emptied."""

    def clear(self) -> None:
        """Empty it."""


class Modes(Record, frozen=False):
    """The settings that `.option` changes and `.option push` saves."""

    arch: Arch
    relax: bool
    pic: bool
    rvc: bool
    csr_check: bool = False


class Condition(Record, frozen=False):
    """An open `.if`: its place, whether a branch has been taken, and whether `.else` has been read."""

    where: int
    taken: bool
    final: bool = False


class AssemblyState:
    """The state of one assembly. `where` is the number of the current statement, `line` its text."""

    def __init__(self, options: AssemblerOptions):
        self.options = options
        self.source = SourceMap()
        self.symbols = AsmSymbols()
        self.sections: list[AsmSection] = []
        self.room = Room()  # of all of them
        self._by_key: dict[SectionKey, AsmSection] = {}
        self.modes = Modes(Arch.parse(options.march, options.isa_spec), options.relax, options.pic, False)
        self.modes.csr_check = options.csr_check
        self.abi_arch = self.modes.arch  # the architecture that determines the calling convention
        self.modes.rvc = self.modes.arch.has_compressed
        self.seen_rvc = self.modes.rvc
        self.mode_stack: list[Modes] = []
        self.arch_text = str(self.modes.arch)
        self.enabled = enabled_rows(self.modes.arch)
        self.more_rows = needs_encoded(self.modes.arch)
        self.xlen = self.modes.arch.xlen
        self.is_embedded = self.modes.arch.has("e")  # with 16 registers
        self.versions: list[VersionedName] = []
        self.relocs: list[ExplicitReloc] = []
        self.absolute: list[Chunk] = []  # the stretches of .struct
        # Names that stand for an expression wherever they are used: of .eqv and .weakref
        self.substitutes: dict[str, Expr] = {}
        self._substituting: list[str] = []
        # The aliases that .weakref makes, and those of their targets that nothing else refers to so far
        self.weak_aliases: set[str] = set()
        self.weak_targets: set[AsmSymbol] = set()
        self.attributes: dict[int, int | str] = {}
        self.has_privileged = False
        self.priv_spec = options.priv_spec
        self.has_attributes = options.arch_attribute
        self.instructions = False  # whether there is one before here
        self.where = 0
        self.line = ""
        self.frames: CallFrameTable[AsmSymbol] = CallFrameTable()
        self._cfi_label: AsmSymbol | None = None
        self.lines: LineTableWriter[AsmSection, AsmSymbol] | None = None
        self.text_lines = options.debug_lines  # -g, and no .file N so far
        self._last_line: tuple[str, int] | None = None  # that got a row by -g
        self.zero_views: list[tuple[Value, int]] = []  # what `.loc ... view 0` says is 0, and where
        self.on_instruction: Callable[[], None] | None = None
        self.mark_labels = False  # by .loc_mark_labels
        self.seen_stabs = False
        self.errors: list[str] = []
        self._reports = 0
        self.first_said = ""  # the file of the first message
        self.warnings: list[str] = []
        self.reports: list[str] = []  # both, in their order
        self.printed: list[str] = []
        self.listing = SourceListing()
        self.conditions: list[Condition] = []
        self.section_stack: list[tuple[Chunk, Chunk]] = []
        # Caches for statements without symbols: text -> bytes, for code and for data.
        self.memo: dict[str, bytes] = {}
        self.code_memo: dict[str, bytes] = {}
        self.data_memo: dict[str, bytes] = {}
        self._no_memo: dict[str, bytes] = {}
        # What is kept about statements under the present architecture and macros
        self.caches: list[Cache] = [self.code_memo]
        self.row_pending = False  # the next instruction only needs its row of the line table before it
        text = self.section(".text", flags=TEXT_FLAGS)
        text.align = 2 if self.modes.rvc else 4
        self.section(".data", flags=DATA_FLAGS)
        self.section(".bss", SHT_NOBITS, SHF_ALLOC | SHF_WRITE)
        self.chunk = self.previous = text.chunk(0)
        self.refresh_memo()
        if options.debug_lines:
            self.watch_text()

    # -- sections ---------------------------------------------------------------------------------

    def section(
        self,
        name: str,
        type: int = 1,
        flags: int = 0,
        entsize: int = 0,
        key: SectionKey | None = None,
        listed: bool = True,
    ) -> AsmSection:
        """The section with that key, by default the one of that name, created if necessary.

        If `listed` is set, its symbol is appended to the order of the symbol table. Raises Fatal above
        MAX_SECTIONS, Problem if a label has the name.
        """
        key = key or SectionKey(name)
        found = self._by_key.get(key)
        if found is None:
            if len(self.sections) >= MAX_SECTIONS:
                raise Fatal(f"more than {MAX_SECTIONS} sections")
            # The name of a section is a symbol, which may have been used before (gas: section_symbol).
            known = self.symbols.by_name.get(name)
            if known is not None and _is_alias_of_undefined(known):
                known = self.symbols.by_name.pop(name) and None
            if known is not None and known.section is None and known.is_defined:
                raise Problem(
                    f"section name '{name}' is defined as another symbol",
                    gnu=f"section name '{name}' already defined as another symbol",
                )
            unused = known if known is not None and known.section is None else None
            found = self._by_key[key] = AsmSection(name, type, flags, entsize, unused)
            self.symbols.by_name.setdefault(name, found.symbol)
            found.group, found.link, found.node, found.room = key.group, key.link, key.node, self.room
            self.sections.append(found)
            if listed:
                self.symbols.list(found.symbol)
        return found

    def find_section(self, key: SectionKey) -> AsmSection | None:
        """The section with that key, or None."""
        return self._by_key.get(key)

    def enter(self, chunk: Chunk) -> None:
        """Make `chunk` the current place. `.previous` returns to the one before."""
        self.previous = self.chunk
        self.chunk = chunk
        self.refresh_memo()

    def refresh_memo(self) -> None:
        """Choose the cache of statements for the current place."""
        section = self.chunk.section
        self.row_pending = False
        if self.options.listing:
            self.memo = self._no_memo
        elif section.is_code:
            ready = (
                section.map_state == "x"
                and section.map_arch == self.arch_text
                and not self.modes.csr_check  # whose warnings each statement has
            )
            self.row_pending = ready and self.on_instruction is not None
            self.memo = self.code_memo if ready and not self.row_pending else self._no_memo
        else:
            self.memo = self._no_memo if section.is_nobits else self.data_memo

    def modes_changed(self) -> None:
        """Call after a change of `modes`. It invalidates the cached statements."""
        self.arch_text = str(self.modes.arch)
        self.enabled = enabled_rows(self.modes.arch)
        self.more_rows = needs_encoded(self.modes.arch)
        self.xlen = self.modes.arch.xlen
        self.is_embedded = self.modes.arch.has("e")  # with 16 registers
        self.forget_statements()
        self.refresh_memo()

    def forget_statements(self) -> None:
        """Clear what is kept about statements: they may mean something else from here on."""
        for cache in self.caches:
            cache.clear()

    def push_modes(self) -> None:
        """`.option push`."""
        self.mode_stack.append(copy(self.modes))

    def mark(self, kind: str, padding: bool = False) -> None:
        """Add a mapping symbol for code ("x") or data ("d") if a code section changes to it.

        The nops of `padding` do not change the architecture. gas: riscv_mapping_state.
        """
        section = self.chunk.section
        if not section.is_code:
            return
        if kind == "x" and section.map_arch != self.arch_text and not (padding and section.map_arch):
            name = "$x" + self.arch_text
            section.map_arch = self.arch_text
        elif section.map_state != kind:
            name = "$" + kind
        else:
            return
        section.map_state = kind
        symbol = self.symbols.list(self.chunk.place(AsmSymbol(name)))
        symbol.where = self.where
        section.mapping.append(symbol)
        self.refresh_memo()

    def begin_instruction(self) -> None:
        """Call before an instruction: adds its mapping symbol and its row of the line table."""
        section = self.chunk.section
        if self.chunk.is_absolute:
            raise Problem(
                "an instruction cannot be put into the absolute section",
                gnu="relaxable branches not supported in absolute section",
            )
        if section.map_state != "x" or section.map_arch != self.arch_text:
            self.mark("x")
        self.give_row()

    def give_row(self) -> None:
        """Give the next instruction its row of the line table, if it is to have one."""
        if self.on_instruction is not None:
            self.on_instruction()

    def note_privileged(self) -> None:
        """Record the version of the privileged architecture (GNU as: for each CSR or privileged row)."""
        self.has_privileged = True

    @property
    def abi(self) -> str:
        """The calling convention: that of -mabi, or that of the architecture."""
        return self.options.mabi or self.abi_arch.default_abi

    def watch_instructions(self, pending: bool = True) -> None:
        """Give the row of a pending `.loc` to the next instruction."""
        self.on_instruction = self._pending_line if pending else None
        self.refresh_memo()

    def mark_label(self, symbol: AsmSymbol) -> None:
        """Give a label in code its row of the line table. It takes the place of a pending `.loc`."""
        if self.lines is None or not self.chunk.section.is_code:
            return
        self.lines.label(self.chunk.section, symbol)
        if not self.text_lines:
            self.on_instruction = None
            self.refresh_memo()

    def watch_text(self) -> None:
        """-g: give each instruction a row with its place in the text, until there is a `.file N`."""
        self.line_table()
        self.on_instruction = self._text_line
        self.refresh_memo()

    def line_table(self) -> LineTableWriter[AsmSection, AsmSymbol]:
        """The line table, created if necessary."""
        if self.lines is None:
            default = 2 if self.options.debug_lines else 3
            self.lines = LineTableWriter(level=self.options.dwarf_level or default)
        return self.lines

    def leave_text_lines(self) -> None:
        """A `.file N` says that a compiler gives the lines: drop those of -g."""
        if self.text_lines:
            self.text_lines = False
            self.lines = self.on_instruction = None
            self.refresh_memo()

    def _text_line(self) -> None:
        section = self.chunk.section
        place = file, number = self.source.place(self.where)
        if place != self._last_line and section.is_code and section.is_alloc:
            self._last_line = place
            table = self.line_table()
            table.row(section, self.chunk.here, table.file_number(file), number)

    def _pending_line(self) -> None:
        self.flush_line()
        self.on_instruction = None
        self.refresh_memo()

    def flush_line(self) -> None:
        """Give a pending `.loc` its row here. Sections that are not code in memory have no rows."""
        table, section = self.lines, self.chunk.section
        if table is None or not table.pending:
            return
        if section.is_code and section.is_alloc:
            table.instruction(section, self.chunk.here)
        else:
            table.pending = False
            self.warn(f"dwarf line number information for {section.name} ignored")

    def cfi_here(self) -> AsmSymbol:
        """The label of the current place for CFI. It is the same one until bytes are appended."""
        label, chunk = self._cfi_label, self.chunk
        if chunk.is_absolute:
            raise Problem("the absolute section has no call frames")
        if label is None or (label.chunk, label.frag, label.offset) != (chunk, chunk.frag, len(chunk.data)):
            label = self._cfi_label = self.symbols.list(chunk.here())
        return label

    # -- expressions ------------------------------------------------------------------------------

    def evaluate(self, expr: Expr) -> Value:
        """The value of an expression as far as it is known. Unknown names become undefined symbols."""
        if isinstance(expr, int):
            return expr
        if isinstance(expr, str):
            return self._symbol_value(expr)
        if isinstance(expr, AsmSymbol):
            return Linear(expr, None, 0)
        return combine(expr.op, self.evaluate(expr.left), self.evaluate(expr.right))

    def _symbol_value(self, name: str) -> Value:
        if self.substitutes:
            expr = self.substitutes.get(name)
            if expr is not None:
                return self._substituted(name, expr)
        symbol = self.symbols.by_name.get(name)
        if self.weak_targets and symbol is not None:
            self.weak_targets.discard(symbol)
        if symbol is None:
            symbol = self._special(name)
            symbol.is_forward = True
        value = symbol.value
        if value is not None and not isinstance(value, int):
            value = present(value)  # as it is now: .set may change what it is made of
        return value if isinstance(value, int) else Linear(symbol, None, 0)

    def _substituted(self, name: str, expr: Expr) -> Value:
        """The value of a name that stands for an expression. Raises Problem if it stands for itself."""
        if name in self._substituting:
            raise Problem(f"symbol '{name}' is defined in terms of itself", name)
        target = (
            self.symbols.by_name.get(expr) if name in self.weak_aliases and isinstance(expr, str) else None
        )
        still_weak = target is not None and target in self.weak_targets
        self._substituting.append(name)
        try:
            return self.evaluate(expr)
        finally:
            self._substituting.pop()
            if still_weak and target is not None:
                self.weak_targets.add(target)

    def _special(self, name: str) -> AsmSymbol:
        if name == ".":
            return self.symbols.list(self.chunk.here())
        local = _NUMERIC.fullmatch(name)
        if local is None:
            return self.symbols.get(name, self.where)
        number = int(local[1]) if len(local[1]) < 12 else -1
        if local[2] == "f":
            symbol = self.symbols.numeric_forward(number)
            symbol.where = symbol.where or self.where
            return symbol
        found = self.symbols.numeric_backward(number)
        if found is None:
            raise Problem(f"there is no label '{local[1]}:' before this", name)
        return found

    def is_number(self, expr: Expr) -> bool:
        """Whether `expr` is a number at this point. Creates no symbols."""
        if isinstance(expr, int):
            return True
        if isinstance(expr, str):
            symbol = self.symbols.by_name.get(expr)
            return symbol is not None and isinstance(symbol.value, int)
        return isinstance(expr, ExprNode) and self.is_number(expr.left) and self.is_number(expr.right)

    def number(self, expr: Expr, what: str = "this") -> int:
        """The value of `expr`. Raises Problem if it is not known yet."""
        value = expr if isinstance(expr, int) else self.fixed(self.evaluate(expr))
        if value is None:
            value = self.fixed(present(self.evaluate(expr)))
        if value is None:
            at = expr if isinstance(expr, str) else ""
            raise Problem(
                f"{what} must be a number that is known here",
                at,
                expected="a constant expression",
                gnu="bad or irreducible absolute expression",
            )
        return value

    def number_of(self, text: str, what: str = "this") -> int:
        """The value of the expression `text`. Raises Problem if it is not known yet."""
        if _DECIMAL.fullmatch(text):
            return int(text)
        return self.number(parse_expression(text), what)

    def number_or_report(self, text: str, what: str) -> int:
        """Like `number_of`. A problem is reported, and the number is 0."""
        try:
            return self.number_of(text, what)
        except Problem as problem:
            self.report(problem)
            return 0

    def fixed(self, value: Value) -> int | None:
        """`value` as a number, or None if it may still change."""
        if isinstance(value, int):
            return value
        if isinstance(value, DeferredOperation):
            left, right = self.fixed(value.left), self.fixed(value.right)
            return None if left is None or right is None else int_of(combine(value.op, left, right))
        add, sub, addend = value
        if add is not None and sub is not None:
            between = distance(add, sub)
            return None if between is None else between + addend
        return None

    @property
    def is_stopped(self) -> bool:
        """Whether errors end the assembly.

        GNU as goes on to the last passes, which may find more, and a listing needs them.
        """
        go_on = self.options.always_write or self.options.gnu_messages or self.options.listing
        return bool(self.errors) and not go_on

    # -- problems ---------------------------------------------------------------------------------

    def report(self, problem: Problem, where: int | None = None, severity: str = "error") -> None:
        """Record an error or a warning at a statement. Raises TooManyErrors at the limit."""
        if severity == "warning" and len(self.warnings) >= MAX_REPORTS:
            return
        self._reports += severity != "warning"
        if self._reports > MAX_REPORTS:
            raise TooManyErrors
        where = self.where if where is None else where
        span = self.source.span(where, problem.at)
        self.first_said = self.first_said or span.file
        related = tuple(self.source.callers(where))
        diagnostic = Diagnostic(span, problem.message, severity, problem.expected, problem.hint, related)
        if self.options.gnu_messages:
            from .gnu_messages import shaped

            text = shaped(diagnostic, problem, self.line if where == self.where else span.text)
        else:
            text = diagnostic.render()
        if severity == "warning":
            self.warnings.append(text)
            self.reports.append(text)
            return
        if text not in self.errors:
            self.errors.append(text)
            self.reports.append(text)
        if len(self.errors) >= (MAX_REPORTS if self.options.gnu_messages else MAX_ERRORS):
            raise TooManyErrors

    def warn_unplaced(self, message: str, file: str) -> None:
        """Record a warning about a file without a line."""
        said = f"{file}: Warning: {message}" if self.options.gnu_messages else f"{file}: warning: {message}"
        self.first_said = self.first_said or file
        self.warnings.append(said)
        self.reports.append(said)

    def warn(self, message: str, at: str = "", gnu: str = "") -> None:
        """Record a warning at the current statement."""
        self.report(Problem(message, at, gnu=gnu), severity="warning")


def _is_alias_of_undefined(symbol: AsmSymbol) -> bool:
    """Whether a symbol is equated to one without a definition. Its name may still become that of a section (gas)."""
    value = symbol.value
    return isinstance(value, Linear) and value.add is not None and not value.add.is_defined


def int_of(value: Value) -> int:
    """`value`, which must be a number."""
    assert isinstance(value, int)
    return value
