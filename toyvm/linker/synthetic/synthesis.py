"""The sections that the linker writes itself: planned before layout, filled when addresses are known."""

from __future__ import annotations

import numpy as np

from toyvm.base.bits import align_up
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.base.record import Record, replace
from toyvm.elf.constants import (
    NT_GNU_BUILD_ID,
    SHF_ALLOC,
    SHF_WRITE,
    SHT_NOTE,
    SHT_PROGBITS,
    SHT_RISCV_ATTRIBUTES,
)
from toyvm.elf.symbol import NHDR_SIZE, pack_note
from toyvm.relocations import R

from ..image_layout import ImageLayout
from ..inputs.columns import Column, NewSection, ProgramColumns
from ..inputs.property_notes import NAME as PROPERTIES
from ..inputs.property_notes import property_align
from ..link_options import LinkOptions
from ..relax.deletions import Deletions
from ..scan_relocations import Needs
from ..visibility.version_script import VersionScript
from . import relative_table
from .addresses import Addresses
from .dynamic_relocations import COMBINED, DynamicRelocs, encode, got_bytes, plan, separate
from .dynamic_tables import DynamicPlan, dynamic_entries, dynsym_bytes, is_dynamic, new_sections, plan_dynamic
from .eh_frame import eh_frame_sections, search_table, search_table_size
from .file_class import file_class
from .got_plt import PLT_ENTRY, PLT_HEADER, GotPltTables, entry_bytes, plt_bytes
from .relative_table import split

if TYPE_CHECKING:
    import hashlib

JUMPS = ".rela.plt"
BUILD_ID = ".note.gnu.build-id"
_NOTE_OWNER = b"GNU"
_PACKAGE_OWNER, _PACKAGE_TYPE = b"FDO", 0xCAFE1A7E  # systemd, "Package Metadata for Executable Files"


class LinkerSections(Record, eq=False):
    """The numbers of linker-made sections by name, and the data to write into them."""

    sids: dict[str, int]
    tables: GotPltTables
    start_up: DynamicRelocs  # in .rela.dyn, or the sections of `separate`
    packed: DynamicRelocs  # in .relr.dyn
    jumps: DynamicRelocs
    dynamic: DynamicPlan | None
    text_relocations: bool


def make_sections(
    program: ProgramColumns,
    needs: Needs,
    tables: GotPltTables,
    public: Column,
    attributes: bytes,
    properties: bytes,
    script: VersionScript,
    options: LinkOptions,
) -> tuple[ProgramColumns, LinkerSections]:
    """Add all the sections that the loader and tools read. Their sizes are settled here."""
    start_up, packed, jumps = _planned(program, needs, tables, options)
    dynamic = None
    made: list[NewSection] = []
    if is_dynamic(program.resolution, options):
        dynamic = plan_dynamic(program, needs, (start_up, jumps), public, script, options)
    textrel = bool(((program.sections.flags[start_up.sid] & SHF_WRITE) == 0).any())
    groups = separate(start_up, program, tables, options) | ({JUMPS: jumps} if len(jumps) else {})
    made += _loader_sections(program, dynamic, groups, packed, textrel, options)
    if attributes:
        made.append(
            NewSection(".riscv.attributes", SHT_RISCV_ATTRIBUTES, 0, 1, len(attributes), 0, attributes)
        )
    if properties:
        align = property_align(options.xlen)
        made.append(NewSection(PROPERTIES, SHT_NOTE, SHF_ALLOC, align, len(properties), 0, properties))
    if options.build_id != "none":
        note = build_id_note(options.build_id)
        made.append(NewSection(BUILD_ID, SHT_NOTE, SHF_ALLOC, 4, len(note), 0, note))
    if options.package_metadata:
        text = options.package_metadata.encode() + b"\0"
        note = pack_note(_PACKAGE_OWNER, _PACKAGE_TYPE, text.ljust(align_up(len(text), 4), b"\0"))
        made.append(NewSection(".note.package", SHT_NOTE, SHF_ALLOC, 4, len(note), 0, note))
    if options.eh_frame_hdr and eh_frame_sections(program):
        made.append(NewSection(".eh_frame_hdr", SHT_PROGBITS, SHF_ALLOC, 4, search_table_size(program)))
    program, numbers = program.extend(made)
    sids = {section.name: number for section, number in zip(made, numbers, strict=True)}
    return program, LinkerSections(sids, tables, start_up, packed, jumps, dynamic, textrel)


def _planned(
    program: ProgramColumns, needs: Needs, tables: GotPltTables, options: LinkOptions
) -> tuple[DynamicRelocs, DynamicRelocs, DynamicRelocs]:
    """(relocations of .rela.dyn, of .relr.dyn, of .rela.plt)."""
    start_up, jumps = plan(program, needs, tables, options)
    nothing = start_up.where(np.zeros(0, dtype=np.int64))
    packed, start_up = split(start_up, program) if options.pack_relative else (nothing, start_up)
    return start_up, packed, jumps


def move_sections(
    made: LinkerSections, program: ProgramColumns, needs: Needs, gone: Deletions, options: LinkOptions
) -> LinkerSections:
    """The same sections for `program`, which has lost the bytes `gone`, and its `needs`: only places differ."""
    tables = made.tables.moved(gone)
    start_up, packed, jumps = _planned(program, needs, tables, options)
    return replace(made, tables=tables, start_up=start_up, packed=packed, jumps=jumps)


def _loader_sections(
    program: ProgramColumns,
    dynamic: DynamicPlan | None,
    groups: dict[str, DynamicRelocs],
    packed: DynamicRelocs,
    textrel: bool,
    options: LinkOptions,
) -> list[NewSection]:
    sizes = {name: len(rows) * file_class(options.xlen).rela for name, rows in groups.items()}
    contents: dict[str, bytes] = {}
    if len(packed):
        sizes[relative_table.NAME] = relative_table.ENTRY  # `relative_table.settle` gives its final size
    if dynamic is not None:
        contents |= dynamic.sections
        contents[".dynstr"] = dynamic.strings
        if not options.shared and not options.static and options.dynamic_linker:
            contents[".interp"] = options.dynamic_linker.encode("utf-8", "surrogateescape") + b"\0"
        sizes |= {name: len(data) for name, data in contents.items()}
        sizes[".dynsym"] = dynamic.count * file_class(options.xlen).sym
        entries = dynamic_entries(
            program,
            None,
            None,
            dynamic,
            _relative_count(groups.get(COMBINED)),
            textrel,
            options,
            _present(program, sizes),
        )
        sizes[".dynamic"] = len(entries)
    return new_sections(sizes, contents, options)


def _relative_count(rows: DynamicRelocs | None) -> int:
    """DT_RELACOUNT: only a sorted table begins with the relocations that it counts."""
    return 0 if rows is None else int((rows.type == R.RELATIVE).sum())


def _present(program: ProgramColumns, sizes: dict[str, int]) -> set[str]:
    """Names of the output sections that .dynamic may refer to."""
    from ..output_names import output_name

    sections = program.sections
    names = {
        output_name(sections.name[sid])
        for sid in np.flatnonzero(sections.live & sections.alloc & (sections.size > 0)).tolist()
    }
    return names | {name for name, size in sizes.items() if size}


def fill(
    program: ProgramColumns,
    layout: ImageLayout,
    needs: Needs,
    made: LinkerSections,
    known: Addresses,
    options: LinkOptions,
) -> dict[int, bytes]:
    """The bytes of every linker-made section that needed addresses, by section number."""
    tables, sids = made.tables, made.sids
    records = file_class(options.xlen)
    plt, got_plt = int(layout.addr[tables.plt]), int(layout.addr[tables.got_plt])
    got = int(layout.addr[tables.got])
    out = {tables.got: got_bytes(program, layout, needs, tables, known, options)}
    count = int(program.sections.size[tables.plt]) // PLT_ENTRY - PLT_HEADER // PLT_ENTRY
    if count > 0:
        out[tables.plt] = plt_bytes(plt, got_plt, count, tables.word)
        out[tables.got_plt] = records.words(np.array([-1, 0, *[plt] * count], dtype=np.int64))
    iplt = int(layout.addr[tables.iplt])
    if program.sections.size[tables.iplt]:
        slots = (got + slot for _, slot in tables.ifunc_slot.values())
        out[tables.iplt] = b"".join(
            entry_bytes(iplt + i * PLT_ENTRY, slot, tables.word) for i, slot in enumerate(slots)
        )
    number = made.dynamic.number if made.dynamic else np.zeros(len(program.symbols), dtype=np.int64)
    groups = separate(made.start_up, program, tables, options) | {JUMPS: made.jumps}
    for name, rows in groups.items():
        if name in sids:
            out[sids[name]] = encode(rows, layout, known, number, options)
    if relative_table.NAME in sids:
        sid = sids[relative_table.NAME]
        table = relative_table.encode(made.packed, layout)
        out[sid] = relative_table.padded(table, int(program.sections.size[sid]))
    if made.dynamic is not None:
        out[sids[".dynsym"]] = dynsym_bytes(program, layout, known, made.dynamic, options)
        sizes = {name: int(program.sections.size[sid]) for name, sid in sids.items()}
        out[sids[".dynamic"]] = dynamic_entries(
            program, layout, known, made.dynamic, _relative_count(groups.get(COMBINED)), made.text_relocations, options,
            _present(program, sizes),
        )  # fmt: skip
    return out


def irelative_bounds(layout: ImageLayout, made: LinkerSections, options: LinkOptions) -> tuple[int, int]:
    """The relocations that the start-up code of a static program applies: (`__rela_iplt_start`, `__rela_iplt_end`)."""
    if not options.static or options.pic or ".rela.plt" not in made.sids:
        return 0, 0
    return layout.start(".rela.plt"), layout.start(".rela.plt") + layout.size(".rela.plt")


def section_infos(made: LinkerSections) -> dict[str, int]:
    """sh_info of the loader's sections: local symbols of .dynsym, records of .gnu.version_d and _r."""
    if made.dynamic is None:
        return {}
    counts = {".gnu.version_d": made.dynamic.verdef_count, ".gnu.version_r": made.dynamic.verneed_count}
    return {".dynsym": 1} | counts


def write_search_table(image: bytearray, layout: ImageLayout, made: LinkerSections) -> None:
    """Fill .eh_frame_hdr from the relocated .eh_frame in `image`."""
    if ".eh_frame_hdr" not in made.sids:
        return
    header, frame = layout.by_name[".eh_frame_hdr"], layout.by_name[".eh_frame"]
    table = search_table(bytes(image[frame.offset : frame.offset + frame.size]), frame.addr, header.addr)
    image[header.offset : header.offset + len(table)] = table


def build_id_note(kind: str) -> bytes:
    """The note, with the identifier still zero when it is to be computed."""
    identifier = bytes.fromhex(kind[2:]) if kind.startswith("0x") else bytes(_digest(kind).digest_size)
    return pack_note(_NOTE_OWNER, NT_GNU_BUILD_ID, identifier)


def write_build_id(image: bytes, layout: ImageLayout, options: LinkOptions) -> bytes:
    """Put the hash of the finished file (with zeros in its place) into the note."""
    if options.build_id == "none" or options.build_id.startswith("0x"):
        return image
    return with_digest(image, layout.by_name[BUILD_ID].offset, options)


def with_digest(image: bytes, note: int, options: LinkOptions) -> bytes:
    """The file with the hash of itself in the note at offset `note`, unless the identifier was given."""
    if options.build_id.startswith("0x"):
        return image
    at = note + NHDR_SIZE + len(_NOTE_OWNER) + 1
    digest = _digest(options.build_id)
    digest.update(image)
    return image[:at] + digest.digest() + image[at + digest.digest_size :]


def _digest(kind: str) -> hashlib._Hash:
    """The hash function of --build-id."""
    import hashlib  # slow to import

    return hashlib.md5(usedforsecurity=False) if kind == "md5" else hashlib.sha1(usedforsecurity=False)
