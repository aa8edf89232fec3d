"""Why an input section is not in the output: the pass that dropped it, and that pass's reason."""

from __future__ import annotations

from toyvm.elf.constants import SHF_EXCLUDE, SHT_NULL, SHT_RISCV_ATTRIBUTES
from toyvm.linker.inputs.columns import WARNING_PREFIX

from .link_index import LinkIndex, short_name

_PASSES = {
    "strip": "debugging information is not linked (-s, -S)",
    "discard": "the script puts it into /DISCARD/",
    "gc": "--gc-sections: nothing that is kept refers to it",
    "merge": "all its strings or constants are in an earlier section of the same kind",
}


def why_absent(index: LinkIndex, sid: int) -> str:
    """Why input section `sid` has no place in the output; "" if it has one."""
    if index.link.layout.output[sid] >= 0:
        return ""
    if not index.read.sections.live[sid]:
        return _never_linked(index, sid)
    for name, program in index.history.passes:
        if not program.sections.live[sid]:
            return _folded(index, sid) if name == "icf" else _PASSES.get(name, f"dropped by the pass {name}")
    return "the output has no section for it"


def _never_linked(index: LinkIndex, sid: int) -> str:
    sections = index.read.sections
    file = int(sections.file[sid])
    number = sid - int(index.read.file_sections[file])
    loaded = index.read.resolution.files[file]
    name, flags, kind = sections.name[sid], int(sections.flags[sid]), int(sections.type[sid])
    if number in loaded.dropped:
        names = loaded.object.symbols.names
        group = next((names[g.signature] for g in loaded.object.groups if number in g.members), "")
        owner = _group_owner(index, group, file)
        return f"its COMDAT group {group} comes from {owner}" if owner else f"another object has {group}"
    if kind == SHT_RISCV_ATTRIBUTES:
        return "the linker merges the attributes of all objects into one section"
    if kind == SHT_NULL:
        return "it is no section (SHT_NULL)"
    if name.startswith(WARNING_PREFIX):
        return "its text is a warning for objects that use the symbol"
    if flags & SHF_EXCLUDE:
        return "it is for the linker alone (SHF_EXCLUDE)"
    return "it tells the linker something and is no part of a program"


def _group_owner(index: LinkIndex, signature: str, other: int) -> str:
    for number, loaded in enumerate(index.read.resolution.files):
        for group in loaded.object.groups:
            name = loaded.object.symbols.names[group.signature]
            if number != other and name == signature and not loaded.dropped & set(group.members):
                return short_name(loaded.object.name)
    return ""


def _folded(index: LinkIndex, sid: int) -> str:
    stands = index.history.stands
    keeper = int(stands[sid]) if stands is not None else sid
    return f"--icf: folded into {index.object_name(keeper)}:({index.read.sections.name[keeper]}), whose code is equal"
