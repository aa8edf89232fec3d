"""The tasks: programs of hostile sources are built and run, each expectation compared, nothing of the host is seen."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Any

import pytest

from toyvm.batch.grade import building, running
from toyvm.batch.grade.assignment import Assignment, parse_assignment
from toyvm.batch.grade.submissions import Submission
from toyvm.batch.pool.jobs import Job

RETURNS = ".globl main\nmain: li a0, {}\n ret\n"
WRITES = """
.globl main
main: addi sp, sp, -16
 sd ra, 8(sp)
 la a0, text
 call puts
 li a0, 0
 ld ra, 8(sp)
 addi sp, sp, 16
 ret
 .data
text: .string "{}"
"""


def assignment(text: str = "", build: str = "", files: dict[str, bytes] | None = None) -> Assignment:
    def read(name: str) -> bytes:
        return (files or {})[name]

    return parse_assignment(f'[build]\n{build}\n[[test]]\nname = "a"\n{text}', "a.toml", read)


def perform(
    source: str, text: str = "", build: str = "", files: dict[str, bytes] | None = None
) -> dict[str, Any]:
    """The value of the job of a source and a test; the job is checked to hold nothing but what a job may."""
    made = assignment(text, build, files)
    (case,) = made.cases()
    submission = Submission("ada", {"ada.s": source.encode()})
    work = {
        "name": "ada",
        "image": None,
        "build": building.build_work(submission, made.build, case.linkage, made.files),
        "tests": [running.case_work(case, made.files)],
    }
    assert Job("a", "b", work).digest()
    value = running.perform(work)
    return {**value, **value["tests"][0]} if value["built"] else value


def failed(value: dict[str, Any]) -> dict[str, list[str]]:
    assert value["built"], value["messages"]
    return {check["what"]: list(check["lines"]) for check in value["checks"] if not check["holds"]}


def test_a_program_that_does_what_it_should() -> None:
    value = perform(WRITES.format("hello"), 'expect.stdout = "hello\\n"')
    assert not failed(value) and value["ending"] == "exit status 0"
    assert value["counters"]["instructions"] > 10 and value["counters"]["processes"] == 1


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ('expect.stdout = "hallo\\n"', "standard output"),
        ('expect.stdout = { lines = "hello  " }', ""),
        ('expect.stdout = { lines = " hello" }', "standard output"),
        ('expect.stdout = { contains = "ell" }', ""),
        ('expect.stdout = { contains = "elll" }', "standard output"),
        ('expect.stdout = { pattern = "^h.llo$" }', ""),
        ('expect.stdout = { pattern = "^ello" }', "standard output"),
        ('expect.stderr = ""', ""),
        ('expect.stderr = "x"', "standard error"),
        ("expect.status = 1", "exit status"),
        ("expect.any_status = true", ""),
        ('expect.signal = "SIGSEGV"', "signal"),
        ('expect.files = { "/tmp/x" = "" }', "file /tmp/x"),
        ('files = { "/tmp/a/b" = "12" }\nexpect.files = { "/tmp/a/b" = "12" }', ""),
        ('files = { "/data" = "12" }\nexpect.files = { "/data" = "21" }', "file /data"),
        ("expect.at_most = { instructions = 10 }", "instructions"),
        ("expect.at_least = { syscalls = 1000 }", "syscalls"),
        ("expect.at_least = { copies = 100 }", "copies"),
        ("expect.no_leak = true", ""),
        ("expect.dynamic = true", "dynamic"),
        ('expect.loads = ["libc.so"]', "loads libc.so"),
        ('linkage = "dynamic"\nexpect = { dynamic = true, loads = ["libc.so"] }', ""),
        ('expect.uses = ["write"]', ""),
        ('expect.uses = ["fork"]', "uses fork"),
        ('expect.forbids = ["write"]', "without write"),
        ('expect.forbids = ["fork", "thread"]', ""),
    ],
)
def test_each_expectation(text: str, wrong: str) -> None:
    found = failed(perform(WRITES.format("hello"), text, 'accept = ["source", "image"]'))
    assert list(found) == ([wrong] if wrong else [])
    assert all(found.values())


def test_limits_and_signals_are_told_from_statuses() -> None:
    looping = perform(".globl main\nmain: j main\n", "limits.instructions = 1000")
    assert looping["stopped"] == "limit of 1000 instructions reached" and failed(looping)
    crashing = perform(".globl main\nmain: sd zero, 0(zero)\n", 'expect.signal = "SIGSEGV"')
    assert (crashing["signal"], failed(crashing)) == ("SIGSEGV", {})
    assert any("main (ada.s:2)" in line for line in crashing["messages"])
    assert "exit status" in failed(perform(RETURNS.format(139), "expect.any_status = false"))
    assert failed(perform(RETURNS.format(139), 'expect.signal = "SIGSEGV"'))
    assert not failed(perform(RETURNS.format(139), "expect.status = 139"))


def test_forks_without_end_are_said_to_be_refused() -> None:
    forks = ".globl main\nmain: li a7, 220\n li a0, 17\n li a1, 0\n ecall\n j main\n"
    messages = perform(forks, "limits = { instructions = 2000, processes = 3 }")["messages"]
    assert re.fullmatch(
        r"a new process .* refused \d+ times: the test allows 3 at the same time", messages[0]
    )
    assert any(line.endswith(": the same") for line in messages)


def test_a_leak_is_a_segment_that_is_left() -> None:
    leaks = ".globl main\nmain: li a0, 0\n li a1, 4096\n li a2, 0x380\n li a7, 194\n ecall\n li a0, 0\n ret\n"
    assert failed(perform(leaks, "expect.no_leak = true")) == {
        "no leak": ["  expected | nothing left at the end", "       got | left: 1 shared memory segments"]
    }


def test_messages_of_the_machine_are_no_standard_error() -> None:
    value = perform(".globl main\nmain: sd zero, 0(zero)\n", 'expect = { stderr = "", signal = "SIGSEGV" }')
    assert not failed(value) and value["stderr"] == []


def test_all_messages_of_a_build_come_with_their_places() -> None:
    """Of the submission and of what is linked with it; the machine's files cannot be included."""
    source = '.globl main\nmain: adi a0, a0, 1\n.include "/etc/passwd"\n.incbin "../ada.s"\n# toyvm: with: secret.s\n'
    value = perform(source, build='with = ["h.s"]', files={"h.s": b"lx a0\n"})
    assert not value["built"]
    text = "\n".join(value["messages"])
    for place in ("ada.s:2:7: error", "ada.s:3:10: error", "ada.s:4:9: error", "assignment/h.s:1:1: error"):
        assert place in text
    assert "root:" not in text
    unresolved = perform(".globl main\nmain: call nowhere\n")
    assert "undefined reference to `nowhere'" in "\n".join(unresolved["messages"])


def test_a_program_without_main_is_told_so_and_no_folder_of_the_host() -> None:
    value = perform("nop\n")
    assert value["messages"] == [
        "crt1.o:(.text+0xa): undefined reference to `main' (in function `_start')",
        "  the program has no `main`",
    ]


def test_files_given_may_be_included() -> None:
    value = perform(
        ".include \"h.inc\"\n" + RETURNS.format("NUMBER"), "expect.status = 9",
        'include = ["h.inc"]', {"h.inc": b".equ NUMBER, 9\n"},
    )  # fmt: skip
    assert not failed(value)


def test_output_that_does_not_print_is_shown_as_escapes() -> None:
    value = perform(WRITES.format("\\033[2Jx\\377"), 'expect.stdout = "x\\n"')
    (lines,) = failed(value).values()
    assert "       got | \\x1b[2Jx\\xff" in lines


def test_a_program_sees_an_empty_file_system(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "secret").write_text("secret")
    monkeypatch.chdir(tmp_path)
    opens = """
.globl main
main: li a0, -100
 la a1, name
 li a2, 0
 li a7, 56
 ecall
 neg a0, a0
 ret
 .data
name: .string "secret"
"""
    assert not failed(perform(opens, "expect.status = 2"))  # ENOENT
    assert not failed(perform(opens, 'files = { "/secret" = "" }\nexpect.status = 253'))  # descriptor 3


def test_what_cannot_start_fails_without_a_traceback() -> None:
    """A program that is larger than memory, and a file where a directory is."""
    value = perform(
        RETURNS.format(0) + ".data\n.fill 20000, 8, 1\n", 'limits.memory = "64K"\nexpect.any_status = true'
    )
    assert "exit status" in failed(value) or "start" in failed(value)
    value = perform(RETURNS.format(0), 'files = { "/tmp/a" = "", "/tmp/a/b" = "" }')
    assert "cannot be put into the machine" in failed(value)["start"][0]


def test_a_step_that_takes_too_long_ends_its_process() -> None:
    """Also in a regular expression that does not end."""
    child = os.fork()
    if not child:
        perform(WRITES.format("a" * 40 + "b"), "limits.seconds = 1\nexpect.stdout = { pattern = '^(a+)+$' }")
        os._exit(0)
    _, status = os.waitpid(child, 0)
    assert os.WIFSIGNALED(status) and os.WTERMSIG(status) == running.TIME_IS_UP
