"""The commands of the terminal debugger: gdb's words, their abbreviations, and what they print.

`COMMANDS` is the table; a command is a method of `Commands` that takes the rest of the line and
returns lines of text. An abbreviation is any beginning that is not ambiguous, and those of gdb
(`c`, `s`, `rc`, ...) come first.
"""

from __future__ import annotations

from collections.abc import Callable
from difflib import get_close_matches
from typing import NamedTuple

from toyvm.base.bits import M64
from toyvm.base.errors import ToyvmError

from ..target import Registers
from .conversation import CommandError, Conversation
from .looking_commands import LookingCommands

__all__ = ["COMMANDS", "Commands"]


class Row(NamedTuple):
    """A command: its words, the name of the method, a line of help, and whether an empty line repeats it."""

    names: tuple[str, ...]
    method: str
    help: str
    repeats: bool = False


COMMANDS = (
    Row(("break", "b", "br"), "break_", "break PLACE [if CONDITION]: stop at a function, FILE:LINE, LINE or *ADDRESS"),
    Row(("tbreak", "tb"), "tbreak", "tbreak PLACE: the same, once"),
    Row(("watch",), "watch", "watch EXPRESSION [if CONDITION]: stop when the memory changes; watch *ADDRESS, watch {4}ADDRESS"),
    Row(("rwatch",), "rwatch", "rwatch EXPRESSION: stop when it is read"),
    Row(("awatch",), "awatch", "awatch EXPRESSION: stop when it is read or written"),
    Row(("catch",), "catch", "catch syscall [NAME...]|fork|vfork|exec|fault|switch|load|thread: stop at an event"),
    Row(("delete", "d"), "delete", "delete [NUMBER...]: remove stop points; all of them without a number"),
    Row(("enable",), "enable", "enable NUMBER..."),
    Row(("disable",), "disable", "disable NUMBER..."),
    Row(("condition",), "condition", "condition NUMBER [EXPRESSION]: stop only if it is not 0"),
    Row(("ignore",), "ignore", "ignore NUMBER COUNT: pass over the next COUNT hits"),
    Row(("continue", "c", "fg"), "continue_", "run until something stops the program", True),
    Row(("step", "s"), "step", "step [N]: to another source line, into functions with lines", True),
    Row(("next", "n"), "next", "next [N]: to another source line, over calls", True),
    Row(("stepi", "si"), "stepi", "stepi [N]: one instruction", True),
    Row(("nexti", "ni"), "nexti", "nexti [N]: one instruction, over calls", True),
    Row(("finish", "fin"), "finish", "to the caller of this function", True),
    Row(("until", "u", "advance"), "until", "until [PLACE]: to a place, or to a later line", True),
    Row(("reverse-continue", "rc"), "reverse_continue", "run backwards until something stops the program", True),
    Row(("reverse-step", "rs"), "reverse_step", "to the line before, into functions", True),
    Row(("reverse-next", "rn"), "reverse_next", "to the line before, over calls", True),
    Row(("reverse-stepi", "rsi"), "reverse_stepi", "reverse-stepi [N]: to the instruction before", True),
    Row(("reverse-nexti", "rni"), "reverse_nexti", "to the instruction before, over calls", True),
    Row(("reverse-finish",), "reverse_finish", "to the call of this function"),
    Row(("fault",), "fault", "to the next page fault, once it is handled", True),
    Row(("reverse-fault", "rfault"), "reverse_fault", "to the page fault before", True),
    Row(("syscall",), "syscall", "to the next system call", True),
    Row(("reverse-syscall", "rsyscall"), "reverse_syscall", "to the system call before", True),
    Row(("switch",), "switch", "to the next context switch", True),
    Row(("reverse-switch", "rswitch"), "reverse_switch", "to the context switch before", True),
    Row(("start",), "start", "to `main`, from the beginning"),
    Row(("run", "r"), "run", "from the beginning until something stops the program"),
    Row(("goto",), "goto", "goto INSTRUCTIONS|begin|end: stand at a moment of the run"),
    Row(("when",), "when", "the moment: instructions that the machine has executed"),
    Row(("print", "p", "inspect"), "print_", "print[/FORMAT] EXPRESSION: $a0, name, &name, *address, arithmetic"),
    Row(("x",), "examine", "x/NFU ADDRESS: N elements of memory, F of xduotacfsi, U of bhwg", True),
    Row(("display",), "display", "display[/FORMAT] EXPRESSION: print it at each stop"),
    Row(("undisplay",), "undisplay", "undisplay [NUMBER...]"),
    Row(("info", "i"), "info", "info registers|breakpoints|threads|inferiors|source|symbol|sharedlibrary|proc mappings|pte|frames|output"),
    Row(("backtrace", "bt", "where"), "backtrace", "the calls that led here"),
    Row(("frame", "f"), "frame", "frame [NUMBER]: select a frame"),
    Row(("up",), "up", "to the caller's frame", True),
    Row(("down",), "down", "to the callee's frame", True),
    Row(("thread", "t"), "thread", "thread [TID]: select a thread"),
    Row(("list", "l"), "list_", "list [PLACE]: source lines", True),
    Row(("disassemble", "disas"), "disassemble", "disassemble [PLACE]: the instructions of a function"),
    Row(("set",), "set_", "set $REGISTER = VALUE, set {SIZE}ADDRESS = VALUE: from here on it is another run"),
    Row(("why",), "why", "why EXPRESSION: the whole chain behind an address"),
    Row(("kill", "k"), "kill", "kill the selected process"),
    Row(("help", "h"), "help_", "help [COMMAND]"),
    Row(("quit", "q", "exit"), "quit_", "leave the debugger"),
)  # fmt: skip


class QuitRequest(Exception):
    """The user wants to leave."""


def find(word: str) -> Row:
    """The command of a word or of an unambiguous beginning. Raises CommandError."""
    for row in COMMANDS:
        if word in row.names:
            return row
    found = [row for row in COMMANDS if row.names[0].startswith(word)]
    if len(found) == 1:
        return found[0]
    if found:
        names = ", ".join(row.names[0] for row in found)
        raise CommandError(f'Ambiguous command "{word}": {names}.')
    near = get_close_matches(word, [name for row in COMMANDS for name in row.names], 1)
    hint = f' Did you mean "{near[0]}"?' if near else ' Try "help".'
    raise CommandError(f'Undefined command: "{word}".{hint}')


class Commands(LookingCommands):
    """Carries out lines of a user."""

    def __init__(self, session: Conversation):
        super().__init__(session)
        self._last = ""

    def execute(self, line: str) -> list[str]:
        """Carry out a line and return what it prints. An empty line repeats the last command.

        Raises CommandError for what the user got wrong, QuitRequest.
        """
        line = line.strip()
        if line.startswith("#"):
            return []
        again = not line
        line = line or self._last
        if not line:
            return []
        word, _, rest = line.partition(" ")
        if "/" in word:
            word, _, form = word.partition("/")
            rest = f"/{form} {rest}"
        row = find(word)
        self._last = line if row.repeats else ""
        if not again and row.method == "list_":
            self._last = "list"
        method: Callable[[str], list[str]] = getattr(self, row.method)
        if again and row.method == "examine":
            return self.examine("")
        try:
            return method(rest.strip())
        except CommandError:
            raise
        except ToyvmError as error:
            raise CommandError(str(error)) from None

    # Changing the run

    def set_(self, rest: str) -> list[str]:
        """`set`."""
        text = rest.removeprefix("var ").removeprefix("variable ")
        left, equals, right = text.partition("=")
        left = left.strip()
        if not equals:
            raise CommandError("set $REGISTER = VALUE, or set {SIZE}ADDRESS = VALUE")
        value = self.session.evaluate(right.strip())
        if left.startswith("$"):
            self._set_register(left[1:], value & M64)
            return []
        address, size = self.memory_of(left)
        data = (value & (1 << 8 * size) - 1).to_bytes(size, "little")
        try:
            self.session.target.write_memory(self.session.pid, address, data)
        except OSError as error:
            raise CommandError(f"Cannot access memory at address {address:#x} ({error.strerror})") from None
        return []

    def _set_register(self, name: str, value: int) -> None:
        from toyvm.isa.registers import F_NUMBERS, X_NUMBERS

        now = self.session.registers()
        x, f, pc, fcsr = list(now.x), list(now.f), now.pc, now.fcsr
        if name == "pc":
            pc = value
        elif name in X_NUMBERS:
            x[X_NUMBERS[name]] = value if X_NUMBERS[name] else 0
        elif name in F_NUMBERS:
            f[F_NUMBERS[name]] = value
        elif name == "fcsr":
            fcsr = value & 0xFF
        else:
            raise CommandError(f"No register is called ${name}.")
        self.session.target.write_registers(self.session.tid, Registers(tuple(x), pc, tuple(f), fcsr))

    def kill(self, rest: str) -> list[str]:
        """`kill`."""
        self.session.target.kill(self.session.pid)
        return [f"[Inferior (process {self.session.pid}) killed]"]

    def help_(self, rest: str) -> list[str]:
        """`help`."""
        if rest:
            row = find(rest)
            return [f"{', '.join(row.names)}: {row.help}"]
        return [f"{', '.join(row.names):32} {row.help}" for row in COMMANDS]

    def quit_(self, rest: str) -> list[str]:
        """`quit`."""
        raise QuitRequest
