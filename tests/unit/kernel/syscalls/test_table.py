"""The table of system calls: every row names a function that is there, with Linux's number, and says how strace shows it."""

from __future__ import annotations

import ast
import errno
import inspect
import re
from functools import cache
from pathlib import Path

import pytest

from tests.support.oracles import do_without
from toyvm.kernel.syscalls import table
from toyvm.kernel.syscalls.table import NEEDS_MMU, PRIVATE, SYSTEM_CALLS, find
from toyvm.kernel.syscalls.tracing.argument_names import SHAPES as NAMED_SHAPES
from toyvm.kernel.syscalls.tracing.linux_names import NAMES, shapes_of
from toyvm.kernel.syscalls.tracing.strace_events import EVENT_SHAPES

UNISTD = Path("/usr/riscv64-linux-gnu/include/asm-generic/unistd.h")
LAST_KNOWN = 450  # the last call that the headers of Debian 12 have
ROOM = Path(table.__file__).parent
PUBLIC = [number for number, row in SYSTEM_CALLS.items() if PRIVATE not in row]
# Man pages that have the name of the C function, where the call's own name differs.
PAGES = {
    "pread64": "pread", "pwrite64": "pwrite", "fadvise64": "posix_fadvise", "newfstatat": "fstatat",
    "exit": "_exit", "prlimit64": "prlimit",
}  # fmt: skip
CAUGHT = {"clone": {"EFAULT"}}  # what a function raises inside and does not return
SHAPES = {
    "int", "uint", "hex", "ptr", "path", "bytes", "fd", "at", "oflags", "fdflags", "mode", "prot", "mmap", "signal",
    "strings", "filled", "fdpair", *EVENT_SHAPES, *NAMED_SHAPES,
}  # fmt: skip


@pytest.mark.parametrize("number", SYSTEM_CALLS)
def test_a_row_names_a_function_with_as_many_parameters_as_strace_shows(number: int) -> None:
    name, _, shapes, *options = SYSTEM_CALLS[number]
    entry = find(number)
    assert entry is not None
    parameters = list(inspect.signature(entry.function).parameters)
    assert parameters[:2] == ["kernel", "process"]
    assert entry.arity == len(parameters) - 2 == len(entry.shapes) == len(shapes.split())
    assert set(entry.shapes) <= SHAPES
    assert entry.shapes[-1:] not in (("bytes",), ("filled",))  # the length comes next
    assert set(options) <= {NEEDS_MMU, PRIVATE}
    assert (entry.number, entry.name) == (number, name)
    assert find(number) is entry


def test_the_numbers_rise_and_the_names_are_told_apart() -> None:
    assert list(SYSTEM_CALLS) == sorted(SYSTEM_CALLS)
    assert len({row[0] for row in SYSTEM_CALLS.values()}) == len(SYSTEM_CALLS)
    assert find(-1) is None


@pytest.mark.oracle
def test_the_numbers_are_those_of_linux() -> None:
    if not UNISTD.exists():
        do_without("no headers of Linux for riscv64")
    text = UNISTD.read_text()
    defined = {m[1]: int(m[2]) for m in re.finditer(r"#define __NR3264_(\w+) (\d+)", text)}
    defined |= {m[1]: int(m[2]) for m in re.finditer(r"#define __NR_(\w+) +(\d+)", text)}
    defined.setdefault("fchmodat2", 452)  # newer than some headers
    defined.setdefault("riscv_flush_icache", 259)  # in a header of its own
    defined.setdefault("riscv_hwprobe", 258)  # in the same
    defined["newfstatat"] = defined["fstatat"]  # its name on 64-bit machines
    names = {row: number for number in PUBLIC for row in SYSTEM_CALLS[number][:1]}
    assert names == {name: defined[name] for name in names}
    absent = {name: number for number, name in NAMES.items()}
    missing = {name: number for name, number in absent.items() if defined.get(name) != number}
    assert not [name for name, number in missing.items() if number <= LAST_KNOWN]


def test_every_number_of_linux_6_12_has_a_name() -> None:
    """Also those of calls that toyvm does not have. 38 and 163 ... are gaps of Linux's own."""
    gaps = {38, *range(244, 258), 259 + 0, 263, *range(295, 403), 415} - {258, 259}
    assert {number for number in range(463) if number not in SYSTEM_CALLS and number not in NAMES} <= gaps
    assert max(NAMES) == 462


@pytest.mark.parametrize("number", NAMES)
def test_the_arguments_of_an_absent_call_are_known(number: int) -> None:
    shapes = shapes_of(number)
    assert set(shapes) <= SHAPES and len(shapes) <= 6
    if not NAMES[number].endswith("64"):  # those of 32-bit machines
        assert shapes != ("hex",) * 6


def test_a_call_is_named_once() -> None:
    """In its row, or among those that toyvm does not have."""
    assert not NAMES.keys() & SYSTEM_CALLS.keys()


@pytest.mark.parametrize("number", PUBLIC)
def test_a_call_says_its_man_page_and_its_errors(number: int) -> None:
    entry = find(number)
    assert entry is not None
    text = inspect.getdoc(entry.function)
    assert text is not None
    assert f"{PAGES.get(entry.name, entry.name)}(2)" in text.partition(": ")[0]
    errors = re.search(r"^Errors: (.+?)\.$", text, re.DOTALL | re.MULTILINE)
    assert (errors is not None) != ("It cannot fail." in text)
    if errors is not None:
        assert all(hasattr(errno, name) for name in re.findall(r"\bE[A-Z0-9]{2,}\b", errors[1]))


Found = tuple[Path, ast.FunctionDef]


@cache
def _functions() -> dict[str, list[Found]]:
    """The functions of this room and the rooms in it, by name."""
    found: dict[str, list[Found]] = {}
    for path in sorted(ROOM.rglob("*.py")):
        for node in ast.parse(path.read_text()).body:
            if isinstance(node, ast.FunctionDef):
                found.setdefault(node.name, []).append((path, node))
    return found


def _function(name: str, path: Path) -> Found | None:
    """The function that a name means in a module: its own one, else the only other one of that name."""
    candidates = _functions().get(name, [])
    own = [found for found in candidates if found[0] == path]
    return next(iter(own or candidates), None)


def _raised(name: str, path: Path, seen: set[Found]) -> set[str]:
    """The errors that a function of this room raises by name, and those that it calls."""
    function = _function(name, path)
    if function is None or function in seen:
        return set()
    seen.add(function)
    path, tree = function
    found: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
            if node.func.id == "error":
                found |= set(re.findall(r"errno\.(E\w+)", ast.unparse(node)))
            found |= _raised(node.func.id, path, seen)
        elif isinstance(node, ast.Attribute) and node.attr in ("read_int", "write_int", "write", "read"):
            owner = node.value
            if isinstance(owner, ast.Attribute) and owner.attr == "mm":
                found.add("EFAULT")
    return found


def _errors_of(name: str, path: Path) -> set[str]:
    """The errors in the docstring of a call, and those of the calls that it refers to."""
    function = _function(name, path)
    assert function is not None
    text = ast.get_docstring(function[1]) or ""
    named = set(re.findall(r"\bE[A-Z0-9]{2,}\b", text))
    return named.union(*(_errors_of(other, path) for other in re.findall(r"those of (\w+)\(2\)", text)))


@pytest.mark.parametrize("number", PUBLIC)
def test_every_error_that_a_call_raises_is_told(number: int) -> None:
    entry = find(number)
    assert entry is not None
    name, path = entry.function.__name__, Path(inspect.getfile(entry.function))
    assert _raised(name, path, set()) - CAUGHT.get(name, set()) <= _errors_of(name, path)
