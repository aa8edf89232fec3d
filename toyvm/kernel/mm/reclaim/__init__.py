"""Reclaim: which frames are freed when memory runs low, and the swap area."""
