"""Why a symbol has its definition: every mention in the order of reading, with its effect, and the rules after that."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator

from toyvm.base.errors import ElfError, ToyvmError
from toyvm.base.record import replace
from toyvm.elf.archive import Archive, defined_symbols
from toyvm.elf.constants import (
    SHN_ABS,
    SHN_COMMON,
    SHN_LORESERVE,
    SHN_UNDEF,
    ST_BIND_SHIFT,
    ST_TYPE_MASK,
    ST_VISIBILITY_MASK,
    STB_WEAK,
    STT_FUNC,
)
from toyvm.linker.inputs.columns import ABSOLUTE, LINKER, UNDEFINED
from toyvm.linker.inputs.global_symbols import DefinitionKind, GlobalSymbol
from toyvm.linker.inputs.resolution import Loaded
from toyvm.linker.link_result import LinkResult

from .reading_order import Reading, readings
from .symbol_values import Mention, SymbolExplanation

_VISIBILITIES = ("default", "internal", "hidden", "protected")
_TYPES = {0: "no type", 1: "object", 2: "function", 6: "thread-local", 10: "ifunc"}


class SymbolHistory:
    """Explains the symbols of a finished link that kept its history."""

    def __init__(self, result: LinkResult):
        assert result.history is not None, "the link kept no history"
        self.result = result
        self.history = result.history
        self.resolution = result.resolution
        self.readings = readings(self.resolution, result.history)
        self._users: dict[int, int] | None = None
        self.taken = {(loaded.archive, loaded.object.name) for loaded in self.resolution.files}

    def explain(self, name: str) -> SymbolExplanation:
        """Explain the global symbol `name`. Raises ToyvmError if nothing mentions it."""
        symbol = self.resolution.table.get(name)
        if symbol is None:
            files = list(self.locals(name))
            where = (
                f"'{name}' is a local symbol of {', '.join(files)}, and no other input mentions it "
                f"(`toyvm explain address {name}` says where it is)"
            )
            raise ToyvmError(where if files else f"no input mentions the symbol '{name}'")
        return _Explainer(self, symbol).explanation()

    def locals(self, name: str) -> Iterator[str]:
        """The objects that define a local symbol `name`."""
        for loaded in self.resolution.files:
            symbols = loaded.object.symbols
            for number, local in enumerate(symbols.names[: symbols.first_global]):
                if local == name and symbols.array["st_shndx"][number] != SHN_UNDEF:
                    yield loaded.object.name

    def users(self) -> dict[int, int]:
        """By symbol: how many objects mention it."""
        if self._users is None:
            counts: Counter[int] = Counter()
            for loaded in self.resolution.files:
                counts.update({*loaded.ids.tolist()})
            self._users = dict(counts)
        return self._users

    def names(self) -> list[str]:
        """All global names."""
        return list(self.resolution.table)


class _Explainer:
    """Reads the inputs once more for one symbol. The state is what the resolver knew at each moment."""

    def __init__(self, history: SymbolHistory, symbol: GlobalSymbol):
        self.of, self.symbol = history, symbol
        self.kind, self.weak, self.holder = DefinitionKind.UNDEFINED, True, ""
        self.mentioned = False
        self.size = 0
        self.seen: set[int] = set()  # the numbers of the libraries that were read

    def explanation(self) -> SymbolExplanation:
        mentions = [
            *self._wanted(),
            *(mention for reading in self.of.readings for mention in self._read(reading)),
        ]
        return _finished(self.of, self.symbol, tuple(_with_winner(self, mentions)))

    def _wanted(self) -> Iterator[Mention]:
        """References of the command line itself."""
        options, name = self.of.history.options, self.symbol.name
        asked = []
        if name in options.undefined:
            asked.append(("-u", "asks for it: an archive member that defines it takes part"))
        if options.kind not in ("shared", "relocatable") and name == options.entry_symbol:
            asked.append(
                ("the entry point", "is an undefined symbol from the start: the program begins there")
            )
        if any(name in expression for _, expression in options.defsyms):
            asked.append(("--defsym", "an expression needs it"))
        if name in options.wanted or name in options.assigned:
            asked.append(("the linker script", "mentions it"))
        for who, why in asked:
            self.mentioned, self.weak = True, False
            yield Mention(who, "reference", why)

    def _read(self, reading: Reading) -> Iterator[Mention]:
        if reading.what == "object":
            loaded = self.of.resolution.files[reading.file]
            for number, k in enumerate(loaded.ids.tolist()):
                if k == self.symbol.id:
                    yield self._row(loaded, loaded.object.symbols.first_global + number)
        elif reading.what == "library":
            yield from self._library(reading)
        else:
            yield from self._archive(reading)

    # -- objects ------------------------------------------------------------------------------------------------

    def _row(self, loaded: Loaded, index: int) -> Mention:
        obj = loaded.object
        _, info, other, section, value, size = obj.symbols.array[index].tolist()
        weak = info >> ST_BIND_SHIFT == STB_WEAK
        name, own = obj.symbols.names[index], self.symbol.name
        notes = []
        if name != own:
            notes.append(f"it says `{name}'{self._renamed(name)}")
        if other & ST_VISIBILITY_MASK:
            notes.append(f"it asks for {_VISIBILITIES[other & ST_VISIBILITY_MASK]} visibility")
        if section == SHN_UNDEF or section in loaded.dropped:
            if section in loaded.dropped:
                notes.append("its own definition is in a COMDAT group that an earlier object has")
            what, effect = "weak reference" if weak else "reference", self._reference(weak)
            return Mention(obj.name, what, "; ".join((effect, *notes)))
        if section == SHN_COMMON:
            effect = self._common(obj.name, size)
            return Mention(obj.name, "common", "; ".join((effect, *notes)), "COMMON", size)
        effect = self._define(obj.name, weak)
        place = "*ABS*" if section == SHN_ABS or section >= SHN_LORESERVE else obj.sections[section].name
        what = "weak definition" if weak else "definition"
        return Mention(obj.name, what, "; ".join((effect, *notes)), f"{place}+{value:#x}", size)

    def _renamed(self, name: str) -> str:
        """Why a file's name for the symbol is not the symbol's."""
        wrapped = self.of.history.options.wrap
        if name in wrapped:
            return f", which --wrap={name} turns into this"
        if name.removeprefix("__real_") in wrapped:
            return f", which --wrap={name.removeprefix('__real_')} turns into this"
        return ", of the same version" if "@" in name else ""

    def _reference(self, weak: bool) -> str:
        first, self.mentioned = not self.mentioned, True
        if self.kind is not DefinitionKind.UNDEFINED:
            return f"refers to the definition in {self.holder}"
        self.weak &= weak
        library = self._exporter()
        if library:
            return f"{library}, read before, defines it"
        if weak:
            return "undefined so far; a weak reference pulls in no archive member"
        return (
            "undefined from here on: archives that follow are searched for it" if first else "still undefined"
        )

    def _exporter(self) -> str:
        """A library that was read already and defines the symbol: it is taken at this reference."""
        name = self.symbol.name
        for number in sorted(self.seen):
            library = self.of.resolution.libraries[number]
            if (name in library.exports or name in library.versioned) and not self.symbol.is_hidden:
                self.kind, self.weak, self.holder = DefinitionKind.SHARED, False, library.name
                return library.name
        return ""

    def _common(self, file: str, size: int) -> str:
        before, self.mentioned = self.holder, True
        if self.kind is DefinitionKind.COMMON:
            larger, self.size = size > self.size, max(size, self.size)
            return f"the same common variable as in {before}; " + (
                f"its size grows to {size}" if larger else f"its size stays {self.size}"
            )
        if self.kind is DefinitionKind.DEFINED and not self.weak:
            return f"only a reference: {before} defines it"
        replaced = f", instead of {before}'s" if self.kind is not DefinitionKind.UNDEFINED else ""
        self.kind, self.weak, self.holder, self.size = DefinitionKind.COMMON, False, file, size
        return f"a common variable: the linker allocates it{replaced}, unless a definition follows"

    def _define(self, file: str, weak: bool) -> str:
        kind, before, was_weak = self.kind, self.holder, self.weak
        self.mentioned = True
        if kind is DefinitionKind.DEFINED and weak:
            return f"loses: {before} defines it already, and a weak definition replaces none"
        if kind is DefinitionKind.DEFINED and not was_weak:
            return f"loses: {before} has the first definition; an error, unless --allow-multiple-definition"
        if kind is DefinitionKind.COMMON and weak:
            return f"loses: the common variable of {before} counts more than a weak definition"
        self.kind, self.weak, self.holder = DefinitionKind.DEFINED, weak, file
        if kind is DefinitionKind.DEFINED:
            return f"wins: a strong definition replaces the weak one of {before}"
        if kind is DefinitionKind.COMMON:
            return f"wins: a definition replaces the common variable of {before}"
        if kind is DefinitionKind.SHARED:
            return f"wins: a definition of the program itself comes before that of {before}"
        return "wins: the first definition" + (
            "; it is weak, so that a strong one could replace it" if weak else ""
        )

    # -- libraries and archives ---------------------------------------------------------------------------------

    def _library(self, reading: Reading) -> Iterator[Mention]:
        opened, name = reading.opened, self.symbol.name
        assert opened is not None and opened.library is not None
        library = opened.library
        shared = library.exports.get(name) or library.versioned.get(name)
        if reading.library < 0:
            if shared is not None:
                yield Mention(
                    library.name, "library", "loses: --as-needed left the library out, or it is there already"
                )
            return
        self.seen.add(reading.library)
        if shared is not None:
            version = f", version {shared.version}" if shared.version else ""
            yield Mention(library.name, "library", self._export(library.name) + version, size=shared.size)
        for wanted, weak in library.undefined:
            if wanted == name:
                what = "weak reference" if weak else "reference"
                yield Mention(library.name, what, self._reference(weak))

    def _export(self, library: str) -> str:
        if self.kind is not DefinitionKind.UNDEFINED:
            return f"loses: {self.holder} defines it already"
        if not self.mentioned:
            return "defines it; nothing has asked for it so far"
        if self.symbol.is_hidden:
            return "loses: a hidden symbol is never another component's"
        self.kind, self.weak, self.holder = DefinitionKind.SHARED, False, library
        return "wins: the first library that defines what is undefined"

    def _archive(self, reading: Reading) -> Iterator[Mention]:
        """A member that would define the symbol and does not take part."""
        opened = reading.opened
        assert opened is not None and opened.archive is not None
        number = archive_index(opened.archive).get(self.symbol.name)
        if number is None:
            return
        member = f"{opened.name}({opened.archive.members[number].name})"
        if (opened.name, member) in self.of.taken:
            return
        if self.kind is not DefinitionKind.UNDEFINED:
            why = f"{self.holder} defines it already"
        elif not self.mentioned:
            why = "nothing had referred to it when the archive was searched; one that stands later would be"
        elif self.symbol.name in dict(self.of.history.options.defsyms):
            why = "--defsym defines it"
        else:
            why = "only weak references so far, which pull in no member"
        yield Mention(member, "unused member", f"loses: {why}")


def archive_index(archive: Archive) -> dict[str, int]:
    """Symbol -> member number. An archive without an index has none here unless its members can be read."""
    if archive.index is not None:
        return archive.index
    made: dict[str, int] = {}
    for number, member in enumerate(archive.members):
        try:
            for raw in defined_symbols(member):
                made.setdefault(raw.decode("utf-8", "surrogateescape"), number)
        except ElfError:
            continue
    return made


def _with_winner(state: _Explainer, mentions: list[Mention]) -> Iterator[Mention]:
    """The mentions; that which holds the definition in the end is marked."""
    held = {"definition", "weak definition", "common", "library"}
    for mention in mentions:
        won = mention.file == state.holder and mention.what in held and not mention.effect.startswith("loses")
        yield replace(mention, won=won)


def _finished(of: SymbolHistory, symbol: GlobalSymbol, mentions: tuple[Mention, ...]) -> SymbolExplanation:
    """The explanation, with what happened after the last input was read."""
    result, program, layout = of.result, of.result.program, of.result.layout
    sid = int(program.symbols.sid[symbol.id])
    address = int(result.addresses.symbol[symbol.id]) & (1 << 64) - 1
    call = int(result.addresses.call[symbol.id]) & (1 << 64) - 1
    output = layout.outputs[layout.output[sid]].name if sid >= 0 and layout.output[sid] >= 0 else ""
    here = sid in (ABSOLUTE, LINKER) or bool(output)
    return SymbolExplanation(
        symbol.name,
        mentions,
        result.definition(symbol.name),
        tuple(_rules(of, symbol, sid, output)),
        address if here else None,
        call if call != address else None,
        symbol.size,
        output,
        "weak" if symbol.weak else "global",
        _VISIBILITIES[symbol.visibility],
        _TYPES.get(symbol.info & ST_TYPE_MASK, "other"),
    )


def _rules(of: SymbolHistory, symbol: GlobalSymbol, sid: int, output: str) -> Iterator[str]:
    """What decided after the inputs were read."""
    options, needs, scripted = of.history.options, of.history.needs, of.history.scripted
    copied = needs is not None and symbol.id in needs.copy.tolist()
    if symbol.name in dict(options.defsyms):
        yield f"--defsym {symbol.name}={dict(options.defsyms)[symbol.name]} defines it, whatever the inputs say"
    elif symbol.name in options.assigned:
        yield "the linker script assigns it"
    elif sid == LINKER:
        provided = scripted is not None and symbol.name in scripted.names().provided
        yield (
            "the linker script provides it (PROVIDE), because it is used and no input defines it"
            if provided
            else ("the linker defines it, because it is used and no input defines it")
        )
    elif copied:
        library = of.resolution.libraries[symbol.file].name
        yield (
            f"copy relocation: the program's code has its address as a constant, so {output} has room for it, the loader "
            f"copies the bytes of {library} there, and all components use the copy"
        )
    elif symbol.kind is DefinitionKind.SHARED:
        canonical = int(of.result.addresses.tables.plt_entry[symbol.id]) >= 0 and sid >= 0
        if canonical and symbol.info & ST_TYPE_MASK == STT_FUNC:
            yield "canonical PLT: the program uses its address, so its PLT entry is its address in every component"
        else:
            yield "the loader looks it up at run time: any component that comes first may define it"
    elif symbol.kind is DefinitionKind.UNDEFINED and sid == UNDEFINED:
        weak = not symbol.strong_reference
        if weak:
            yield "undefined: a weak reference is 0"
        elif options.shared:
            yield "undefined: another component must define it at run time"
        else:
            yield "undefined: the link fails, `undefined reference'"
        for file in of.locals(symbol.name):
            yield f"{file} has a local symbol of this name, which others do not see: `.globl {symbol.name}' is missing"
    elif sid >= 0 and not output:
        yield "its section is not in the output (--gc-sections, /DISCARD/, or nothing needs it)"
    if sid == ABSOLUTE:
        yield "an absolute value: it does not move with the image"
    if symbol.version:
        yield f"it has the version {symbol.version}"
    if symbol.visibility:
        yield f"{_VISIBILITIES[symbol.visibility]} visibility: the most restrictive of all mentions counts"
