"""What `explain reloc` shows is enough to compute the bytes of every relocation: issue 16, "Done when" 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.harness import ASM, ROOT
from tests.support.relocation_evaluator import check
from toyvm.build import assemble_file, build_program, directives_of, guest_libraries
from toyvm.explain.relocations.relocation_explanations import explain_relocations
from toyvm.explain.values import tree
from toyvm.linker.link import link
from toyvm.linker.link_options import Input, LinkOptions
from toyvm.linker.link_result import LinkResult

SAMPLES = sorted(ASM.glob("*.s"))


def checked(result: LinkResult) -> int:
    """Check all relocations of a link; their number."""
    explained = [tree(each) for each in explain_relocations(result, texts=False)]
    assert len(explained) == len(result.history.read.relocs if result.history else ())
    return check(result, explained)


@pytest.mark.parametrize("path", SAMPLES, ids=lambda path: path.stem)
def test_bytes_of_samples(path: Path) -> None:
    """Both linkages of every sample, with the libraries that it needs; one of them relaxed."""
    for linkage in directives_of(path).linkages:
        relax = (linkage == "static") != (SAMPLES.index(path) % 2 == 0)
        assert checked(build_program([path], linkage=linkage, relax=relax, keep_history=True).link)


@pytest.mark.parametrize("name", sorted(path.name for path in (ROOT / "libs").iterdir() if path.is_dir()))
def test_bytes_of_libraries(name: str) -> None:
    """The guest libraries as shared objects."""
    sources = sorted(p for p in (ROOT / "libs" / name).glob("*.s") if p.stem != "crt1")
    if not sources:
        return
    inputs = [Input(object=assemble_file(path, debug_lines=False)) for path in sources]
    libraries = (str(guest_libraries().path),)
    options = LinkOptions(kind="shared", soname="x.so", library_path=libraries, keep_history=True)
    inputs += [Input(library="c", as_needed=True)]
    assert checked(link(inputs, options))


@pytest.mark.parametrize("spoilt", ["operand", "formula", "piece", "bias", "place", "missing"])
def test_a_wrong_explanation_is_noticed(spoilt: str) -> None:
    """The check fails if a single number of a single explanation is other."""
    link = build_program([ASM / "hello.s"], keep_history=True).link
    explained = [tree(each) for each in explain_relocations(link, texts=False)]
    check(link, explained)
    victim = next(
        e["applied"] for e in explained if e["applied"] and e["applied"]["name"] == "R_RISCV_CALL_PLT"
    )
    match spoilt:
        case "operand":
            victim["operands"][0]["value"] += 2
        case "formula":
            victim["formula"] = "S + A"
        case "piece":
            victim["field"]["pieces"][1]["at"] -= 1
        case "bias":
            victim["operands"][0]["value"] += 0x800
            victim["field"]["pieces"][0]["bias"] = 0
        case "place":
            victim["file_offset"] += 8
        case "missing":
            victim["after"] = victim["before"]
    with pytest.raises(AssertionError):
        check(link, explained)
