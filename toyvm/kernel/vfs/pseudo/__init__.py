"""Pseudo file systems: /proc and /sys."""
