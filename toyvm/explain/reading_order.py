"""The order in which a link read its inputs: objects, members of archives, libraries, and archives left unused.

The linker adds objects in command-line order. An archive is searched where it stands, and those of a group in rounds
after all of the group was read. So the order follows from the inputs and from the list of objects that take part.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import groupby

from toyvm.base.record import Record
from toyvm.linker.history import LinkHistory
from toyvm.linker.inputs.files import Opened
from toyvm.linker.inputs.resolution import Resolution


class Reading(Record, eq=False):
    """One step of reading.

    `what` is "object" (`file` is its number), "library" (`library` is its number, or -1 if --as-needed left it out),
    or "archive": its search has ended.
    """

    what: str
    name: str
    file: int = -1
    library: int = -1
    opened: Opened | None = None


class _Files:
    """The objects that take part, taken one after the other."""

    def __init__(self, resolution: Resolution):
        self._files = resolution.files
        self._next = 0

    def take(self) -> Iterator[Reading]:
        """The next object."""
        if self._next < len(self._files):
            yield Reading("object", self._files[self._next].object.name, file=self._next)
            self._next += 1

    def members(self, *archives: str) -> Iterator[Reading]:
        """The next objects, as far as they are members of `archives`."""
        while self._next < len(self._files) and self._files[self._next].archive in archives:
            yield from self.take()


def readings(resolution: Resolution, history: LinkHistory) -> tuple[Reading, ...]:
    """All steps in their order."""
    files = _Files(resolution)
    numbers = {id(library): number for number, library in enumerate(resolution.libraries)}
    made: list[Reading] = []
    for group, members in groupby(history.opened, key=lambda opened: opened.source.group):
        inputs = list(members)
        for opened in inputs:
            if opened.object is not None:
                made += files.take()
            elif opened.library is not None:
                number = numbers.get(id(opened.library), -1)
                made.append(Reading("library", opened.name, library=number, opened=opened))
            else:
                made += files.members(opened.name)
                if group is None:
                    made.append(Reading("archive", opened.name, opened=opened))
        if group is not None:
            archives = [opened for opened in inputs if opened.archive is not None]
            made += files.members(*(opened.name for opened in archives))
            made += [Reading("archive", opened.name, opened=opened) for opened in archives]
    made += files.take()  # the object that defines the output's versions
    return tuple(made)
