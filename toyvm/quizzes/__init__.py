"""Homework: question sheets with solutions, whose figures come from runs of the machine."""
