"""Builds and runs submissions, compares them with what an assignment expects, and reports."""
