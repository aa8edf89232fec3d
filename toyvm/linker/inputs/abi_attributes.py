"""Compatibility of the inputs: e_flags, and `.riscv.attributes` merged into the output's (psABI, "Attributes")."""

from __future__ import annotations

from collections.abc import Iterator

from toyvm.base.errors import ElfError
from toyvm.elf.architecture.attributes import (
    TAG_ARCH,
    TAG_PRIV_SPEC,
    TAG_PRIV_SPEC_MINOR,
    TAG_PRIV_SPEC_REVISION,
    TAG_STACK_ALIGN,
    Attributes,
    decode,
    encode,
)
from toyvm.elf.architecture.isa_strings import Arch, ArchError
from toyvm.elf.constants import (
    EF_RISCV_FLOAT_ABI,
    EF_RISCV_RVC,
    EF_RISCV_RVE,
    EF_RISCV_TSO,
    SHF_ALLOC,
    SHF_EXECINSTR,
    SHT_RISCV_ATTRIBUTES,
)

from ..link_errors import Diagnostics
from ..link_options import LinkOptions
from .resolution import Resolution

_PRIVILEGED_TAGS = (TAG_PRIV_SPEC, TAG_PRIV_SPEC_MINOR, TAG_PRIV_SPEC_REVISION)
_PRIVILEGED = ((1, 9, 1), (1, 10, 0), (1, 11, 0), (1, 12, 0))  # versions that GNU ld knows
_FLOAT_ABI = {0: "soft-float", 2: "single-float", 4: "double-float", 6: "quad-float"}


def check_width(resolution: Resolution, options: LinkOptions, errors: Diagnostics) -> None:
    """Report objects and libraries of another register width than the output's (-m)."""
    for library in resolution.libraries:
        if library.xlen != options.xlen:
            errors.error(f"{library.name}: file in wrong format: a library of {library.xlen}-bit machines")
    for loaded in resolution.files:
        obj = loaded.object
        if obj.xlen != options.xlen and not obj.raw and len(obj.sections) > 1:
            errors.error(
                f"{obj.name}: ABI is incompatible with that of the selected emulation: target emulation "
                f"`elf{options.xlen}-littleriscv' does not match `elf{obj.xlen}-littleriscv' "
                f"(-m elf{obj.xlen}lriscv links it)"
            )


def merge_flags(resolution: Resolution, errors: Diagnostics) -> int:
    """The output's e_flags. Objects of different calling conventions are an error, in GNU ld's words."""
    flags: int | None = None
    first = ""
    for loaded in resolution.files:
        obj = loaded.object
        # An object without sections in memory has no calling convention.
        if obj.raw or not any(s.flags & SHF_ALLOC and s.size for s in obj.sections):
            continue
        if flags is None:
            flags, first = obj.e_flags, obj.name
            continue
        mine, ours = obj.e_flags & EF_RISCV_FLOAT_ABI, flags & EF_RISCV_FLOAT_ABI
        if mine != ours:
            errors.error(
                f"{obj.name}: can't link {_FLOAT_ABI[mine]} modules with {_FLOAT_ABI[ours]} modules ({first})"
            )
        if (obj.e_flags ^ flags) & EF_RISCV_RVE:
            errors.error(f"{obj.name}: can't link RVE with other target ({first})")
        flags |= obj.e_flags & (EF_RISCV_RVC | EF_RISCV_TSO)
    if flags is None:
        return next((loaded.object.e_flags for loaded in resolution.files if not loaded.object.raw), 0)
    return flags


def merge_attributes(resolution: Resolution, errors: Diagnostics) -> bytes:
    """The output's `.riscv.attributes`: all extensions of all inputs; b"" when no input has any."""
    merged: Attributes = {}
    for name, attributes in _attributes(resolution, errors):
        _merge_privileged(merged, name, attributes, errors)
        for tag, value in attributes.items():
            if tag in _PRIVILEGED_TAGS:
                continue
            if tag == TAG_STACK_ALIGN and value and merged.get(tag, value) not in (0, value):
                errors.error(
                    f"{name} use {value}-byte stack aligned but the output use {merged[tag]}-byte stack aligned."
                )
                continue
            if tag == TAG_ARCH and tag in merged:
                try:
                    merged[tag] = str(_arch(merged[tag]).merge(_arch(value)))
                except ArchError as error:
                    errors.error(f"{name}: {error}")
            elif isinstance(value, int) and isinstance(merged.get(tag, 0), int):
                merged[tag] = max(int(merged.get(tag, 0)), value)
            else:
                merged.setdefault(tag, value)
    return encode(merged) if merged else b""


def _merge_privileged(merged: Attributes, name: str, attributes: Attributes, errors: Diagnostics) -> None:
    """Merge the version of the privileged specification: the newest counts, and objects of several get a warning."""
    mine = _privileged(attributes)
    ours = _privileged(merged)
    if mine in _PRIVILEGED and ours in _PRIVILEGED and mine != ours:
        errors.warning(
            f"{name} use privileged spec version {'.'.join(map(str, mine))} but the output use version "
            f"{'.'.join(map(str, ours))}"
        )
        if _PRIVILEGED[0] in (mine, ours):
            errors.warning("privileged spec version 1.9.1 can not be linked with other spec versions")
    if ours not in _PRIVILEGED or (mine in _PRIVILEGED and mine > ours):
        for tag in _PRIVILEGED_TAGS:
            if tag in attributes:
                merged[tag] = attributes[tag]
            elif mine in _PRIVILEGED:
                merged.pop(tag, None)


def _privileged(attributes: Attributes) -> tuple[int, ...]:
    return tuple(int(attributes.get(tag, 0)) for tag in _PRIVILEGED_TAGS)


def _arch(text: int | str) -> Arch:
    """The architecture of an object. Extensions that only a newer compiler knows are kept."""
    return Arch.parse(str(text), lenient=True)


def _attributes(resolution: Resolution, errors: Diagnostics) -> Iterator[tuple[str, Attributes]]:
    """Each distinct section of attributes, with the first object that has it."""
    seen: set[bytes] = set()
    for loaded in resolution.files:
        for section in loaded.object.sections:
            if section.type == SHT_RISCV_ATTRIBUTES and section.data not in seen:
                seen.add(section.data)
                try:
                    yield loaded.object.name, decode(section.data, loaded.object.name)
                except ElfError as error:
                    errors.error(str(error))


def wants_exec_stack(resolution: Resolution) -> bool:
    """Whether the `.note.GNU-stack` of some object asks for an executable stack."""
    return asks_for_exec_stack(resolution) is not None


def asks_for_exec_stack(resolution: Resolution) -> str | None:
    """The name of the first object whose `.note.GNU-stack` asks for an executable stack."""
    asking = (
        loaded.object.name
        for loaded in resolution.files
        for section in loaded.object.sections
        if section.name == ".note.GNU-stack" and section.flags & SHF_EXECINSTR
    )
    return next(asking, None)
