"""Linker scripts in GNU ld's language: reading them, and laying a program out by them."""
