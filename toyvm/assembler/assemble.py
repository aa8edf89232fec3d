"""The entry point of the assembler. The result is an object, or all errors at once.

The passes: read all statements (this fills sections and collects fix-ups), lay out sections (sizes
and addresses are final), resolve symbols and fix-ups (bytes and relocations are final), and build
the object.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from toyvm.base.record import Record

from ..base.errors import AssemblyError, UsageError
from ..elf.architecture.isa_strings import ArchError, abi_faults
from .assembler_options import AssemblerOptions
from .finishing.finalize import finish
from .finishing.object_output import AssembledFile
from .gnu_messages import header
from .problems import MAX_ERRORS, Abandoned, Problem, TooManyErrors
from .state import AssemblyState
from .statement_loop import Driver, define

if TYPE_CHECKING:
    from ..elf.object_file import ObjectFile


class Assembled(Record):
    """An object, the messages of its text, the included files, and the state for a listing.

    There are errors only if `AssemblerOptions` asks for an object (`always_write`) or a listing in spite of them.
    """

    output: AssembledFile
    errors: tuple[str, ...]
    warnings: tuple[str, ...]
    reports: tuple[str, ...]
    """Both in their order, after GNU's heading if its messages are wanted."""
    printed: tuple[str, ...]
    included: tuple[str, ...]
    state: AssemblyState

    @property
    def object(self) -> ObjectFile:
        """The object as a model."""
        return self.output.object


def assemble_text(text: str, name: str, options: AssemblerOptions | None = None) -> ObjectFile:
    """Assemble `text`. Messages call it `name`. Raises AssemblyError with all diagnostics."""
    return assemble_texts([(text, name)], name, options).object


def _check_abi(state: AssemblyState) -> None:
    """Raise an error if -mabi does not go with the architecture of -march and `.attribute arch`."""
    options = state.options
    faults = abi_faults(options.mabi, state.abi_arch) if options.mabi else []
    if faults and options.gnu_messages:
        raise AssemblyError([header(""), *(f"Error: {gnu}" for _, gnu in faults)])
    if faults:
        raise UsageError(f"-mabi={options.mabi}: {faults[0][0]}")


def assemble_texts(
    texts: Iterable[tuple[str, str]], name: str, options: AssemblerOptions | None = None
) -> Assembled:
    """Assemble pairs of text and file name into one object, as GNU as does with several files.

    Raises AssemblyError with all diagnostics, and UsageError if `options.march` is invalid.
    """
    options = options or AssemblerOptions()
    try:
        driver = Driver(options)
    except ArchError as error:
        if options.gnu_messages:
            raise AssemblyError([header(""), *(f"Error: {text}" for text in error.gnu)]) from None
        raise UsageError(f"-march: {error}") from None
    state = driver.state
    for symbol, value in options.defsyms:
        define(state, symbol, value)
    made: AssembledFile | None = None
    try:
        for text, file in texts:
            driver.run(text, file)
        _check_abi(state)
        if not state.is_stopped:
            made = finish(state, name)
    except TooManyErrors:
        state.errors.append(f"{name}: more than {MAX_ERRORS} errors; the rest is not assembled")
    except Abandoned:
        pass  # its error has been reported
    except Problem as problem:
        try:
            state.report(problem)
        except TooManyErrors:
            pass  # the problem has been recorded
    head = [header(state.first_said)] if options.gnu_messages and state.reports else []
    if made is None or (state.errors and not (options.always_write or options.listing)):
        raise AssemblyError([*head, *(state.reports if head else (*state.warnings, *state.errors))])
    if state.warnings and options.fatal_warnings:
        raise AssemblyError(
            [*head, *state.warnings, f"{name}: error: warnings are treated as errors (--fatal-warnings)"]
        )
    return Assembled(
        made,
        tuple(state.errors),
        tuple(state.warnings),
        (*head, *state.reports),
        tuple(state.printed),
        tuple(driver.reader.included),
        state,
    )
