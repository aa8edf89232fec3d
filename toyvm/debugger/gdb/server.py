"""The server: takes packets from a debugger, and answers each."""

from __future__ import annotations

import errno
from collections.abc import Callable

from ...base.errors import ToyvmError
from . import running
from .connection import ClosedError
from .packets import MAX_PACKET, PacketError, escape, unescape
from .queries import NO_REPLY, query
from .register_numbers import read_all, read_one, write_all, write_one
from .session import Ending, Session
from .stop_replies import present_reply
from .thread_ids import hex_bytes, hex_number, parse_thread_id

_MOST_READ = MAX_PACKET // 2 - 1
# A reply `E.text` to these is read as text by every gdb. gdb 13 takes it for data after `m` and `g`.
_MAY_EXPLAIN = ("Z", "z", "vRun", "vKill", "vAttach", "D", "QNonStop")


def serve(session: Session) -> Ending:
    """Answer the debugger until the session ends.

    After DETACHED the run can go on without the debugger: `running.run_on`.
    """
    try:
        while session.ending is Ending.OPEN:
            _serve_one(session)
    except ClosedError:
        if session.ending is Ending.OPEN:
            session.ending = Ending.KILLED
    return session.ending


def _serve_one(session: Session) -> None:
    payload = session.connection.receive()
    if payload is None:
        return  # a Ctrl-C while the run stands still
    reply = answer(session, payload)
    if reply != NO_REPLY:
        session.connection.send(reply)
    if session.extended and session.ending is Ending.DETACHED:
        running.run_on(session.target)
        session.ending = Ending.OPEN


def answer(session: Session, payload: bytes) -> bytes:
    """The reply to a packet: empty if it is not known, `E` and an error's number or text if it is wrong."""
    try:
        return _dispatch(session, payload)
    except OSError as error:
        return b"E%02x" % ((error.errno or errno.EIO) & 0xFF)
    except ToyvmError as error:
        return _error(session, payload, str(error))


def _error(session: Session, payload: bytes, text: str) -> bytes:
    name = payload[:20].decode("latin-1")
    if "error-message" in session.features or name.startswith(_MAY_EXPLAIN):
        return b"E." + " ".join(text.split())[:500].encode("ascii", errors="replace")
    return b"E01"


def _dispatch(session: Session, payload: bytes) -> bytes:
    letter = payload[:1].decode("latin-1")
    if letter == "X" or payload.startswith(b"qSearch:"):
        payload = unescape(payload)
    text = payload.decode("latin-1")
    if letter in ("q", "Q"):
        return query(session, text)
    if letter == "v":
        return _named(session, text)
    if letter == "b" and text not in ("bs", "bc"):
        return b""
    handler = _HANDLERS.get(letter)
    return handler(session, text[1:]) if handler is not None else b""


def _named(session: Session, text: str) -> bytes:
    if text == "vCont?":
        return running.CONTINUE_ACTIONS.encode()
    if text.startswith("vCont;"):
        return running.resume(session, running.parse_actions(text.removeprefix("vCont;")))
    if text.startswith("vFile:"):
        operation, _, arguments = text.removeprefix("vFile:").partition(":")
        return session.files.answer(operation, arguments)
    if text.startswith("vKill;"):
        return running.kill(session, text.removeprefix("vKill;"))
    if text.startswith("vRun;"):
        return running.restart(session, text.removeprefix("vRun;"))
    if text.startswith("vAttach;"):
        raise PacketError("processes of the run are attached from their beginning")
    return b""


def _stop(session: Session, text: str) -> bytes:
    return present_reply(session)


def _extend(session: Session, text: str) -> bytes:
    session.extended = True
    return b"OK"


def _select(session: Session, text: str) -> bytes:
    thread = parse_thread_id(text[1:])
    if text[:1] not in ("g", "c"):
        raise PacketError("H selects for g or c")
    if thread.tid > 0:
        found = session.resolve(thread)
        thread = thread._replace(pid=found.pid)
    elif thread.pid > 0 and thread.pid not in session.attached:
        raise PacketError(f"no process {thread.pid}")
    if text[:1] == "g":
        session.general = thread
    else:
        session.continuing = thread
    return b"OK"


def _alive(session: Session, text: str) -> bytes:
    session.find(text)
    return b"OK"


def _read_registers(session: Session, text: str) -> bytes:
    return read_all(session.target.registers(session.selected().tid)).encode()


def _write_registers(session: Session, text: str) -> bytes:
    tid = session.selected().tid
    session.target.write_registers(tid, write_all(hex_bytes(text), session.target.registers(tid)))
    return b"OK"


def _read_register(session: Session, text: str) -> bytes:
    number = hex_number(text.partition(";")[0], 8)  # lldb adds ;thread:ID;
    return read_one(number, session.target.registers(session.selected().tid)).encode()


def _write_register(session: Session, text: str) -> bytes:
    number, equals, value = text.partition("=")
    if not equals:
        raise PacketError("P takes NUMBER=VALUE")
    tid = session.selected().tid
    registers = session.target.registers(tid)
    session.target.write_registers(tid, write_one(hex_number(number, 8), hex_bytes(value), registers))
    return b"OK"


def _span(text: str) -> tuple[int, int]:
    address, comma, length = text.partition(",")
    if not comma:
        raise PacketError("an address without a length")
    return hex_number(address), hex_number(length)


def _memory(session: Session, text: str) -> bytes:
    address, length = _span(text)
    if not length:
        return b""
    data = session.target.read_memory(session.selected_process(), address, min(length, _MOST_READ))
    if not data:
        raise OSError(errno.EFAULT, "")
    return data


def _read_memory(session: Session, text: str) -> bytes:
    return _memory(session, text).hex().encode()


def _read_binary(session: Session, text: str) -> bytes:
    return b"b" + escape(_memory(session, text))


def _write_memory(session: Session, text: str) -> bytes:
    where, _, data = text.partition(":")
    return _write(session, where, hex_bytes(data))


def _write_binary(session: Session, text: str) -> bytes:
    where, _, data = text.partition(":")
    return _write(session, where, data.encode("latin-1"))


def _write(session: Session, where: str, data: bytes) -> bytes:
    address, length = _span(where)
    if length != len(data):
        raise PacketError(f"{len(data)} bytes, {length} were announced")
    if data:
        session.target.write_memory(session.selected_process(), address, data)
    return b"OK"


def _point(text: str) -> tuple[int, int, int] | None:
    """Type, address and kind; None for a type that is not known. Conditions are left to the debugger."""
    words = text.partition(";")[0].split(",")
    if len(words) != 3:
        raise PacketError("a breakpoint has a type, an address and a kind")
    if words[0] not in ("0", "1", "2", "3", "4"):
        return None
    return int(words[0]), hex_number(words[1]), hex_number(words[2], 8)


def _insert(session: Session, text: str) -> bytes:
    point = _point(text)
    if point is None:
        return b""
    session.points.insert(session.selected_process(), *point)
    return b"OK"


def _remove(session: Session, text: str) -> bytes:
    point = _point(text)
    if point is None:
        return b""
    session.points.remove(session.selected_process(), *point)
    return b"OK"


def _back(session: Session, text: str) -> bytes:
    return running.step_back(session) if text == "s" else running.continue_back(session)


def _detach(session: Session, text: str) -> bytes:
    return running.detach(session, text.removeprefix(";"))


def _kill_all(session: Session, text: str) -> bytes:
    session.ending = Ending.KILLED
    return NO_REPLY


def _restart(session: Session, text: str) -> bytes:
    running.restart(session, "")
    return NO_REPLY


def _resumer(letter: str) -> Callable[[Session, str], bytes]:
    return lambda session, text: running.resume_simply(session, letter + text)


_HANDLERS: dict[str, Callable[[Session, str], bytes]] = {
    "?": _stop,
    "!": _extend,
    "H": _select,
    "T": _alive,
    "g": _read_registers,
    "G": _write_registers,
    "p": _read_register,
    "P": _write_register,
    "m": _read_memory,
    "x": _read_binary,
    "M": _write_memory,
    "X": _write_binary,
    "Z": _insert,
    "z": _remove,
    "b": _back,
    "D": _detach,
    "k": _kill_all,
    "R": _restart,
    **{letter: _resumer(letter) for letter in "cCsS"},
}
