"""DWARF as the assembler writes it: call frames and line tables."""
