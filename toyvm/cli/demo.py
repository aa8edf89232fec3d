"""`toyvm demo`: run the sample `shm_talk` statically and dynamically, and compare the builds."""

from __future__ import annotations

import argparse

from ..base.resources import data_dir
from ..base.sample_directives import LINKAGES
from . import guarded


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm demo`: none."""
    return argparse.ArgumentParser(
        prog="toyvm demo",
        description="Run the sample shm_talk, built statically and dynamically, and compare the two builds.",
    )


def main(argv: list[str]) -> int:
    """Run the three steps. Returns the status of the first step that fails, or 0."""
    parser().parse_args(argv)
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
