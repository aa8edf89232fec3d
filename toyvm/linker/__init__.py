"""The static linker: objects and archives in, an executable or a shared object out."""
