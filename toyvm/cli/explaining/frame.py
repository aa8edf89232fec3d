"""`toyvm explain frame F PROGRAM`: a frame of physical memory, and everyone who refers to it."""

from __future__ import annotations

import argparse
from typing import TYPE_CHECKING

from ...base.errors import ToyvmError
from . import asking_runs

if TYPE_CHECKING:
    from ...kernel.kernel import Kernel
    from ...kernel.proc.process import Process
    from ...observe.symbolize import Symbolizer
    from ...observe.why.memory_answers import FrameAnswer

SUBJECT = "F"


def parser() -> argparse.ArgumentParser:
    """The options of the kind."""
    return asking_runs.parser(
        "frame",
        SUBJECT,
        "Run a program, and tell what frame number F is used for: who maps it, and which caches have it.",
    )


def main(argv: list[str]) -> int:
    """Explain the frame."""
    from ...observe.why.answer_text import frame_text
    from ...observe.why.frame_owners import explain_frame
    from ...observe.why.json_form import to_json
    from ...observe.why.run_watchers import MomentWatcher

    text, options = asking_runs.read("frame", SUBJECT, argv, parser())
    frame = asking_runs.number(text, "the number of a frame, such as 0x41")

    def ask(kernel: Kernel, process: Process, symbols: Symbolizer) -> FrameAnswer:
        try:
            return explain_frame(kernel, frame)
        except IndexError as error:
            raise ToyvmError(f"there is no frame {frame:#x}: {error}") from None

    answer = asking_runs.answered(options, MomentWatcher(ask, options.pid, at_limit=options.at is not None))
    return asking_runs.show(options, frame_text(answer), to_json(answer, "toyvm.explain.frame/1"))
