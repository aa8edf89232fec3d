"""`toyvm cache`: what toyvm keeps in the user's cache folder between runs, and how to get rid of it."""

from __future__ import annotations

import argparse

from .help_formatter import HelpFormatter


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
    from ..base.resources import cache_path
    from ..engines.python import code_cache

    kinds = (
        (code_cache.TRANSLATIONS, "translations", code_cache.TRANSLATIONS_LIMIT),
        (code_cache.BLOCKS, "decoded programs", code_cache.BLOCKS_LIMIT),
    )
    for name, what, limit in kinds:
        folder = cache_path(name)
        if options.action == "show":
            sizes = [size for _, size, _ in code_cache.files(folder)]
            print(f"{folder}: {len(sizes)} {what}, {sum(sizes):,} bytes of at most {limit:,}")
        else:
            count, size = code_cache.shrink(folder, 0)
            print(f"{folder}: removed {count} {what}, {size:,} bytes")
    return 0
