"""System calls by topic (Linux riscv64, asm-generic numbers), and the table that finds them.

The calls that most programs make are here. Those that few programs make have rooms: files, memory, sockets,
waiting. The table imports a module when one of its calls is first used.
"""
