"""General queries and settings: the packets `q...` and `Q...`."""

from __future__ import annotations

from collections.abc import Callable

from ..target import Target, ThreadState
from . import monitor
from .packets import MAX_PACKET, PacketError
from .register_numbers import register_info
from .session import Session
from .signals import linux_signal
from .thread_ids import hex_bytes, hex_number
from .transfers import OBJECTS, extra_info, transfer

_FEATURES = (
    "QStartNoAckMode+;multiprocess+;swbreak+;hwbreak+;vContSupported+;fork-events+;vfork-events+;exec-events+;"
    "QThreadEvents+;QPassSignals+;QProgramSignals+;QCatchSyscalls+;ReverseStep+;ReverseContinue+;"
    "binary-upload+;error-message+;qXfer:features:read+;"
)
_TRIPLE = "riscv64-unknown-linux-gnu"
_LONGEST_SEARCH = 1 << 30
_SEARCH_PIECE = 1 << 20


def query(session: Session, text: str) -> bytes:
    """The reply to a query; empty for one that is not known. Raises PacketError."""
    for end in ":,;":
        name, found, rest = text.partition(end)
        if found and name in QUERIES:
            return QUERIES[name](session, rest)
    if text in QUERIES:
        return QUERIES[text](session, "")
    for name in ("qRegisterInfo", "qThreadExtraInfo"):
        if text.startswith(name):
            return QUERIES[name](session, text[len(name) :].lstrip(","))
    return b""


def _supported(session: Session, text: str) -> bytes:
    session.features = frozenset(word[:-1] for word in text.split(";") if word.endswith("+"))
    if "xmlRegisters" in text:
        session.features |= {"xmlRegisters"}
    objects = "".join(f"qXfer:{name}:read+;" for name in OBJECTS if name != "features")
    return f"PacketSize={MAX_PACKET:x};{_FEATURES}{objects}".rstrip(";").encode()


def _no_acknowledgements(session: Session, text: str) -> bytes:
    session.connection.send(b"OK")
    session.connection.acknowledging = False
    return NO_REPLY


NO_REPLY = b"\0no reply"


def _current(session: Session, text: str) -> bytes:
    thread = session.selected()
    return f"QC{session.name(thread.pid, thread.tid)}".encode()


def _first_threads(session: Session, text: str) -> bytes:
    session.listed = session.threads()
    return _more_threads(session, text)


def _more_threads(session: Session, text: str) -> bytes:
    room = MAX_PACKET // 24
    now, session.listed = session.listed[:room], session.listed[room:]
    return ("m" + ",".join(session.name(thread.pid, thread.tid) for thread in now) if now else "l").encode()


def _thread_text(session: Session, text: str) -> bytes:
    thread: ThreadState = session.find(text)
    return f"{thread.name}: {extra_info(thread)}".encode(errors="replace").hex().encode()


def _attached(session: Session, text: str) -> bytes:
    return b"0"  # toyvm made the process: gdb kills it when it quits


def _symbols(session: Session, text: str) -> bytes:
    return b"OK"


def _command(session: Session, text: str) -> bytes:
    return monitor.answer(session, monitor.parse_line(hex_bytes(text)))


def _search(session: Session, text: str) -> bytes:
    """qSearch:memory:ADDRESS;LENGTH;PATTERN. The pattern is binary and has no escapes any more."""
    where, _, rest = text.removeprefix("memory:").partition(";")
    length, _, pattern = rest.partition(";")
    wanted = pattern.encode("latin-1")
    address, left = hex_number(where), min(hex_number(length), _LONGEST_SEARCH)
    if not wanted:
        raise PacketError("nothing to search for")
    pid, kept = session.selected_process(), b""
    while left > 0:
        data = session.target.read_memory(pid, address, min(left, _SEARCH_PIECE))
        found = (kept + data).find(wanted)
        if found >= 0:
            return b"1,%x" % (address - len(kept) + found)
        if len(data) < min(left, _SEARCH_PIECE):
            break
        kept = (kept + data)[len(kept) + len(data) - len(wanted) + 1 :]
        address, left = address + len(data), left - len(data)
    return b"0"


def _crc(session: Session, text: str) -> bytes:
    """The checksum of memory that `compare-sections` compares."""
    where, _, length = text.partition(",")
    count = hex_number(length)
    if count > _SEARCH_PIECE * 16:
        raise PacketError("too long")
    return b"C%x" % _crc32(_memory(session.target, session.selected_process(), hex_number(where), count))


def _memory(target: Target, pid: int, address: int, length: int) -> bytes:
    data = target.read_memory(pid, address, length)
    if len(data) < length:
        raise PacketError("there is no memory")
    return data


def _crc_table() -> list[int]:
    table = []
    for byte in range(256):
        value = byte << 24
        for _ in range(8):
            value = (value << 1 ^ (0x04C11DB7 if value & 0x80000000 else 0)) & 0xFFFFFFFF
        table.append(value)
    return table


def _crc32(data: bytes) -> int:
    table, value = _crc_table(), 0xFFFFFFFF
    for byte in data:
        value = (value << 8 & 0xFFFFFFFF) ^ table[(value >> 24 ^ byte) & 0xFF]
    return value


def _pass_signals(session: Session, text: str) -> bytes:
    numbers = [linux_signal(hex_number(word, 2)) for word in text.split(";") if word]
    session.pass_signals = frozenset(number for number in numbers if number)
    return b"OK"


def _program_signals(session: Session, text: str) -> bytes:
    return b"OK"  # after a detach the program gets each of its signals


def _catch_syscalls(session: Session, text: str) -> bytes:
    on, _, numbers = text.partition(";")
    if on not in ("0", "1"):
        raise PacketError("QCatchSyscalls takes 0 or 1")
    calls = frozenset(hex_number(word, 8) for word in numbers.split(";") if word)
    session.caught_syscalls = calls if on == "1" else None
    return b"OK"


def _thread_events(session: Session, text: str) -> bytes:
    if text not in ("0", "1"):
        raise PacketError("QThreadEvents takes 0 or 1")
    session.thread_events = text == "1"
    return b"OK"


def _non_stop(session: Session, text: str) -> bytes:
    if text != "0":
        raise PacketError("the threads of a run stop together: set non-stop off")
    return b"OK"


def _host_info(session: Session, text: str) -> bytes:
    return f"triple:{_TRIPLE.encode().hex()};ptrsize:8;endian:little;hostname:{b'toyvm'.hex()};".encode()


def _process_info(session: Session, text: str) -> bytes:
    pid = session.selected_process()
    parent = next((process.parent for process in session.target.processes() if process.pid == pid), 0)
    triple = _TRIPLE.encode().hex()
    return (
        f"pid:{pid:x};parent-pid:{parent:x};real-uid:0;real-gid:0;effective-uid:0;effective-gid:0;"
        f"triple:{triple};ostype:linux;endian:little;ptrsize:8;"
    ).encode()


def _memory_region(session: Session, text: str) -> bytes:
    """The mapping around an address, or the hole, in LLDB's words. A hole has no permissions."""
    address, begin = hex_number(text), 0
    for line in session.target.ask("maps", session.selected_process()).splitlines():
        extent, permissions, *_, name = [*line.split(None, 5), ""][:6]
        start, end = (int(word, 16) for word in extent.split("-"))
        if address < start:
            return _region(begin, start)
        if address < end:
            shown = "".join(letter for letter in permissions if letter in "rwx")
            return _region(start, end) + f"permissions:{shown};name:{name.encode().hex()};".encode()
        begin = end
    return _region(begin, 1 << 64)


def _region(start: int, end: int) -> bytes:
    return f"start:{start:x};size:{end - start:x};".encode()


def _register_info(session: Session, text: str) -> bytes:
    return register_info(hex_number(text, 4)).encode()


QUERIES: dict[str, Callable[[Session, str], bytes]] = {
    "qSupported": _supported,
    "QStartNoAckMode": _no_acknowledgements,
    "qC": _current,
    "qfThreadInfo": _first_threads,
    "qsThreadInfo": _more_threads,
    "qThreadExtraInfo": _thread_text,
    "qAttached": _attached,
    "qSymbol": _symbols,
    "qRcmd": _command,
    "qXfer": transfer,
    "qSearch": _search,
    "qCRC": _crc,
    "QPassSignals": _pass_signals,
    "QProgramSignals": _program_signals,
    "QCatchSyscalls": _catch_syscalls,
    "QThreadEvents": _thread_events,
    "QNonStop": _non_stop,
    "qHostInfo": _host_info,
    "qProcessInfo": _process_info,
    "qRegisterInfo": _register_info,
    "qMemoryRegionInfo": _memory_region,
}
