"""The instruction set: one table, from which assembler, decoder, engines and reference page are derived."""
