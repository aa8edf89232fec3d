"""A program made from sources.

Separate from `build`, so that running a program does not import the tools.
"""

from __future__ import annotations

from collections.abc import Mapping

from .base.light_types import TYPE_CHECKING
from .base.record import Record

if TYPE_CHECKING:
    from .base.sample_directives import Directives
    from .linker.link_result import LinkResult


class Program(Record):
    """A linked program: its ELF image, the guest files that it needs, and how it was linked.

    `linkage` is "static" or "dynamic". `files` maps guest paths to contents. `link_seconds` is the
    host CPU time of linking.
    """

    name: str
    linkage: str
    image: bytes
    link: LinkResult
    link_seconds: float
    directives: Directives
    files: Mapping[str, bytes]
