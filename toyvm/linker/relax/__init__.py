"""Taking bytes out of sections after the inputs were read."""
