"""What an explanation of a section says, as values of numbers and texts."""

from __future__ import annotations

from toyvm.base.record import Record


class LiveStep(Record):
    """A step of the chain that keeps a section: a section, and why it is kept: a root's reason, or a reference to it."""

    object: str
    section: str
    why: str


class Placement(Record):
    """Where an input section is: `index` counts the parts of `output`, `padding` is the gap before it.

    `rule` says what chose the output section and the place in it. `size` is that in the output.
    """

    output: str
    rule: str
    index: int
    address: int
    offset: int
    file_offset: int
    size: int
    padding: int
    arithmetic: str


class InputSectionExplanation(Record):
    """An input section: `kept` or not, and why. `chain` leads from a root of --gc-sections to the section.

    `size` is that in the object; relaxation and merging may have changed it. `takes_part` says why the object is linked.
    """

    object: str
    name: str
    type: str
    flags: str
    align: int
    size: int
    kept: bool
    reason: str
    takes_part: str
    chain: tuple[LiveStep, ...] = ()
    placement: Placement | None = None


class Part(Record):
    """A part of an output section: an input section, or what the linker made."""

    object: str
    name: str
    address: int
    size: int
    padding: int


class OutputSectionExplanation(Record):
    """An output section: its address and the arithmetic of it, the segment that maps it, its parts in order.

    `absent` are input sections of this name, or that would join it, that are not in the output: (object, name, reason).
    """

    name: str
    type: str
    flags: str
    align: int
    address: int
    size: int
    file_offset: int
    rule: str
    arithmetic: tuple[str, ...]
    segment: str
    parts: tuple[Part, ...]
    absent: tuple[tuple[str, str, str], ...] = ()
