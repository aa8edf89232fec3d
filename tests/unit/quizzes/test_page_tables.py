"""The answers of page table questions, from the pages that they show."""

from __future__ import annotations

from tests.support.quiz_seeds import questions, sentence


def test_the_answers_follow_from_the_pages() -> None:
    new = set()
    for question in questions("pagetables"):
        data = question.data
        pages = dict(data["leaves"])
        split = [
            f"VPN[2] = {va >> 30}, VPN[1] = {va >> 21 & 511}, VPN[0] = {va >> 12 & 511}."
            for va, _ in data["split"]
        ]
        gibibytes = {va >> 30 for va in pages}
        pieces = {va >> 21 for va in pages}
        tables = 1 + len(gibibytes) + len(pieces)
        va, later = data["entry"][0], data["later"]
        made = len({later >> 30} - gibibytes) + len({later >> 21} - pieces)
        new.add(made)
        assert later // 4096 * 4096 not in pages
        assert [sentence(part) for part in question.parts] == [
            *split,
            f"1 of level 2, {len(gibibytes)} of level 1, {len(pieces)} of level 0: {tables} tables, "
            f"{4096 * tables:,} bytes. The one table would take 536,870,912 bytes, {131072 // tables:,} times more.",
            f"{', '.join(map(str, sorted(gibibytes)))}.",
            f"{pages[va] & ~0x300:#018x}.",
            f"{made} new table{'' if made == 1 else 's'}; {made + 1} frame{'s' if made else ''} in all.",
        ], question.solution
        assert (data["new_tables"], data["new_frames"]) == (made, made + 1)  # counted by the machine
    assert {0, 1} <= new
