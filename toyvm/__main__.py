"""`python -m toyvm`."""

from .cli import run_process

run_process()
