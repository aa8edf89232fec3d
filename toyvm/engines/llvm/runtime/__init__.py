"""What all regions share, as LLVM IR in `.ll` files: the way in and out, the page walk, the tables behind an access."""
