"""The page fault: what the kernel does about it, in Python and in native code.

A fault passes these files in this order:

    resolve.ll          native code finds no translation and resolves the fault itself, if it may:
    copy_on_write.ll      a write to a page that others hold: a copy
    demand_zero.ll        the first touch of anonymous memory: the zero page, or a frame of zeros
    frames.ll             the frame allocator, for both
    native_windows.py   says what native code may resolve, and accounts for what it has resolved
    page_fault.py       `handle_fault` resolves every kind of fault. Its callers are the engine in the middle of a run, the trap
                        handler after a run, and the kernel's own access to user memory

`native_policy.py` puts the `.ll` files together for the engine. Both forms work on `machine.frame_table`, and a fault leaves the same
frames, references and counters whichever of them resolves it.
"""
