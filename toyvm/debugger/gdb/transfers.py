"""qXfer: whole objects, read in pieces."""

from __future__ import annotations

import struct
from collections.abc import Callable
from xml.sax.saxutils import escape as xml_text
from xml.sax.saxutils import quoteattr

from ..target import ThreadState
from .packets import MAX_PACKET, PacketError, escape
from .register_numbers import target_xml
from .session import Session
from .thread_ids import hex_number

_DT_DEBUG = 21
_LONGEST_DYNAMIC = 4096  # bytes


def transfer(session: Session, text: str) -> bytes:
    """The reply to `qXfer:TEXT`; empty for an object that is not offered. Raises PacketError."""
    name, _, rest = text.partition(":")
    operation, _, rest = rest.partition(":")
    annex, _, piece = rest.rpartition(":")
    make = OBJECTS.get(name)
    if make is None or operation != "read":
        return b""
    offset, _, length = piece.partition(",")
    start, count = hex_number(offset), hex_number(length)
    data = make(session, annex)
    sent = data[start : start + min(count, MAX_PACKET // 2 - 1)]
    return (b"m" if start + len(sent) < len(data) else b"l") + escape(sent)


def _features(session: Session, annex: str) -> bytes:
    if annex != "target.xml":
        raise PacketError(f"no description {annex[:40]}")
    return target_xml().encode()


def _auxv(session: Session, annex: str) -> bytes:
    return session.target.auxv(session.selected_process())


def _siginfo(session: Session, annex: str) -> bytes:
    data = session.target.siginfo(session.selected().tid)
    if not data:
        raise PacketError("no signal stopped this thread")
    return data


def _exec_file(session: Session, annex: str) -> bytes:
    pid = hex_number(annex, 8) if annex else session.selected_process()
    for process in session.target.processes():
        if process.pid == pid:
            return process.exe.encode(errors="surrogateescape")
    raise PacketError(f"no process {pid}")


def _threads(session: Session, annex: str) -> bytes:
    rows = "".join(
        f"<thread id={quoteattr(session.name(thread.pid, thread.tid))} core='0' name={_quoted(thread.name)}>"
        f"{_clean(extra_info(thread))}</thread>\n"
        for thread in session.threads()
    )
    return f'<?xml version="1.0"?>\n<threads>\n{rows}</threads>\n'.encode()


def extra_info(thread: ThreadState) -> str:
    """What `info threads` shows of a thread besides its name."""
    if thread.running:
        return "running"
    if thread.syscall:
        return f"waits in {thread.syscall}"
    return {"R": "ready", "T": "stopped", "Z": "zombie"}.get(thread.state, "waits")


def _libraries(session: Session, annex: str) -> bytes:
    """The libraries of the one name space that there is.

    `lmid` is the address of its struct r_debug, as gdbserver has it; gdb takes no library without.
    """
    pid = session.selected_process()
    libraries = session.target.libraries(pid)
    main = f' main-lm="0x{libraries[0].link_map:x}"' if libraries else ""
    debug = _r_debug(session, pid, libraries[0].dynamic) if libraries else 0
    rows = "".join(
        f'<library name={_quoted(library.path)} lm="0x{library.link_map:x}" l_addr="0x{library.base:x}" '
        f'l_ld="0x{library.dynamic:x}" lmid="0x{debug:x}"/>\n'
        for library in libraries[1:]
    )
    head = '<?xml version="1.0"?>\n<!DOCTYPE library-list-svr4 SYSTEM "library-list-svr4.dtd">\n'
    return f'{head}<library-list-svr4 version="1.0"{main}>\n{rows}</library-list-svr4>\n'.encode()


def _r_debug(session: Session, pid: int, dynamic: int) -> int:
    """What DT_DEBUG of the program's dynamic section says; 0 if it has none."""
    data = session.target.read_memory(pid, dynamic, _LONGEST_DYNAMIC)
    for tag, value in struct.iter_unpack("<2Q", data[: len(data) // 16 * 16]):
        if tag == _DT_DEBUG:
            return int(value)
        if not tag:
            break
    return 0


def _osdata(session: Session, annex: str) -> bytes:
    if annex in ("", "types"):
        rows = [{"Type": "processes", "Description": "Listing of all processes", "Title": "Processes"}]
        return _table("types", rows)
    if annex != "processes":
        raise PacketError(f"no table {annex[:40]}; there is: processes")
    rows = [
        {
            "pid": str(process.pid),
            "user": "root",
            "command": b" ".join(process.command).decode(errors="replace"),
            "cores": "0",
        }
        for process in session.target.processes()
    ]
    return _table("processes", rows)


def _table(name: str, rows: list[dict[str, str]]) -> bytes:
    text = "".join(
        "<item>"
        + "".join(f'<column name="{key}">{_clean(value)}</column>' for key, value in row.items())
        + "</item>\n"
        for row in rows
    )
    head = '<?xml version="1.0"?>\n<!DOCTYPE target SYSTEM "osdata.dtd">\n'
    return f'{head}<osdata type="{name}">\n{text}</osdata>\n'.encode()


def _clean(text: str) -> str:
    """Text as XML has it: control characters and what is no UTF-8 cannot be in it."""
    return xml_text("".join(c if c.isprintable() else "?" for c in text))


def _quoted(text: str) -> str:
    return quoteattr("".join(c if c.isprintable() else "?" for c in text))


OBJECTS: dict[str, Callable[[Session, str], bytes]] = {
    "features": _features,
    "auxv": _auxv,
    "siginfo": _siginfo,
    "exec-file": _exec_file,
    "threads": _threads,
    "libraries-svr4": _libraries,
    "osdata": _osdata,
}
