"""Observers and reports of runs, comparisons, pictures, and the listings of the binutils."""
