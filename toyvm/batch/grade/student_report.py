"""The report for a student: each test with what was expected, what came, and the machine's explanation."""

from __future__ import annotations

import shlex
from collections.abc import Iterator
from typing import Any

from ...base.diagnostics import printable
from ...base.options import Option
from ...base.sizes import size_text
from ...run_options import RunOptions
from .assignment import BOUND_FIELDS, Bounds, Build, Case
from .grades import BUILD, STATES, Grade, Grades, Result, points_text

_LONGEST_COMMAND = 500


def student_report(grades: Grades, grade: Grade, *, show_hidden: bool = False) -> str:
    """The report on one submission as text; with `show_hidden`, as a lecturer reads it."""
    title = f"{printable(grades.assignment.title)}: {grade.submission}"
    passed = f"{grade.passed} of {len(grade.results)} tests passed"
    lines = [title, "=" * len(title), "", f"{_points(grade.points, grade.of)}, {passed}"]
    cases = {case.name: case for case in grades.cases}
    if grade.build_lines:
        lines += ["", "The program was not built:", *_indented(grade.build_lines, 2)]
        if grades.assignment.build.hint:
            lines.append(f"  hint: {printable(grades.assignment.build.hint)}")
    for number, result in enumerate(grade.results, 1):
        lines += [
            "",
            *_test(number, result, cases.get(result.test), grades.assignment.build, grade, show_hidden),
        ]
    return "\n".join(lines) + "\n"


def _points(points: float, of: float) -> str:
    return f"{points_text(points)} of {points_text(of)} {'point' if of == 1 else 'points'}"


def _indented(lines: tuple[str, ...] | list[str], by: int) -> list[str]:
    return [f"{' ' * by}{line}".rstrip() for line in lines]


def _test(
    number: int, result: Result, case: Case | None, build: Build, grade: Grade, show_hidden: bool
) -> Iterator[str]:
    mark, words = STATES[result.state]
    yield f"{number}. {mark} {result.test}: {words}, {_points(result.points, result.of)}"
    if result.state == "passed" or result.test == BUILD or case is None:
        return
    if result.state != "unbuilt" and (show_hidden or not case.test.hidden):
        yield from _indented(list(_details(result, case, build, grade)), 3)
    if case.test.hint and result.state != "unbuilt":
        yield f"   hint: {printable(case.test.hint)}"


def _details(result: Result, case: Case, build: Build, grade: Grade) -> Iterator[str]:
    for check in result.failed:
        first, *rest = check.lines or ("",)
        if first.startswith(" "):
            first, rest = "", [first, *rest]
        yield f"{check.what}: {first}".rstrip(": ") if not first else f"{check.what}: {first}"
        yield from rest
    held = [check.what for check in result.checks if check.holds]
    if held:
        yield f"as expected: {', '.join(held)}"
    if result.lines:
        yield "the machine says:" if result.checks else "what happened:"
        yield from _indented(result.lines, 2)
    if result.stderr:
        yield "the program's standard error:"
        yield from _indented(result.stderr, 2)
    if result.checks and (command := command_of(case, build, grade, result)):
        yield f"try it: {command}"


def command_of(case: Case, build: Build, grade: Grade, result: Result) -> str:
    """A command that runs the test's program as the test does, or "" if a command cannot show it.

    A test with an input, files or a limit that `toyvm run` has no option for is only named.
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
        line = f"printf %s {shlex.quote(test.stdin)} | {line}"
    return line if len(line) <= _LONGEST_COMMAND and line.isprintable() else ""


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
