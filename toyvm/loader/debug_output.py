"""Where LD_DEBUG's lines go: the guest's standard error, or LD_DEBUG_OUTPUT.PID in its file system."""

from __future__ import annotations

from .debug_log import DebugLog
from .guest_process import Guest
from .ld_environment import LdEnvironment


def debug_log(guest: Guest, environment: LdEnvironment) -> DebugLog:
    """The log for one process. A file that cannot be written is given up for standard error."""
    if not environment.debug_output:
        return DebugLog(environment.debug, guest.pid, guest.write_stderr)
    path = f"{environment.debug_output}.{guest.pid}"

    def to_file(data: bytes) -> None:
        try:
            guest.append_file(path, data)
        except OSError:
            guest.write_stderr(data)

    return DebugLog(environment.debug, guest.pid, to_file)
