"""Reports of hostile names, outputs and messages: CSV, XML, HTML and names of files stay what they are."""

from __future__ import annotations

import csv
import io
import json
import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from pathlib import Path

import pytest

from toyvm.base.errors import UsageError
from toyvm.base.record import replace
from toyvm.batch.grade.assignment import BUILD, parse_assignment
from toyvm.batch.grade.checks import Check
from toyvm.batch.grade.grades import STATES, Grade, Grades, Result, points_text
from toyvm.batch.grade.machine_messages import Repeats, merged_threads
from toyvm.batch.grade.output import report_files, write_reports
from toyvm.batch.grade.page import html_page
from toyvm.batch.grade.printable import file_name, printable
from toyvm.batch.grade.student_report import student_report
from toyvm.batch.grade.table import text_table
from toyvm.batch.grade.tables import json_lines, junit_xml, points_csv, results_csv

HOSTILE = "=1+1<script>alert(1)</script>\"'&]]>\\x1b[0m"
RAW = "\x00\x1b[2J\udcff￾</pre><script>"


def grades(*names: str, hidden: bool = False) -> Grades:
    """Grades of submissions with these names, one result of each state, with hostile texts."""
    tests = "".join(
        f"[[test]]\nname = '''{HOSTILE} {state}'''\nhidden = {str(hidden).lower()}\nargs = ['{{}}']\nhint = 'hint <b>'\n"
        for state in STATES
    )
    assignment = parse_assignment(
        f"title = '''{HOSTILE}'''\n[build]\npoints = 1\n{tests}", "a.toml", lambda name: b""
    )
    check = Check("standard output", False, ("line 1 differs", f"  got | {HOSTILE}"))
    results = [
        Result(
            case.name, case.linkage, state, float(state == "passed"), 1.0, checks=() if state == "passed" else (check,),
            ending=HOSTILE, status=3, lines=(HOSTILE,), stderr=("secret",), counters={"faults": 3},
        )
        for case, state in zip(assignment.cases(), STATES, strict=True)
    ]  # fmt: skip
    made = tuple(
        Grade(name, (Result(BUILD, "", "passed", 1.0, 1.0), *results), ("ada.s",), file_name(name))
        for name in names
    )
    return Grades(assignment, tuple(assignment.cases()), made)


@pytest.fixture
def hostile() -> Grades:
    return grades(HOSTILE, "@ada", "-bill")


def test_csv_holds_no_formulas(hostile: Grades) -> None:
    for text in (results_csv(hostile), points_csv(hostile)):
        rows = list(csv.reader(io.StringIO(text)))
        assert len({len(row) for row in rows}) == 1 and len(rows) > 3
        assert not [cell for row in rows for cell in row if cell.startswith(("=", "+", "-", "@", "\t"))]
    assert [row[0] for row in csv.reader(io.StringIO(points_csv(hostile)))][1:] == [
        f"'{HOSTILE}",
        "'@ada",
        "'-bill",
    ]


def test_json_lines_have_every_row(hostile: Grades) -> None:
    rows = [json.loads(line) for line in json_lines(hostile).splitlines()]
    assert [(row["submission"], row["test"], row["points"]) for row in rows] == [
        (row["submission"], row["test"], row["points"]) for row in hostile.rows
    ]
    assert rows[2]["checks"][0]["what"] == "standard output" and rows[2]["faults"] == 3


def test_junit_is_xml_whatever_a_program_writes(hostile: Grades) -> None:
    grade = hostile.grades[0]
    bad = replace(grade, results=(*grade.results[1:], replace(grade.results[2], lines=(RAW,))))
    root = ET.fromstring(junit_xml(replace(hostile, grades=(bad,))))
    assert root.get("name") == HOSTILE
    cases = root.findall("testsuite/testcase")
    assert len(cases) == len(bad.results)
    assert sum(case.find("failure") is not None for case in cases) == len(cases) - 1


class Elements(HTMLParser):
    """The names of a page's elements, and the values of attributes that would load something."""

    def __init__(self, text: str):
        super().__init__()
        self.names: set[str] = set()
        self.links: list[str] = []
        self.open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.names.add(tag)
        self.links += [value or "" for name, value in attrs if name in ("href", "src", "srcset", "data")]
        if tag not in ("meta", "br"):
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_the_page_holds_no_elements_of_others_and_needs_no_network(hostile: Grades) -> None:
    page = Elements(html_page(hostile))
    assert not page.open
    assert not page.names & {"script", "b", "img", "link", "iframe", "object"}
    assert page.links and all(link.startswith("#r") for link in page.links)
    assert {"svg", "table", "pre", "details"} <= page.names


def test_the_page_names_tests_and_counts_built_programs() -> None:
    made = grades("ada", "bill")
    page = html_page(made)
    assert "<span>2. =1+1&lt;script" in page and "ada: 2 of 9</summary>" in page
    rows = page[page.index("<tbody>") : page.index("</tbody>")].split("</tr>")
    assert [row.count("<small>2× ") for row in rows[:-1]] == [
        state not in ("passed", "unbuilt") for state in ("passed", *STATES)
    ]


def test_hidden_tests_are_hidden_from_students() -> None:
    text = student_report(made := grades("ada", hidden=True), made.grades[0])
    assert "secret" not in text and "got" not in text and "toyvm run" not in text
    assert "hint <b>" in text
    assert "secret" in html_page(made)  # which is the lecturer's
    text = student_report(made := grades("ada"), made.grades[0])
    assert "secret" in text and "try it: toyvm run --static --root '' ada.s '{}'" in text


def one_failed(text: str, files: dict[str, bytes] | None = None) -> str:
    """The student's report on a test that failed."""
    made = parse_assignment(f'[[test]]\nname = "a"\n{text}', "a.toml", lambda name: (files or {})[name])
    (case,) = made.cases()
    result = Result("a", case.linkage, "failed", 0.0, 1.0, checks=(Check("exit status", False),))
    grades = Grades(made, (case,), (Grade("ada", (result,), ("ada.s",), "ada"),))
    return student_report(grades, grades.grades[0])


def test_a_report_shows_what_the_program_gets() -> None:
    text = one_failed(
        'args = ["a b"]\nstdin = "x%\\ny"\nenv = { A = "1" }\nfiles = { "/tmp/in" = "1\\n" }\n'
        'files_from = { "/data" = "data" }',
        {"data": b"".join(b"%d\n" % n for n in range(999))},
    )
    shown = text[text.index("   the program gets:") : text.index("   exit status")]
    assert shown.splitlines()[:13] == [
        "   the program gets:",
        "     arguments: 'a b'",
        "     in the environment: A=1",
        "     standard input, 4 bytes:",
        "              1 | x%",
        "              2 | y  (no line break)",
        "     file /tmp/in, 2 bytes:",
        "              1 | 1",
        "     file /data, 3,886 bytes:",
        *(f"              {n + 1} | {n}" for n in range(4)),
    ]
    assert "... and 991 more lines" in shown and "try it" not in text  # no option makes the file
    assert "the program gets" not in one_failed("")


def test_a_command_names_what_the_student_does_not_have() -> None:
    text = one_failed('stdin_file = "in.txt"', {"in.txt": b"1"})
    assert "try it (in.txt comes with the assignment): toyvm run --static --root '' ada.s < in.txt" in text
    assert r"""try it: printf 'x%%\n\\\033y' | toyvm run""" in one_failed(r'stdin = "x%\n\\\u001by"')


def test_tests_of_a_program_that_was_not_built_are_one_line() -> None:
    results = tuple(Result(name, "static", "unbuilt", 0.0, 1.5) for name in "abc")
    made = parse_assignment('[build]\nhint = "h"\n[[test]]\nname = "a"', "a.toml", lambda name: b"")
    for was_built in (True, False):
        grade = Grade("ada", results, ("ada.s",), "ada", ("no file",), was_built)
        text = student_report(Grades(made, (), (grade,)), grade)
        assert "\n1. to 3. – not built, 0 of 4.5 points\n" in text
        assert ("hint: h" in text) == was_built


def test_messages_are_not_repeated() -> None:
    head, frame, registers = (
        "limit reached",
        "  process 100 (a) was running\n    #0  0x10 main (a.s:1)",
        "    registers: ra 0x1,\n      t0 0x2",
    )
    thread = f"{frame}\n{registers}"
    others = thread.replace("100", "101"), thread.replace("100", "102").replace("0x10", "0x14")
    text = merged_threads("\n".join([head, thread, *others, "end"]))
    assert text == f"{head}\n{thread}\n  process 101 and 1 more: the same\nend"
    repeats = Repeats()
    lines = [head, *thread.split("\n")]
    assert repeats.shown(2, lines) == lines
    assert repeats.shown(3, [line.replace("0x10", "0x12") for line in lines]) == [
        head,
        "  the rest as in test 2, but for numbers",
    ]
    assert repeats.shown(4, ["killed", *thread.split("\n")]) == ["killed", *frame.split("\n")]


def test_names_cannot_leave_the_folder(tmp_path: Path) -> None:
    names = [
        file_name("a b"),
        "../../etc/passwd",
        "a/b",
        "",
        ".",
        "..",
        "-rf",
        "a b",
        "a_b",
        "ä",
        "x" * 300,
        "CON\\n",
        "ada",
    ]
    found = [file_name(name) for name in names]
    assert len(set(found)) == len(names) and found[-1] == "ada"
    assert all(
        name and "/" not in name and name[0] not in ".-" and len(name) < 100 and name.isascii()
        for name in found
    )
    write_reports(grades(*names), tmp_path / "out")
    written = {
        str(path.relative_to(tmp_path / "out")) for path in (tmp_path / "out").rglob("*") if path.is_file()
    }
    assert written == {name for name, _ in report_files(grades(*names))}
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    (tmp_path / "out/reports/notes.txt").write_text("of mine\n")
    write_reports(grades("ada"), tmp_path / "out")
    assert {path.name for path in (tmp_path / "out/reports").iterdir()} == {"ada.txt", "notes.txt"}
    (tmp_path / "file").write_text("")
    with pytest.raises(UsageError, match="not a folder"):
        write_reports(grades("ada"), tmp_path / "file")


def test_the_table_shows_a_mark_for_each_test(hostile: Grades) -> None:
    text = text_table(hostile, 110)
    assert "".join(mark for mark, _ in STATES.values()) in text
    assert "@ada" in text and max(map(len, text.splitlines())) <= 110


def test_text_is_made_printable() -> None:
    assert printable("a\x1b\u202e\udcff\n") == "a\\x1b\\u202e\\xff\\n"
    assert [points_text(n) for n in (0.0, 2.5, 1 / 3, 10.0)] == ["0", "2.5", "0.33", "10"]
