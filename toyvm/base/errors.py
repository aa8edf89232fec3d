"""The exceptions for errors that a user can cause: each has a message and an exit code.

The command line prints the message and exits with `exit_code`. For an error that a guest causes, a
system call raises an OSError with a Linux errno (`error`) instead, which it returns to the guest.
"""

from __future__ import annotations

import os
from collections.abc import Sequence


def error(number: int) -> OSError:
    """An OSError to raise, with `number` (errno.ENOENT ...) and its message."""
    return OSError(number, os.strerror(number))


class ToyvmError(Exception):
    """Base of the errors that a user can cause. `exit_code` is the exit code of the command."""

    exit_code = 1


class UsageError(ToyvmError):
    """Options or arguments that are wrong or contradict each other (exit 2)."""

    exit_code = 2


class ElfError(ToyvmError):
    """A file that is not a valid ELF file or archive. The message begins with the file's name."""


class DiagnosticsError(ToyvmError):
    """One or more problems in a user's input, each rendered as `file:line:col: error: ...`."""

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


class UnknownNameError(NotFoundError):
    """A symbol, section, address or place that a program does not have (exit 1: its files are there)."""

    exit_code = 1


class LoadError(ToyvmError):
    """The dynamic loader cannot find a library or a symbol (exit 127); the message is glibc's."""

    exit_code = 127
