"""Carries out what a script says besides its layout: inputs, search folders, the entry, symbols that it needs."""

from __future__ import annotations

import hashlib
import pickle
from collections.abc import Mapping, Sequence
from functools import partial

from toyvm.base.record import Record, replace
from toyvm.base.resources import kept, read_input, source_version

from ..link_options import Input, LinkOptions
from .builtin import builtin_script
from .gnu_scripts import gnu_script
from .reading.reader import read_expression, read_ordering, read_script
from .reading.tree import (
    Assignment,
    InputFile,
    InputPattern,
    Insert,
    OutputSection,
    Place,
    Script,
    SectionsStatement,
    Source,
)

_BUILTIN = "built-in script"
_DEFAULT_ENTRY = "start"  # GNU ld: of a script without ENTRY


class Request(Record, eq=False):
    """A link by a script: what it is, and the inputs and options with what the script adds to them."""

    script: Script
    inputs: tuple[Input, ...]
    options: LinkOptions


def request(inputs: Sequence[Input], options: LinkOptions) -> Request | None:
    """Read the scripts of `options`; None if there is none. Raises LinkError with a place."""
    if not options.scripts and not options.orderings and not options.gnu_layout:
        return None
    script = Script()
    for name, text in options.scripts:
        script.merge(_read(name, text.encode("utf-8", "surrogateescape"), options))
    if not options.scripts or any(isinstance(statement, Insert) for statement in script.statements):
        script.merge(_builtin(options))
    for name, text in options.orderings:
        _order(script, read_ordering(name, text))
    return completed(script, inputs, options)


def _order(script: Script, ordering: Sequence[SectionsStatement]) -> None:
    """--section-ordering-file: what it puts into an output section comes there before what the script puts there."""
    for wanted in ordering:
        if not isinstance(wanted, OutputSection):
            continue
        for statement in wanted.body:
            if not isinstance(statement, InputPattern):
                raise statement.place.error("an ordering file places input sections, and nothing else")
        at = next(
            (
                number
                for number, other in enumerate(script.statements)
                if isinstance(other, OutputSection) and other.name == wanted.name
            ),
            None,
        )
        if at is None:
            raise wanted.place.error(f"the linker script has no output section `{wanted.name}'")
        found = script.statements[at]
        assert isinstance(found, OutputSection)
        script.statements[at] = replace(found, body=(*wanted.body, *found.body))


def without_headers(script: Script) -> Script:
    """The script without PHDRS, for an output that has no segments."""
    statements = [replace(s, headers=()) if isinstance(s, OutputSection) else s for s in script.statements]
    return replace(script, headers=[], has_headers=False, statements=statements)


def read_implicit(name: str, data: bytes, options: LinkOptions) -> Script:
    """A script among the inputs."""
    return _read(name, data, options)


def with_implicit(
    found: Request | None, implicit: Sequence[Script], inputs: Sequence[Input], options: LinkOptions
) -> Request:
    """The request with the scripts among the inputs. They add to the script of -T, or to the built-in one."""
    script = Script()
    if found is not None:
        script.merge(found.script)
    for other in implicit:
        script.merge(other)
    if found is None:
        entry = script.entry
        script.merge(_builtin(options))
        script.entry = entry or script.entry
    script.inputs.clear()  # they are open already
    return completed(script, inputs, options)


def _read(name: str, data: bytes, options: LinkOptions) -> Script:
    return read_script(name, data, read_input, options.library_path)


def script_text(options: LinkOptions) -> str:
    """The script of a link whose `options` name none."""
    relocatable = options.kind == "relocatable"
    return gnu_script(options) if options.gnu_layout or relocatable else builtin_script(options)


def _builtin(options: LinkOptions) -> Script:
    """That script, read. The cache folder keeps it, since reading takes a tenth of a second."""
    text = script_text(options)

    def read() -> bytes:
        return pickle.dumps(read_script(_BUILTIN, text.encode(), read_input))

    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    version = source_version("linker/script", "base")
    script = pickle.loads(kept(f"script-{digest}", version, read))
    assert isinstance(script, Script)
    return script


def completed(script: Script, inputs: Sequence[Input], options: LinkOptions) -> Request:
    """The options with what `script` says."""
    before, after = list(inputs[: options.script_position]), list(inputs[options.script_position :])
    first = [_input(file) for file in script.inputs] + _named_files(script, before, after)
    defsyms = [
        Assignment(name, read_expression("--defsym", text), Place(Source("--defsym", text), 0, len(text)))
        for name, text in options.defsyms
    ]
    count = len(defsyms) if options.defsym_position is None else options.defsym_position
    script.statements[:0] = defsyms[:count]
    script.statements += defsyms[count:]
    assigned = {a.name for a in script.assignments() if not a.provide and a.name != "."}
    wanted = tuple(sorted(script.needed_names() - assigned))
    changes: Mapping[str, object] = {
        "library_path": (*options.library_path, *script.search),
        "entry": options.entry or script.entry or _DEFAULT_ENTRY,
        "warn_entry": bool(options.entry or script.entry),
        "undefined": (*options.undefined, *script.externs),
        "assigned": tuple(sorted(assigned)),
        "wanted": wanted,
        "version_script": options.version_script + "\n".join(script.versions),
        "defsyms": (),
        "force_groups": options.force_groups or script.force_groups,
        "output_format": options.output_format or script.output_format,
        "output": script.output if options.output == "a.out" and script.output else options.output,
    }
    return Request(script, (*before, *first, *after), replace(options, **changes))


def _named_files(script: Script, before: list[Input], after: list[Input]) -> list[Input]:
    """The files that patterns name without wildcards. They are inputs, and come where the script comes (GNU ld: lookup_name);
    `after` loses them."""
    found: list[Input] = []
    known = {given.path for given in before}
    for section in script.sections():
        for pattern in section.body:
            file = pattern.file if isinstance(pattern, InputPattern) else ""
            if not file or any(c in "*?[:" for c in file) or file in known:
                continue
            known.add(file)
            given = next((i for i in after if i.display == file and not i.library), None)
            if given is not None:
                after.remove(given)
            found.append(given if given is not None else Input(path=file))
    return found


def _input(file: InputFile) -> Input:
    make = partial(Input, as_needed=file.as_needed, group=None if file.group is None else -1000 - file.group)
    return make(library=file.name[2:]) if file.name.startswith("-l") else make(path=file.name)
