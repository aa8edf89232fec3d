"""The loaded objects, their tables, and their storage in guest memory."""
