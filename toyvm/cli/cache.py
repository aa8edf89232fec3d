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
        description="Show or clear the native code and the decoded programs that earlier runs have left for later ones.",
    )
    p.add_argument("action", nargs="?", default="show", choices=("show", "clear"), help="default: show")
    return p


def main(argv: list[str]) -> int:
    """Show or clear; 0."""
    options = parser().parse_args(argv)
    from ..engines import kept_blocks, llvm_cache
    from ..resources import cache_path

    kinds = (
        (llvm_cache.FOLDER, "translations", llvm_cache.LIMIT),
        (kept_blocks.FOLDER, "decoded programs", kept_blocks.LIMIT),
    )
    for name, what, limit in kinds:
        folder = cache_path(name)
        found = list(llvm_cache.files(folder))
        total = sum(size for _, size, _ in found)
        if options.action == "show":
            print(f"{folder}: {len(found)} {what}, {total:,} bytes of at most {limit:,}")
            continue
        for path, _, _ in found:
            os.unlink(path)
        print(f"{folder}: removed {len(found)} {what}, {total:,} bytes")
    return 0
