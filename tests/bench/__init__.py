"""Benchmarks: whole-process CPU time, interleaved with the oracle's, medians, ratios. `make bench` runs them."""
