"""A digest of a machine's state: two moments with the same digest are the same for its programs.

It covers registers, the state of threads, frames with page tables and data, swap slots, virtual time
and counts. TLB misses are left out: what the TLB holds is not part of the state of a program, and
watchpoints keep pages out of it.
"""

from __future__ import annotations

import hashlib

from toyvm.kernel.kernel import Kernel
from toyvm.machine.frame_table import NEXT
from toyvm.machine.physical_memory import PAGE_SHIFT


def digest(kernel: Kernel) -> str:
    """The digest, as 32 hexadecimal digits."""
    found = hashlib.blake2b(digest_size=16)
    for tid, thread in sorted(kernel.threads.items()):
        hart = thread.hart
        state = (tid, thread.state.name, hart.pc, hart.fcsr, hart.instret, *hart.x, *hart.f, hart.reservation)
        found.update(
            repr((state, thread.in_call, thread.signals.mask, sorted(thread.signals.pending))).encode()
        )
    stats, system = kernel.system.stats, kernel.system
    counts = (stats.instructions, stats.syscalls, stats.context_switches, stats.forks, kernel.now)
    found.update(repr((counts, sorted(stats.faults.items()), system.frames.used)).encode())
    used = system.frames.table.words[NEXT]
    found.update(system.memory.u8[: used << PAGE_SHIFT])
    swap = system.swap
    if swap is not None:
        for slot, references in enumerate(swap.refs):
            if references:
                found.update(repr((slot, references)).encode() + swap.peek(slot))
    return found.hexdigest()


def counts(kernel: Kernel) -> str:
    """What must be the same in a run without a debugger: instructions, system calls, switches, faults by kind."""
    stats = kernel.stats
    faults = " ".join(f"{kind}={count}" for kind, count in sorted(stats.faults.items()) if count)
    return f"{stats.instructions} {stats.syscalls} {stats.context_switches} {faults}"
