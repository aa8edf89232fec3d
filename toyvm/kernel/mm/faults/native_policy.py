"""The page fault policy as LLVM IR, from the `.ll` files beside this one.

`page_fault` is the same policy in Python. The engine compiles the IR together with its own
functions (`toyvm.engines.llvm.runtime`). It resolves the most common faults on the same frame
table: copy-on-write, first touches of anonymous memory in a window, and reads of cached file pages. The kernel resolves all
others. `tables.ll` has the kernel's loops over whole page tables.
"""

from __future__ import annotations

import os

from toyvm.engines.llvm import state_layout as layout
from toyvm.engines.llvm.runtime.ir_files import render
from toyvm.machine import frame_table, sv39
from toyvm.machine.physical_memory import DENSE, HUGE_FRAMES, MADV_HUGEPAGE, PAGE_SHIFT, PAGE_SIZE

FOLDER = os.path.dirname(__file__)
FILES = ("resolve.ll", "copy_on_write.ll", "demand_zero.ll", "frames.ll", "tables.ll")

_SYS_MADVISE = 28  # Linux on x86-64
_RESERVED = -1 << sv39.PTE_RESERVED_SHIFT
_PRIVATE = sv39.PTE_V | sv39.PTE_R | sv39.PTE_U  # flags of a page that is not executable, without W


def constants() -> dict[str, int | str]:
    """The value of each name in the files."""
    return {
        # Words of the engine's state, and its limits.
        "STATE_AT": layout.AT,
        "STATE_BORN": layout.BORN,
        "STATE_FRAMES": layout.FRAMES,
        "STATE_FREED": layout.FREED,
        "STATE_GENERATION": layout.GENERATION,
        "STATE_GIVEN": layout.GIVEN,
        "STATE_STALE": layout.STALE,
        "STATE_MEMORY": layout.MEMORY,
        "STATE_MISSES": layout.MISSES,
        "STATE_REFS": layout.REFS,
        "STATE_RESERVATION": layout.RESERVATION,
        "STATE_TABLE": layout.TABLE,
        "NO_RESERVATION": layout.NO_RESERVATION,
        "STALE_MOST": layout.STALE_MOST,
        "LAST_GENERATION": layout.LAST_GENERATION,
        "INNER_PAGES": layout.PAGES - 1,  # but the first: `forget` reads the entries below and above
        # Words of the frame table.
        "FRAMES_BIRTHS": frame_table.BIRTHS,
        "FRAMES_FILE_FIRST": frame_table.FILE_FIRST,
        "FRAMES_FILE_FLAGS": frame_table.FILE_FLAGS,
        "FRAMES_FILE_FRAME": frame_table.FILE_FRAME,
        "FRAMES_FILE_PAGES": frame_table.FILE_PAGES,
        "FRAMES_FILE_READS": frame_table.FILE_READS,
        "FRAMES_COPIES": frame_table.COPIES,
        "FRAMES_FREED": frame_table.FREED,
        "FRAMES_LAST_PC": frame_table.LAST_PC,
        "FRAMES_LIMIT": frame_table.LIMIT,
        "FRAMES_NEXT": frame_table.NEXT,
        "FRAMES_PEAK": frame_table.PEAK,
        "FRAMES_RECENT": frame_table.RECENT,
        "RECENT_MASK": frame_table.RECENT_FRAMES - 1,
        "FRAMES_RESOLVED": frame_table.RESOLVED,
        "FRAMES_REUSES": frame_table.REUSES,
        "FRAMES_USED": frame_table.USED,
        "FRAMES_WINDOWS": frame_table.WINDOWS,
        "FRAMES_WINDOWS_END": frame_table.WINDOWS_END,
        "FRAMES_ZEROES": frame_table.ZEROES,
        "FRAMES_ZERO_READS": frame_table.ZERO_READS,
        # Words of a window.
        "WINDOW_WORDS": frame_table.WINDOW_WORDS,
        "WINDOW_FIRST": frame_table.FIRST,
        "WINDOW_FLAGS": frame_table.FLAGS,
        "WINDOW_PAGES": frame_table.PAGES,
        "WINDOW_SPAN": frame_table.SPAN,
        # Pages and page-table entries (`machine.physical_memory`, `machine.sv39`).
        "PAGE_SHIFT": PAGE_SHIFT,
        # The host's huge pages.
        "DENSE": DENSE,
        "HUGE_FRAMES": HUGE_FRAMES,
        "HUGE_MASK": HUGE_FRAMES - 1,
        "HUGE_BYTES": HUGE_FRAMES << PAGE_SHIFT,
        "MADV_HUGEPAGE": MADV_HUGEPAGE,
        "SYS_MADVISE": _SYS_MADVISE,
        "FRAME_WORDS": PAGE_SIZE // 8,
        "PPN_SHIFT": sv39.PPN_SHIFT,
        "PTE_W": sv39.PTE_W,
        "PTE_A_D": sv39.PTE_A | sv39.PTE_D,
        "PTE_KEPT": _PRIVATE,
        "PTE_TO_COPY": _PRIVATE | sv39.PTE_COW,
        "PTE_LOOKED_AT": _RESERVED | sv39.PTE_V | sv39.PTE_LEAF | sv39.PTE_U | sv39.PTE_RSW,
        "PTE_W_COW": sv39.PTE_W | sv39.PTE_COW,
        "PTE_W_SHARED": sv39.PTE_W | sv39.PTE_SHARED,
        "PTE_D_SHARED": sv39.PTE_D | sv39.PTE_SHARED,
        "PTE_SWAP": sv39.PTE_SWAP,
        "PTE_X": sv39.PTE_X,
        "NOT_D": ~sv39.PTE_D,
        "NOT_A_D": ~(sv39.PTE_A | sv39.PTE_D),
        "TABLE_ENTRIES": sv39.TABLE_ENTRIES,
    }


def native_policy() -> str:
    """The definitions of `resolve` with the functions that only it calls, and of the kernel's own."""
    return render(FOLDER, FILES, constants())
