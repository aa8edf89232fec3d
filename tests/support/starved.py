"""`python -m tests.support.starved LIMIT BYTES ARG...`: the command line in a process whose host is short of something.

LIMIT is AS: so many bytes of address space more than the process has at its start, where what every run needs is there already, so that
it is the guests' doings for which there is no memory; or FSIZE: so many bytes of any file, beyond which the host refuses to write.
"""

from __future__ import annotations

import resource
import sys
from importlib import import_module
from pathlib import Path

from toyvm.cli import main

_THERE = (
    "numpy",
    "toyvm.cli.run",
    "toyvm.system",
    "toyvm.kernel.mm.reclaim.reclaimer",
    "toyvm.kernel.proc.oom_killer",
    "toyvm.engines.python.reference_engine",
)


def _size() -> int:
    """Bytes of this process's address space."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


if __name__ == "__main__":
    for name in _THERE:
        import_module(name)
    what, limit = getattr(resource, f"RLIMIT_{sys.argv[1]}"), int(sys.argv[2])
    if what == resource.RLIMIT_AS:
        limit += _size()
    resource.setrlimit(what, (limit, limit))
    sys.exit(main(sys.argv[3:]))
