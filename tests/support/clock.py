"""CPU time of other processes."""

from __future__ import annotations

import resource


def children_seconds() -> float:
    """CPU seconds, user and system, of the children waited for so far, and of those that they waited for (getrusage(2))."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
