"""The one exception tree. Whatever a user can cause ends as one of these: a message and an exit code.

The command line prints the message and exits with `exit_code`; nothing else may escape to it. What a guest can cause is an
OSError with a Linux errno instead (`error`), which a system call returns to it.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


def error(number: int) -> OSError:
    """An OSError of `number` (errno.ENOENT ...), to raise."""
    return OSError(number, os.strerror(number))


class ToyvmError(Exception):
    """Base of all errors that a user can cause. `exit_code` is what the command line exits with."""

    exit_code = 1


class UsageError(ToyvmError):
    """A command line that does not make sense (exit 2)."""

    exit_code = 2


class ElfError(ToyvmError):
    """A file that is not the ELF file or archive it should be. The message begins with the file's name."""


class DiagnosticsError(ToyvmError):
    """One or more problems in a user's input, each already rendered as `file:line:col: error: ...`."""

    def __init__(self, messages: Sequence[str]):
        super().__init__("\n".join(messages))
        self.messages = tuple(messages)


class AssemblyError(DiagnosticsError):
    """Assembly text that cannot be assembled."""


class LinkError(DiagnosticsError):
    """Inputs that cannot be linked."""


class NotExecutableError(ToyvmError):
    """A program file exists but cannot be run (exit 126, as a shell reports it)."""

    exit_code = 126


class NotFoundError(ToyvmError):
    """A program file does not exist (exit 127, as a shell reports it)."""

    exit_code = 127


class LoadError(ToyvmError):
    """The dynamic loader cannot find a library or a symbol; glibc's words, exit 127 (ld.so(8))."""

    exit_code = 127
