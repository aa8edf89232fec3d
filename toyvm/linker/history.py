"""The history of a link: the values that its passes had, for those who ask later why the output is as it is.

A pass makes a new value and leaves the old one alone, so keeping the old ones costs memory but no time. The only copies
are the bytes of the image before and after relocation. With a history, each relocation also knows the row of the first
table of columns that it was (`RelocColumns.origin`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from toyvm.base.record import Record

from .inputs.columns import Column, ProgramColumns

if TYPE_CHECKING:
    from .inputs.files import Opened
    from .link_options import LinkOptions
    from .relax.relaxation import Relaxed
    from .scan_relocations import Needs
    from .script.plan import Plan
    from .script.scripted import Scripted
    from .synthetic.synthesis import LinkerSections

READ = "read"  # the first pass: all inputs as columns


class LinkHistory(Record, frozen=False, eq=False):
    """What is kept of a link if `LinkOptions.keep_history` is set.

    `opened`: the inputs in command-line order, archives whole. `passes`: (name, the program after it)
    in order; names are those of `link`'s passes: "read", "strip", "discard", "gc", "icf", "frames",
    "constructors", "align", "merge", "simplify", "tables", "sections", "relax", "final". `stands`: by
    section the one that it was folded into. `before` and `after` are the bytes of the whole image
    around `relocate`, at the offsets of the layout.
    """

    options: LinkOptions
    opened: tuple[Opened, ...] = ()
    passes: list[tuple[str, ProgramColumns]] = []
    public: Column | None = None  # by global symbol: whether other components see it
    kept: Column | None = None  # by section: what a script says KEEP of
    stands: Column | None = None
    scripted: Scripted | None = None
    plan: Plan | None = None
    relaxed: Relaxed | None = None
    needs: Needs | None = None
    made: LinkerSections | None = None
    before: bytes = b""
    after: bytes = b""

    def add(self, name: str, program: ProgramColumns) -> None:
        """Keep the program after a pass, if the pass has changed it."""
        if not self.passes or self.passes[-1][1] is not program:
            self.passes.append((name, program))

    @property
    def read(self) -> ProgramColumns:
        """The inputs as columns: nothing is dropped or moved yet."""
        return self.passes[0][1]

    def after_pass(self, name: str) -> ProgramColumns | None:
        """The program after a pass, or None if it changed nothing."""
        return next((program for each, program in self.passes if each == name), None)
