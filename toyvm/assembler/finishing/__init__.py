"""From statements to an object: the last passes, and the arrays of the file."""
