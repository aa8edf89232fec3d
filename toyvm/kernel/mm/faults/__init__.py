"""The page fault: what the kernel does about it, in Python and in native code."""
