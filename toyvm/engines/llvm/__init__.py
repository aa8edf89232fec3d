"""The tiered engine: hot code becomes native functions made by LLVM."""
