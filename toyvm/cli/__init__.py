"""The command line: one module for each command, imported when the command is called.

This module dispatches to the command. It converts exceptions to messages and exit codes: the code
of a `ToyvmError`, 130 for an interrupt, 141 for a closed output pipe (as a shell reports SIGPIPE).
"""

from __future__ import annotations

import io
import os
import sys
from importlib import import_module

from ..base.cache_folder import cache_path
from ..base.light_types import TYPE_CHECKING, NoReturn
from ..start import FOLDER, LIMIT, begin

if TYPE_CHECKING:
    from collections.abc import Callable

# command -> (module, summary), in the order in which a program passes through them
COMMANDS: dict[str, tuple[str, str]] = {
    "as": ("as_", "assemble RISC-V assembly text into a relocatable object"),
    "ar": ("binutils.ar", "make, list and extract archives"),
    "ld": ("ld", "link objects and archives into a program or a shared library"),
    "run": ("run", "run a program: an ELF image, or .s and .o files, which are built first"),
    "debug": ("debugging.debug", "debug a program in the terminal, forwards and backwards"),
    "gdbserver": ("debugging.gdbserver", "run a program under gdb, forwards and backwards"),
    "record": ("debugging.record", "run a program and keep what is needed to repeat the run elsewhere"),
    "replay": ("debugging.replay", "repeat a recorded run, and say where it differs, if it does"),
    "compare": ("compare", "build the same sources statically and dynamically, and compare the two"),
    "grade": ("teaching.grade", "build, run and check submissions as an assignment says, and write reports"),
    "top": ("top", "run a program and show its processes and its memory while it runs"),
    "trace": ("trace", "record the page references of a run"),
    "locality": ("locality", "show working sets, reuse distances, TLB reach and a heat map of a trace"),
    "policies": ("policies", "replay a trace with page replacement policies"),
    "sweep": ("teaching.sweep", "run programs with every combination of options, and make a table"),
    "explore": ("explore", "run a program, and make a page that shows the run moment by moment"),
    "quiz": ("teaching.quiz", "print homework: questions from real runs and links, with solutions"),
    "explain": ("explain", "say why a relocation, a symbol, an address, a page or a fault is what it is"),
    "diff": ("diff", "show what differs between two programs, libraries or objects, and why"),
    "ldd": ("ldd", "show which shared libraries a program would load"),
    "objdump": ("binutils.objdump", "disassemble an object, and show its sections, symbols and relocations"),
    "readelf": ("binutils.readelf", "show headers, sections, symbols and relocations of an ELF file"),
    "nm": ("binutils.nm", "list the symbols of objects"),
    "size": ("binutils.size", "list the sizes of sections"),
    "objcopy": ("binutils.objcopy", "copy an object or program with changes, or in another format"),
    "strip": ("binutils.strip", "remove symbols or debugging information from objects and programs"),
    "addr2line": ("binutils.addr2line", "convert addresses into file names and line numbers"),
    "c++filt": ("binutils.cxxfilt", "write mangled C++ names readably"),
    "strings": ("binutils.strings", "print the sequences of printable characters in files"),
    "demo": ("demo", "run the sample shm_talk, built statically and dynamically, and compare the two"),
    "cache": ("cache", "show or clear the code cached between runs"),
    "completion": ("completion", "print a shell script that completes commands and options"),
    "libdir": ("libdir", "print the folder of the guest libraries, for `ld -L`"),
    "bindir": ("bindir", "print a folder with as, ld, ar and the other tools, for `gcc -B`"),
}


# commands with long output, which a pager shows on a terminal
PAGED = frozenset(("diff", "explain", "locality", "nm", "objdump", "quiz", "readelf"))
# commands that print names from files, and neither a guest's output nor colours nor progress
LISTINGS = frozenset(
    ("addr2line", "ar", "diff", "explain", "ldd", "nm", "objcopy", "objdump", "readelf", "size", "strip")
)


def usage() -> str:
    """The overview of all commands."""
    width = max(map(len, COMMANDS))
    lines = ["usage: toyvm COMMAND [ARG...]", "", "From assembly text to running pages.", "", "commands:"]
    lines += [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    lines += ["", "`toyvm COMMAND --help` shows the options of a command."]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code.

    Errors that a user can cause do not raise an exception.
    """
    args = sys.argv[1:] if argv is None else argv
    _open_missing_streams()
    _print_any_name()
    # numpy is used without linear algebra; starting its threads takes longer than most commands.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    known = bool(args) and args[0] in COMMANDS
    try:
        try:
            return guarded(args[0], args[1:]) if known else _overview(args)
        finally:
            sys.stdout.flush()  # also after SystemExit, which argparse raises
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return 141
    except (MemoryError, ImportError, SystemError) as error:
        # Without memory a library cannot be loaded either, and Python may lose the error ("without exception set").
        return _cannot(args[0] if known else "", error)
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()  # writing to stdout itself has failed
        where = f"{error.filename}: " if error.filename else ""
        print(f"toyvm{f' {args[0]}' if known else ''}: {where}{error.strerror or error}", file=sys.stderr)
        return 1


def _cannot(command: str, error: Exception) -> int:
    told = "" if isinstance(error, SystemError) else str(error)
    reason = told.strip().rsplit("\n", 1)[-1] or "the host has no memory left"
    print(f"toyvm{f' {command}' if command else ''}: {reason}", file=sys.stderr)
    return 1


def run_process() -> NoReturn:
    """Run `main` and end the process with its status.

    The process ends without Python's finalization, which takes a tenth of the time of a short run.
    Under a profiler or a debugger it ends by SystemExit.
    """
    code = begin()
    status = main()
    try:
        if code and code.keep():
            from ..engines.python.code_cache import shrink

            shrink(cache_path(FOLDER), LIMIT)
    except KeyboardInterrupt:
        status = 130
    except (MemoryError, ImportError, SystemError, OSError):
        pass  # the next start tries again
    if _is_observed():
        sys.exit(status)
    try:
        sys.stderr.flush()  # `main` has flushed stdout
    finally:
        os._exit(status)


def _is_observed() -> bool:
    """Whether a profiler, a debugger or a measurement of coverage writes something at the process's end."""
    monitoring = getattr(sys, "monitoring", None)  # Python 3.12: cProfile uses it, and coverage
    tools = monitoring and any(map(monitoring.get_tool, range(6)))
    return bool(sys.getprofile() or sys.gettrace() or tools)


def _open_missing_streams() -> None:
    """Open /dev/null in place of a standard stream that the caller has closed.

    Python sets such a stream to None, and the next file to be opened would get its descriptor.
    """
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _print_any_name() -> None:
    """Let stdout take names of files and symbols that are not UTF-8, or that its encoding does not have."""
    if isinstance(sys.stdout, io.TextIOWrapper):
        utf8 = sys.stdout.encoding.lower().replace("-", "") == "utf8"
        sys.stdout.reconfigure(errors="surrogateescape" if utf8 else "backslashreplace")


def _discard_output() -> None:
    """Redirect stdout to /dev/null, so that flushing it at exit does not fail again."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ValueError:
        return  # stdout has no descriptor: the caller of `main` has replaced it


def _overview(args: list[str]) -> int:
    """Handle a command line without a known command: the overview, the version, or an error."""
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if args else 2
    if args[0] in ("-V", "--version"):
        from ..base.version import VERSION

        print(f"toyvm {VERSION}")
        return 0
    from ..base.diagnostics import did_you_mean

    print(f"toyvm: '{args[0]}' is not a command. {did_you_mean(args[0], COMMANDS)}".rstrip(), file=sys.stderr)
    print("`toyvm --help` lists the commands.", file=sys.stderr)
    return 2


def guarded(name: str, argv: list[str]) -> int:
    """Run command `name`. A ToyvmError becomes a message on stderr and an exit code."""
    from ..base.errors import DiagnosticsError, ToyvmError

    module = COMMANDS[name][0]
    if argv[:1] == ["--version"] and module.startswith("binutils."):
        from ..base.version import VERSION

        print(f"GNU {name} compatible, toyvm {VERSION}")
        return 0
    run: Callable[[list[str]], int] = import_module(f".{module}", __name__).main
    try:
        if name in LISTINGS:
            from .terminal.control_characters import shown

            with shown():
                return _run(name, run, argv)
        return _run(name, run, argv)
    except ToyvmError as error:
        from ..base.diagnostics import without_controls
        from .terminal.color import painted

        text = str(error) if isinstance(error, DiagnosticsError) else f"toyvm {name}: {error}"
        print(painted(without_controls(text), sys.stderr), file=sys.stderr)
        return error.exit_code


def _run(name: str, command: Callable[[list[str]], int], argv: list[str]) -> int:
    if name in PAGED and sys.stdout.isatty():
        from .terminal.pager import paged

        return paged(command, argv)
    return command(argv)
