"""The options with which a run cannot be computed again."""

from __future__ import annotations

from toyvm.base.errors import UsageError
from toyvm.run_options import RunOptions


def check(options: RunOptions) -> None:
    """Raises UsageError for options with which a run cannot be computed again."""
    refused = {
        "--root DIR:rw": options.root_writable,
        "--net loopback-host": options.net == "loopback-host",
        "--engine lockstep": options.engine == "lockstep",
        "--trace=insn": "insn" in options.trace,
        "--break": bool(options.breakpoint),
    }
    for name, given in refused.items():
        if given:
            raise UsageError(
                f"{name} cannot be used with a debugger or a recording: the past of the run could not be computed again"
            )
