"""System calls: one table, number -> function, grouped by topic (Linux riscv64, asm-generic
numbers).
"""
