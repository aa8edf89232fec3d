"""The rooms of the package and their doors: which modules import each other in circles, and what the caches depend on."""

from __future__ import annotations

import ast
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from toyvm.engines.llvm import translator

PACKAGE = ROOT / "toyvm"


def modules() -> dict[str, Path]:
    """Every module of the package by its dotted name."""
    found = {}
    for path in sorted(PACKAGE.rglob("*.py")):
        parts = path.relative_to(ROOT).with_suffix("").parts
        if "_data" not in parts:
            found[".".join(parts[:-1] if parts[-1] == "__init__" else parts)] = path
    return found


def imports(name: str, path: Path, known: dict[str, Path]) -> Iterator[str]:
    """The modules of the package that a module imports, wherever in its text."""
    package = name.split(".") if path.name == "__init__.py" else name.split(".")[:-1]
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names if alias.name in known)
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            whole = ".".join([*base, *(node.module.split(".") if node.module else [])])
            for alias in node.names:
                target = f"{whole}.{alias.name}"
                yield from (m for m in [target if target in known else whole] if m in known and m != name)


def components(graph: dict[str, set[str]]) -> list[frozenset[str]]:
    """The strongly connected components of more than one node (Tarjan 1972)."""
    index: dict[str, int] = {}
    low: dict[str, int] = {}
    stack: list[str] = []
    found: list[frozenset[str]] = []

    def visit(node: str) -> None:
        index[node] = low[node] = len(index)
        stack.append(node)
        for other in graph[node]:
            if other not in index:
                visit(other)
                low[node] = min(low[node], low[other])
            elif other in stack:
                low[node] = min(low[node], index[other])
        if low[node] == index[node]:
            group = stack[stack.index(node) :]
            del stack[stack.index(node) :]
            if len(group) > 1:
                found.append(frozenset(group))

    for node in graph:
        if node not in index:
            visit(node)
    return found


def test_components() -> None:
    graph = {"a": {"b"}, "b": {"c"}, "c": {"b", "d"}, "d": {"e"}, "e": {"d"}, "f": {"a", "f"}}
    assert set(components(graph)) == {frozenset("bc"), frozenset("de")}


def test_no_modules_import_each_other_in_a_circle() -> None:
    """Every import counts: under TYPE_CHECKING and inside functions too."""
    known = modules()
    found = components({name: set(imports(name, path, known)) for name, path in known.items()})
    assert [sorted(circle) for circle in found] == []


ROWS = """
from toyvm.engines.python import prepared_rows
version = prepared_rows.code_version()
prepared_rows.load(version)
"""
LIBRARIES = """
from toyvm.base.resources import libraries_version
from toyvm.build import guest_libraries
version = libraries_version()
guest_libraries()
"""
STUB = """
from toyvm.loader import stub
version = stub.code_version()
stub.build()
"""


@pytest.mark.parametrize(
    ("make", "apart"),
    [
        (ROWS, ()),
        (LIBRARIES, ()),
        (STUB, ("kernel", "machine", "run_options.py")),
    ],  # the loader stands on these; its code does not
    ids=["rows", "libraries", "stub"],
)
def test_a_caches_version_covers_every_module_that_makes_it(
    make: str, apart: tuple[str, ...], tmp_path: Path
) -> None:
    script = (
        make
        + """
import os, sys
files = {os.path.realpath(m.__file__) for n, m in sys.modules.items() if n.split(".")[0] == "toyvm"}
for file in sorted(files):
    if (file + " ").encode() not in version:
        print(file)
"""
    )
    environment = {**os.environ, "XDG_CACHE_HOME": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, env=environment, capture_output=True, text=True, check=True
    )
    paths = (Path(file).relative_to(PACKAGE) for file in done.stdout.split())
    outside = {str(path) for path in paths if path.parts[0] not in apart}
    assert outside <= {"__init__.py"}  # the package itself holds names alone


def test_the_version_of_translations_covers_every_module_that_prints_them() -> None:
    known = modules()
    seen: set[str] = set()
    todo = ["toyvm.engines.llvm.translator"]
    while todo:
        name = todo.pop()
        if name not in seen:
            seen.add(name)
            todo += imports(name, known[name], known)
    version = translator.version()
    outside = {name for name in seen if f"{known[name]} ".encode() not in version}
    assert outside == set()
    assert {"toyvm.engines.llvm.emit.region_printer", "toyvm.isa.semantics", "toyvm.base.bits"} <= seen


# Packages inside which a name means one thing.
NAMED_ONCE = ("base", "cli", "engines", "machine", "observe")


@pytest.mark.parametrize("package", NAMED_ONCE)
def test_no_module_and_no_class_name_occurs_twice_inside_a_package(package: str) -> None:
    names: list[str] = []
    for path in sorted((PACKAGE / package).rglob("*.py")):
        if path.stem != "__init__":
            names.append(f"module {path.stem}")
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ClassDef):
                names.append(f"class {node.name.lstrip('_')}")
    assert {name for name in names if names.count(name) > 1} == set()
