"""Long texts of one thing again and again: the time of a reader grows with the text, not with its square.

A reader that takes the square of the time needs hours for these; `soon` ends the test after a minute of CPU time.
"""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

import pytest

from tests.support.small_links import elf_of, link_all, obj
from toyvm.base.errors import LinkError, ToyvmError
from toyvm.base.sample_directives import parse_directives
from toyvm.linker.inputs.files import parse_script
from toyvm.linker.link_options import Input
from toyvm.linker.visibility.version_script import MAX_VERSIONS, parse_version_script

LIBRARY = ".globl f\nf: ret\n"


@contextmanager
def soon() -> Iterator[None]:
    def over(_number: int, _frame: FrameType | None) -> None:
        raise AssertionError("a minute of CPU time")

    before = signal.signal(signal.SIGVTALRM, over)
    signal.setitimer(signal.ITIMER_VIRTUAL, 60)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_VIRTUAL, 0)
        signal.signal(signal.SIGVTALRM, before)


@pytest.mark.parametrize("text", ["\n", " ", "# toyvm: args:" + " " * 99, "#" + "\n" * 99, "\t#"])
def test_directives(text: str) -> None:
    with soon():
        parse_directives(text * (1_000_000 // len(text)) + "x", "x.s")


@pytest.mark.parametrize("text", ["/*", "/* ", "/*\n", '/*a"', '"', "( ", "V{};", "a;"])
def test_scripts(text: str) -> None:
    with soon():
        for read in (parse_version_script, lambda text: parse_script(text, "x")):
            with pytest.raises(ToyvmError):
                read(text * (500_000 // len(text)) + "(")


def test_versions_have_a_limit() -> None:
    """Their numbers have 15 bits."""
    script = "".join(f"V{number} {{}};\n" for number in range(MAX_VERSIONS))
    library = Input(object=obj(LIBRARY, pic=True))
    with soon():
        elf = elf_of(link_all(library, kind="shared", version_script=script))
        assert elf.section(".gnu.version_d").header.info == MAX_VERSIONS + 1  # type: ignore[union-attr]  # it is there
        with pytest.raises(LinkError, match="more than 32512 versions"):
            link_all(library, kind="shared", version_script=script + "W {};")
