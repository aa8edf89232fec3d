"""Look-ups read from LD_DEBUG's lines, two processes mixed."""

from __future__ import annotations

from toyvm.observe.why.ld_debug_lookups import lookups_of, names_of
from toyvm.observe.why.loader_text import lookups_text

TEXT = """\
       100:	symbol=puts;  lookup in file=./h [0]
       101:	symbol=puts;  lookup in file=./h [0]
       100:	symbol=puts;  lookup in file=/lib/libc.so.6 [0]
       100:	binding file ./h [0] to /lib/libc.so.6 [0]: normal symbol `puts' [GLIBC_2.27]
       100:	symbol=_ITM_deregisterTMCloneTable;  lookup in file=./h [0]
       100:	symbol=_ITM_deregisterTMCloneTable;  lookup in file=/lib/libc.so.6 [0]
       101:	binding file ./h [0] to ./h [0]: normal symbol `puts'
the program's own words
"""


def test_look_ups_by_process_and_version() -> None:
    one, two = lookups_of(TEXT, "puts")
    assert [(probe.object, probe.verdict) for probe in one.probes] == [
        ("./h", "no definition of that version"),
        ("/lib/libc.so.6", "found"),
    ]
    assert (one.pid, one.path, one.definer, one.version) == (100, "./h", "/lib/libc.so.6", "GLIBC_2.27")
    assert (two.pid, two.definer) == (101, "./h")
    assert [*lookups_of(TEXT, "puts", "GLIBC_2.27")] == [one]
    assert "by the guest's loader" in lookups_text([one])
    (nothing,) = lookups_of(TEXT, "_ITM_deregisterTMCloneTable")
    assert (nothing.definer, nothing.rule, len(nothing.probes)) == ("", "nothing defines it", 2)
    assert names_of(TEXT) == {"puts", "_ITM_deregisterTMCloneTable"}
