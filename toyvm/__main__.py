"""`python -m toyvm`, and the command `toyvm`."""

from __future__ import annotations

import sys


def main() -> None:
    """Run a command, and end the process with its status. `cli.main` handles what the command raises."""
    try:
        from .start import begin

        begin()
        from .cli import run_process  # `begin` has found its code
    except KeyboardInterrupt:
        sys.exit(130)
    except (MemoryError, SystemError):  # Python may lose the error ("without exception set")
        sys.exit("toyvm: the host has no memory left")
    run_process()


if __name__ == "__main__":
    main()
