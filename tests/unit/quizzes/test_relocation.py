"""The answers of relocation questions: the sources are linked again, pyelftools reads the image, and the psABI's
formulas and formats are written once more."""

from __future__ import annotations

import io
import re

from elftools.elf.elffile import ELFFile

from tests.support.quiz_seeds import questions, sentence
from toyvm.assembler import AssemblerOptions, assemble_text
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions


def bits(value: int, high: int, low: int) -> int:
    return value >> low & (1 << high - low + 1) - 1


def encoded(kind: str, unit: int, value: int) -> int:
    """The unit with the value in its field (psABI, "Relocations"; the ISA manual's immediate formats)."""
    upper = bits(value + 0x800, 31, 12)
    if kind in ("HI20", "PCREL_HI20"):
        return unit & 0xFFF | upper << 12
    if kind in ("LO12_I", "PCREL_LO12_I"):
        return unit & 0xFFFFF | bits(value, 11, 0) << 20
    if kind in ("LO12_S", "PCREL_LO12_S"):
        return unit & 0x1FFF07F | bits(value, 11, 5) << 25 | bits(value, 4, 0) << 7
    if kind == "CALL_PLT":
        return encoded("HI20", unit & 0xFFFFFFFF, value) | encoded("LO12_I", unit >> 32, value) << 32
    if kind == "JAL":
        imm = (
            bits(value, 20, 20) << 19
            | bits(value, 10, 1) << 9
            | bits(value, 11, 11) << 8
            | bits(value, 19, 12)
        )
        return unit & 0xFFF | imm << 12
    if kind == "BRANCH":
        top = bits(value, 12, 12) << 6 | bits(value, 10, 5)
        return unit & 0x1FFF07F | top << 25 | (bits(value, 4, 1) << 1 | bits(value, 11, 11)) << 7
    if kind == "RVC_BRANCH":
        left = bits(value, 8, 8) << 2 | bits(value, 4, 3)
        right = bits(value, 7, 6) << 3 | bits(value, 2, 1) << 1 | bits(value, 5, 5)
        return unit & 0xE383 | left << 10 | right << 2
    if kind == "RVC_JUMP":
        order = (11, 4, 9, 8, 10, 6, 7, 3, 2, 1, 5)
        return unit & 0xE003 | sum((value >> bit & 1) << 12 - place for place, bit in enumerate(order))
    return value & {"64": (1 << 64) - 1, "32": 0xFFFFFFFF, "ADD32": 0xFFFFFFFF, "SUB32": 0xFFFFFFFF}[kind]


def byte_range(elf: ELFFile, address: int, count: int) -> bytes:
    for segment in elf.iter_segments("PT_LOAD"):
        at = address - segment["p_vaddr"]
        if 0 <= at < segment["p_filesz"]:
            return bytes(segment.data()[at : at + count])
    raise LookupError(hex(address))


def test_the_answers_are_in_the_image() -> None:
    kinds = set()
    for question in questions("relocation"):
        data = question.data
        objects = [assemble_text(text, "x.s", AssemblerOptions()) for text in data["sources"]]
        options = LinkOptions(static=True, section_starts={".data": data["data_start"]})
        elf = ELFFile(io.BytesIO(link([Input(object=obj) for obj in objects], options).image))
        symbols = {
            symbol.name: symbol["st_value"] for symbol in elf.get_section_by_name(".symtab").iter_symbols()
        }
        for name, address in data["symbols"].items():
            assert symbols[name] == address
        high: dict[int, int] = {}
        for part, site in zip(question.parts, data["sites"], strict=True):
            place = data["starts"][site["section"]] + site["offset"]
            unit, width = site["before"], site["width"]
            for name, symbol, addend in site["relocations"]:
                kind, s = name.removeprefix("R_RISCV_"), symbols[symbol]
                absolute = kind in ("HI20", "LO12_I", "LO12_S", "64", "32")
                value = s + addend if absolute else s + addend - place
                if kind.startswith("PCREL_LO12"):
                    value = high[s]
                elif kind in ("ADD32", "SUB32"):
                    value = unit + (s + addend) * (1 if kind == "ADD32" else -1)
                elif kind == "PCREL_HI20":
                    high[place] = value
                unit = encoded(kind, unit, value)
                kinds.add(kind)
            found = re.fullmatch(
                r"The value is (-?0x[0-9a-f]+).*; afterwards (0x[0-9a-f]+) \(bytes (.*)\)\.", sentence(part)
            )
            assert found is not None, sentence(part)
            image = byte_range(elf, place, width)
            assert int(found[2], 16) == unit == int.from_bytes(image, "little"), question.solution
            assert bytes.fromhex(found[3]) == image
    assert {"CALL_PLT", "BRANCH", "JAL", "HI20", "LO12_I", "LO12_S", "PCREL_HI20", "SUB32"} <= kinds
