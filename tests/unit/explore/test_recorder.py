"""The state of every moment, rebuilt from the changes, is the kernel's state at that moment."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from tests.support.exploring import Player, picture
from tests.support.harness import ASM, GUEST
from toyvm.build import build_program
from toyvm.explore import recorder
from toyvm.explore.explore import explore
from toyvm.explore.moments import FIELDS
from toyvm.explore.recorder import Recorder
from toyvm.run_options import RunOptions
from toyvm.system import Session, Start

SMALL = RunOptions(memory=64 << 20)
SAMPLES = [
    (ASM / "shm_talk.s", "dynamic", SMALL),
    (ASM / "cow.s", "static", SMALL),
    (ASM / "lazy.s", "dynamic", SMALL),
    (ASM / "locality.s", "static", SMALL),
    (ASM / "threads.s", "static", SMALL),
    (ASM / "exec.s", "dynamic", SMALL),
    (ASM / "plugin.s", "dynamic", SMALL),
    (ASM / "megapages.s", "static", RunOptions(memory=64 << 20, thp="always")),
    (GUEST / "ksm.s", "static", SMALL),
    (GUEST / "swap" / "pages.s", "static", RunOptions(memory=4 << 20, swap=16 << 20, root=GUEST)),
]


def record(path: Path, linkage: str, options: RunOptions) -> tuple[dict[str, Any], list[dict[str, Any]]]:
    """The recording of a run, and what was true in the kernel at each moment from the first process on."""
    program = build_program([path], linkage=linkage)
    recorder = Recorder(options)
    session = Session(options, [recorder], capture=True)
    recorder.watch_output(stdout=session.out, stderr=session.err)
    pictures: list[dict[str, Any]] = []

    def note(number: int) -> None:
        numbers = {space.table.root_ppn: n for space, n in recorder.reader.numbers.items()}
        pictures.append(picture(session.kernel, numbers))

    recorder.on_moment = note
    session.start(Start(program, [program.name, *program.directives.args]))
    result = session.finish()
    recorder.finish()
    recording = json.loads(recorder.to_json())
    output = "".join(
        text for row in recording["moments"] for name, text in row[4].get("o", ()) if name == "stdout"
    )
    assert output == result.stdout.decode("utf-8", "replace")
    return recording, pictures


@pytest.mark.parametrize(("path", "linkage", "options"), SAMPLES, ids=lambda v: getattr(v, "stem", None))
def test_the_state_rebuilt_from_changes_is_the_kernels(path: Path, linkage: str, options: RunOptions) -> None:
    recording, pictures = record(path, linkage, options)
    player = Player(recording)
    before = len(recording["moments"]) - len(pictures)  # the machine without a process
    for number, expected in enumerate(pictures, before):
        player.go(number)
        found = player.picture()
        kind = recording["kinds"][recording["moments"][number][0]]
        for part, value in expected.items():
            assert found[part] == value, f"moment {number} ({kind}): {part}"


def test_each_moment_has_the_fields_of_its_kind() -> None:
    recording, _ = record(ASM / "cow.s", "dynamic", SMALL)
    assert {kind: tuple(names) for kind, names in recording["fields"].items()} == FIELDS
    kinds = [recording["kinds"][row[0]] for row in recording["moments"]]
    for kind, row in zip(kinds, recording["moments"], strict=True):
        assert len(row[3]) == len(FIELDS[kind])
    assert {"fault", "copy", "fork", "exec", "exit", "syscall", "load", "bind", "relocate", "switch"} <= {
        *kinds
    }


def test_a_copy_is_one_moment_with_what_the_kernel_reports() -> None:
    recording, _ = record(ASM / "cow.s", "static", SMALL)
    texts = recording["strings"]
    for kind, _, tid, fields, _ in recording["moments"]:
        if recording["kinds"][kind] != "copy":
            continue
        named = dict(zip(FIELDS["copy"], fields, strict=True))
        assert texts[named["$what"]] in ("cow", "cow_reuse", "demand_zero", "write_enable")
        if named["copied"]:
            assert named["after"] >> 10 == named["frame"] != named["old"] == named["before"] >> 10
        assert tid


def test_a_fault_has_its_page_table_entries_even_while_execve_makes_the_memory() -> None:
    recording, _ = record(ASM / "segv.s", "static", SMALL)
    kinds = [recording["kinds"][row[0]] for row in recording["moments"]]
    faults = [
        dict(zip(FIELDS["fault"], row[3], strict=True))
        for row, kind in zip(recording["moments"], kinds, strict=True)
        if kind == "fault"
    ]
    first, last = faults[0], faults[-1]
    assert not first["pc"] and first["before"] == 0  # the stack, before the process has the new memory
    assert first["after"] >> 10 == first["frame"]
    assert last["before"] == last["after"]  # refused: SIGSEGV


def test_moments_beyond_the_limit_are_counted() -> None:
    program = build_program([ASM / "cow.s"], linkage="static")
    whole = explore(program, ["cow"], SMALL)
    part = explore(program, ["cow"], SMALL, moments=10)
    assert (part.moments, part.missed) == (10, whole.moments - 11 + copies(whole.html))  # no end is recorded
    assert part.result.stdout == whole.result.stdout


def test_a_run_of_many_processes_is_recorded_as_far_as_it_is_cheap(monkeypatch: pytest.MonkeyPatch) -> None:
    program = build_program([ASM / "cow.s"], linkage="static")
    monkeypatch.setattr(recorder, "MOST_LOOKED", 40)
    monkeypatch.setattr(recorder, "_LOOKED_EACH", 1)
    part = explore(program, ["cow"], SMALL)
    assert 1 < part.moments < 20 < part.missed


def copies(html: str) -> int:
    """The copies of a page's run: the kernel reports two events for each."""
    data = html.split('id="data-run">', 1)[1].split("</script>", 1)[0]
    recording = json.loads(data)
    return sum(recording["kinds"][row[0]] == "copy" for row in recording["moments"][10:])


def test_a_run_is_the_same_with_and_without_the_recorder() -> None:
    from toyvm.system import run

    program = build_program([ASM / "cow.s"], linkage="dynamic")
    plain = run(program, ["cow"], SMALL, capture=True)
    seen = explore(program, ["cow"], SMALL).result
    assert (seen.status, seen.stdout, seen.stats.instructions) == (
        plain.status,
        plain.stdout,
        plain.stats.instructions,
    )
    assert seen.stats.faults == plain.stats.faults
    for name in ("virtual_ns", "frames_peak", "page_cache_frames", "context_switches"):
        assert getattr(seen.stats, name) == getattr(plain.stats, name), name
