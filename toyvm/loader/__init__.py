"""The dynamic loader: library search, symbol scopes, relocation at load, lazy PLT binding, dlopen.

It is the kernel's built-in PT_INTERP interpreter. Its decisions are Python; all it reads and writes lies in the
guest's address space, and the little that must be executed by the guest is one shared page of machine code (`stub`).
"""
