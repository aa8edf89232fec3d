"""What differs between two ELF files, and why: headers, segments, sections, symbols, relocations, libraries, versions.

Symbols are paired by name, those of one name in their order. A symbol that has only moved is not news: those that moved by
the same distance are one change, which names what made room before them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from toyvm.base.record import Record
from toyvm.elf import constants as c
from toyvm.elf.elf_file import ElfFile
from toyvm.elf.symbol_versions import symbol_versions
from toyvm.observe.binutils.elf_names import SECTION_TYPES, SEGMENT_TYPES, section_flags
from toyvm.relocations import relocation_name

from .code_differences import CodeChange, code_changes
from .symbol_list import Listed, listed


class Change(Record):
    """`what` is "new", "gone", "changed", "grown", "shrunk" or "moved"; `before` and `after` are texts, `why` may be ""."""

    what: str
    name: str
    before: str
    after: str
    why: str = ""


class ImageDifference(Record):
    """All differences of two files. `same`: their bytes are equal. `first`: the offset of the first byte that differs."""

    a: str
    b: str
    same: bool
    first: int
    size_a: int
    size_b: int
    header: tuple[Change, ...] = ()
    libraries: tuple[Change, ...] = ()
    versions: tuple[Change, ...] = ()
    segments: tuple[Change, ...] = ()
    sections: tuple[Change, ...] = ()
    symbols: tuple[Change, ...] = ()
    relocations: tuple[Change, ...] = ()
    code: tuple[CodeChange, ...] = ()
    code_hidden: int = 0
    relaxation: tuple[Change, ...] = ()


def compare_images(a: ElfFile, b: ElfFile, functions: int = 20, lines: int = 40) -> ImageDifference:
    """The differences between `a` and `b`; at most `functions` with up to `lines` lines of code are listed.

    Raises ElfError if a file is malformed.
    """
    same = a.data == b.data
    sizes = len(a.data), len(b.data)
    if same:
        return ImageDifference(a.name, b.name, True, -1, *sizes)
    old, new = listed(a), listed(b)
    code, hidden, forms = code_changes(a, b, old, new, functions, lines)
    return ImageDifference(
        a.name, b.name, False, _first_difference(a.data, b.data), *sizes,
        header=tuple(_header(a, b)),
        libraries=tuple(_libraries(a, b)),
        versions=tuple(_of_maps(_versions(a), _versions(b))),
        segments=tuple(_of_maps(_segments(a), _segments(b))),
        sections=tuple(_sections(a, b)),
        symbols=tuple(_symbols(old, new, (_starts(a), _starts(b)))),
        relocations=tuple(_of_counts(_relocations(a), _relocations(b))),
        code=code,
        code_hidden=hidden,
        relaxation=tuple(
            Change("changed", form, str(before), str(after), "in the functions whose code differs")
            for form, (before, after) in sorted(forms.items())
            if before != after
        ),
    )  # fmt: skip


def _first_difference(a: bytes, b: bytes) -> int:
    low, high = 0, min(len(a), len(b))
    if a[:high] == b[:high]:
        return high
    while high - low > 1:  # the first difference is in [low, high)
        middle = (low + high) // 2
        low, high = (low, middle) if a[low:middle] != b[low:middle] else (middle, high)
    return low


def _header(a: ElfFile, b: ElfFile) -> Iterator[Change]:
    kinds = {c.ET_REL: "object", c.ET_EXEC: "program", c.ET_DYN: "shared object or PIE"}
    fields: dict[str, Callable[[ElfFile], str]] = {
        "type": lambda elf: kinds.get(elf.header.type, str(elf.header.type)),
        "machine": lambda elf: str(elf.header.machine),
        "flags": lambda elf: f"{elf.header.flags:#x}",
        "entry": lambda elf: f"{elf.header.entry:#x}",
        "interpreter": lambda elf: elf.interpreter or "none",
        "soname": lambda elf: elf.soname or "none",
        "run path": lambda elf: elf.runpath or "none",
    }
    for name, read in fields.items():
        before, after = read(a), read(b)
        if before != after:
            yield Change("changed", name, before, after)


def _libraries(a: ElfFile, b: ElfFile) -> Iterator[Change]:
    before, after = a.needed, b.needed
    yield from (Change("gone", name, "needed", "") for name in before if name not in after)
    yield from (Change("new", name, "", "needed") for name in after if name not in before)
    common = [name for name in before if name in after], [name for name in after if name in before]
    if common[0] != common[1]:
        yield Change(
            "moved", "order", " ".join(common[0]), " ".join(common[1]), "the loader searches in this order"
        )


def _versions(elf: ElfFile) -> dict[str, str]:
    """Symbol of another component -> the version that it needs; own symbol -> the version that it has."""
    found = symbol_versions(elf)
    table = elf.symbols(".dynsym")
    if table is None:
        return {}
    return {
        name: found[number].text
        for number, name in enumerate(table.names)
        if number in found and found[number].text
    }


def _segments(elf: ElfFile) -> dict[str, str]:
    counts: Counter[str] = Counter()
    found = {}
    for segment in elf.segments:
        kind = SEGMENT_TYPES.get(segment.type, f"{segment.type:#x}")
        rights = "".join(
            letter if segment.flags & bit else "-" for letter, bit in (("R", 4), ("W", 2), ("X", 1))
        )
        name = f"{kind} {rights}"
        counts[name] += 1
        number = f" #{counts[name]}" if counts[name] > 1 else ""
        found[name + number] = (
            f"{segment.vaddr:#x}, {segment.filesz:#x} in the file, {segment.memsz:#x} in memory"
        )
    return found


class _Section(NamedTuple):
    kind: str
    address: int
    size: int
    data: bytes


def _section_map(elf: ElfFile) -> dict[str, _Section]:
    counts: Counter[str] = Counter()
    found = {}
    for section in elf.sections:
        header = section.header
        if header.type == c.SHT_NULL:
            continue
        counts[section.name] += 1
        name = section.name + (f" #{counts[section.name]}" if counts[section.name] > 1 else "")
        kind = f"{SECTION_TYPES.get(header.type, hex(header.type))} {section_flags(header.flags)}".rstrip()
        data = elf.contents(section) if header.type != c.SHT_NOBITS else b""
        found[name] = _Section(kind, header.addr, header.size, data)
    return found


def _sections(a: ElfFile, b: ElfFile) -> Iterator[Change]:
    old, new = _section_map(a), _section_map(b)
    for name in dict.fromkeys((*old, *new)):
        if name not in new:
            yield Change("gone", name, f"{old[name].size:#x} bytes", "")
            continue
        if name not in old:
            yield Change("new", name, "", f"{new[name].size:#x} bytes")
            continue
        before, after = old[name], new[name]
        if before.kind != after.kind:
            yield Change("changed", name, before.kind, after.kind, "type or flags")
        if before.size != after.size:
            what = "grown" if after.size > before.size else "shrunk"
            yield Change(
                what, name, f"{before.size:#x}", f"{after.size:#x}", f"{after.size - before.size:+d} bytes"
            )
        elif before.data != after.data:
            count = sum(x != y for x, y in zip(before.data, after.data, strict=True))
            yield Change("changed", name, "", "", f"{count} of {before.size} bytes differ")
        if before.address != after.address:
            yield Change("moved", name, f"{before.address:#x}", f"{after.address:#x}")


# --- symbols ---


def _symbols(
    old: Mapping[str, Listed], new: Mapping[str, Listed], starts: tuple[dict[str, int], dict[str, int]]
) -> Iterator[Change]:
    for name in old:
        if name not in new:
            yield Change("gone", name, _symbol_text(old[name]), "")
    for name, symbol in new.items():
        if name not in old:
            yield Change("new", name, "", _symbol_text(symbol))
    for name, before in old.items():
        after = new.get(name)
        if after is None:
            continue
        if (before.binding, before.kind, before.visibility) != (after.binding, after.kind, after.visibility):
            yield Change("changed", name, before.properties, after.properties)
        if before.section != after.section:
            yield Change("moved", name, before.section, after.section, "to another section")
        elif before.size != after.size:
            what = "grown" if after.size > before.size else "shrunk"
            yield Change(
                what, name, f"{before.size:#x}", f"{after.size:#x}", f"{after.size - before.size:+d} bytes"
            )
    yield from _moves(old, new, {name: starts[1].get(name, at) - at for name, at in starts[0].items()})


def _starts(elf: ElfFile) -> dict[str, int]:
    return {section.name: section.header.addr for section in elf.sections}


def _symbol_text(symbol: Listed) -> str:
    return f"{symbol.properties}, {symbol.size:#x} bytes in {symbol.section}"


def _moves(
    old: Mapping[str, Listed], new: Mapping[str, Listed], moved: Mapping[str, int]
) -> Iterator[Change]:
    """Symbols that moved by the same distance are one change; what stands before the first of them is why.

    `moved`: section -> the distance that it has moved.
    """
    pairs = [(old[name], new[name]) for name in old if name in new and old[name].section == new[name].section]
    pairs = [(before, after) for before, after in pairs if before.placed]
    pairs.sort(key=lambda pair: (pair[0].number, pair[0].value))
    run: list[tuple[Listed, Listed]] = []
    previous: tuple[Listed, Listed] | None = None
    for pair in pairs:
        if run and (run[-1][0].section, _distance(run[-1])) != (pair[0].section, _distance(pair)):
            yield from _run(run, previous, moved)
            previous, run = run[-1], []
        run.append(pair)
    if run:
        yield from _run(run, previous, moved)


def _distance(pair: tuple[Listed, Listed]) -> int:
    return pair[1].value - pair[0].value


def _run(
    run: list[tuple[Listed, Listed]], previous: tuple[Listed, Listed] | None, moved: Mapping[str, int]
) -> Iterator[Change]:
    distance, first, last = _distance(run[0]), run[0], run[-1]
    if not distance:
        return
    names = first[0].name if len(run) == 1 else f"{first[0].name} .. {last[0].name} ({len(run)} symbols)"
    section = first[0].section
    if previous is None or previous[0].section != section:
        whole = distance == moved.get(section)
        why = f"as all of {section}" if whole else f"what comes first in {section} is other than before"
    else:
        before, after = previous
        grown = (after.end - after.value) - (before.end - before.value)
        if grown:
            why = f"{before.name} before it has {grown:+d} bytes"
        else:
            why = f"{distance - _distance(previous):+d} bytes after {before.name}: padding, or code without a symbol"
    yield Change("moved", names, f"{first[0].value:#x}", f"{first[1].value:#x}", f"by {distance:+#x}: {why}")


# --- relocations and other counts ---


def _relocations(elf: ElfFile) -> Counter[str]:
    found: Counter[str] = Counter()
    for section, table in elf.relocations():
        found.update(f"{section.name} {relocation_name(int(kind))}" for kind in table["r_type"].tolist())
    return found


def _of_counts(old: Counter[str], new: Counter[str]) -> Iterator[Change]:
    for name in sorted({*old, *new}):
        before, after = old[name], new[name]
        if before != after:
            what = "gone" if not after else "new" if not before else "changed"
            yield Change(what, name, str(before), str(after))


def _of_maps(old: Mapping[str, str], new: Mapping[str, str]) -> Iterator[Change]:
    for name in dict.fromkeys((*old, *new)):
        before, after = old.get(name, ""), new.get(name, "")
        if before != after:
            yield Change("gone" if not after else "new" if not before else "changed", name, before, after)
