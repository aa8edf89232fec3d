"""The page fault: how the kernel resolves it, in Python and in native code.

A fault passes these files in this order:

    resolve.ll          native code finds no translation and resolves the fault itself if it may:
    copy_on_write.ll      a write to a page whose frame is shared: a copy
    demand_zero.ll        the first access to anonymous memory: the zero page or a zeroed frame
    frames.ll             the frame allocator, for both
    native_windows.py   decides which faults native code may resolve, and accounts for them
    page_fault.py       `handle_fault` resolves every kind of fault. Its callers are the engine
                        during a run, the trap handler after a run, and the kernel's own access to
                        user memory

`tables.ll` has the loops of fork and exit over whole page tables (`page_table.py`).
`native_policy.py` assembles the `.ll` files for the engine. Both forms work on
`machine.frame_table`, and a fault leaves the same frames, references and counters whichever of them
resolves it.
"""
