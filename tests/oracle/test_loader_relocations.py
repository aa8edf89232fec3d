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
    """Assembles a source once. Takes its name and its text."""
    folder = tmp_path_factory.mktemp("objects")

    def assemble(name: str, text: str) -> Path:
        path = folder / f"{name}.o"
        if not path.exists():
            code = f".text\n.type resolver, @function\nresolver: ret\n{text}\n"
            command = [GNU_AS, "-march=rv64g", "-o", str(path)]
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
