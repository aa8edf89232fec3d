"""System calls on files that few programs make: descriptors, metadata, whole file systems, locks, splices."""
