"""`.symver`: what it refuses. tests/oracle/assembler/versions.s compares what it writes with GNU as."""

from __future__ import annotations

import pytest

from toyvm.assembler import assemble_text
from toyvm.base.errors import AssemblyError
from toyvm.elf import constants as c


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (".symver foo, foo", "a.s:1:9: error: 'foo' is not a name with a version"),
        (".symver foo", "a.s:1:1: error: .symver takes a symbol and a name with a version"),
        (".symver foo, foo@@@@V", "'foo@@@@V' is not a name with a version"),
        (".symver foo, foo@V@W", "'foo@V@W' is not a name with a version"),
        (".symver foo, @V", "'@V' is not a name with a version"),
        (".symver foo, foo@V, bogus", "a.s:1:21: error: unknown visibility 'bogus'"),
        (".symver foo, foo@@V\ncall foo", "a.s:1:14: error: 'foo@@V' names the default version of a symbol"),
        (".symver foo, foo@V\n.symver foo, foo@W\ncall foo", "'foo' cannot have several versions"),
        (
            "foo: .symver foo, foo@@@V\n.symver foo, foo@@@W",
            "a.s:2:14: error: only one version of 'foo' can be given with @@@",
        ),
        (
            "foo: .symver foo, foo@@V, remove\n.symver foo, foo@W\n.dword foo",
            "symbol 'foo' with several versions is removed, but a relocation refers to it",
        ),
        (".comm c, 4\n.symver c, c@V", "a.s:2:12: error: common symbol 'c' cannot have a version"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble_text(text + "\n", "a.s")
    assert message in str(caught.value)


@pytest.mark.parametrize(
    ("first", "last", "binding", "visibility"),
    [
        ("local", "hidden", c.STB_GLOBAL, c.STV_HIDDEN),
        ("hidden", "local", c.STB_LOCAL, c.STV_DEFAULT),
        ("hidden", "", c.STB_GLOBAL, c.STV_HIDDEN),
    ],
)
def test_the_last_visibility_counts_for_the_name_alone(
    first: str, last: str, binding: int, visibility: int
) -> None:
    text = f".globl f\nf: .byte 0\n.symver f, f@@V2, {first}\n.symver f, f@V1{', ' * bool(last)}{last}\n"
    table = assemble_text(text, "a.s").symbols
    found = {
        name: (int(row["st_info"]) >> c.ST_BIND_SHIFT, int(row["st_other"]))
        for name, row in zip(table.names, table.array, strict=True)
    }
    assert found["f"] == (binding, visibility)
    assert found["f@V1"] == found["f@@V2"] == (c.STB_GLOBAL, c.STV_DEFAULT)


def test_a_version_may_be_given_twice() -> None:
    table = assemble_text(".symver f, f@V\n.symver f, f@V\n.dword f\n", "a.s").symbols
    assert "f@V" in table.names
