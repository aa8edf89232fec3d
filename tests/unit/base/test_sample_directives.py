"""What a sample may say about itself, and what it may not."""

import pytest

from toyvm.base.errors import ToyvmError
from toyvm.base.sample_directives import Directives, Shared, parse_directives


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        ("# toyvm: libs: imath", Directives(libs=("imath",))),
        ("  # toyvm: linkage: dynamic", Directives(linkages=("dynamic",))),
        ("# toyvm: shared: plug.s", Directives(shared=(Shared("plug.s", "plug.so"),))),
        ("# toyvm: preload: a.s -> liba.so", Directives(preload=(Shared("a.s", "liba.so"),))),
        ("# toyvm: env: A=b c", Directives(env=("A=b c",))),
        ("# toyvm: args: one 'two three'", Directives(args=("one", "two three"))),
        (r'# toyvm: file: /tmp/x "one\ntwo"', Directives(files=(("/tmp/x", "one\ntwo"),))),
        ("# toyvm: exit: 139", Directives(exit=139)),
        ("# toyvm: qemu: no it has no frames", Directives(qemu="it has no frames")),
        ("// toyvm: stdin: a\\n", Directives(stdin="a\n")),
        ("/* toyvm: with: more.s */", Directives(with_sources=("more.s",))),
        ("# see toyvm: a tool", Directives()),
    ],
)
def test_each_key(line: str, expected: Directives) -> None:
    assert parse_directives(f"main:\n{line}\n ret\n", "x.s") == expected


@pytest.mark.parametrize(
    "line",
    [
        "# toyvm: lib: imath",
        "# toyvm: linkage: sideways",
        "# toyvm: file: x",
        "# toyvm: exit: soon",
        "# toyvm: qemu: no",
    ],
)
def test_what_makes_no_sense_is_named(line: str) -> None:
    with pytest.raises(ToyvmError, match=r"x\.s: .*toyvm: "):
        parse_directives(line, "x.s")
