"""Relocation of an object at load time, and of a PLT slot at its first call.

The formulas are those of `toyvm.relocations` (psABI, "Relocations"). RISC-V relocations contain
their addends, so the old values are not read, except for PLT slots with lazy binding: they hold
the address of the PLT header, to which the bias is added. Writes are collected and done page by
page, because a library may have thousands of RELATIVE relocations.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable

from ..base.bits import M64, u64
from ..base.record import Record
from ..elf import constants as c
from ..elf.symbol import relocation_fields
from ..kernel.mm.address_space import AddressSpace
from ..machine.physical_memory import PAGE_MASK, PAGE_SIZE
from ..relocations import RELOCATIONS, Formula, Need, R, Reloc, Tool
from . import stub
from .dlerror import DlError, corrupt
from .guest_process import Guest
from .loader_state import Pending
from .objects import thread_storage
from .objects.dynamic_section import ADDRESS_SIZE, Table
from .objects.link_map import LinkMap
from .symbol_scope import COPY, GLOBAL_POINTER, PLT, Definition, Resolver

_WORD = struct.Struct("<Q")
# The types that the loader applies, and the class of their symbol lookup (glibc: elf_machine_type_class).
_APPLIED = {int(row.type): row for row in RELOCATIONS.values() if Tool.LOADER in row.by}
_CLASSES = {
    Formula.ABSOLUTE: 0,
    Formula.LOAD_BASE: 0,
    Formula.SYMBOL: PLT,
    Formula.COPY: COPY,
    Formula.TLS_MODULE: PLT,
    Formula.DTP_RELATIVE: PLT,
    Formula.TP_RELATIVE: PLT,
    Formula.TLS_DESCRIPTOR: PLT,
}
_DESCRIPTOR_MODULES, _DESCRIPTOR_OFFSETS = (
    1 << 16,
    1 << 47,
)  # what `_dl_tlsdesc_dynamic` in stub.s can tell apart


class Writes:
    """Pending stores (`set`) and additions (`add`) to 64-bit words of an object; `flush` executes
    them.
    """

    def __init__(self, memory: AddressSpace, obj: LinkMap) -> None:
        self._memory = memory
        self._obj = obj
        image = obj.image
        assert image is not None
        self._start, self._limit = image.start, image.end - ADDRESS_SIZE
        self._words: dict[int, list[tuple[int, int, bool]]] = {}

    def set(self, va: int, value: int) -> None:
        """Store `value` modulo 2**64 at `va`. Raises DlError if `va` is outside the image."""
        self._put(va, value, False)

    def set_all(self, words: Iterable[tuple[int, int]]) -> None:
        """Store many words, given as (address, value): a fast path for RELATIVE relocations."""
        pages = self._words
        start, limit = self._start, self._limit
        for va, value in words:
            if not start <= va <= limit:
                raise corrupt(self._obj.name, f"relocation of {va:#x}, outside the image")
            entry = (va & PAGE_MASK, value & M64, False)
            page = va - entry[0]
            if page in pages:
                pages[page].append(entry)
            else:
                pages[page] = [entry]

    def add(self, va: int, value: int) -> None:
        """Add `value` to the word at `va`. Raises DlError if `va` is outside the image."""
        self._put(va, value, True)

    def _put(self, va: int, value: int, add: bool) -> None:
        if not self._start <= va <= self._limit:
            raise corrupt(self._obj.name, f"relocation of {va:#x}, outside the image")
        self._words.setdefault(va & ~PAGE_MASK, []).append((va & PAGE_MASK, value & M64, add))

    def flush(self) -> None:
        """Execute the writes. Raises DlError if a page is not writable."""
        words, self._words = self._words, {}
        for page, entries in sorted(words.items()):
            try:
                self._flush_page(page, entries)
            except OSError as error:
                raise corrupt(
                    self._obj.name, f"relocation of read-only or missing memory at {page:#x}"
                ) from error

    def _flush_page(self, page: int, entries: list[tuple[int, int, bool]]) -> None:
        low = min(entry[0] for entry in entries)
        high = max(entry[0] for entry in entries) + ADDRESS_SIZE
        data = bytearray(self._memory.read(page + low, high - low))
        for offset, value, add in entries:
            if add:
                value = u64(value + _WORD.unpack_from(data, offset - low)[0])
            _WORD.pack_into(data, offset - low, value)
        self._memory.write(page + low, bytes(data))


class Relocator:
    """Relocates the objects of one process.

    The guest calls IFUNC resolvers with the initialisers.
    """

    def __init__(self, guest: Guest, resolver: Resolver) -> None:
        self._guest = guest
        self._memory = guest.memory
        self._resolver = resolver
        self._state = resolver.state

    def relocate(self, obj: LinkMap, lazy: bool, runtime_resolve: int) -> None:
        """Apply all relocations of `obj`; with `lazy`, leave PLT slots unbound. Raises DlError."""
        self._resolver.debug.say(
            "reloc", f"\nrelocation processing: {self._state.filename(obj)}{' (lazy)' if lazy else ''}"
        )
        if obj.executable:
            self._set_global_pointer(obj)
        writes = Writes(self._memory, obj)
        self._apply_relr(obj, writes)
        self._apply(obj, obj.dynamic.rela, writes, lazy=False)
        self._apply(obj, obj.dynamic.plt_rela, writes, lazy)
        if lazy and obj.dynamic.plt_rela.size and c.DT_PLTGOT in obj.dynamic.tags:
            got = obj.bias + obj.dynamic.tags[c.DT_PLTGOT]
            writes.set(got, runtime_resolve)
            writes.set(got + ADDRESS_SIZE, obj.handle)
        writes.flush()
        obj.relocated = True

    def _set_global_pointer(self, obj: LinkMap) -> None:
        """Set gp to the program's __global_pointer$, if it has one (psABI)."""
        found = self._resolver.bind_name(obj, GLOBAL_POINTER, weak=True)
        if found is not None:
            self._guest.set_register("gp", found.address)

    def _apply(self, obj: LinkMap, table: Table, writes: Writes, lazy: bool) -> None:
        """Apply the relocations of one table."""
        bias, kind_relative = obj.bias, int(R.RELATIVE)
        relative: list[tuple[int, int]] = []
        for offset, info, addend in relocation_fields(read_table(self._memory, obj, table)):
            if info == kind_relative:
                relative.append((bias + offset, bias + addend))
            elif lazy and info & c.R_TYPE_MASK == R.JUMP_SLOT:
                writes.add(bias + offset, bias)
            else:
                self._apply_one(obj, bias + offset, info, addend, writes)
        if relative:
            writes.set_all(relative)
            self._state.relocations["R_RISCV_RELATIVE"] += len(relative)

    def _apply_relr(self, obj: LinkMap, writes: Writes) -> None:
        """Apply DT_RELR, a list of addresses and bitmaps (gABI, "Relative Relocation Table")."""
        place = 0
        count = 0
        for (entry,) in _WORD.iter_unpack(read_table(self._memory, obj, obj.dynamic.relr)):
            if entry & 1 == 0:
                places = [obj.bias + entry]
                place = obj.bias + entry + ADDRESS_SIZE
            else:
                places = [place + ADDRESS_SIZE * bit for bit in range(63) if entry >> (bit + 1) & 1]
                place += 63 * ADDRESS_SIZE
            for va in places:
                writes.add(va, obj.bias)
            count += len(places)
        if count:
            self._state.relocations["R_RISCV_RELATIVE"] += count

    def _apply_one(self, obj: LinkMap, place: int, info: int, addend: int, writes: Writes) -> None:
        kind, index = info & c.R_TYPE_MASK, info >> c.R_SYM_SHIFT
        row = _APPLIED.get(kind)
        if row is None:
            raise DlError(obj.name, f"unexpected reloc type 0x{kind:02x}")
        formula = row.formula
        if formula is Formula.NONE:
            return
        self._state.relocations[row.name] += 1
        if formula is Formula.RESOLVER:
            self._state.queue_call(Pending(obj, u64(obj.bias + addend), "ifunc", place))
            return
        self._resolver.wanted_by = row.name, place
        found = self._resolver.bind(obj, index, _CLASSES[formula]) if index else None
        if formula is Formula.COPY:
            self._copy(obj, place, index, found, writes)
        elif formula is Formula.LOAD_BASE:
            writes.set(place, obj.bias + addend)
        elif formula is Formula.TLS_DESCRIPTOR:
            function, argument = _descriptor(obj, found, index != 0, addend)
            writes.set(place, self._state.stub + stub.build().labels[function])
            writes.set(place + ADDRESS_SIZE, argument)
        elif Need.THREAD_LOCAL in row.needs:
            writes.set(place, _tls_value(obj, row, found, addend))
        elif found is not None and found.symbol.type == c.STT_GNU_IFUNC and found.symbol.shndx != c.SHN_UNDEF:
            self._state.queue_call(Pending(obj, found.address, "ifunc", place, addend))
        else:  # ABSOLUTE and SYMBOL; glibc adds the addend to both
            writes.set(place, (found.address if found else 0) + addend)

    def _copy(self, obj: LinkMap, place: int, index: int, found: Definition | None, writes: Writes) -> None:
        """R_RISCV_COPY: initialise the program's copy of a library's variable."""
        if found is None:
            return
        reference = obj.symbols[index]
        size = min(reference.size, found.symbol.size)
        if reference.size < found.symbol.size:
            name = obj.symbols.name(reference).decode("utf-8", "surrogateescape")
            program = self._state.program
            text = f"{program}: Symbol `{name}' has different size in shared object, consider re-linking\n"
            self._guest.write_stderr(text.encode("utf-8", "surrogateescape"))
        writes.flush()
        image = obj.image
        assert image is not None
        if not image.start <= place <= place + size <= image.end:
            raise corrupt(obj.name, f"copy relocation of {place:#x}, outside the image")
        try:
            for done in range(0, size, PAGE_SIZE):
                piece = self._memory.read(found.address + done, min(PAGE_SIZE, size - done))
                self._memory.write(place + done, piece)
        except OSError as error:
            raise corrupt(obj.name, f"copy relocation at {place:#x} of memory that is not there") from error

    def slot(self, obj: LinkMap, plt_offset: int) -> int:
        """The guest address of the PLT slot at `plt_offset` in the slots of .got.plt.

        Raises DlError.
        """
        return obj.bias + self._slot_entry(obj, plt_offset)[0]

    def _slot_entry(self, obj: LinkMap, plt_offset: int) -> tuple[int, int, int]:
        """The JUMP_SLOT relocation of a PLT slot: r_offset, r_info, r_addend. Raises DlError."""
        table = obj.dynamic.plt_rela
        index, rest = divmod(plt_offset, ADDRESS_SIZE)
        if rest or (index + 1) * c.RELA_SIZE > table.size:
            raise corrupt(self._state.filename(obj), f"PLT offset {plt_offset:#x} has no relocation")
        entry = Table(table.va + index * c.RELA_SIZE, c.RELA_SIZE)
        ((offset, info, addend),) = relocation_fields(read_table(self._memory, obj, entry))
        if info & c.R_TYPE_MASK != R.JUMP_SLOT:
            raise DlError(obj.name, f"unexpected PLT reloc type 0x{info & c.R_TYPE_MASK:02x}")
        return offset, info, addend

    def bind_slot(self, obj: LinkMap, plt_offset: int) -> BoundSlot:
        """Bind the PLT slot at `plt_offset`, which the psABI's PLT header passes in t1.

        Raises DlError.
        """
        offset, info, addend = self._slot_entry(obj, plt_offset)
        self._resolver.wanted_by = "R_RISCV_JUMP_SLOT", obj.bias + offset
        found = self._resolver.bind(obj, info >> c.R_SYM_SHIFT, PLT)
        if found is None:
            raise DlError(obj.name, "call of an undefined weak symbol")
        self._state.lazy["R_RISCV_JUMP_SLOT"] += 1
        slot = obj.bias + offset
        if found.symbol.type == c.STT_GNU_IFUNC:
            return BoundSlot(found.address, slot, is_resolver=True)
        writes = Writes(self._memory, obj)
        target = u64(found.address + addend)
        writes.set(slot, target)
        writes.flush()
        return BoundSlot(target, slot, is_resolver=False)


class BoundSlot(Record):
    """A PLT slot bound at its first call: the target and the slot's address.

    If `is_resolver`, the target is an IFUNC resolver, whose result must be stored in the slot.
    """

    target: int
    slot: int
    is_resolver: bool


def _tls_value(obj: LinkMap, row: Reloc, found: Definition | None, addend: int) -> int:
    """The value of a TLS relocation: module number, offset in the module's block, or offset from
    tp.
    """
    definer, value = _tls_variable(obj, found, addend)
    if row.formula is Formula.TLS_MODULE:
        return definer.tls_module
    if row.formula is Formula.DTP_RELATIVE:
        return value - thread_storage.DTP_OFFSET
    if row.formula is not Formula.TP_RELATIVE:
        raise ValueError(f"the loader cannot compute {row.formula.value!r}")
    if found is None and obj.tls_offset is None:
        return 0
    if definer.tls_offset is None:
        raise DlError(obj.name, "cannot allocate memory in static TLS block")
    return definer.tls_offset + value


def _tls_variable(obj: LinkMap, found: Definition | None, addend: int) -> tuple[LinkMap, int]:
    """The object that defines a thread-local variable, and the variable's offset in the object's block."""
    definer = found.obj if found else obj
    if found is not None and not definer.tls_module:
        raise corrupt(obj.name, "thread-local relocation against an object without thread-local storage")
    return definer, (found.symbol.value if found else 0) + addend


def _descriptor(obj: LinkMap, found: Definition | None, named: bool, addend: int) -> tuple[str, int]:
    """The function (a label in stub.s) and the argument of a TLS descriptor.

    `named` says that the relocation names a symbol: if none was found, it is an undefined weak one.
    """
    if named and found is None:
        return "_dl_tlsdesc_undefweak", addend
    definer, value = _tls_variable(obj, found, addend)
    if definer.tls_offset is not None:
        return "_dl_tlsdesc_return", definer.tls_offset + value
    if (
        not definer.tls_module < _DESCRIPTOR_MODULES
        or not -_DESCRIPTOR_OFFSETS <= value < _DESCRIPTOR_OFFSETS
    ):
        raise corrupt(obj.name, "thread-local offset out of range")
    return "_dl_tlsdesc_dynamic", definer.tls_module << 48 | value & (1 << 48) - 1


def read_table(memory: AddressSpace, obj: LinkMap, table: Table) -> bytes:
    """The bytes of a table that `dynamic_section.read` has checked. Raises DlError."""
    try:
        return memory.read(table.va, table.size) if table.size else b""
    except OSError as error:
        raise corrupt(obj.name, f"relocations at {table.va:#x} are not mapped") from error


def highest_symbol(memory: AddressSpace, name: str, tables: tuple[Table, ...]) -> int:
    """The highest symbol index in the relocations of the tables. Raises DlError."""
    highest = 0
    for table in tables:
        try:
            data = memory.read(table.va, table.size) if table.size else b""
        except OSError as error:
            raise corrupt(name, f"relocations at {table.va:#x} are not mapped") from error
        for _, info, _ in relocation_fields(data):
            if info >> c.R_SYM_SHIFT > highest:
                highest = info >> c.R_SYM_SHIFT
    return highest
