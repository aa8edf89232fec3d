"""The commands that GNU binutils has too, with its options."""
