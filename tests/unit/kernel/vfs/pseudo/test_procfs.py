"""/proc as tools parse it: maps, smaps, pagemap, status, byte for byte in Linux's form."""

from __future__ import annotations

import errno
import os
import re
import sys
from collections import Counter

import pytest

from tests.support.guest_kernel import AT_FDCWD, PAGE, PROT_EXEC, PROT_READ, RW, Guest
from toyvm.kernel.accounts.proc_text import smaps, smaps_rollup
from toyvm.kernel.mm.shared_anonymous import ShmNode
from toyvm.kernel.mm.vma import Vma
from toyvm.kernel.proc.lifecycle import exit_process
from toyvm.kernel.vfs.memory_files import MemFile


@pytest.fixture
def guest() -> Guest:
    guest = Guest()
    guest.mm.write(guest.scratch, b"x")
    guest.mm.map_stack()
    return guest


def test_maps_lines() -> None:
    file = MemFile(Guest().kernel.vfs.memfs, 0o755)
    file.identity = (0x801, 1234)
    area = Vma(0x10000, 0x12000, PROT_READ | PROT_EXEC, False, file, 0x1000, "/bin/x")
    assert area.describe() == "00010000-00012000 r-xp 00001000 08:01 1234" + " " * 31 + "/bin/x"
    assert area.describe().index("/bin/x") == 73
    stack = Vma(0x3FFFFFF000, 0x4000000000, RW, name="[stack]")
    assert stack.describe() == "3ffffff000-4000000000 rw-p 00000000 00:00 0" + " " * 30 + "[stack]"
    assert Vma(0x3FFFFFF000, 0x4000000000, 0).describe() == "3ffffff000-4000000000 ---p 00000000 00:00 0 "


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="the host's own /proc is the model")
def test_maps_and_smaps_have_the_hosts_own_form(guest: Guest) -> None:
    with open("/proc/self/smaps") as host_file:
        host = host_file.read().splitlines()
    shape = re.compile(
        r"[0-9a-f]{8,}-[0-9a-f]{8,} [r-][w-][x-][sp] [0-9a-f]{8} [0-9a-f]{2,}:[0-9a-f]{2,} \d+ "
    )
    host_columns = {m.end() for line in host if (m := re.match(shape.pattern + r" *(?=[\[/])", line))}
    ours = smaps(guest.mm).decode().splitlines()
    names = [line for line in ours if shape.match(line) and line.endswith("[stack]")]
    assert {line.index("[stack]") for line in names} <= host_columns
    labels = [line.split(":")[0] for line in ours[1:] if not shape.match(line)]
    host_lines = {line.split(":")[0]: line for line in host if not shape.match(line)}
    for line in ours:
        label = line.split(":")[0]
        if not shape.match(line) and label in host_lines and label not in ("VmFlags", "THPeligible"):
            assert len(line) == len(host_lines[label]), line
    assert {"Rss", "Pss", "Private_Dirty", "VmFlags"} <= set(labels)


def test_smaps_counts_sharing(guest: Guest) -> None:
    guest.mm.write(guest.scratch, bytes(4 * PAGE))
    children = [guest.fork() for _ in range(3)]
    text = smaps(guest.mm).decode()
    assert re.search(r"^Rss: +16 kB$", text, re.M) and re.search(r"^Pss: +4 kB$", text, re.M)
    assert re.search(r"^Shared_Dirty: +16 kB$", text, re.M)
    for child in children:
        exit_process(guest.kernel, child, 0)
    assert re.search(r"^Private_Dirty: +16 kB$", smaps(guest.mm).decode(), re.M)


def test_pagemap_tells_frames(guest: Guest) -> None:
    fd = guest.open("/proc/self/pagemap")
    guest.mm.read(guest.scratch + PAGE, 1)
    assert guest.call("lseek", fd, guest.scratch // PAGE * 8, 0) == guest.scratch // PAGE * 8
    raw = guest.read(fd, 24)
    entries = [int.from_bytes(raw[i : i + 8], "little") for i in range(0, 24, 8)]
    frame = guest.mm.table.entry(guest.scratch) >> 10 & (1 << 44) - 1
    assert entries[0] >> 63 == 1 and entries[0] & (1 << 55) - 1 == frame and entries[0] >> 56 & 1
    assert entries[1] >> 63 == 1 and entries[1] & (1 << 55) - 1 == 0  # the zero page
    assert entries[2] == 0
    assert guest.call("read", fd, guest.scratch, 7) == -22


def words(guest: Guest, name: str, first: int, number: int) -> list[int]:
    """`number` words of one of the binary files, read by 100 at a time."""
    fd = guest.open(name)
    out: list[int] = []
    for at in range(first, first + number, 100):
        assert guest.call("lseek", fd, at * 8, 0) == at * 8
        raw = guest.read(fd, 8 * min(100, first + number - at))
        out += [int.from_bytes(raw[i : i + 8], "little") for i in range(0, len(raw), 8)]
    return out


def test_every_frame_has_one_use_and_as_many_mappings_as_entries(guest: Guest) -> None:
    guest.mm.write(guest.scratch, bytes(3 * PAGE))
    shared = guest.mm.mmap(0, 2 * PAGE, RW, shared=True, file=ShmNode(77, 2 * PAGE))
    guest.mm.write(shared, bytes(2 * PAGE))
    guest.fork().mm.write(guest.scratch, b"own")
    system = guest.kernel.system
    flags = words(guest, "/proc/kpageflags", 0, guest.kernel.frames.count)
    counts = words(guest, "/proc/kpagecount", 0, guest.kernel.frames.count)
    assert len(flags) == len(counts) == guest.kernel.frames.count
    entries = Counter(
        pte >> 10 for mm in system.spaces for _, _, pte in mm.table.present(0, 1 << 38) if pte >> 10
    )
    assert {frame: n for frame, n in enumerate(counts) if n} == dict(entries)
    kinds = {"zero": 1 << 24, "free": 1 << 10, "table": 1 << 26, "lru": 1 << 5}
    per_kind = {name: sum(bool(word & bit) for word in flags) for name, bit in kinds.items()}
    assert sum(per_kind.values()) == len(flags) and per_kind["zero"] == 1
    assert per_kind["free"] == guest.kernel.frames.free
    assert per_kind["table"] == sum(mm.table.table_count for mm in system.spaces)
    frame = guest.mm.table.entry(shared) >> 10
    assert (
        counts[frame] == 2 and flags[frame] & (1 << 12 | 1 << 14) == 1 << 14
    )  # swapped like anonymous pages, but a file's
    assert words(guest, "/proc/kpageflags", guest.kernel.frames.count, 8) == []


def test_self_is_who_asks(guest: Guest) -> None:
    child = guest.fork()
    guest.text("/proc/self", 512)
    child.mm.write(guest.scratch + 512, b"/proc/self\0")
    for process in (guest.process, child):
        at = guest.scratch + 1024
        count = guest.call("readlinkat", AT_FDCWD, guest.scratch + 512, at, 20, process=process)
        assert count is not None and process.mm.read(at, count) == str(process.pid).encode()


@pytest.mark.parametrize(
    "name", ["maps", "smaps", "smaps_rollup", "status", "stat", "statm", "cmdline", "comm", "environ"]
)
def test_every_text_can_be_read_of_the_living_and_of_a_zombie(guest: Guest, name: str) -> None:
    child = guest.fork()
    for pid in ("self", str(child.pid)):
        fd = guest.open(f"/proc/{pid}/{name}")
        assert fd > 0
        text = guest.read(fd)
        assert name in ("cmdline", "environ") or text.endswith(b"\n")
    exit_process(guest.kernel, child, 0)
    assert guest.open(f"/proc/{child.pid}/{name}") > 0


def test_status_and_stat(guest: Guest) -> None:
    guest.process.comm = "prog"
    status = guest.read(guest.open("/proc/self/status")).decode()
    assert f"Pid:\t{guest.process.pid}\nPPid:\t1\n" in status and "VmRSS:\t       4 kB\n" in status
    stat = guest.read(guest.open("/proc/self/stat")).decode().split()
    assert len(stat) == 52 and stat[1:4] == ["(prog)", "R", "1"]
    assert guest.read(guest.open("/proc/self/statm")).split()[:2] == [
        b"17",
        b"2",
    ]  # the buffer of the reads above is present now


def test_descriptors_are_links(guest: Guest) -> None:
    fd = guest.open("/dev/null")
    place = guest.text(f"/proc/self/fd/{fd}")
    count = guest.call("readlinkat", AT_FDCWD, place, guest.scratch + 512, 100)
    assert count is not None and os.fsdecode(guest.mm.read(guest.scratch + 512, count)) == "/dev/null"


def test_nothing_in_proc_can_be_written_or_removed(guest: Guest) -> None:
    assert guest.open("/proc/self/maps", 1) == -errno.EACCES
    assert guest.call("unlinkat", AT_FDCWD, guest.text("/proc/self/maps"), 0) == -errno.EACCES
    assert guest.call("mkdirat", AT_FDCWD, guest.text("/proc/x"), 0o755) == -errno.ENOENT


@pytest.mark.parametrize("number", [b"1", b"2", b"3", b"4\n", b"5"])
def test_clear_refs_takes_its_five_numbers(number: bytes) -> None:
    guest = Guest()
    assert guest.open("/proc/self/clear_refs") == -errno.EACCES
    fd = guest.open("/proc/self/clear_refs", 1)
    guest.mm.write(guest.scratch, number)
    assert guest.call("write", fd, guest.scratch, len(number)) == len(number)
    for bad in (b"0", b"6", b"x"):
        guest.mm.write(guest.scratch, bad)
        assert guest.call("write", fd, guest.scratch, 1) == -errno.EINVAL


def test_clear_refs_clears_the_referenced_bits() -> None:
    guest = Guest()
    guest.mm.write(guest.scratch, b"x")
    fd = guest.open("/proc/self/clear_refs", 1)
    guest.mm.write(guest.scratch, b"1")
    assert b"Referenced:            0 kB" not in smaps_rollup(guest.mm)
    assert guest.call("write", fd, guest.scratch, 1) == 1
    assert b"Referenced:            0 kB" in smaps_rollup(guest.mm)


def test_soft_dirty_bits_are_accepted_and_never_set() -> None:
    """As on a riscv64 Linux of that time, which has no CONFIG_MEM_SOFT_DIRTY: "4" is taken, and bit 55 of pagemap stays clear."""
    guest = Guest()
    refs, pagemap = guest.open("/proc/self/clear_refs", 1), guest.open("/proc/self/pagemap")

    def word() -> int:
        assert guest.call("pread64", pagemap, guest.scratch + 512, 8, guest.scratch >> 12 << 3) == 8
        return guest.mm.read_int(guest.scratch + 512)

    guest.mm.write(guest.scratch, b"4")
    before = word()
    assert before >> 63 and not before >> 55 & 1
    assert guest.call("write", refs, guest.scratch, 1) == 1
    assert word() == before
    guest.mm.write(guest.scratch, b"written again")
    assert word() == before


def test_file_nr_counts_the_open_files_of_the_machine() -> None:
    guest = Guest()
    count = guest.kernel.files

    def numbers() -> list[int]:
        fd = guest.open("/proc/sys/fs/file-nr")
        text = guest.read(fd)
        guest.call("close", fd)
        return [int(word) for word in text.split(b"\t")]

    first, free, most = numbers()
    assert (first, free, most) == (4, 0, 8192)  # the standard streams, and the file itself
    assert guest.read(guest.open("/proc/sys/fs/file-max")) == b"8192\n"
    assert guest.call("dup", 0) == 4
    child = guest.fork()
    assert numbers()[0] == first + 1  # a copy of a descriptor is no further file
    assert guest.call("pipe2", guest.scratch, 0) == 0
    assert numbers()[0] == first + 3
    count.most = count.used
    assert guest.call("dup", 0) == 7
    assert guest.call("eventfd2", 0, 0) == guest.call("pipe2", guest.scratch, 0) == -errno.ENFILE
    assert guest.open("/tmp/never", 0o102) == guest.open("/gone") == -errno.ENFILE
    count.most += 1
    assert guest.open("/tmp/never") == -errno.ENOENT  # nothing was made
    assert (
        guest.call("pipe2", guest.scratch, 0) == -errno.ENFILE
    )  # it needs two, and gives the first one back
    assert guest.call("eventfd2", 0, 0) == 8
    guest.call("exit_group", 0, process=child)
    for fd in range(9):
        guest.call("close", fd)
    assert count.used == 0


def test_names_make_no_lines_of_their_own(guest: Guest) -> None:
    """Names with line ends, of a thread and of a mapped file, as Linux shows them."""
    assert guest.call("prctl", 15, guest.text("a\nb\\c")) == 0  # PR_SET_NAME
    fd = guest.open("/x\ny", 0o102)
    assert guest.call("ftruncate", fd, 4096) == 0
    assert guest.call("mmap", 0, 4096, 1, 1, fd, 0)
    assert "/x\\012y\n" in guest.read(guest.open("/proc/self/maps")).decode()
    assert guest.read(guest.open("/proc/self/status")).startswith(b"Name:\ta\\nb\\\\c\nUmask:")
    assert b" (a\\nb\\\\c) " in guest.read(guest.open("/proc/self/stat"))
    assert guest.read(guest.open("/proc/self/comm")) == b"a\nb\\c\n"
    assert guest.process.title == f"process {guest.process.pid} (a\\nb\\c)"
