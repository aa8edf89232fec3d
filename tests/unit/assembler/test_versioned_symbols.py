"""`.symver`: what it refuses. tests/oracle/assembler/versions.s compares what it writes with GNU as."""

from __future__ import annotations

import pytest

from toyvm.assembler import assemble_text
from toyvm.base.errors import AssemblyError


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
        (".comm c, 4\n.symver c, c@V", "a.s:2:12: error: common symbol 'c' cannot have a version"),
    ],
)
def test_refused(text: str, message: str) -> None:
    with pytest.raises(AssemblyError) as caught:
        assemble_text(text + "\n", "a.s")
    assert message in str(caught.value)
