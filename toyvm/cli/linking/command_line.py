"""The state of `toyvm ld` while its command line is read."""

from __future__ import annotations

from ...base.record import Record, replace
from ...linker.link_options import Input


class CommandLine(Record, frozen=False):
    """The state of the parser: options, inputs, and the modes for the inputs that follow."""

    options: dict[str, object] = {}
    lists: dict[str, list[str]] = {}
    inputs: list[Input] = []
    modes: Input = Input()  # the template of the next input
    stack: list[Input] = []
    starts: dict[str, int] = {}
    groups: int = 0
    output: str = "a.out"
    map_file: str = ""
    print_map: bool = False
    print_map_discarded: bool = True
    cref: bool = False
    trace: bool = False
    version: bool = False
    fatal_warnings: bool = False
    default_script: str = ""
    print_memory_usage: bool = False
    dependency_file: str = ""
    import_library: str = ""
    demangle: bool = True
    gnu_messages: bool = False  # messages of one line, as GNU ld writes them
    answer: str | None = None  # what is printed in place of a link
    verbose: bool = False

    def mode(self, **changes: object) -> None:
        """Change modes of the inputs that follow."""
        self.modes = replace(self.modes, **changes)

    def add(self, name: str, value: str) -> None:
        """Append a value of an option that may be repeated."""
        self.lists.setdefault(name, []).append(value)
