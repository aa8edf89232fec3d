"""The documentation runs: every `$ command` in a console block is executed, and prints what the page says.

All blocks of one page run one after another in one folder, with `asm/`, `libs/` and `tests/` in reach, standard error
together with standard output. A line `...` stands for any number of lines, `...` inside a line for any text;
addresses (0x..., or eight digits and more) may be others. Python
blocks that import toyvm run as programs; others are excerpts.

The pictures of a lesson are made by its commands, and are what lies beside it. `TOYVM_UPDATE_PICTURES=1` puts those just made there.

Prose keeps to 100 columns. A link whose text is code, [`Class.method`](file.py), leads to a definition in that file, and
every file named in code exists.
"""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from functools import cache
from pathlib import Path

import pytest

from tests.support.harness import ROOT
from tests.support.oracles import require_oracle

TEXTS = sorted(
    [
        ROOT / "README.md",
        *(ROOT / "docs").rglob("*.md"),
        *ROOT.glob("asm/*.md"),
        *ROOT.glob("libs/*.md"),
    ]
)
PAGES = [path for path in TEXTS if re.search(r"^```console\n\$ |import toyvm", path.read_text(), re.M)]
ADDRESS = re.compile(r"(?<=\b0x)[0-9a-f]+\b|\b[0-9a-f]{8,}\b")  # shown as it was once; any number will do
LESSONS = ROOT / "docs" / "lessons"
PICTURE = re.compile(r"!\[[^]]*\]\(([^)]*)\)")
ORACLE = re.compile(r"\b(?:riscv64-linux-gnu-\w+|qemu-riscv64|gdb-multiarch)\b")


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of one language, without the fences."""
    return re.findall(rf"^```{language}\n(.*?)^```$", page.read_text(), re.M | re.S)


def commands(block: str) -> list[tuple[str, list[str]]]:
    """(command, expected lines) of a console block; lines that follow a `\\` belong to the command."""
    found: list[tuple[str, list[str]]] = []
    lines = iter(block.splitlines())
    for line in lines:
        if line.startswith("$ "):
            command = line[2:]
            while command.endswith("\\"):
                command = command[:-1] + next(lines).strip()
            found.append((command, []))
        elif found:
            found[-1][1].append(line)
    return found


def pattern(expected: list[str]) -> re.Pattern[str]:
    """What the output must match as a whole."""
    parts = []
    for line in expected:
        if line.strip() == "...":
            parts.append(r"(?:.*\n)*?")
        else:
            literal = "[^\n]*".join(map(re.escape, line.rstrip().split("...")))
            parts.append(ADDRESS.sub("[0-9a-f]+", literal) + r"[ ]*\n")
    return re.compile("".join(parts))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Where a page's commands run; `toyvm` is this checkout's."""
    for name in ("asm", "libs", "tests", "docs"):
        (tmp_path / name).symlink_to(ROOT / name)
    tools = tmp_path / ".bin"
    tools.mkdir()
    script = tools / "toyvm"
    script.write_text(f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} -m toyvm "$@"\n')
    script.chmod(0o755)
    return tmp_path


def environment(folder: Path) -> dict[str, str]:
    keep = {name: os.environ[name] for name in ("HOME", "XDG_CACHE_HOME", "LANG") if name in os.environ}
    path = f"{folder / '.bin'}:{os.environ['PATH']}"
    return {**keep, "PATH": path, "PYTHONPATH": str(ROOT), "NO_COLOR": "1", "COLUMNS": "100"}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_console_blocks(page: Path, folder: Path) -> None:
    found = [command for block in blocks(page, "console") for command in commands(block)]
    for tool in sorted(set(ORACLE.findall("\n".join(command for command, _ in found)))):
        require_oracle(tool)
    for command, expected in found:
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=folder,
            env=environment(folder),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            timeout=120,
        )
        output = done.stdout.decode()
        if output and not output.endswith("\n"):
            output += "\n"
        wanted = "\n".join(expected)
        matches = pattern(expected).fullmatch(output) is not None
        assert matches, f"$ {command}\n--- said\n{wanted}\n--- printed\n{output}"
    if page.parent == LESSONS:
        for name in PICTURE.findall(page.read_text()):
            check_picture(folder / name, page.parent / name)


def check_picture(made: Path, kept: Path) -> None:
    assert made.exists(), f"no command makes {kept.name}"
    if os.environ.get("TOYVM_UPDATE_PICTURES"):
        kept.write_bytes(made.read_bytes())
    same = kept.read_bytes() == made.read_bytes()
    assert same, f"{kept.name} is not what the page's commands make: TOYVM_UPDATE_PICTURES=1 puts it there"


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_every_block_with_a_command_and_output_is_compared(page: Path) -> None:
    """Output stands in console blocks only, below its command; blocks of `sh` have commands alone."""
    fenced = re.findall(r"^```([\w-]*)\n(.*?)^```$", page.read_text(), re.M | re.S)
    for language, block in fenced:
        if language == "console":
            assert block.startswith("$ "), block
        else:
            assert not re.search(r"^\$ ", block, re.M), block
        if language == "sh":
            joined = block.replace("\\\n", "")
            assert all(re.match(r"(?:#|make |python |toyvm )", line) for line in joined.splitlines()), block


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_to_files(page: Path) -> None:
    prose = re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S)
    for target in re.findall(r"\]\(([^)#\s:]+)[)#]", prose):
        assert (page.parent / target).exists(), target


def prose(page: Path) -> list[str]:
    """The lines of a page that a person writes and wraps: no code, tables, pictures or figures of benchmarks."""
    text = re.sub(r"^```.*?^```$|^<!-- figures.*?^<!-- end -->$", "", page.read_text(), flags=re.M | re.S)
    return [line for line in text.splitlines() if not re.match(r"    |\||!\[", line)]


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_prose_keeps_to_100_columns(page: Path) -> None:
    assert [line for line in prose(page) if len(line) > 100] == []


@cache
def definitions(path: Path) -> frozenset[str]:
    """What a Python file defines at its top level and in its classes: `function`, `Class`, `Class.method`, `NAME`."""
    found: set[str] = set()
    for node in ast.parse(path.read_text()).body:
        if isinstance(node, ast.Assign):
            found.update(target.id for target in node.targets if isinstance(target, ast.Name))
        elif isinstance(node, ast.AnnAssign) and isinstance(node.target, ast.Name):
            found.add(node.target.id)
        elif isinstance(node, ast.FunctionDef | ast.ClassDef):
            found.add(node.name)
            members = node.body if isinstance(node, ast.ClassDef) else []
            found.update(
                f"{node.name}.{inner.name}" for inner in members if isinstance(inner, ast.FunctionDef)
            )
    return frozenset(found)


def named_definitions() -> list[object]:
    """(page, name, file) of each link to a definition."""
    link = re.compile(r"\[`([A-Za-z_][\w.]*)`\]\(([^)#\s]+\.py)\)")
    return [
        pytest.param(page, name, target, id=f"{page.relative_to(ROOT)}:{name}")
        for page in TEXTS
        for name, target in link.findall(page.read_text())
    ]


@pytest.mark.parametrize(("page", "name", "target"), named_definitions())
def test_links_to_definitions_find_them(page: Path, name: str, target: str) -> None:
    assert name in definitions((page.parent / target).resolve()), f"{target} does not define {name}"


def test_the_first_page_walks_through_the_whole_of_toyvm() -> None:
    """A dozen stops or a few more for hello.s, and three walks of at most six stops each."""
    text = (ROOT / "docs/read-this-first.md").read_text()
    stops = re.findall(r"^\| \d+ \| \[`[\w.]+`\]\(\.\./toyvm/(\w+)", text, re.M)
    assert 12 <= len(stops) <= 14
    assert {"build", "assembler", "linker", "kernel", "machine"} <= set(stops)
    walks = [len(re.findall(r"^\d\. ", walk, re.M)) for walk in re.split(r"^## ", text, flags=re.M)[1:]]
    assert len(walks) == 3 and all(3 <= stops <= 6 for stops in walks)


@cache
def tracked_names() -> frozenset[str]:
    """Every file of the repository, by its name and by each of the paths that end in it."""
    found: set[str] = set()
    for top in ("toyvm", "tests", "docs", "asm", "libs"):
        for path in (ROOT / top).rglob("*.*"):
            parts = path.relative_to(ROOT).parts
            found.update("/".join(parts[first:]) for first in range(len(parts)))
    return frozenset(found)


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_files_named_in_code_exist(page: Path) -> None:
    named = re.findall(r"`([\w/]+\.(?:py|s|inc|md|c|ll))`", "\n".join(page_without_blocks(page)))
    made = {"newer.s", "other.s"}  # by a command of the page, or an example
    assert [name for name in named if name not in tracked_names() | made] == []


@cache
def sources() -> dict[str, str]:
    """Texts of toyvm's modules by what a page may put before a dot: the module's name, and each class that it defines."""
    found: dict[str, str] = {}
    for path in (ROOT / "toyvm").rglob("*.py"):
        text = path.read_text()
        for name in (path.stem, *re.findall(r"^class (\w+)", text, re.M)):
            found[name] = found.get(name, "") + text
    return found


@pytest.mark.parametrize("page", TEXTS, ids=lambda page: str(page.relative_to(ROOT)))
def test_members_named_in_code_exist(page: Path) -> None:
    """`Class.member` and `module.member`: the file of the class or module has such a word."""
    text = "\n".join(page_without_blocks(page))
    named = re.findall(r"`(\w+)\.(\w+)(?:\([^`]*\))?`", text)
    known = [(owner, name) for owner, name in named if owner in sources() or owner[:1].isupper()]
    suffixes = {"py", "s", "out", "md"}
    wrong = [
        f"{owner}.{name}"
        for owner, name in known
        if name not in suffixes and not re.search(rf"\b{name}\b", sources().get(owner, ""))
    ]
    assert wrong == []


def page_without_blocks(page: Path) -> list[str]:
    """A page's lines, tables included, without its fenced blocks."""
    return re.sub(r"^```.*?^```$", "", page.read_text(), flags=re.M | re.S).splitlines()


def test_lessons_are_all_listed() -> None:
    """In the list of lessons and in the site's, which has every page; each says what to look at, to try and to read."""
    lessons = sorted(path.name for path in LESSONS.glob("[0-9]*.md"))
    index = re.findall(r"\(([0-9][^)]*\.md)\)", (LESSONS / "README.md").read_text())
    assert list(dict.fromkeys(index)) == lessons
    in_site = re.findall(r"^ +- (\S+\.md)$", (ROOT / "mkdocs.yml").read_text(), re.M)
    assert [name for name in in_site if re.match("lessons/[0-9]", name)] == [f"lessons/{n}" for n in lessons]
    pages = [str(p.relative_to(ROOT / "docs")) for p in (ROOT / "docs").rglob("*.md")]
    assert sorted(in_site) == sorted([*pages, "gallery.md"])  # docs/site.py makes the gallery
    for name in lessons:
        text = (LESSONS / name).read_text()
        for part in ("## What to look at", "## Try", "Read next: ["):
            assert part in text, f"{name}: {part}"


def programs() -> list[object]:
    """Every Python block that is a whole program, with its page."""
    found = [(page, block) for page in PAGES for block in blocks(page, "python") if "import toyvm" in block]
    return [pytest.param(block, id=str(page.relative_to(ROOT))) for page, block in found]


@pytest.mark.parametrize("program", programs())
def test_python_blocks(program: str, folder: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=folder, env=environment(folder), capture_output=True, timeout=120
    )
    assert done.returncode == 0, done.stderr.decode()
