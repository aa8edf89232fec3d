"""The terminal debugger, `toyvm debug`: gdb's words, forwards and backwards, on one screen or line by line."""
