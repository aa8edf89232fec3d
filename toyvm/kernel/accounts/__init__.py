"""Reports on memory and processes: the texts of /proc, resident sizes, the cause of a process's death."""
