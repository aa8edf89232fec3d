"""The file with the code of groups: a version, two numbers, the code of each group, and the list of the groups.

`kept_code` writes it. The list and each code are sealed: damaged code could stop the interpreter.
"""

from __future__ import annotations

import marshal
import os
from mmap import PROT_READ, mmap

from ..base.cache_folder import checksum

NAME = __name__.partition(".")[0]
NUMBER = 8  # bytes of a number, and of a seal
HEAD = 2 * NUMBER  # the file's size, and where in it the list of groups is
Row = tuple[str, str, int, int, bool]  # a module's name, and of `kept_code.Kept` all but the code
# by their last module: all modules, and where their code begins and ends
Groups = dict[str, tuple[list[Row], int, int]]


def read_groups(path: str, version: bytes) -> tuple[memoryview, Groups]:
    """The content of a file of groups: none if it is missing, cut off or of another version."""
    try:
        with open(path, "rb") as stream:
            content = memoryview(mmap(stream.fileno(), 0, prot=PROT_READ))
    except (OSError, ValueError):  # ValueError: the file is empty
        return memoryview(b""), {}
    head = len(version)
    size, index = (int.from_bytes(content[at : at + NUMBER], "little") for at in (head, head + NUMBER))
    if content[:head] != version or len(content) != size or (found := unsealed(content[index:])) is None:
        return content, {}
    return content, {rows[-1][0]: (rows, first, last) for rows, first, last in marshal.loads(found)}


def sealed(data: bytes) -> bytes:
    """`data` with its checksum before it."""
    return checksum(data) + data


def unsealed(data: bytes | memoryview) -> bytes | memoryview | None:
    """The data that `sealed` has written; None if it is damaged."""
    found = data[NUMBER:]
    return found if checksum(found) == data[:NUMBER] else None


def is_current(source: str, time: int, size: int, *_: object) -> bool:
    """Whether the code was made from the source as it is now."""
    try:
        status = os.stat(source)
    except OSError:
        return False
    return (status.st_mtime_ns, status.st_size) == (time, size)
