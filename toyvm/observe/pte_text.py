"""A page table entry as text."""

from __future__ import annotations

from ..machine.sv39 import (
    PTE_A,
    PTE_COW,
    PTE_D,
    PTE_G,
    PTE_LEAF,
    PTE_R,
    PTE_SHARED,
    PTE_SWAP,
    PTE_U,
    PTE_V,
    PTE_W,
    PTE_X,
    entry_slot,
    pte_frame,
)

LETTERS = (("D", PTE_D), ("A", PTE_A), ("G", PTE_G), ("U", PTE_U), ("X", PTE_X), ("W", PTE_W), ("R", PTE_R), ("V", PTE_V))  # fmt: skip
_WITHOUT_G = tuple(pair for pair in LETTERS if pair[0] != "G")


def flag_letters(pte: int, letters: tuple[tuple[str, int], ...] = LETTERS) -> str:
    """The flags of an entry with V, from the highest bit down: `DAGUXWRV`, a `-` for each clear one."""
    return "".join(letter if pte & bit else "-" for letter, bit in letters)


def software_bits(pte: int) -> str:
    """The kernel's own bits, each with a space before it: ` cow`, ` shared`."""
    return " cow" * bool(pte & PTE_COW) + " shared" * bool(pte & PTE_SHARED)


def pte_text(pte: int) -> str:
    """An entry with its flags and its frame: `0x104c3 = DAU--RV, frame 0x41`.

    The flags are `DAUXWRV`; this kernel sets G in no entry of a page.
    """
    return _leaf(pte, "")


def _leaf(pte: int, software: str) -> str:
    return f"{pte:#x} = {flag_letters(pte, _WITHOUT_G)}{software}, frame {pte_frame(pte):#x}"


def entry_text(pte: int) -> str:
    """Any entry of a page table: nothing, a swap slot, a pointer to a table, or a leaf with its software bits."""
    if pte == 0:
        return "0: nothing"
    if pte & PTE_SWAP and not pte & PTE_V:
        return f"{pte:#x} = swap slot {entry_slot(pte):#x}"
    if pte & PTE_V and not pte & PTE_LEAF:
        return f"{pte:#x} -> table in frame {pte_frame(pte):#x}"
    return _leaf(pte, software_bits(pte))
