"""Statements of known forms, which need no parsing."""
