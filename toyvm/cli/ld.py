"""`toyvm ld`: the linker of `toyvm.linker` with GNU ld's command line."""

from __future__ import annotations

import gc
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import LinkError, UsageError
from .ld_options import CommandLine, link_options, parse

if TYPE_CHECKING:
    from ..linker.link_options import LinkOptions

_HELP = """usage: toyvm ld [options] FILE...

Link objects, archives and shared libraries into a program or a shared object.

output:
  -o FILE                        write the output to FILE (default: a.out)
  -static, -shared, -pie         make a static program, a shared library, or a position-independent
                                 program (default: a program at a fixed address)
  -r                             join objects into one object, for a later link
  -e SYMBOL                      set the entry point
  -s, -S                         omit all symbols; omit debugging information
  -x, -X                         omit local symbols; omit temporary local symbols (.L...)
  -Ttext=ADDR, -Tdata=ADDR, -Tbss=ADDR, --section-start=NAME=ADDR, --image-base=ADDR
  --hash-style=gnu|sysv|both, --build-id[=sha1|none|0xHEX], --eh-frame-hdr

inputs:
  -l NAME, -l:FILE, -L DIR       add a library; add a folder to the library search path
  -Bstatic, -Bdynamic            search for archives only; also for shared libraries
  --whole-archive, --as-needed, --start-group ... --end-group (and --no-...)
  --gc-sections, --print-gc-sections
  --relax, --no-relax            shorten code whose targets are near, as far as the assembler
                                 allows it (default), or keep it as it was assembled
  --relax-gp, --no-relax-gp      also use addresses relative to gp, if the program sets it (default)
  @FILE                          read options from FILE

symbols:
  -u SYMBOL                      add an undefined reference to SYMBOL
  --defsym SYM=VALUE, --wrap SYM, --version-script FILE
  -export-dynamic, -Bsymbolic[-functions]

dynamic linking:
  -soname NAME, -rpath DIR, -dynamic-linker FILE
  -z now|lazy|relro|norelro|defs|execstack|noexecstack|notext|max-page-size=N

reports:
  -Map=FILE, --print-map, --cref    write a link map; print it; add a cross reference table
  -y SYMBOL, -t, -v                 trace a symbol; list the input files; print the version
"""


def main(argv: list[str]) -> int:
    """Link, and write the output (mode 755) and the map. After an error, nothing is written."""
    if any(word in ("--help", "-help") for word in argv):
        print(_HELP, end="")
        return 0
    state = parse(argv)
    if state.version:
        from .. import __version__

        print(f"toyvm ld {__version__} (GNU ld compatible)")
        if not state.inputs:
            return 0
    if not state.inputs:
        raise UsageError("no input files")
    from ..base.resources import require_other_file, write_atomically
    from ..linker.link import link

    require_other_file(state.output, [given.path for given in state.inputs if not given.library])
    options = link_options(state)
    try:
        with _no_collection():
            if options.kind == "relocatable":
                return _join(state, options)
            result = link(state.inputs, options)
    except LinkError as error:
        raise LinkError([f"toyvm ld: {message}" for message in error.messages]) from None
    for warning in () if options.no_warnings else result.warnings:
        print(f"toyvm ld: {'' if ': warning: ' in warning else 'warning: '}{warning}", file=sys.stderr)
    if state.fatal_warnings and result.warnings:
        raise LinkError([f"toyvm ld: {len(result.warnings)} warnings treated as errors"])
    for name in options.trace_symbols:
        print("\n".join(result.trace_symbol(name)))
    if state.trace:
        print("\n".join(result.inputs))
    write_atomically(state.output, result.image, mode=0o755)
    if state.map_file or state.print_map or state.cref:
        from ..linker.map_file import map_text

        text = map_text(result, state.cref)
        if state.map_file:
            Path(state.map_file).write_text(text, encoding="utf-8", errors="surrogateescape")
        if state.print_map or not state.map_file:
            sys.stdout.write(text)
    return 0


def _join(state: CommandLine, options: LinkOptions) -> int:
    """-r: write one object. Raises UsageError for options that need a whole program."""
    from ..base.resources import write_atomically
    from ..linker.relocatable import link_relocatable

    whole = {
        "--gc-sections": options.gc_sections,
        "--defsym": options.defsyms,
        "-Map": state.map_file or state.print_map or state.cref,
        "-y": options.trace_symbols,
        "--section-start": options.section_starts,
        "--version-script": options.version_script,
    }
    for name in (name for name, given in whole.items() if given):
        raise UsageError(f"{name} and -r: relocatable output has no addresses and drops nothing")
    result = link_relocatable(state.inputs, options)
    if state.trace:
        print("\n".join(result.inputs))
    write_atomically(state.output, result.image)
    return 0


@contextmanager
def _no_collection() -> Iterator[None]:
    """Disable the garbage collector, which takes a fifth of the time and finds almost nothing."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()
