"""Debuggers: a run that stops where it is asked to, and that goes backwards as well as forwards."""
