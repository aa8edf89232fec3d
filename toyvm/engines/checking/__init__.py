"""Engines that check the others: one walks the trees, one runs two engines in lockstep."""
