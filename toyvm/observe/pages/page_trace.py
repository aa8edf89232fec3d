"""Traces of page references on disk, and as arrays.

    magic, then parts: tag (4 bytes), length of the payload and its CRC-32 (little-endian, 4 bytes each), payload
    EVTS  time of the first event (8 bytes), number of events (4 bytes), then deflated: the low bytes of all time
          differences, their second, third and highest bytes, then the four bytes of all values in the same way
    INFO  JSON: what ran, how long, the address spaces with their areas. The last part; a file without it is not complete

Events are those of `engines.watching.recording_engine`: times in instructions, values `page << 2 | kind`.
Bytes of equal weight stand together because that halves what deflate leaves. A part has at most `PART_EVENTS` events, so that
a damaged or hostile file cannot ask for more memory than it says.
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
MAX_EVENTS = 1 << 26  # of a whole trace: 12 bytes of memory each
MAX_INFO = 64 << 20
MAX_TIME = 1 << 60  # sums of some times are still 64-bit numbers
SCHEMA = "toyvm.pages/1"
_PART = struct.Struct("<4sII")
_EVENTS = struct.Struct("<QI")
_PAGES = USER_TOP >> PAGE_SHIFT


class TraceError(ToyvmError):
    """A file that is not the trace of page references that it should be. The message begins with the file's name."""


class Area(Record):
    """A mapping: addresses, permissions as in /proc/PID/maps, name."""

    start: int
    end: int
    permissions: str
    name: str


class Space(Record):
    """An address space: the process that ran in it first, and the areas it had, the latest last."""

    pid: int
    command: str
    areas: tuple[Area, ...]


class PageTrace(Record):
    """A whole trace. `times` (uint64) and `values` (uint32) are the events; `instructions` the time at which it ended.

    `references` counts what events stand for: each fetch of an instruction (`ecall` and what faults are fetched, and not
    counted as executed), each page loaded from or stored to. `complete` is False when recording stopped before the program did.
    """

    program: str
    instructions: int
    references: int
    complete: bool
    spaces: tuple[Space, ...]
    times: NDArray[np.uint64]
    values: NDArray[np.uint32]

    def to_json(self) -> dict[str, Any]:
        """What it is, without the events."""
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
    """Writes a trace as it grows. What is written is a trace only after `finish`."""

    def __init__(self, stream: BinaryIO):
        self._stream = stream
        self._last = _NEVER
        self._times, self._values = np.zeros(0, np.uint64), np.zeros(0, np.uint32)  # for the next part
        self.events = 0
        self.extra = 0  # references besides one for each instruction executed
        stream.write(MAGIC)

    def add(self, times: array[int], values: array[int]) -> None:
        """Take events; one that only repeats the one before it (a second access of the same instruction) is left out."""
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
        """Write so many events. Where parts end depends on the events alone, so that one run gives one file."""
        t, v = self._times[:count], self._values[:count]
        self._times, self._values = self._times[count:], self._values[count:]
        far = np.flatnonzero(np.diff(t) >> np.uint64(32)) + 1  # a longer wait than a difference can tell
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
        """Write the last part; the trace without its events."""
        self._write(len(self._times))
        nothing = np.zeros(0, np.uint64), np.zeros(0, np.uint32)
        trace = PageTrace(program, instructions, instructions + self.extra, complete, tuple(spaces), *nothing)
        self._part(b"INFO", json.dumps(trace.to_json() | {"events": self.events}).encode())
        return trace


_NEVER = (-1, SPACE)


def _extra(times: NDArray[np.uint64], values: NDArray[np.uint32], last: tuple[int, int]) -> int:
    """References besides one for each instruction executed: loads, stores, and fetches before or after which another
    instruction or part of one is fetched at the same time. `last` is the event before."""
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
    """The trace in a file. Raises TraceError when it is none, or a damaged one, and OSError."""
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
                raise _DamagedError("there is more after the last part")
            return _trace(payload, np.concatenate(times), np.concatenate(values))
        if tag != b"EVTS":
            raise _DamagedError(f"a part of an unknown kind: {tag!r}")
        t, v = _event_part(payload)
        events += len(t)
        if events > MAX_EVENTS:
            raise _DamagedError(f"more than {MAX_EVENTS:,} events")
        if len(t) and len(times[-1]) and t[0] < times[-1][-1]:
            raise _DamagedError("times run backwards")
        times.append(t)
        values.append(v)
    raise _DamagedError("the last part is missing: recording was cut short")


def _parts(stream: BinaryIO) -> Iterator[tuple[bytes, bytes]]:
    while head := stream.read(_PART.size):
        if len(head) < _PART.size:
            raise _DamagedError("ends in the middle of a part")
        tag, length, check = _PART.unpack(head)
        if length > MAX_INFO:
            raise _DamagedError("a part is longer than parts can be")
        payload = stream.read(length)
        if len(payload) < length:
            raise _DamagedError("ends in the middle of a part")
        if zlib.crc32(payload) != check:
            raise _DamagedError("a part's checksum does not fit its bytes")
        yield tag, payload


def _event_part(payload: bytes) -> tuple[NDArray[np.uint64], NDArray[np.uint32]]:
    if len(payload) < _EVENTS.size:
        raise _DamagedError("a part is too short")
    first, count = _EVENTS.unpack_from(payload)
    if not 0 < count <= PART_EVENTS or first >= MAX_TIME:
        raise _DamagedError("a part has a number that cannot be")
    inflate = zlib.decompressobj()
    try:
        planes = inflate.decompress(payload[_EVENTS.size :], 8 * count + 1)
    except zlib.error:
        raise _DamagedError("a part cannot be inflated") from None
    if len(planes) != 8 * count:
        raise _DamagedError("a part has another number of events than it says")
    steps, values = _numbers(planes[: 4 * count]), _numbers(planes[4 * count :])
    return np.uint64(first) + np.cumsum(steps, dtype=np.uint64), values


def _trace(payload: bytes, times: NDArray[np.uint64], values: NDArray[np.uint32]) -> PageTrace:
    try:
        info = json.loads(payload)
        spaces = tuple(
            Space(
                _whole(space["pid"]),
                str(space["command"]),
                tuple(Area(_whole(a), _whole(b), str(c), str(d)) for a, b, c, d in space["areas"]),
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
        raise _DamagedError("its description cannot be read") from None
    if schema != SCHEMA:
        raise _DamagedError(f"its description is {schema!r}, expected {SCHEMA!r}")
    _check(trace)
    return trace


def _whole(value: object) -> int:
    if not isinstance(value, int) or not 0 <= value < MAX_TIME:
        raise ValueError
    return value


def _check(trace: PageTrace) -> None:
    """The events fit the description and each other."""
    kinds, pages = trace.values & 3, trace.values >> 2
    switches = kinds == SPACE
    if np.any(pages[switches] >= len(trace.spaces)) or np.any(pages[~switches] >= _PAGES):
        raise _DamagedError("an event names a page or an address space that cannot be")
    if len(kinds) and (kinds[0] != SPACE or int(trace.times[-1]) > trace.instructions):
        raise _DamagedError("its events do not fit its description")
    fetches = kinds == EXECUTE
    before = np.maximum.accumulate(np.where(switches | fetches, np.arange(len(kinds)), 0))
    if np.any(switches[before] & ~switches):  # the last switch or fetch before it is a switch
        raise _DamagedError("an instruction refers to memory before it is fetched")
    extra = _extra(trace.times, trace.values, _NEVER) if len(kinds) else 0
    if trace.references != trace.instructions + extra:
        raise _DamagedError("its events are not as many as its description says")
