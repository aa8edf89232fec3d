"""The comparison of the two linkages, on real programs: its facts agree with each other, and the claims hold."""

import json
from pathlib import Path

import pytest

from toyvm.base.errors import UsageError
from toyvm.base.record import replace
from toyvm.base.resources import data_dir
from toyvm.cli import main
from toyvm.experiment import compare
from toyvm.observe.comparison import Comparison

TALK = data_dir("asm") / "shm_talk.s"


@pytest.fixture(scope="module")
def talk() -> Comparison:
    return compare([TALK], instances=(1, 3))


def test_the_four_claims_hold(talk: Comparison) -> None:
    assert [claim.holds for claim in talk.claims] == [True] * 4, talk.claims


def test_both_builds_do_the_same(talk: Comparison) -> None:
    assert talk.static.stdout == talk.dynamic.stdout == "child: 123123113\nparent: 321321331\n"
    assert talk.static.status == talk.dynamic.status == 0


def test_only_the_dynamic_build_asks_the_loader(talk: Comparison) -> None:
    static, dynamic = talk.static, talk.dynamic
    assert not static.libraries and not static.load_relocations and not static.lazy_relocations
    assert list(dynamic.libraries) == ["libc.so"]
    assert dynamic.lazy_relocations["R_RISCV_JUMP_SLOT"] > 0
    assert static.instructions_to_main is not None and dynamic.instructions_to_main is not None
    assert 0 < static.instructions_to_main < static.instructions


@pytest.mark.parametrize("linkage", ["static", "dynamic"])
def test_proportional_shares_add_up_to_the_frames(talk: Comparison, linkage: str) -> None:
    for row in getattr(talk, linkage).instances:
        assert row.private + row.shared == row.total
        assert abs(sum(row.pss) - 4096 * row.total) <= row.instances  # each is rounded to a byte
        assert len(row.pss) == row.instances


def test_library_text_is_there_once_however_many_programs_run(talk: Comparison) -> None:
    one, three = [row for row in talk.dynamic.instances if row.separate]
    alone, trio = [row for row in talk.static.instances if row.separate]
    assert trio.text == 3 * alone.text
    assert three.text - one.text < trio.text - alone.text


def test_the_same_comparison_twice_gives_the_same_figures(talk: Comparison) -> None:
    def timeless(result: Comparison) -> Comparison:
        static, dynamic = (replace(build, link_seconds=0.0) for build in result.builds)
        return replace(result, static=static, dynamic=dynamic)

    assert timeless(compare([TALK], instances=(1, 3))) == timeless(talk)


@pytest.mark.parametrize("instances", [(), (0,), (65,)])
def test_numbers_that_make_no_sense_are_refused(instances: tuple[int, ...]) -> None:
    with pytest.raises(UsageError, match="--instances"):
        compare([TALK], instances=instances)


def test_the_command_writes_json_and_a_page(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    page = tmp_path / "report.html"
    library_use = str(data_dir("asm") / "imath_use.s")
    assert main(["compare", library_use, "--instances", "1,2", "--json", "--html", str(page)]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["schema"] == "toyvm.compare/1"
    assert list(found["dynamic"]["libraries"]) == ["libimath.so", "libc.so"]
    assert found["dynamic"]["update"] == {
        "library": "libimath.so",
        "status": 0,
        "takes_new": True,
        "shown": "[libimath.so: new version]",
    }
    assert "<svg" in page.read_text()
