"""`python -m toyvm`, and the command `toyvm`."""

from __future__ import annotations

from .start import begin


def main() -> None:
    """Run a command, and end the process with its status."""
    begin()
    from .cli import run_process  # `begin` has found its code

    run_process()


if __name__ == "__main__":
    main()
