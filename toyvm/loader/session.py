"""One process, its loader state and the workers that act on them, put together for the length of one request."""

from __future__ import annotations

from collections import Counter

from ..base.bits import align_down
from ..elf import constants as c
from ..kernel.mm.vma import PROT_EXEC, PROT_READ, PROT_WRITE
from ..machine.physical_memory import PAGE_SIZE
from . import stub, thread_storage
from .debug_output import debug_log
from .dlerror import DlError, corrupt
from .guest_process import Guest
from .library_search import Search
from .link_map import LinkMap, LoaderState
from .load_relocation import BoundSlot, Relocator
from .loader_events import RelocationDone, SymbolBound
from .symbol_scope import Definition, Resolver


class Session:
    """What the passes of start-up and the dl functions share."""

    def __init__(self, guest: Guest, state: LoaderState) -> None:
        self.guest = guest
        self.memory = guest.memory
        self.state = state
        self.debug = debug_log(guest, state.environment)
        self.search = Search(guest, state.environment, self.debug)
        on_bound = self._tell_bound if guest.wants(SymbolBound) else None
        self.resolver = Resolver(state, stub.object_at(state.stub), self.debug, on_bound)
        self._lazy_slot = 0
        self.relocator = Relocator(self.memory, self.resolver, state.pending_init.append, guest.set_register)

    def stub_address(self, label: str) -> int:
        """The guest address of one of the stub's entry points."""
        return self.state.stub + stub.build().labels[label]

    def prepare(self, obj: LinkMap, lazy: bool) -> None:
        """Relocate an object and make it ready: text relocations allowed meanwhile, RELRO afterwards, TLS image in place."""
        lazy = lazy and not obj.dynamic.bind_now and not self.state.environment.bind_now
        before = self.state.relocations.copy()
        if obj.dynamic.textrel:
            self._protect_text(obj, PROT_WRITE)
        self.relocator.relocate(obj, lazy, self.stub_address("_dl_runtime_resolve"))
        if obj.dynamic.textrel:
            self._protect_text(obj, 0)
        if obj.tls_module:
            thread_storage.initialise(self.state.namespace, obj, self.memory)
        if self.guest.wants(RelocationDone):
            self._tell_relocated(obj, before, lazy)

    def bind_lazily(self, handle: int, plt_offset: int) -> BoundSlot:
        """Bind a PLT slot at its first call. Raises DlError."""
        obj = self.state.namespace.by_handle.get(handle) or self._leaving(handle)
        if obj is None:
            raise DlError("", f"no object has link map {handle:#x}")
        self._lazy_slot = self.relocator.slot(obj, plt_offset)
        return self.relocator.bind_slot(obj, plt_offset)

    def _leaving(self, handle: int) -> LinkMap | None:
        """An object that dlclose has taken out of the list, whose finalisers are running."""
        return next((obj for obj in self.state.unload if obj.handle == handle), None)

    def _tell_bound(self, obj: LinkMap, name: bytes, found: Definition) -> None:
        filename = self.state.filename
        text = name.decode("utf-8", "surrogateescape")
        slot = self._lazy_slot
        self.guest.emit(
            SymbolBound(
                self.guest.now,
                self.guest.pid,
                filename(obj),
                text,
                filename(found.obj),
                found.address,
                slot,
                lazy=slot != 0,
            )
        )

    def _tell_relocated(self, obj: LinkMap, before: Counter[str], lazy: bool) -> None:
        applied = dict(self.state.relocations - before)
        slots = obj.dynamic.plt_rela.size // c.RELA_SIZE if lazy else 0
        name = self.state.filename(obj)
        self.guest.emit(RelocationDone(self.guest.now, self.guest.pid, name, applied, slots))

    def _protect_text(self, obj: LinkMap, extra: int) -> None:
        """Give the segments that are not writable `extra` permission besides their own."""
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
        """Make PT_GNU_RELRO read-only, in whole pages inside it."""
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
