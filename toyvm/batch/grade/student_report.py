"""The report for a student: each test with what was expected, what came, and the machine's explanation."""

from __future__ import annotations

import shlex
from collections.abc import Iterator, Mapping
from itertools import takewhile
from typing import Any

from ...base.diagnostics import printable
from ...base.options import Option
from ...base.sizes import size_text
from ...run_options import RunOptions
from .assignment import BOUND_FIELDS, BUILD, Assignment, Bounds, Build, Case, Test
from .differences import sample
from .grades import STATES, Grade, Grades, Result, points_text, rounded
from .machine_messages import Repeats
from .printable import shortened, text_of

_LONGEST_COMMAND = 500
_LONGEST_WORDS = 200  # characters of arguments that are shown
_MOST_GIVEN = 6  # files and variables that are shown


def student_report(grades: Grades, grade: Grade, *, show_hidden: bool = False) -> str:
    """The report on one submission as text; with `show_hidden`, as a lecturer reads it."""
    title = f"{printable(grades.assignment.title)}: {grade.submission}"
    passed = f"{grade.passed} of {len(grade.results)} tests passed"
    lines = [title, "=" * len(title), "", f"{_points(grade.points, grade.of)}, {passed}"]
    cases = {case.name: case for case in grades.cases}
    if grade.build_lines:
        lines += ["", "The program was not built:", *_indented(grade.build_lines, 2)]
        if grades.assignment.build.hint and grade.was_built:
            lines.append(f"  hint: {printable(grades.assignment.build.hint)}")
    repeats = Repeats()
    at = 0
    while at < len(grade.results):
        unbuilt = list(takewhile(lambda result: result.state == "unbuilt", grade.results[at:]))
        if len(unbuilt) > 1:
            points = _points(0, rounded(sum(result.of for result in unbuilt)))
            mark, words = STATES["unbuilt"]
            between = "and" if len(unbuilt) == 2 else "to"
            lines += ["", f"{at + 1}. {between} {at + len(unbuilt)}. {mark} {words}, {points}"]
            at += len(unbuilt)
            continue
        result = grade.results[at]
        at += 1
        case = cases.get(result.test)
        lines += ["", *_test(at, result, case, grades.assignment, grade, show_hidden, repeats)]
    return "\n".join(lines) + "\n"


def _points(points: float, of: float) -> str:
    return f"{points_text(points)} of {points_text(of)} {'point' if of == 1 else 'points'}"


def _indented(lines: tuple[str, ...] | list[str], by: int) -> list[str]:
    return [f"{' ' * by}{line}".rstrip() for line in lines]


def _test(
    number: int,
    result: Result,
    case: Case | None,
    assignment: Assignment,
    grade: Grade,
    show_hidden: bool,
    repeats: Repeats,
) -> Iterator[str]:
    mark, words = STATES[result.state]
    yield f"{number}. {mark} {result.test}: {words}, {_points(result.points, result.of)}"
    if result.state == "passed" or result.test == BUILD or case is None:
        return
    if result.state != "unbuilt" and (show_hidden or not case.test.hidden):
        messages = repeats.shown(number, result.lines)
        yield from _indented(list(_details(result, case, assignment, grade, messages)), 3)
    if case.test.hint and result.state != "unbuilt":
        yield f"   hint: {printable(case.test.hint)}"


def _details(
    result: Result, case: Case, assignment: Assignment, grade: Grade, messages: list[str]
) -> Iterator[str]:
    given = list(_given(case.test, assignment.files))
    if given:
        yield "the program gets:"
        yield from _indented(given, 2)
    for check in result.failed:
        first, *rest = check.lines or ("",)
        if first.startswith(" "):
            first, rest = "", [first, *rest]
        yield f"{check.what}: {first}".rstrip(": ") if not first else f"{check.what}: {first}"
        yield from rest
    held = [check.what for check in result.checks if check.holds]
    if held:
        yield f"as expected: {', '.join(held)}"
    if messages:
        yield "the machine says:" if result.checks else "what happened:"
        yield from _indented(messages, 2)
    if result.stderr:
        yield "the program's standard error:"
        yield from _indented(result.stderr, 2)
    if result.checks and (command := command_of(case, assignment.build, grade, result)):
        foreign = [*assignment.build.with_, *assignment.build.include, *filter(None, [case.test.stdin_file])]
        verb = "comes" if len(foreign) == 1 else "come"
        note = f" ({', '.join(map(printable, foreign))} {verb} with the assignment)" if foreign else ""
        yield f"try it{note}: {command}"


def _given(test: Test, files: Mapping[str, bytes]) -> Iterator[str]:
    """What the program gets, as far as a report has room for it."""
    if test.args:
        yield f"arguments: {shortened(printable(shlex.join(test.args)), _LONGEST_WORDS)}"
    for number, (name, value) in enumerate(test.env.items()):
        if number == _MOST_GIVEN:
            yield f"... and {len(test.env) - number} more variables"
            break
        yield f"in the environment: {shortened(printable(f'{name}={value}'), _LONGEST_WORDS)}"
    if text := text_of(files[test.stdin_file]) if test.stdin_file else test.stdin:
        yield from _content("standard input", text)
    guest = {**test.files, **{path: text_of(files[name]) for path, name in test.files_from.items()}}
    for number, (path, text) in enumerate(guest.items()):
        if number == _MOST_GIVEN:
            yield f"... and {len(guest) - number} more files"
            break
        yield from _content(f"file {printable(path)}", text)


def _content(what: str, text: str) -> Iterator[str]:
    size = len(text.encode("utf-8", "surrogateescape"))
    yield f"{what}, {size:,} {'byte' if size == 1 else 'bytes'}{':' if size else ''}"
    if size:
        yield from sample(text)


def command_of(case: Case, build: Build, grade: Grade, result: Result) -> str:
    """A command that runs the test's program as the test does, or "" if a command cannot show it.

    `toyvm run` has no option for a test's files.
    """
    test = case.test
    if test.files or test.files_from or not grade.sources:
        return ""
    words = ["toyvm", "run", f"--{case.linkage}", "--root", ""]
    words += [word for name in build.with_ for word in ("--with", name)]
    words += [word for name in build.libs for word in ("-l", name)]
    words += [word for item in test.env.items() for word in ("-E", "=".join(item))]
    words += _limit_words(test.limits, all_counts=bool(result.stopped))
    words += [
        word for name, row in test.machine.rows.items() for word in _option(row, getattr(test.machine, name))
    ]
    program, *others = grade.sources
    words += [word for name in others for word in ("--with", name)]
    line = " ".join(map(shlex.quote, [*words, program, *test.args]))
    if test.stdin_file:
        line += f" < {shlex.quote(test.stdin_file)}"
    elif test.stdin:
        line = f"{_printf(test.stdin)} | {line}"
    return line if len(line) <= _LONGEST_COMMAND and line.isprintable() else ""


def _printf(text: str) -> str:
    """A command of the shell that prints `text`."""
    if text.isprintable():
        return f"printf %s {shlex.quote(text)}"
    known = {"\n": r"\n", "\t": r"\t", "\\": r"\\", "%": "%%"}
    octal = ("".join(f"\\{byte:03o}" for byte in c.encode("utf-8", "surrogateescape")) for c in text)
    shown = (known.get(c) or (c if c.isprintable() else o) for c, o in zip(text, octal, strict=True))
    return f"printf {'-- ' * text.startswith('-')}{shlex.quote(''.join(shown))}"


def _limit_words(limits: Bounds, *, all_counts: bool) -> list[str]:
    """The limits that are not the usual ones, as options of `toyvm run`; with `all_counts` those on counts too."""
    usual = Bounds()
    words = []
    for name, field in BOUND_FIELDS.items():
        value = getattr(limits, name)
        if value != getattr(usual, name) or (all_counts and field.startswith("max_")):
            words += _option(RunOptions.rows[field], value)
    return words


def _option(row: Option, value: Any) -> list[str]:
    """An option of `toyvm run`, unless it has its default or exists in Python alone."""
    if value == row.default or not row.flags:
        return []
    return [row.flags[0], size_text(value) if row.unit == "bytes" else str(value)]
