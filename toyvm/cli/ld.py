"""`toyvm ld`: the linker of `toyvm.linker` with GNU ld's command line."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from ..base.errors import LinkError, UsageError
from ..base.record import replace
from ..base.resources import NoCollection
from .linking.command_line import CommandLine
from .linking.gnu_messages import shaped
from .linking.output_formats import in_format
from .linking.parsing import link_options, parse
from .terminal.color import painted

if TYPE_CHECKING:
    from ..linker.image_layout import MemoryUse
    from ..linker.link_options import LinkOptions
    from ..linker.link_result import LinkResult

HELP = """usage: toyvm ld [options] FILE...

Link objects, archives and shared libraries into a program or a shared object.

output:
  -o FILE                        write the output to FILE (default: a.out)
  -static, -shared, -pie         make a static program, a shared library, or a position-independent
                                 program (default: a program at a fixed address)
  -r                             join objects into one object, for a later link
  -e SYMBOL                      set the entry point
  --oformat=binary|srec|ihex|verilog    write the loaded bytes in this format instead of ELF
  -q, --emit-relocs              keep the relocations that made the output
  -s, -S                         omit all symbols; omit debugging information
  -x, -X                         omit local symbols; omit temporary local symbols (.L...)
  -Ttext=ADDR, -Tdata=ADDR, -Tbss=ADDR, --section-start=NAME=ADDR, --image-base=ADDR
  --hash-style=gnu|sysv|both, --build-id[=sha1|none|0xHEX], --eh-frame-hdr
  --package-metadata=JSON, --compress-debug-sections=none|zlib|zstd

  -n, -N                         do not align sections to pages in the file; make code writable, too
  -z separate-code|noseparate-code   give code segments of its own, or one with read-only data

layout:
  -T FILE, -dT FILE              order the output by a linker script; a default that -T takes precedence over
  --verbose                      print the built-in linker script
  --orphan-handling=place|warn|error|discard    what to do with sections that the script does not name
  --sort-section=name|alignment, --unique       sort the sections of patterns; keep orphans apart
  --print-memory-usage           print how full the regions of MEMORY are
  --no-check-sections            allow sections to overlap

inputs:
  -R FILE, --just-symbols=FILE   take the addresses of a program's symbols, and nothing else
  -l NAME, -l:FILE, -L DIR       add a library; add a folder to the library search path
  -Bstatic, -Bdynamic            search for archives only; also for shared libraries
  --whole-archive, --as-needed, --start-group ... --end-group (and --no-...)
  --icf=none|safe|all, --print-icf-sections    fold functions of equal code
  --gc-sections, --print-gc-sections
  --relax, --no-relax            shorten code whose targets are near, as far as the assembler
                                 allows it (default), or keep it as it was assembled
  --relax-gp, --no-relax-gp      also use addresses relative to gp, if the program sets it (default)
  @FILE                          read options from FILE

symbols:
  -u SYMBOL                      add an undefined reference to SYMBOL
  --defsym SYM=VALUE, --wrap SYM, --version-script FILE
  -export-dynamic, --export-dynamic-symbol=GLOB, --export-dynamic-symbol-list=FILE
  --dynamic-list=FILE, --dynamic-list-data, --dynamic-list-cpp-new, --dynamic-list-cpp-typeinfo
  -Bsymbolic[-functions]         let others see, or preempt, all symbols or those named
  --require-defined=SYMBOL, --no-undefined-version
  --out-implib=FILE              also write an object with the addresses of the symbols

dynamic linking:
  -soname NAME, -rpath DIR, -rpath-link DIR, -dynamic-linker FILE
  --copy-dt-needed-entries       also link libraries that libraries need, if they define what is undefined
  -f NAME, -F NAME, --audit=NAME, -P NAME
  -z now|lazy|relro|norelro|defs|execstack|noexecstack|notext|max-page-size=N|stack-size=N
  -z pack-relative-relocs        keep base-relative relocations in a table of a bit each (DT_RELR)
  -z nodelete|initfirst|interpose|global|nodlopen|nodefaultlib|nodump|loadfltr

reports:
  -Map=FILE, --print-map, --cref    write a link map; print it; add a cross reference table
  --gnu-messages                 write each message in one line, as GNU ld does
  --color-diagnostics=auto|always|never    colour errors and warnings (default: auto, on a terminal)
  -y SYMBOL, -t, -v                 trace a symbol; list the input files; print the version
"""


def main(argv: list[str]) -> int:
    """Link, and write the output (mode 755) and the map. After an error, nothing is written."""
    if any(word in ("--help", "-help") for word in argv):
        print(HELP, end="")
        return 0
    state = parse(argv)
    if state.version:
        from ..base.version import VERSION

        print(f"toyvm ld {VERSION} (GNU ld compatible)")
        if not state.inputs:
            return 0
    if state.verbose:
        _print_script(state)
        if not state.inputs:
            return 0
    if state.answer is not None:
        print(state.answer, end="\n" if state.answer else "")
        return 0
    if not state.inputs:
        raise UsageError("no input files")
    from ..base.resources import require_other_file, write_atomically
    from ..linker.link import link

    require_other_file(state.output, [given.path for given in state.inputs if not given.library])
    options = link_options(state)
    if state.map_file or state.print_map:
        options = replace(options, wants_map=True)
    try:
        with NoCollection():
            if options.kind == "relocatable":
                return _join(state, options)
            result = link(state.inputs, options)
            library = _import_library(state, result)
    except LinkError as error:
        program = _program(state)
        unfinished = getattr(error, "result", None)  # of an UnfinishedLink
        if unfinished is not None:
            _write_map(state, unfinished, state.output)
        raise LinkError([f"{program}: {_readable(state, message)}" for message in error.messages]) from None
    _print_warnings(state, options, result.warnings)
    for name in options.trace_symbols:
        print("\n".join(result.trace_symbol(name)))
    if state.trace:
        print("\n".join(result.inputs))
    output = result.output if state.output == "a.out" else state.output
    require_other_file(output, [given.path for given in state.inputs if not given.library])
    write_atomically(output, in_format(result.image, result.output_format, output), mode=0o755)
    if library:
        write_atomically(state.import_library, library)
    _write_dependencies(state, output, result.inputs)
    if state.print_memory_usage:
        print(memory_usage(result.layout.memory))
    _write_map(state, result, output)
    return 0


def _import_library(state: CommandLine, result: LinkResult) -> bytes:
    """The file of --out-implib, if it is asked for. Raises LinkError without symbols for it."""
    if not state.import_library:
        return b""
    from ..linker.by_products.import_library import import_library

    return import_library(result, state.import_library)


def _write_map(state: CommandLine, result: LinkResult, output: str) -> None:
    """-Map, -M and --cref."""
    if state.map_file or state.print_map or state.cref:
        from ..linker.by_products.map_file import map_text

        text = map_text(result, state.cref, state.print_map_discarded)
        if state.map_file:
            path = map_path(state.map_file, output)
            Path(path).write_text(text, encoding="utf-8", errors="surrogateescape")
        if state.print_map or not state.map_file:
            sys.stdout.write(text)


def _print_warnings(state: CommandLine, options: LinkOptions, warnings: Sequence[str]) -> None:
    """Print them. Raises LinkError if --fatal-warnings makes them errors."""
    for warning in () if options.no_warnings else warnings:
        mark = "" if ": warning: " in warning else "warning: "
        print(painted(f"{_program(state)}: {mark}{_readable(state, warning)}", sys.stderr), file=sys.stderr)
    if state.fatal_warnings and warnings:
        raise LinkError([f"toyvm ld: {len(warnings)} warnings treated as errors"])


def _program(state: CommandLine) -> str:
    """What a message begins with."""
    return "ld" if state.gnu_messages else "toyvm ld"


_MANGLED = re.compile(r"`(_Z[\w.$]*)")


def _readable(state: CommandLine, message: str) -> str:
    """A message with the names of C++ symbols as programmers write them, in the shape that is asked for."""
    if state.gnu_messages:
        message = shaped(message)
    if not state.demangle or "`_Z" not in message:
        return message
    from ..elf.demangling import demangled

    return _MANGLED.sub(lambda match: f"`{demangled(match[1])}", message)


def map_path(name: str, output: str) -> str:
    """The file of -Map: in a folder it is named after the output, and `%` stands for the output's name."""
    if os.path.isdir(name):
        return os.path.join(name, f"{os.path.basename(output)}.map")
    before, percent, after = name.partition("%")
    return f"{before}{output}{after or '.map'}" if percent else name


def _write_dependencies(state: CommandLine, output: str, inputs: Sequence[str]) -> None:
    """--dependency-file: a rule for make, and an empty one for each input, so that a file may vanish."""
    if state.dependency_file:
        from ..base.resources import write_atomically

        read = dict.fromkeys(name.partition("(")[0] if name.endswith(")") else name for name in inputs)
        text = f"{output}: \\\n" + " \\\n".join(f"  {name}" for name in read) + "\n"
        text += "".join(f"\n{name}:\n" for name in read)
        write_atomically(state.dependency_file, text.encode("utf-8", "surrogateescape"))


def _print_script(state: CommandLine) -> None:
    """--verbose: the script in force, between lines of signs, as GNU ld prints it."""
    from ..linker.script.commands import script_text

    options = link_options(state)
    text = "\n".join(text for _, text in options.scripts) or script_text(options)
    kind = "external" if options.scripts else "internal"
    print(f"using {kind} linker script:\n{'=' * 50}\n{text}\n{'=' * 50}")


def memory_usage(regions: Sequence[MemoryUse]) -> str:
    """The table of --print-memory-usage, in GNU ld's format."""

    def size(count: int) -> str:
        for shift, unit in ((30, "GB"), (20, "MB"), (10, "KB")):
            if count and not count & ((1 << shift) - 1):
                return f"{count >> shift:10} {unit}"
        return f" {count:10} B"

    lines = ["Memory region         Used Size  Region Size  %age Used"]
    for region in regions:
        share = f"    {region.used * 100 / region.length:6.2f}%" if region.length else ""
        lines.append(f"{region.name:>16}: {size(region.used)}{size(region.length)}{share}")
    return "\n".join(lines)


def _join(state: CommandLine, options: LinkOptions) -> int:
    """-r: write one object. Raises UsageError for options that need a whole program."""
    from ..base.resources import write_atomically
    from ..linker.relocatable import link_relocatable

    whole = {
        "-Map": state.map_file or state.print_map or state.cref,
        "-y": options.trace_symbols,
        "--section-start": options.section_starts,
        "--version-script": options.version_script,
        "--oformat": options.output_format,
    }
    for name in (name for name, given in whole.items() if given):
        raise UsageError(f"{name} and -r: relocatable output has no addresses and drops nothing")
    result = link_relocatable(state.inputs, options)
    _print_warnings(state, options, result.warnings)
    if state.trace:
        print("\n".join(result.inputs))
    write_atomically(state.output, result.image)
    _write_dependencies(state, state.output, result.inputs)
    return 0
