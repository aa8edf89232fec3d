"""The hardware: physical memory, Sv39 page tables, TLB, hart, traps. It knows no processes."""
