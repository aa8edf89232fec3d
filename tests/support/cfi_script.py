"""A few lines of assembly that `FrameTable` and GNU as can both read: `.cfi_*`, `nop`, `call NAME`, `.fill N`."""

from __future__ import annotations

from toyvm.assembler.dwarf.cfi_directives import REGISTER_ARGUMENTS, CallFrameTable, dwarf_register
from toyvm.assembler.dwarf.code_places import Place

Handle = int | str


def run(text: str) -> tuple[CallFrameTable[Handle], dict[Handle, Place]]:
    """Feed `text` to a FrameTable; the places of its handles (numbers; names are undefined symbols)."""
    table: CallFrameTable[Handle] = CallFrameTable()
    places: dict[Handle, Place] = {}
    offset = fragment = 0

    def here() -> Handle:
        place = Place(offset, fragment)
        for handle, known in places.items():
            if known == place:
                return handle
        places[len(places)] = place
        return len(places) - 1

    for line in text.splitlines():
        name, _, rest = line.strip().partition(" ")
        arguments = [argument.strip() for argument in rest.split(",")] if rest else []
        if name == "nop":
            offset += 4
        elif name == "call":
            offset, fragment = offset + 8, fragment + 1
        elif name == ".fill":
            offset, fragment = offset + int(arguments[0]), fragment + 1
        elif name == ".cfi_startproc":
            table.startproc(here, simple=arguments == ["simple"])
        elif name == ".cfi_endproc":
            table.endproc(here)
        elif name == ".cfi_sections":
            table.sections(arguments)
        elif name in (".cfi_personality", ".cfi_lsda"):
            getattr(table, name[5:])(int(arguments[0], 0), arguments[1] if len(arguments) > 1 else None)
        elif name:
            table.directive(name, [_number(name, argument) for argument in arguments], here)
    return table, places


def _number(name: str, argument: str) -> int:
    register = dwarf_register(argument)
    if register is not None and (name in REGISTER_ARGUMENTS or "e" in name):
        return register
    return int(argument, 0)
