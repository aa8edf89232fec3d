"""Sockets inside the machine: AF_UNIX, and AF_INET and AF_INET6 on loopback. Only `host_loopback` reaches the host."""
