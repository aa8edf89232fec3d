"""The answers of translation questions, by a walk of the dump that knows nothing of toyvm's."""

from __future__ import annotations

from typing import Any

from tests.support.quiz_seeds import questions, sentence

CAUSES = {"load": (13, 1), "store": (15, 2), "fetch": (12, 3)}  # and the bit of the entry that permits it
NAMES = {"load": "Load", "store": "Store", "fetch": "Instruction"}


def walk(data: Any, va: int, bit: int) -> int | None:
    """The privileged manual's "Virtual Address Translation Process"."""
    if va & ~((1 << 38) - 1) not in (0, (1 << 64) - (1 << 38)):
        return None
    entries = {frame * 4096 + 8 * index: pte for frame, index, pte in data["entries"]}
    table, level = data["root"] * 4096, 2
    while True:
        pte = entries.get(table + (va >> 12 + 9 * level) % 512 * 8, 0)
        if pte % 2 == 0:
            return None
        if pte & 0b1110:
            break
        table, level = (pte >> 10) * 4096, level - 1
    if not pte >> bit & 1 or not pte & 16:
        return None
    size = 4096 << 9 * level
    return (pte >> 10) * 4096 // size * size + va % size


def test_the_answers_are_those_of_a_walk() -> None:
    results = set()
    for question in questions("translation"):
        data = question.data
        for part, (access, va) in zip(question.parts, data["asked"], strict=True):
            cause, bit = CAUSES[access]
            pa = walk(data, va, bit)
            fault = f"{NAMES[access]} page fault (cause {cause}); stval holds {va:#x}."
            assert sentence(part) == (fault if pa is None else f"Physical address {pa:#x}."), (
                question.solution
            )
            results.add(pa is None)
    assert results == {True, False}


def test_every_kind_of_case_occurs() -> None:
    """A megapage, an address that is not canonical, a leaf that forbids the access."""
    text = "".join(question.solution for question in questions("translation"))
    for words in ("a megapage", "not canonical", "a leaf without", "V is clear"):
        assert words in text
