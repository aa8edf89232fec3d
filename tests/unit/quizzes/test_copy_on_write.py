"""The answers of copy-on-write questions: the program runs again, and its traces say what each store did."""

from __future__ import annotations

import re

import toyvm
from tests.support.quiz_seeds import questions, rows, sentence

TRACED = {
    "demand_zero": "demand zero",
    "zero_read": "first read, the shared zero page",
    "shared_zero": "shared memory, zeroed",
    "cow": "copy-on-write",
    "cow_reuse": "copy-on-write, last sharer",
}
FAULT = re.compile(r"page fault: (?:read|write) \S+, (.*?) -> frame \w+; pc 0x\w+ (a\d+) ")
COPY = re.compile(
    r"copy-on-write fault at pc 0x\w+ (a\d+) .*\n.*\n.*\n +PTE before +0x\w+ = (\S+),.*; (\d+) references?: .*\n.*\n"
    r" +PTE after +0x\w+ = (\S+),.*? keeps (\d+)\n"
)


def test_the_answers_are_what_the_machine_does() -> None:
    kinds = set()
    for question in questions("cow"):
        program = toyvm.link([toyvm.assemble_text(question.data["source"], "again.s")])
        result = toyvm.run(program, trace=frozenset({"faults", "cow"}), capture=True)
        assert result.status == 0
        text = result.stderr.decode()
        faults = {label: kind for kind, label in FAULT.findall(text)}
        outcomes, users, copies, _, entries = question.parts
        stated = {f"a{row[0].strip('()')}": row[4] for row in rows(outcomes)}
        kinds.update(stated.values())
        assert {label: TRACED[kind] for label, kind in stated.items() if kind != "no fault"} == faults, (
            question.solution
        )
        assert sentence(copies) == f"{list(faults.values()).count('copy-on-write')}."
        found = {label: rest for label, *rest in COPY.findall(text)}
        before, holders, after, kept = found[f"a{question.data['asked']}"]
        assert sentence(users) == f"{holders} before, {kept} after."
        flags = re.findall(r": ([-DAGUXWRV]{8}),", sentence(entries))
        assert [word[:2] + word[3:] for word in flags] == [before, after]  # the trace does not show G
    assert kinds == {*TRACED, "no fault"}
