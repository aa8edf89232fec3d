"""The tiered engine: LLVM compiles hot code to native functions."""
