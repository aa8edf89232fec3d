"""Packets: what is sent is what is received, and no stream of bytes is too strange."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from toyvm.debugger.gdb.packets import (
    MAX_PACKET,
    PacketError,
    PacketReader,
    Signal,
    checksum,
    escape,
    expand_runs,
    frame,
    shorten_runs,
    unescape,
)


def read(*pieces: bytes) -> list[bytes | Signal]:
    reader = PacketReader()
    return [item for piece in pieces for item in reader.feed(piece)]


def test_a_packet_and_its_checksum() -> None:
    assert frame(b"OK") == b"$OK#9a"
    assert read(b"$OK#9a") == [b"OK"]
    assert read(b"$O", b"K", b"#9", b"a$g#67") == [b"OK", b"g"]
    assert read(b"$OK#9b") == [Signal.DAMAGED]
    assert read(b"$OK#zz") == [Signal.DAMAGED]


def test_signals_between_packets_and_bytes_inside_them() -> None:
    assert read(b"+-\x03xyz$X0,1:\x03#" + b"%02x" % checksum(b"X0,1:\x03")) == [
        Signal.ACKNOWLEDGED,
        Signal.RESEND,
        Signal.INTERRUPT,
        b"X0,1:\x03",
    ]


def test_a_packet_whose_end_was_lost() -> None:
    assert read(b"$m10,$g#67") == [b"g"]


def test_a_packet_that_is_too_long_is_damaged_and_not_kept() -> None:
    reader = PacketReader()
    assert list(reader.feed(b"$")) == []
    for _ in range(100):
        assert list(reader.feed(b"A" * MAX_PACKET)) == []
        assert len(reader._data) <= MAX_PACKET + 1
    assert list(reader.feed(b"#00$g#67")) == [Signal.DAMAGED, b"g"]


def test_escapes() -> None:
    assert escape(b"a#$}*z") == b"a}\x03}\x04}]}\nz"
    assert unescape(escape(bytes(range(256)))) == bytes(range(256))
    with pytest.raises(PacketError):
        unescape(b"a}")
    assert unescape(b"}]") == b"}"


def test_runs() -> None:
    assert shorten_runs(b"0000") == b"0* "
    assert shorten_runs(b"000") == b"000"
    # The count of 7 would be '#' + 1 = '$': the protocol's own.
    assert shorten_runs(b"0" * 8) == b'0*"00'
    assert expand_runs(b"0* 1") == b"00001"
    for wrong in (b"*!", b"0*", b"0*\x10"):
        with pytest.raises(PacketError):
            expand_runs(wrong)


@given(st.binary(max_size=300), st.integers(0, 300))
def test_a_frame_is_read_back(data: bytes, run: int) -> None:
    payload = escape(data + b"0" * run)
    sent = frame(payload)
    [got] = read(sent)
    assert isinstance(got, bytes)
    assert expand_runs(got) == payload
    assert unescape(expand_runs(got)) == data + b"0" * run
    assert not set(sent[1:-3]) & set(b"#$")


@given(st.lists(st.binary(max_size=40), max_size=8), st.binary(max_size=20))
def test_any_bytes_in_any_pieces_are_read(pieces: list[bytes], last: bytes) -> None:
    whole = b"".join(pieces)
    assert read(*pieces) == read(whole)
    # After a packet's end everything is as new.
    assert read(*pieces, b"#00", frame(b"g"))[-1:] == [b"g"]
