"""Engines that record or pause a run for an observer."""
