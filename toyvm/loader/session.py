"""A loader session: the process, its loader state, and the objects that work on both."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from ..base.bits import align_down
from ..elf import constants as c
from ..kernel.mm.vma import PROT_EXEC, PROT_READ, PROT_WRITE
from ..machine.physical_memory import PAGE_SIZE
from . import stub
from .dlerror import DlError, corrupt
from .guest_process import Guest
from .ld_debug import DebugLog
from .ld_environment import LdEnvironment
from .library_search import Search
from .load_relocation import BoundSlot, Relocator
from .loader_events import RelocationDone, SymbolBound, SymbolLookedUp
from .loader_state import LoaderState
from .objects import thread_storage
from .objects.link_map import LinkMap
from .symbol_scope import Definition, Lookup, Resolver


class Session:
    """The context of start-up and the dl functions, from the start of a program to its exit."""

    def __init__(self, guest: Guest, state: LoaderState, environment: LdEnvironment) -> None:
        self.guest = guest
        self.memory = guest.memory
        self.state = state
        self.environment = environment
        self.debug = DebugLog(guest, state, environment.debug, environment.debug_output)
        self.search = Search(guest, environment, self.debug)
        self.resolver = Resolver(state, stub.object_at(state.stub), self.debug, self._emit_bound)
        self._lazy_slot = 0
        self.relocator = Relocator(guest, self.resolver)
        if guest.wants(SymbolLookedUp):
            self.resolver.on_lookup = self._emit_lookup

    def fork(self, guest: Guest) -> Session:
        """The session of a forked child, with the same libraries. Its counters start at zero."""
        return Session(guest, self.state.fork(), self.environment)

    def stub_address(self, label: str) -> int:
        """The guest address of one of the stub's entry points."""
        return self.state.stub + stub.build().labels[label]

    def lay_out_tls(self, objects: Iterable[LinkMap]) -> None:
        """Assign TLS modules to new objects; allocate the static block the first time.

        Raises DlError.
        """
        namespace = self.state.namespace
        for obj in objects:
            phdr = thread_storage.segment(obj.name, obj.image.phdrs if obj.image else ())
            if phdr is not None:
                obj.tls_module, obj.tls_offset = namespace.tls.place(phdr)
        if namespace.tls and not namespace.tls.tp:
            self.guest.set_register("tp", namespace.tls.allocate(namespace.heap, self.memory))

    def prepare(self, obj: LinkMap, lazy: bool) -> None:
        """Relocate an object and initialise its TLS block.

        Text relocations make text writable meanwhile.
        """
        lazy = lazy and not obj.dynamic.bind_now and not self.environment.bind_now
        before = self.state.relocations.copy()
        self.resolver.begin()
        self._lazy_slot = 0
        if obj.dynamic.textrel:
            self._protect_text(obj, PROT_WRITE)
        self.relocator.relocate(obj, lazy, self.stub_address("_dl_runtime_resolve"))
        if obj.dynamic.textrel:
            self._protect_text(obj, 0)
        if obj.tls_module:
            self._initialise_tls(obj)
        if self.guest.wants(RelocationDone):
            self._emit_relocated(obj, before, lazy)

    def new_thread(self) -> int:
        """Thread-local storage for a new thread, initialised for all objects; return its tp.

        The program's first thread gets its own now, if no object had variables so far. Raises
        OSError(ENOMEM).
        """
        namespace = self.state.own()
        tls, heap = namespace.tls, namespace.heap
        if not tls.tp:
            self.guest.set_register("tp", tls.allocate(heap, self.memory))
        thread = tls.new_thread(heap, self.memory)
        for obj in namespace.objects:
            phdr = thread_storage.segment(obj.name, obj.image.phdrs if obj.image else ())
            if obj.tls_module and phdr is not None:
                tls.initialise_in(thread, obj.tls_module, phdr, obj.bias, heap, self.memory)
        return thread.tp

    def end_thread(self, tp: int) -> None:
        """Free the storage of a thread that has ended. Raises OSError(EINVAL)."""
        namespace = self.state.own()
        namespace.tls.end_thread(tp, namespace.heap, self.memory)

    def _initialise_tls(self, obj: LinkMap) -> None:
        namespace = self.state.namespace
        phdr = thread_storage.segment(obj.name, obj.image.phdrs if obj.image else ())
        assert phdr is not None
        namespace.tls.initialise(obj.tls_module, phdr, obj.bias, namespace.heap, self.memory)

    def bind_lazily(self, handle: int, plt_offset: int) -> BoundSlot:
        """Bind a PLT slot at its first call. Raises DlError."""
        obj = self.state.namespace.by_handle.get(handle) or self._being_unloaded(handle)
        if obj is None:
            raise DlError("", f"no object has link map {handle:#x}")
        self.resolver.begin()
        self._lazy_slot = self.relocator.slot(obj, plt_offset)
        return self.relocator.bind_slot(obj, plt_offset)

    def _being_unloaded(self, handle: int) -> LinkMap | None:
        """An object that dlclose has removed from the list, while its finalisers run."""
        return next((obj for obj in self.state.unload if obj.handle == handle), None)

    def _emit_bound(self, obj: LinkMap, name: bytes, found: Definition) -> None:
        guest = self.guest
        if not guest.wants(SymbolBound):
            return
        filename = self.state.filename
        text = name.decode("utf-8", "surrogateescape")
        slot = self._lazy_slot
        definer = filename(found.obj)
        guest.emit(
            SymbolBound(
                guest.now, guest.pid, filename(obj), text, definer, found.address, slot, lazy=slot != 0
            )
        )

    def _emit_lookup(self, lookup: Lookup) -> None:
        from .lookup_probes import probes, rule  # few runs ask

        guest, filename = self.guest, self.state.filename
        relocation, place = self.resolver.wanted_by
        found, made = lookup.found, probes(lookup, filename)
        guest.emit(
            SymbolLookedUp(
                guest.now,
                guest.pid,
                filename(lookup.asker),
                lookup.name.decode("utf-8", "surrogateescape"),
                lookup.version.name.decode("utf-8", "surrogateescape") if lookup.version else "",
                relocation,
                place,
                tuple(tuple(map(filename, scope)) for scope in lookup.scopes),
                made,
                filename(found.obj) if found is not None else "",
                found.address if found is not None else 0,
                rule(lookup, made),
                place != 0 and place == self._lazy_slot,
            )
        )

    def _emit_relocated(self, obj: LinkMap, before: Counter[str], lazy: bool) -> None:
        applied = dict(self.state.relocations - before)
        slots = obj.dynamic.plt_rela.size // c.RELA_SIZE if lazy else 0
        name = self.state.filename(obj)
        self.guest.emit(RelocationDone(self.guest.now, self.guest.pid, name, applied, slots))

    def _protect_text(self, obj: LinkMap, extra: int) -> None:
        """Set the protection of non-writable segments to their own plus `extra`."""
        phdrs = obj.image.phdrs if obj.image else ()
        for phdr in phdrs:
            if phdr.type == c.PT_LOAD and not phdr.flags & c.PF_W:
                start = align_down(obj.bias + phdr.vaddr, PAGE_SIZE)
                prot = (
                    (PROT_READ if phdr.flags & c.PF_R else 0)
                    | (PROT_EXEC if phdr.flags & c.PF_X else 0)
                    | extra
                )
                self._mprotect(obj, start, obj.bias + phdr.vaddr + phdr.memsz, prot)

    def protect_relro(self, obj: LinkMap) -> None:
        """Make the pages of PT_GNU_RELRO read-only; a partial page at the end stays writable."""
        phdrs = obj.image.phdrs if obj.image else ()
        for phdr in phdrs:
            if phdr.type == c.PT_GNU_RELRO and phdr.memsz:
                start = align_down(obj.bias + phdr.vaddr, PAGE_SIZE)
                end = align_down(obj.bias + phdr.vaddr + phdr.memsz, PAGE_SIZE)
                if end > start:
                    self._mprotect(obj, start, end, PROT_READ)

    def _mprotect(self, obj: LinkMap, start: int, end: int, prot: int) -> None:
        image = obj.image
        if image is None or not image.start <= start <= end <= image.end:
            raise corrupt(obj.name, f"segment at {start:#x} lies outside the image")
        try:
            self.memory.mprotect(start, end - start, prot)
        except OSError as error:
            raise corrupt(obj.name, "cannot apply additional memory protection after relocation") from error
