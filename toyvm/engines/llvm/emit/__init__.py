"""Printers of the instruction table's trees as LLVM IR."""
