"""The ELF file format: constants, tables, reader, writer, archives. It knows nothing of instructions."""
