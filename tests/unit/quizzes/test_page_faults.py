"""The answers of page fault questions: the program runs again, and its trace says what each instruction did."""

from __future__ import annotations

import re

import toyvm
from tests.support.quiz_seeds import questions, rows, sentence

TRACED = {
    "demand_zero": "demand zero",
    "zero_read": "first read, the shared zero page",
    "file_major": "file page read into the page cache",
    "cow": "copy-on-write",
    "segv": "not allowed",
}


def traced(source: str, **options: object) -> tuple[dict[str, str], toyvm.RunResult]:
    """The fault at each label of a program, as `toyvm run --trace=faults` shows it, and the result."""
    program = toyvm.link([toyvm.assemble_text(source, "again.s")])
    result = toyvm.run(program, trace=frozenset({"faults"}), capture=True, **options)
    line = re.compile(
        r"page fault: (?:read|write) \S+, (.*?)(?: -> frame \w+)?(?:, the stack grows)?; pc 0x\w+ (a\d+) "
    )
    text = re.sub(r"\n {6}", " ", result.stderr.decode())  # long lines are folded
    return {label: kind for kind, label in line.findall(text)}, result


def test_the_answers_are_what_the_machine_does() -> None:
    kinds = set()
    for question in questions("faults"):
        outcomes, total, frames, entry = question.parts
        faults, result = traced(question.data["source"], views=frozenset({"pagetable"}))
        stated = {row[0].strip("()"): row[3] for row in rows(outcomes)}
        kinds.update(stated.values())
        for number, kind in stated.items():
            assert faults.get(f"a{number}") == TRACED.get(kind), (question.solution, number)
        assert len(faults) == sum(kind != "no fault" for kind in stated.values())
        assert result.status == (139 if "segv" in stated.values() else 0)
        resolved = sum(kind not in ("no fault", "segv") for kind in stated.values())
        assert sentence(total).startswith(f"{resolved + 1}: ")
        taken = [kind for kind in stated.values() if kind in ("demand_zero", "cow")]
        assert sentence(frames).startswith(f"{len(taken)}: ")
        va = question.data["entry"][0]
        assert re.search(rf" {re.escape(sentence(entry)[:-1])} va {va:#x}\b", result.views[0].text), (
            question.solution
        )
    assert kinds == {*TRACED, "no fault"}
