"""Library search (ld.so(8), "DESCRIPTION").

A name with a slash is a path. Other names are searched in the DT_RPATH directories of the object
that needs the library and of the chain of objects that loaded that object (unless it has
DT_RUNPATH), then in LD_LIBRARY_PATH, its DT_RUNPATH, /lib and /usr/lib. There is no ld.so.cache.
"""

from __future__ import annotations

import errno
import posixpath
from collections.abc import Iterator

from .dlerror import DlError, cannot_open
from .guest_process import Guest, LibraryFile
from .ld_debug import DebugLog
from .ld_environment import LdEnvironment
from .library_check import WrongKind, verify
from .objects.link_map import LinkMap

SYSTEM_DIRECTORIES = ("/lib", "/usr/lib")
_TOKEN = r"\$(?:(ORIGIN|LIB|PLATFORM)(?![A-Za-z0-9_])|\{(ORIGIN|LIB|PLATFORM)\})"


def expand(text: str, origin: str) -> str:
    """`text` with $ORIGIN, $LIB and $PLATFORM replaced (ld.so(8), "Dynamic string tokens")."""
    if "$" not in text:
        return text
    import re  # tokens are rare, and the import would slow down the start of every dynamic program

    values = {"ORIGIN": origin, "LIB": "lib", "PLATFORM": ""}
    return re.sub(_TOKEN, lambda match: values[match[1] or match[2]], text)


def origin_of(path: str, cwd: str) -> str:
    """The absolute directory of the file `path`."""
    return posixpath.dirname(posixpath.normpath(posixpath.join(cwd, path)))


class Search:
    """Finds libraries for one process."""

    def __init__(self, guest: Guest, environment: LdEnvironment, debug: DebugLog) -> None:
        self._guest = guest
        self._environment = environment
        self._debug = debug

    def find(self, name: str, loader: LinkMap, main: LinkMap) -> tuple[str, LibraryFile]:
        """The path and the open file of library `name`, needed by `loader`.

        Raises DlError if there is none, or if the first file found is not a valid library.
        """
        if "/" in name:
            path = expand(name, loader.origin)
            return path, self._open_path(path)
        self._debug.say("libs", f"find library={name} [0]; searching")
        try:
            return self._search(name, loader, main)
        finally:
            self._debug.say("libs", "")

    def _search(self, name: str, loader: LinkMap, main: LinkMap) -> tuple[str, LibraryFile]:
        other_class = ""
        for directories, what in self._search_paths(loader, main):
            if self._debug.on("libs"):
                shown = ":".join(directory.rstrip("/") or "/" for directory in directories)
                self._debug.write(f" search path={shown}\t\t({what})")
            for directory in directories:
                path = f"{directory}{name}"
                self._debug.say("libs", f"  trying file={path}")
                try:
                    return path, self._open(path)
                except OSError:
                    continue
                except WrongKind as error:
                    other_class = other_class or error.message
        raise DlError(name, other_class) if other_class else cannot_open(name)

    def _open_path(self, path: str) -> LibraryFile:
        try:
            return self._open(path)
        except OSError as error:
            if error.errno == errno.EISDIR:
                raise DlError(path, "cannot read file data", errno.EISDIR) from error
            raise cannot_open(path, error.errno or errno.ENOENT) from error
        except WrongKind as error:
            raise (DlError(path, error.message) if error.message else cannot_open(path)) from error

    def _open(self, path: str) -> LibraryFile:
        file = self._guest.open(path)
        verify(path, file)
        return file

    def _search_paths(self, loader: LinkMap, main: LinkMap) -> Iterator[tuple[tuple[str, ...], str]]:
        """The lists of directories in search order, each with ld.so's name for it."""
        if not loader.dynamic.runpath:
            yield from self._rpaths(loader, main)
        if self._environment.library_path:
            yield self._directories(self._environment.library_path, main), "LD_LIBRARY_PATH"
        if loader.dynamic.runpath:
            yield (
                self._directories(loader.dynamic.runpath.split(":"), loader),
                self._from("RUNPATH", loader, main),
            )
        yield self._directories(SYSTEM_DIRECTORIES, main), "system search path"

    def _rpaths(self, loader: LinkMap, main: LinkMap) -> Iterator[tuple[tuple[str, ...], str]]:
        """DT_RPATH of the object, the objects that loaded it, and the program; not with DT_RUNPATH."""
        chain: list[LinkMap] = []
        link: LinkMap | None = loader
        while link is not None and link not in chain:
            chain.append(link)
            link = link.loader
        if main not in chain:
            chain.append(main)
        for obj in chain:
            if obj.dynamic.rpath and not obj.dynamic.runpath:
                yield self._directories(obj.dynamic.rpath.split(":"), obj), self._from("RPATH", obj, main)

    def _from(self, what: str, obj: LinkMap, main: LinkMap) -> str:
        name = obj.name or next(iter(main.names), "")
        return f"{what} from file {name}"

    def _directories(self, elements: tuple[str, ...] | list[str], obj: LinkMap) -> tuple[str, ...]:
        """The directories with a trailing slash, each once.

        An empty element is the current directory.
        """
        expanded = (expand(element, obj.origin) for element in elements)
        cleaned = (element.rstrip("/") + "/" if element else "./" for element in expanded)
        return tuple(dict.fromkeys(cleaned))
