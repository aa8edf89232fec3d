"""The Python interface: verbs and the values they return.

import toyvm

hello = toyvm.assemble("asm/hello.s")             # ObjectFile: sections, symbols, relocations
program = toyvm.link([hello], linkage="dynamic")  # Program: the ELF image and how it was linked
result = toyvm.run(program, capture=True)         # RunResult: status, output, statistics
print(result.stdout.decode(), result.stats.instructions)
print(toyvm.compare(["asm/hello.s"]).claims)      # Comparison: measurements and four claims
toyvm.grade("sums.toml", ["alice.s", "bob.s"])    # Grades: a row for each submission and test
toyvm.sweep("asm/sorts.s", memory="256K..1M*2")   # Sweep: a row for each run
toyvm.quiz("translation", seed=7)                 # Question: text, solution, figures
"""

from __future__ import annotations

from collections.abc import Sequence
from os import PathLike
from pathlib import Path
from typing import Any

from . import experiment, system
from .base.record import replace
from .batch.grade.assignment import Assignment, read_assignment
from .batch.grade.grades import Grades
from .batch.grade.grading import grade_submissions
from .batch.grade.submissions import read_submissions
from .batch.pool.batch import Progress
from .batch.sweep.table import Sweep
from .build import Program, assemble_file, build_program
from .elf.object_file import ObjectFile
from .linker.link_result import LinkResult
from .observe.comparison import Comparison
from .quizzes.question import Question
from .result import RunResult
from .run_options import RunOptions

__all__ = [
    "Comparison",
    "Grades",
    "LinkResult",
    "ObjectFile",
    "Program",
    "Question",
    "RunOptions",
    "RunResult",
    "Sweep",
    "assemble",
    "assemble_text",
    "compare",
    "grade",
    "link",
    "quiz",
    "run",
    "sweep",
]

Source = str | PathLike[str]


def assemble(path: Source, *, pic: bool = False) -> ObjectFile:
    """Assemble one file.

    Raises AssemblyError, whose `messages` hold all diagnostics, or NotFoundError.
    """
    return assemble_file(Path(path), pic=pic)


def assemble_text(text: str, name: str = "<text>", *, pic: bool = False) -> ObjectFile:
    """Assemble a string; diagnostics use `name` as its file name. Raises AssemblyError."""
    from .assembler import AssemblerOptions
    from .assembler import assemble_text as assemble_string

    return assemble_string(text, name, AssemblerOptions(pic=pic, debug_lines=True))


def link(
    objects: Sequence[ObjectFile | Source], *, linkage: str = "static", libs: Sequence[str] = ()
) -> Program:
    """Link objects or files (.s, .o, .a) with the start file and the guest libraries.

    `linkage` is "static" or "dynamic"; `libs` are names as after -l. Raises LinkError, whose
    `messages` hold all problems.
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
    """Run a program, or the ELF image in a file, to its end.

    With `capture`, the result holds the program's output; otherwise the output goes to this
    process's streams. `stdin` is the program's standard input (default: this process's, or empty
    with `capture`). `settings` override fields of `options`: `run(hello, memory=1 << 20)`.
    docs/reference/options.md lists the fields.

    Raises NotFoundError or NotExecutableError if the file cannot be run, UsageError if a value is
    out of its range, TypeError if an option does not exist. A failure of the program itself is not
    an exception: see `RunResult.status` (128 + signal) and its standard error.
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
    """Build the same sources statically and dynamically, run both, and compare.

    Raises ToyvmError if the sources cannot be built.
    """
    return experiment.compare([Path(source) for source in sources], libs=libs, instances=instances)


def grade(
    assignment: Assignment | Source,
    submissions: Sequence[Source],
    *,
    workers: int = 0,
    store: Source | None = None,
    cluster: str = "",
    progress: Progress = lambda done, total: None,
) -> Grades:
    """Build, run and check submissions as an assignment says (docs/grading.md).

    Each submission is a file or a folder. `workers` is the number of processes, 0 for one a
    processor; `cluster` is the address of a Dask scheduler that does the work instead. With
    `store`, an SQLite file, results are kept as they come, and those of equal tests kept there
    before are used. `progress` is called with the numbers of tests that are done and that there
    are. `pandas.DataFrame(toyvm.grade(...).rows)` has a row for each submission and test.

    Raises DiagnosticsError for mistakes in the assignment, UsageError for submissions that do not
    exist or have one name. Whatever is wrong with a submission is in its grade.
    """
    checked = assignment if isinstance(assignment, Assignment) else read_assignment(Path(assignment))
    found = read_submissions([Path(path) for path in submissions], checked.build.accept)
    return grade_submissions(
        checked,
        found,
        workers=workers,
        store=Path(store) if store is not None else None,
        cluster=cluster,
        progress=progress,
    )


def quiz(kind: str, *, seed: int = 1, number: int = 0, level: int = 2, secret: str = "") -> Question:
    """A question about a real run or link: `question` and `solution` as text, its figures as `data`.

    `kind` is one of those that `toyvm quiz --list` shows, `number` counts the questions of a seed
    from 0, `level` is 1 (short) to 3 (long). With a `secret` of 12 characters or more, only those who
    know it can make the question and its solution again. The same arguments give the same question.
    Raises UsageError for an unknown kind or level, and for a short secret.
    """
    from .quizzes.kinds import quiz as make_question

    return make_question(kind, seed, number, level, secret)


def sweep(
    programs: Source | Sequence[Source],
    *,
    args: Sequence[str] | None = None,
    stdin: bytes | None = None,
    seconds: float = 60.0,
    workers: int = 0,
    store: Source | None = None,
    cluster: str = "",
    progress: Progress = lambda done, total: None,
    **values: Any,
) -> Sweep:
    """Run programs with every combination of the values given to options of a run.

    `sweep("a.s", memory="64K..1M*2", reclaim=["clock", "lru"], linkage="static,dynamic")`: a value,
    a sequence of values, or text as `toyvm sweep` takes it. The columns of the table are named in
    `Sweep`; `pandas.DataFrame(toyvm.sweep(...).rows)` takes its rows. A run that fails is a row.
    `workers`, `store`, `cluster` and `progress` are those of `grade`; a run that takes more than
    `seconds` of the host's time is given up.

    Raises UsageError for options and values that do not exist, ToyvmError for a program that cannot
    be read or built.
    """
    from .batch.sweep.axes import axis
    from .batch.sweep.sweeping import sweep as sweep_programs

    several = [programs] if isinstance(programs, (str, PathLike)) else programs
    return sweep_programs(
        [Path(program) for program in several],
        [axis(name, given) for name, given in values.items()],
        args=args,
        stdin=stdin,
        seconds=seconds,
        workers=workers,
        store=Path(store) if store is not None else None,
        cluster=cluster,
        progress=progress,
    )
