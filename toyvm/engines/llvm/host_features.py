"""Features of the host's processor from /proc/cpuinfo, without an import of LLVM."""

from __future__ import annotations

from functools import cache


@cache
def features() -> frozenset[str]:
    """The first processor's flags as in /proc/cpuinfo (`fma`, `sse4_1`); none without that file."""
    try:
        with open("/proc/cpuinfo", encoding="ascii", errors="replace") as stream:
            line = next((line for line in stream if line.startswith("flags")), ":")
    except OSError:  # not Linux: there is no native code either
        return frozenset()
    return frozenset(line.partition(":")[2].split())
