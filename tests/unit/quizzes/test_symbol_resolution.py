"""The answers of symbol questions, by a resolver of sets: it knows which symbols are open, and no states."""

from __future__ import annotations

from typing import Any

from tests.support.quiz_seeds import questions, rows, sentence

RANK = {"weak": 1, "common": 2, "strong": 3}
Mentions = list[tuple[str, str, int]]


def definitions(taken: list[tuple[str, Mentions]], name: str) -> list[tuple[int, int, str]]:
    """(rank, size, file) of each definition of a symbol, in order."""
    return [
        (RANK[k], size, file)
        for file, mentions in taken
        for n, k, size in mentions
        if n == name and k in RANK
    ]


def is_open(taken: list[tuple[str, Mentions]], name: str) -> bool:
    needed = any((n, k) == (name, "refers") for _, mentions in taken for n, k, _ in mentions)
    return needed and not definitions(taken, name)


def resolve(files: Any) -> list[tuple[str, Mentions]]:
    """The files that take part. A member is searched for from the start of the archive after each one taken."""
    taken: list[tuple[str, Mentions]] = []
    for file in files:
        if "mentions" in file:
            taken.append((file["name"], file["mentions"]))
            continue
        left = [(f"{file['name']}({member['name']})", member["mentions"]) for member in file["members"]]
        while found := [m for m in left if any(k in RANK and is_open(taken, n) for n, k, _ in m[1])]:
            taken.append(found[0])
            left.remove(found[0])
    return taken


def test_the_answers_follow_from_the_rules() -> None:
    seen, linked = set(), set()
    for question in questions("symbols"):
        taken = resolve(question.data["files"])
        members, winners, errors = question.parts
        names = {name for name, _ in taken if "(" in name}
        assert set(sentence(members).rstrip(".").split(", ")) == (names or {"None"}), question.solution
        lines = []
        stated = dict(rows(winners))
        for name in sorted({n for _, mentions in taken for n, _, _ in mentions} - {"_start"}):
            found = definitions(taken, name)
            best = max((rank for rank, _, _ in found), default=0)
            first = next((file for rank, _, file in found if rank == best), "")
            if best == RANK["common"]:
                first += f" (common, {max(size for rank, size, _ in found if rank == best)} bytes)"
            assert stated.pop(name) == (
                first or f"nothing: {'an error' if is_open(taken, name) else 'address 0'}"
            ), question.solution
            if [rank for rank, _, _ in found].count(3) > 1:
                lines.append(f"multiple definition of {name}")
            seen.add(best)
        assert not stated
        missing = sorted({n for _, mentions in taken for n, _, _ in mentions if is_open(taken, n)})
        lines += [f"undefined reference to {name}" for name in missing]
        assert sentence(errors) == (f"{'; '.join(lines)}." if lines else "None: the program is linked.")
        linked.add(not lines)
    assert seen == {0, 1, 2, 3} and linked == {True, False}
