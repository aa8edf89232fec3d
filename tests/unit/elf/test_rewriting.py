"""objcopy's model without GNU's tools: what relocations need stays, loaded bytes keep their places, damage is named."""

from __future__ import annotations

import zlib
from pathlib import Path

import pytest

from tests.support.elf_samples import CODE, everything, objects, program, relocs, symbol_table
from toyvm.base.errors import ElfError, ToyvmError
from toyvm.cli import guarded
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.headers import Ehdr, Phdr
from toyvm.elf.object_file import NULL_SECTION, ObjectFile, Section
from toyvm.elf.object_reader import read_object
from toyvm.elf.object_writer import write_object
from toyvm.elf.rewriting.changes import NameSet, no_changes, number
from toyvm.elf.rewriting.elf_output import write_image
from toyvm.elf.rewriting.flat_formats import FlatOptions, read_flat, write_flat
from toyvm.elf.rewriting.model import Part, new_image, read_image
from toyvm.elf.rewriting.rewrite import rewrite, strip

DATA = write_object(everything())


@pytest.mark.parametrize("name", objects())
def test_a_copy_without_changes_is_the_same_file(name: str) -> None:
    before = objects()[name]
    after = write_image(read_image(before, "a.o"))
    # The order of names in .shstrtab is BFD's, which for groups is not that of GNU as.
    assert len(after) == len(before) and write_object(read_object(after, "a.o")) == before


def test_unneeded_symbols_go_and_the_ones_of_relocations_and_groups_stay() -> None:
    changes = no_changes()
    changes.strip = "unneeded"
    image = read_image(DATA, "a.o")
    rewrite(image, changes)
    stripped = read_object(write_image(image), "a.o")
    # Global symbols of an object may be needed by another one.
    assert stripped.symbols.names == ["", ".L1", "once", "main", "printf", "buffer"]
    assert [stripped.symbols.names[number] for number in stripped.sections[1].relocs["r_sym"]] == [
        "printf",
        "",
        ".L1",
    ]
    assert stripped.groups[0].signature == 2


def test_stripping_debugging_information_keeps_symbols() -> None:
    debug = Section(".debug_line", data=bytes(8), relocs=relocs((0, 2, 1, 0)))
    text = Section(".text", 1, c.SHF_ALLOC | c.SHF_EXECINSTR, 4, data=CODE)
    symbols = symbol_table(
        [(".Lrow", 0, 0, 2, 0, 0), ("", 0, c.STT_SECTION, 1, 0, 0), ("main", 1, 2, 2, 0, 20)]
    )
    made = write_object(ObjectFile("d.o", (NULL_SECTION, debug, text), symbols))
    stripped = read_object(strip(made, "d.o", debug_only=True), "d.o")
    assert [section.name for section in stripped.sections] == ["", ".text"]
    assert stripped.symbols.names == ["", ".Lrow", "main"]
    assert stripped.symbols.array["st_shndx"].tolist() == [0, 1, 1]


def test_a_removed_section_of_a_segment_leaves_zeros_at_its_place() -> None:
    changes = no_changes()
    changes.remove.add([".text"])
    before = program()
    text = ElfFile.parse(before, "p").section(".text")
    image = read_image(before, "p")
    rewrite(image, changes)
    after = write_image(image)
    found = ElfFile.parse(after, "p")
    assert text is not None and found.section(".text") is None
    loads = [phdr for phdr in found.segments if phdr.type == c.PT_LOAD]
    assert loads == [phdr for phdr in ElfFile.parse(before, "p").segments if phdr.type == c.PT_LOAD]
    assert not any(found.contents(text)) and text.header.size


def test_segments_without_sections_keep_their_bytes() -> None:
    """A core file: no sections, and notes in no PT_LOAD."""
    at = c.EHDR_SIZE + 2 * c.PHDR_SIZE
    header = Ehdr(c.ET_CORE, phoff=c.EHDR_SIZE, phentsize=c.PHDR_SIZE, phnum=2)
    phdrs = Phdr(c.PT_LOAD, c.PF_R, at, 0x1000, 0x1000, 8, 8, 1), Phdr(c.PT_NOTE, 0, at + 8, 0, 0, 8, 0, 1)
    core = header.pack() + b"".join(phdr.pack() for phdr in phdrs) + b"contents" + b"a note.."
    assert write_image(read_image(core, "core")) == core


def test_a_loaded_section_cannot_grow() -> None:
    changes = no_changes()
    changes.update = [(".text", bytes(1 << 16))]
    image = read_image(program(), "p")
    rewrite(image, changes)
    with pytest.raises(ElfError, match=r"p: section \.text: 65536 bytes do not fit in the \d+ bytes"):
        write_image(image)


def test_symbols_in_files_that_are_malformed() -> None:
    elf = ElfFile.parse(DATA, "a.o")
    group = elf.section(".group")
    assert group is not None
    with pytest.raises(ElfError, match=r"bad\.o: section \.group: member 200, which does not exist"):
        read_image(DATA[: group.header.offset + 4] + b"\xc8" + DATA[group.header.offset + 5 :], "bad.o")


def test_patterns() -> None:
    names = NameSet(patterns=True)
    names.add([".debug*", "!.debug_line", ".text"])
    assert ".debug_info" in names and ".text" in names
    assert ".debug_line" not in names and ".text.x" not in names


@pytest.mark.parametrize(("text", "value"), [("0x1F", 31), ("017", 15), ("-4", -4), ("+8", 8), ("0", 0)])
def test_numbers(text: str, value: int) -> None:
    assert number(text, "-b") == value


@pytest.mark.parametrize("text", ["", "x", "0x", "08", "1_0", "--4", "٣"])
def test_what_is_no_number(text: str) -> None:
    with pytest.raises(ToyvmError, match="-b: bad number"):
        number(text, "-b")


@pytest.mark.parametrize(
    ("format", "text", "words"),
    [
        ("srec", "S10401", "f:1: byte count 4 does not fit"),
        ("srec", "S1040102FFF0", "f:1: bad checksum"),
        ("srec", "\nS4", "f:2: unexpected character 'S4'"),
        ("srec", "S1zz", "f:1: unexpected character 'z'"),
        ("ihex", ":0000", "f:1: byte count does not fit"),
        ("ihex", ":0000000100", "f:1: bad checksum"),
        ("ihex", ":00000009F7", "f:1: unrecognized ihex type 9"),
        ("ihex", ":0100000400FB", "f:1: bad length 1 of a record of type 4"),
    ],
)
def test_malformed_records(format: str, text: str, words: str) -> None:
    with pytest.raises(ElfError) as caught:
        read_flat(text.encode(), format, "f")
    assert str(caught.value).startswith(words)


@pytest.mark.parametrize("format", ["srec", "ihex", "binary"])
def test_addresses_that_a_format_cannot_hold(format: str) -> None:
    image = new_image("a")
    for address in (0, 1 << 40):
        part = Part(".x", b"x", flags=c.SHF_ALLOC)
        part.lma = address
        image.parts.append(part)
    with pytest.raises(ElfError, match=r"^a: "):
        write_flat(image, format, "out", FlatOptions())


def test_nothing_is_written_after_an_error(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "a.o").write_bytes(DATA)
    assert guarded("objcopy", ["--dump-section", ".text=text", "--strip-symbol", "printf", "a.o", "out"]) == 1
    assert [path.name for path in tmp_path.iterdir()] == ["a.o"]
    assert (tmp_path / "a.o").read_bytes() == DATA
    assert guarded("objcopy", ["--dump-section", ".text=text", "a.o"]) == 0
    assert (tmp_path / "text").read_bytes() == CODE


def test_the_debug_link_has_the_name_and_the_checksum(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "p").write_bytes(program())
    (tmp_path / "p.debug").write_bytes(b"anything")
    assert guarded("objcopy", ["--add-gnu-debuglink=p.debug", "p"]) == 0
    elf = ElfFile.parse((tmp_path / "p").read_bytes(), "p")
    link = elf.section(".gnu_debuglink")
    assert link is not None
    assert elf.contents(link) == b"p.debug\0" + zlib.crc32(b"anything").to_bytes(4, "little")
