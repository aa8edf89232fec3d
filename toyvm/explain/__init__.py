"""Why the bytes, the sections and the addresses of a linked program are what they are, as values."""
