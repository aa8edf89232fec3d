"""Instructions that are assembled and shown, and that this machine does not execute."""
