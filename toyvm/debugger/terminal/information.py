"""`info ...`: the tables of the debugger."""

from __future__ import annotations

from collections.abc import Callable

from toyvm.base.bits import M64, sext
from toyvm.isa.registers import F_NAMES, X_NAMES

from .conversation import CommandError, Conversation


def information(session: Conversation, text: str) -> list[str]:
    """The lines of one table. Raises CommandError."""
    word, _, rest = text.partition(" ")
    if not word:
        raise CommandError(f"info one of: {', '.join(_TABLES)}")
    found = [name for name in _TABLES if name.startswith(word)]
    short = _SHORT.get(word)
    if short is None and len(found) != 1:
        names = ", ".join(found or _TABLES)
        raise CommandError(f'"info {word}" is not one of: {names}')
    return _TABLES[short or found[0]](session, rest.strip())


def _registers(session: Conversation, rest: str) -> list[str]:
    now = session.registers()
    wanted = [name.removeprefix("$") for name in rest.split()]
    rows = [(name, now.x[number]) for number, name in enumerate(X_NAMES)]
    rows.append(("pc", session.pc))
    if wanted:
        rows = [(name, session.register(name) & M64) for name in wanted]
    lines = []
    for name, value in rows:
        where = session.places.describe(session.pid, value)
        shown = f"<{where}>" if where else str(sext(value, 64))
        lines.append(f"{name:<15}{value:#018x}  {shown}")
    return lines


def _floats(session: Conversation, rest: str) -> list[str]:
    from .formats import formatted

    now = session.registers()
    lines = [
        f"{name:<15}{bits:#018x}  {formatted(bits, 'f')}" for name, bits in zip(F_NAMES, now.f, strict=True)
    ]
    return [*lines, f"{'fcsr':<15}{now.fcsr:#x}"]


def _breakpoints(session: Conversation, rest: str) -> list[str]:
    points = list(session.points)
    if not points:
        return ["No breakpoints or watchpoints."]
    lines = ["Num     Type           Disp Enb Address            What"]
    for point in points:
        lines.append(point.shown())
        if point.condition:
            lines.append(f"\tstop only if {point.condition}")
        if point.hits:
            lines.append(f"\tbreakpoint already hit {point.hits} time{'s' if point.hits != 1 else ''}")
    return lines


def _threads(session: Conversation, rest: str) -> list[str]:
    lines = ["  Thread   Process  State  Name             Place"]
    for thread in session.target.threads():
        mark = "*" if thread.tid == session.tid else " "
        pc = session.target.registers(thread.tid).pc
        place = session.places.describe(thread.pid, pc) or hex(pc)
        waits = f" in {thread.syscall}" if thread.syscall else ""
        lines.append(
            f"{mark} {thread.tid:<8} {thread.pid:<8} {thread.state:<6} {thread.name:<16} {place}{waits}"
        )
    return lines


def _inferiors(session: Conversation, rest: str) -> list[str]:
    lines = ["  Process  Parent   Executable"]
    for process in session.target.processes():
        mark = "*" if process.pid == session.pid else " "
        ended = "" if process.alive else " (ended)"
        lines.append(f"{mark} {process.pid:<8} {process.parent:<8} {process.exe}{ended}")
    return lines


def _libraries(session: Conversation, rest: str) -> list[str]:
    libraries = session.target.libraries(session.pid)
    if not libraries:
        return ["No shared libraries loaded at this time."]
    return ["Base               Shared object", *(f"{lib.base:#018x} {lib.path}" for lib in libraries)]


def _symbol(session: Conversation, rest: str) -> list[str]:
    address = session.evaluate(rest if not rest.isidentifier() else f"&{rest}") & M64
    where = session.places.describe(session.pid, address)
    return [f"{address:#x} is {where}" if where else f"No symbol matches {rest}."]


def _source(session: Conversation, rest: str) -> list[str]:
    source = session.source()
    if source is None:
        return ["No current source file."]
    return [f"{source.file}, line {source.line}, addresses {source.start:#x} to {source.end:#x}"]


def _frame(session: Conversation, rest: str) -> list[str]:
    frames = session.backtrace()
    return [frames[session.frame].text] if frames else []


def _proc(session: Conversation, rest: str) -> list[str]:
    return session.ask("status" if rest == "status" else "maps")


def _pte(session: Conversation, rest: str) -> list[str]:
    if not rest:
        return session.ask("pagetable")
    return session.ask("pte", session.evaluate(rest) & M64)


def _output(session: Conversation, rest: str) -> list[str]:
    return session.target.output().decode("utf-8", "replace").splitlines()


def _display(session: Conversation, rest: str) -> list[str]:
    return session.shown_displays() or ["There are no auto-display expressions now."]


_TABLES: dict[str, Callable[[Conversation, str], list[str]]] = {
    "registers": _registers,
    "float": _floats,
    "breakpoints": _breakpoints,
    "watchpoints": _breakpoints,
    "threads": _threads,
    "inferiors": _inferiors,
    "sharedlibrary": _libraries,
    "symbol": _symbol,
    "source": _source,
    "frame": _frame,
    "proc": _proc,
    "pte": _pte,
    "pagetable": lambda session, _: session.ask("pagetable"),
    "frames": lambda session, _: session.ask("frames"),
    "output": _output,
    "display": _display,
}
_SHORT = {"r": "registers", "b": "breakpoints", "s": "symbol", "f": "frame", "line": "source"}
