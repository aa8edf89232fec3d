"""The kernel: address spaces, page faults, processes, files, system calls."""
