"""A history in the making: the operations for the player, and what each must answer by the model."""

from __future__ import annotations

import errno
import struct
from collections.abc import Iterator

from tests.histories.model import EXEC, M64, PAGE, READ, SIGSEGV, WRITE, Backing, Page, Process, checksums

ARENA = 0x1000_0000 // PAGE  # all numbers of pages here
PAGES = 40
SPARE = ARENA + 64  # the pages whose only use is to need memory
FILES, FILE_PAGES, FIRST_FILE = 2, 6, 3  # their descriptors begin with 3
SLOTS = 4  # processes
MOST_LOCKED = 4  # pages, of all processes together

CALL, FILL, SUM, COPY, ADD, SWAP, CODE, FORK, TURN, EXIT = range(10)  # the player's operations
FTRUNCATE, PREAD, PWRITE = 46, 67, 68
MUNMAP, MREMAP, MMAP, MPROTECT, MSYNC, MLOCK, MUNLOCK, MADVISE = 215, 216, 222, 226, 227, 228, 229, 233

MAP_SHARED, MAP_PRIVATE, MAP_FIXED, MAP_ANONYMOUS, MAP_NORESERVE, MAP_POPULATE = (
    1,
    2,
    0x10,
    0x20,
    0x4000,
    0x8000,
)
MREMAP_MAYMOVE, MREMAP_FIXED, MREMAP_DONTUNMAP = 1, 2, 4
MS_SYNC = 4
RW = READ | WRITE
PROTECTIONS = (0, READ, RW, READ | EXEC, RW | EXEC)

WILLNEED, DONTNEED, FREE, DONTFORK, DOFORK, MERGEABLE, UNMERGEABLE = 3, 4, 8, 10, 11, 12, 13
WIPEONFORK, KEEPONFORK, COLD, PAGEOUT, POPULATE_READ, POPULATE_WRITE = 18, 19, 20, 21, 22, 23
_SETTINGS = {
    DONTFORK: ("dont_fork", True),
    DOFORK: ("dont_fork", False),
    WIPEONFORK: ("wipe_on_fork", True),
    KEEPONFORK: ("wipe_on_fork", False),
    MERGEABLE: ("mergeable", True),
    UNMERGEABLE: ("mergeable", False),
}
_REFUSED_WHERE_LOCKED = frozenset({DONTNEED, FREE, COLD, PAGEOUT})
ADVICE = (WILLNEED, DONTNEED, FREE, COLD, PAGEOUT, POPULATE_READ, POPULATE_WRITE, *_SETTINGS)
KINDS = ("anonymous", "noreserve", "shm", "file", "shared file")

_RETURN = 0x8067  # ret


class Script:
    """The operations so far, and the answers: each a set of what may be said. Page numbers are absolute."""

    def __init__(self) -> None:
        self.operations = bytearray()
        self.answers: list[frozenset[int]] = []
        self.processes: dict[int, Process] = {0: Process()}
        self.turn = 0
        self.status: int | None = None  # the first process's, once it has ended
        self.files = [Backing([]) for _ in range(FILES)]
        self._made = 0
        for number in range(FILES):
            self.truncate(number, FILE_PAGES)

    @property
    def now(self) -> Process:
        """The process that has the turn."""
        return self.processes[self.turn]

    def _do(self, what: int, *words: int, answer: int | frozenset[int] = 0) -> None:
        self.operations += struct.pack("<8Q", what, *(w & M64 for w in words), *[0] * (7 - len(words)))
        self.answers.append(answer if isinstance(answer, frozenset) else frozenset({answer & M64}))

    def describe(self, number: int) -> str:
        """An operation in words, for messages."""
        words = struct.unpack_from("<8Q", self.operations, 64 * number)
        names = ("call", "fill", "sum", "copy", "add", "swap", "code", "fork", "turn", "exit")
        return f"operation {number}: {names[words[0]]} {' '.join(map(hex, words[1:]))}"

    # Mappings

    def mmap(
        self, first: int, count: int, kind: str, prot: int, *, populate: bool = False, file: int = 0
    ) -> None:
        """MAP_FIXED always: what was there goes."""
        self._made += 1
        backing: Backing | None = None
        fd = -1
        if kind == "shm":
            backing = Backing([bytearray(PAGE) for _ in range(count)])
        elif kind in ("file", "shared file"):
            backing, fd = self.files[file], FIRST_FILE + file
        shared = kind in ("shm", "shared file")
        flags = MAP_FIXED | (MAP_SHARED if shared else MAP_PRIVATE) | (MAP_POPULATE if populate else 0)
        flags |= (MAP_ANONYMOUS if fd < 0 else 0) | (MAP_NORESERVE if kind == "noreserve" else 0)
        for n in range(count):
            self.now.pages[first + n] = Page(self._made, prot, shared, backing, n)
        if populate:
            self._populate(first, count)
        self._do(CALL, MMAP, first * PAGE, count * PAGE, prot, flags, fd, 0, answer=first * PAGE)

    def _populate(self, first: int, count: int) -> bool:
        """As MAP_POPULATE and mlock touch pages: a private one that may be written becomes the process's own. Whether all could be."""
        for n in range(first, first + count):
            page = self.now.pages[n]
            if page.refusal(READ):
                return False
            if page.prot & WRITE and not page.shared:
                page.touch()
        return True

    def munmap(self, first: int, count: int) -> None:
        for n in range(first, first + count):
            self.now.pages.pop(n, None)
        self._do(CALL, MUNMAP, first * PAGE, count * PAGE)

    def _mapped(self, first: int, count: int) -> list[Page]:
        return [self.now.pages[n] for n in range(first, first + count) if n in self.now.pages]

    def _before_a_hole(self, first: int, count: int) -> list[Page]:
        pages = []
        for n in range(first, first + count):
            if n not in self.now.pages:
                break
            pages.append(self.now.pages[n])
        return pages

    def mprotect(self, first: int, count: int, prot: int) -> None:
        pages = self._before_a_hole(first, count)  # Linux changes what comes before it
        for page in pages:
            page.prot = prot
        answer = 0 if len(pages) == count else -errno.ENOMEM
        self._do(CALL, MPROTECT, first * PAGE, count * PAGE, prot, answer=answer)

    def msync(self, first: int, count: int) -> None:
        answer = 0 if len(self._mapped(first, count)) == count else -errno.ENOMEM
        self._do(CALL, MSYNC, first * PAGE, count * PAGE, MS_SYNC, answer=answer)

    def lock(self, first: int, count: int) -> None:
        """mlock, where it succeeds and there are not too many already."""
        pages = self._mapped(first, count)
        locked = sum(page.locked for process in self.processes.values() for page in process.pages.values())
        if len(pages) < count or locked + count > MOST_LOCKED or any(page.refusal(READ) for page in pages):
            return
        self._populate(first, count)
        for page in pages:
            page.locked = True
        self._do(CALL, MLOCK, first * PAGE, count * PAGE)

    def unlock(self, first: int, count: int) -> None:
        pages = self._mapped(first, count)
        if len(pages) == count:
            for page in pages:
                page.locked = False
            self._do(CALL, MUNLOCK, first * PAGE, count * PAGE)

    def madvise(self, first: int, count: int, advice: int) -> None:
        answer = self._advised(first, count, advice)
        self._do(CALL, MADVISE, first * PAGE, count * PAGE, advice, answer=answer)

    def _advised(self, first: int, count: int, advice: int) -> int:
        pages = self._mapped(first, count)
        if advice in (POPULATE_READ, POPULATE_WRITE):
            return self._advised_to_populate(first, count, WRITE if advice == POPULATE_WRITE else READ)
        if advice == WIPEONFORK and not all(page.anonymous for page in pages):
            return -errno.EINVAL
        for page in pages:
            if page.locked and advice in _REFUSED_WHERE_LOCKED:
                return -errno.EINVAL
            if advice == FREE:
                if not page.anonymous:
                    return -errno.EINVAL
                page.may_forget()
            elif advice == DONTNEED:
                page.discard()
            elif advice in _SETTINGS and not (page.shared and advice in (MERGEABLE, UNMERGEABLE)):
                name, value = _SETTINGS[advice]
                setattr(page, name, value)
        return 0 if len(pages) == count else -errno.ENOMEM

    def _advised_to_populate(self, first: int, count: int, access: int) -> int:
        for n in range(first, first + count):
            page = self.now.pages.get(n)
            if page is None:
                return -errno.ENOMEM
            if not page.prot & access:
                return -errno.EINVAL
            if page.beyond:
                return -errno.EFAULT
            if access == WRITE:
                page.touch()
        return 0

    # Moving

    def _one_area(self, first: int, count: int) -> bool:
        pages = self._mapped(first, count)
        return len(pages) == count and all(
            page.settings == pages[0].settings and page.index == pages[0].index + n
            for n, page in enumerate(pages)
        )

    def resize(self, first: int, count: int, new: int) -> None:
        """mremap in place."""
        pages = self.now.pages
        if not self._one_area(first, count) or pages[first].locked:
            return
        answer = first * PAGE
        if new > count and any(n in pages for n in range(first + count, first + new)):
            answer = -errno.ENOMEM
        else:
            for n in range(first + new, first + count):
                del pages[n]
            for n in range(count, new):
                pages[first + n] = self._like(pages[first], n)
        self._do(CALL, MREMAP, first * PAGE, count * PAGE, new * PAGE, 0, answer=answer)

    @staticmethod
    def _like(page: Page, n: int) -> Page:
        """The page `n` behind `page` in the same area, not touched yet."""
        twin = page.forked()
        twin.own, twin.index = None, page.index + n
        return twin

    def move(self, first: int, count: int, new: int, to: int, *, keep: bool = False) -> None:
        """mremap to a fixed place; what was there goes. `keep` is MREMAP_DONTUNMAP, for anonymous private pages."""
        pages = self.now.pages
        if not self._one_area(first, count) or pages[first].locked:
            return
        if keep:
            new = count
            if not pages[first].anonymous:
                return
        flags = MREMAP_MAYMOVE | MREMAP_FIXED | (MREMAP_DONTUNMAP if keep else 0)
        words = (MREMAP, first * PAGE, count * PAGE, new * PAGE, flags, to * PAGE)
        if first + count > to and to + new > first:
            self._do(CALL, *words, answer=-errno.EINVAL)
            return
        self._made += 1
        moved = [pages[first + n] for n in range(min(count, new))]
        moved += [self._like(pages[first], n) for n in range(count, new)]
        for n in range(count):
            page = pages.pop(first + n)
            if keep:
                pages[first + n] = self._like(page, 0)
        for n in range(new):
            moved[n].made = self._made
            pages[to + n] = moved[n]
        self._do(CALL, *words, answer=to * PAGE)

    # Loads and stores

    def fill(self, address: int, count: int, stride: int, value: int) -> None:
        """Aligned words; it ends where one is refused."""
        now, answer = self.now, 0
        for n in range(count):
            at = address + n * stride
            answer = now.refusal(at, WRITE)
            if answer:
                break
            now.pages[at // PAGE].store(at % PAGE, (value + n & M64).to_bytes(8, "little"))
        self._do(FILL, address, count, stride, value, answer=answer)

    def copy(self, to: int, source: int, count: int) -> None:
        """Byte by byte, upwards; it ends where a byte cannot be read or written."""
        now, answer = self.now, 0
        if not now.sure(source // PAGE, 2):
            return
        for n in range(count):
            answer = now.refusal(source + n, READ) or now.refusal(to + n, WRITE)
            if answer:
                break
            byte = now.pages[(source + n) // PAGE].contents[0][(source + n) % PAGE]
            now.pages[(to + n) // PAGE].store((to + n) % PAGE, bytes([byte]))
        self._do(COPY, to, source, count, answer=answer)

    def atomic(self, what: int, address: int, value: int) -> None:
        """ADD or SWAP of an aligned word: the old one is the answer."""
        now = self.now
        refused = (now.refusal(address, READ) if what == SWAP else 0) or now.refusal(address, WRITE)
        answer = frozenset({refused})
        if not refused:
            at, olds = address % PAGE, set()
            for content in now.pages[address // PAGE].touch():
                old = int.from_bytes(content[at : at + 8], "little")
                olds.add(old)
                content[at : at + 8] = (old + value & M64 if what == ADD else value).to_bytes(8, "little")
            answer = frozenset(olds)
        self._do(what, address, value, answer=answer)

    def code(self, address: int, number: int) -> None:
        """Write a function that returns `number` (below 2048), and call it."""
        now = self.now
        word = number << 20 | 10 << 7 | 0x13 | _RETURN << 32  # li a0, number; ret
        answer = now.refusal(address, WRITE)
        if not answer:
            now.pages[address // PAGE].store(address % PAGE, word.to_bytes(8, "little"))
            answer = now.refusal(address, EXEC) or number
        self._do(CODE, address, word, answer=answer)

    def read(self, number: int) -> None:
        """The sum of one page, or why it cannot be read."""
        refused = self.now.refusal(number * PAGE, READ)
        answer = frozenset({refused}) if refused else checksums([self.now.pages[number]])
        self._do(SUM, number * PAGE, PAGE // 8, answer=answer)

    def read_all(self) -> None:
        """The sums of all that can be read."""
        for first, count in self._runs():
            pages = [self.now.pages[n] for n in range(first, first + count)]
            self._do(SUM, first * PAGE, count * PAGE // 8, answer=checksums(pages))

    def _runs(self) -> Iterator[tuple[int, int]]:
        """Stretches of readable pages; one that may hold several things is a stretch by itself."""
        now, first, count = self.now, 0, 0
        for n in sorted(filter(now.readable, now.pages)):
            if count and (n != first + count or not now.sure(first) or not now.sure(n)):
                yield first, count
                count = 0
            if not count:
                first = n
            count += 1
        if count:
            yield first, count

    # Files

    def truncate(self, number: int, pages: int) -> None:
        """Cut a file, or let it grow. Private copies of what is beyond the end go too."""
        file = self.files[number]
        del file.pages[pages:]
        file.pages += [bytearray(PAGE) for _ in range(pages - len(file.pages))]
        for process in self.processes.values():
            for page in process.pages.values():
                if page.backing is file and page.beyond:
                    page.discard()
        self._do(CALL, FTRUNCATE, FIRST_FILE + number, pages * PAGE)

    def pread(self, number: int, offset: int, address: int, count: int) -> None:
        """Into memory; it ends where a page cannot be written."""
        data = b"".join(self.files[number].pages)[offset : offset + count]
        now, done = self.now, 0
        for at, piece in _pieces(address, data):
            if now.refusal(at, WRITE):
                break
            now.pages[at // PAGE].store(at % PAGE, piece)
            done += len(piece)
        answer = -errno.EFAULT if data and not done else done
        self._do(CALL, PREAD, FIRST_FILE + number, address, count, offset, answer=answer)

    def pwrite(self, number: int, offset: int, address: int, count: int) -> None:
        """From memory, as far as it can be read. The file does not grow."""
        now, pages = self.now, self.files[number].pages
        count = min(count, len(pages) * PAGE - offset)
        if count <= 0 or not now.sure(address // PAGE, 2):
            return
        data = b""
        for at, piece in _pieces(address, bytes(count)):
            if now.refusal(at, READ):
                break
            data += now.pages[at // PAGE].contents[0][at % PAGE :][: len(piece)]
        for at, piece in _pieces(offset, data):
            pages[at // PAGE][at % PAGE : at % PAGE + len(piece)] = piece
        answer = len(data) or -errno.EFAULT
        self._do(CALL, PWRITE, FIRST_FILE + number, address, count, offset, answer=answer)

    # Processes

    def fork(self) -> bool:
        """A child, if there is a slot for it."""
        slot = next((n for n in range(SLOTS) if n not in self.processes), None)
        if slot is None:
            return False
        self._do(FORK, slot)
        self.processes[slot] = self.now.forked()
        return True

    def pass_turn(self, slot: int) -> None:
        if slot in self.processes and slot != self.turn:
            self._do(TURN, slot)
            self.turn = slot

    def exit(self, status: int) -> None:
        """The process that has the turn ends; a negative status: by a signal. The last one stays."""
        following = next((slot for slot in self.processes if slot != self.turn), None)
        if following is not None:
            self._do(EXIT, following, status)
            if self.turn == 0 and self.status is None:
                self.status = status if status >= 0 else 128 + SIGSEGV
            del self.processes[self.turn]
            self.turn = following

    def pressure(self, pages: int) -> None:
        """A lot of memory is wanted for a moment."""
        at = SPARE * PAGE
        self._do(CALL, MMAP, at, pages * PAGE, RW, MAP_FIXED | MAP_PRIVATE | MAP_ANONYMOUS, -1, 0, answer=at)
        self._do(FILL, at, pages, PAGE, 1)
        self._do(CALL, MUNMAP, at, pages * PAGE)

    def finish(self) -> None:
        """Everybody reads all that is there; the last one the files too."""
        while True:
            self.read_all()
            if len(self.processes) == 1:
                break
            self.exit(0)
        for number, file in enumerate(self.files):
            if file.pages:
                self.mmap(ARENA, len(file.pages), "shared file", READ, file=number)
                self.read_all()


def _pieces(address: int, data: bytes) -> Iterator[tuple[int, bytes]]:
    """Cut at the borders of pages."""
    while data:
        room = PAGE - address % PAGE
        yield address, data[:room]
        address, data = address + room, data[room:]
