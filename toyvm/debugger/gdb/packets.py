"""Packets of the remote serial protocol: `$` payload `#` checksum, with escapes and runs.

A reader takes any bytes in any pieces. A packet longer than MAX_PACKET is dropped and answered as
damaged, so no peer can make it keep more.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from enum import Enum

from ...base.errors import ToyvmError

MAX_PACKET = 0x8000  # bytes of a request's payload as sent, and of a reply's
_ESCAPE = 0x7D
_SPECIAL = re.compile(rb"[#$}*]")
# A count is sent as the character of its value + 29. Counts below 4 save nothing; '#', '$', '+' and '-'
# would be taken for the protocol's own characters.
_RUN = re.compile(rb"(.)\1{3,96}", re.DOTALL)
_UNUSABLE = frozenset(b"#$+-")


class PacketError(ToyvmError):
    """A request that the protocol does not allow; the message is sent to the debugger."""


class Signal(Enum):
    """What comes between packets."""

    ACKNOWLEDGED = "+"
    RESEND = "-"
    INTERRUPT = "\x03"
    DAMAGED = "damaged"  # a packet whose checksum is wrong, or that is too long


def checksum(data: bytes) -> int:
    """The checksum of a packet: the sum of its bytes modulo 256."""
    return sum(data) & 0xFF


def escape(data: bytes) -> bytes:
    """Binary data as it is sent in a reply."""
    return _SPECIAL.sub(lambda found: bytes((_ESCAPE, found[0][0] ^ 0x20)), data)


def unescape(data: bytes) -> bytes:
    """The binary data of a request. Raises PacketError if an escape has no character."""
    if data.endswith(b"}") and (len(data) - len(data.rstrip(b"}"))) % 2:
        raise PacketError("an escape at the end of a packet")
    return re.sub(rb"}(.)", lambda found: bytes((found[1][0] ^ 0x20,)), data, flags=re.DOTALL)


def shorten_runs(data: bytes) -> bytes:
    """Encode runs of one character by their lengths."""
    return _RUN.sub(_run, data)


def expand_runs(data: bytes) -> bytes:
    """Undo `shorten_runs`. Raises PacketError for a run of nothing, or of a count that is out of range."""
    parts = bytearray()
    at = 0
    while at < len(data):
        if data[at] != 0x2A:
            parts.append(data[at])
            at += 1
            continue
        if at + 1 >= len(data) or not parts or not 29 < data[at + 1] < 127:
            raise PacketError("a run without a length")
        parts += parts[-1:] * (data[at + 1] - 29)
        at += 2
    return bytes(parts)


def _run(found: re.Match[bytes]) -> bytes:
    character, repeats = found[1], len(found[0]) - 1
    rest = b""
    while repeats + 29 in _UNUSABLE:
        repeats -= 1
        rest += character
    return character + b"*" + bytes((repeats + 29,)) + rest


def frame(payload: bytes) -> bytes:
    """A reply as it goes over the wire. Binary data in `payload` is escaped already."""
    data = shorten_runs(payload)
    return b"$%b#%02x" % (data, checksum(data))


class PacketReader:
    """Cuts a stream of bytes into packets and signals."""

    def __init__(self) -> None:
        self._data = bytearray()
        self._inside = False  # `_data` begins with a packet's payload
        self._dropping = False  # it is longer than MAX_PACKET

    def feed(self, data: bytes) -> Iterator[bytes | Signal]:
        """The payloads (as sent, with escapes) and signals that end in `data`."""
        self._data += data
        while self._data:
            if not self._inside:
                yield from self._between()
                if not self._inside:
                    return
            end = self._data.find(b"#")
            if end < 0 or len(self._data) < end + 3:
                self._limit(end)
                return
            payload, digits = bytes(self._data[:end]), bytes(self._data[end + 1 : end + 3])
            del self._data[: end + 3]
            self._inside = False
            dropped, self._dropping = self._dropping or end > MAX_PACKET, False
            restart = payload.rfind(b"$")  # the beginning of another packet, whose predecessor was lost
            payload = payload[restart + 1 :]
            try:
                right = int(digits, 16) == checksum(payload)
            except ValueError:
                right = False
            yield payload if right and not dropped else Signal.DAMAGED

    def _between(self) -> Iterator[Signal]:
        start = self._data.find(b"$")
        before = bytes(self._data[:start] if start >= 0 else self._data)
        del self._data[: start + 1 if start >= 0 else len(self._data)]
        self._inside = start >= 0
        for byte in before:
            if chr(byte) in "+-\x03":
                yield Signal(chr(byte))

    def _limit(self, end: int) -> None:
        """Keep no more of an unfinished packet than may become one."""
        if end < 0 and len(self._data) > MAX_PACKET:
            self._dropping = True
            del self._data[:-1]
