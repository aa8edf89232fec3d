"""System calls on memory beyond mmap and brk: moved and advised mappings, System V segments, other processes."""
