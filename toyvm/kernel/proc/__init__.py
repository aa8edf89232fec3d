"""Processes: their lives, the scheduler, signals, execve, traps."""
