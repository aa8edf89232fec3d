"""Engines that record or pause a run so that somebody can look."""
