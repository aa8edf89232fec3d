"""The lowest layer: integers, errors, diagnostics, events, records, and the package's files."""
