"""Errors in one statement, before the place of the statement is known.

The parts that parse and encode raise `Problem` with the offending word; the driver, which knows file and line, turns
it into a `source.Diagnostic` with a caret under that word, and goes on with the next statement.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..base.diagnostics import did_you_mean

MAX_ERRORS = 100
"""The assembler stops after this many errors in one run."""

MAX_SECTION_BYTES = 1 << 28
"""The most bytes that a section with contents may have (256 MiB)."""

MAX_NOBITS_BYTES = 1 << 40
"""The most bytes that a section without contents (.bss) may have (1 TiB)."""

MAX_ALIGNMENT_LOG2 = 16
"""The greatest alignment is 2**16 bytes, as in GNU as."""

MAX_REPORTS = 100 * MAX_ERRORS
"""The most errors and warnings that are considered, including repeated ones."""

MAX_SECTIONS = 20_000
"""The most sections of one object: with their relocation and group sections they must stay below SHN_LORESERVE."""

MAX_NESTING = 100
"""How deep macro calls, repetitions and included files may be inside one another."""

MAX_EXPANDED_LINES = 4_000_000
"""The most lines that macros and repetitions may produce in one run."""

MAX_EXPRESSION_DEPTH = 100
"""How deep parentheses and operators may be inside one another in an expression."""


class Problem(Exception):
    """One statement cannot be assembled. `at` is the word of the statement that is wrong ("" for its first word)."""

    def __init__(self, message: str, at: str = "", *, expected: str = "", hint: str = ""):
        super().__init__(message)
        self.message = message
        self.at = at
        self.expected = expected
        self.hint = hint


class Fatal(Problem):
    """A problem that ends the assembly, such as a macro that expands without end."""


class Abandoned(Exception):
    """A `Fatal` problem has been reported; ends the statement loop."""


class TooManyErrors(Exception):
    """`MAX_ERRORS` is reached; ends the statement loop."""


def unknown(what: str, word: str, known: Iterable[str]) -> Problem:
    """The problem of a `word` that is not among the `known` ones, with a suggestion."""
    return Problem(f"unknown {what} '{word}'", word, hint=did_you_mean(word, known))
