"""The dynamic relocations behind a relocation: what the linker leaves to the loader, at its place or where it refers to."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property

from toyvm.linker.synthetic.dynamic_relocations import DynamicRelocs
from toyvm.linker.synthetic.got_plt import PLT_ENTRY, PLT_HEADER, RESERVED
from toyvm.relocations import RELOCATIONS, Formula, Need, R, relocation_name

from ..link_index import LinkIndex
from ..values import LoaderPart
from .relocation_arithmetic import Arithmetic


class LoaderParts:
    """The dynamic relocations of one link by place. A row here is one of the finished program."""

    def __init__(self, index: LinkIndex, arithmetic: Arithmetic):
        self.index, self.arithmetic = index, arithmetic

    def of(self, row: int) -> tuple[LoaderPart, ...]:
        """The dynamic relocations that finish the work of a row: of its own place, then of what it refers to."""
        arithmetic = self.arithmetic
        if not arithmetic.alloc[arithmetic.sid[row]]:
            return ()
        places = [(arithmetic.sid[row], arithmetic.offset[row]), *self._referred(row)]
        return tuple(part for place in dict.fromkeys(places) for part in self._at.get(place, ()))

    def _referred(self, row: int) -> Iterator[tuple[int, int]]:
        """The GOT entry, the word of the PLT entry, or the copy that a row refers to."""
        arithmetic, sym = self.arithmetic, self.arithmetic.sym[row]
        kind = RELOCATIONS[arithmetic.type[row]]
        tables, symbols = arithmetic.known.tables, self.index.final.symbols
        if kind.formula is Formula.PC_LOW:
            high = arithmetic.high_of(row)
            yield from self._referred(high)
            return
        if kind.formula is Formula.GOT_PC_RELATIVE:
            entry = arithmetic._entry(row, kind)
            yield tables.got, entry
            if Need.GOT in kind.needs and tables.slot_entry[sym] >= 0:
                yield tables.got_plt, int(tables.slot_entry[sym])
            if Need.GOT not in kind.needs and Need.TLS_IE not in kind.needs:
                yield tables.got, entry + tables.word
        if Need.PLT in kind.needs and tables.plt_entry[sym] >= 0:
            number = (int(tables.plt_entry[sym]) - PLT_HEADER) // PLT_ENTRY
            yield tables.got_plt, (RESERVED + number) * tables.word
        if sym in tables.ifunc_slot:
            yield tables.ifunc_slot[sym]
        if Need.COPY in kind.needs and symbols.sid[sym] >= 0:
            yield int(symbols.sid[sym]), int(symbols.value[sym])

    @cached_property
    def _at(self) -> dict[tuple[int, int], list[LoaderPart]]:
        made = self.index.history.made
        assert made is not None
        found: dict[tuple[int, int], list[LoaderPart]] = {}
        for rows, lazy in ((made.start_up, False), (made.packed, False), (made.jumps, True)):
            self._add(found, rows, lazy)
        return found

    def _add(self, found: dict[tuple[int, int], list[LoaderPart]], rows: DynamicRelocs, jumps: bool) -> None:
        arithmetic, final = self.arithmetic, self.index.final
        columns = (rows.sid, rows.offset, rows.type, rows.symbol, rows.target, rows.addend)
        lazy = jumps and not self.index.history.options.now
        for sid, offset, kind, symbol, target, addend in zip(*(c.tolist() for c in columns), strict=True):
            name = final.symbol_name(symbol) if symbol >= 0 else ""
            total = addend + (arithmetic.symbol[target] if target >= 0 else 0)
            if kind in (R.TLS_TPREL64, R.TLSDESC) and target >= 0:
                total -= arithmetic.known.tls_start
            if kind == R.IRELATIVE:
                total = arithmetic.known.resolvers[target][1]
            output = int(arithmetic.layout.output[sid])
            part = LoaderPart(
                relocation_name(kind), arithmetic.section_addr[sid] + offset,
                arithmetic.layout.outputs[output].name if output >= 0 else "",
                name, total, _work(kind, name, total, lazy), lazy and kind == R.JUMP_SLOT,
            )  # fmt: skip
            found.setdefault((sid, offset), []).append(part)


def _work(kind: int, name: str, addend: int, lazy: bool) -> str:
    match kind:
        case R.RELATIVE:
            return f"writes B + A: the load base plus {addend:#x}"
        case R.ABS64:
            return (
                f"looks {name} up and writes S + A" if addend else f"looks {name} up and writes its address"
            )
        case R.JUMP_SLOT:
            when = "at its first call" if lazy else "at start"
            return f"looks {name} up {when} and writes its address"
        case R.COPY:
            return f"copies the library's {name} here, for the whole process to use"
        case R.IRELATIVE:
            return f"calls the resolver at {addend:#x} (plus the load base) and writes the address that it returns"
        case R.TLS_DTPMOD64:
            return (
                f"writes the number of the module that defines {name}"
                if name
                else "writes its own module number"
            )
        case R.TLS_DTPREL64:
            return f"writes the offset of {name} in its module's thread-local block"
        case R.TLS_TPREL64:
            return f"writes the offset of {name or 'the variable'} from tp"
        case R.TLSDESC:
            return f"writes the descriptor of {name or 'the variable'}: a function and its argument"
    return "writes the value"
