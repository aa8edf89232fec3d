"""The texts of the files in /proc, in exactly Linux's format (proc(5))."""

from __future__ import annotations

import os

from toyvm.base.events import FaultKind
from toyvm.base.light_types import TYPE_CHECKING
from toyvm.machine.sv39 import PTE_SWAP, USER_TOP, pte_frame

from ..mm.cache.page_cache import BACKED, UNBACKED
from ..mm.frame_allocator import BLOCK, ZERO_FRAME
from ..mm.vma import PROT_EXEC, PROT_WRITE, Vma
from ..proc.kernel_state import KernelState
from ..proc.process import State

if TYPE_CHECKING:
    from ..mm.address_space import AddressSpace
    from ..proc.kernel_state import KernelState
    from ..proc.process import Process
    from .memory_report import Usage


def maps(mm: AddressSpace) -> bytes:
    """/proc/PID/maps."""
    return b"".join(os.fsencode(area.describe()) + b"\n" for area in mm.vmas)


def _usage_lines(use: Usage) -> list[tuple[str, int]]:
    """The fields that smaps and smaps_rollup share, in KiB (PSS rounded down)."""
    return [
        ("Rss", use.rss * 4),
        ("Pss", int(use.pss * 4)),
        ("Pss_Dirty", int(use.pss_dirty * 4)),
    ]


def _detail_lines(use: Usage) -> list[tuple[str, int]]:
    return [
        ("Shared_Clean", use.shared_clean * 4),
        ("Shared_Dirty", use.shared_dirty * 4),
        ("Private_Clean", use.private_clean * 4),
        ("Private_Dirty", use.private_dirty * 4),
        ("Referenced", use.referenced * 4),
        ("Anonymous", use.anonymous * 4),
        ("KSM", use.merged * 4),
        ("LazyFree", use.lazily_freed * 4),
        ("AnonHugePages", use.megapages * 4),
        ("ShmemPmdMapped", 0),
        ("FilePmdMapped", 0),
        ("Shared_Hugetlb", 0),
        ("Private_Hugetlb", 0),
        ("Swap", use.swap * 4),
        ("SwapPss", int(use.swap_pss * 4)),
        ("Locked", int(use.locked * 4)),
    ]


def _field(name: str, kilobytes: int) -> str:
    return f"{name + ':':<16}{kilobytes:8d} kB\n"


def _vm_flags(area: Vma) -> str:
    """The supported VmFlags of smaps, in Linux's order (fs/proc/task_mmu.c)."""
    flags = [
        ("rd", area.prot & 1),
        ("wr", area.prot & 2),
        ("ex", area.prot & 4),
        ("sh", area.shared),
        ("mr", True),
        ("mw", area.may_write),
        ("me", True),
        ("ms", area.shared and area.may_write),
        ("gd", area.grows_down),
        ("lo", area.locked),
        ("sr", area.advice == 2),
        ("rr", area.advice == 1),
        ("dc", area.dont_fork),
        ("ac", area.accounted),
        ("nr", area.no_reserve),
        ("wf", area.wipe_on_fork),
        ("hg", area.megapages is True),
        ("nh", area.megapages is False),
        ("mg", area.mergeable),
    ]
    return " ".join(word for word, is_set in flags if is_set)


def smaps(mm: AddressSpace) -> bytes:
    """/proc/PID/smaps."""
    from .memory_report import area_usage  # rarely needed, and `fractions` is slow to import

    out = []
    for area in mm.vmas:
        use = area_usage(mm, area)
        fields = [("Size", area.length >> 10), ("KernelPageSize", 4), ("MMUPageSize", 4)]
        fields += [*_usage_lines(use), *_detail_lines(use)]
        out.append(area.describe() + "\n" + "".join(_field(*field) for field in fields))
        eligible = mm.system.frames.megapages.fits(area, refused=mm.map.no_megapages)
        out.append(f"THPeligible:    {eligible:d}\nVmFlags: {_vm_flags(area)} \n")
    return os.fsencode("".join(out))


def smaps_rollup(mm: AddressSpace) -> bytes:
    """/proc/PID/smaps_rollup."""
    from .memory_report import Usage, area_usage

    areas = list(mm.vmas)
    if not areas:
        return b""
    uses = [area_usage(mm, area) for area in areas]
    total = sum(uses, Usage())
    anonymous = sum((u for u, a in zip(uses, areas, strict=True) if a.file is None), Usage())
    shmem = sum((u for u, a in zip(uses, areas, strict=True) if a.file is not None and a.shared), Usage())
    parts = [("Pss_Anon", int(anonymous.pss * 4))]
    parts.append(("Pss_File", int((total.pss - anonymous.pss - shmem.pss) * 4)))
    parts.append(("Pss_Shmem", int(shmem.pss * 4)))
    where = f"{areas[0].start:08x}-{areas[-1].end:08x} ---p 00000000 00:00 0 "
    fields = [*_usage_lines(total), *parts, *_detail_lines(total)]
    return (f"{where:<72} [rollup]\n" + "".join(_field(*field) for field in fields)).encode()


def strings(mm: AddressSpace, where: tuple[int, int]) -> bytes:
    """/proc/PID/cmdline and environ: the bytes that are on the stack now."""
    try:
        return mm.read(where[0], where[1] - where[0])
    except OSError:  # the process has unmapped its own stack
        return b""


def _sizes(process: Process) -> dict[str, int]:
    """Sizes in pages as /proc/PID/status counts them.

    `text` is the program's own code, `lib` other code.
    """
    mm = process.mm
    kinds = mm.system.cache.kind
    resident = {0: 0, BACKED: 0, UNBACKED: 0}
    swapped = 0
    for _, _, pte in mm.table.entries(0, USER_TOP):
        if pte & PTE_SWAP:
            swapped += 1
        elif (frame := pte_frame(pte)) != ZERO_FRAME:
            resident[kinds[frame]] += 1
    image = process.image.file if process.image is not None else None
    code = [area for area in mm.vmas if area.prot & PROT_EXEC and not area.prot & PROT_WRITE]
    return {
        "size": mm.vmas.pages,
        "rss": sum(resident.values()),
        "anonymous": resident[0],
        "file": resident[BACKED],
        "shmem": resident[UNBACKED],
        "swap": swapped,
        "text": sum(area.length for area in code if area.file is image) >> 12,
        "lib": sum(area.length for area in code if area.file is not image) >> 12,
        "data": mm.vmas.data_pages,
        "stack": sum(area.length for area in mm.vmas if area.grows_down) >> 12,
    }


def _ranges(bits: int) -> str:
    """A set of bits as Linux's bitmap lists: "0-2,5"."""
    found: list[str] = []
    first = 0
    while bits >> first:
        if bits >> first & 1:
            last = first
            while bits >> (last + 1) & 1:
                last += 1
            found.append(f"{first}-{last}" if last > first else str(first))
            first = last
        first += 1
    return ",".join(found)


# No process has a capability; the bounding set is whole.
_CAPABILITIES = (("CapInh", 0), ("CapPrm", 0), ("CapEff", 0), ("CapBnd", (1 << 41) - 1), ("CapAmb", 0))


def _one_line(comm: str) -> str:
    """A thread's name as status and stat show it."""
    return comm.replace("\\", "\\\\").replace("\n", "\\n")


def status(process: Process, cpus: int) -> bytes:
    """/proc/PID/status: the lines that common tools read, in Linux's order."""
    uid = KernelState.UID
    lines = [
        f"Name:\t{_one_line(process.comm)}",
        f"Umask:\t{process.umask:04o}",
        f"State:\t{process.state.value}",
        f"Tgid:\t{process.pid}",
        "Ngid:\t0",
        f"Pid:\t{process.tid}",
        f"PPid:\t{process.ppid}",
        "TracerPid:\t0",
        f"Uid:\t{uid}\t{uid}\t{uid}\t{uid}",
        f"Gid:\t{uid}\t{uid}\t{uid}\t{uid}",
        f"FDSize:\t{max(64, process.fds.limit // 16)}",
    ]
    if process.state not in (State.ZOMBIE, State.DEAD):
        mm, size = process.mm, _sizes(process)
        pages = [
            ("VmPeak", mm.vmas.peak),
            ("VmSize", size["size"]),
            ("VmLck", mm.vmas.locked_bytes >> 12),
            ("VmPin", 0),
            ("VmHWM", max(mm.map.high_water.mark, size["rss"])),
            ("VmRSS", size["rss"]),
            ("RssAnon", size["anonymous"]),
            ("RssFile", size["file"]),
            ("RssShmem", size["shmem"]),
            ("VmData", size["data"]),
            ("VmStk", size["stack"]),
            ("VmExe", size["text"]),
            ("VmLib", size["lib"]),
            ("VmPTE", mm.table.table_count),
            ("VmSwap", size["swap"]),
        ]
        lines += [f"{name}:\t{count * 4:8d} kB" for name, count in pages]
    signals = process.signals
    ignored = sum(1 << (s - 1) for s, a in signals.actions.items() if a.handler == 1)
    caught = sum(1 << (s - 1) for s, a in signals.actions.items() if a.handler > 1)
    pending, shared = (sum(1 << (s - 1) for s in found) for found in (signals.pending, signals.shared))
    processors = (1 << cpus) - 1 & (process.schedule.processors if process.schedule else -1)
    lines += [
        f"THP_enabled:\t{not process.mm.map.no_megapages:d}",
        f"Threads:\t{max(1, len(process.thread_group.members))}",
        f"SigPnd:\t{pending:016x}",
        f"ShdPnd:\t{shared:016x}",
        f"SigBlk:\t{signals.mask:016x}",
        f"SigIgn:\t{ignored:016x}",
        f"SigCgt:\t{caught:016x}",
        *(f"{name}:\t{bits:016x}" for name, bits in _CAPABILITIES),
        f"NoNewPrivs:\t{process.thread_group.no_new_privileges:d}",
        "Seccomp:\t0",
        "Seccomp_filters:\t0",
        f"Cpus_allowed:\t{processors:x}",
        f"Cpus_allowed_list:\t{_ranges(processors)}",
        f"voluntary_ctxt_switches:\t{process.counters.context_switches}",
        "nonvoluntary_ctxt_switches:\t0",
    ]
    return os.fsencode("\n".join(lines) + "\n")


def stat(process: Process) -> bytes:
    """/proc/PID/stat: 52 fields."""
    dead = process.state in (State.ZOMBIE, State.DEAD)
    size = {"size": 0, "rss": 0} if dead else _sizes(process)
    counters, mm = process.counters, process.mm
    ticks = counters.instructions // 10_000_000
    minor = counters.page_faults - counters.major_faults
    nice = process.schedule.nice if process.schedule else 0
    fields: list[int | str] = [
        process.tid, f"({_one_line(process.comm)})", process.state.value[0], process.ppid, process.pgid, process.sid, 0, -1, 0,
        minor, 0, counters.major_faults, 0, ticks, 0, process.children_instructions // 10_000_000, 0,
        20 + nice, nice, max(1, len(process.thread_group.members)), 0,
        process.started_at // 10_000_000, size["size"] << 12, size["rss"], (1 << 64) - 1,
    ]  # fmt: skip
    image = process.image
    fields += [image.start, image.end] if image is not None else [0, 0]
    fields += [
        1 << 38,
        process.hart.x[2],
        process.hart.pc,
        0,
        0,
        0,
        0,
        0,
        0,
        0,
        process.exit_signal,
        0,
        0,
        0,
        0,
        0,
        0,
    ]
    fields += [0, 0, mm.map.brk_start, *mm.map.arg_range, *mm.map.env_range, process.status]
    return os.fsencode(" ".join(map(str, fields)) + "\n")


def statm(process: Process) -> bytes:
    """/proc/PID/statm: size resident shared text lib data dt, in pages; all 0 for a zombie."""
    if process.state in (State.ZOMBIE, State.DEAD):
        return b"0 0 0 0 0 0 0\n"
    size = _sizes(process)
    shared = size["file"] + size["shmem"]
    data = size["data"] + size["stack"]
    return f"{size['size']} {size['rss']} {shared} {size['text']} 0 {data} 0\n".encode()


def meminfo(kernel: KernelState) -> bytes:
    """/proc/meminfo, in KiB."""
    frames, cache, swap = kernel.frames, kernel.system.cache, kernel.system.swap
    fields = [
        ("MemTotal", (frames.count - 1) * 4),
        ("MemFree", frames.free * 4),
        ("MemAvailable", (frames.free + len(cache)) * 4),
        ("Buffers", 0),
        ("Cached", len(cache) * 4),
        ("SwapCached", swap.cached * 4 if swap is not None else 0),
        ("Dirty", len(cache.dirty) * 4),
        ("AnonHugePages", len(frames.megapages.tables) * BLOCK * 4),
        ("SwapTotal", swap.slots * 4 if swap is not None else 0),
        ("SwapFree", swap.free * 4 if swap is not None else 0),
        ("CommitLimit", kernel.system.commit.limit * 4),
        ("Committed_AS", kernel.system.commit.committed * 4),
    ]
    return "".join(f"{name + ':':<16}{value:8d} kB\n" for name, value in fields).encode()


def swaps(kernel: KernelState) -> bytes:
    """/proc/swaps: the swap area, in KiB."""
    lines = "Filename\t\t\t\tType\t\tSize\t\tUsed\t\tPriority\n"
    swap = kernel.system.swap
    if swap is not None:
        sizes = [f"{pages * 4}\t" + "\t" * (pages * 4 < 10_000_000) for pages in (swap.slots, swap.used)]
        lines += f"{'/swapfile':<40}file\t\t{''.join(sizes)}-2\n"
    return lines.encode()


def vmstat(kernel: KernelState) -> bytes:
    """/proc/vmstat: the event counters that toyvm keeps, with Linux's names and order."""
    stats, cache, swap = kernel.stats, kernel.system.cache, kernel.system.swap
    ksm = kernel.system.ksm
    anonymous = stats.faults[FaultKind.SWAP_IN] + stats.faults[FaultKind.SWAP_CACHED]
    fields = [
        ("nr_free_pages", kernel.frames.free),
        ("workingset_refault_anon", anonymous),
        ("workingset_refault_file", cache.refaults),
        ("nr_file_pages", len(cache)),
        ("nr_dirty", len(cache.dirty)),
        ("nr_written", stats.written_back),
        ("nr_swapcached", swap.cached if swap is not None else 0),
        ("pswpin", stats.swapped_in),
        ("pswpout", stats.swapped_out),
        ("allocstall_normal", stats.direct_reclaims),
        ("pgfault", stats.page_faults),
        ("pgmajfault", stats.major_faults),
        ("pgsteal_kswapd", stats.reclaimed - stats.reclaimed_direct),
        ("pgsteal_direct", stats.reclaimed_direct),
        ("pgscan_kswapd", stats.scanned - stats.scanned_direct),
        ("pgscan_direct", stats.scanned_direct),
        ("oom_kill", stats.oom_kills),
        ("thp_fault_alloc", stats.megapages),
        ("thp_fault_fallback", stats.megapage_fallbacks),
        ("thp_split_page", stats.megapages_split),
        ("thp_split_pmd", stats.megapage_entries_split),
        ("cow_ksm", ksm.frames.copies if ksm is not None else 0),
    ]
    return "".join(f"{name} {value}\n" for name, value in fields).encode()
