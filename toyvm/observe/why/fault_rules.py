"""The rule by which the kernel resolves each kind of page fault, and what a kind costs."""

from __future__ import annotations

from toyvm.base.events import FaultKind
from toyvm.machine.sv39 import PTE_U

RULES = {
    FaultKind.DEMAND_ZERO: "anonymous memory gets a zeroed frame at its first write",
    FaultKind.DEMAND_MEGAPAGE: "an aligned 2 MiB of anonymous memory gets 512 zeroed frames and one entry",
    FaultKind.ZERO_READ: "anonymous memory that was never written reads as zeros: the shared zero page",
    FaultKind.FILE_MINOR: "the page of the file is in the page cache: its frame is mapped",
    FaultKind.FILE_MAJOR: "the page of the file is read into the page cache, and that frame is mapped",
    FaultKind.SHARED_ZERO: "shared memory: the first to touch a page gets a zeroed frame, others map the same",
    FaultKind.COW: "a write to a private page whose frame has other users: the writer gets a copy",
    FaultKind.COW_REUSE: "a write to a private page whose other users are gone: W is set, nothing is copied",
    FaultKind.SWAP_IN: "the page was in the swap area and is read back",
    FaultKind.SWAP_CACHED: "the page was swapped out, but the swap cache still has it: nothing is read",
    FaultKind.WRITE_ENABLE: "the first write to a page that was mapped without W: W is set, nothing is copied",
    FaultKind.SPURIOUS: "the entry already allows the access",
    FaultKind.SEGV: "no area is there, or it does not allow the access",
    FaultKind.SIGBUS: "the page is beyond the end of its file, or the file cannot be read",
    FaultKind.OOM: "no frame is free, and none could be reclaimed",
}

BAD = {
    FaultKind.SEGV: "SIGSEGV is sent",
    FaultKind.SIGBUS: "SIGBUS is sent",
    FaultKind.OOM: "the process is killed",
}


def rule_of(kind: FaultKind, counted: dict[FaultKind, int], pte_before: int) -> str:
    """The rule of a fault. `counted` are the kinds that were counted for it: a file or the swap area may come first."""
    if kind is not FaultKind.COW or pte_before & PTE_U:
        return RULES[kind]
    if counted.get(FaultKind.SWAP_IN):
        return f"the page is read from the swap area; {RULES[kind]}"
    if counted.get(FaultKind.SWAP_CACHED):
        return f"the page is in the swap cache; {RULES[kind]}"
    how = "read into" if counted.get(FaultKind.FILE_MAJOR) else "in"
    return f"the page of the file is {how} the page cache, which keeps its frame: the writer gets a copy"
