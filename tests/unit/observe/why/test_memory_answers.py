"""Why memory is what it is: the answers agree with /proc, with the kernel's own accounts, and with what happens next."""

from __future__ import annotations

import itertools
import json
from collections import Counter
from collections.abc import Callable

import pytest

from tests.support.harness import ROOT
from toyvm.base.events import FaultKind, PageFault, ProcessEnding
from toyvm.build import build_program
from toyvm.elf.elf_file import ElfFile
from toyvm.kernel import trap_handling
from toyvm.kernel.kernel import Kernel
from toyvm.kernel.mm import address_space
from toyvm.kernel.mm.faults.page_fault import RESOLVED_BADLY, handle_fault
from toyvm.kernel.proc.process import Process
from toyvm.kernel.vfs.pseudo.page_words import (
    PM_EXCLUSIVE,
    PM_FILE,
    PM_PRESENT,
    PM_SWAPPED,
    kpagecount,
    pagemap,
)
from toyvm.machine.sv39 import USER_TOP
from toyvm.observe.breakpoint_places import linked_address_of
from toyvm.observe.symbolize import kernel_symbolizer
from toyvm.observe.why.address_answer import explain_address
from toyvm.observe.why.answer_text import (
    address_text,
    fault_text,
    frame_text,
    page_text,
    process_text,
    walk_text,
)
from toyvm.observe.why.fault_recorder import FaultRecorder
from toyvm.observe.why.frame_owners import explain_frame
from toyvm.observe.why.json_form import to_json
from toyvm.observe.why.memory_answers import FaultAnswer
from toyvm.observe.why.next_access import next_access
from toyvm.observe.why.page_history import PageHistory
from toyvm.observe.why.process_answer import explain_process
from toyvm.run_options import RunOptions
from toyvm.system import Session, Start

KIB = 1 << 10


def session(options: RunOptions | None = None) -> Session:
    return Session(options or RunOptions(root=str(ROOT / "asm")), capture=True)


def run(made: Session, source: str, linkage: str = "static", args: tuple[str, ...] = ()) -> None:
    program = build_program([ROOT / "asm" / source], linkage=linkage)
    made.start(Start(program, (source, *(args or tuple(program.directives.args)))))
    made.finish()


def at_each_end(made: Session, look: Callable[[Kernel, Process], None]) -> None:
    made.bus.subscribe(ProcessEnding, lambda event: look(made.kernel, made.kernel.processes[event.pid]))


def compare_with_proc(kernel: Kernel, process: Process) -> int:
    """Compare each page of a process with /proc/PID/pagemap and /proc/kpagecount; the number of pages."""
    mm, symbols, pages = process.mm, kernel_symbolizer(kernel), 0
    for area in mm.vmas:
        for va in range(area.start, min(area.end, area.start + (64 << 12)), 1 << 12):
            answer = explain_address(kernel, process, va, symbols)
            (word,) = pagemap(mm, va >> 12, 1)
            assert (answer.state == "present") == bool(word & PM_PRESENT)
            assert (answer.state == "swapped") == bool(word & PM_SWAPPED)
            assert answer.area == area.describe()
            if answer.frame is not None:
                frame = word & (1 << 55) - 1
                assert answer.frame.frame == frame == answer.physical >> 12
                assert (answer.frame.page is not None) == bool(word & PM_FILE)
                assert (len(answer.frame.mappings) == 1) == bool(word & PM_EXCLUSIVE)
                assert [len(answer.frame.mappings)] == list(kpagecount(kernel.system, frame, 1))
                assert not answer.frame.other_references
                assert frame == 0 or (process.pid, va) in [(m.pid, m.address) for m in answer.frame.mappings]
            if answer.slot is not None:
                assert answer.slot.slot == (word & (1 << 55) - 1) >> 5
            pages += 1
    return pages


@pytest.mark.parametrize(
    ("source", "linkage"),
    [("cow.s", "static"), ("cow.s", "dynamic"), ("shm_talk.s", "static"), ("lazy.s", "dynamic")],
)
def test_each_page_is_as_proc_says(source: str, linkage: str) -> None:
    made, pages = session(), Counter[int]()

    def look(kernel: Kernel, process: Process) -> None:
        pages[process.pid] += compare_with_proc(kernel, process)

    at_each_end(made, look)
    run(made, source, linkage)
    assert all(count > 5 for count in pages.values())


def test_swapped_pages_have_a_slot() -> None:
    made = session(RunOptions(memory=1 << 20, swap=8 << 20))
    states: Counter[str] = Counter()

    def look(kernel: Kernel, process: Process) -> None:
        compare_with_proc(kernel, process)
        for area in process.mm.vmas:
            for va in range(area.start, area.end, 1 << 12):
                states[explain_address(kernel, process, va).state] += 1

    at_each_end(made, look)
    run(made, "overfull.s")
    assert states["swapped"] > 20
    assert states["present"] > 20


@pytest.mark.parametrize(
    ("source", "linkage", "options"),
    [
        ("cow.s", "static", {}),
        ("lazy.s", "dynamic", {}),
        ("shm_talk.s", "static", {}),
        ("overfull.s", "static", {"memory": 1 << 20, "swap": 8 << 20}),
        ("cow.s", "dynamic", {"thp": "always"}),
    ],
)
def test_the_next_access_does_what_is_foretold(
    source: str, linkage: str, options: dict[str, object], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every fault of a run is foretold, and between faults no fault is foretold for what has just succeeded."""
    kinds: Counter[FaultKind] = Counter()

    def watched(system, space, context, va, access, pc):  # type: ignore[no-untyped-def] # stands for handle_fault
        foretold = next_access(system, space, va, access)
        kind = handle_fault(system, space, context, va, access, pc)
        assert foretold.kind is kind, (hex(va), access, foretold)
        if kind not in RESOLVED_BADLY:
            assert next_access(system, space, va, access).kind is None
        kinds[kind] += 1
        return kind

    monkeypatch.setattr(address_space, "handle_fault", watched)
    monkeypatch.setattr(trap_handling, "handle_fault", watched)
    made = session(RunOptions(root=str(ROOT / "asm"), **options))  # type: ignore[arg-type] # options by name
    made.bus.subscribe(PageFault, lambda event: None)  # the kernel resolves each fault
    run(made, source, linkage)
    assert sum(kinds.values()) >= 15


def test_faults_are_counted_and_their_costs_add_up() -> None:
    made = session()
    answers: list[FaultAnswer] = []
    FaultRecorder(made.kernel, answers.append)
    run(made, "cow.s")
    stats = made.kernel.stats
    assert [answer.number for answer in answers] == list(range(1, len(answers) + 1))
    faults = Counter(answer.kind for answer in answers)
    assert faults[FaultKind.COW] == stats.faults[FaultKind.COW]
    assert sum(a.bytes_copied for a in answers) == 4096 * stats.faults[FaultKind.COW]
    assert sum(a.bytes_zeroed for a in answers) == 4096 * stats.faults[FaultKind.DEMAND_ZERO]
    assert sum(a.bytes_read for a in answers) == 4096 * stats.faults[FaultKind.FILE_MAJOR]
    for answer in answers:
        if answer.kind not in RESOLVED_BADLY:
            assert answer.pte_after >> 10 == answer.frame
    reuse = next(a for a in answers if a.kind is FaultKind.COW_REUSE and a.pc)
    assert "(cow.s:" in reuse.place
    assert (reuse.old_frame, reuse.old_references, reuse.frame) == (reuse.frame, 1, reuse.frame)


def test_a_fault_is_told_in_full() -> None:
    made = session()
    answers: list[FaultAnswer] = []
    FaultRecorder(made.kernel, answers.append, pid=101)
    run(made, "cow.s")
    copy = next(a for a in answers if a.kind is FaultKind.COW and a.place.startswith("child"))
    text = fault_text(copy)
    assert text.splitlines()[0] == f"fault {copy.number}: write of {copy.address:#x} by process 101 (cow)"
    assert "  instruction sd t1, 0(t0)" in text or "  instruction c.sd" in text
    assert f"  old frame   {copy.old_frame:#x}, which had 2 references" in text
    assert "4,096 bytes copied" in text
    assert max(map(len, text.splitlines())) <= 100


def test_the_history_of_a_page_names_fork_and_faults() -> None:
    program = build_program([ROOT / "asm" / "cow.s"], linkage="static")
    number = linked_address_of("number", ElfFile.parse(program.link.image, "cow"))
    made = session()
    parent = PageHistory(made.kernel, 100, lambda: number)
    child = PageHistory(made.kernel, 101, lambda: number)
    run(made, "cow.s")
    kinds = [change.cause for change in parent.answer().changes]
    assert [cause.split(" ")[0] for cause in kinds] == ["write", "fork", "write"]
    assert "cow_reuse" in kinds[2]
    assert "fork of process 100 made process 101" in child.answer().changes[0].cause
    assert " cow: " in child.answer().changes[1].cause
    assert "exit_group(0)" in child.answer().changes[-1].cause
    assert "(frame" in page_text(parent.answer())


def test_evictions_and_reads_of_a_page_alternate() -> None:
    made = session(RunOptions(memory=1 << 20, swap=8 << 20))
    mapped: list[int] = []

    def note(event: PageFault) -> None:
        if event.vma.endswith(" 0 ") and event.access == "write" and not mapped:
            mapped.append(event.va)

    made.bus.subscribe(PageFault, note)
    history = PageHistory(made.kernel, 100, lambda: mapped[0] if mapped else None)
    run(made, "overfull.s")
    causes = [change.cause for change in history.answer().changes]
    assert any("reclaim took frame" in cause for cause in causes)
    for before, after in itertools.pairwise(causes):
        if "reclaim took frame" in before:
            assert "swap" in after


def test_where_a_process_is_adds_up() -> None:
    made, seen = session(), []

    def look(kernel: Kernel, process: Process) -> None:
        answer = explain_process(kernel, process)
        seen.append(answer)
        for area in answer.areas:
            assert area.pages == area.private + area.shared + area.swapped + area.untouched
            assert bool(area.shared_with) <= bool(area.shared)
        assert answer.tables == process.mm.table.table_count
        assert max(map(len, process_text(answer).splitlines())) <= 100

    at_each_end(made, look)
    run(made, "cow.s")
    assert [answer.pid for answer in seen] == [101, 100]
    assert any(area.shared_with == (100,) for area in seen[0].areas)


def test_frames_of_every_use() -> None:
    made, uses = session(), Counter[str]()

    def look(kernel: Kernel, process: Process) -> None:
        for frame in range(40):
            answer = explain_frame(kernel, frame)
            uses[answer.use] += 1
            assert frame_text(answer).startswith(f"frame {frame:#x}\n")
        assert explain_frame(kernel, process.mm.table.root_ppn).table_of == process.pid
        with pytest.raises(IndexError, match="the machine has the frames"):
            explain_frame(kernel, kernel.frames.count)

    at_each_end(made, look)
    run(made, "cow.s")
    assert {"free", "the shared zero page", "page tables", "anonymous", "file and shared memory"} <= {*uses}


def test_an_address_without_memory() -> None:
    made, texts = session(), []

    def look(kernel: Kernel, process: Process) -> None:
        for va in (0, USER_TOP - 1, USER_TOP, (1 << 64) - 1):
            answer = explain_address(kernel, process, va)
            texts.append(address_text(answer))
            assert (answer.state, answer.frame) == (
                ("unmapped", None) if va != USER_TOP - 1 else ("present", answer.frame)
            )

    at_each_end(made, look)
    run(made, "cow.s")
    assert "segv, SIGSEGV is sent): nothing is mapped there" in texts[0]


def test_texts_and_json_of_an_address() -> None:
    made, seen = session(), []

    def look(kernel: Kernel, process: Process) -> None:
        answer = explain_address(kernel, process, process.hart.pc)
        text = address_text(answer)
        assert max(len(line) for line in text.splitlines()) <= 100
        assert walk_text(answer).count("level") == 3
        found = json.loads(json.dumps(to_json(answer, "toyvm.explain.address/1")))
        assert found["schema"] == "toyvm.explain.address/1"
        assert int(found["address"], 16) == process.hart.pc
        assert [step["meaning"] for step in found["steps"]] == ["table", "table", "page"]
        assert [outcome["access"] for outcome in found["outcomes"]] == ["read", "write", "execute"]
        seen.append(answer)

    at_each_end(made, look)
    run(made, "cow.s", "dynamic")
    assert seen[0].file.endswith(".so") or seen[0].file == "/bin/cow"
    assert seen[0].section == ".text"


def test_a_machine_without_an_mmu() -> None:
    made, seen = session(RunOptions(no_mmu=True)), []

    def look(kernel: Kernel, process: Process) -> None:
        seen.append(explain_address(kernel, process, process.hart.pc))
        assert "translates nothing" in address_text(seen[0])
        assert explain_process(kernel, process).tables == 0

    at_each_end(made, look)
    run(made, "hello.s")
    assert seen[0].state == "physical"


def test_native_code_and_the_recorder_agree() -> None:
    """A recorder makes the kernel resolve each fault; counts and frames stay those of a run without it."""
    found = []
    for recorded in (False, True):
        made = session()
        if recorded:
            FaultRecorder(made.kernel, lambda answer: None)
        run(made, "cow.s")
        stats = made.kernel.stats
        found.append((dict(stats.faults), stats.instructions, stats.frames_peak))
    assert found[0] == found[1]
