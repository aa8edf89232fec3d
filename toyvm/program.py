"""A program made from sources, as a value. Apart from `build`, which makes it, so that running one imports no tools."""

from __future__ import annotations

from collections.abc import Mapping

from .base.light_types import TYPE_CHECKING
from .base.record import Record

if TYPE_CHECKING:
    from .base.sample_directives import Directives
    from .linker.link_result import LinkResult


class Program(Record):
    """A linked program: its image, what must stand beside it in the guest, and how it came about.

    `linkage` is "static" or "dynamic". `files` are guest paths and their contents. `link_seconds` is host CPU time.
    """

    name: str
    linkage: str
    image: bytes
    link: LinkResult
    link_seconds: float
    directives: Directives
    files: Mapping[str, bytes]
