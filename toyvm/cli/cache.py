"""`toyvm cache`: show or clear the code that commands cache for later ones, or fill the installation's."""

from __future__ import annotations

import argparse

from .help_formatter import HelpFormatter


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm cache`."""
    p = argparse.ArgumentParser(
        prog="toyvm cache",
        formatter_class=HelpFormatter,
        description="Show or clear the native code, the decoded programs and toyvm's own byte code that are cached between"
        " runs. fill: make what comes from no program, beside the package's byte code, for all users of this"
        " installation, so that their first runs need not make it.",
    )
    p.add_argument(
        "action",
        nargs="?",
        default="show",
        choices=("show", "clear", "fill"),
        help="what to do (default: show)",
    )
    return p


def main(argv: list[str]) -> int:
    """Show or clear the cache, or fill the installation's. Returns 0."""
    options = parser().parse_args(argv)
    if options.action == "fill":
        from .installation import fill

        for line in fill():
            print(line)
        return 0
    from .. import start
    from ..base.resources import cache_path
    from ..engines.python import code_cache

    kinds = (
        (code_cache.TRANSLATIONS, "translations", code_cache.TRANSLATIONS_LIMIT),
        (code_cache.BLOCKS, "decoded programs", code_cache.BLOCKS_LIMIT),
        (start.FOLDER, "start-up files", start.LIMIT),
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
