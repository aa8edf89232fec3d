"""The loader's state of one process: objects, functions that the guest must call, counters."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Collection, Mapping

from ..base.light_types import Self
from ..base.record import Record, replace
from .objects.link_map import LinkMap, Namespace, twins_of


class Pending(Record):
    """A function that the guest must call, or a marker in the queue of functions.

    `kind` is "call" (an initialiser or finaliser at `va`, or, if negative, in the slot at -va),
    "ifunc" (the resolver of an IFUNC symbol), or a marker: "init" and "quiet" precede the
    initialisers of an object, "preinit" and "fini" are only for LD_DEBUG. The result of a resolver
    plus `addend` is stored at `slot`.
    """

    obj: LinkMap
    va: int
    kind: str
    slot: int = 0
    addend: int = 0


class InitBatch:
    """The functions to call before a dlopen, or the start of the program, is complete.

    `calling` is the function that the guest executes. If it calls dlopen, the functions of the new
    library form a batch of their own, which is completed first.
    """

    __slots__ = ("calling", "queue")

    def __init__(self) -> None:
        self.queue: deque[Pending] = deque()
        self.calling: Pending | None = None

    def copy(self) -> InitBatch:
        """A copy with its own queue."""
        other = InitBatch()
        other.queue, other.calling = self.queue.copy(), self.calling
        return other


class LoaderCounts(Record):
    """The loader's counters for one process.

    libraries    objects besides the program
    relocations  relocations applied at load time, by type name
    lazy         PLT slots bound at the first call, by type name
    lookups      symbols looked up
    probes       objects searched for them
    cached       lookups answered with the result of the previous relocation
    """

    libraries: int
    relocations: dict[str, int]
    lazy: dict[str, int]
    lookups: int
    probes: int
    cached: int


class LoaderState:
    """The loader's state of one process.

    program        argv[0]
    own_names      names of the dynamic linker itself in DT_NEEDED
    init_batches   the functions that DL_NEXT_INIT returns; the batch of the innermost dlopen is last
    pending_fini   the finalisers that DL_NEXT_FINI returns
    unload         the objects to unmap after these finalisers
    finalising     the guest executes a finaliser
    nested_closes  the number of dlclose calls in finalisers whose DL_NEXT_FINI has not come yet
    close_again    such a call released an object: collect again after the finalisers
    exiting        the program exits: objects are no longer unmapped
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
        """Make the guest call a function before the current dlopen returns."""
        self.init_batches[-1].queue.append(item)

    def own(self) -> Namespace:
        """The namespace for modification; it is copied first if forked processes share it."""
        if self.namespace.shared:
            twins = twins_of([*self.namespace.objects, *self.unload])
            self.namespace = self.namespace.copy(twins)
            self._follow(twins)
        return self.namespace

    def _follow(self, twins: Mapping[LinkMap, LinkMap]) -> None:
        """Replace the objects in the queues by their copies."""

        def moved(item: Pending) -> Pending:
            return replace(item, obj=twins.get(item.obj, item.obj))

        for batch in self.init_batches:
            batch.queue = deque(map(moved, batch.queue))
            batch.calling = moved(batch.calling) if batch.calling else None
        self.pending_fini = deque(map(moved, self.pending_fini))
        self.unload = [twins[obj] for obj in self.unload]

    def forget_initialisers(self, objects: Collection[LinkMap]) -> None:
        """Remove the initialisers of these objects from the queues."""
        for batch in self.init_batches:
            batch.queue = deque(item for item in batch.queue if item.obj not in objects)

    def fork(self) -> Self:
        """The state of a forked child. Its counters start at zero."""
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
        """Drop the objects after the process has left its image, and keep the counters."""
        self.namespace = Namespace()
        self.init_batches = [InitBatch()]
        self.pending_fini.clear()
        self.unload.clear()

    def filename(self, obj: LinkMap) -> str:
        """The name of an object in messages: its path, or argv[0] for the program."""
        return obj.name or self.program

    def counts(self) -> LoaderCounts:
        """A snapshot of the counters."""
        return LoaderCounts(
            self.libraries, dict(self.relocations), dict(self.lazy), self.lookups, self.probes, self.cached
        )
