"""One loaded object, and all loaded objects of one process.

`LinkMap` is what glibc calls link_map: the record that GOT[1] and a dlopen handle stand for. `Namespace` is the list of
them with the global scope. Processes that forked share a Namespace until one of them opens or closes a library
(`LoaderState.own`): most never do.
"""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Hashable, Iterable, Mapping

from ..base.light_types import NamedTuple, Self
from ..base.record import Record
from ..kernel.mm.image_mapping import LoadedImage
from .dynamic_section import Dynamic
from .dynamic_symbols import SymbolTable
from .guest_heap import GuestHeap
from .ld_environment import LdEnvironment
from .thread_storage import TlsLayout


class LinkMap:
    """A loaded object.

    `name` is its path as found ("" for the program), `names` all names it was asked for by. `handle` is the guest
    address of its `struct link_map`. `needed` are its direct dependencies, `searchlist` the object and all it needs,
    breadth first. `roots` are the dlopened objects whose search lists are in its scope. `reldeps` are objects it was
    bound to without needing them: they must not go before it does.
    """

    __slots__ = (
        "deepbind",
        "dynamic",
        "executable",
        "handle",
        "identity",
        "image",
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
        "roots",
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
        self.roots: list[LinkMap] = []
        self.reldeps: list[LinkMap] = []
        self.executable = self.startup = self.is_global = self.relocated = False
        self.nodelete = dynamic.nodelete
        self.deepbind = False
        self.opencount = 0
        self.tls_module = 0
        self.tls_offset: int | None = None

    @property
    def bias(self) -> int:
        """What to add to the object's own addresses."""
        return self.image.bias if self.image else 0

    @property
    def missing(self) -> bool:
        """A library that was not found, kept in the list only to be reported by LD_TRACE_LOADED_OBJECTS."""
        return self.image is None

    def contains(self, va: int) -> bool:
        """Whether `va` lies in the object."""
        return self.image is not None and self.image.start <= va < self.image.end


class Pending(NamedTuple):
    """A function that the guest is to call, or a mark in the queue of them.

    `kind`: "call" an initialiser or finaliser, at `va` or (negative) in the slot at -va; "ifunc" the resolver of an IFUNC
    symbol; "init", "quiet" the object's initialisers begin; "preinit", "fini" only to be told.
    `slot` is where a resolver's answer is to be stored (with what to add to it).
    """

    obj: LinkMap
    va: int
    kind: str
    slot: int = 0
    addend: int = 0


class Namespace:
    """All loaded objects of a process, in load order, the program first; and the global scope."""

    def __init__(self) -> None:
        self.objects: list[LinkMap] = []
        self.global_scope: list[LinkMap] = []
        self.by_handle: dict[int, LinkMap] = {}
        self.tls = TlsLayout()
        self.heap = GuestHeap()
        self.r_debug = 0
        self.shared = False

    @property
    def main(self) -> LinkMap:
        """The program."""
        return self.objects[0]

    def at(self, va: int) -> LinkMap | None:
        """The object that `va` lies in."""
        return next((obj for obj in self.objects if obj.contains(va)), None)

    def copy(self, twins: Mapping[LinkMap, LinkMap]) -> Namespace:
        """A namespace of its own for a forked process, of the `twins` of this one's objects."""
        from copy import deepcopy  # here and below: most programs never fork

        other = Namespace()
        other.objects = [twins[obj] for obj in self.objects]
        other.global_scope = [twins[obj] for obj in self.global_scope]
        other.by_handle = {handle: twins[obj] for handle, obj in self.by_handle.items()}
        other.tls, other.heap = deepcopy(self.tls), deepcopy(self.heap)
        other.r_debug = self.r_debug
        return other


def _twins(objects: Iterable[LinkMap]) -> dict[LinkMap, LinkMap]:
    """A copy of each object, which holds copies where the original holds one of `objects`; the tables are shared."""
    from copy import copy

    twins = {obj: copy(obj) for obj in objects}
    for twin in twins.values():
        twin.names = set(twin.names)
        twin.needed = [twins.get(obj, obj) for obj in twin.needed]
        twin.searchlist = tuple(twins.get(obj, obj) for obj in twin.searchlist)
        twin.roots = [twins.get(obj, obj) for obj in twin.roots]
        twin.reldeps = [twins.get(obj, obj) for obj in twin.reldeps]
        twin.loader = twins.get(twin.loader, twin.loader) if twin.loader else None
    return twins


class LoaderCounts(Record):
    """What the loader has done for one process.

    `libraries`: objects besides the program. `relocations`: done at load, `lazy`: bound at the first call, both by type
    name. `lookups`: symbols looked up, `probes`: objects searched for them, `cached`: answers reused for the next relocation.
    """

    libraries: int
    relocations: dict[str, int]
    lazy: dict[str, int]
    lookups: int
    probes: int
    cached: int


class LoaderState:
    """The loader's memory of one process (`process.loader_state`).

    `program` is argv[0], `own_names` are names under which a library may need the dynamic linker itself.
    """

    def __init__(self, environment: LdEnvironment, program: str, own_names: frozenset[str]) -> None:
        self.environment = environment
        self.program = program
        self.own_names = own_names
        self.namespace = Namespace()
        self.stub = 0
        self.pending_init: deque[Pending] = deque()
        self.pending_fini: deque[Pending] = deque()
        self.calling: Pending | None = None
        self.initialised: set[int] = set()
        self.unload: list[LinkMap] = []
        self.used: set[int] = set()
        self.error: str | None = None
        self.started = False
        self.libraries = 0
        self._count_from_zero()

    def _count_from_zero(self) -> None:
        self.relocations: Counter[str] = Counter()
        self.lazy: Counter[str] = Counter()
        self.lookups = self.probes = self.cached = 0

    def own(self) -> Namespace:
        """The namespace, to be changed: a private copy when a forked relative has it too."""
        if self.namespace.shared:
            twins = _twins([*self.namespace.objects, *self.unload])
            self.namespace = self.namespace.copy(twins)
            self._follow(twins)
        return self.namespace

    def _follow(self, twins: Mapping[LinkMap, LinkMap]) -> None:
        """Point what this state holds at the copies of its objects."""

        def moved(item: Pending) -> Pending:
            return item._replace(obj=twins.get(item.obj, item.obj))

        self.pending_init = deque(map(moved, self.pending_init))
        self.pending_fini = deque(map(moved, self.pending_fini))
        self.calling = moved(self.calling) if self.calling else None
        self.unload = [twins[obj] for obj in self.unload]

    def forget_initialisers(self, objects: Collection[LinkMap]) -> None:
        """These objects leave before their initialisers were run."""
        self.pending_init = deque(item for item in self.pending_init if item.obj not in objects)

    def fork(self) -> Self:
        """The state of a forked child, whose counts begin at zero."""
        from copy import copy

        self.namespace.shared = True
        child = copy(self)
        child.pending_init = self.pending_init.copy()
        child.pending_fini = self.pending_fini.copy()
        child.initialised = self.initialised.copy()
        child.unload = self.unload.copy()
        child.used = self.used.copy()
        child._count_from_zero()
        return child

    def forget(self) -> None:
        """The process is gone from its image: keep the counts, let the objects go."""
        self.namespace = Namespace()
        self.pending_init.clear()
        self.pending_fini.clear()
        self.calling = None
        self.unload.clear()

    def filename(self, obj: LinkMap) -> str:
        """How messages call an object: its path, or for the program its argv[0]."""
        return obj.name or self.program

    def counts(self) -> LoaderCounts:
        """A snapshot of the counters."""
        return LoaderCounts(
            self.libraries, dict(self.relocations), dict(self.lazy), self.lookups, self.probes, self.cached
        )
