"""The operating system: address spaces, page faults, processes, files, system calls."""
