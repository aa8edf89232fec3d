"""`toyvm demo`: what `make demo` shows. The conversation of parent and child, both ways, and the comparison."""

from __future__ import annotations

import argparse

from ..base.resources import data_dir
from ..base.sample_directives import LINKAGES
from . import guarded


def main(argv: list[str]) -> int:
    """Run the sample `shm_talk` statically and dynamically, then compare the two builds; the first failure's code."""
    argparse.ArgumentParser(prog="toyvm demo", description=__doc__).parse_args(argv)
    sample = str(data_dir("asm") / "shm_talk.s")
    steps = [("run", [f"--{linkage}", sample]) for linkage in LINKAGES]
    steps.append(("compare", [sample]))
    for command, args in steps:
        print(f"$ toyvm {command} {' '.join([*args[:-1], 'asm/shm_talk.s'])}", flush=True)
        status = guarded(command, args)
        if status:
            return status
        print(flush=True)
    return 0
