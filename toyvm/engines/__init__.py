"""Ways to execute instructions, each printed from the one table."""
