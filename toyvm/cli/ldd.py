"""`toyvm ldd`: show which shared libraries a program would load, and where, without running it."""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..run_options import RunOptions, environment
from .run_parser import add_option

if TYPE_CHECKING:
    from ..kernel.vfs.path_walk import Vfs

SCHEMA = "toyvm.ldd/1"
_MEMFS_BYTES = 1 << 20


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm ldd`."""
    p = argparse.ArgumentParser(
        prog="toyvm ldd", description="Show which shared libraries a program or library would load."
    )
    p.add_argument("-u", "--unused", action="store_true", help="show direct dependencies that are not used")
    add_option(p, RunOptions.rows["env"])
    add_option(p, RunOptions.rows["sysroot"])
    p.set_defaults(env=[], sysroot=None)
    p.add_argument(
        "--root",
        metavar="DIR",
        help="make this folder the guest's root directory (default: the current folder)",
    )
    p.add_argument("--json", action="store_true", help="print JSON")
    p.add_argument("files", nargs="+", metavar="FILE")
    return p


def main(argv: list[str]) -> int:
    """Show the libraries of each file. Returns 1 if a file is missing or not dynamically linked."""
    options = parser().parse_args(argv)
    reports = [_examine(options, Path(name)) for name in options.files]
    if options.json:
        print(json.dumps({"schema": SCHEMA, "files": reports}, indent=2))
    else:
        for report in reports:
            _print(report, several=len(reports) > 1)
    return 0 if all(report["dynamic"] for report in reports) else 1


def _examine(options: argparse.Namespace, path: Path) -> dict[str, Any]:
    """The report on one file as JSON values."""
    from ..loader.ldd import loaded_objects, unused_objects

    report: dict[str, Any] = {"file": str(path), "dynamic": False}
    if not path.is_file():
        return report | {"error": "not regular file" if path.exists() else "No such file or directory"}
    vfs, guest_path = _tree(options, path)
    env = environment(options.env)
    if options.unused:
        unused = unused_objects(vfs, guest_path, env)
        return report if unused is None else report | {"dynamic": True, "unused": list(unused)}
    found = loaded_objects(vfs, guest_path, env)
    if found is None:
        return report
    libraries = [
        {"name": item.name, "path": item.path or None, "address": item.address if item.path else None}
        for item in found
    ]
    return report | {"dynamic": True, "libraries": libraries}


def _tree(options: argparse.Namespace, path: Path) -> tuple[Vfs, str]:
    """The file system of a run of `path`, and its guest path."""
    from ..guestfs import add_program, sandbox, with_sysroot

    sysroot = with_sysroot([path], RunOptions(sysroot=options.sysroot)).sysroot
    vfs = sandbox(
        Path(options.root) if options.root else None,
        writable=False,
        sysroot=Path(sysroot) if sysroot else None,
        libraries=True,
        memfs_bytes=_MEMFS_BYTES,
    )
    return vfs, add_program(vfs, path)


def _print(report: dict[str, Any], *, several: bool) -> None:
    if "error" in report:
        print(f"toyvm ldd: {report['file']}: {report['error']}", file=sys.stderr)
        return
    if several:
        print(f"{report['file']}:")
    if not report["dynamic"]:
        print("\tnot a dynamic executable")
    elif "unused" in report:
        if report["unused"]:
            print("Unused direct dependencies:\n")
        for name in report["unused"]:
            print(f"\t{name}")
    elif not report["libraries"]:
        print("\tstatically linked")
    else:
        for library in report["libraries"]:
            print(_line(**library))


def _line(name: str, path: str | None, address: int | None) -> str:
    from ..loader.ld_debug import LoadedObject

    return LoadedObject(name, path or "", address or 0).line()
