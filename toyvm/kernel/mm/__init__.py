"""Memory management: address spaces, VMAs, page tables, frames."""
