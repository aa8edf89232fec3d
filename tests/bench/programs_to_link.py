"""Large inputs of the assembler and the linker: SQLite, a web of 2,000 objects, a static program of glibc."""

from __future__ import annotations

import subprocess
from pathlib import Path

from tests.bench import sources
from tests.suites.registries import fetch
from tests.support.oracles import GCC, GNU_AS
from toyvm.base.resources import cache_dir

# A package whose only use here is the one file of SQLite's source in it.
_SQLITE = {"npm": "better-sqlite3@12.11.1", "program": "package/deps/sqlite3/sqlite3.c"}
_SHELL = """
int sqlite3_open(const char *, void **), sqlite3_exec(void *, const char *, void *, void *, char **);
int main(void) { void *db; return sqlite3_open(":memory:", &db) || sqlite3_exec(db, "select 1", 0, 0, 0); }
"""
_HELLO = '#include <stdio.h>\nint main(void) { puts("hello"); return 0; }\n'


def sqlite_assembly(folder: Path, *flags: str) -> Path:
    """What gcc -O1 -S makes of SQLite, in `folder`. Raises CalledProcessError if its source cannot be fetched."""
    source = fetch(_SQLITE, cache_dir() / "bench" / "sqlite")
    target = folder / f"sqlite{''.join(flags)}.s"
    subprocess.run([GCC, "-O1", *flags, "-w", "-S", "-o", target, source], check=True)
    return target


def sqlite_link(folder: Path, assembly: Path) -> list[str]:
    """The words of a static link of SQLite with relaxation, without the linker's name."""
    library = folder / "sqlite.o"
    subprocess.run([GNU_AS, assembly, "-o", library], check=True)
    return static_link(folder, "shell", _SHELL, str(library), "-lm")


def hello_link(folder: Path) -> list[str]:
    """The words of a static link of hello with glibc."""
    return static_link(folder, "hello_glibc", _HELLO)


def static_link(folder: Path, name: str, text: str, *more: str) -> list[str]:
    """The words with which gcc would call the linker for a static program of the C text `text`, without collect2's."""
    source, target = folder / f"{name}.c", folder / f"{name}.o"
    source.write_text(text)
    subprocess.run([GCC, "-O1", "-c", "-o", target, source], check=True)
    before = [_path("crt1.o"), _path("crti.o"), _path("crtbeginT.o"), str(target), *more]
    folders = [f"-L{Path(_path(name)).parent}" for name in ("libgcc.a", "libc.a")]
    libraries = ["--start-group", "-lgcc", "-lgcc_eh", "-lc", "--end-group"]
    after = [_path("crtend.o"), _path("crtn.o")]
    return ["-static", "-melf64lriscv", *folders, *before, *libraries, *after]


def _path(name: str) -> str:
    run = subprocess.run([GCC, f"-print-file-name={name}"], check=True, capture_output=True, text=True)
    return run.stdout.strip()


def web_of_objects(folder: Path, objects: int, *flags: str) -> list[str]:
    """The words for the objects of `sources.web_of_calls`: a file with their names. `flags` are for GNU as."""
    objects_folder = folder / f"web{''.join(flags)}"
    objects_folder.mkdir()
    paths = []
    for number, text in enumerate(sources.web_of_calls(objects, 50)):
        path = objects_folder / f"o{number:04}.o"
        subprocess.run([GNU_AS, *flags, "-o", path, "-"], input=text.encode(), check=True)
        paths.append(str(path))
    names = folder / f"web{''.join(flags)}.names"
    names.write_text("\n".join(paths))
    return [f"@{names}"]
