"""Explanations of sections and addresses agree with the image, and every chain of --gc-sections is one."""

from __future__ import annotations

from functools import cache

import pytest

from tests.support.harness import ASM
from toyvm.base.errors import NotFoundError, UsageError
from toyvm.build import assemble_file, build_program, guest_libraries
from toyvm.elf.elf_file import ElfFile
from toyvm.explain.address_explanations import explain_address, parse_address
from toyvm.explain.section_explanations import SectionExplainer
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.link_result import LinkResult


@cache
def collected(linkage: str) -> LinkResult:
    """hello.s with --gc-sections."""
    libraries = guest_libraries()
    inputs = [
        Input(path=str(libraries.start_object)),
        Input(object=assemble_file(ASM / "hello.s")),
        Input(library="c"),
    ]
    options = LinkOptions(
        static=linkage == "static",
        library_path=(str(libraries.path),),
        gc_sections=True,
        keep_history=True,
    )
    return link(inputs, options)


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_chains_reach_what_is_kept(linkage: str) -> None:
    """Each step refers to the next by a relocation, and sections without a chain are those that are gone."""
    explainer = SectionExplainer(collected(linkage))
    read = explainer.index.read
    number_of = {
        (explainer.index.object_name(s), read.sections.name[s]): s for s in range(len(read.sections))
    }
    kept = 0
    for sid in range(len(read.sections)):
        if (
            not read.sections.alloc[sid]
            or not read.sections.live[sid]
            or read.sections.name[sid] == ".eh_frame"
        ):
            continue
        found = explainer.input_section(sid)
        assert found.kept == bool(found.chain), found
        kept += found.kept
        for before, after in zip(found.chain, found.chain[1:], strict=False):
            here, there = (number_of[step.object, step.section] for step in (before, after))
            rows = explainer.index.read.relocs.sid == here
            targets = read.symbols.sid[read.relocs.sym[rows]]
            assert after.why.startswith("refers to ") and there in targets
    assert kept >= 3


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_addresses_of_all_parts(linkage: str) -> None:
    """Parts of output sections are where the arithmetic says, and each byte is at its place in the file."""
    result = build_program([ASM / "shm_talk.s"], linkage=linkage, keep_history=True).link
    elf = ElfFile.parse(result.image, "shm_talk")
    explainer = SectionExplainer(result)
    for output in result.layout.outputs:
        whole = explainer.output_section(output)
        assert f"{output.addr:#x}" in whole.arithmetic[-1] or not whole.segment
        end = output.addr
        for part in whole.parts:
            assert part.address == end + part.padding
            end = part.address + part.size
            if not whole.segment or output.is_tbss:
                continue
            found = explain_address(elf, part.address, result)
            assert found.section == output.name
            assert found.place == f"{part.name}+0x0"
            assert found.object == part.object.replace("(linker)", "(made by the linker)")
            if found.file_offset >= 0:
                assert found.data == result.image[found.file_offset : found.file_offset + len(found.data)]
        assert end <= output.end


def test_an_address_in_words() -> None:
    """Symbol, line and instruction of `main`, from the sources and from the file alone."""
    result = build_program([ASM / "hello.s"], keep_history=True).link
    elf = ElfFile.parse(result.image, "hello")
    address = parse_address("main+0xc", elf)
    found = explain_address(elf, address, result)
    assert (found.symbol, found.place, found.page) == ("main+0xc", ".text+0xc", address >> 12)
    assert found.source.endswith("hello.s:19") and found.instruction.startswith("auipc")
    assert "CALL_PLT" in found.relocations[0]
    alone = explain_address(elf, address)
    assert alone.object == "" and alone.source == found.source
    with pytest.raises(NotFoundError, match="did you mean 'main'"):
        parse_address("mian", elf)
    with pytest.raises(NotFoundError, match="is in no segment; below is LOAD"):
        explain_address(elf, 0x9000000)
    with pytest.raises(UsageError, match="64 bits"):
        parse_address("-1", elf)


def test_sections_that_are_not_there() -> None:
    explainer = SectionExplainer(collected("static"))
    with pytest.raises(NotFoundError, match=r"did you mean '\.rodata'"):
        explainer.find(".rodat")
