"""Reports on memory and processes: the texts of /proc, resident sizes, fatal traps."""
