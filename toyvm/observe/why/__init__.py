"""Why memory is what it is: an address, a page, a frame, a process, a fault, each with the rule behind it."""
