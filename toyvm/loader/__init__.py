"""The dynamic linker: library search, symbol scopes, relocation at load, lazy binding, dlopen (ld.so(8))."""
