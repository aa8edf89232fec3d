"""The server's answers to packets, with a bare machine as the run."""

from __future__ import annotations

import io
import os
import re
import socket
import struct
import threading
from xml.etree import ElementTree

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.support.bare_machine import CODE, DATA, code
from tests.support.bare_target import EXECVE, EXIT, FORK, WRITE, BareTarget
from toyvm.debugger.gdb.connection import ClosedError, Connection, DebuggerConsole
from toyvm.debugger.gdb.packets import MAX_PACKET, escape, expand_runs, frame, unescape
from toyvm.debugger.gdb.queries import NO_REPLY, QUERIES
from toyvm.debugger.gdb.server import answer, serve
from toyvm.debugger.gdb.session import Ending, Session
from toyvm.debugger.target import Breakpoint, Conditions, Stop

ALL_EVENTS = (
    b"multiprocess+;swbreak+;hwbreak+;fork-events+;vfork-events+;exec-events+;vContSupported+;error-message+"
)


def call(number: int, *arguments: int) -> list[tuple[str, dict[str, int]] | str]:
    """A system call."""
    rows: list[tuple[str, dict[str, int]] | str] = [
        ("addi", {"rd": 10 + n, "rs1": 0, "imm": value})
        if value < 2048
        else ("lui", {"rd": 10 + n, "imm": value})
        for n, value in enumerate(arguments)
    ]
    return [*rows, ("addi", {"rd": 17, "rs1": 0, "imm": number}), "ecall"]


# Stores 1, 2 and 3 at DATA, then says it and exits.
COUNTING = code(
    ("lui", {"rd": 5, "imm": DATA}),
    ("addi", {"rd": 6, "rs1": 0, "imm": 0}),
    ("addi", {"rd": 6, "rs1": 6, "imm": 1}),  # CODE + 8
    ("sd", {"rs1": 5, "rs2": 6, "imm": 0}),  # CODE + 12
    ("addi", {"rd": 7, "rs1": 0, "imm": 3}),
    ("blt", {"rs1": 6, "rs2": 7, "imm": -12}),
    *call(WRITE, 1, DATA, 1),  # CODE + 24
    *call(EXIT, 7),
)


class Wire:
    """A connection that keeps what is sent."""

    def __init__(self) -> None:
        self.sent: list[bytes] = []
        self.acknowledging = True

    def send(self, payload: bytes) -> None:
        self.sent.append(payload)

    print = Connection.print

    def watching(self, interrupt: object) -> threading.Lock:
        return threading.Lock()  # any context manager


def session(text: bytes = COUNTING, features: bytes = ALL_EVENTS, **files: bytes) -> Session:
    target = BareTarget(text, {f"/{name}": data for name, data in files.items()})
    made = Session(target, Wire())  # type: ignore[arg-type] # a stand-in
    answer(made, b"qSupported:" + features)
    return made


def asked(made: Session, *packets: bytes) -> list[bytes]:
    return [answer(made, packet) for packet in packets]


def console(made: Session) -> bytes:
    wire = made.connection
    assert isinstance(wire, Wire)
    texts = [bytes.fromhex(item[1:].decode()) for item in wire.sent if item[:1] == b"O"]
    wire.sent.clear()
    return b"".join(texts)


def pairs(reply: bytes) -> dict[str, str]:
    assert reply[:1] == b"T", reply
    return dict(word.split(":", 1) for word in reply[3:].decode().split(";") if word)


def pc_of(reply: bytes) -> int:
    return int.from_bytes(bytes.fromhex(pairs(reply)["20"]), "little")


def test_what_it_supports() -> None:
    reply = answer(session(), b"qSupported:multiprocess+;xmlRegisters=i386").decode()
    assert f"PacketSize={MAX_PACKET:x}" in reply
    for word in (
        "ReverseStep+",
        "ReverseContinue+",
        "fork-events+",
        "qXfer:libraries-svr4:read+",
        "multiprocess+",
    ):
        assert word in reply.split(";")


def test_the_first_stop() -> None:
    reply = answer(session(), b"?")
    assert reply[:3] == b"T05" and pairs(reply)["thread"] == "p1.1" and pc_of(reply) == CODE
    assert pairs(answer(session(features=b""), b"?"))["thread"] == "1"


def test_registers_are_those_of_the_description() -> None:
    made = session()
    first = answer(made, b"qXfer:features:read:target.xml:0,fffff")
    root = ElementTree.fromstring(unescape(first[1:]).decode())
    features = [element.attrib["name"] for element in root.iter("feature")]
    assert features == [f"org.gnu.gdb.riscv.{name}" for name in ("cpu", "fpu", "csr")]
    rows = [(int(reg.attrib["regnum"]), int(reg.attrib["bitsize"]) // 8) for reg in root.iter("reg")]
    assert [number for number, _ in rows] == [*range(65), 66, 67, 68, 65 + 0xC00, 65 + 0xC01, 65 + 0xC02]
    everything = answer(made, b"g").decode()
    single = [answer(made, b"p%x" % number).decode() for number, _ in rows]
    assert everything == "".join(single)
    assert [len(text) // 2 for text in single] == [size for _, size in rows]
    assert asked(made, b"p41", b"pffffffff", b"pzz") == [
        b"E.no register has the number 65",
        b"E.no register has the number 4294967295",
        b"E.'zz' is not a hexadecimal number",
    ]


def test_registers_are_written() -> None:
    made = session()
    value = "efbeadde00000000"
    assert answer(made, f"P5={value}".encode()) == b"OK"
    assert answer(made, b"p5").decode() == value
    assert asked(made, b"P0=0100000000000000", b"p0") == [b"OK", b"0" * 16]
    assert asked(made, b"P44=ff000000", b"p44", b"p42", b"p43") == [
        b"OK",
        b"ff000000",
        b"1f000000",
        b"07000000",
    ]
    assert asked(made, b"P42=00000000", b"P43=01000000", b"p44") == [b"OK", b"OK", b"20000000"]
    assert asked(made, b"P21=0000000000000840", b"p21") == [b"OK", b"0000000000000840"]
    assert answer(made, b"Pc41=0000000000000000").startswith(b"E.cycle counts by itself")
    assert answer(made, b"P5=00").startswith(b"E.1 bytes for t0")
    before = answer(made, b"g")
    changed = bytearray(bytes.fromhex(before.decode()))
    changed[8:16] = b"\1" * 8
    assert answer(made, b"G" + changed.hex().encode()) == b"OK"
    assert bytes.fromhex(answer(made, b"p1").decode()) == b"\1" * 8
    assert answer(made, b"G00").startswith(b"E.")


def test_memory() -> None:
    made = session()
    assert answer(made, b"m%x,4" % CODE) == COUNTING[:4].hex().encode()
    assert answer(made, b"x%x,8" % CODE) == b"b" + escape(COUNTING[:8])
    assert answer(made, b"m0,8") == b"E0e"
    assert len(answer(made, b"m%x,ffffffff" % DATA)) < MAX_PACKET
    assert asked(made, b"M%x,2:3132" % DATA, b"m%x,3" % DATA) == [b"OK", b"313200"]
    assert asked(made, b"X%x,0:" % DATA, b"X%x,3:}\x03}\x04z" % DATA, b"m%x,3" % DATA) == [
        b"OK",
        b"OK",
        b"23247a",
    ]
    assert answer(made, b"M0,1:00") == b"E0e"
    assert answer(made, b"M%x,5:00" % DATA).startswith(b"E.1 bytes, 5 were announced")
    assert answer(made, b"X%x,1:}" % DATA).startswith(b"E.")


def test_search_and_checksum() -> None:
    made = session()
    assert answer(made, b"qSearch:memory:%x;%x;%b" % (CODE, 0x1000, escape(COUNTING[8:12]))) == b"1,%x" % (
        CODE + 8
    )
    assert answer(made, b"qSearch:memory:%x;4;nothing" % CODE) == b"0"
    assert answer(made, b"qSearch:memory:%x;4;" % CODE).startswith(b"E.")
    assert answer(made, b"qCRC:%x,4" % DATA) == b"Cc704dd7b"  # of four zeros, most significant bit first
    assert answer(made, b"qCRC:0,4").startswith(b"E.")


def test_steps_and_breakpoints() -> None:
    made = session()
    assert pc_of(answer(made, b"vCont;s:p1.1;c:p1.-1")) == CODE + 4
    assert pc_of(answer(made, b"s")) == CODE + 8
    assert asked(made, b"Z0,%x,4" % (CODE + 16), b"Z1,%x,2" % (CODE + 20)) == [b"OK", b"OK"]
    first = answer(made, b"vCont;c:p1.-1")
    assert pc_of(first) == CODE + 16 and "swbreak" in pairs(first)
    second = answer(made, b"c")
    assert pc_of(second) == CODE + 20 and "hwbreak" in pairs(second)
    assert pc_of(answer(made, b"bc")) == CODE + 16
    assert asked(made, b"z0,%x,4" % (CODE + 16), b"z1,%x,2" % (CODE + 20)) == [b"OK", b"OK"]
    assert pc_of(answer(made, b"bs")) == CODE + 12
    end = answer(made, b"bc")
    assert pairs(end)["replaylog"] == "begin" and pc_of(end) == CODE
    assert answer(made, b"c") == b"W07;process:1"
    assert made.target.output() == b"\3"
    assert made.ending is Ending.OVER


def test_a_debugger_that_knows_little() -> None:
    made = session(features=b"")
    answer(made, b"Z0,%x,4" % (CODE + 16))
    reply = answer(made, b"c")
    assert pairs(reply)["thread"] == "1" and "swbreak" not in pairs(reply)
    answer(made, b"z0,%x,4" % (CODE + 16))
    assert answer(made, b"p999") == b"E01"
    assert answer(made, b"c") == b"W07"


def test_a_watchpoint_stands_where_gdb_expects_it() -> None:
    """gdb steps once in the direction of the run, and compares then (tests/oracle/test_gdb.py)."""
    made = session()
    assert answer(made, b"Z2,%x,8" % DATA) == b"OK"
    stop = answer(made, b"c")
    assert pairs(stop)["watch"] == f"{DATA:x}" and pc_of(stop) == CODE + 12
    assert answer(made, b"m%x,1" % DATA) == b"00"
    answer(made, b"z2,%x,8" % DATA)
    answer(made, b"s")
    assert answer(made, b"m%x,1" % DATA) == b"01"
    answer(made, b"Z2,%x,8" % DATA)
    assert pc_of(answer(made, b"c")) == CODE + 12  # 1 becomes 2
    answer(made, b"s")
    back = answer(made, b"bc")
    assert pairs(back)["watch"] == f"{DATA:x}" and pc_of(back) == CODE + 16
    answer(made, b"z2,%x,8" % DATA)
    assert pc_of(answer(made, b"bs")) == CODE + 12


@pytest.mark.parametrize(
    "packet",
    [b"Z0,10000,3", b"Z2,10000,0", b"Z2,10000,ffffff", b"Z0,10000", b"Z0,,4", b"Z0,1ffffffffffffffff,4"],
)
def test_points_that_cannot_be(packet: bytes) -> None:
    assert answer(session(), packet).startswith(b"E.")


def test_kinds_of_points_that_do_not_exist() -> None:
    assert answer(session(), b"Z9,10000,4") == b""


def test_a_fork_is_an_event_and_the_child_has_the_breakpoints() -> None:
    text = code(*call(FORK), *call(EXECVE), *call(EXIT, 0))
    made = session(text)
    answer(made, b"Z0,%x,4" % (CODE + 0x100))
    reply = answer(made, b"vCont;c")
    assert pairs(reply)["fork"] == "p2.2" and pairs(reply)["thread"] == "p1.1"
    # All registers: gdb believes that a process which it has not resumed still has those that it knows.
    assert len([key for key in pairs(reply) if len(key) == 2]) == 32 + 1 + 32 + 3
    assert asked(made, b"qfThreadInfo", b"qsThreadInfo") == [b"mp1.1,p2.2", b"l"]
    assert asked(made, b"Hgp2.2", b"qC", b"Hgp2.-1", b"Hgp3.3")[:3] == [b"OK", b"QCp2.2", b"OK"]
    assert {point.pid for point in _breakpoints(made)} == {1, 2}
    assert asked(made, b"D;2", b"D;2", b"qfThreadInfo") == [b"OK", b"E.no process 2", b"mp1.1"]
    assert {point.pid for point in _breakpoints(made)} == {1}
    reply = answer(made, b"vCont;c")
    assert bytes.fromhex(pairs(reply)["exec"]) == b"/bin/other"
    assert _breakpoints(made) == []
    # A debugger that does not know forks never has the child.
    made = session(text, features=b"multiprocess+")
    assert answer(made, b"c") == b"W00;process:1"


def _breakpoints(made: Session) -> list[Breakpoint]:
    made.points.apply(made.target)
    assert isinstance(made.target, BareTarget)
    return list(made.target._breakpoints)


def test_signals() -> None:
    made = session(code("ebreak"))
    assert answer(made, b"qXfer:siginfo:read::0,80").startswith(b"E.")
    reply = answer(made, b"c")
    assert reply[:3] == b"T05"
    info = answer(made, b"qXfer:siginfo:read::0,80")
    assert unescape(info[1:])[:4] == struct.pack("<i", 5)
    answer(made, b"vCont;C0b:p1.1")
    answer(made, b"vCont;c")
    answer(made, b"C1e")  # GDB_SIGNAL_USR1
    assert isinstance(made.target, BareTarget)
    assert made.target.delivered == [11, 0, 10]
    assert answer(made, b"vCont;C8e:p1.1").startswith(b"E.Linux has no signal")
    assert answer(made, b"QPassSignals:e;1e") == b"OK"
    assert made.pass_signals == {14, 10}
    assert answer(session(code(0)), b"c")[:3] == b"T0b"


def test_threads() -> None:
    made = session()
    assert asked(made, b"T p1.1", b"Tp1.1", b"Tp1.9", b"Hgp1.9")[1] == b"OK"
    assert bytes.fromhex(answer(made, b"qThreadExtraInfo,p1.1").decode()) == b"bare: running"
    xml = ElementTree.fromstring(unescape(answer(made, b"qXfer:threads:read::0,1000")[1:]).decode())
    assert [(e.attrib["id"], e.attrib["name"], e.text) for e in xml] == [("p1.1", "bare", "running")]


def test_transfers() -> None:
    made = session()
    xml = unescape(answer(made, b"qXfer:libraries-svr4:read::0,1000")[1:]).decode()
    root = ElementTree.fromstring(xml.split('dtd">')[1])
    assert root.attrib["main-lm"] == "0x1000"
    assert [e.attrib for e in root] == [
        {"name": "/lib/<&>.so", "lm": "0x3000", "l_addr": "0x4000", "l_ld": "0x5000", "lmid": "0x7700"}
    ]
    assert answer(made, b"qXfer:exec-file:read:1:0,100") == b"l/bin/bare"
    assert asked(made, b"qXfer:exec-file:read:1:0,4", b"qXfer:exec-file:read:1:4,4") == [b"m/bin", b"m/bar"]
    assert answer(made, b"qXfer:exec-file:read:63:0,4").startswith(b"E.no process 99")
    assert unescape(answer(made, b"qXfer:auxv:read::0,1000")[1:]) == struct.pack("<4Q", 9, CODE, 0, 0)
    assert b"bare word" in answer(made, b"qXfer:osdata:read:processes:0,1000")
    assert b"processes" in answer(made, b"qXfer:osdata:read::0,1000")
    assert asked(made, b"qXfer:nothing:read::0,1", b"qXfer:auxv:write::0:0", b"qXfer:features:read:x:0,1")[
        :2
    ] == [b"", b""]


def test_files() -> None:
    made = session(a=b"#1*3", b=b"x" * 100_000)

    def name(path: bytes) -> bytes:
        return path.hex().encode()

    assert answer(made, b"vFile:setfs:1") == b"F0"
    assert answer(made, b"vFile:open:%b,0,0" % name(b"/a")) == b"F3"
    assert answer(made, b"vFile:pread:3,100,0") == b"F4;" + escape(b"#1*3")
    assert answer(made, b"vFile:pread:3,100,4") == b"F0;"
    stat = unescape(answer(made, b"vFile:fstat:3").partition(b";")[2])
    assert len(stat) == 64 and struct.unpack_from(">Q", stat, 28) == (4,)
    assert asked(made, b"vFile:close:3", b"vFile:close:3") == [b"F0", b"F-1,9"]
    assert answer(made, b"vFile:open:%b,0,0" % name(b"/none")) == b"F-1,2"
    assert answer(made, b"vFile:open:%b,401,1ff" % name(b"/a")) == b"F-1,1e"  # for writing
    assert asked(made, b"vFile:unlink:%b" % name(b"/a"), b"vFile:pwrite:3,0,x") == [b"F-1,1e", b"F-1,1e"]
    assert answer(made, b"vFile:readlink:%b" % name(b"/proc/1/exe")) == b"F9;/bin/bare"
    assert answer(made, b"vFile:readlink:%b" % name(b"/a")) == b"F-1,16"
    assert asked(made, b"vFile:nonsense:1", b"vFile:open:zz,0,0", b"vFile:open:", b"vFile:pread:3")[0] == b""
    opened = [answer(made, b"vFile:open:%b,0,0" % name(b"/b")) for _ in range(33)]
    assert opened[-1] == b"F-1,18" and opened[-2] == b"F22"
    assert len(answer(made, b"vFile:pread:3,ffffff,0")) <= MAX_PACKET


def test_monitor() -> None:
    made = session()

    def said(line: bytes) -> str:
        assert answer(made, b"qRcmd," + line.hex().encode()) == b"OK"
        return console(made).decode()

    assert "monitor goto MOMENT" in said(b"help") and said(b"") == said(b"help")
    assert said(b"when") == "0\n"
    assert said(b"why $pc") == f"1 {CODE:#x}\n"
    assert said(b"why 0x30") == "1 0x30\n"
    assert said(b"goto 5").startswith("5\n") and said(b"when") == "5\n"
    assert pc_of(answer(made, b"?")) == CODE + 20
    assert said(b"maps") == "it knows why\n"
    assert "is no address" in said(b"why $zz") and "one address" in said(b"why")
    assert (
        "no moment" in said(b"goto x")
        and "takes one moment" in said(b"goto")
        and "no command" in said(b"dance")
    )
    assert "no process is left" in said(b"goto 99999")
    assert answer(made, b"qRcmd,ff").startswith(b"E.")


def test_running_again_and_going() -> None:
    made = session()
    assert answer(made, b"!") == b"OK"
    assert answer(made, b"c") == b"W07;process:1"
    assert made.ending is Ending.OPEN
    assert pc_of(answer(made, b"vRun;")) == CODE
    assert pc_of(answer(made, b"vRun;%b;%b" % (b"/x".hex().encode(), b"word".hex().encode()))) == CODE
    assert answer(made, b"vRun;;6f74686572").startswith(b"E.the arguments")
    assert asked(made, b"R00", b"vKill;1", b"vKill;1") == [NO_REPLY, b"OK", b"E.no process 1"]
    made = session()
    assert answer(made, b"vKill;1") == b"OK" and made.ending is Ending.KILLED
    made = session()
    assert answer(made, b"D;1") == b"OK" and made.ending is Ending.DETACHED
    made = session()
    assert answer(made, b"D") == b"OK" and made.ending is Ending.DETACHED


MAPS = """\
00010000-00012000 r-xp 00000000 00:15 8                                  /bin/a b
00020000-00021000 rw-p 00000000 00:00 0
"""


def test_what_lldb_asks(monkeypatch: pytest.MonkeyPatch) -> None:
    made = session(features=b"xmlRegisters=i386,arm,mips,arc")
    assert b"ptrsize:8;" in answer(made, b"qHostInfo") and b"pid:1;" in answer(made, b"qProcessInfo")
    assert answer(made, b"qRegisterInfo20").startswith(b"name:pc;bitsize:64;") and b"generic:pc;" in answer(
        made, b"qRegisterInfo20"
    )
    assert answer(made, b"qRegisterInfoff") == b"E01"
    monkeypatch.setattr(made.target, "ask", lambda question, pid, address=0: {"maps": MAPS}[question])
    assert answer(made, b"qMemoryRegionInfo:0") == b"start:0;size:10000;"
    name = b"/bin/a b".hex().encode()
    assert answer(made, b"qMemoryRegionInfo:11fff") == b"start:10000;size:2000;permissions:rx;name:%b;" % name
    assert answer(made, b"qMemoryRegionInfo:12000") == b"start:12000;size:e000;"
    assert answer(made, b"qMemoryRegionInfo:20000") == b"start:20000;size:1000;permissions:rw;name:;"
    assert answer(made, b"qMemoryRegionInfo:21000") == b"start:21000;size:fffffffffffdf000;"
    assert answer(made, b"p20;thread:1;") == struct.pack("<Q", CODE).hex().encode()


@pytest.mark.parametrize(
    "packet",
    [
        b"",
        b"vMustReplyEmpty",
        b"vDance",
        b"qDance",
        b"QDance:1",
        b"bx",
        b"!!",
        b"\xff\xfe",
        b"qTStatus",
        b"vCtrlC",
    ],
)
def test_packets_that_are_not_known_have_an_empty_reply(packet: bytes) -> None:
    assert answer(session(), packet) in (b"", b"OK")


LETTERS = [*"?!HTgGpPmMxXZzbcCsSDkR"]
NAMED = ["vCont;", "vFile:open:", "vFile:pread:", "vKill;", "vRun;", "qXfer:", *QUERIES]
WORDS = st.sampled_from(
    [
        ",",
        ";",
        ":",
        "-1",
        "p1.1",
        "p-1.-1",
        "0",
        "1",
        "4",
        "10000",
        "ffffffffffffffff",
        "c",
        "s",
        "t",
        "r",
        "=",
        "}",
    ]
)


@settings(max_examples=300, deadline=None)
@given(
    st.lists(
        st.tuples(
            st.sampled_from(LETTERS + NAMED),
            st.lists(WORDS | st.text("0123456789abcdef", max_size=6), max_size=8),
            st.binary(max_size=4),
        ),
        max_size=6,
    )
)
def test_no_packet_is_too_strange(packets: list[tuple[str, list[str], bytes]]) -> None:
    made = session()
    for start, words, rest in packets:
        reply = answer(made, start.encode() + "".join(words).encode() + rest)
        assert len(reply) <= MAX_PACKET
        frame(reply)


def served(*sent: bytes) -> tuple[Ending, bytes, BareTarget]:
    """What a server answers to a debugger that sends all at once and goes."""
    near, far = socket.socketpair()
    target = BareTarget(COUNTING)
    with near, far:
        near.sendall(b"".join(sent))
        near.shutdown(socket.SHUT_WR)
        ending = serve(Session(target, Connection(far.fileno(), far.fileno())))
        far.shutdown(socket.SHUT_WR)
        data = b""
        while piece := near.recv(1 << 16):
            data += piece
    return ending, data, target


def test_a_conversation_with_and_without_acknowledgements() -> None:
    ending, data, _ = served(frame(b"qC"), b"+", frame(b"QStartNoAckMode"), b"+", frame(b"qC"), frame(b"k"))
    assert data == b"+$QC1#c5+$OK#9a$QC1#c5"
    assert ending is Ending.KILLED


def test_a_packet_that_is_sent_again_while_the_server_starts_is_answered_once() -> None:
    _, data, _ = served(b"+", frame(b"qC"), frame(b"qC"), frame(b"qAttached"))
    assert data == b"+" + frame(b"QC1") + b"+" + frame(b"0")


def test_what_the_guest_writes() -> None:
    near, far = socket.socketpair()
    other = io.BytesIO()
    with near, far:
        connection = Connection(far.fileno(), far.fileno())
        console = DebuggerConsole(connection, other)
        console.write(b"one")
        console.write(b"x" * MAX_PACKET)
        connection.close()
        console.write(b"two")
        far.shutdown(socket.SHUT_WR)
        data = b"".join(iter(lambda: near.recv(1 << 16), b""))
    found = [expand_runs(piece) for piece in re.findall(rb"\$O(.*?)#", data)]
    assert bytes.fromhex(b"".join(found).decode()) == b"one" + b"x" * MAX_PACKET
    assert len(found) == 4 and other.getvalue() == b"two"


def test_damage_is_sent_again() -> None:
    _, data, _ = served(b"$qC#00", frame(b"qC"), b"-")
    assert data == b"-+" + 2 * frame(b"QC1")


def test_a_debugger_that_goes_and_one_that_floods() -> None:
    assert served(frame(b"qC"))[0] is Ending.KILLED
    assert served(b"+" * 100_000)[0] is Ending.KILLED
    assert served(os.urandom(5000))[0] is Ending.KILLED


def test_ctrl_c_interrupts_the_run() -> None:
    forever = code(("jal", {"rd": 0, "imm": 0}))
    near, far = socket.socketpair()
    replies: list[bytes] = []

    class Looping(BareTarget):
        """A run that goes on until it is interrupted."""

        def _forward(self, conditions: Conditions) -> Stop:
            if self.moment.instructions == 5:
                near.sendall(b"\x03")
            return super()._forward(conditions)

    with near, far:
        near.sendall(frame(b"QStartNoAckMode") + frame(b"vCont;c") + frame(b"k"))
        ending = serve(Session(Looping(forever), Connection(far.fileno(), far.fileno())))
        replies = re.findall(rb"\$(.*?)#", near.recv(1 << 16))
    assert ending is Ending.KILLED
    assert replies[0] == b"OK" and replies[1].startswith(b"T02")


def test_a_closed_connection_is_noticed() -> None:
    near, far = socket.socketpair()
    with far:
        near.close()
        with pytest.raises(ClosedError):
            Connection(far.fileno(), far.fileno()).receive()
