"""The directives by topic. Each is a function in a table of names."""
