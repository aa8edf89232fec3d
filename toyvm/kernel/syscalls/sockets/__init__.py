"""System calls on sockets."""
