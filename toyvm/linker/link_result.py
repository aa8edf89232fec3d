"""The result of a link: the file, and all decisions of the linker."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from functools import cached_property

from toyvm.base.record import Record

from ..base.errors import LinkError
from .history import LinkHistory
from .image_layout import ImageLayout
from .inputs.columns import UNDEFINED, ProgramColumns
from .inputs.global_symbols import DefinitionKind
from .inputs.resolution import Decision, Resolution
from .synthetic.addresses import Addresses


class GlobalAddresses(Mapping[str, int]):
    """The address of each global that the output defines, found when first asked for: `ld` does not need them."""

    def __init__(self, program: ProgramColumns, known: Addresses):
        self._program, self._known = program, known

    @cached_property
    def _found(self) -> dict[str, int]:
        symbols = self._program.resolution.symbols
        defined = (self._program.symbols.sid[: len(symbols)] != UNDEFINED).nonzero()[0].tolist()
        values = self._known.symbol.tolist()
        return {symbols.names[number]: values[number] for number in defined if number not in symbols.shared}

    def __getitem__(self, name: str) -> int:
        return self._found[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self._found)

    def __len__(self) -> int:
        return len(self._found)


class UnfinishedLink(LinkError):
    """A program that does not fit where a script puts it. `result` has no image, but what a map shows."""

    def __init__(self, messages: Sequence[str], result: LinkResult) -> None:
        super().__init__(messages)
        self.result = result


class LinkResult(Record, eq=False):
    """A finished link. Sizes in bytes.

    `symbols`: address of every defined global. `sizes`: output section -> size. `load_relocations`: relocation name ->
    the number that the loader applies at start; `lazy_relocations`: those of the PLT, which may wait for the first call.
    """

    image: bytes
    symbols: Mapping[str, int]
    decisions: tuple[Decision, ...]
    sizes: Mapping[str, int]
    needed: tuple[str, ...]
    load_relocations: Mapping[str, int]
    lazy_relocations: Mapping[str, int]
    warnings: tuple[str, ...]
    inputs: tuple[str, ...]  # objects and libraries that take part, in link order
    program: ProgramColumns
    layout: ImageLayout
    addresses: Addresses
    relaxations: Mapping[str, tuple[int, int]]  # form of code -> (number, bytes saved)
    opened: tuple[str, ...] = ()  # the files of the command line
    output: str = "a.out"  # the name that options or a script's OUTPUT give the file
    history: LinkHistory | None = None  # if `LinkOptions.keep_history` asks for it
    script_position: int = 0  # of LinkOptions
    output_format: str = ""  # of LinkOptions: a format that the caller converts the image to

    def __repr__(self) -> str:
        return (
            f"LinkResult({len(self.image)} bytes from {len(self.inputs)} inputs, {len(self.symbols)} symbols)"
        )

    @property
    def resolution(self) -> Resolution:
        """How symbols were resolved."""
        return self.program.resolution

    def definition(self, name: str) -> str:
        """Where the global symbol `name` is defined: `main.o:(.text+0x8)`, a library, or ""."""
        symbol = self.resolution.table.get(name)
        if symbol is None or symbol.kind is DefinitionKind.UNDEFINED:
            return ""
        if symbol.kind is DefinitionKind.SHARED:
            return self.resolution.libraries[symbol.file].name
        obj = self.resolution.files[symbol.file].object
        if symbol.kind is DefinitionKind.COMMON:
            return f"{obj.name}:(COMMON)"
        section = obj.sections[symbol.section].name if symbol.section < len(obj.sections) else "*ABS*"
        return f"{obj.name}:({section}+{symbol.value:#x})"

    def explain_symbol(self, name: str) -> tuple[Decision, ...]:
        """Explain `name`: its definition, the address of the definition, and the objects that mention it."""
        symbol = self.resolution.table.get(name)
        if symbol is None:
            return ()
        found = [
            Decision(
                "symbol",
                name,
                f"defined in {self.definition(name)}" if self.definition(name) else "undefined",
            )
        ]
        found += [d for d in self.decisions if d.what == "member" and d.reason.endswith(f"({name})")]
        sid = int(self.program.symbols.sid[symbol.id])
        if sid >= 0 and self.layout.output[sid] >= 0:
            output = self.layout.outputs[self.layout.output[sid]]
            place = f"{output.name} at {self.symbols.get(name, 0):#x}"
            found.append(Decision("section", self.program.sections.name[sid], f"placed in {place}"))
        return (*found, *(Decision("reference", name, user) for user in self.mentions(name)))

    def mentions(self, name: str) -> list[str]:
        """Objects that refer to `name` or define it, in link order."""
        symbol = self.resolution.table.get(name)
        if symbol is None:
            return []
        return [f.object.name for f in self.resolution.files if symbol.id in f.ids]

    def trace_symbol(self, name: str) -> list[str]:
        """Lines of -y NAME: every file that mentions it, and whether it defines it."""
        home = self.definition(name)
        lines = []
        if home and self.resolution.table[name].kind is DefinitionKind.SHARED:
            lines.append(f"{home}: definition of {name}")
        for user in self.mentions(name):
            what = "definition of" if home.startswith(f"{user}:") else "reference to"
            lines.append(f"{user}: {what} {name}")
        return lines
