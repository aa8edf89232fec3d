"""The functions at an address, the inlined ones too, from the DWARF entries (`.debug_info`), read with pyelftools."""

from __future__ import annotations

import io
from collections.abc import Iterator
from typing import Any, NamedTuple

from elftools.elf.elffile import ELFFile

from .constants import ET_REL
from .dwarf import SECTION_SHIFT, malformed_as_elf_errors, relocated_data, unit_files
from .elf_file import ElfFile

_DEEPEST = 200  # entries inside each other; more are a damaged file


class Frame(NamedTuple):
    """A function at an address: its (mangled) name, and where it was called from if it is inlined (line 0: it is not)."""

    name: str
    call_file: str
    call_line: int


class _Code(NamedTuple):
    """A function or an inlined call: its ranges of addresses, and what is inside it."""

    ranges: list[tuple[int, int]]
    frame: Frame
    inner: list[_Code]


class InlinedCalls:
    """Address -> frames. Raises ElfError when the debugging information is malformed."""

    def __init__(self, elf: ElfFile):
        self._name = elf.name
        self._relocatable = elf.header.type == ET_REL
        self._info: Any = None
        data = relocated_data(elf)
        if data is not None:
            with malformed_as_elf_errors(elf.name):
                file = ELFFile(io.BytesIO(data))
                self._info = file.get_dwarf_info(relocate_dwarf_sections=False, follow_links=False)
        self._units: list[tuple[list[tuple[int, int]], Any]] | None = None
        self._read: dict[int, list[_Code]] = {}

    def at(self, address: int, section: int = 0) -> list[Frame]:
        """The frames at an address, the innermost first; empty where the debugging information has none."""
        if self._info is None:
            return []
        if self._relocatable:
            address += section << SECTION_SHIFT
        with malformed_as_elf_errors(self._name):
            for number, (ranges, unit) in enumerate(self._all_units()):
                if ranges and not _within(ranges, address):
                    continue
                if number not in self._read:
                    self._read[number] = list(self._functions(unit, unit.get_top_DIE(), 0))
                frames = _frames(self._read[number], address)
                if frames:
                    return frames[::-1]
        return []

    def _all_units(self) -> list[tuple[list[tuple[int, int]], Any]]:
        if self._units is None:
            self._units = [
                (list(self._ranges(unit, unit.get_top_DIE())), unit)
                for unit in self._info.iter_CUs()
                if unit.get_top_DIE().tag == "DW_TAG_compile_unit"
            ]
        return self._units

    def _functions(self, unit: Any, parent: Any, depth: int) -> Iterator[_Code]:
        """The functions with code in an entry and in its blocks and namespaces."""
        if depth > _DEEPEST:
            return
        for entry in parent.iter_children():
            if entry.tag in ("DW_TAG_subprogram", "DW_TAG_inlined_subroutine"):
                ranges = list(self._ranges(unit, entry))
                if ranges:
                    yield _Code(
                        ranges, self._frame(unit, entry), list(self._functions(unit, entry, depth + 1))
                    )
            elif entry.tag in (
                "DW_TAG_lexical_block",
                "DW_TAG_namespace",
                "DW_TAG_try_block",
                "DW_TAG_catch_block",
            ):
                yield from self._functions(unit, entry, depth + 1)

    def _frame(self, unit: Any, entry: Any) -> Frame:
        attributes = entry.attributes
        line = attributes.get("DW_AT_call_line")
        if line is None:
            return Frame(_function_name(entry), "", 0)
        files = self._files(unit)
        file = attributes.get("DW_AT_call_file")
        return Frame(_function_name(entry), files.get(file.value if file else -1, "??"), line.value)

    def _files(self, unit: Any) -> dict[int, str]:
        cached: dict[int, dict[int, str]] = self.__dict__.setdefault("_names", {})
        if unit.cu_offset not in cached:
            program = self._info.line_program_for_CU(unit)
            cached[unit.cu_offset] = unit_files(unit, program, True) if program is not None else {}
        return cached[unit.cu_offset]

    def _ranges(self, unit: Any, entry: Any) -> Iterator[tuple[int, int]]:
        attributes = entry.attributes
        low, high = attributes.get("DW_AT_low_pc"), attributes.get("DW_AT_high_pc")
        if low is not None and high is not None:
            is_size = high.form != "DW_FORM_addr"
            yield low.value, low.value + high.value if is_size else high.value
            return
        listed = attributes.get("DW_AT_ranges")
        if listed is None:
            return
        top = unit.get_top_DIE().attributes.get("DW_AT_low_pc")
        base = top.value if top is not None else 0
        lists = self._info.range_lists()
        for item in lists.get_range_list_at_offset(listed.value, unit) if lists is not None else ():
            if not hasattr(item, "begin_offset"):
                base = item.base_address
                continue
            start = 0 if item.is_absolute else base
            yield start + item.begin_offset, start + item.end_offset


def _within(ranges: list[tuple[int, int]], address: int) -> bool:
    return any(low <= address < high for low, high in ranges)


def _frames(functions: list[_Code], address: int) -> list[Frame]:
    for code in functions:
        if _within(code.ranges, address):
            return [code.frame, *_frames(code.inner, address)]
    return []


def _function_name(entry: Any) -> str:
    """The name that the linker knows, or that of the source; "" without one."""
    plain = ""
    for _ in range(8):
        attributes = entry.attributes
        for key in ("DW_AT_linkage_name", "DW_AT_MIPS_linkage_name"):
            if key in attributes:
                return _text(attributes[key].value)
        if "DW_AT_name" in attributes and not plain:
            plain = _text(attributes["DW_AT_name"].value)
        origin = next(
            (key for key in ("DW_AT_abstract_origin", "DW_AT_specification") if key in attributes), None
        )
        if origin is None:
            break
        entry = entry.get_DIE_from_attribute(origin)
    return plain


def _text(value: bytes) -> str:
    return value.decode("utf-8", "replace")
