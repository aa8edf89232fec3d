"""The dynamic loader: library search, symbol scopes, relocation at load, lazy PLT binding, dlopen.

It is the kernel's built-in PT_INTERP interpreter. The loader is written in Python and works on the
guest's address space. The code that the guest must execute itself is one shared page (`stub`).
"""
