"""The Python interface: verbs and the values they return.

import toyvm

hello = toyvm.assemble("asm/hello.s")             # ObjectFile: sections, symbols, relocations
program = toyvm.link([hello], linkage="dynamic")  # Program: the ELF image and how it was linked
result = toyvm.run(program, capture=True)         # RunResult: status, output, statistics
print(result.stdout.decode(), result.stats.instructions)
print(toyvm.compare(["asm/hello.s"]).claims)      # Comparison: measurements and four claims
toyvm.explain(program, "symbol", "main")          # Explanation: who won, by which rule
toyvm.grade("sums.toml", ["alice.s", "bob.s"])    # Grades: a row for each submission and test
toyvm.sweep("asm/sorts.s", memory="256K..1M*2")   # Sweep: a row for each run
toyvm.quiz("translation", seed=7)                 # Question: text, solution, figures

docs/python.md is the page for users.
"""

from __future__ import annotations

from collections.abc import Sequence
from inspect import Parameter, Signature, signature
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Any, Unpack

from . import experiment, system
from .base.errors import AssemblyError, LinkError, NotFoundError, ToyvmError, UsageError
from .base.option_help import help_lines, keyword_values, parameters
from .base.record import replace
from .batch.grade.assignment import Assignment, read_assignment
from .batch.grade.grades import Grades
from .batch.grade.grading import grade_submissions
from .batch.grade.submissions import read_submissions
from .batch.pool.batch import Progress
from .batch.sweep.table import Sweep
from .build import Program, assemble_file, build_program
from .elf.object_file import ObjectFile
from .explanation import Explanation
from .explanation import explain as explain_link
from .linker.link_result import LinkResult
from .observe.comparison import Comparison
from .quizzes.question import Question
from .result import RunResult
from .run_options import GROUPS, RunOptions
from .run_settings import RunSettings

if TYPE_CHECKING:
    from .debugger.timeline import Timeline

__all__ = [
    "AssemblyError",
    "Comparison",
    "Explanation",
    "Grades",
    "LinkError",
    "LinkResult",
    "ObjectFile",
    "Program",
    "Question",
    "RunOptions",
    "RunResult",
    "Sweep",
    "ToyvmError",
    "UsageError",
    "assemble",
    "assemble_text",
    "compare",
    "explain",
    "grade",
    "link",
    "quiz",
    "run",
    "sweep",
    "timeline",
]

Source = str | PathLike[str]
_SOURCES = (".s", ".S", ".o", ".a")


def assemble(source: Source, *, name: str = "", pic: bool = False) -> ObjectFile:
    """Assemble a file, or text.

    A string with a line feed is text; any other string, and a Path, is the name of a file.
    `toyvm.assemble("asm/hello.s")`, `toyvm.assemble("li a0, 7\\nret\\n")`. `name` is what
    diagnostics call the text ("<text>"); `pic` makes position-independent code, as `as -fpic`.

    Raises AssemblyError, whose `messages` hold all diagnostics, or NotFoundError.
    """
    if _is_text(source):
        return assemble_text(fspath(source), name or "<text>", pic=pic)
    try:
        return assemble_file(Path(source), pic=pic)
    except NotFoundError as error:
        if isinstance(source, str) and " " in source.strip():
            raise NotFoundError(f"{error} (a string is text if it has a line feed)") from None
        raise


def assemble_text(text: str, name: str = "<text>", *, pic: bool = False) -> ObjectFile:
    """Assemble a string, with or without a line feed; otherwise as `assemble`."""
    from .assembler import AssemblerOptions
    from .assembler import assemble_text as assemble_string

    return assemble_string(text, name, AssemblerOptions(pic=pic, debug_lines=True))


def _is_text(source: object) -> bool:
    return isinstance(source, str) and "\n" in source


def _inputs(sources: Sequence[ObjectFile | Source]) -> list[ObjectFile | Path]:
    """What the linker takes: objects as they are, texts assembled, and paths."""
    return [
        source if isinstance(source, ObjectFile) else assemble(source) if _is_text(source) else Path(source)
        for source in sources
    ]


def link(
    objects: ObjectFile | Source | Sequence[ObjectFile | Source],
    *,
    linkage: str | None = None,
    libs: Sequence[str] = (),
) -> Program:
    """Link objects, files (.s, .o, .a) or texts with the start file and the guest libraries.

    `linkage` is "static" or "dynamic" (default: static, or what the first file's directives say);
    `libs` are names as after -l. Raises LinkError or AssemblyError, whose `messages` hold all
    problems.
    """
    several = [objects] if isinstance(objects, (ObjectFile, str, PathLike)) else objects
    if not several:
        raise UsageError("link: nothing to link")
    return build_program(_inputs(several), linkage=linkage, libs=libs, keep_history=True)


def run(
    program: Program | ObjectFile | Source | Sequence[ObjectFile | Source],
    *args: str,
    options: RunOptions | None = None,
    stdin: bytes | None = None,
    capture: bool = False,
    linkage: str | None = None,
    libs: Sequence[str] = (),
    **settings: Unpack[RunSettings],
) -> RunResult:
    """Run a program to its end.

    `program` is a Program, the ELF image in a file, or what is to be built first: a .s, .o or .a
    file, text, an ObjectFile, or several of these. `linkage` and `libs` are those of `link`. `args`
    are the program's arguments; without any, those of the source's directives.

    With `capture`, the result holds the program's output; otherwise the output goes to this
    process's streams. `stdin` is the program's standard input (default: this process's, or empty
    with `capture`). The other keyword arguments set fields of `options`, and are listed below.

    Raises NotFoundError or NotExecutableError if the file cannot be run, AssemblyError or LinkError
    if a source cannot be built, UsageError if a value is out of its range, TypeError if an option
    does not exist. A failure of the program itself is not an exception: see `RunResult.status` (128
    + signal) and its standard error.
    """
    values = keyword_values(RunOptions.rows, settings, "toyvm.run()")
    chosen = replace(options or RunOptions(), **values)
    target = _built(program, linkage, libs)
    name = target.name if isinstance(target, Program) else str(target)
    if isinstance(target, Program):
        args = args or target.directives.args
        if isinstance(program, (str, PathLike)) and not _is_text(program):
            name = fspath(program)
    return system.run(target, [name, *args], chosen, stdin=stdin, capture=capture)


def timeline(
    program: Program | ObjectFile | Source | Sequence[ObjectFile | Source],
    *args: str,
    options: RunOptions | None = None,
    stdin: bytes | None = None,
    linkage: str | None = None,
    libs: Sequence[str] = (),
    **settings: Unpack[RunSettings],
) -> Timeline:
    """A run that goes backwards as well as forwards, at its first instruction.

    with toyvm.timeline("asm/cow.s") as run:
        end = run.resume(Conditions())                # to the end, a signal or a breakpoint
        half = Moment(end.moment.instructions // 2)
        print(run.go_to(half).pc, run.output())       # the past is computed again

    The arguments are those of `run`; output is kept, and the host's input is not read.
    `Timeline` (toyvm.debugger.timeline) has registers, memory, breakpoints and watchpoints;
    `toyvm.debugger.target` has the values it takes and gives. Close it, or use `with`.

    Raises UsageError for options that a timeline cannot have, otherwise as `run`.
    """
    from .debugger.timeline import Timeline

    values = keyword_values(RunOptions.rows, settings, "toyvm.timeline()")
    target = _built(program, linkage, libs)
    name = target.name if isinstance(target, Program) else str(target)
    if isinstance(target, Program):
        args = args or target.directives.args
    return Timeline.start(
        target, [name, *args], replace(options or RunOptions(), **values), stdin=stdin or b""
    )


def _built(
    program: Program | ObjectFile | Source | Sequence[ObjectFile | Source],
    linkage: str | None,
    libs: Sequence[str],
) -> Program | Path:
    """The program to run: an image in a file as it is, anything else linked."""
    if isinstance(program, (str, PathLike)) and not _is_text(program):
        path = Path(program)
        if path.suffix not in _SOURCES:
            if linkage or libs:
                raise UsageError(f"{path}: linkage and libs are for what is to be built")
            return path
    if not isinstance(program, Program):
        return link(program, linkage=linkage, libs=libs)
    if linkage or libs:
        raise UsageError(f"{program.name} is linked already: linkage and libs are for what is to be built")
    return program


def explain(
    program: Program | ObjectFile | Source | Sequence[ObjectFile | Source],
    kind: str,
    subject: str | int,
    *,
    linkage: str | None = None,
    libs: Sequence[str] = (),
) -> Explanation:
    """Say why something in a program is what it is, as `toyvm explain` does.

    `program` is a Program made by `link`, or what is to be linked first. `kind` and `subject`:

    reloc     "main.o:.text+0x14", "puts.o:puts", "main.s:12": operands, formula, bits, bytes
    section   ".text", "main.o:.data": what keeps it, the rule that placed it, its address
    address   0x10190, "main+4": source line, object, section, segment, byte in the file
    symbol    "main": references and definitions in order, who won by which rule
    member    "puts.o", "libc.a(puts.o)": the references that pulled it in, or why it stays out

    `print` shows the text, `answers` has the values. Raises UsageError for an unknown kind,
    ToyvmError if there is no such thing.
    """
    built = _built(program, linkage, libs)
    if not isinstance(built, Program):
        raise UsageError(f"{built} is linked already, and does not say how: give the sources")
    return explain_link(built, kind, hex(subject) if isinstance(subject, int) else subject)


def _describe_options() -> None:
    """Give `run` the signature and the help that the declarations of its options make."""
    own = [p for p in signature(run).parameters.values() if p.kind is not Parameter.VAR_KEYWORD]
    every = [*own, *parameters(RunOptions.rows.values())]
    run.__signature__ = Signature(every, return_annotation="RunResult")  # type: ignore[attr-defined]  # inspect reads it
    listed = "\n".join(f"    {line}".rstrip() for line in help_lines(RunOptions.rows.values(), GROUPS))
    run.__doc__ = f"{str(run.__doc__).rstrip()}\n\n{listed}"


_describe_options()


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
