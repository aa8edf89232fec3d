"""The rows of the table ready to execute: generated once, kept in the cache folder, loaded in a millisecond.

A short program meets a few dozen mnemonics once. Printing and compiling their functions would take longer than
running it, and so would importing the table; so the code objects of all rows are kept with `marshal`, beside a
version made of everything they come from. What cannot be read or does not fit is made anew.
"""

from __future__ import annotations

import marshal
from functools import cache, cached_property

from toyvm.base.light_types import TYPE_CHECKING
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
    from .row_functions import FormData, RowData

    Extraction = Callable[[int], tuple[int, ...]]

CACHE_FILE = "rows.marshal"


class RowForm:
    """A row's function, linked to an engine's memory when it is first needed. `plain` is one that only needs its operands."""

    __slots__ = ("code", "control", "function", "needs_pc", "plain", "system", "take")

    def __init__(self, data: FormData):
        self.code, self.control, self.system, self.needs_pc = data
        self.plain = not (self.control or self.system or self.needs_pc)
        self.function: Operation
        self.take: Extraction | None = None


class PreparedRow:
    """A row as an engine needs it: its length and its two forms."""

    __slots__ = ("destination", "discarding", "length", "plain")

    def __init__(self, data: RowData):
        _, self.length, self.destination, plain, discarding = data
        self.plain = RowForm(plain)
        self.discarding = RowForm(discarding)


class PreparedInstruction:
    """An instruction word made ready: the function of its row and its operands (`step`), and its length in bytes."""

    __slots__ = ("form", "length", "plain", "step")

    def __init__(self, length: int, form: RowForm, step: tuple[Operation, tuple[int, ...]]):
        self.length = length
        self.form = form
        self.plain = form.plain
        self.step = step


def bound(instruction: PreparedInstruction, pc: int) -> tuple[Operation, tuple[int, ...]]:
    """The function of an instruction at `pc`, and its operands with the address among them where it wants that."""
    function, fields = instruction.step
    return (function, (*fields, pc)) if instruction.form.needs_pc else instruction.step


class PreparedRows:
    """The rows for one engine: their functions work on its physical memory."""

    def __init__(self, memory: PhysicalMemory):
        self.version = code_version()
        self._data = load(self.version)
        self._rows: dict[str, PreparedRow] = {}  # those that were met, by name
        self._names: dict[Operation, tuple[str, bool]] = {}  # of the functions that are linked
        self._namespace: dict[str, object] = {
            "u8": memory.u8,
            "u16": memory.u16,
            "u32": memory.u32,
            "u64": memory.u64,
            "Trap": Trap,
            "Cause": Cause,
            **HELPERS,
        }

    def prepare(self, word: int) -> PreparedInstruction | None:
        """An instruction word made ready, or None when it is illegal."""
        data = find_row(self._data, word)
        if data is None:
            return None
        row = self._rows.get(data[0])
        if row is None:
            row = self._rows[data[0]] = PreparedRow(data)
        form = row.discarding if row.destination and not word & row.destination else row.plain
        take = form.take or self._link_form(data[0], form)
        return PreparedInstruction(row.length, form, (form.function, take(word)))

    def function(self, name: str, discarding: bool) -> Operation:
        """The function of one of the forms of a row."""
        row = self._rows.get(name)
        if row is None:
            row = self._rows[name] = PreparedRow(self._by_name[name])
        form = row.discarding if discarding else row.plain
        if form.take is None:
            self._link_form(name, form)
        return form.function

    def name_of(self, function: Operation) -> tuple[str, bool]:
        """What `function` gave or could give this function for."""
        return self._names[function]

    def _link_form(self, name: str, form: RowForm) -> Extraction:
        take: Extraction
        take, form.function = self.link(marshal.loads(form.code), "take", "op")
        form.take = take
        self._names[form.function] = name, form is self._rows[name].discarding
        return take

    @cached_property
    def _by_name(self) -> dict[str, RowData]:
        return {
            entry[3][0]: entry[3]
            for _, buckets in self._data
            for found in buckets.values()
            for entry in found
        }

    def link(self, code: CodeType, *names: str) -> Any:
        """The functions that `code` defines, with the engine's memory among their globals."""
        exec(code, self._namespace)
        return [self._namespace.pop(name) for name in names]


def load(version: bytes) -> Filed[RowData]:
    """The data of all rows, from the cache or made now (and then cached where that is possible)."""
    from toyvm.base.resources import kept  # here: it may not be wanted by whoever imports the package

    def make() -> Filed[RowData]:
        from .row_functions import table_data  # the table and the printers: only when the cache is cold

        return table_data()

    return kept(CACHE_FILE, version, make)


@cache
def code_version() -> bytes:
    """What generated code depends on: the sources of the table and of the printers, and the Python that compiled it."""
    from toyvm.base.resources import source_version

    return source_version("base", "engines", "isa", "machine")
