"""Processes: life cycle, scheduling, signals, execve, breakpoints, the OOM killer."""
