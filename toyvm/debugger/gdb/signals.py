"""The numbers of signals in gdb's protocol, which are the same for every system, and in Linux."""

from __future__ import annotations

# Linux's number -> gdb's (include/gdb/signals.def). The real-time signals follow.
_GDB = {
    1: 1, 2: 2, 3: 3, 4: 4, 5: 5, 6: 6, 7: 10, 8: 8, 9: 9, 10: 30, 11: 11, 12: 31, 13: 13, 14: 14, 15: 15,
    17: 20, 18: 19, 19: 17, 20: 18, 21: 21, 22: 22, 23: 16, 24: 24, 25: 25, 26: 26, 27: 27, 28: 28, 29: 23,
    30: 32, 31: 12, 32: 77, **{number: number + 12 for number in range(33, 64)}, 64: 78,
}  # fmt: skip
_LINUX = {gdb: linux for linux, gdb in _GDB.items()}
UNKNOWN = 143  # GDB_SIGNAL_UNKNOWN


def gdb_signal(linux: int) -> int:
    """gdb's number of a Linux signal; GDB_SIGNAL_UNKNOWN if it has none."""
    return _GDB.get(linux, UNKNOWN)


def linux_signal(gdb: int) -> int:
    """The Linux signal of gdb's number; 0 if there is none."""
    return _LINUX.get(gdb, 0)
