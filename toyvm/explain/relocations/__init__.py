"""A relocation: its arithmetic, its bits, what relaxation did, what the loader does."""
