"""Traces of page references on disk, and as arrays.

A file is a magic number and a sequence of parts. A part is a tag (4 bytes), the length of its
payload and the CRC-32 of its payload (4 bytes each, little-endian), and the payload:

    EVTS  time of the first event (8 bytes), number of events (4 bytes), then, deflated, the low
          bytes of all time differences, their second, third and highest bytes, and the four bytes
          of all values in the same way
    INFO  JSON: the program, the time, the address spaces with their areas. It is the last part;
          a file without it is incomplete

Events are those of `engines.watching.recording_engine`: times in instructions, and values `page <<
2 | kind`. Grouping the bytes by significance halves the compressed size. A part has at most
`PART_EVENTS` events, which limits the memory that a damaged or hostile file can use.
"""

from __future__ import annotations

import json
import struct
import zlib
from typing import TYPE_CHECKING, Any, BinaryIO

import numpy as np

from toyvm.base.errors import ToyvmError
from toyvm.base.record import Record
from toyvm.engines.watching.recording_engine import EXECUTE, SPACE
from toyvm.machine.physical_memory import PAGE_SHIFT
from toyvm.machine.sv39 import USER_TOP

if TYPE_CHECKING:
    from array import array
    from collections.abc import Iterator

    from numpy.typing import NDArray

MAGIC = b"toyvm pages 1\n\0\0"
PART_EVENTS = 1 << 18
MAX_EVENTS = 1 << 26  # of a whole trace; an event takes 12 bytes of memory
MAX_INFO = 64 << 20
MAX_TIME = 1 << 60  # the sum of a few times fits in 64 bits
SCHEMA = "toyvm.pages/1"
_PART = struct.Struct("<4sII")
_EVENTS = struct.Struct("<QI")
_PAGES = USER_TOP >> PAGE_SHIFT


class TraceError(ToyvmError):
    """A file that is not a valid trace. The message begins with the file's name."""


class RecordedArea(Record):
    """A mapping: addresses, permissions as in /proc/PID/maps, name."""

    start: int
    end: int
    permissions: str
    name: str


class Space(Record):
    """An address space: its first process, and its areas, the latest last."""

    pid: int
    command: str
    areas: tuple[RecordedArea, ...]


class PageTrace(Record):
    """A trace.

    `times` (uint64) and `values` (uint32) are the events, `instructions` is the time of its end.

    `references` counts the references: a fetch for each instruction (also for `ecall` and for
    instructions that fault, which do not count as executed), and each page loaded from or stored
    to. `complete` is False if recording stopped before the program ended.
    """

    program: str
    instructions: int
    references: int
    complete: bool
    spaces: tuple[Space, ...]
    times: NDArray[np.uint64]
    values: NDArray[np.uint32]

    def to_json(self) -> dict[str, Any]:
        """The trace without its events as JSON values."""
        return {
            "schema": SCHEMA,
            "program": self.program,
            "instructions": self.instructions,
            "references": self.references,
            "events": len(self.times),
            "complete": self.complete,
            "spaces": [
                {
                    "pid": space.pid,
                    "command": space.command,
                    "areas": [[a.start, a.end, a.permissions, a.name] for a in space.areas],
                }
                for space in self.spaces
            ],
        }


class TraceWriter:
    """Writes a trace incrementally. The file is valid after `finish`."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._last = _NEVER
        self._times, self._values = np.zeros(0, np.uint64), np.zeros(0, np.uint32)  # of the next part
        self.events = 0
        self.extra = 0  # references in addition to one for each executed instruction
        stream.write(MAGIC)

    def add(self, times: array[int], values: array[int]) -> None:
        """Add events.

        A load or store that repeats the previous event is dropped: one instruction made both.
        """
        t, v = np.array(times, np.uint64), np.array(values, np.uint32)
        if not len(t):
            return
        same = np.empty(len(t), bool)
        same[0] = (int(t[0]), int(v[0])) == self._last
        same[1:] = (t[1:] == t[:-1]) & (v[1:] == v[:-1])
        kept = ~(same & ((v & 3) != EXECUTE))
        last, self._last = self._last, (int(t[-1]), int(v[-1]))
        t, v = t[kept], v[kept]
        if not len(t):
            return
        self.events += len(t)
        self.extra += _extra(t, v, last)
        self._times, self._values = np.concatenate([self._times, t]), np.concatenate([self._values, v])
        while len(self._times) >= PART_EVENTS:
            self._write(PART_EVENTS)

    def _write(self, count: int) -> None:
        """Write `count` events.

        The parts depend only on the events, so that the file is reproducible.
        """
        t, v = self._times[:count], self._values[:count]
        self._times, self._values = self._times[count:], self._values[count:]
        far = np.flatnonzero(np.diff(t) >> np.uint64(32)) + 1  # a time difference of more than 32 bits
        for piece_t, piece_v in zip(np.split(t, far), np.split(v, far), strict=True):
            if len(piece_t):
                self._events(piece_t, piece_v)

    def _events(self, times: NDArray[np.uint64], values: NDArray[np.uint32]) -> None:
        steps = np.diff(times, prepend=times[:1]).astype("<u4")
        planes = _planes(steps) + _planes(values.astype("<u4"))
        self._part(b"EVTS", _EVENTS.pack(int(times[0]), len(times)) + zlib.compress(planes, 1))

    def _part(self, tag: bytes, payload: bytes) -> None:
        self._stream.write(_PART.pack(tag, len(payload), zlib.crc32(payload)) + payload)

    def finish(self, program: str, instructions: int, complete: bool, spaces: list[Space]) -> PageTrace:
        """Write the last part. Returns the trace without its events."""
        self._write(len(self._times))
        nothing = np.zeros(0, np.uint64), np.zeros(0, np.uint32)
        trace = PageTrace(program, instructions, instructions + self.extra, complete, tuple(spaces), *nothing)
        self._part(b"INFO", json.dumps(trace.to_json() | {"events": self.events}).encode())
        return trace


_NEVER = (-1, SPACE)


def _extra(times: NDArray[np.uint64], values: NDArray[np.uint32], last: tuple[int, int]) -> int:
    """The references in addition to one for each executed instruction.

    These are loads, stores, and fetches at the same time as another fetch (of the next part of an
    instruction, or of an instruction after one that does not count as executed). `last` is the
    event before.
    """
    kinds = values & 3
    fetches = (kinds == EXECUTE) | (kinds == SPACE)
    again = fetches[1:] & (times[1:] == times[:-1]) & (kinds[:-1] != SPACE)
    first = bool(fetches[0]) and int(times[0]) == last[0] and last[1] & 3 != SPACE
    return int(np.count_nonzero(~fetches)) + int(np.count_nonzero(again)) + first


def _planes(numbers: NDArray[np.uint32]) -> bytes:
    return numbers.view(np.uint8).reshape(-1, 4).T.tobytes()


def _numbers(planes: bytes) -> NDArray[np.uint32]:
    return np.frombuffer(planes, np.uint8).reshape(4, -1).T.copy().view("<u4").reshape(-1)


def read_trace(path: str) -> PageTrace:
    """Read a trace. Raises TraceError if the file is not a valid trace, or OSError."""
    try:
        with open(path, "rb") as stream:
            return _read(stream)
    except _DamagedError as damage:
        raise TraceError(f"{path}: {damage}") from None


class _DamagedError(Exception):
    pass


def _read(stream: BinaryIO) -> PageTrace:
    if stream.read(len(MAGIC)) != MAGIC:
        raise _DamagedError("not a trace of page references (see `toyvm trace pages`)")
    times, values = [np.zeros(0, np.uint64)], [np.zeros(0, np.uint32)]
    events = 0
    for tag, payload in _parts(stream):
        if tag == b"INFO":
            if stream.read(1):
                raise _DamagedError("data follows the last part")
            return _trace(payload, np.concatenate(times), np.concatenate(values))
        if tag != b"EVTS":
            raise _DamagedError(f"unknown kind of part: {tag!r}")
        t, v = _event_part(payload)
        events += len(t)
        if events > MAX_EVENTS:
            raise _DamagedError(f"more than {MAX_EVENTS:,} events")
        if len(t) and len(times[-1]) and t[0] < times[-1][-1]:
            raise _DamagedError("times decrease")
        times.append(t)
        values.append(v)
    raise _DamagedError("the last part is missing: recording was cut short")


def _parts(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while head := stream.read(_PART.size):
        if len(head) < _PART.size:
            raise _DamagedError("ends in the middle of a part")
        tag, length, check = _PART.unpack(head)
        if length > MAX_INFO:
            raise _DamagedError("a part is too long")
        payload = stream.read(length)
        if len(payload) < length:
            raise _DamagedError("ends in the middle of a part")
        if zlib.crc32(payload) != check:
            raise _DamagedError("the checksum of a part is wrong")
        yield tag, payload


def _event_part(payload: bytes) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    if len(payload) < _EVENTS.size:
        raise _DamagedError("a part is too short")
    first, count = _EVENTS.unpack_from(payload)
    if not 0 < count <= PART_EVENTS or first >= MAX_TIME:
        raise _DamagedError("a part has an invalid time or number of events")
    inflate = zlib.decompressobj()
    try:
        planes = inflate.decompress(payload[_EVENTS.size :], 8 * count + 1)
    except zlib.error:
        raise _DamagedError("a part cannot be inflated") from None
    if len(planes) != 8 * count:
        raise _DamagedError("a part has a wrong number of events")
    steps, values = _numbers(planes[: 4 * count]), _numbers(planes[4 * count :])
    return np.uint64(first) + np.cumsum(steps, dtype=np.uint64), values


def _trace(payload: bytes, times: NDArray[np.uint64], values: NDArray[np.uint32]) -> PageTrace:
    try:
        info = json.loads(payload)
        spaces = tuple(
            Space(
                _whole(space["pid"]),
                str(space["command"]),
                tuple(RecordedArea(_whole(a), _whole(b), str(c), str(d)) for a, b, c, d in space["areas"]),
            )
            for space in info["spaces"]
        )
        trace = PageTrace(
            str(info["program"]),
            _whole(info["instructions"]),
            _whole(info["references"]),
            bool(info["complete"]),
            spaces,
            times,
            values,
        )
        schema = info["schema"]
    except (ValueError, KeyError, TypeError, RecursionError):
        raise _DamagedError("the description is invalid") from None
    if schema != SCHEMA:
        raise _DamagedError(f"the description is {schema!r}, expected {SCHEMA!r}")
    _check(trace)
    return trace


def _whole(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < MAX_TIME:
        raise ValueError
    return value


def _check(trace: PageTrace) -> None:
    """Check that the events are consistent. Raises _DamagedError."""
    kinds, pages = trace.values & 3, trace.values >> 2
    switches = kinds == SPACE
    if np.any(pages[switches] >= len(trace.spaces)) or np.any(pages[~switches] >= _PAGES):
        raise _DamagedError("an event has an invalid page or address space")
    if len(kinds) and (kinds[0] != SPACE or int(trace.times[-1]) > trace.instructions):
        raise _DamagedError("the events do not match the description")
    fetches = kinds == EXECUTE
    before = np.maximum.accumulate(np.where(switches | fetches, np.arange(len(kinds)), 0))
    if np.any(switches[before] & ~switches):  # the last switch or fetch before it is a switch
        raise _DamagedError("an instruction refers to memory before it is fetched")
    extra = _extra(trace.times, trace.values, _NEVER) if len(kinds) else 0
    if trace.references != trace.instructions + extra:
        raise _DamagedError("the number of events does not match the description")
