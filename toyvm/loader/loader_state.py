"""What the loader remembers of one process between two requests: its objects, the functions to be called, and the counts."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping

from ..base.light_types import Self
from ..base.record import Record, replace
from .link_map import LinkMap, Namespace, twins_of


class Pending(Record):
    """A function that the guest is to call, or a mark in the queue of them.

    `kind`: "call" an initialiser or finaliser, at `va` or (negative) in the slot at -va; "ifunc" the resolver of an IFUNC
    symbol; "init", "quiet" the object's initialisers begin; "preinit", "fini" only for LD_DEBUG.
    `slot` is where a resolver's answer is to be stored (with what to add to it).
    """

    obj: LinkMap
    va: int
    kind: str
    slot: int = 0
    addend: int = 0


class InitBatch:
    """The functions to be called before one dlopen (or the start of the program) is complete.

    `calling` is the one that the guest is in. If that one calls dlopen itself, the new library's functions come first, and the
    rest waits: they are a batch of their own.
    """

    __slots__ = ("calling", "queue")

    def __init__(self) -> None:
        self.queue: deque[Pending] = deque()
        self.calling: Pending | None = None

    def copy(self) -> InitBatch:
        """A batch with a queue of its own."""
        other = InitBatch()
        other.queue, other.calling = self.queue.copy(), self.calling
        return other


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
    """The loader's memory of one process.

    program        argv[0]
    own_names      names under which a library may need the dynamic linker itself
    init_batches   the functions that DL_NEXT_INIT gives out, the innermost dlopen's last
    pending_fini   the finalisers that DL_NEXT_FINI gives out; `unload` are the objects to unmap after them
    finalising     the guest is in a finaliser
    nested_closes  calls of dlclose from finalisers whose DL_NEXT_FINI is still to come
    close_again    one of those gave an object up: look for what nobody needs once more
    exiting        the program has come to its end: nothing is unmapped any more
    """

    def __init__(self, program: str, own_names: frozenset[str]) -> None:
        self.program = program
        self.own_names = own_names
        self.namespace = Namespace()
        self.stub = 0
        self.init_batches = [InitBatch()]
        self.pending_fini: deque[Pending] = deque()
        self.unload: list[LinkMap] = []
        self.finalising = self.close_again = self.exiting = False
        self.nested_closes = 0
        self.initialised: set[int] = set()
        self.used: set[int] = set()
        self.error: str | None = None
        self.started = False
        self.libraries = 0
        self._count_from_zero()

    def _count_from_zero(self) -> None:
        self.relocations: Counter[str] = Counter()
        self.lazy: Counter[str] = Counter()
        self.lookups = self.probes = self.cached = 0

    def queue_call(self, item: Pending) -> None:
        """Have the guest call a function before the dlopen that is under way returns."""
        self.init_batches[-1].queue.append(item)

    def own(self) -> Namespace:
        """The namespace, to be changed: a private copy when a forked relative has it too."""
        if self.namespace.shared:
            twins = twins_of([*self.namespace.objects, *self.unload])
            self.namespace = self.namespace.copy(twins)
            self._follow(twins)
        return self.namespace

    def _follow(self, twins: Mapping[LinkMap, LinkMap]) -> None:
        """Point what this state holds at the copies of its objects."""

        def moved(item: Pending) -> Pending:
            return replace(item, obj=twins.get(item.obj, item.obj))

        for batch in self.init_batches:
            batch.queue = deque(map(moved, batch.queue))
            batch.calling = moved(batch.calling) if batch.calling else None
        self.pending_fini = deque(map(moved, self.pending_fini))
        self.unload = [twins[obj] for obj in self.unload]

    def forget_initialisers(self, objects: Collection[LinkMap]) -> None:
        """These objects leave before their initialisers were run."""
        for batch in self.init_batches:
            batch.queue = deque(item for item in batch.queue if item.obj not in objects)

    def fork(self) -> Self:
        """The state of a forked child, whose counts begin at zero."""
        from copy import copy  # most programs never fork

        self.namespace.shared = True
        child = copy(self)
        child.init_batches = [batch.copy() for batch in self.init_batches]
        child.pending_fini = self.pending_fini.copy()
        child.initialised = self.initialised.copy()
        child.unload = self.unload.copy()
        child.used = self.used.copy()
        child._count_from_zero()
        return child

    def forget(self) -> None:
        """The process is gone from its image: keep the counts, let the objects go."""
        self.namespace = Namespace()
        self.init_batches = [InitBatch()]
        self.pending_fini.clear()
        self.unload.clear()

    def filename(self, obj: LinkMap) -> str:
        """How messages call an object: its path, or for the program its argv[0]."""
        return obj.name or self.program

    def counts(self) -> LoaderCounts:
        """A snapshot of the counters."""
        return LoaderCounts(
            self.libraries, dict(self.relocations), dict(self.lazy), self.lookups, self.probes, self.cached
        )
