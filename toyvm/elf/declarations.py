"""Where functions and variables are declared: address -> file and line, from the DWARF entries (`.debug_info`), read with pyelftools."""

from __future__ import annotations

import io
from typing import Any

from elftools.elf.elffile import ELFFile

from .constants import ET_REL
from .dwarf import SECTION_SHIFT, malformed_as_elf_errors, relocated_data, unit_files
from .elf_file import ElfFile

_OP_ADDR = 0x03  # DW_OP_addr, which alone is the location of a variable in memory


class Declarations:
    """The declarations of functions and of variables with an address. Raises ElfError when the debugging information is malformed."""

    def __init__(self, elf: ElfFile, full_paths: bool = True):
        self._full_paths = full_paths
        self._relocatable = elf.header.type == ET_REL
        self._places: dict[int, tuple[str, int]] = {}
        data = relocated_data(elf)
        if data is None:
            return
        width = elf.digits // 2
        with malformed_as_elf_errors(elf.name):
            info: Any = ELFFile(io.BytesIO(data)).get_dwarf_info(
                relocate_dwarf_sections=False, follow_links=False
            )
            for unit in info.iter_CUs():
                self._read(info, unit, width)

    def at(self, address: int, section: int = 0) -> tuple[str, int] | None:
        """The file and line of the function or variable that begins there; in an object, `address` is an offset in `section`."""
        return self._places.get(address + (section << SECTION_SHIFT if self._relocatable else 0))

    def _read(self, info: Any, unit: Any, width: int) -> None:
        files: dict[int, str] | None = None
        for entry in unit.iter_DIEs():
            address = _address(entry, width)
            declared = _declared(entry) if address is not None else None
            if address is None or declared is None:
                continue
            if files is None:
                program = info.line_program_for_CU(unit)
                files = unit_files(unit, program, self._full_paths) if program is not None else {}
            file, line = declared
            self._places.setdefault(address, (files.get(file, "??"), line))


def _address(entry: Any, width: int) -> int | None:
    """Where the code of a function begins, or where a variable is."""
    if entry.tag == "DW_TAG_subprogram":
        low = entry.attributes.get("DW_AT_low_pc")
        return low.value if low is not None else None
    location = entry.attributes.get("DW_AT_location") if entry.tag == "DW_TAG_variable" else None
    if location is None or location.form not in ("DW_FORM_exprloc", "DW_FORM_block1"):
        return None
    code = bytes(location.value)
    return int.from_bytes(code[1:], "little") if len(code) == 1 + width and code[0] == _OP_ADDR else None


def _declared(entry: Any) -> tuple[int, int] | None:
    """The number of the file, and the line, of a declaration, which another entry may have."""
    for _ in range(3):
        file, line = entry.attributes.get("DW_AT_decl_file"), entry.attributes.get("DW_AT_decl_line")
        if file is not None and line is not None:
            return file.value, line.value
        origin = next(
            (name for name in ("DW_AT_specification", "DW_AT_abstract_origin") if name in entry.attributes),
            "",
        )
        if not origin:
            return None
        entry = entry.get_DIE_from_attribute(origin)
    return None
