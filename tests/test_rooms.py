"""docs/design/README.md is the table of rooms: every module, what each room imports, and the layers of the import contract."""

from __future__ import annotations

import os
import re
import textwrap
import tomllib

import grimp

from tests.support.harness import ROOT

PAGE = ROOT / "docs/design/README.md"


def rooms() -> dict[str, str]:
    """The text of each room's section, by its package: `toyvm.kernel.mm`."""
    parts = re.split(r"^### `(toyvm/[\w/]*)`$", PAGE.read_text(), flags=re.M)[1:]
    return {
        folder.rstrip("/").replace("/", "."): text
        for folder, text in zip(parts[::2], parts[1::2], strict=True)
    }


def modules() -> set[str]:
    """Every module of toyvm that is no package."""
    paths = (path.relative_to(ROOT).with_suffix("") for path in (ROOT / "toyvm").rglob("*.py"))
    return {".".join(path.parts) for path in paths if path.name != "__init__"}


def test_every_module_has_its_place() -> None:
    """And no name is left of a module that is gone."""
    named = {
        f"{room}.{name}"
        for room, text in rooms().items()
        for name in re.findall(r"^\| `(\w+)` \| \S", text, re.M)
    }
    assert named == modules()


def imported() -> dict[str, set[str]]:
    """What each room imports of other rooms, for type checking and inside functions too. Modules at the top of toyvm
    are named by themselves."""
    graph = grimp.build_graph("toyvm", cache_dir=None)
    packages = set(rooms())
    found: dict[str, set[str]] = {room: set() for room in packages}
    for module in graph.modules:
        here = module if module in packages else module.rpartition(".")[0]
        for other in graph.find_modules_directly_imported_by(module):
            there = other if other in packages else other.rpartition(".")[0]
            if there != here and here:
                name = other if there == "toyvm" else there
                found[here].add(name.removeprefix("toyvm.").replace(".", "/"))
    return found


def test_each_room_says_what_it_imports() -> None:
    """`TOYVM_UPDATE_ROOMS=1` writes these lines again."""
    found = imported()
    if os.environ.get("TOYVM_UPDATE_ROOMS"):
        write_imports(found)
    said = {room: re.findall(r"^Imports (.*?)\.$", text, re.M | re.S) for room, text in rooms().items()}
    named = {room: set(re.findall(r"`([\w/]+)`", " ".join(lines))) for room, lines in said.items()}
    assert named == found


def write_imports(found: dict[str, set[str]]) -> None:
    """The page, with its lines on imports as they must be: lower layers first."""
    layers = [name for names in reversed(contract_layers()) for name in names]
    text = PAGE.read_text()
    for room, names in found.items():
        ordered = sorted(
            names, key=lambda name: ([*layers, name.split("/")[0]].index(name.split("/")[0]), name)
        )
        line = "Imports " + (", ".join(f"`{name}`" for name in ordered) or "nothing") + "."
        folder = re.escape(room.replace(".", "/"))
        text = re.sub(
            rf"(^### `{folder}/`$.*?^)Imports .*?\.$",
            lambda match, line=line: match[1] + textwrap.fill(line, 100, break_on_hyphens=False),
            text,
            count=1,
            flags=re.M | re.S,
        )
    PAGE.write_text(text)


def contract_layers() -> list[list[str]]:
    """The layers of toyvm from top to bottom, as import-linter holds them."""
    contracts = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["importlinter"]["contracts"]
    (layers,) = [c["layers"] for c in contracts if c["name"].startswith("toyvm: ")]
    return [re.findall(r"toyvm\.(\w+)", layer) for layer in layers]


def test_the_layers_are_those_of_the_contract() -> None:
    numbered = re.findall(r"^\d+\. (`.*)$", PAGE.read_text(), re.M)
    assert [re.findall(r"`(\w+)`", line) for line in numbered] == contract_layers()
