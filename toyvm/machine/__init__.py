"""The hardware: physical memory, Sv39 page tables, TLB, hart state, traps. It knows nothing of processes."""
