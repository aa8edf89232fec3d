"""The reference engine: Python generated from the instruction table."""
