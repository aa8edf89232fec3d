"""Reports of memory and processes: the texts of /proc, resident sizes, why a process died."""
