"""The libraries that libraries need (DT_NEEDED), which ld reads if a symbol stays undefined without them."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence

from toyvm.base.errors import ElfError
from toyvm.base.resources import read_input

from ..link_options import LinkOptions
from .shared_library import SharedLibrary, read_shared

_SYSTEM = ("/lib", "/usr/lib")
_MOST = 1000


def needed_libraries(libraries: Sequence[SharedLibrary], options: LinkOptions) -> Iterator[SharedLibrary]:
    """The libraries that `libraries` need and that are not among them, the nearest first; those not found are left out.

    They are looked for as in ld(1), "-rpath-link": in its folders, those of -rpath, then in the system's below --sysroot.
    """
    known = {library.soname for library in libraries}
    queue = [name for library in libraries for name in library.needed]
    for name in queue:
        if name in known or len(known) > _MOST:
            continue
        known.add(name)
        library = _read(name, options)
        if library is not None:
            known.add(library.soname)
            queue.extend(library.needed)
            yield library


def _read(name: str, options: LinkOptions) -> SharedLibrary | None:
    system = [options.sysroot.rstrip("/") + folder for folder in _SYSTEM] if options.sysroot else []
    folders = [""] if "/" in name else [*options.rpath_link, *options.rpath, *system]
    for folder in folders:
        path = os.path.join(folder, name)
        if os.path.isfile(path):
            try:
                return read_shared(read_input(path), path)
            except (ElfError, OSError):
                continue  # another folder may have one for this machine
    return None
