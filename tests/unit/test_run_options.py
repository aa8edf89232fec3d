"""Each option of a run is declared once: its range, its spellings and its page all follow from the declaration."""

from __future__ import annotations

import os
from collections.abc import Callable

import pytest

from tests.support.harness import ASM, ROOT
from toyvm.base.errors import UsageError
from toyvm.base.events import Bus
from toyvm.base.option_help import default_text
from toyvm.base.options import Option, option
from toyvm.base.record import replace
from toyvm.base.sizes import size_text
from toyvm.cli import run, top, trace
from toyvm.cli.options_page import page
from toyvm.cli.run_parser import parse
from toyvm.engines.engine_choice import make_engine
from toyvm.engines.llvm.translator import unavailable
from toyvm.kernel.mm.reclaim.policies import POLICIES
from toyvm.machine.physical_memory import PAGE_SIZE, PhysicalMemory
from toyvm.observe import event_trace, memory_views
from toyvm.observe.symbolize import Symbolizer
from toyvm.run_options import (
    ENGINES,
    GROUPS,
    PAGE,
    RECLAIM_POLICIES,
    TRACES,
    VIEWS,
    CommandOptions,
    Limits,
    RunOptions,
    environment,
)

KINDS = [Limits, RunOptions, CommandOptions, top.TopOptions, trace.TraceOptions]
ROWS = [*{**top.TopOptions.rows, **trace.TraceOptions.rows}.values()]
PLAIN = [row for row in CommandOptions.rows.values() if row.flags and not row.constants]
RANGED = [row for row in PLAIN if row.number and row.lowest is not None]


def named(row: Option) -> str:
    return row.name


def read(*words: str) -> CommandOptions:
    return parse(CommandOptions, run.parser(), [*words, "prog", "--its", "own"])


@pytest.mark.parametrize("kind", KINDS, ids=lambda kind: kind.__name__)
def test_every_field_is_declared(kind: type[Limits]) -> None:
    assert set(kind.rows) == set(kind.record_fields)
    for name, row in kind.rows.items():
        assert (row.name, row.default) == (name, getattr(kind(), name))


@pytest.mark.parametrize("row", ROWS, ids=named)
def test_a_declaration_is_complete(row: Option) -> None:
    assert row.accepts(row.default)
    assert row.help and not row.help.endswith(".")
    assert row.group in (*GROUPS, top.DISPLAY, trace.TRACE) or row.name in ("program", "args")
    assert not row.excluded_by or (row.reason and row.excluded_by in RunOptions.rows)
    assert not row.flags or row.metavar or row.constants or row.type == "bool"
    assert "default" not in row.help.replace("(default)", "")  # it comes from the declaration


def test_no_flag_is_declared_twice() -> None:
    for kind in KINDS:
        flags = [flag for row in kind.rows.values() for flag in row.flags]
        assert len(flags) == len(set(flags))


SAMPLES: dict[str, tuple[str, object]] = {
    "str": ("x", "x"),
    "str | None": ("x", "x"),
    "str | PathLike[str] | None": ("x", "x"),
    "int": ("7", 7),
    "int | None": ("7", 7),
    "tuple[str, ...]": ("x", ("x",)),
    "tuple[int, ...]": ("0x10", (16,)),
    "tuple[tuple[str, str | None], ...]": ("A=b=c", (("A", "b=c"),)),
}


@pytest.mark.parametrize("row", PLAIN, ids=named)
def test_each_flag_sets_its_field_and_no_other(row: Option) -> None:
    value: object
    if row.type == "bool":
        words, value = [row.flags[0]], True
    elif row.choices:
        words = [row.flags[0], str(row.choices[1])]
        value = frozenset([row.choices[1]]) if row.many else row.choices[1]
    elif row.unit == "bytes":
        words, value = [row.flags[0], "3M"], 3 << 20
    else:
        text, value = SAMPLES[row.type]
        words = [row.flags[0], text]
    options = read(*words)
    assert options == CommandOptions(program="prog", args=("--its", "own"), **{row.name: value})


def test_the_programs_own_options_are_left_alone() -> None:
    own = ["log", "--stat", "--me", "--trace", "-E", "--", "--memory=1"]
    assert run.read(["--memory", "64M", "prog", *own]).args == tuple(own)
    with pytest.raises(SystemExit):
        run.read(["--mem", "64M", "prog"])


def test_flags_with_a_value_of_their_own() -> None:
    assert read("--dynamic").linkage == "dynamic" and read("--static").linkage == "static"
    assert read("--pagetable", "--maps").views == {"maps", "pagetable"}
    assert read("--trace", "faults,cow", "--trace=loader").trace == {"faults", "cow", "loader"}
    assert not read("--no-cache").caching and read().caching
    for suffix, writable in (("", False), (":ro", False), (":rw", True)):
        options = read("--root", f"/tmp{suffix}")
        assert (options.root, options.root_writable) == ("/tmp", writable)


def test_no_option_is_the_same_with_argparse_and_without() -> None:
    assert read() == run.read(["prog", "--its", "own"])


@pytest.mark.parametrize("row", RANGED, ids=named)
def test_the_range_holds_on_the_command_line_and_in_python(
    row: Option, capsys: pytest.CaptureFixture[str]
) -> None:
    assert row.lowest is not None
    inside = [row.lowest] if row.highest is None else [row.lowest, row.highest]
    for value in inside:
        assert getattr(read(row.flags[0], str(value)), row.name) == value
        replace(RunOptions(), **{row.name: value}).check()
    outside = [row.lowest - 1] if row.highest is None else [row.lowest - 1, row.highest + 1]
    for value in outside:
        with pytest.raises(
            UsageError, match=f"^{row.name}: expected .*{row.lowest}.*, not {value}$"
        ) as wrong:
            replace(RunOptions(), **{row.name: value}).check()
        assert row.unit in str(wrong.value)
        with pytest.raises(SystemExit):
            read(f"{row.flags[0]}={value}")
        told = capsys.readouterr().err
        assert f"argument {row.flags[0]}: expected " in told and row.unit in told and f"not '{value}'" in told


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (
            ["--memory", "64X"],
            "argument --memory: expected a size in bytes of at least 4K, such as 4096, 64M or 1G",
        ),
        (["--swap", ""], "argument --swap: expected a size in bytes, such as 4096, 64M or 1G, not ''"),
        (["--stack-at", "top"], "argument --stack-at: expected an address, such as 0x200000, not 'top'"),
        (["-E", "=x"], "argument -E/--env: expected NAME[=VALUE], not '=x'"),
        (["--overcommit", "3"], "argument --overcommit: expected one of 0, 1, 2, not '3'"),
        (["--trace", "faults,cows"], "argument --trace: expected any of faults, cow, swap, syscalls"),
        (["--schedule-seed", "x"], "argument --schedule-seed: expected a number, not 'x'"),
        (["--static", "--dynamic"], "not allowed with argument --static"),
    ],
)
def test_messages_say_what_was_expected(
    words: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        read(*words)
    assert stopped.value.code == 2
    assert message in capsys.readouterr().err


def test_the_environment_is_what_was_asked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing passes by itself; a name alone passes the host's value, if there is one; the last one counts."""
    for name in list(os.environ):
        monkeypatch.delenv(name)
    monkeypatch.setenv("HERE", "host")
    monkeypatch.setenv("OTHER", "a=b")

    def told(*words: str) -> list[str]:
        options = read(*words)
        return environment(options.env, options.env_all)

    assert told() == []
    assert told("--env", "HERE", "-E", "NOT_HERE", "--env", "NEW=1,2=3") == ["HERE=host", "NEW=1,2=3"]
    assert told("-E", "HERE=x", "-E", "NEW=1", "-E", "HERE=y") == ["NEW=1", "HERE=y"]
    assert told("--env-all", "-E", "HERE=") == ["OTHER=a=b", "HERE="]
    assert told("-E", "HERE=x", "--env", "HERE") == ["HERE=host"]


@pytest.mark.parametrize("name", [row.name for row in ROWS if row.excluded_by])
def test_options_that_exclude_each_other(name: str) -> None:
    row = RunOptions.rows[name]
    value = row.choices[0] if row.choices else 1 << 20
    with pytest.raises(UsageError, match=f"^{name} cannot be used with {row.excluded_by}: "):
        replace(RunOptions(), **{name: value, row.excluded_by: True}).check()
    with pytest.raises(UsageError, match=f"^{row.flags[0]} cannot be used with --no-mmu: "):
        run.execute(read("--no-mmu", f"{row.flags[0]}={value}"))


def test_a_record_of_options_is_one_even_if_a_field_has_a_bare_default() -> None:
    """Which the test of all fields would find: the row is missing."""

    class Two(Limits):
        declared: int = option(default=1, help="x")
        bare: int = 2

    assert (Two().declared, Two().bare) == (1, 2)
    assert "declared" in Two.rows and "bare" not in Two.rows


def test_the_words_are_those_of_the_modules_that_obey() -> None:
    assert set(RECLAIM_POLICIES) == set(POLICIES)
    assert tuple(memory_views.VIEWS) == VIEWS
    assert PAGE == PAGE_SIZE
    places = Symbolizer(lambda pid, va: None, lambda pid, va, count: None)
    event_trace.attach(Bus(), [word for word in TRACES if word != "insn"], lambda line: None, places)
    for name in ENGINES:
        if name in ("auto", "reference") or not unavailable():
            make_engine(name, PhysicalMemory(1 << 20))
    with pytest.raises(UsageError, match="no engine is called 'walk'"):
        make_engine("walk", PhysicalMemory(1 << 20))


@pytest.mark.parametrize(
    ("count", "text"), [(0, "0"), (1000, "1000"), (4096, "4K"), (64 << 20, "64M"), (3 << 30, "3G")]
)
def test_sizes_are_written_as_they_are_read(count: int, text: str) -> None:
    assert size_text(count) == text
    assert read("--swap", text).swap == count


@pytest.mark.parametrize("parser", [run.parser, top.parser, trace.parser])
def test_help_shows_every_option_with_its_default(parser: Callable[[], object]) -> None:
    told = " ".join(parser().format_help().split())  # type: ignore[attr-defined]  # of either parser
    for row in CommandOptions.rows.values():
        for flag in row.flags:
            assert f" {flag}" in told
        if row.flags and default_text(row) and not row.constants:
            assert default_text(row) in told


def test_the_reference_page_is_up_to_date() -> None:
    assert (ROOT / "docs/reference/options.md").read_text() == "\n".join(page()) + "\n", (
        "python -m toyvm.cli.options_page > docs/reference/options.md"
    )


def test_python_takes_the_same_options_by_name() -> None:
    import toyvm

    program = toyvm.link([ASM / "hello.s"])
    assert toyvm.run(program, capture=True, max_instructions=100).status == 124
    base = RunOptions(max_instructions=100)
    assert toyvm.run(program, options=base, capture=True, max_instructions=None).status == 0
    with pytest.raises(UsageError, match="thp: expected one of always, madvise, never, not 'sometimes'"):
        toyvm.run(program, thp="sometimes")
    with pytest.raises(TypeError, match="'memroy'"):
        toyvm.run(program, memroy=1 << 20)
