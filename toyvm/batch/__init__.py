"""Many programs in one command: grading, sweeps, and the pool of processes that does their work."""
