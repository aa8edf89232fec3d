"""The relocations that `ld` leaves to the loader, with their sections, types and symbols, compared with GNU ld's."""

import re
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.support.oracles import GNU_AS, GNU_LD, READELF, require_oracle

pytestmark = pytest.mark.oracle
# Each way to refer to a function: by itself, and together.
REFERENCES = {
    "call": "call fn@plt",
    "address": "1: auipc a1, %pcrel_hi(fn)\naddi a1, a1, %pcrel_lo(1b)",
    "got": "2: auipc a2, %got_pcrel_hi(fn)\nld a2, %pcrel_lo(2b)(a2)",
    "word": ".data\n.dword fn\n.text",
    "absolute": "lui a3, %hi(fn)\naddi a3, a3, %lo(fn)",
}
RESOLVED = ".globl fn\n.type fn, %gnu_indirect_function\n.set fn, resolver\n"
HIDDEN = RESOLVED + ".hidden fn\n"
LOCAL = ".type fn, %gnu_indirect_function\n.set fn, resolver\n"
DATA = '.globl datum\n.data\ndatum: .dword datum, datum+8, resolver, absent\n.section .init_array, "aw"\n.dword resolver\n.text\n'
OUTPUTS = {"exe": ["-no-pie"], "pie": ["-pie"], "shared": ["-shared"]}


@pytest.fixture(scope="module")
def sources(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str, str], Path]:
    """Assembles a source once. Takes its name, which ends with 32 for RV32, and its text."""
    folder = tmp_path_factory.mktemp("objects")

    def assemble(name: str, text: str) -> Path:
        bits = "32" if name.endswith("32") else "64"
        path = folder / f"{name}.o"
        if not path.exists():
            code = f".text\n.type resolver, @function\nresolver: ret\n{text}\n"
            if bits == "32":
                code = code.replace("ld a", "lw a").replace(".dword", ".word")
            command = [
                GNU_AS,
                f"-march=rv{bits}g",
                f"-mabi={'ilp32d' if bits == '32' else 'lp64d'}",
                "-o",
                str(path),
            ]
            subprocess.run(command, input=code, text=True, check=True)
        return path

    return assemble


def relocations(path: Path) -> list[tuple[str, str, str]]:
    """(section, type, symbol and addend) of each relocation, but for the addends that are addresses."""
    text = subprocess.run([READELF, "-rW", str(path)], check=True, capture_output=True, text=True).stdout
    found, section = [], ""
    for line in text.splitlines():
        if title := re.match(r"Relocation section '(.*?)'", line):
            section = title[1]
        elif row := re.match(r"[0-9a-f]+ +[0-9a-f]+ (R_\w+) *(.*)", line):
            words = row[2].split()
            found.append((section, row[1], " ".join(words[1:]) if len(words) > 1 else ""))
    return sorted(found)


def compare(objects: list[Path], options: list[str], tmp_path: Path) -> None:
    mine, other = tmp_path / "mine", tmp_path / "other"
    words = [*options, "-e", "0", *map(str, objects)]
    subprocess.run([GNU_LD, *words, "-o", str(other)], check=True)
    subprocess.run([sys.executable, "-m", "toyvm", "ld", *words, "-o", str(mine)], check=True)
    assert relocations(mine) == relocations(other)


@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize(
    "references", [*REFERENCES, "call got", "call word", "address got word", "got word", "absolute got"]
)
def test_a_function_that_a_resolver_chooses(
    references: str, output: str, sources: Callable[[str, str], Path], tmp_path: Path
) -> None:
    require_oracle(GNU_AS, GNU_LD, READELF)
    if "absolute" in references and output != "exe":
        return  # refused by both
    code = "\n".join(REFERENCES[name] for name in references.split())
    made = sources(references.replace(" ", "-"), RESOLVED + code)
    compare([made], [*OUTPUTS[output], "-z", "nocombreloc"], tmp_path)


@pytest.mark.parametrize("combined", ["combreloc", "nocombreloc"])
@pytest.mark.parametrize(("kind", "head"), [("hidden", HIDDEN), ("local", LOCAL), ("data", DATA)])
def test_sections_of_relocations(
    kind: str, head: str, combined: str, sources: Callable[[str, str], Path], tmp_path: Path
) -> None:
    require_oracle(GNU_AS, GNU_LD, READELF)
    code = (
        DATA + "call absent@plt" if kind == "data" else head + REFERENCES["got"] + "\n" + REFERENCES["word"]
    )
    compare([sources(kind, code)], ["-shared", "-z", combined], tmp_path)


LIBRARY = """
    .globl variable, function, local_variable
    .type function, @function
function: ret
    .data
    .type variable, @object
    .size variable, 8
variable: .dword 5
    .section .tdata, "awT"
    .type local_variable, @object
local_variable: .dword 7
"""
USER = """
    .globl other
other: call function@plt
    1: auipc a1, %pcrel_hi(variable)
    ld a1, %pcrel_lo(1b)(a1)
    2: auipc a2, %got_pcrel_hi(function)
    ld a2, %pcrel_lo(2b)(a2)
    la.tls.ie a3, local_variable
    .data
    .dword other, function, 3
"""
DYNAMIC_THREADS = 'la.tls.gd a4, local_variable\nla.tls.gd a5, here\n.section .tdata, "awT"\n.type here, @object\nhere: .dword 1\n'


@pytest.mark.parametrize("output", OUTPUTS)
def test_32_bits(output: str, sources: Callable[[str, str], Path], tmp_path: Path) -> None:
    require_oracle(GNU_AS, GNU_LD, READELF)
    library, emulation = tmp_path / "library.so", ["-m", "elf32lriscv"]
    words = [*emulation, "-shared", "-o", str(library), str(sources("library32", LIBRARY))]
    subprocess.run([GNU_LD, *words], check=True)
    code = USER + ".text\n" + DYNAMIC_THREADS
    if output != "shared":  # what ld decides otherwise than GNU ld, whatever the class
        code = code.replace("other, function, 3", "other, 3").replace("la.tls.gd a5, here", "")
    if output != "exe":
        code = code.replace("pcrel_hi(variable)", "got_pcrel_hi(variable)")
    made = [sources(f"user{output == 'exe'}32", code), library]
    compare(made, [*emulation, *OUTPUTS[output]], tmp_path)
    chosen = sources("chosen32", RESOLVED + "\n".join(REFERENCES[n] for n in ("call", "got", "word")))
    compare([chosen], [*emulation, *OUTPUTS[output], "-z", "nocombreloc"], tmp_path)


@pytest.mark.parametrize("output", OUTPUTS)
def test_a_function_that_the_resolver_of_a_library_chooses(
    output: str, sources: Callable[[str, str], Path], tmp_path: Path
) -> None:
    """The reference to it is one to a function, so that nobody takes a PLT entry for a resolver."""
    require_oracle(GNU_AS, GNU_LD, READELF)
    library = tmp_path / "chosen.so"
    subprocess.run([GNU_LD, "-shared", "-o", str(library), str(sources("resolved", RESOLVED))], check=True)
    user = sources("caller", REFERENCES["call"] + "\n" + REFERENCES["got"])
    compare([user, library], OUTPUTS[output], tmp_path)
    table = subprocess.run(
        [READELF, "-W", "--dyn-syms", str(tmp_path / "mine")], check=True, capture_output=True, text=True
    ).stdout
    assert re.search(r" FUNC +GLOBAL DEFAULT +UND fn$", table, re.MULTILINE)
