"""The private system calls of the dynamic loader, which its stub and libc use."""

from __future__ import annotations

import errno

from toyvm.base.errors import LoadError, NotExecutableError, error
from toyvm.base.light_types import TYPE_CHECKING

from ..proc.execve import ExecFailedError

if TYPE_CHECKING:
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process


def private_call(kernel: KernelState, process: Process) -> int:
    """Pass a private call (docs/design/loader.md) to the loader, which accesses the registers
    itself.

    Errors: ENOSYS (no loader, or a static program), and those of the loader. A LoadError ends the
    process: ExecFailedError.
    """
    if kernel.interpreter is None:
        raise error(errno.ENOSYS)
    x = process.hart.x
    try:
        kernel.interpreter.call(kernel, process, x[17], x)
    except LoadError as failure:
        raise ExecFailedError(str(failure), failure.exit_code) from None
    except NotExecutableError as failure:
        raise ExecFailedError(str(failure), 127) from None
    return x[10]
