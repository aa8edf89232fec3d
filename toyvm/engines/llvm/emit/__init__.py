"""The instruction table's trees as LLVM's text."""
