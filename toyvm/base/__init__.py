"""What everything stands on: integers of fixed width, errors, diagnostics, events, records, the package's files."""
