"""The rows of the instruction table, a module for each extension of the ISA manual."""
