"""What went wrong, in glibc's words, and in the two shapes in which glibc says it.

The same failure reads `PROG: error while loading shared libraries: libz.so: cannot open shared object file: No such
file or directory` when it ends a program, and only its last part in dlerror(3). So the parts are kept apart.
"""

from __future__ import annotations

import errno
import os

from ..base.errors import LoadError

LOADING = "error while loading shared libraries"
SYMBOL_LOOKUP = "symbol lookup error"
EXIT_STATUS = LoadError.exit_code


class DlError(LoadError):
    """One failure of the dynamic loader: the object it is about ("" for none), what happened, errno (0 for none).

    `occasion` is what glibc puts before it when the failure is fatal. `str()` is the dlerror(3) text.
    """

    def __init__(self, objname: str, what: str, code: int = 0, occasion: str = LOADING):
        self.objname = objname
        self.what = what
        self.code = code
        self.occasion = occasion
        super().__init__(self.text())

    def text(self) -> str:
        """The message as dlerror(3) gives it."""
        prefix = f"{self.objname}: " if self.objname else ""
        suffix = f": {os.strerror(self.code)}" if self.code else ""
        return f"{prefix}{self.what}{suffix}"

    def fatal(self, program: str) -> str:
        """The line (without newline) with which a program named `program` ends."""
        return f"{program}: {self.occasion}: {self.text()}"


def cannot_open(name: str, code: int = errno.ENOENT) -> DlError:
    """A library that no directory of the search path has."""
    return DlError(name, "cannot open shared object file", code)


def undefined_symbol(objname: str, symbol: str) -> DlError:
    """A reference that no object of the scope defines."""
    return DlError(objname, f"undefined symbol: {symbol}", occasion=SYMBOL_LOOKUP)


def corrupt(objname: str, what: str) -> DlError:
    """An object whose tables contradict themselves or the file's size; `what` says which."""
    return DlError(objname, what)
