"""`toyvm cache`: what toyvm keeps in the user's cache folder between runs, and how to get rid of it."""

from __future__ import annotations

import argparse
import os

from .options import HelpFormatter


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm cache`."""
    p = argparse.ArgumentParser(
        prog="toyvm cache",
        formatter_class=HelpFormatter,
        description="Show or clear the native code that earlier runs have left for later ones.",
    )
    p.add_argument("action", nargs="?", default="show", choices=("show", "clear"), help="default: show")
    return p


def main(argv: list[str]) -> int:
    """Show or clear; 0."""
    options = parser().parse_args(argv)
    from ..engines.llvm_cache import LIMIT, default_folder, files

    folder = default_folder()
    found = list(files(folder))
    total = sum(size for _, size, _ in found)
    if options.action == "show":
        print(f"{folder}: {len(found)} translations, {total:,} bytes of at most {LIMIT:,}")
        return 0
    for path, _, _ in found:
        os.unlink(path)
    print(f"{folder}: removed {len(found)} translations, {total:,} bytes")
    return 0
