"""Runs one program with one choice of options: the task of a sweep's jobs."""

from __future__ import annotations

import io
from collections.abc import Mapping
from typing import Any

from ...assembler import AssemblerOptions, assemble_text
from ...base.errors import ToyvmError
from ...build import Program, build_program
from ...guestfs import add_guest_file
from ...kernel.counters import Stats
from ...kernel.proc.signals import Signal
from ...result import RunResult
from ...run_options import RunOptions
from ...system import Session, Start

# What a row says about the end of a run, before the counters.
ENDING = ("ending", "status", "reason")
_LEFT_OUT = frozenset(
    {"schema", "status", "signal", "stopped", "calls", "processes", "groups", "libraries", "maps", "views"}
)
_SUMMED = frozenset({"load_relocations", "lazy_relocations"})


def prepare() -> None:
    """Run a program, so that what a run imports and caches is there."""
    text = ".globl _start\n_start: li a0, 0\n li a7, 93\n ecall\n"
    warm = build_program([assemble_text(text, "warm.s", AssemblerOptions())], linkage="static")
    perform(program_work(warm, [], b"") | {"options": {"memory": 1 << 20}})


def program_work(program: Program, args: list[str], stdin: bytes) -> dict[str, Any]:
    """What a job needs to run a program, besides the options."""
    env = list(program.directives.env)
    if program.directives.preload and program.linkage == "dynamic":
        names = (f"/lib/{library.name}" for library in program.directives.preload)
        env.append("LD_PRELOAD=" + ":".join(names))
    return image_work(program.name, program.image, args, stdin) | {"files": dict(program.files), "env": env}


def image_work(name: str, image: bytes, args: list[str], stdin: bytes) -> dict[str, Any]:
    """The same for an ELF image that was not built here."""
    return {"name": name, "image": image, "files": {}, "env": [], "args": args, "stdin": stdin}


def perform(work: Mapping[str, Any]) -> dict[str, Any]:
    """Run the program. Returns the cells of the row: how the run ended, and what the machine counted.

    A combination of options that cannot be used is a row whose `ending` is "refused".
    """
    variables = tuple(tuple(setting.split("=", 1)) for setting in work["env"])
    messages = io.BytesIO()
    name = work["name"]
    try:
        options = RunOptions(root="", env=variables, **work["options"])
        session = Session(options, stdin=work["stdin"], capture=True, messages=messages)
        path = f"/bin/{name}"
        session.kernel.vfs.add_file(path, work["image"])
        for guest, data in work["files"].items():
            add_guest_file(session.kernel.vfs, guest, data)
        session.spawn(Start(name, [name, *work["args"]]), path)
    except ToyvmError as problem:
        return {"ending": "refused", "status": None, "reason": str(problem)}
    result = session.finish()
    return {**_ending(result, messages.getvalue()), **counted(result)}


def _ending(result: RunResult, messages: bytes) -> dict[str, Any]:
    """How the run ended: "exit", a signal, or "stopped" by a limit of the options."""
    lines = messages.decode("utf-8", "replace").splitlines()
    if result.stopped:
        return {"ending": "stopped", "status": result.status, "reason": result.stopped}
    if result.signal:
        killed = next((line for line in lines if "out of memory" in line), "")
        return {"ending": Signal(result.signal).name, "status": result.status, "reason": killed}
    return {"ending": "exit", "status": result.status, "reason": ""}


def counters() -> tuple[str, ...]:
    """The columns of the counters."""
    return tuple(counted(RunResult(status=0, stdout=b"", stderr=b"", stats=Stats(), frames_leaked=0)))


def counted(result: RunResult) -> dict[str, int]:
    """The counters of a run by column: those of `toyvm run --stats --json`, groups joined by `_`.

    `faults` is the number of all resolved faults, `faults_KIND` that of one kind.
    """
    cells: dict[str, int] = {}
    for name, value in result.to_json().items():
        if name in _LEFT_OUT:
            continue
        if name in _SUMMED:
            cells[name] = sum(value.values())
        elif isinstance(value, Mapping):
            if name == "faults":
                cells["faults"] = result.stats.page_faults
                cells["faults_major"] = result.stats.major_faults
            cells.update({f"{name}_{inner}": count for inner, count in value.items()})
        else:
            cells[name] = value
    cells["output_bytes"] = len(result.stdout)
    return cells
