"""Command lines that are read without argparse mean the same as with it."""

from __future__ import annotations

import pytest

from toyvm.cli import run
from toyvm.cli.plain_options import read_plain
from toyvm.cli.run_parser import parse
from toyvm.cli.top import TopOptions
from toyvm.run_options import CommandOptions

PLAIN = [
    "prog",
    "prog --stats -E A=1",
    "--stats prog",
    "--date now --sysroot / --root /tmp:rw -E A=1 -E B=x=y -E C prog -c pass",
    "--root=/tmp:ro --env=A= --memory=64M -L / prog",
    "--no-cache --maps --smaps prog",
    "--trace faults,cow --trace=swap prog",
    "--engine native --overcommit 2 --thp=always --max-instructions 5 prog",
    "--no-mmu --stack-at 0x1000 --stack-at 8192 a b@0x2000",
    "--schedule-seed=-3 prog",
    "--trace= prog",
    "--date= prog",
]
OTHERS = [
    "",
    "--stats",
    "-h",
    "--no-such prog",
    "--stat prog",
    "-L/ prog",
    "--stats=1 prog",
    "--memory 12x prog",
    "--memory prog",
    "--memory 1 prog",
    "--engine fast prog",
    "--trace faults,none prog",
    "-E =1 prog",
    "--schedule-seed -3 prog",
    "--static --dynamic prog",
    "--color always prog",
    "-- prog",
    "- prog",
]


@pytest.mark.parametrize("line", PLAIN)
def test_a_plain_line_is_read_as_argparse_reads_it(line: str) -> None:
    words = line.split()
    assert read_plain(CommandOptions, words) == parse(CommandOptions, run.parser(), words)


def test_the_programs_own_dashes_are_left_alone() -> None:
    """argparse drops them, which `git log -- FILE` would notice."""
    options = read_plain(CommandOptions, ["--stats", "git", "log", "--", "file"])
    assert options is not None and options.args == ("log", "--", "file")


@pytest.mark.parametrize("line", OTHERS)
def test_other_lines_are_left_to_argparse(line: str) -> None:
    assert read_plain(CommandOptions, line.split()) is None


def test_every_option_is_read_with_each_of_its_values() -> None:
    for kind in (CommandOptions, TopOptions):
        for row in kind.rows.values():
            values = [str(choice) for choice in row.choices] or ["1", "4096", "a", "A=b", "x,y", ""]
            for flag in (*row.flags, *row.constants):
                for words in ([flag], *([flag, value] for value in values)):
                    options = read_plain(kind, [*words, "prog"])
                    if kind is CommandOptions and options is not None:
                        assert options == parse(kind, run.parser(), [*words, "prog"]), words
