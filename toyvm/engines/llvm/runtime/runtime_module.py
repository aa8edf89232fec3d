"""The module of the functions that all regions share, from the `.ll` files beside this one.

It includes the kernel's policy, LLVM IR with the definition

    define internal preserve_mostcc i64 @resolve(ptr %s, i64 %va, i64 %writes)

This function resolves a page fault, or returns 0 without any effect. It may call `@walk` and
`@forget`. Functions of the policy whose names begin with `kernel_` are for the kernel to call.
"""

from __future__ import annotations

import os

from toyvm.machine import sv39
from toyvm.machine.physical_memory import PAGE_MASK, PAGE_SHIFT, PAGE_SIZE

from .. import state_layout as layout
from ..emit.fcsr_text import CONTROLS, CONTROLS_SHIFT, MXCSR
from ..emit.function_text import IR_NAMES, METADATA
from ..host_features import features
from .ir_files import render

FOLDER = os.path.dirname(__file__)
FILES = (
    "enter.ll",
    "leave.ll",
    "outside.ll",
    "refill.ll",
    "page.ll",
    "note.ll",
    "walk.ll",
    "watched.ll",
    "forget.ll",
)
WITHOUT_POLICY = ("no_policy.ll",)
_VECTORS = 16  # vector registers that `compiler` permits in regions


def constants() -> dict[str, int | str]:
    """The value of each name in the files."""
    save, restore = _vector_moves()
    return {
        # Calling convention, branch weights, registers that are arguments, and fields of MXCSR (`emit`).
        **IR_NAMES,
        "MXCSR_PLAIN": MXCSR,
        "ROUNDING_CONTROLS": CONTROLS,
        "ROUNDING_SHIFT": CONTROLS_SHIFT,
        # Lines for the host's vector registers.
        "SAVE_VECTORS": save,
        "RESTORE_VECTORS": restore,
        # Words of the state.
        "STATE_AT": layout.AT,
        "STATE_GENERATION_STEPS": layout.GENERATION_STEPS,
        "STATE_FAULT": layout.FAULT,
        "STATE_FCSR": layout.FCSR,
        "STATE_FRAMES": layout.FRAMES,
        "STATE_GENERATION": layout.GENERATION,
        "STATE_STALE": layout.STALE,
        "STATE_STALE_PAGES": layout.STALE_PAGES,
        "STATE_LEFT": layout.LEFT,
        "STATE_MEMORY": layout.MEMORY,
        "STATE_MISSES": layout.MISSES,
        "STATE_MXCSR": layout.MXCSR,
        "STATE_REST": layout.REST,
        "STATE_ROOT": layout.ROOT,
        "STATE_SHADOW": layout.SHADOW,
        "STATE_WATCHES": layout.WATCHES,
        "STATE_WATCHED": layout.WATCHES + 1,
        # The offset of WANTED in bytes, and its fields.
        "WANTED_BYTES": 8 * layout.WANTED,
        "WANTED_ALIGNED": layout.WANTED_ALIGNED,
        "WANTED_SIZE": layout.WANTED_SIZE,
        "WANTED_ALIGNED_SHIFT": layout.WANTED_ALIGNED.bit_length() - 1,
        "WANTED_WRITE": layout.WANTED_WRITE,
        "WANTED_WORD_SHIFT": layout.WANTED_WORD_SHIFT,
        # Ranges, and words of one range.
        "RANGES": layout.RANGES,
        "RANGES_END": layout.RANGES_END,
        "RANGE_WORDS": layout.RANGE_WORDS,
        "RANGE_DELTA": layout.DELTA,
        "RANGE_INSIDE": layout.INSIDE,
        "RANGE_PATIENCE": layout.PATIENCE,
        "PATIENCE_BYTES": 8 * layout.PATIENCE,
        "PATIENCE": layout.PATIENT,
        "STRIKE_AND_PATIENCE": (1 << layout.STRIKES_SHIFT) + layout.PATIENT,
        "STRIKES_MOST": layout.STRIKES_MOST,
        "STRIKES_SHIFT": layout.STRIKES_SHIFT,
        # The shadow page table, its runs and its log.
        "ENTRY_SHIFT": layout.ENTRY_BYTES.bit_length() - 1,
        "SHADOW_BYTES": layout.SHADOW_BYTES,
        "SHADOW_WORD_BYTES": 8 * layout.SHADOW,
        "WRITES": layout.WRITES,
        "SHADOW_LOG": layout.LOG,
        "SHADOW_PAGES": layout.PAGES,
        "SHADOW_PAGE_MASK": layout.PAGES - 1,
        "WRITE_SHIFT": (layout.WRITES // layout.WANTED_WRITE).bit_length() - 1,
        "MARK_BITS": layout.MARK_BITS,
        "LOG_MOST": layout.LOG_MOST,
        "LOG_FULL": layout.LOG_MOST + 1,
        "GENERATION_SHIFT": layout.GENERATION_SHIFT,
        "RUN_LENGTH_SHIFT": layout.PAGE_BITS,
        "RUN_OF_MEGAPAGE": sv39.TABLE_ENTRIES << layout.PAGE_BITS,
        # Pages and page tables (`machine.physical_memory`, `machine.sv39`).
        "BEYOND_PAGE": -PAGE_SIZE,
        "PAGE_MASK": PAGE_MASK,
        "PAGE_SHIFT": PAGE_SHIFT,
        "PAGE_SIZE": PAGE_SIZE,
        "USER_TOP": sv39.USER_TOP,
        "TABLE_ENTRIES": sv39.TABLE_ENTRIES,
        "TABLE_MASK": sv39.TABLE_ENTRIES - 1,
        "LEVEL_BITS": sv39.LEVEL_BITS,
        "TOP_LEVEL_SHIFT": sv39.LEVEL_BITS * (sv39.LEVELS - 1),
        "PPN_SHIFT": sv39.PPN_SHIFT,
        "PTE_RESERVED_SHIFT": sv39.PTE_RESERVED_SHIFT,
        "PTE_V": sv39.PTE_V,
        "PTE_W": sv39.PTE_W,
        "PTE_RW": sv39.PTE_R | sv39.PTE_W,
        "PTE_UR": sv39.PTE_U | sv39.PTE_R,
        "PTE_UW": sv39.PTE_U | sv39.PTE_W,
        "PTE_KIND": sv39.PTE_V | sv39.PTE_LEAF,
        "PTE_A": sv39.PTE_A,
        "PTE_AD": sv39.PTE_A | sv39.PTE_D,
    }


def runtime(policy: str | None = None) -> str:
    """The text of the module; without a kernel's `policy`, native code resolves no fault."""
    assert sv39.TABLE_ENTRIES >> layout.MARK_BITS == 2, "page.ll marks two groups for a megapage"
    files = FILES if policy is not None else FILES + WITHOUT_POLICY
    return "\n".join([render(FOLDER, files, constants()), policy or "", METADATA])


def _vector_moves() -> tuple[str, str]:
    """Assembly that saves the host's vector registers on the aligned stack, and restores them."""
    move, name, size = ("vmovups", "ymm", 32) if "avx" in features() else ("movups", "xmm", 16)
    save = [f"subq $${_VECTORS * size}, %rsp", f"andq $$-{size}, %rsp"]
    save += [f"{move} %{name}{n}, {size * n}(%rsp)" for n in range(_VECTORS)]
    restore = [f"{move} {size * n}(%rsp), %{name}{n}" for n in range(_VECTORS)]
    return "; ".join(save), "; ".join(restore)
