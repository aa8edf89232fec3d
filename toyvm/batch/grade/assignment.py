"""The assignment: what to build, how to run it, what to expect. Each key is declared once, here.

The check of a file (`toml_tables`), the grader and docs/reference/assignment.md follow from the
declarations.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from ...base.diagnostics import did_you_mean
from ...base.errors import UsageError
from ...base.options import OptionMeta, OptionRecord, option
from ...base.record import Record, replace
from ...base.resources import library_files
from ...base.sample_directives import LINKAGES
from ...build import read_file
from ...kernel.proc.signals import Signal
from ...kernel.syscalls.table import PRIVATE, SYSTEM_CALLS
from ...run_options import RunOptions
from .counters import COUNTERS, SPECIAL_CALLS
from .toml_tables import REQUIRED, Place, Text, TomlReader, tables

ACCEPTED = ("source", "object", "image")
SOURCE_SUFFIXES = (".s", ".S")
OBJECT_SUFFIX = ".o"
BUILD = "(build)"  # the test that a submission builds, if the assignment gives points for it
POINT_COLUMNS = ("submission", "points", "of", "percent")  # of the table of points, before those of the tests

# The options of a run that [machine] can set: those of the machine and of its memory that [limits] does not have.
MACHINE_FIELDS = (
    *("cpus", "engine", "fault_around", "ksm", "memory_limit", "overcommit", "overcommit_ratio", "quantum"),
    *("readahead", "reclaim", "schedule_seed", "seed", "swap", "swap_readahead", "thp", "dirty_ratio"),
)


class Build(OptionRecord):
    """How a submission becomes a program."""

    accept: tuple[str, ...] = option(
        default=("source",),
        choices=ACCEPTED,
        help="what may be handed in: assembly sources, object files, a linked program",
    )
    linkage: str = option(
        default="static",
        choices=(*LINKAGES, "both"),
        help="how programs are linked; with both, each test is done twice, for half of its points each time",
    )
    with_: tuple[str, ...] = option(
        default=(), help="files beside the assignment (.s, .o) that are linked with each submission"
    )
    include: tuple[str, ...] = option(
        default=(), help="files beside the assignment that sources may name after .include and .incbin"
    )
    libs: tuple[str, ...] = option(default=(), help="libraries to link, as after -l: imath")
    points: float = option(default=0.0, unit="points", lowest=0, help="the points of a program that builds")
    hint: str = option(default="", help="a sentence for the student whose program does not build")
    seconds: float = option(
        default=30.0,
        unit="seconds",
        lowest=1,
        highest=3600,
        help="the host's time after which a build is given up",
    )


def _bound(field: str, default: int, lowest: int | None = None, highest: int | None = None) -> Any:
    """A limit that is an option of a run."""
    row = RunOptions.rows[field]
    return option(
        default=default,
        unit=row.unit,
        lowest=row.lowest if lowest is None else lowest,
        highest=highest,
        help=row.help,
    )


class Bounds(OptionRecord):
    """The limits of one run. Those of BOUND_FIELDS are options of a run under other names."""

    instructions: int = _bound("max_instructions", 20_000_000, 1)
    syscalls: int = _bound("max_syscalls", 50_000, 1)
    faults: int = _bound("max_faults", 100_000, 1)
    memory: int = _bound("memory", 64 << 20, 64 << 10, 1 << 30)
    output: int = _bound("max_output", 64 << 10, highest=16 << 20)
    open_files: int = _bound("open_files", 64, highest=1 << 16)
    processes: int = _bound("processes", 32, highest=1 << 12)
    files: int = _bound("memfs_bytes", 16 << 20, highest=1 << 30)
    seconds: float = option(
        default=60.0,
        unit="seconds",
        lowest=1,
        highest=3600,
        help="the host's time after which a test is given up; depends on the host's speed, so let instructions decide",
    )


BOUND_FIELDS = {
    "instructions": "max_instructions",
    "syscalls": "max_syscalls",
    "faults": "max_faults",
    "memory": "memory",
    "output": "max_output",
    "open_files": "open_files",
    "processes": "processes",
    "files": "memfs_bytes",
}


def _machine() -> type[OptionRecord]:
    rows = {name: RunOptions.rows[name] for name in MACHINE_FIELDS}
    body = {"__module__": __name__, "__annotations__": {name: row.type for name, row in rows.items()}, **rows}
    made: Any = OptionMeta("Machine", (OptionRecord,), body)
    return made  # type: ignore[no-any-return] # OptionMeta makes classes of records


Machine = _machine()


class Expectation(OptionRecord):
    """What a run must do. Everything that is given must hold."""

    stdout: Text | None = option(default=None, help="the standard output")
    stderr: Text | None = option(
        default=None, help="the program's standard error, without the machine's messages"
    )
    files: Mapping[str, Text] = option(default={}, help="files that exist afterwards, by path in the machine")
    status: int = option(default=0, lowest=0, highest=255, help="the exit status")
    any_status: bool = option(
        default=False, help="accept every exit status; a signal or a limit is still a failure"
    )
    signal: str = option(default="", help="the signal that kills the program, such as SIGSEGV")
    at_most: Mapping[str, int] = option(default={}, help="the highest values of counters")
    at_least: Mapping[str, int] = option(default={}, help="the lowest values of counters")
    no_leak: bool = option(
        default=False,
        help="no frame and no swap slot stays in use, and no System V shared memory segment is left",
    )
    dynamic: bool = option(
        default=False, help="the program is linked dynamically (it names an interpreter, PT_INTERP)"
    )
    loads: tuple[str, ...] = option(
        default=(), help="shared libraries that the program loads, such as libimath.so"
    )
    uses: tuple[str, ...] = option(
        default=(),
        help="system calls that are made at least once; fork and thread stand for any way to do so",
    )
    forbids: tuple[str, ...] = option(default=(), help="system calls that are never made")


class Test(OptionRecord):
    """One run and what is expected of it."""

    __test__ = False  # no test of pytest

    name: str = option(default="", unset=REQUIRED, help="a name, which no other test has")
    points: float = option(default=1.0, unit="points", lowest=0, help="the points of the test")
    partial: bool = option(
        default=False,
        help="give points in proportion to the expectations that hold, instead of all or none; only those count that a "
        "program which does nothing does not meet. The others (a status of 0, an empty output, at_most, no_leak, dynamic, "
        "loads, forbids) are conditions: without them there are no points, nor for a program that a limit or an "
        "unexpected signal ends",
    )
    hidden: bool = option(
        default=False, help="tell students only whether the test passed: no input, no output, but the hint"
    )
    hint: str = option(default="", help="a sentence for the student whose program fails the test")
    linkage: str = option(
        default="", choices=("", *LINKAGES, "both"), unset="that of [build]", help="how the program is linked"
    )
    args: tuple[str, ...] = option(default=(), help="the program's arguments")
    stdin: str = option(default="", help="the standard input")
    stdin_file: str = option(default="", help="a file beside the assignment that is the standard input")
    env: Mapping[str, str] = option(default={}, help="the environment, which is empty otherwise")
    files: Mapping[str, str] = option(
        default={}, help="files in the machine, path and text; those in /tmp can be written to"
    )
    files_from: Mapping[str, str] = option(
        default={}, help="files in the machine, path and name of a file beside the assignment"
    )
    limits: Bounds = option(default=Bounds(), help="limits other than those of [limits]")
    machine: OptionRecord = option(default=Machine(), help="a machine other than that of [machine]")
    expect: Expectation = option(default=Expectation(), help="what is expected")


class Top(OptionRecord):
    """The keys of the file itself."""

    title: str = option(
        default="", unset="the file's name", help="the title of the assignment, for the reports"
    )
    build: Build = option(default=Build(), help="how submissions are built")
    limits: Bounds = option(default=Bounds(), help="limits of each test that has no other")
    machine: OptionRecord = option(default=Machine(), help="the machine of each test that has no other")
    test: tuple[Any, ...] = option(default=(), unset=REQUIRED, help="the tests, in the order of the reports")


class Case(Record):
    """A test with one linkage: a column of the table. `name` is unique."""

    name: str
    test: Test
    linkage: str
    points: float


class Assignment(Record):
    """A checked assignment. `files` holds the contents of the files that it names."""

    title: str
    build: Build
    tests: tuple[Test, ...]
    files: Mapping[str, bytes]

    def cases(self) -> list[Case]:
        """The tests, each once for each of its linkages."""
        return [case for test in self.tests for case in cases_of(test, self.build)]

    @property
    def points(self) -> float:
        """The most points that a submission can have."""
        return self.build.points + sum(test.points for test in self.tests)


def cases_of(test: Test, build: Build) -> list[Case]:
    """A test, once for each of its linkages."""
    linkage = test.linkage or build.linkage
    linkages = LINKAGES if linkage == "both" else (linkage,)
    points = test.points / len(linkages)
    names = [f"{test.name} ({one})" if len(linkages) > 1 else test.name for one in linkages]
    return [Case(name, test, one, points) for name, one in zip(names, linkages, strict=True)]


def read_assignment(path: Path) -> Assignment:
    """Read and check an assignment and the files that it names.

    Raises TomlError with all mistakes, NotFoundError, UsageError or ToyvmError if the file cannot be read.
    """
    try:
        text = read_file(path).decode("utf-8-sig")
    except UnicodeDecodeError as problem:
        raise UsageError(f"{path}: not UTF-8 text, at byte {problem.start}") from None
    return parse_assignment(text, str(path), lambda name: read_file(path.parent / name))


def parse_assignment(text: str, name: str, read: Callable[[str], bytes]) -> Assignment:
    """Check the text of an assignment; `read` gives the contents of a file beside it. Raises TomlError."""
    reader = TomlReader(text, name)
    top = reader.record(Top, reader.values, ())
    start = Test(limits=top.limits, machine=top.machine)
    tests = []
    for path, table in tables(reader, reader.values, "test"):
        test = reader.record(Test, table, path, start)
        _check_test(reader, test, table, path)
        tests.append(test)
    if not top.title.isprintable():
        reader.mistake(("title",), "a title consists of printable characters")
    _check_names(reader, top.build, tests)
    _check_build(reader, top.build)
    for number, test in enumerate(tests):
        _check_linkage(reader, test, top.build, ("test", number, "expect"))
    files: dict[str, bytes] = {}
    for where, file in _named_files(top.build, tests):
        try:
            files[file] = read(file)
        except Exception as problem:
            reader.mistake(where, f"the file '{file}' cannot be read: {_reason(problem)}")
    reader.finish()
    title = top.title or Path(name).stem
    return Assignment(title, top.build, tuple(_with_contents(test, files) for test in tests), files)


def _reason(problem: Exception) -> str:
    return str(problem).rpartition(": ")[2]


def _named_files(build: Build, tests: list[Test]) -> Iterator[tuple[Place, str]]:
    """(place, name) of each file that the assignment names."""
    for key, names in (("with", build.with_), ("include", build.include)):
        for name in names:
            yield ("build", key), name
    for number, test in enumerate(tests):
        path: Place = ("test", number)
        if test.stdin_file:
            yield (*path, "stdin_file"), test.stdin_file
        for guest, name in test.files_from.items():
            yield (*path, "files_from", guest), name
        for where, text in _texts(test.expect):
            if text.way.endswith("_file"):
                yield (*path, "expect", *where), text.value


def _texts(expect: Expectation) -> Iterator[tuple[Place, Text]]:
    for stream in ("stdout", "stderr"):
        if (text := getattr(expect, stream)) is not None:
            yield (stream,), text
    for guest, text in expect.files.items():
        yield ("files", guest), text


def _with_contents(test: Test, files: Mapping[str, bytes]) -> Test:
    """The test with the texts of files in the place of their names."""

    def resolved(text: Text | None) -> Text | None:
        if text is None or not text.way.endswith("_file"):
            return text
        return Text(text.way.removesuffix("_file"), files[text.value].decode("utf-8", "surrogateescape"))

    expect = test.expect
    found = {guest: resolved(text) for guest, text in expect.files.items()}
    expect = replace(expect, stdout=resolved(expect.stdout), stderr=resolved(expect.stderr), files=found)
    return replace(test, expect=expect)


def _check_names(reader: TomlReader, build: Build, tests: list[Test]) -> None:
    first: dict[str, int] = {}
    for number, test in enumerate(tests):
        place = ("test", number, "name")
        for name in (case.name for case in cases_of(test, build)):
            if name in (BUILD, *POINT_COLUMNS):
                reader.mistake(place, f"'{name}' is the name of a column of points.csv; choose another")
            elif first.setdefault(name, number) != number:
                reader.mistake(place, f"two tests are named '{name}'")
                break
    if reader.values.get("test") == []:
        reader.mistake((), "there is no test", expected="[[test]]")


def _check_build(reader: TomlReader, build: Build) -> None:
    for name in build.with_:
        if not name.endswith((*SOURCE_SUFFIXES, OBJECT_SUFFIX)):
            reader.mistake(("build", "with"), f"'{name}' cannot be linked", expected="a .s or .o file")
    if not build.accept:
        reader.mistake(("build", "accept"), "'accept' is empty", expected=f"any of {', '.join(ACCEPTED)}")
    known = {name[3:-2] for name in library_files() if name.endswith(".a")}
    for name in build.libs:
        if name not in known:
            hint = did_you_mean(name, known)
            reader.mistake(("build", "libs"), f"there is no library '{name}'", hint=hint)


def _check_test(reader: TomlReader, test: Test, table: Any, path: Place) -> None:
    """What the declarations of single keys do not say."""
    if not isinstance(table, dict):
        return
    expect, place = test.expect, (*path, "expect")
    given = table.get("expect", {})
    if "name" in table and (not test.name.strip() or not test.name.isprintable()):
        reader.mistake((*path, "name"), "a name consists of printable characters")
    if test.stdin and test.stdin_file:
        reader.mistake((*path, "stdin_file"), "a test has 'stdin' or 'stdin_file', not both")
    for key in ("files", "files_from"):
        _check_guest_paths(reader, getattr(test, key), (*path, key))
    _check_guest_paths(reader, expect.files, (*place, "files"))
    for key in test.env:
        if not key or "=" in key or "\0" in key + test.env[key]:
            reader.mistake((*path, "env", key), f"'{key}' cannot be a variable of the environment")
    if any("\0" in word for word in test.args):
        reader.mistake((*path, "args"), "an argument cannot contain a zero byte")
    signals = [signal.name for signal in Signal]
    if expect.signal and expect.signal not in signals:
        hint = did_you_mean(expect.signal, signals)
        reader.mistake((*place, "signal"), f"there is no signal '{expect.signal}'", hint=hint)
    if (
        isinstance(given, dict)
        and len(clash := [k for k in ("status", "any_status", "signal") if k in given]) > 1
    ):
        reader.mistake((*place, clash[-1]), f"'{clash[0]}' and '{clash[1]}' cannot both be expected")
    for key in ("at_most", "at_least"):
        for counter, value in getattr(expect, key).items():
            if counter not in COUNTERS:
                hint = did_you_mean(counter, COUNTERS)
                known = "" if hint else f"one of {', '.join(COUNTERS)}"
                reader.mistake(
                    (*place, key, counter), f"unknown counter '{counter}'", expected=known, hint=hint
                )
            elif value < 0:
                reader.mistake((*place, key, counter), f"'{counter}' is never below 0")
    calls = {*SPECIAL_CALLS, *(row[0] for row in SYSTEM_CALLS.values() if PRIVATE not in row)}
    for key in ("uses", "forbids"):
        for call in getattr(expect, key):
            if call not in calls:
                hint = did_you_mean(call, calls)
                reader.mistake((*place, key), f"there is no system call '{call}'", hint=hint)


def _check_linkage(reader: TomlReader, test: Test, build: Build, place: Place) -> None:
    """A program that is linked here is linked as the test says."""
    if "image" in build.accept or all(case.linkage == "dynamic" for case in cases_of(test, build)):
        return
    for key, is_wanted in (("dynamic", test.expect.dynamic), ("loads", bool(test.expect.loads))):
        if is_wanted:
            message = f"'{key}' cannot hold: the program is linked statically"
            reader.mistake((*place, key), message, expected='linkage = "dynamic" in the test or in [build]')


def _check_guest_paths(reader: TomlReader, paths: Mapping[str, Any], place: Place) -> None:
    for guest in paths:
        parts = guest.split("/")
        if not guest.startswith("/") or guest.endswith("/") or "\0" in guest or {".", ".."} & {*parts}:
            reader.mistake((*place, guest), f"'{guest}' is no path of a file", expected="/tmp/input.txt")
