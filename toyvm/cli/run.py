"""`toyvm run`: build a program if necessary, and run it. The words after PROGRAM are its arguments.

toyvm's options end at the first word that is not an option. Sources, objects and archives right after
a source are part of the program, and `--` ends them; `--with` adds more, and so may the directives of
a sample. The status of a program that cannot be built is 126, the shell's for what cannot be executed.
"""

from __future__ import annotations

import os
import sys

from ..base.errors import DiagnosticsError, NotFoundError, UsageError
from ..base.light_types import TYPE_CHECKING
from ..base.record import replace
from ..run_options import CommandOptions
from .plain_options import read_plain

if TYPE_CHECKING:
    import argparse

    from ..build import Program
    from ..observe.pictures.frame_map import FrameWatcher
    from ..observe.pictures.layout_map import LayoutWatcher
    from ..observe.timeline import TimelineWatcher
    from ..result import RunResult
    from ..system import Start, Watcher

SOURCES = (".s", ".S", ".o", ".a")
NOT_BUILT = 126  # the status of `toyvm run` if its program cannot be built


def parser() -> argparse.ArgumentParser:
    """The options of `toyvm run`."""
    from .run_parser import parser

    return parser(
        CommandOptions,
        "toyvm run",
        "Run a program: an ELF image, or .s and .o files, which are assembled and linked first.",
    )


def read(argv: list[str]) -> CommandOptions:
    """Parse `argv`. argparse is imported only for unusual command lines: it would slow down a short run."""
    options = read_plain(CommandOptions, argv)
    if options is not None:
        return options
    from .run_parser import parse

    return parse(CommandOptions, parser(), argv)


def main(argv: list[str]) -> int:
    """Run the program. Returns its status."""
    options = read(argv)
    result = execute(options)
    report(options, result)
    if options.args and (result.status or sys.stderr.isatty()):
        _hint(options)
    return result.status


def _hint(options: CommandOptions) -> None:
    """Say that an option after PROGRAM was the program's, if toyvm has one of this name.

    Only a program that has failed gets the hint, and a user at a terminal: what other programs read
    from a program that succeeds is left alone. A program may well have such options itself.
    """
    flags = {
        flag for row in options.rows.values() for flag in (*row.flags, *row.constants) if flag[:2] == "--"
    }
    for word in options.args:
        if word.partition("=")[0] in flags:
            print(
                f"toyvm: {word} was passed to the program; toyvm's own options stand before it: "
                f"toyvm run {word} {options.program}",
                file=sys.stderr,
            )
            return


def execute(
    options: CommandOptions,
    watchers: tuple[Watcher, ...] = (),
    *,
    stdin: bytes | None = None,
    capture: bool = False,
) -> RunResult:
    """Build the program if it is a source, and run it.

    `stdin` and `capture` are as for `system.run`.

    Raises UsageError if options contradict each other, and the exceptions of `system.run`.
    """
    from ..system import run_all

    options.check()
    if options.break_count != 1 and not options.breakpoint:
        raise UsageError("--break-count can be used with --break only")
    if options.trace_range and "insn" not in options.trace:
        raise UsageError("--trace-range can be used with --trace=insn only")
    _keep_inputs(options)
    begun = starts(options)
    options = without_library_folder(options)
    name = os.path.basename(options.program)
    pictures: list[tuple[FrameWatcher | LayoutWatcher | TimelineWatcher, str, str]] = []
    if options.frames_picture is not None:
        from ..observe.pictures.frame_map import FrameWatcher

        pictures.append((FrameWatcher(), options.frames_picture, f"Physical frames: {name}"))
    if options.layout_picture is not None:
        from ..observe.pictures.layout_map import LayoutWatcher

        pictures.append((LayoutWatcher(), options.layout_picture, f"Address space: {name}"))
    if options.trace_out is not None:
        from ..observe.timeline import TimelineWatcher

        pictures.append((TimelineWatcher(), options.trace_out, name))
    watchers = (*watchers, *(watcher for watcher, _, _ in pictures))
    result = run_all(begun, options, watchers=watchers, stdin=stdin, capture=capture)
    for watcher, path, title in pictures:
        watcher.write(path, title)
    return result


def _keep_inputs(options: CommandOptions) -> None:
    """Raise UsageError if a file that the run writes is part of the program."""
    more = options.args if options.together or options.no_mmu else _more_sources(options)[0]
    written = (options.frames_picture, options.layout_picture, options.trace_out, options.report_file)
    outputs = [path for path in written if path is not None]
    if outputs:
        from ..base.resources import require_other_file

        for path in outputs:
            require_other_file(path, [options.program, *options.with_, *more])


def starts(options: CommandOptions) -> list[Start]:
    """The programs: one with its arguments, or with --together or --no-mmu one for each word."""
    from ..system import Start

    if options.stack_at and not options.no_mmu:
        raise UsageError("--stack-at can be used with --no-mmu only")
    if not options.no_mmu and not options.together:
        more, words = _more_sources(options)
        program = _program(options, options.program, more)
        args = words or (() if isinstance(program, str) else tuple(program.directives.args))
        return [Start(program, (options.program, *args))]
    several = []
    for number, word in enumerate([options.program, *options.args]):
        path, at, address = word.rpartition("@") if options.no_mmu else ("", "", word)
        load_at = _load_address(word, address) if at else None
        path = path if at else word
        program = _program(options, path)
        args = () if isinstance(program, str) else program.directives.args
        stack_at = options.stack_at[number] if number < len(options.stack_at) else None
        several.append(Start(program, (path, *args), load_at, stack_at))
    return several


def _load_address(word: str, text: str) -> int:
    try:
        address = int(text, 0)
    except ValueError:
        raise UsageError(f"{word}: '{text}' is not an address (PROGRAM@0x200000)") from None
    if address < 0 or address % 0x1000:
        raise UsageError(f"{word}: a program can be loaded at multiples of 0x1000 only")
    return address


def _more_sources(options: CommandOptions) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """(the sources, objects and archives that follow a source, the program's arguments)."""
    words = options.args
    if not options.program.endswith(SOURCES):
        return (), words
    count = 0
    while count < len(words) and words[count].endswith(SOURCES) and os.path.isfile(words[count]):
        count += 1
    rest = words[count:]
    return words[:count], rest[1:] if rest[:1] == ("--",) else rest


def library_path(options: CommandOptions) -> tuple[str, ...]:
    """The folders of -L in which -l looks: DIR itself, and those of a system in DIR."""
    if options.sysroot is None or not options.libs:
        return ()
    folder = os.fspath(options.sysroot)
    return folder, os.path.join(folder, "lib"), os.path.join(folder, "usr/lib")


def without_library_folder(options: CommandOptions) -> CommandOptions:
    """The options of the run: a folder of -L that only has libraries for -l is no root directory for the guest."""
    if options.sysroot is None or not options.libs or not options.program.endswith(SOURCES):
        return options
    folder = os.fspath(options.sysroot)
    system = any(os.path.isdir(os.path.join(folder, name)) for name in ("lib", "usr"))
    return options if system else replace(options, sysroot=None)


def _program(options: CommandOptions, path: str, more: tuple[str, ...] = ()) -> str | Program:
    if not os.path.exists(path):
        raise NotFoundError(f"{path}: No such file or directory")
    if not path.endswith(SOURCES):
        if options.linkage or options.with_ or options.libs:
            raise UsageError(f"{path}: --static, --dynamic, --with and -l are for .s and .o files")
        return path
    # These import the assembler and the linker.
    from pathlib import Path

    from ..build import build_program

    try:
        return build_program(
            [Path(path), *map(Path, (*more, *options.with_))],
            linkage=options.linkage,
            libs=options.libs,
            library_path=library_path(options),
        )
    except DiagnosticsError as error:
        error.exit_code = NOT_BUILT
        raise


def report(options: CommandOptions, result: RunResult) -> None:
    """Write the views and the statistics that the options request to standard error, or to --report-file."""
    if options.json:
        import json

        text = json.dumps(result.to_json(), indent=2) + "\n"
    else:
        text = result.views_text() + (result.stats_text() + _byte_code_text() if options.stats else "")
    if options.report_file is None:
        print(text, file=sys.stderr, end="")
        return
    from ..base.resources import write_atomically

    write_atomically(options.report_file, text.encode("utf-8", "surrogateescape"))


def _byte_code_text() -> str:
    """A statistics line if this start compiled modules, which takes 0.2 s; `start` keeps them."""
    from ..start.kept_code import read_from_source

    cached = [getattr(module, "__cached__", None) for module in read_from_source()]
    missing = [path for path in cached if path and not os.path.exists(path)]
    if not missing:
        return ""
    cannot = os.path.dirname(missing[0]) + " cannot be written"
    reason = "PYTHONDONTWRITEBYTECODE or -B is set" if sys.dont_write_bytecode else cannot
    return f"{'byte code':<22}none, this start compiled {len(missing)} modules: {reason}\n"
