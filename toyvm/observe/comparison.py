"""Measurements of a program's static and dynamic builds, and the four claims that they test.

The claims are those of operating systems textbooks: a static image needs no other file at run time;
a dynamic image is smaller; running dynamic programs share one copy of the library's text; a library
update reaches dynamic programs without relinking. Each claim is tested with measurements and may
fail.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from ..base import notebook
from ..base.record import Record, as_dict, as_tree
from ..base.rows import Rows, rows_html

SCHEMA = "toyvm.compare/1"


class InstanceFacts(Record):
    """The memory use while `instances` processes of one build are alive, in frames of 4096 bytes.

    With `separate`, each process runs a file of its own, as different programs would: static images
    repeat the library's code. Otherwise all run one file and share its pages however it was linked.
    `private` frames are mapped by one process, `shared` frames by several; `total` counts all user
    frames, `text` those in executable areas. `pss` is the proportional set size of each process in
    bytes, as in /proc/PID/smaps (proc(5)).
    """

    instances: int
    separate: bool
    private: int
    shared: int
    total: int
    text: int
    pss: tuple[int, ...]


class UpdateFacts(Record):
    """The behaviour of one build after the library is replaced on disk, without relinking."""

    library: str
    status: int
    takes_new: bool
    shown: str  # the line that the new library's initialiser prints, or ""


class BuildFacts(Record):
    """The measurements of one build of the program: on disk, at load, and at run time."""

    linkage: str
    file_size: int
    sections: Mapping[str, int]  # allocated sections: name -> bytes
    link_seconds: float  # host CPU time; the only figure that is not reproducible
    libraries: Mapping[str, int]  # the libraries loaded at run time: file name -> bytes on disk
    load_relocations: Mapping[str, int]  # R_RISCV_* -> relocations applied before the program starts
    lazy_relocations: Mapping[str, int]  # R_RISCV_* -> relocations applied at the first call
    symbol_lookups: int
    instructions_to_main: int | None
    instructions: int
    faults: Mapping[str, int]
    status: int
    stdout: str
    instances: tuple[InstanceFacts, ...] = ()
    update: UpdateFacts | None = None
    runs_alone: bool = False  # whether it runs without any library file


class Claim(Record):
    """A statement, whether the measurements confirm it, and the figures."""

    text: str
    holds: bool
    figures: str


class Comparison(Record):
    """The result of `toyvm compare`."""

    program: str
    static: BuildFacts
    dynamic: BuildFacts
    claims: tuple[Claim, ...] = ()

    @property
    def builds(self) -> tuple[BuildFacts, BuildFacts]:
        return self.static, self.dynamic

    def __repr__(self) -> str:
        holding = sum(claim.holds for claim in self.claims)
        return (
            f"Comparison({self.program}: {self.static.file_size:,} bytes static, {self.dynamic.file_size:,} "
            f"dynamic; {holding} of {len(self.claims)} claims hold)"
        )

    def _repr_html_(self) -> str:
        parts = [notebook.heading(self.program, "static against dynamic")]
        rows = [("✓" if claim.holds else "✗", claim.text, claim.figures) for claim in self.claims]
        parts.append(notebook.table(("", "claim", "figures"), rows))
        figures = [row for row in self.rows if row["figure"] != "link_seconds"]  # as the others, repeatable
        parts.append(notebook.folded("figures", rows_html(self.rows.columns, figures)))
        if self.instances:
            parts.append(notebook.folded("several at once", self.instances.html()))
        return notebook.fragment(parts)

    @property
    def rows(self) -> Rows:
        """A row for each figure: its group, its name, and its value in the static and the dynamic build."""
        columns = ("group", "figure", "static", "dynamic")
        found: list[tuple[object, ...]] = []
        for name in (
            "file_size",
            "link_seconds",
            "symbol_lookups",
            "instructions_to_main",
            "instructions",
            "status",
        ):
            found.append(("build", name, getattr(self.static, name), getattr(self.dynamic, name)))
        for group in ("sections", "libraries", "load_relocations", "lazy_relocations", "faults"):
            static, dynamic = getattr(self.static, group), getattr(self.dynamic, group)
            for name in dict.fromkeys([*static, *dynamic]):
                found.append((group, name, static.get(name, 0), dynamic.get(name, 0)))
        return Rows(columns, [dict(zip(columns, row, strict=True)) for row in found])

    @property
    def instances(self) -> Rows:
        """A row for each build and number of processes at once: frames, and mean PSS in bytes."""
        columns = ("linkage", "instances", "separate", "private", "shared", "total", "text", "pss")
        rows = []
        for build in self.builds:
            for row in build.instances:
                values = {**as_dict(row), "linkage": build.linkage}
                values["pss"] = sum(row.pss) / len(row.pss) if row.pss else 0
                rows.append({name: values[name] for name in columns})
        return Rows(columns, rows)

    def to_json(self) -> dict[str, Any]:
        """The comparison as JSON values; `schema` names the version of the format."""
        return {"schema": SCHEMA, **as_tree(self)}


def claims(static: BuildFacts, dynamic: BuildFacts) -> tuple[Claim, ...]:
    """Test the four claims with the measurements of the two builds."""
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
