"""The Python interface: four verbs and the values they return. The command line is a thin layer over the same functions.

import toyvm

hello = toyvm.assemble("asm/hello.s")                     # ObjectFile: sections, symbols, relocations
program = toyvm.link([hello], linkage="dynamic")          # Program: the ELF image and how it came about
result = toyvm.run(program, capture=True)                 # RunResult: status, output, statistics
print(result.stdout.decode(), result.stats.instructions)
print(toyvm.compare(["asm/hello.s"]).claims)              # Comparison: static against dynamic, the four claims
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from . import experiment, system
from .base.record import replace
from .build import assemble_file, build_program
from .elf.object_file import ObjectFile
from .linker.link_result import LinkResult
from .observe.comparison import Comparison
from .program import Program
from .result import RunResult
from .run_options import RunOptions

__all__ = [
    "Comparison",
    "LinkResult",
    "ObjectFile",
    "Program",
    "RunOptions",
    "RunResult",
    "assemble",
    "assemble_text",
    "compare",
    "link",
    "run",
]

Source = str | PathLike[str]


def assemble(path: Source, *, pic: bool = False) -> ObjectFile:
    """Assemble one file. Raises AssemblyError, whose `messages` hold every diagnostic, or NotFoundError."""
    return assemble_file(Path(path), pic=pic)


def assemble_text(text: str, name: str = "<text>", *, pic: bool = False) -> ObjectFile:
    """Assemble a string; `name` is what diagnostics call it. Raises AssemblyError."""
    from .assembler import AssemblerOptions
    from .assembler import assemble_text as assemble_string

    return assemble_string(text, name, AssemblerOptions(pic=pic, debug_lines=True))


def link(
    objects: Sequence[ObjectFile | Source], *, linkage: str = "static", libs: Sequence[str] = ()
) -> Program:
    """Link objects (or files: .s, .o, .a) with the start file and the guest libraries into a program.

    `linkage` is "static" or "dynamic"; `libs` are names as after -l. Raises LinkError with every problem found.
    """
    inputs = [item if isinstance(item, ObjectFile) else Path(item) for item in objects]
    return build_program(inputs, linkage=linkage, libs=libs)


def run(
    program: Program | Source,
    *args: str,
    options: RunOptions | None = None,
    stdin: bytes | None = None,
    capture: bool = False,
    **settings: Any,
) -> RunResult:
    """Run a program, or the ELF image in a file. With `capture`, its output goes into the result, else to our own streams.

    `stdin` is its standard input (default: ours). The fields of RunOptions can be given by name: `run(hello, memory=1 << 20)`;
    they change `options`. docs/reference/options.md lists them.

    Raises NotExecutableError if the file is not a RISC-V program, UsageError if an option's value is out of its range,
    TypeError if there is no such option. Errors of the program itself are in `RunResult.status` (128 + signal) and in its
    standard error.
    """
    chosen = replace(options or RunOptions(), **settings)
    target = program if isinstance(program, Program) else Path(program)
    name = target.name if isinstance(target, Program) else str(target)
    return system.run(target, [name, *args], chosen, stdin=stdin, capture=capture)


def compare(
    sources: Sequence[Source],
    *,
    libs: Sequence[str] = (),
    instances: Sequence[int] = experiment.DEFAULT_INSTANCES,
) -> Comparison:
    """Build the same sources statically and dynamically, run both, and compare. Raises ToyvmError if they do not build."""
    return experiment.compare([Path(source) for source in sources], libs=libs, instances=instances)
