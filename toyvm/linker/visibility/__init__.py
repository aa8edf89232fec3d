"""Which symbols other components see: version scripts, dynamic lists, and the patterns of both."""
