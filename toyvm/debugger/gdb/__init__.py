"""gdb's remote serial protocol, spoken to a run that a `Target` offers."""
