"""The command line: one small module a command, imported only when its command is called.

This module finds the command, and turns what a user can cause into a message and an exit code: `ToyvmError` (its own
code), an interrupted run (130), a reader of our output that has gone away (141, as a shell shows SIGPIPE).
"""

from __future__ import annotations

import gc
import os
import sys
from importlib import import_module

from ..base.light_types import NoReturn

# command -> (module, one line for the overview), in the order a program travels
COMMANDS: dict[str, tuple[str, str]] = {
    "as": ("as_", "assemble RISC-V assembly text into a relocatable object"),
    "ar": ("ar", "make, list and extract archives"),
    "ld": ("ld", "link objects and archives into a program or a shared library"),
    "run": ("run", "run a program: an ELF image, or .s and .o files built on the fly"),
    "compare": ("compare", "build the same sources statically and dynamically, and compare"),
    "top": ("top", "run a program, and watch its processes and its memory meanwhile"),
    "trace": ("trace", "record the page references of a run"),
    "locality": ("locality", "working sets, reuse distances, TLB reach and heat map of recorded references"),
    "policies": ("policies", "replay recorded references with page replacement policies"),
    "ldd": ("ldd", "show which shared libraries a program would load"),
    "objdump": ("objdump", "disassemble, and show what is in an object"),
    "readelf": ("readelf", "show headers, sections, symbols and relocations of an ELF file"),
    "nm": ("nm", "list the symbols of objects"),
    "size": ("size", "list the sizes of sections"),
    "strip": ("strip", "drop the symbols of a program"),
    "demo": ("demo", "the conversation of parent and child, built both ways, and the comparison"),
    "cache": ("cache", "show or clear the native code kept between runs"),
    "completion": ("completion", "print a script that completes commands and options in a shell"),
    "libdir": ("libdir", "print the folder with crt1.o, libc.a, libc.so ... for `ld -L`"),
    "bindir": ("bindir", "print a folder that holds as, ld, ar ... for `gcc -B`"),
}


def usage() -> str:
    """The overview of all commands."""
    width = max(map(len, COMMANDS))
    lines = ["usage: toyvm COMMAND [ARG...]", "", "From assembly text to running pages.", "", "commands:"]
    lines += [f"  {name:<{width}}  {summary}" for name, (_, summary) in COMMANDS.items()]
    lines += ["", "`toyvm COMMAND --help` tells a command's options."]
    return "\n".join(lines)


def main(argv: list[str] | None = None) -> int:
    """Run one command and return its exit code. Nothing a user can cause leaves this function as an exception."""
    args = sys.argv[1:] if argv is None else argv
    _open_missing_streams()
    # numpy is wanted for tables only; the threads that its linear algebra starts at import cost more than most commands.
    os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
    known = bool(args) and args[0] in COMMANDS
    try:
        try:
            return guarded(args[0], args[1:]) if known else _overview(args)
        finally:
            sys.stdout.flush()  # argparse ends by SystemExit
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        _discard_output()
        return 141
    except (MemoryError, ImportError) as error:  # where memory is short, a library cannot be loaded either
        return _cannot(args[0] if known else "", error)
    except OSError as error:
        try:
            sys.stdout.flush()
        except OSError:
            _discard_output()  # it is the output itself that failed
        where = f"{error.filename}: " if error.filename else ""
        print(f"toyvm{f' {args[0]}' if known else ''}: {where}{error.strerror or error}", file=sys.stderr)
        return 1


def _cannot(command: str, error: Exception) -> int:
    reason = str(error).strip().rsplit("\n", 1)[-1] or "the host has no memory left"
    print(f"toyvm{f' {command}' if command else ''}: {reason}", file=sys.stderr)
    return 1


def run_process() -> NoReturn:
    """`main` as all that a process is for. Raises SystemExit only where somebody watches (a profiler, a debugger).

    The process is ended at once. Python would first take down every module and object, a tenth of the time of a short run.
    """
    # Python looks for garbage after each 700 new objects, some dozen times while modules are imported, and finds none.
    gc.set_threshold(50_000)
    status = main()
    if sys.getprofile() or sys.gettrace():
        sys.exit(status)
    try:
        sys.stderr.flush()  # `main` has flushed stdout
    finally:
        os._exit(status)


def _open_missing_streams() -> None:
    """A caller that closed a standard stream gets /dev/null there: Python has None for it, and the next file that is
    opened would take its place."""
    for number, name, mode in ((0, "stdin", "r"), (1, "stdout", "w"), (2, "stderr", "w")):
        if getattr(sys, name) is None:
            descriptor = os.open(os.devnull, os.O_RDWR)
            if descriptor != number:
                os.dup2(descriptor, number)
                os.close(descriptor)
            setattr(sys, name, os.fdopen(number, mode, closefd=False))


def _discard_output() -> None:
    """Python would complain once more when it flushes stdout at exit."""
    try:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except ValueError:
        return  # stdout is no file of the system's: somebody calls `main` and catches what it prints


def _overview(args: list[str]) -> int:
    """What there is to say when no command is named."""
    if not args or args[0] in ("-h", "--help", "help"):
        print(usage())
        return 0 if args else 2
    if args[0] in ("-V", "--version"):
        from .. import __version__

        print(f"toyvm {__version__}")
        return 0
    from ..base.diagnostics import did_you_mean

    print(f"toyvm: '{args[0]}' is not a command. {did_you_mean(args[0], COMMANDS)}".rstrip(), file=sys.stderr)
    print("`toyvm --help` lists the commands.", file=sys.stderr)
    return 2


def guarded(name: str, argv: list[str]) -> int:
    """Call command `name`; our errors become a message on stderr and an exit code. OSError is `main`'s."""
    from ..base.errors import DiagnosticsError, ToyvmError

    command = import_module(f".{COMMANDS[name][0]}", __name__)
    try:
        status: int = command.main(argv)
        return status
    except DiagnosticsError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except ToyvmError as error:
        print(f"toyvm {name}: {error}", file=sys.stderr)
        return error.exit_code
