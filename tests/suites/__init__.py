"""Debian's own test suites, run under qemu-riscv64 and in toyvm, and compared check by check."""
