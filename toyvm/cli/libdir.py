"""`toyvm libdir`: the folder with the guest libraries, for linking by hand with `-L "$(toyvm libdir)"`.

It holds crt1.o and, for every library in libs/, libX.a and libX.so; they are built when it is asked for the first time.
"""

from __future__ import annotations

import argparse


def main(argv: list[str]) -> int:
    """Build the libraries if need be, and print the folder's path."""
    argparse.ArgumentParser(
        prog="toyvm libdir", description="Print the folder with crt1.o, libc.a, libc.so ..."
    ).parse_args(argv)
    # The assembler and linker are imported only when the libraries have to be built.
    from ..build import guest_libraries

    print(guest_libraries().path)
    return 0
