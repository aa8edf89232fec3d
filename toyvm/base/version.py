"""The version of toyvm; `pyproject.toml` has the same."""

VERSION = "0.1.0"
