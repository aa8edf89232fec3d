"""The interpreter in native code, for code that runs a few times: printed from the table, compiled once."""
