"""Errors of the dynamic loader, with glibc's messages in their two forms.

A fatal error reads `PROG: error while loading shared libraries: libz.so: cannot open shared object
file: No such file or directory`. dlerror(3) returns only the part from `libz.so` on.
"""

from __future__ import annotations

import errno
import os

from ..base.errors import LoadError

LOADING = "error while loading shared libraries"
SYMBOL_LOOKUP = "symbol lookup error"
EXIT_STATUS = LoadError.exit_code


class DlError(LoadError):
    """An error of the dynamic loader.

    objname   the object concerned; "": none
    what      the message
    code      the errno; 0: none
    occasion  glibc's prefix when the error is fatal

    `str()` is the dlerror(3) text.
    """

    def __init__(self, objname: str, what: str, code: int = 0, occasion: str = LOADING):
        self.objname = objname
        self.what = what
        self.code = code
        self.occasion = occasion
        super().__init__(self.text())

    def text(self) -> str:
        """The message that dlerror(3) returns."""
        prefix = f"{self.objname}: " if self.objname else ""
        suffix = f": {os.strerror(self.code)}" if self.code else ""
        return f"{prefix}{self.what}{suffix}"

    def fatal(self, program: str) -> str:
        """The message of a fatal error in `program`, without newline."""
        return f"{program}: {self.occasion}: {self.text()}"


def cannot_open(name: str, code: int = errno.ENOENT) -> DlError:
    """The error for a library that was not found or cannot be opened."""
    return DlError(name, "cannot open shared object file", code)


def undefined_symbol(objname: str, symbol: str) -> DlError:
    """The error for a reference that no object of the scope defines."""
    return DlError(objname, f"undefined symbol: {symbol}", occasion=SYMBOL_LOOKUP)


def corrupt(objname: str, what: str) -> DlError:
    """The error for an object with an invalid table, which `what` describes."""
    return DlError(objname, what)
