"""Deletion of bytes from input sections."""
