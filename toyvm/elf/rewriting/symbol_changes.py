"""The changes of symbols: which ones stay, their names and bindings, and new ones (BFD's filter_symbols)."""

from __future__ import annotations

from typing import TYPE_CHECKING

from ...base.errors import ElfError, ToyvmError
from ..constants import (
    SHN_ABS,
    SHN_COMMON,
    SHN_UNDEF,
    STB_GLOBAL,
    STB_GNU_UNIQUE,
    STB_LOCAL,
    STB_WEAK,
    STT_COMMON,
    STT_FILE,
    STT_FUNC,
    STT_GNU_IFUNC,
    STT_OBJECT,
    STT_SECTION,
    STV_HIDDEN,
    STV_INTERNAL,
)
from .changes import AddedSymbol, Changes
from .model import Image, Name

if TYPE_CHECKING:
    from ..record_arrays import Table

# What -j calls the sections of symbols that are in none.
_SPECIAL_SECTIONS = {SHN_UNDEF: "*UND*", SHN_ABS: "*ABS*", SHN_COMMON: "*COM*"}
_LOCAL_LABELS = (".L", "..", "_.L_", ".X")


def change_symbols(image: Image, changes: Changes) -> None:
    """Filter, rename and add symbols. ElfError for one that a relocation needs and a section takes away."""
    _keep_relocations(image, changes)
    _mark_used(image)
    by_number = {name.number: name for name in image.names}
    if _is_filtered(changes):
        for name in image.names:
            _rename(name, changes)
        kept = {id(part) for part in image.parts}
        image.names = [name for name in image.names if _stays(image, name, changes, kept)]
        for name in image.names:
            _rebind(name, changes)
        _add_symbols(image, changes)
    if not image.is_relocatable and image.names:
        _complete_section_symbols(image)
    if changes.common_type is not None:
        for name in image.names:
            if name.is_common:
                name.type = STT_COMMON if changes.common_type else STT_OBJECT
    _check_relocations(image, by_number)


def _is_filtered(changes: Changes) -> bool:
    """Whether any option makes a rule apply; otherwise all symbols stay, unused ones of sections too."""
    sets = (
        changes.strip_symbol,
        changes.strip_unneeded_symbol,
        changes.keep_symbol,
        changes.localize,
        changes.globalize,
        changes.keep_global,
        changes.weaken_symbol,
        changes.only,
        changes.remove,
        changes.rename,
        changes.redefine,
        changes.add_symbols,
    )
    texts = (changes.strip, changes.discard, changes.prefix_symbols)
    flags = (changes.weaken, changes.localize_hidden, changes.extract_symbols)
    return any(map(bool, (*sets, *texts, *flags)))


def _keep_relocations(image: Image, changes: Changes) -> None:
    """With all symbols stripped, only the relocations of kept symbols stay."""
    if changes.strip != "all":
        return
    wanted = [name.number for name in image.names if name.name in changes.keep_symbol]
    import numpy as np

    for part in image.parts:
        if part.relocs is not None:
            part.relocs = part.relocs[np.isin(part.relocs["r_sym"], wanted)] if wanted else None


def _mark_used(image: Image) -> None:
    import numpy as np

    used: set[int] = set()
    for part in image.parts:
        if part.relocs is not None:
            used.update(np.unique(part.relocs["r_sym"]).tolist())
    for name in image.names:
        name.is_used = name.number in used
    for group in image.groups:
        group.signature.is_used = True


def _rename(name: Name, changes: Changes) -> None:
    if name.is_section:
        return
    name.name = changes.prefix_symbols + changes.redefine.get(name.name, name.name)


def _is_local_label(text: str) -> bool:
    return text.startswith(_LOCAL_LABELS) or (text[:1] == "L" and ("\1" in text or "\2" in text))


def _stays(image: Image, name: Name, changes: Changes, kept: set[int]) -> bool:
    text, strip = name.name, changes.strip
    keep = _stays_by_kind(image, name, changes)
    if keep and text in changes.strip_symbol:
        if name.is_used:
            raise ToyvmError(f"not stripping symbol `{text}' because it is named in a relocation")
        keep = False
    if keep and not name.is_used and text in changes.strip_unneeded_symbol:
        keep = False
    if not keep:
        keep = (changes.keep_file_symbols and name.is_file) or text in changes.keep_symbol
        keep |= changes.keep_section_symbols and name.is_section and strip != "all"
    if name.home is None and (changes.only or strip == "keep-dwo") and not name.is_used:
        return keep and _SPECIAL_SECTIONS.get(name.special, "") in changes.only
    return keep and (name.home is None or id(name.home) in kept)


def _stays_by_kind(image: Image, name: Name, changes: Changes) -> bool:
    strip = changes.strip
    if strip == "all":
        return False
    if name.is_used:
        return True
    asks_only = name.is_undefined and name.binding != STB_WEAK
    if image.is_relocatable and name.is_global and not asks_only:
        return True
    if name.is_global or name.is_undefined or name.is_common:
        return strip != "unneeded"
    if name.is_section or name.is_file:
        return strip not in ("debug", "unneeded")
    if strip == "unneeded" or changes.discard == "all":
        return False
    return not (changes.discard == "locals" and _is_local_label(name.name))


def _rebind(name: Name, changes: Changes) -> None:
    text = name.name
    if changes.weaken or changes.weaken_symbol:
        strong = name.binding in (STB_GLOBAL, STB_GNU_UNIQUE) and not name.is_common
        if strong and (changes.weaken or text in changes.weaken_symbol):
            name.binding = STB_WEAK
    if name.is_undefined:
        return
    was_local = name.binding == STB_LOCAL
    if name.binding in (STB_GLOBAL, STB_WEAK) and not name.is_common:
        hidden = name.visibility in (STV_HIDDEN, STV_INTERNAL)
        if (
            text in changes.localize
            or (changes.keep_global and text not in changes.keep_global)
            or (changes.localize_hidden and hidden)
        ):
            name.binding = STB_LOCAL
    if was_local and text in changes.globalize:
        name.binding = STB_GLOBAL


_TYPES = {
    "function": STT_FUNC,
    "object": STT_OBJECT,
    "file": STT_FILE,
    "section": STT_SECTION,
    "indirect-function": STT_GNU_IFUNC,
}
_BINDINGS = {"weak": STB_WEAK, "unique-object": STB_GNU_UNIQUE, "local": STB_LOCAL, "global": STB_GLOBAL}


def _add_symbols(image: Image, changes: Changes) -> None:
    for added in changes.add_symbols:
        made = _made(image, added)
        texts = [name.name for name in image.names]
        if added.before and added.before in texts:
            image.names.insert(texts.index(added.before), made)
        else:
            image.names.append(made)


def _made(image: Image, added: AddedSymbol) -> Name:
    home = None
    if added.section:
        home = next((part for part in image.parts if added.section in (part.name, part.old_name)), None)
        if home is None:
            raise ToyvmError(f"Section {added.section} not found")
    made = image.new_name(added.name, home, SHN_ABS)
    made.value = added.value + (home.addr if home is not None and image.has_addresses else 0)
    made.binding = STB_LOCAL if added.flags or added.before else STB_GLOBAL
    for word in added.flags:
        made.type = _TYPES.get(word, made.type)
    for word in ("global", "local", "unique-object", "weak"):
        if word in added.flags:
            made.binding = _BINDINGS[word]
    return made


def _complete_section_symbols(image: Image) -> None:
    """In a program or library each section has a symbol, as BFD writes them."""
    have = {id(name.home) for name in image.names if name.is_section}
    for part in image.parts:
        if id(part) not in have:
            made = image.new_name("", part)
            made.type, made.value = STT_SECTION, part.addr
            image.names.append(made)


def _check_relocations(image: Image, by_number: dict[int, Name]) -> None:
    """Each symbol that a relocation names must be there still."""
    import numpy as np

    there = np.zeros(image.numbers, dtype=bool)
    there[[0, *(name.number for name in image.names)]] = True
    for part in image.parts:
        relocs: Table | None = part.relocs
        if relocs is None or there[relocs["r_sym"]].all():
            continue
        gone = by_number[int(relocs["r_sym"][~there[relocs["r_sym"]]][0])]
        text = gone.name or (gone.home.old_name if gone.home is not None else "")
        raise ElfError(f"{image.name}: symbol `{text}' required but not present")
