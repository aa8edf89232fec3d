"""What a link gives back: the file, and everything that was decided on the way."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .layout import Layout
from .program import Program
from .relocate import Addresses
from .resolve import Decision, Resolution


@dataclass(frozen=True, eq=False, slots=True)
class LinkResult:
    """A finished link. Sizes in bytes.

    `symbols`: address of every defined global. `sizes`: output section -> size. `load_relocations`: relocation name ->
    how many the loader does at start-up; `lazy_relocations`: those of the PLT, which may wait for the first call.
    """

    image: bytes
    symbols: Mapping[str, int]
    decisions: tuple[Decision, ...]
    sizes: Mapping[str, int]
    needed: tuple[str, ...]
    load_relocations: Mapping[str, int]
    lazy_relocations: Mapping[str, int]
    warnings: tuple[str, ...]
    inputs: tuple[str, ...]  # objects and libraries that take part, in link order
    program: Program = field(repr=False)
    layout: Layout = field(repr=False)
    addresses: Addresses = field(repr=False)

    @property
    def resolution(self) -> Resolution:
        """How symbols were resolved."""
        return self.program.resolution

    def map_text(self, cross_references: bool = False) -> str:
        """The link map, in GNU ld's shape; with --cref's table when `cross_references`."""
        from .mapfile import map_text

        return map_text(self, cross_references)
