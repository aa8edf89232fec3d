"""The rows of the table as code objects: compiled once, cached on disk, loaded in a millisecond.

A short program executes a few dozen mnemonics. Importing the table, and printing and compiling
their functions, would take longer than the run. So `marshal` stores the code objects of all rows in
the cache folder, with a version of all their sources. An unreadable or outdated file is replaced.
"""

from __future__ import annotations

import marshal
from functools import cache, cached_property

from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record
from toyvm.isa.buckets import find_row
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.traps import Cause, Trap

from ..effects import HELPERS

if TYPE_CHECKING:
    from collections.abc import Callable
    from types import CodeType
    from typing import Any

    from toyvm.isa.buckets import Filed

    from ..code_map import Operation
    from .row_functions import RowData

    Extraction = Callable[[int], tuple[int, ...]]

CACHE_FILE = "rows.marshal"


class RowForm(Record, frozen=False, eq=False):
    """One of a row's two functions (`row_functions`).

    `code` is its marshalled code object. `linked` holds the operands' extraction and the function,
    once they are linked to the engine's memory.
    """

    code: bytes
    control: bool  # transfers control
    system: bool  # needs the hart's exact counters
    needs_pc: bool  # has the pc as its last operand
    linked: tuple[Extraction, Operation] | None = None


class PreparedRow(Record, eq=False):
    """A row: its length in bytes, the mask of rd, and its two forms (`discarding` for rd = x0)."""

    length: int
    destination: int
    plain: RowForm
    discarding: RowForm


class PreparedInstruction(Record, frozen=False, eq=False):
    """A decoded instruction: its length in bytes, its form, and its function with the operands.

    `plain`: it neither transfers control nor needs more than its operands. (Not frozen, because
    tens of thousands are made, and assignments to slots are quicker.)
    """

    length: int
    form: RowForm
    plain: bool
    step: tuple[Operation, tuple[int, ...]]


def bound(instruction: PreparedInstruction, pc: int) -> tuple[Operation, tuple[int, ...]]:
    """The function of an instruction at `pc` and its operands, pc included if the form needs it."""
    function, fields = instruction.step
    return (function, (*fields, pc)) if instruction.form.needs_pc else instruction.step


class PreparedRows:
    """The rows of one engine. Their functions access its physical memory."""

    def __init__(self, memory: PhysicalMemory):
        self._rows: dict[str, PreparedRow] = {}  # rows in use, by name
        self._names: dict[Operation, tuple[str, bool]] = {}  # of the linked functions
        self._namespace: dict[str, object] = {
            "u8": memory.u8,
            "u16": memory.u16,
            "u32": memory.u32,
            "u64": memory.u64,
            "Trap": Trap,
            "Cause": Cause,
            **HELPERS,
        }

    @cached_property
    def version(self) -> bytes:
        """The version of the rows' code."""
        return code_version()

    @cached_property
    def _data(self) -> Filed[RowData]:
        """The rows' code. A short run may execute none of it."""
        return _loaded(self.version)

    def prepare(self, word: int) -> PreparedInstruction | None:
        """Decode an instruction word; None if it is illegal."""
        data = find_row(self._data, word)
        if data is None:
            return None
        row = self._rows.get(data[0]) or self._add_row(data)
        form = row.discarding if row.destination and not word & row.destination else row.plain
        take, function = form.linked or self._link_form(data[0], form)
        plain = not (form.control or form.system or form.needs_pc)
        return PreparedInstruction(row.length, form, plain, (function, take(word)))

    def function(self, name: str, discarding: bool) -> Operation:
        """The function of a row; `discarding` selects the form for rd = x0."""
        row = self._rows.get(name) or self._add_row(self._by_name[name])
        form = row.discarding if discarding else row.plain
        return (form.linked or self._link_form(name, form))[1]

    def name_of(self, function: Operation) -> tuple[str, bool]:
        """The arguments of `function` that return this function."""
        return self._names[function]

    def _add_row(self, data: RowData) -> PreparedRow:
        name, length, destination, plain, discarding = data
        row = self._rows[name] = PreparedRow(length, destination, RowForm(*plain), RowForm(*discarding))
        return row

    def _link_form(self, name: str, form: RowForm) -> tuple[Extraction, Operation]:
        take, function = self.link(marshal.loads(form.code), "take", "op")
        form.linked = take, function
        self._names[function] = name, form is self._rows[name].discarding
        return form.linked

    @cached_property
    def _by_name(self) -> dict[str, RowData]:
        return {
            entry[3][0]: entry[3]
            for _, buckets in self._data
            for found in buckets.values()
            for entry in found
        }

    def link(self, code: CodeType, *names: str) -> Any:
        """The functions `names` that `code` defines. Their globals include the engine's memory."""
        exec(code, self._namespace)
        return [self._namespace.pop(name) for name in names]


def load(version: bytes) -> Filed[RowData]:
    """The data of all rows, from the cache, or made now and cached."""
    from toyvm.base.resources import kept

    def make() -> Filed[RowData]:
        from .row_functions import table_data  # imports the table and the printers

        return table_data()

    return kept(CACHE_FILE, version, make)


@cache
def _loaded(version: bytes) -> Filed[RowData]:
    """`load`, once for all engines of this process."""
    return load(version)


@cache
def code_version() -> bytes:
    """What generated code depends on: Python, and the sources of the table and the printers."""
    from toyvm.base.resources import source_version

    return source_version("base", "engines", "isa", "machine")
