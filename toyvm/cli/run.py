"""`toyvm run`: run a program and be its terminal. What follows PROGRAM belongs to the program.

Options end at the first word that is not one, so that the program's own options stay its own. Several sources are
given with `--with`; a sample's directives name theirs.
"""

from __future__ import annotations

import os
import sys

from ..base.errors import NotFoundError, UsageError
from ..base.light_types import TYPE_CHECKING
from .run_options import TRACES, Options, read

if TYPE_CHECKING:
    from ..observe.pictures.frame_map import FrameWatcher
    from ..observe.pictures.layout_map import LayoutWatcher
    from ..program import Program
    from ..result import RunResult
    from ..system import RunOptions, Start, Watcher


def main(argv: list[str]) -> int:
    """Run the program; its status is ours."""
    options = read(argv)
    result = execute(options)
    report(options, result)
    return result.status


def execute(
    options: Options, watchers: tuple[Watcher, ...] = (), *, stdin: bytes | None = None, capture: bool = False
) -> RunResult:
    """Build what is to be built and run it; `stdin` and `capture` as in `system.run`."""
    from ..base.record import replace
    from ..system import run_all

    if options.breakpoint and not options.views:
        raise UsageError(
            f"--break {options.breakpoint}: say what to show there: --maps, --smaps, --pagetable"
        )
    starts, settings = _starts(options), _settings(options)
    name = os.path.basename(options.program)
    pictures: list[tuple[FrameWatcher | LayoutWatcher, str, str]] = []
    if options.frames_picture is not None:
        from ..observe.pictures.frame_map import FrameWatcher

        pictures.append((FrameWatcher(), options.frames_picture, f"Physical frames: {name}"))
    if options.layout_picture is not None:
        from ..observe.pictures.layout_map import LayoutWatcher

        pictures.append((LayoutWatcher(), options.layout_picture, f"Address space: {name}"))
    watchers = (*watchers, *(watcher for watcher, _, _ in pictures))
    result = run_all(starts, replace(settings, watchers=watchers), stdin=stdin, capture=capture)
    for watcher, path, title in pictures:
        watcher.write(path, title)
    return result


def _starts(options: Options) -> list[Start]:
    """The programs to run at once: one with its arguments, or one for each word."""
    from ..system import Start

    if options.stack_at and not options.no_mmu:
        raise UsageError("--stack-at is for programs in bare memory: --no-mmu")
    if options.no_mmu and options.memory_limit:
        raise UsageError("--no-mmu gives programs the memory that they stand in: no --memory-limit")
    if options.no_mmu and options.swap:
        raise UsageError("--no-mmu leaves nothing that could be swapped out: no --swap")
    if options.no_mmu and options.thp != "never":
        raise UsageError("--no-mmu leaves no pages, and no megapages: no --thp")
    if not options.no_mmu and not options.together:
        program = _program(options, options.program)
        args = options.args or ([] if isinstance(program, str) else program.directives.args)
        return [Start(program, (options.program, *args))]
    starts = []
    for number, word in enumerate([options.program, *options.args]):
        path, at, address = word.rpartition("@") if options.no_mmu else ("", "", word)
        load_at = _load_address(word, address) if at else None
        path = path if at else word
        program = _program(options, path)
        args = () if isinstance(program, str) else program.directives.args
        stack_at = options.stack_at[number] if number < len(options.stack_at) else None
        starts.append(Start(program, (path, *args), load_at, stack_at))
    return starts


def _load_address(word: str, text: str) -> int:
    try:
        address = int(text, 0)
    except ValueError:
        raise UsageError(f"{word}: '{text}' is not an address (PROGRAM@0x200000)") from None
    if address < 0 or address % 0x1000:
        raise UsageError(f"{word}: a program can be loaded at multiples of 0x1000 only")
    return address


def _program(options: Options, path: str) -> str | Program:
    if not os.path.exists(path):
        raise NotFoundError(f"{path}: No such file or directory")
    if not path.endswith((".s", ".S", ".o", ".a")):
        if options.linkage or options.with_ or options.libs:
            raise UsageError(f"{path}: --static, --dynamic, --with and -l are for .s and .o files")
        return path
    # The assembler and linker are imported only when something is to be built.
    from pathlib import Path

    from ..build import build_program

    return build_program([Path(path), *map(Path, options.with_)], linkage=options.linkage, libs=options.libs)


def _settings(options: Options) -> RunOptions:
    from ..system import RunOptions

    env = []
    for setting in options.env:
        name, equals, value = setting.partition("=")
        if not name or not equals:
            raise UsageError(f"-E {setting}: expected VAR=VAL")
        env.append((name, value))
    traces = frozenset(word for words in options.trace for word in words.split(",") if word)
    if unknown := sorted(traces - set(TRACES)):
        raise UsageError(f"--trace={unknown[0]}: expected any of {', '.join(TRACES)}")
    root, writable = options.root, False
    if root is not None and root.endswith((":rw", ":ro")):
        root, writable = root[:-3], root.endswith(":rw")
    same = {name: getattr(options, name) for name in RunOptions.record_fields if hasattr(Options, name)}
    return RunOptions(
        **{
            **same,
            "root": root,
            "root_writable": writable,
            "env": tuple(env),
            "trace": traces,
            "views": frozenset(options.views),
        }
    )


def report(options: Options, result: RunResult) -> None:
    if options.json:
        import json

        print(json.dumps(result.to_json(), indent=2), file=sys.stderr)
        return
    print(result.views_text(), file=sys.stderr, end="")
    if options.stats:
        print(result.stats_text() + _byte_code_text(), file=sys.stderr, end="")


def _byte_code_text() -> str:
    """A line of the statistics where modules have no byte code on disk, so that each start compiles them: some 0.2 s."""
    cached = [
        getattr(module, "__cached__", None)
        for name, module in sys.modules.items()
        if name.partition(".")[0] == "toyvm"
    ]
    missing = [path for path in cached if path and not os.path.exists(path)]
    if not missing:
        return ""
    cannot = os.path.dirname(missing[0]) + " cannot be written"
    reason = "PYTHONDONTWRITEBYTECODE or -B is set" if sys.dont_write_bytecode else cannot
    return f"{'byte code':<22}none, each start compiles {len(missing)} modules: {reason}\n"
