"""Commands after `monitor`: what toyvm knows and gdb has no packet for."""

from __future__ import annotations

from collections.abc import Callable

from ...base.errors import ToyvmError, UsageError
from ...isa.registers import X_NUMBERS
from ..target import Moment
from .packets import PacketError
from .session import Session

_LONGEST = 1000


def run_command(session: Session, line: str) -> str:
    """What a command prints. Raises PacketError or UsageError for one that does not exist, or that has wrong words."""
    words = line[:_LONGEST].split()
    if not words:
        return _help(session, [])
    known = COMMANDS.get(words[0])
    if known is not None:
        text = known[0](session, words[1:])
    elif words[0] in QUESTIONS:
        text = _question(session, words)
    else:
        raise UsageError(f"no command '{words[0]}'; `monitor help` lists the commands")
    return text if text.endswith("\n") or not text else text + "\n"


def _question(session: Session, words: list[str]) -> str:
    needs = QUESTIONS[words[0]][0]
    if len(words) != 1 + bool(needs):
        raise UsageError(f"monitor {words[0]} takes {f'one {needs.lower()}' if needs else 'nothing else'}")
    address = _address(session, words[1]) if needs else 0
    return session.target.ask(words[0], session.selected_process(), address)


def _address(session: Session, word: str) -> int:
    """A number as gdb prints it, or a register: `$sp`."""
    if word.startswith("$"):
        registers = session.target.registers(session.selected().tid)
        if word == "$pc":
            return registers.pc
        if word[1:] in X_NUMBERS:
            return registers.x[X_NUMBERS[word[1:]]]
    try:
        return int(word, 0) & (1 << 64) - 1
    except ValueError:
        raise UsageError(
            f"'{word}' is no address: a number such as 0x10540, or a register such as $sp "
            '(for an expression: eval "monitor why %lu", &name)'
        ) from None


def _when(session: Session, words: list[str]) -> str:
    return moment_text(session.target.moment)


def moment_text(moment: Moment) -> str:
    """A moment as `monitor when` prints it and `monitor goto` reads it."""
    return f"{moment.instructions}.{moment.entry}" if moment.entry else f"{moment.instructions}"


def _goto(session: Session, words: list[str]) -> str:
    if len(words) != 1:
        raise UsageError("monitor goto takes one moment, as `monitor when` prints it")
    instructions, _, entry = words[0].replace(",", "").partition(".")
    if not instructions.isdecimal() or (entry and not entry.isdecimal()) or len(words[0]) > 40:
        raise UsageError(f"'{words[0]}' is no moment: `monitor when` prints one")
    stop = session.target.go_to(Moment(int(instructions), int(entry or 0)))
    alive = {process.pid for process in session.target.processes() if process.alive}
    if not alive:
        raise UsageError("no process is left at that moment; go to another before gdb asks for one")
    session.attached &= alive
    session.attached = session.attached or alive
    session.stopped(stop)
    return (
        f"{moment_text(session.target.moment)}\n"
        "gdb does not know yet that the run has moved: maintenance flush register-cache\n"
    )


def _help(session: Session, words: list[str]) -> str:
    rows = [(f"{name} {argument}".strip(), text) for name, (argument, text) in QUESTIONS.items()]
    rows += [(f"{name} {argument}".strip(), text) for name, (_, argument, text) in COMMANDS.items()]
    width = max(len(name) for name, _ in rows)
    return "".join(f"monitor {name:<{width}}  {text}\n" for name, text in rows)


# The questions of Target.ask that make sense here: argument, what the answer is.
QUESTIONS = {
    "maps": ("", "the mappings of the process, as in /proc/PID/maps"),
    "smaps": ("", "the mappings with the memory that each has"),
    "pagetable": ("", "the page table"),
    "pte": ("ADDRESS", "the walk of the page table to an address"),
    "why": ("ADDRESS", "what an address is, its frame and who else has it, and what an access would do"),
    "memory": ("", "where the memory of the process is, and with whom it is shared"),
    "frame": ("NUMBER", "what a physical frame is used for, and who refers to it"),
    "frames": ("", "the physical frames of the machine"),
}
COMMANDS: dict[str, tuple[Callable[[Session, list[str]], str], str, str]] = {
    "when": (_when, "", "the moment at which the run stands: instructions that were executed before"),
    "goto": (_goto, "MOMENT", "stand at another moment, before or after this one"),
    "help": (_help, "", "this list"),
}


def answer(session: Session, line: str) -> bytes:
    """Print what the command prints, or why it cannot: gdb would call an error one of the protocol."""
    try:
        text = run_command(session, line)
    except ToyvmError as error:
        text = f"{error}\n"
    except OSError as error:
        text = f"{error.strerror or error}\n"
    session.connection.print(text.encode(errors="replace"))
    return b"OK"


def parse_line(data: bytes) -> str:
    """The words of a command. Raises PacketError if they are no text."""
    try:
        return data.decode()
    except UnicodeDecodeError:
        raise PacketError("the command is no text") from None
