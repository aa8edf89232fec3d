"""Builds a submission from bytes: the first step of a job.

A submission sees no file of the host: what it may include is in the job. Its `# toyvm:` directives
do not count.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import Any

from ...assembler import AssemblerOptions, assemble_text
from ...base.errors import DiagnosticsError, ToyvmError
from ...base.resources import START_FILE
from ...build import Program, build_program, guest_libraries, kept_libraries
from ...elf.object_file import ObjectFile
from ...elf.object_reader import read_object
from .assignment import SOURCE_SUFFIXES, Build
from .printable import printable_lines
from .submissions import Submission

GIVEN = "assignment/"  # before the names of the assignment's files in messages
_IN_FUNCTION = re.compile("(.*): (in function `.*'):")
_NO_MAIN = re.compile(rf"{START_FILE}\.o:.*undefined reference to `main'")


def warm_program(linkage: str) -> Program:
    """A program that uses most of the assembler and the linker."""
    made = assemble_text(_WARM_UP, "warm.s", AssemblerOptions(debug_lines=True, files={}))
    return build_program([made], linkage=linkage, libraries=kept_libraries())


_WARM_UP = """
        .globl  main
main:   addi    sp, sp, -16
        sd      ra, 8(sp)
        la      a0, text
        call    puts
        mv      a0, zero
        ld      ra, 8(sp)
        addi    sp, sp, 16
        ret
        .data
text:   .string "ready"
"""


def crashing_program() -> bytes:
    """The image of a program that writes to address 0."""
    made = assemble_text(
        ".globl main\nmain: sd zero, 0(zero)\n", "warm.s", AssemblerOptions(debug_lines=True)
    )
    return build_program([made], linkage="static", libraries=kept_libraries()).image


def build_work(
    submission: Submission, build: Build, linkage: str, files: Mapping[str, bytes]
) -> dict[str, Any]:
    """What a job needs to build a submission."""
    return {
        "name": submission.name,
        "sources": dict(submission.sources),
        "objects": dict(submission.objects),
        "others": dict(submission.others) if len(submission.others) > 1 else {},
        "with": {name: files[name] for name in build.with_},
        "include": {name: files[name] for name in build.include},
        "libs": list(build.libs),
        "linkage": linkage,
        "seconds": build.seconds,
    }


def build(work: dict[str, Any]) -> bytes | list[str]:
    """The image of a program, or the lines of messages that say why there is none."""
    others = {**work["include"], **work["others"]}
    objects: list[ObjectFile] = []
    messages: list[str] = []
    for place, files in (("", {**work["sources"], **work["objects"]}), (GIVEN, work["with"])):
        for name, data in sorted(files.items()):
            try:
                objects.append(_object(f"{place}{name}", data, others))
            except DiagnosticsError as problem:  # the other sources may have mistakes too
                messages += problem.messages
            except (ToyvmError, RecursionError) as problem:
                messages.append(_said(place + name, problem))
    if not messages:
        try:
            return _linked(objects, work)
        except (ToyvmError, RecursionError) as problem:
            messages += _link_messages(_said("the linker", problem))
    return printable_lines("\n".join(messages))


def _linked(objects: list[ObjectFile], work: dict[str, Any]) -> bytes:
    linkage, libs = work["linkage"], work["libs"]
    return build_program(objects, linkage=linkage, libs=libs, libraries=kept_libraries()).image


def _said(where: str, problem: Exception) -> str:
    return str(problem) if isinstance(problem, ToyvmError) else f"{where}: error: nested too deeply"


def _link_messages(text: str) -> Iterator[str]:
    """The linker's messages without folders of the host, each with its fault first: one line has to be enough."""
    function = ""
    for line in text.replace(f"{kept_libraries().path}/", "").split("\n"):
        if match := _IN_FUNCTION.fullmatch(line):
            function = f" ({match[2]})"
            continue
        yield f"{line}{function}"
        if _NO_MAIN.match(line):
            yield "  the program has no `main`"
        function = ""


def _object(name: str, data: bytes, others: Mapping[str, bytes]) -> ObjectFile:
    if not name.endswith(SOURCE_SUFFIXES):
        return read_object(data, name)
    options = AssemblerOptions(debug_lines=True, files=others)
    return assemble_text(data.decode("utf-8", "surrogateescape"), name, options)


def build_libraries_once() -> None:
    """Build the guest libraries if the cache does not have them, before several workers need them."""
    guest_libraries()
