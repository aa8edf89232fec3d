"""Errors in a statement whose place is not known yet, and the limits of the assembler.

The parser and the encoder raise `Problem` with the wrong word. `statement_loop`, which knows file and
line, makes a `Diagnostic` with a caret under that word, and continues with the next statement.
"""

from __future__ import annotations

from collections.abc import Iterable

from ..base.diagnostics import did_you_mean

MAX_ERRORS = 100
"""The assembler stops after this many errors in one run."""

MAX_SECTION_BYTES = 1 << 28
"""The maximum size in bytes of a section with contents (256 MiB)."""

MAX_CONTENTS_BYTES = MAX_SECTION_BYTES
"""The maximum size in bytes of all sections with contents together."""

MAX_NOBITS_BYTES = 1 << 40
"""The maximum size in bytes of a section without contents, such as .bss (1 TiB)."""

MAX_ALIGNMENT_LOG2 = 16
"""The maximum alignment is 2**16 bytes, as in GNU as."""

MAX_REPORTS = 100 * MAX_ERRORS
"""The maximum number of errors, including repeated ones, and that of warnings."""

MAX_SECTIONS = 20_000
"""The maximum number of sections: with relocation and group sections it stays below SHN_LORESERVE."""

MAX_NESTING = 100
"""The maximum nesting depth of macro calls, repetitions and included files."""

MAX_EXPANDED_LINES = 4_000_000
"""The maximum number of lines that macros and repetitions may expand to."""

MAX_EXPRESSION_DEPTH = 100
"""The maximum nesting depth of parentheses and operators in an expression."""


class Problem(Exception):
    """A statement that cannot be assembled. `at` is the wrong word ("": the first word).

    `gnu` is the same in the words of GNU as (see `gnu_messages`). With `also` it says more about the
    same statement. `placed` is False if GNU as finds the problem at the end and names no line.
    """

    def __init__(
        self,
        message: str,
        at: str = "",
        *,
        expected: str = "",
        hint: str = "",
        gnu: str = "",
        also: str = "",
        placed: bool = True,
    ):
        super().__init__(message)
        self.message = message
        self.at = at
        self.expected = expected
        self.hint = hint
        self.gnu = gnu
        self.also = also
        self.placed = placed


def too_much(size: int) -> Problem:
    """All sections together are too large."""
    return Problem(f"the sections would have {size} bytes together; the limit is {MAX_CONTENTS_BYTES}")


def junk(rest: str) -> Problem:
    """The problem that a statement goes on after its last operand."""
    rest = rest.strip()
    return Problem(
        f"unexpected '{rest[:20]}' after the last operand",
        rest.split()[0] if rest else "",
        gnu=f"junk at end of line, first unrecognized character is `{rest[:1]}'",
    )


class Fatal(Problem):
    """A problem that ends the assembly, such as a macro that expands without end."""


class Abandoned(Exception):
    """A `Fatal` problem has been reported; ends the statement loop."""


class TooManyErrors(Exception):
    """`MAX_ERRORS` is reached; ends the statement loop."""


def unknown(what: str, word: str, known: Iterable[str]) -> Problem:
    """The problem that `word` is not one of the `known` words. It suggests a similar one."""
    gnu = "unrecognized opcode `{statement}'" if what == "instruction" else ""
    if what == "symbol type":
        gnu = f'unrecognized symbol type "{word}"'
    if what == "section flag":
        gnu = "Fatal error: unrecognized .section attribute: want a,e,o,w,x,M,S,G,T or number"
    if what == "directive":
        gnu = f"unknown pseudo-op: `{word}'"
    return Problem(f"unknown {what} '{word}'", word, hint=did_you_mean(word, known), gnu=gnu)
