"""The static and the dynamic build of one program, side by side: the facts, and the four claims they prove.

The claims are those of every operating systems book: a static image needs nothing else at run time; dynamic images are
smaller; N running dynamic programs share one copy of the library's text; a library update reaches dynamic programs
without relinking. Each is derived from measured facts, and says so when the facts speak against it.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from toyvm.base.record import Record, as_tree

SCHEMA = "toyvm.compare/1"


class InstanceFacts(Record):
    """Memory while `instances` processes of one build are alive at once. Frames are of 4096 bytes.

    `separate` says whose: False, that many processes of one file (which share its pages however it was linked);
    True, that many programs, each a file of its own, which is where static images repeat the library's code.
    `private` frames have one owner, `shared` frames several; `total` counts every user frame once, `text` those of
    executable areas.
    `pss` is the proportional set size of each process in bytes: their sum is `total` frames (proc(5), smaps).
    """

    instances: int
    separate: bool
    private: int
    shared: int
    total: int
    text: int
    pss: tuple[int, ...]


class UpdateFacts(Record):
    """What one build does after the library was replaced on disk and nothing was linked again."""

    library: str
    status: int
    takes_new: bool
    shown: str  # what the new library's initialiser printed, or ""


class BuildFacts(Record):
    """One build (linkage) of the program: on disk, at load, while it ran."""

    linkage: str
    file_size: int
    sections: Mapping[str, int]  # allocated sections: name -> bytes
    link_seconds: float  # host CPU time: the one figure that differs from run to run
    libraries: Mapping[str, int]  # file name -> bytes on disk, of every library loaded at run time
    load_relocations: Mapping[str, int]  # R_RISCV_* -> how many the loader applied before the program started
    lazy_relocations: Mapping[str, int]  # bound at the first call
    symbol_lookups: int
    instructions_to_main: int | None
    instructions: int
    faults: Mapping[str, int]
    status: int
    stdout: str
    instances: tuple[InstanceFacts, ...] = ()
    update: UpdateFacts | None = None
    runs_alone: bool = False  # with no library file within reach


class Claim(Record):
    """One statement, whether the facts bear it out, and the figures."""

    text: str
    holds: bool
    figures: str


class Comparison(Record):
    """Everything `toyvm compare` found out about one program."""

    program: str
    static: BuildFacts
    dynamic: BuildFacts
    claims: tuple[Claim, ...] = ()

    @property
    def builds(self) -> tuple[BuildFacts, BuildFacts]:
        return self.static, self.dynamic

    def to_json(self) -> dict[str, Any]:
        """A JSON-ready dict; its `schema` field names the version of this shape."""
        return {"schema": SCHEMA, **as_tree(self)}


def claims(static: BuildFacts, dynamic: BuildFacts) -> tuple[Claim, ...]:
    """The four claims, derived from the facts of the two builds."""
    return (
        _stands_alone(static, dynamic),
        _smaller(static, dynamic),
        _shares(static, dynamic),
        _updates(static, dynamic),
    )


def _stands_alone(static: BuildFacts, dynamic: BuildFacts) -> Claim:
    needs = ", ".join(dynamic.libraries) or "no library"
    return Claim(
        "A static image needs nothing else at run time",
        static.runs_alone and not static.libraries,
        f"static: {'runs' if static.runs_alone else 'fails'} without any library file; "
        f"dynamic: {'runs' if dynamic.runs_alone else 'fails'} without {needs}",
    )


def _smaller(static: BuildFacts, dynamic: BuildFacts) -> Claim:
    return Claim(
        "A dynamic image is smaller on disk",
        dynamic.file_size < static.file_size,
        f"{static.file_size:,} bytes static, {dynamic.file_size:,} dynamic "
        f"({dynamic.file_size / static.file_size:.0%})",
    )


def _shares(static: BuildFacts, dynamic: BuildFacts) -> Claim:
    text = "N running dynamic programs share one copy of library text"
    rows = [row for row in dynamic.instances if row.separate]
    others = [row for row in static.instances if row.separate]
    if len(rows) < 2 or len(others) < 2:
        return Claim(text, False, "not measured: give --instances at least two numbers")
    a, b = rows[0], rows[-1]
    return Claim(
        text,
        b.text - a.text < others[-1].text - others[0].text,
        f"frames of text in use by {b.instances} programs: {others[-1].text} static, {b.text} dynamic "
        f"(by {a.instances}: {others[0].text} and {a.text}); frames in all: {others[-1].total} and {b.total}",
    )


def _updates(static: BuildFacts, dynamic: BuildFacts) -> Claim:
    text = "A library update reaches dynamic programs without relinking"
    if static.update is None or dynamic.update is None:
        return Claim(text, False, "not measured: the program uses no library")
    return Claim(
        text,
        dynamic.update.takes_new and not static.update.takes_new,
        f"after replacing {dynamic.update.library}: static keeps the {_age(static.update)}, "
        f"dynamic takes the {_age(dynamic.update)}",
    )


def _age(update: UpdateFacts) -> str:
    return "new" if update.takes_new else "old"
