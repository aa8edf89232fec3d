"""The first half of a link: from the input files to one table of sections, symbols and relocations."""
