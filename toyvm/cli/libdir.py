"""`toyvm libdir`: the folder of the guest libraries, for `ld -L "$(toyvm libdir)"`.

It contains crt1.o and, for each library in libs/, libX.a and libX.so. The first use builds them.
"""

from __future__ import annotations

import argparse


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm libdir`: none."""
    return argparse.ArgumentParser(
        prog="toyvm libdir",
        description="Print the folder of the guest libraries (crt1.o, libc.a, libc.so, ...), for `ld -L`.",
    )


def main(argv: list[str]) -> int:
    """Build the libraries if necessary, and print the folder's path."""
    parser().parse_args(argv)
    from ..build import guest_libraries

    print(guest_libraries().path)
    return 0
