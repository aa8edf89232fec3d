"""The order of the globals in .symtab: that of GNU ld, which walks the buckets of its hash table of names (bfd/hash.c)."""

from __future__ import annotations

import numpy as np

from ..inputs.columns import Column

# The number of buckets at the start, and after each growth, when three quarters of that are used.
_SIZES = (4051, 4093, 8191, 16381, 32749, 65521, 131071, 262139, 524287, 1048573, 2097143, 4194301, 8388593)


def walk_order(names: list[str], numbers: Column, entries: int) -> Column:
    """The indices of `names` as the walk meets them. `numbers` say when they came, of `entries` that the table has in all."""
    hashes = _hashes(names)
    came = np.argsort(numbers, kind="stable")  # the order in which names are put in front of their buckets
    for size in _SIZES[:-1]:
        full = size * 3 // 4
        if entries <= full:
            break
        moved = numbers[came] <= full
        # The table grows: what it has is put into new buckets, in the order of the walk. Equal hashes stay together.
        walked = _walk(came[moved], hashes, size)
        runs = np.cumsum(np.diff(hashes[walked], prepend=hashes[walked[:1]]) != 0)
        walked = walked[np.lexsort((-np.arange(len(walked)), runs))]
        came = np.concatenate((walked, came[~moved]))
    else:
        size = _SIZES[-1]
    return _walk(came, hashes, size)


def _walk(came: Column, hashes: Column, size: int) -> Column:
    """The order by buckets, the newest of a bucket first; `came` has the indices in the order in which they came."""
    order: Column = came[np.lexsort((-np.arange(len(came)), hashes[came] % np.uint64(size)))]
    return order


def _hashes(names: list[str]) -> Column:
    """bfd_hash_hash of each name: 64 bits, as on the hosts of today."""
    raw = [name.encode("utf-8", "surrogateescape") for name in names]
    lengths = np.fromiter(map(len, raw), dtype=np.int64, count=len(raw))
    starts = np.cumsum(lengths) - lengths
    text = np.frombuffer(b"".join(raw), dtype=np.uint8).astype(np.uint64)
    result = np.zeros(len(raw), dtype=np.uint64)
    alive = np.flatnonzero(lengths)
    at = 0
    while len(alive):
        result[alive] = _mixed(result[alive], text[starts[alive] + at])
        at += 1
        alive = alive[lengths[alive] > at]
    return _mixed(result, lengths.astype(np.uint64))


def _mixed(hashes: Column, more: Column) -> Column:
    mixed = hashes + more + (more << np.uint64(17))
    result: Column = mixed ^ (mixed >> np.uint64(2))
    return result
