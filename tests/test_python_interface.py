"""toyvm as a Python user meets it: names, signatures, reprs, tables, notebooks, types."""

from __future__ import annotations

import inspect
import io
import os
import re
import subprocess
import sys
import textwrap
import tomllib
from html.parser import HTMLParser
from pathlib import Path

import pytest

import toyvm
from tests.support.harness import ASM, ROOT
from tests.support.harness import toyvm as command
from toyvm.base.errors import NotFoundError
from toyvm.base.notebook import text
from toyvm.base.option_help import keyword_type, keyword_value
from toyvm.base.record import Record
from toyvm.base.rows import Rows
from toyvm.cli.options_page import settings_module
from toyvm.elf.object_writer import write_object
from toyvm.run_options import RunOptions

SEVEN = ".globl main\nmain: li a0, 7\n ret\n"
VERBS = {"assemble", "link", "run", "timeline", "explain", "compare", "grade", "sweep", "quiz"}


def test_dir_shows_the_verbs_and_the_values_without_importing_them() -> None:
    script = "import sys, toyvm; print(*dir(toyvm)); print('toyvm.api' in sys.modules)"
    done = subprocess.run(
        [sys.executable, "-c", script], cwd=ROOT, capture_output=True, text=True, check=True
    )
    names, imported = done.stdout.splitlines()
    assert set(names.split()) >= VERBS
    assert imported == "False"
    others = set(names.split()) - VERBS - {"__version__"}
    assert all(isinstance(getattr(toyvm, name), type) or callable(getattr(toyvm, name)) for name in others)
    assert not {"annotations", "Any", "TYPE_CHECKING", "base"} & others


def test_assemble_takes_text_and_files(tmp_path: Path) -> None:
    """A string with a line feed is text; one without is a file's name, even if no such file exists."""
    assert toyvm.assemble(SEVEN).name == "<text>"
    with pytest.raises(toyvm.AssemblyError, match=r"mine:1:1: error"):
        toyvm.assemble("addd a0, a1, a2\n", name="mine")
    source = tmp_path / "a b.s"
    source.write_text(SEVEN)
    assert len(toyvm.assemble(source).symbols) == len(toyvm.assemble(str(source)).symbols)
    with pytest.raises(NotFoundError, match="a string is text if it has a line feed"):
        toyvm.assemble("li a0, 1")


def test_run_builds_sources(tmp_path: Path) -> None:
    source = tmp_path / "main.s"
    source.write_text(".globl main\nmain: tail seven\n")
    other = toyvm.assemble(".globl seven\nseven: li a0, 7\n ret\n")
    (tmp_path / "seven.o").write_bytes(write_object(other))
    ways = (
        SEVEN,
        toyvm.assemble(SEVEN),
        [source, other],
        [source, tmp_path / "seven.o"],
        toyvm.link([source, other]),
        toyvm.link(SEVEN),
    )
    for program in ways:
        assert toyvm.run(program, capture=True).status == 7
    dynamic = toyvm.run(ASM / "hello.s", linkage="dynamic", capture=True)
    assert (dynamic.stdout, dynamic.libraries) == (b"hello, world\n", ("libc.so",))
    echoed = toyvm.run(str(ASM / "env_args.s"), capture=True).stdout  # with the directives' arguments
    assert echoed == (ASM / "env_args.out").read_bytes()
    for built in (toyvm.link(SEVEN), tmp_path / "image"):
        with pytest.raises(toyvm.UsageError, match="for what is to be built"):
            toyvm.run(built, linkage="dynamic")
    with pytest.raises(toyvm.UsageError, match="nothing to link"):
        toyvm.run([])


def test_options_have_a_signature_and_help() -> None:
    shown = inspect.signature(toyvm.run).parameters
    for name, row in RunOptions.rows.items():
        assert shown[name].kind is inspect.Parameter.KEYWORD_ONLY
        assert shown[name].default == row.default
        assert f"\n      {name}: {keyword_type(row)}" in " ".join(
            (toyvm.run.__doc__ or "").split("\n  ")
        ) or (f"\n      {name}: " in (toyvm.run.__doc__ or ""))
    told = re.sub(r"\s+", " ", toyvm.run.__doc__ or "")
    for said in (
        "memory: int | str (a number of bytes, 4096 or more; default: 2G)",
        "fault_around: int (1 to 512 pages; default: 1)",
        "reclaim: str (one of clock, lru,",
        *(row.help for row in RunOptions.rows.values()),
    ):
        assert said in told


def test_a_misspelt_option_is_a_type_error() -> None:
    with pytest.raises(TypeError, match="there is no option 'memmory'; did you mean 'memory'"):
        toyvm.run(SEVEN, memmory=1 << 20)  # type: ignore[call-arg]  # the mistake of the test
    with pytest.raises(toyvm.UsageError, match="memory: expected a number of bytes, 4096 or more, not '1Q'"):
        toyvm.run(SEVEN, memory="1Q")


def test_keyword_arguments_take_what_is_natural() -> None:
    given = {
        ("memory", "64K"): 65536,
        ("trace", "cow,faults"): frozenset({"cow", "faults"}),
        ("trace", ("cow",)): frozenset({"cow"}),
        ("trace_range", "main"): ("main",),
        ("seed", 3): 3,
    }
    for (name, value), wanted in given.items():
        assert keyword_value(RunOptions.rows[name], value) == wanted
    assert keyword_value(RunOptions.rows["env"], {"A": "1", "B": None}) == (("A", "1"), ("B", None))
    for name, row in RunOptions.rows.items():
        assert keyword_value(row, row.default) == row.default, name


def test_the_types_of_the_options_are_current() -> None:
    """`python -m toyvm.cli.options_page settings > toyvm/run_settings.py` prints them again."""
    assert (ROOT / "toyvm/run_settings.py").read_text() == "\n".join(settings_module()) + "\n"


@pytest.fixture(scope="module")
def values() -> dict[str, object]:
    """Every public value, of real programs."""
    source = ASM / "shm_talk.s"
    program = toyvm.link(ASM / "hello.s")
    result = toyvm.run(source, capture=True)
    comparison = toyvm.compare([ASM / "hello.s"], instances=[1, 2])
    folder = ROOT / "docs/grading"
    grades = toyvm.grade(folder / "sums.toml", sorted((folder / "submissions").glob("[ab]*.s")), workers=1)
    found = [
        toyvm.assemble(source),
        toyvm.assemble(source).sections[1],
        toyvm.assemble(source).symbols,
        program,
        program.link,
        program.directives,
        program.sections,
        result,
        result.stats,
        result.processes,
        comparison,
        comparison.static,
        comparison.claims[0],
        grades,
        grades.grades[0],
        grades.assignment,
        toyvm.sweep(ASM / "hello.s", memory="1M,2M", workers=1),
        toyvm.quiz("translation", seed=7),
        RunOptions(memory=65536),
    ]
    return {type(value).__name__ + str(number): value for number, value in enumerate(found)}


def test_a_repr_is_one_line(values: dict[str, object]) -> None:
    for value in values.values():
        assert "\n" not in repr(value)
        assert len(repr(value)) <= 500, type(value)
    shown = " ".join(map(repr, values.values()))
    for said in (
        "Program(hello, static, ",
        "RunResult(shm_talk.s: exit status 0, ",
        "Comparison(hello.s: ",
        "RunOptions(memory=65536)",
        "rows: pid, parent, command",
        "Question(translation: Address translation (seed 7)",
    ):
        assert said in shown


class Longer(Record):
    text: str
    data: bytes
    items: tuple[int, ...] = ()
    inner: object = None


def test_a_records_repr_is_short_and_leaves_defaults_out() -> None:
    assert repr(Longer("x", b"y")) == "Longer(text='x', data=b'y')"
    long = repr(Longer("x" * 1000, bytes(1000), tuple(range(1000)), Longer("z" * 1000, b"")))
    assert "data=<1,000 bytes>" in long and "items=<1,000 items>" in long and len(long) < 500


class Checker(HTMLParser):
    """Tags that close in order, and no scripts."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        assert tag in {"style", "div", "table", "tr", "td", "th", "b", "small", "pre", "details", "summary"}
        assert all(name == "class" for name, _ in attributes)
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag


def test_values_show_themselves_in_a_notebook(values: dict[str, object]) -> None:
    shown = [value for value in values.values() if hasattr(value, "_repr_html_")]
    assert {type(value).__name__ for value in shown} >= {
        "Program", "RunResult", "Comparison", "ObjectFile", "Rows", "Sweep", "Grades", "Question"
    }  # fmt: skip
    for value in shown:
        html = value._repr_html_()
        checker = Checker()
        checker.feed(html)
        assert checker.open == []
        assert len(html) < 60_000, type(value)
        assert not re.search(r"#[0-9a-f]{3,6}\b|color:(black|white)", html)  # the notebook's own colours


def test_what_a_program_prints_is_escaped() -> None:
    source = (
        ".globl main\nmain: li a0, 1\n la a1, 1f\n li a2, 26\n li a7, 64\n ecall\n li a0, 0\n ret\n"
        '1: .ascii "<script>alert(1)</script>\\n"\n'
    )
    html = toyvm.run(source, capture=True)._repr_html_()
    assert "&lt;script&gt;alert(1)" in html and "<script" not in html
    assert "and 60 more lines" in text("x\n" * 100)


def test_pandas_takes_the_tables(values: dict[str, object]) -> None:
    pandas = pytest.importorskip("pandas")
    result = toyvm.run(ASM / "shm_talk.s", capture=True)
    frame = pandas.DataFrame(result.processes)
    assert list(frame.columns) == list(result.processes.columns)
    assert frame.instructions.sum() == result.stats.instructions
    assert list(frame.command) == ["shm_talk", "shm_talk"] and list(frame.parent) == [1, 100]
    faults = pandas.DataFrame(result.faults).groupby("kind")["count"].sum().to_dict()
    assert faults == {str(kind): count for kind, count in result.stats.faults.items() if count}
    assert dict(pandas.DataFrame(result.calls).values.tolist()) == result.stats.calls
    for rows in (value for value in values.values() if isinstance(value, Rows)):
        assert len(pandas.DataFrame(rows)) == len(rows) > 0
    assert len(pandas.DataFrame(toyvm.assemble(ASM / "hello.s").relocations)) > 10
    assert {"main", "_start"} <= set(pandas.DataFrame(toyvm.link(ASM / "hello.s").symbols).name)


@pytest.mark.parametrize(
    ("kind", "subject", "said"),
    [
        ("reloc", "hello.s:main", "PCREL_HI20"),
        ("section", ".text", "PROGBITS AX"),
        ("address", "main+4", "asm/hello.s:18"),
        ("symbol", "puts", "wins"),
        ("member", "libc.a(stdio.o)", "stdio.o"),
    ],
)
def test_explain_says_what_the_command_prints(kind: str, subject: str, said: str) -> None:
    """For an address from a program's image; the values are those of `--json`."""
    program = toyvm.link(ASM / "hello.s")
    found = toyvm.explain(program, kind, subject)
    assert said in str(found) and len(found.rows) == len(found.answers) > 0
    printed = command("explain", kind, subject, str(ASM / "hello.s"), cwd=ROOT).stdout.decode()
    assert printed.rstrip("\n") == str(found).rstrip("\n")
    assert found.to_json()["answers"] and "\n" not in repr(found)
    assert toyvm.explain(ASM / "hello.s", kind, subject) == found


def test_explain_takes_an_address_and_refuses_what_it_does_not_know(tmp_path: Path) -> None:
    import toyvm.explain.values  # the package, whose import leaves the verb in its place

    program = toyvm.link(ASM / "hello.s")
    main = program.link.symbols["main"]
    assert toyvm.explain(program, "address", main).answers[0].symbol.startswith("main")
    for wrong, message in (
        (("symbl", "x"), "did you mean 'symbol'"),
        (("symbol", "mian"), "did you mean 'main'"),
    ):
        with pytest.raises(toyvm.ToyvmError, match=message):
            toyvm.explain(program, *wrong)
    with pytest.raises(toyvm.UsageError, match="give the sources"):
        toyvm.explain(tmp_path / "image", "symbol", "main")


def test_a_timeline_goes_back() -> None:
    from toyvm.debugger.target import Conditions, Moment, StopKind

    with toyvm.timeline(ASM / "hello.s", memory="8M") as run:
        first = run.registers(run.last_stop.tid)
        end = run.resume(Conditions())
        while end.kind is not StopKind.END:
            end = run.resume(Conditions())
        assert run.output() == b"hello, world\n"
        assert run.go_to(Moment(100)).moment.instructions == 100
        assert (run.output(), repr(run)) == (b"", "Timeline(reached, after 100 instructions)")
        run.go_to(run.beginning)
        assert run.registers(run.last_stop.tid) == first
    with pytest.raises(TypeError, match="did you mean 'memory'"):
        toyvm.timeline(SEVEN, memmory=1)  # type: ignore[call-arg]  # the mistake of the test


def test_how_processes_ended() -> None:
    rows = toyvm.run(ASM / "segv.s", capture=True).processes
    assert [(row["status"], row["signal"]) for row in rows] == [(None, 11)]
    stopped = toyvm.run(".globl main\nmain: j main\n", capture=True, max_instructions=1000)
    assert stopped.ending == "stopped: limit of 1000 instructions reached"


USER = """
    import toyvm

    program: toyvm.Program = toyvm.link(["a.s", toyvm.assemble("nop\\n")], linkage="dynamic")
    result = toyvm.run(program, "arg", memory="64K", trace="cow", env={"A": "b"}, capture=True)
    status: int = result.status
    for row in result.processes:
        print(row["pid"], result.stats.instructions)
    with toyvm.timeline(program, memory="8M") as timeline:
        print(timeline.moment.instructions)
    reason: toyvm.Explanation = toyvm.explain(program, "symbol", "main")
    claims = [claim.text for claim in toyvm.compare(["a.s"]).claims]
    question: toyvm.Question = toyvm.quiz("translation", seed=1)
    sweep: toyvm.Sweep = toyvm.sweep("a.s", memory="1M..4M*2")
    try:
        toyvm.assemble("x\\n")
    except toyvm.AssemblyError as error:
        print(error.messages)
"""


def test_mypy_checks_a_users_program(tmp_path: Path) -> None:
    """Strictly; and finds a misspelt option and a wrong type."""
    (tmp_path / "right.py").write_text(textwrap.dedent(USER))
    (tmp_path / "wrong.py").write_text(
        'import toyvm\ntoyvm.run("a", memmory=1)\ntoyvm.run("a", memory=[])\ntoyvm.assemble(7)\n'
    )
    config = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]["mypy"]
    (tmp_path / "mypy.ini").write_text(
        f"[mypy]\nstrict = True\npython_version = {config['python_version']}\n"
        f"cache_dir = {ROOT / '.mypy_cache'}\n"  # of `make lint`, with the same options
        + "".join(
            f"[mypy-{module}]\nignore_missing_imports = True\n"
            for override in config["overrides"]
            for module in override["module"]
        )
    )
    done = subprocess.run(
        [sys.executable, "-m", "mypy", "--no-error-summary", "right.py", "wrong.py"],
        cwd=tmp_path,
        env={"PATH": os.environ["PATH"]},
        capture_output=True,
        text=True,
    )
    lines = done.stdout.splitlines()
    assert [line.split(":")[:2] for line in lines if ": error:" in line] == [
        ["wrong.py", "2"], ["wrong.py", "3"], ["wrong.py", "4"]
    ], done.stdout + done.stderr  # fmt: skip


def test_a_program_prints_where_standard_output_is_text_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a notebook. A character may come in two writes; there is no standard input to wait for."""
    halves = (
        ".globl main\nmain: la s1, 1f\n li s2, 4\n2: li a0, 1\n mv a1, s1\n li a2, 1\n li a7, 64\n ecall\n"
    )
    rest = " addi s1, s1, 1\n addi s2, s2, -1\n bnez s2, 2b\n li a0, 0\n ret\n .data\n1: .ascii "
    shown = io.StringIO()
    monkeypatch.setattr(sys, "stdout", shown)
    assert toyvm.run(f'{halves}{rest}"\\303\\274\\377\\n"\n').status == 0
    assert shown.getvalue() == "\xfc\ufffd\n"
    echo = ".globl main\nmain: li a0, 0\n mv a1, sp\n li a2, 8\n li a7, 63\n ecall\n ret\n"
    assert toyvm.run(echo).status == 0  # read(2) gives 0: the end
