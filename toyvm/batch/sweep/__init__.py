"""Runs programs with every combination of options, and makes a table of what the machine counted."""
