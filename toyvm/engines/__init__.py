"""Engines that execute instructions. Each takes their semantics from the instruction table."""
