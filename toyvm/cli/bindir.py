"""`toyvm bindir`: a folder that holds `as`, `ld`, `ar` ..., for `riscv64-linux-gnu-gcc -B "$(toyvm bindir)"`.

The folder lives in the cache, never on PATH: nothing is ever installed under a bare name such as `ld`.
"""

from __future__ import annotations

import argparse
import shlex
import sys
from pathlib import Path

TOOLS = ("as", "ld", "ar", "nm", "objdump", "readelf", "size", "strip")


def main(argv: list[str]) -> int:
    """Make the folder if need be, and print its path."""
    parser = argparse.ArgumentParser(
        prog="toyvm bindir", description="Print a folder that holds as, ld, ar ..."
    )
    parser.parse_args(argv)
    from ..base.resources import cache_dir, write_atomically

    folder = cache_dir() / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    # The package may be run from a checkout that is not installed: name it.
    package_parent = Path(__file__).resolve().parent.parent.parent
    for tool in TOOLS:
        script = (
            "#!/bin/sh\n"
            f"PYTHONPATH={shlex.quote(str(package_parent))}${{PYTHONPATH:+:$PYTHONPATH}} "
            f'exec {shlex.quote(sys.executable)} -m toyvm {tool} "$@"\n'
        )
        path = folder / tool
        if not path.exists() or path.read_text() != script:
            write_atomically(path, script.encode(), mode=0o755)
    print(folder)
    return 0
