"""Assignments: what is read, and a message with its line for every mistake."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import ROOT
from toyvm.base.errors import UsageError
from toyvm.base.options import Option
from toyvm.batch.grade.assignment import (
    BOUND_FIELDS,
    Assignment,
    Bounds,
    Build,
    Expectation,
    Machine,
    Test,
    Top,
    parse_assignment,
    read_assignment,
)
from toyvm.batch.grade.toml_tables import _KINDS, TomlError
from toyvm.cli.teaching.assignment_page import page
from toyvm.run_options import RunOptions

KINDS = (Top, Build, Bounds, Machine, Test, Expectation)
TEST = '[[test]]\nname = "a"\n'
FILES = {"in.txt": b"input", "out.txt": b"output\xff", "main.s": b".globl main", "x.c": b""}


def parse(text: str) -> Assignment:
    def read(name: str) -> bytes:
        try:
            return FILES[name]
        except KeyError:
            raise OSError(f"{name}: No such file or directory") from None

    return parse_assignment(text, "a.toml", read)


def mistakes(text: str) -> list[str]:
    with pytest.raises(TomlError) as caught:
        parse(text)
    assert caught.value.exit_code == 2
    return list(caught.value.messages)


@pytest.mark.parametrize(
    "row", [row for kind in KINDS for row in kind.rows.values()], ids=lambda row: row.name
)
def test_every_key_has_a_reader_and_a_sentence(row: Option) -> None:
    assert row.help and not row.help.endswith(".")
    assert row.type in _KINDS or row.type in ("Build", "Bounds", "Expectation", "OptionRecord")


def test_the_reference_page_is_current() -> None:
    assert (ROOT / "docs/reference/assignment.md").read_text() == "\n".join(page()) + "\n", (
        "python -m toyvm.cli.teaching.assignment_page > docs/reference/assignment.md"
    )


def test_the_page_on_grading_shows_the_sample() -> None:
    assert (ROOT / "docs/grading/sums.toml").read_text() in (ROOT / "docs/grading.md").read_text()


def test_limits_and_machines_are_options_of_a_run() -> None:
    assert {*BOUND_FIELDS.values(), *Machine.rows} <= set(RunOptions.rows)
    assert set(BOUND_FIELDS) == set(Bounds.rows) - {"seconds"}
    for name, field in BOUND_FIELDS.items():
        assert RunOptions.rows[field].accepts(Bounds.rows[name].default)


def test_a_test_takes_what_it_does_not_set_from_the_file() -> None:
    made = parse(
        '[limits]\nmemory = "1M"\noutput = 10\n[machine]\nswap = "2M"\n'
        '[[test]]\nname = "a"\nlimits.output = 20\n[test.machine]\nreclaim = "lru"\n'
    )
    (test,) = made.tests
    assert (test.limits.memory, test.limits.output) == (1 << 20, 20)
    assert (getattr(test.machine, "swap"), getattr(test.machine, "reclaim")) == (2 << 20, "lru")  # noqa: B009
    assert (made.title, made.points) == ("a", 1)


def test_files_are_read_in_place_of_their_names() -> None:
    made = parse(
        '[build]\nwith = ["main.s"]\n[[test]]\nname = "a"\nstdin_file = "in.txt"\n'
        'expect.stdout = { exact_file = "out.txt" }\nexpect.files = { "/tmp/x" = { lines_file = "in.txt" } }\n'
    )
    (test,) = made.tests
    assert made.files == {name: data for name, data in FILES.items() if name != "x.c"}
    assert test.expect.stdout is not None
    assert (test.expect.stdout.way, test.expect.stdout.value) == ("exact", "output\udcff")
    assert (test.expect.files["/tmp/x"].way, test.expect.files["/tmp/x"].value) == ("lines", "input")


def test_both_linkages_share_the_points() -> None:
    made = parse('[build]\nlinkage = "both"\npoints = 2\n[[test]]\nname = "a"\npoints = 3\n'
                 '[[test]]\nname = "b"\nlinkage = "dynamic"\n')  # fmt: skip
    assert [(case.name, case.linkage, case.points) for case in made.cases()] == [
        ("a (static)", "static", 1.5),
        ("a (dynamic)", "dynamic", 1.5),
        ("b", "dynamic", 1),
    ]
    assert made.points == 6


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("title = \n", "a.toml:1:9: error: invalid value"),
        ('[build]\nlinkage = "statik"\n' + TEST, "a.toml:2:1: error: 'linkage' cannot be 'statik'"),
        ("[build]\nwiht = []\n" + TEST, "a.toml:2:1: error: unknown key 'wiht'"),
        ('[build]\nwith = ["x.c"]\n' + TEST, "a.toml:2:1: error: 'x.c' cannot be linked"),
        ('[build]\naccept = ["sorce"]\n' + TEST, "a.toml:2:1: error: 'accept' cannot be 'sorce'"),
        ("[build]\naccept = []\n" + TEST, "a.toml:2:1: error: 'accept' is empty"),
        ('[build]\nlibs = ["imat"]\n' + TEST, "a.toml:2:1: error: there is no library 'imat'"),
        ("build = 3\n" + TEST, "a.toml:1:1: error: 'build' must be a table"),
        ('limits = { memory = "12Q" }\n' + TEST, "a.toml:1:12: error: '12Q' is not a size"),
        ('[limits]\noutput = "1G"\n' + TEST, "a.toml:2:1: error: 'output' cannot be 1073741824"),
        ("[limits]\ninstructions = 0\n" + TEST, "a.toml:2:1: error: 'instructions' cannot be 0"),
        ("[limits]\nseconds = nan\n" + TEST, "a.toml:2:1: error: 'seconds' must be a number"),
        ('[machine]\nreclaim = "lrx"\n' + TEST, "a.toml:2:1: error: 'reclaim' cannot be 'lrx'"),
        ("a = " + "[" * 100_000, "a.toml:1:1: error: arrays or tables are nested too deeply"),
        ("", "a.toml:1:1: error: 'test' is missing"),
        ("test = []", "a.toml:1:1: error: there is no test"),
        ("test = 1", "a.toml:1:1: error: 'test' must be an array of tables"),
        ("[[test]]\npoints = 1", "a.toml:1:3: error: 'name' is missing"),
        (TEST + TEST, "a.toml:4:1: error: two tests are named 'a'"),
        ('[[test]]\nname = "a\\tb"', "a.toml:2:1: error: a name consists of printable characters"),
        ('[[test]]\nname = "(build)"', "a.toml:2:1: error: '(build)' is the name of a column"),
        ('[[test]]\nname = "points"', "a.toml:2:1: error: 'points' is the name of a column"),
        (TEST + 'linkage = "both"\n[[test]]\nname = "a (static)"', "a.toml:5:1: error: two tests are named 'a (static)'"),
        (TEST + "expect.dynamic = true", "a.toml:3:8: error: 'dynamic' cannot hold: the program is linked statically"),
        (TEST + 'linkage = "both"\nexpect.loads = ["libc.so"]', "a.toml:4:8: error: 'loads' cannot hold: the"),
        (TEST + "points = -1", "a.toml:3:1: error: 'points' cannot be -1"),
        ('title = "\\u001b[2J"\n' + TEST, "a.toml:1:1: error: a title consists of printable characters"),
        (TEST + "points = inf", "a.toml:3:1: error: 'points' must be a number"),
        (TEST + "points = " + "9" * 400, "a.toml:3:1: error: 'points' must be a number"),
        (TEST + "points = true", "a.toml:3:1: error: 'points' must be a number"),
        (TEST + 'args = "a"', "a.toml:3:1: error: 'args' must be a list of strings"),
        (TEST + 'args = ["\\u0000"]', "a.toml:3:1: error: an argument cannot contain a zero byte"),
        (TEST + 'env = { "A=B" = "" }', "a.toml:3:9: error: 'A=B' cannot be a variable"),
        (TEST + 'files = { "tmp/x" = "" }', "a.toml:3:11: error: 'tmp/x' is no path of a file"),
        (TEST + 'files_from = { "/a/../b" = "in.txt" }', "a.toml:3:16: error: '/a/../b' is no path"),
        (TEST + 'stdin_file = "nope"', "a.toml:3:1: error: the file 'nope' cannot be read: No such file"),
        (TEST + 'stdin = "x"\nstdin_file = "in.txt"', "a.toml:4:1: error: a test has 'stdin' or"),
        (TEST + "expect = 5", "a.toml:3:1: error: 'expect' must be a table"),
        (TEST + "[test.expect]\nstatus = 256", "a.toml:4:1: error: 'status' cannot be 256"),
        (TEST + 'expect.status = 1\nexpect.signal = "SIGSEGV"', "a.toml:4:8: error: 'status' and 'signal'"),
        (TEST + 'expect.signal = "SIGSEG"', "a.toml:3:8: error: there is no signal 'SIGSEG'"),
        (TEST + 'expect.stdot = ""', "a.toml:3:8: error: unknown key 'stdot'"),
        (TEST + 'expect.stdout = { patern = "" }', "a.toml:3:8: error: 'stdout' has the unknown key 'patern'"),
        (TEST + 'expect.stdout = { pattern = "(" }', "a.toml:3:8: error: 'stdout' is no regular expression"),
        (TEST + 'expect.stdout = { exact = "", lines = "" }', "a.toml:3:8: error: 'stdout' must be a string"),
        (TEST + 'expect.stderr = { exact_file = "nope" }', "a.toml:3:8: error: the file 'nope' cannot be"),
        (TEST + 'expect.files = { "/tmp/x" = 1 }', "a.toml:3:8: error: 'files' has '/tmp/x', which must be"),
        (TEST + "expect.at_most = { fautls = 1 }", "a.toml:3:20: error: unknown counter 'fautls'"),
        (TEST + "expect.at_least.faults = -1", "a.toml:3:17: error: 'faults' is never below 0"),
        (TEST + 'expect.uses = ["opennat"]', "a.toml:3:8: error: there is no system call 'opennat'"),
    ],
)  # fmt: skip
def test_a_mistake_has_a_message_with_its_line(text: str, message: str) -> None:
    (found,) = mistakes(text)
    assert found.startswith(message)


def test_all_mistakes_are_reported_in_order_with_suggestions() -> None:
    """Text in strings of several lines is not taken for keys."""
    text = '[build]\nlinkge = "x"\n[[test]]\nname = "a"\nstdin = """\npoints = -1\n[build]\n"""\n[test.expect]\nstaus = 1\n'
    first, second = mistakes(text)
    assert first.endswith("  linkge = \"x\"\n  ^^^^^^\n  did you mean 'linkage'?")
    assert second.startswith("a.toml:10:1: error: unknown key 'staus'") and "'status'" in second


def test_the_sample_is_an_assignment() -> None:
    made = read_assignment(Path(ROOT / "docs/grading/sums.toml"))
    assert len(made.tests) == 4 and made.points == 6


def test_a_file_that_is_no_text_is_a_usage_error(tmp_path: Path) -> None:
    (tmp_path / "a.toml").write_bytes(b"\xef\xbb\xbf" + TEST.encode())  # a byte order mark
    assert read_assignment(tmp_path / "a.toml").points == 1
    (tmp_path / "a.toml").write_bytes(b'title = "\xff"')
    with pytest.raises(UsageError, match="not UTF-8 text, at byte 9"):
        read_assignment(tmp_path / "a.toml")


@pytest.mark.parametrize(
    "text", ["a = " + "[" * 100_000, "a = " + "9" * 5000, "a = 1e999999", "a." * 5000 + "b = 1", "[" * 50_000]
)
def test_toml_that_is_too_much_is_a_mistake(text: str) -> None:
    assert mistakes(text)[0].startswith("a.toml:")
