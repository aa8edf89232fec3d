"""Recording page references: the trace says what a plain interpreter sees, and files are read back or refused."""

from __future__ import annotations

import io
import json
import struct
import zlib
from array import array
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.support.harness import ASM, GUEST, OPTIONS, toyvm
from toyvm.base.record import replace
from toyvm.build import Program, build_program
from toyvm.engines.checking.walk_engine import WalkEngine
from toyvm.engines.effects import Effects
from toyvm.engines.engine import FaultHook
from toyvm.engines.watching.recording_engine import EXECUTE, READ, SPACE, WRITE, RecordingEngine
from toyvm.isa.decode import decode
from toyvm.machine.hart import Hart
from toyvm.machine.mmu import Access, Mmu
from toyvm.machine.physical_memory import PhysicalMemory
from toyvm.machine.traps import Trap
from toyvm.observe.pages import locality_report, page_trace
from toyvm.observe.pages import reference_string as reference_string_module
from toyvm.observe.pages.miss_ratio import NAMES, curves, text_table
from toyvm.observe.pages.page_recorder import PageRecorder
from toyvm.observe.pages.page_trace import PageTrace, Space, TraceError, TraceWriter, read_trace
from toyvm.observe.pages.reference_string import reference_string
from toyvm.observe.pictures import heat_map, locality_charts
from toyvm.result import RunResult
from toyvm.run_options import RunOptions
from toyvm.system import Watcher, run

Event = tuple[int, int, int]  # time, kind, page


class WalkRecorder:
    """A watcher whose engine walks trees, and notes every translation that an instruction asks for and gets."""

    def __init__(self) -> None:
        self.events: list[Event] = []

    def engine(self, memory: PhysicalMemory) -> WalkEngine:
        return _NotingWalk(memory, self.events)

    def start(self, kernel: object) -> None:
        pass


class _NotingWalk(WalkEngine):
    def __init__(self, memory: PhysicalMemory, events: list[Event]):
        super().__init__(memory)
        self._events = events
        self._time = 0
        self._numbers: dict[int, int] = {}
        self._mmus: list[Mmu] = []  # alive, so that ids stay theirs
        self._number = self._page = -1

    def run(self, hart: Hart, budget: int, on_fault: FaultHook | None = None) -> Trap | None:
        if id(hart.mmu) not in self._numbers:
            self._numbers[id(hart.mmu)] = len(self._mmus)
            self._mmus.append(hart.mmu)
        if self._numbers[id(hart.mmu)] != self._number:
            self._number, self._page = self._numbers[id(hart.mmu)], -1
            self._events.append((self._time, SPACE, self._number))
        return super().run(hart, budget)

    def step(self, hart: Hart) -> None:
        asked: list[tuple[int, int]] = []
        translate = Mmu.translate

        def noting(mmu: Mmu, va: int, access: Access) -> int:
            pa = translate(mmu, va, access)
            asked.append(({1: READ, 2: WRITE, 3: EXECUTE}[access.bit_length() - 1], va >> 12))
            return pa

        word = hart.mmu.fetch(hart.pc)
        decoded = decode(word)
        assert decoded is not None
        first, last = hart.pc >> 12, hart.pc + decoded.length - 1 >> 12
        if first != self._page or last != first:
            self._events.append((self._time, EXECUTE, first))
        if last != first:
            self._events.append((self._time, EXECUTE, last))
        self._page = last
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(Mmu, "translate", noting)
            super().step(hart)  # a Trap leaves no event
        data = dict.fromkeys(reference for reference in asked if reference[0] != EXECUTE)
        self._events += [(self._time, kind, page) for kind, page in data]
        self._time += 1


def program_of(path: Path, linkage: str = "static") -> Program:
    return build_program([path], linkage=linkage)


def watched(program: Program, watcher: Watcher, options: RunOptions = OPTIONS) -> RunResult:
    argv = [program.name, *program.directives.args]
    return run(program, argv, options, watchers=[watcher], capture=True)


def record(
    program: Program, path: Path, limit: int = 10**9, options: RunOptions = OPTIONS
) -> tuple[PageTrace, RunResult]:
    with path.open("wb") as stream:
        recorder = PageRecorder(stream, limit)
        result = watched(program, recorder, options)
        recorder.finish(program.name)
    return read_trace(str(path)), result


def events_of(trace: PageTrace) -> list[Event]:
    pairs = zip(trace.times.tolist(), trace.values.tolist(), strict=True)
    return [(time, value & 3, value >> 2) for time, value in pairs]


def plain_references(events: list[Event], instructions: int) -> int:
    """How many references the events stand for, as their description says it."""
    loads_and_stores = sum(kind in (READ, WRITE) for _, kind, _ in events)
    fetches, at = 0, 0
    for time, kind, _ in events:
        if kind == SPACE:
            fetches, at = fetches + max(time - at, 0), time
        elif kind == EXECUTE:
            fetches, at = fetches + max(time - at, 0) + 1, time + 1
    return loads_and_stores + fetches + max(instructions - at, 0)


CROSSING = """
        .option rvc
        .globl  main
        .text
        .balign 4096
        .skip   4092
main:   li      t0, 50
        c.nop
        la      t1, there
1:      ld      t2, -4(t1)              # reaches into the next page
        sd      t2, 8188(t1)
        c.addi  t0, -1
        bnez    t0, 1b
        li      a0, 0
        ret
        .bss
        .balign 4096
        .skip   4096
there:  .skip   16384
""".replace("8188(t1)", "2044(t1)")


@pytest.mark.parametrize(
    "source",
    [
        "dynamic",
        ASM / "cow.s",
        ASM / "exec.s",
        GUEST / "atomics.s",
        GUEST / "misaligned.s",
        GUEST / "selfmod.s",
        "crossing",
    ],
    ids=lambda source: getattr(source, "stem", source),
)
def test_recording_sees_what_a_plain_interpreter_sees(source: Path | str, tmp_path: Path) -> None:
    if source == "crossing":
        source = tmp_path / "crossing.s"
        source.write_text(CROSSING)
    program = program_of(ASM / "lazy.s", "dynamic") if source == "dynamic" else program_of(Path(source))
    walk = WalkRecorder()
    expected = watched(program, walk)
    trace, result = record(program, tmp_path / "t.pages")
    assert (result.stdout, result.status) == (expected.stdout, expected.status)
    assert events_of(trace) == walk.events
    assert trace.complete
    assert trace.instructions == result.stats.instructions == expected.stats.instructions
    assert (
        trace.references
        == reference_string(trace).references
        == plain_references(walk.events, trace.instructions)
    )


def test_limit_stops_recording_and_not_the_program(tmp_path: Path) -> None:
    program = program_of(ASM / "cow.s")
    whole, result = record(program, tmp_path / "whole.pages")
    part, same = record(program, tmp_path / "part.pages", limit=1500)
    assert (same.stdout, same.stats.instructions) == (result.stdout, result.stats.instructions)
    assert not part.complete
    assert 1500 <= part.references < 1500 + 2 * 1500 + 64 < whole.references
    assert events_of(part) == events_of(whole)[: len(part.times)]


@pytest.mark.parametrize("part", [100, page_trace.PART_EVENTS])
def test_faults_leave_no_trace(part: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With a fraction of the memory it needs the program refers to the same pages: the same file, to the byte."""
    monkeypatch.setattr(page_trace, "PART_EVENTS", part)
    program = program_of(ASM / "locality.s")
    _, roomy = record(program, tmp_path / "roomy.pages", limit=300_000)
    _, tight = record(
        program,
        tmp_path / "tight.pages",
        limit=300_000,
        options=replace(OPTIONS, memory=192 << 10, swap=1 << 20),
    )
    assert tight.stats.faults["swap_in"] > 0
    assert roomy.stats.faults["swap_in"] == 0
    assert (tmp_path / "roomy.pages").read_bytes() == (tmp_path / "tight.pages").read_bytes()


def test_areas_and_processes_are_named(tmp_path: Path) -> None:
    trace, _ = record(program_of(ASM / "cow.s"), tmp_path / "t.pages")
    assert len(trace.spaces) >= 2
    assert len({space.pid for space in trace.spaces}) == len(trace.spaces)
    for space in trace.spaces:
        assert space.command == "cow"
        assert {"[stack]"} < {area.name for area in space.areas}
    space = -1
    for _, kind, page in events_of(trace):
        if kind == SPACE:
            space = page
        else:
            assert any(area.start <= page << 12 < area.end for area in trace.spaces[space].areas)


# --- files ---


def written(events: list[tuple[int, int]], instructions: int, spaces: int = 1) -> bytes:
    stream = io.BytesIO()
    writer = TraceWriter(stream)
    writer.add(array("Q", [t for t, _ in events]), array("Q", [v for _, v in events]))
    writer.finish("p", instructions, True, [Space(100 + n, "p", ()) for n in range(spaces)])
    return stream.getvalue()


@given(
    st.lists(
        st.tuples(
            st.sampled_from([0, 1, 7, 1 << 31, 1 << 33]),
            st.integers(0, (1 << 26) - 1),
            st.sampled_from([1, 2, 3]),
        ),
        max_size=40,
    )
)
def test_files_are_read_back(steps: list[tuple[int, int, int]]) -> None:
    time = 0
    events = [(0, 0 << 2 | SPACE), (0, 5 << 2 | EXECUTE)]
    for step, page, kind in steps:
        time += step
        events.append((time, page << 2 | kind))
    events = [e for at, e in enumerate(events) if e[1] & 3 == EXECUTE or at == 0 or e != events[at - 1]]
    trace = _parse(written(events, time + 1))
    assert list(zip(trace.times.tolist(), trace.values.tolist(), strict=True)) == events


def _parse(data: bytes) -> PageTrace:
    return page_trace._read(io.BytesIO(data))


GOOD = written([(0, SPACE), *((n // 2, (n * 7 % 31) << 2 | (EXECUTE, READ)[n & 1]) for n in range(200))], 200)


@given(data=st.data())
def test_damaged_files_are_refused(data: st.DataObject, tmp_path_factory: pytest.TempPathFactory) -> None:
    """Any change of a byte, any cut, any addition."""
    bad = bytearray(GOOD)
    how = data.draw(st.sampled_from(["flip", "cut", "add"]))
    at = data.draw(st.integers(0, len(bad) - 1))
    if how == "flip":
        bad[at] ^= data.draw(st.integers(1, 255))
    elif how == "cut":
        del bad[at:]
    else:
        bad[at:at] = data.draw(st.binary(min_size=1, max_size=20))
    path = tmp_path_factory.getbasetemp() / "bad.pages"
    path.write_bytes(bad)
    with pytest.raises(TraceError, match=r"^/.*bad\.pages: "):
        read_trace(str(path))


def part(tag: bytes, payload: bytes) -> bytes:
    return struct.pack("<4sII", tag, len(payload), zlib.crc32(payload)) + payload


def events_part(times: list[int], values: list[int], count: int | None = None) -> bytes:
    steps = np.diff(np.array(times, np.uint64), prepend=np.uint64(times[0])).astype("<u4")
    planes = page_trace._planes(steps) + page_trace._planes(np.array(values, "<u4"))
    head = struct.pack("<QI", times[0], len(times) if count is None else count)
    return part(b"EVTS", head + zlib.compress(planes))


def info(**changes: object) -> bytes:
    fields = {
        "schema": page_trace.SCHEMA, "program": "p", "instructions": 9, "references": 9, "complete": True,
        "spaces": [{"pid": 1, "command": "p", "areas": []}],
    }  # fmt: skip
    return part(b"INFO", json.dumps(fields | changes).encode())


START = events_part([0, 0], [SPACE, 5 << 2 | EXECUTE])


@pytest.mark.parametrize(
    "parts",
    [
        [],
        [START],
        [info(), START],
        [part(b"WHAT", b"")],
        [events_part([0, 0], [SPACE, 5 << 2 | EXECUTE], count=3), info()],
        [events_part([0, 0], [SPACE, 5 << 2 | EXECUTE], count=1 << 31), info()],
        [part(b"EVTS", b"short"), info()],
        [part(b"EVTS", struct.pack("<QI", 0, 5) + b"not deflated"), info()],
        [part(b"EVTS", struct.pack("<QI", 0, 5) + zlib.compress(bytes(1 << 24))), info()],  # a bomb
        [events_part([1 << 63], [SPACE]), info()],
        [events_part([0], [1 << 2 | SPACE]), info()],  # no such space
        [events_part([0], [5 << 2 | EXECUTE]), info()],  # in no space
        [events_part([0, 0], [SPACE, 5 << 2 | READ]), info(references=10)],  # by no instruction
        [START, events_part([0], [1 << 28 | READ]), info(references=10)],  # not in the user half
        [START, events_part([10], [5 << 2 | READ]), info(references=10)],  # after the end
        [START, events_part([5], [5 << 2 | READ]), events_part([4], [5 << 2 | READ]), info(references=11)],
        [START, events_part([5], [5 << 2 | READ]), info()],  # one more than it says
        [START, info(schema="toyvm.run/1")],
        [START, info(spaces=None)],
        [START, info(spaces=[{"pid": 1, "command": "p", "areas": [[1, 2]]}])],
        [START, info(instructions="many")],
        [START, info(instructions=-1)],
        [START, part(b"INFO", b"[" * 100_000)],
        [START, part(b"INFO", b"{}")],
    ],
)
def test_traces_that_cannot_be_are_refused(parts: list[bytes], tmp_path: Path) -> None:
    path = tmp_path / "bad.pages"
    path.write_bytes(page_trace.MAGIC + b"".join(parts))
    with pytest.raises(TraceError, match=r"bad\.pages: "):
        read_trace(str(path))


def test_the_smallest_traces_are_read() -> None:
    assert len(_parse(page_trace.MAGIC + START + info()).times) == 2
    assert len(_parse(page_trace.MAGIC + info(instructions=0, references=0, spaces=[])).times) == 0


# --- from events to references ---


@st.composite
def traces(draw: st.DrawFn) -> PageTrace:
    """Any events that a recording could have, with times near and far, in one file after another part."""
    spaces = draw(st.integers(1, 3))
    events: list[tuple[int, int]] = []
    time = 0
    for _ in range(draw(st.integers(0, 6))):
        events.append((time, draw(st.integers(0, spaces - 1)) << 2 | SPACE))
        for _ in range(draw(st.integers(0, 6))):
            events.append((time, draw(st.integers(0, 5)) << 2 | EXECUTE))
            for _ in range(draw(st.integers(0, 4))):
                time += draw(st.sampled_from([0, 1, 3, 1 << 40]))
                events.append((time, draw(st.integers(0, 5)) << 2 | draw(st.sampled_from([READ, WRITE]))))
            time += draw(st.sampled_from([0, 1, 1, 5]))
    return _parse(written(events, time + draw(st.integers(0, 9)), spaces))


def expanded(trace: PageTrace) -> list[tuple[int, int, int]]:
    """(space and page, count, kind) of one reference after the other, joined only where it is the same instruction stream."""
    found: list[tuple[int, int, int]] = []
    space = code = fetched = 0
    for time, kind, number in events_of(trace):
        before_data = kind in (READ, WRITE)
        if time + before_data > fetched:
            found.append((code, time + before_data - fetched, EXECUTE))
        if kind == SPACE:
            space, fetched = number, time
            code = space << 32 | number
            continue
        if kind == EXECUTE:
            code = space << 32 | number
        found.append((space << 32 | number, 1, kind))
        fetched = time + 1
    if trace.instructions > fetched:
        found.append((code, trace.instructions - fetched, EXECUTE))
    return found


@pytest.mark.parametrize("piece", [3, 1 << 16])
@given(trace=traces(), kinds=st.sampled_from(["all", "data", "code"]), space=st.sampled_from([None, 0, 1]))
def test_reference_strings(piece: int, trace: PageTrace, kinds: str, space: int | None) -> None:
    expected: list[list[int]] = []
    for key, count, kind in expanded(trace):
        if kinds != "all" and (kind == EXECUTE) != (kinds == "code"):
            continue
        if space is not None and key >> 32 != space:
            continue
        if expected and expected[-1][0] == key:
            expected[-1][1] += count
        else:
            expected.append([key, count])
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(reference_string_module, "_PIECE", piece)
        string = reference_string(trace, kinds, space)
    assert [
        [int(string.keys[page]), count] for page, count in zip(string.pages, string.counts, strict=True)
    ] == expected
    assert string.keys.tolist() == sorted({key for key, _ in expected})


@given(trace=traces())
def test_any_trace_can_be_looked_at(trace: PageTrace) -> None:
    string = reference_string(trace)
    text_table(curves(string, [1, 4], list(NAMES)))
    found = locality_report.analyse(trace, string, locality_report.default_windows(trace.instructions))
    locality_report.text_report(found, trace.spaces)
    if string.footprint:
        heat_map.heatmap(trace.spaces, string, "t")
        locality_charts.working_sets(found, "t")
        locality_charts.reuse(found, "t")
        locality_charts.reach(found, "t")


# --- the command ---


def test_command(tmp_path: Path) -> None:
    done = toyvm("trace", "pages", "-o", tmp_path / "x.pages", ASM / "env_args.s", "a", "b", cwd=tmp_path)
    plain = toyvm("run", ASM / "env_args.s", "a", "b", cwd=tmp_path)
    assert (done.stdout, done.returncode) == (plain.stdout, plain.returncode)
    assert b"x.pages: " in done.stderr
    assert read_trace(str(tmp_path / "x.pages")).complete
    assert [path.name for path in tmp_path.iterdir()] == ["x.pages"]


@pytest.mark.parametrize(
    ("args", "status", "words"),
    [
        ([], 2, "usage: toyvm trace pages"),
        (["frames"], 2, "expected `toyvm trace pages`"),
        (
            ["pages", "--limit", "0", "x"],
            2,
            "argument --limit: expected a number of references, 1 or more, not '0'",
        ),
        (["pages", "--engine", "llvm", "x"], 2, "its own engine"),
        (["pages", "--trace=faults,insn", "x"], 2, "its own engine"),
        (["pages", "-o", "/nowhere/t", str(ASM / "hello.s")], 1, "/nowhere/t: No such file"),
        (["pages", "nothing"], 127, "nothing: No such file"),
        (["pages", "-o", str(ASM / "hello.s"), str(ASM / "hello.s")], 2, "the same file"),
    ],
)
def test_command_errors(args: list[str], status: int, words: str, tmp_path: Path) -> None:
    done = toyvm("trace", *args, cwd=tmp_path)
    assert (done.returncode, words in (done.stdout + done.stderr).decode()) == (status, True), done.stderr
    assert b"Traceback" not in done.stderr
    assert not list(tmp_path.iterdir())


def test_recording_stops_without_a_trace_of_it() -> None:
    """Once nobody wants events, the TLB's dictionaries are plain again and the effects are the ordinary ones."""
    engines: list[RecordingEngine] = []

    class Watcher:
        def engine(self, memory: PhysicalMemory) -> RecordingEngine:
            engines.append(
                RecordingEngine(memory, lambda times, values: False, lambda number, hart: None, piece=100)
            )
            return engines[0]

        def start(self, kernel: object) -> None:
            self.kernel = kernel

    result = watched(program_of(ASM / "hello.s"), Watcher())
    assert result.status == 0
    assert type(engines[0]._effects) is Effects
