"""`toyvm bindir`: a folder with `as`, `ld`, `ar` and other tools, for `gcc -B "$(toyvm bindir)"`.

The folder is in the cache, not on PATH, so that the tools do not hide those of the system.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from pathlib import Path

TOOLS = (
    "as",
    "ld",
    "ar",
    "nm",
    "objdump",
    "readelf",
    "size",
    "strip",
    "objcopy",
    "addr2line",
    "c++filt",
    "strings",
)


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm bindir`: none."""
    return argparse.ArgumentParser(
        prog="toyvm bindir",
        description="Print a folder with as, ld, ar and the other tools, for `gcc -B`.",
    )


def main(argv: list[str]) -> int:
    """Create the folder if necessary, and print its path."""
    parser().parse_args(argv)
    from ..base.resources import cache_dir, write_atomically

    folder = cache_dir() / "bin"
    folder.mkdir(parents=True, exist_ok=True)
    # PYTHONPATH makes the tools work from a checkout that is not installed.
    package_parent = Path(__file__).resolve().parent.parent.parent
    for tool in TOOLS:
        script = (
            "#!/bin/sh\n"
            f"PYTHONPATH={shlex.quote(str(package_parent))}${{PYTHONPATH:+:$PYTHONPATH}} "
            f'exec {shlex.quote(sys.executable)} -m toyvm {tool} "$@"\n'
        )
        path, data = folder / tool, os.fsencode(script)
        if not path.exists() or path.read_bytes() != data:
            write_atomically(path, data, mode=0o755)
    print(folder)
    return 0
