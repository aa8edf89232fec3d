"""One loaded object, and all loaded objects of one process.

`LinkMap` corresponds to glibc's link_map, which GOT[1] and dlopen handles refer to. `Namespace` is
the list of them. Forked processes share a Namespace until one of them opens or closes a library
(`LoaderState.own`).
"""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Mapping, Sequence

from toyvm.elf.symbol import Sym
from toyvm.kernel.mm.image_mapping import LoadedImage

from .dynamic_section import Dynamic
from .dynamic_symbols import SymbolTable
from .guest_heap import GuestHeap
from .thread_storage import ThreadStorage


class LinkMap:
    """A loaded object.

    name        its path; "": the program. `names` are all names that it was requested by
    handle      the guest address of its `struct link_map`
    loader      the object that needed it first; None: opened by dlopen, or that object was unloaded
    needed      its direct dependencies, in the order of DT_NEEDED
    searchlist  the object and all its dependencies, breadth first; empty unless it is the root of a
                scope. The program's list is the global scope, which RTLD_GLOBAL extends
    init_list   `searchlist` sorted for finalisation, an object before its dependencies
    scope       the objects whose search lists its references are resolved in, in order
    reldeps     objects that it was bound to but does not depend on; they are not unloaded before it
    """

    __slots__ = (
        "dynamic",
        "executable",
        "handle",
        "identity",
        "image",
        "init_list",
        "is_global",
        "loader",
        "name",
        "names",
        "needed",
        "nodelete",
        "opencount",
        "origin",
        "reldeps",
        "relocated",
        "scope",
        "searchlist",
        "startup",
        "symbols",
        "tls_module",
        "tls_offset",
    )

    def __init__(
        self,
        name: str,
        image: LoadedImage | None,
        dynamic: Dynamic,
        symbols: SymbolTable,
        identity: Hashable = None,
        origin: str = "",
        loader: LinkMap | None = None,
    ) -> None:
        self.name = name
        self.names = {name} if name else set()
        self.image = image
        self.identity = identity
        self.dynamic = dynamic
        self.symbols = symbols
        self.origin = origin
        self.loader = loader
        self.handle = 0
        self.needed: list[LinkMap] = []
        self.searchlist: tuple[LinkMap, ...] = ()
        self.init_list: tuple[LinkMap, ...] = ()
        self.scope: list[LinkMap] = []
        self.reldeps: list[LinkMap] = []
        self.executable = self.startup = self.is_global = self.relocated = False
        self.nodelete = dynamic.nodelete
        self.opencount = 0
        self.tls_module = 0
        self.tls_offset: int | None = None

    @property
    def bias(self) -> int:
        """The difference between guest addresses and the addresses in the file."""
        return self.image.bias if self.image else 0

    @property
    def missing(self) -> bool:
        """A library that was not found; LD_TRACE_LOADED_OBJECTS reports it."""
        return self.image is None

    @property
    def dependencies(self) -> Sequence[LinkMap]:
        """The objects that DT_NEEDED keeps loaded: glibc's l_initfini without the object itself."""
        return self.init_list[1:] or self.needed

    def contains(self, va: int) -> bool:
        """Whether `va` is an address in the object."""
        return self.image is not None and self.image.start <= va < self.image.end

    def search_scopes(self) -> list[Sequence[LinkMap]]:
        """The lists of objects that its references are resolved in, in order."""
        lists: list[Sequence[LinkMap]] = [member.searchlist for member in self.scope]
        return [(self,), *lists] if self.dynamic.symbolic else lists


class Namespace:
    """All loaded objects of a process, in load order, the program first.

    unique    the definition of each STB_GNU_UNIQUE symbol, which all references are bound to
    opening   during a dlopen, the objects that become permanent if it succeeds; else None
    """

    def __init__(self) -> None:
        self.objects: list[LinkMap] = []
        self.by_handle: dict[int, LinkMap] = {}
        self.unique: dict[bytes, tuple[LinkMap, Sym]] = {}
        self.opening: set[LinkMap] | None = None
        self.tls = ThreadStorage()
        self.heap = GuestHeap()
        self.r_debug = 0
        self.shared = False

    @property
    def main(self) -> LinkMap:
        """The program."""
        return self.objects[0]

    def at(self, va: int) -> LinkMap | None:
        """The object that contains `va`, or None."""
        return next((obj for obj in self.objects if obj.contains(va)), None)

    def is_permanent(self, obj: LinkMap) -> bool:
        """Whether `obj` is never unloaded."""
        return obj.startup or obj.nodelete or (self.opening is not None and obj in self.opening)

    def make_permanent(self, obj: LinkMap) -> None:
        """Never unload `obj`. During a dlopen, this takes effect if the dlopen succeeds."""
        if self.opening is not None:
            self.opening.add(obj)
        else:
            obj.nodelete = True

    def copy(self, twins: Mapping[LinkMap, LinkMap]) -> Namespace:
        """A copy of the namespace that contains the `twins` of its objects, for a forked process."""
        other = Namespace()
        other.objects = [twins[obj] for obj in self.objects]
        other.by_handle = {handle: twins[obj] for handle, obj in self.by_handle.items()}
        other.unique = {name: (twins[obj], symbol) for name, (obj, symbol) in self.unique.items()}
        other.tls, other.heap = self.tls.copy(), self.heap.copy()
        other.r_debug = self.r_debug
        return other


def twins_of(objects: Iterable[LinkMap]) -> dict[LinkMap, LinkMap]:
    """Copy each object.

    References among `objects` become references among the copies; tables are shared.
    """
    from copy import copy  # most programs never fork

    twins = {obj: copy(obj) for obj in objects}
    for twin in twins.values():
        twin.names = set(twin.names)
        twin.needed = [twins.get(obj, obj) for obj in twin.needed]
        twin.searchlist = tuple(twins.get(obj, obj) for obj in twin.searchlist)
        twin.init_list = tuple(twins.get(obj, obj) for obj in twin.init_list)
        twin.scope = [twins.get(obj, obj) for obj in twin.scope]
        twin.reldeps = [twins.get(obj, obj) for obj in twin.reldeps]
        twin.loader = twins.get(twin.loader, twin.loader) if twin.loader else None
    return twins
