"""Features of the host's processor, as its kernel reports them: asking LLVM would mean importing it."""

from __future__ import annotations

from functools import cache


@cache
def features() -> frozenset[str]:
    """The flags of the first processor as /proc/cpuinfo names them (`fma`, `sse4_1`); none where there is no such file."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as stream:
            line = next((line for line in stream if line.startswith("flags")), ":")
    except OSError:  # not Linux, where no native code is made either
        return frozenset()
    return frozenset(line.partition(":")[2].split())
