"""The directives, by topic. Each is a function that is registered under its names."""
