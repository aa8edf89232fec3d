"""Commands for a course: grading, homework, series of runs."""
