"""ELF's records are packed and unpacked in toyvm/elf alone: no other module has the layout of one."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from tests.support.harness import ROOT

PACKAGE = ROOT / "toyvm"
FUNCTIONS = {"Struct", "pack", "pack_into", "unpack", "unpack_from", "iter_unpack", "calcsize"}


def layouts(source: str) -> Iterator[tuple[int, str]]:
    """(line, format) of every literal format that a call in `source` gives to `struct`, repetitions written out."""
    for node in ast.walk(ast.parse(source)):
        if not isinstance(node, ast.Call) or not node.args:
            continue
        name = node.func.attr if isinstance(node.func, ast.Attribute) else getattr(node.func, "id", "")
        first = node.args[0]
        if name in FUNCTIONS and isinstance(first, ast.Constant) and isinstance(first.value, str):
            text = first.value.lstrip("<>=@! ")
            yield node.lineno, re.sub(r"(\d+)([a-zA-Z])", lambda m: int(m[1]) * m[2], text)


def found_in(folder: Path) -> dict[str, str]:
    """Format -> the place where it is, for all modules in `folder`; only formats with fields of different kinds.

    "<4I" and its like are rows of words, which a PLT entry is as much as the head of a hash table.
    """
    return {
        text: f"{path.relative_to(ROOT)}:{line}"
        for path in sorted(folder.rglob("*.py"))
        for line, text in layouts(path.read_text())
        if len(set(text)) > 1
    }


def test_no_other_module_has_the_layout_of_an_elf_record() -> None:
    ours = found_in(PACKAGE / "elf")
    assert {"IBBHQQ", "QQq", "qQ", "IIQQQQIIQQ", "IIQQQQQQ", "HHHHIII"} <= set(ours)
    others = [
        folder for folder in PACKAGE.iterdir() if folder.is_dir() and folder.name not in ("elf", "_data")
    ]
    strangers = {text: place for folder in others for text, place in found_in(folder).items() if text in ours}
    assert not strangers


def test_a_layout_is_found_however_it_is_written() -> None:
    source = 'struct.unpack_from("<QQq", data, 8)\nS = Struct("<I2BH2Q")\nstruct.pack(f"<{n}I", *words)\n'
    assert list(layouts(source)) == [(1, "QQq"), (2, "IBBHQQ")]
