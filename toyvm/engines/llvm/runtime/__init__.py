"""The functions that all regions share, as LLVM IR: entry, exit, page walk, shadow page table."""
