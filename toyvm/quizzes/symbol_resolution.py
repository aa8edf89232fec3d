"""Questions on symbol resolution: which definition wins, and which archive members take part."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from random import Random

from ..assembler import AssemblerOptions, assemble_text
from ..base.errors import LinkError
from ..base.record import Record
from ..elf import archive
from ..elf.object_writer import write_object
from ..linker.inputs.global_symbols import DefinitionKind
from ..linker.link import link
from ..linker.link_options import Input, LinkOptions
from ..linker.link_result import LinkResult
from .question import Block, Listing, Part, Question, answer, paragraph, table

TITLE = "Symbol resolution"
FUNCTIONS = ("draw", "parse", "sort", "copy", "hash", "next", "send", "fold", "open_log", "trim")
DATA = ("table", "buffer", "count", "colours", "limit", "names")
OBJECTS = ("main", "shapes", "input", "report")
MEMBERS = ("list", "text", "clock", "queue", "tree", "error", "math", "cache")
ARCHIVES = ("base", "extra")

STRONG, WEAK, COMMON, NEEDS, MAY_NEED = "strong", "weak", "common", "refers", "refers weakly"


class Mention(Record):
    """A symbol in a file: a definition (`size` of a common one) or a reference."""

    name: str
    kind: str
    size: int = 0


class ObjectSource(Record):
    """An object, by what it mentions."""

    name: str
    mentions: tuple[Mention, ...]


class ArchiveSource(Record):
    """An archive with its members."""

    name: str
    members: tuple[ObjectSource, ...]


File = ObjectSource | ArchiveSource


class Resolved(Record):
    """What a link makes of the files.

    `winners` maps each symbol to the file that defines it; "" if none does. `twice` are the
    symbols that two files define strongly, `missing` those that are referred to and not defined.
    """

    files: tuple[str, ...]
    winners: dict[str, str]
    sizes: dict[str, int]  # of common symbols
    twice: frozenset[str]
    missing: frozenset[str]


def make(rng: Random, seed: int, number: int, level: int) -> Question:
    """The files of a link in the order of the command line."""
    files = _files(rng, level)
    inputs = [_input(file) for file in files]
    machine = _by_linker(inputs)
    worked, steps = _work(files)
    if worked != machine:
        raise RuntimeError(f"the working says {worked}, the linker {machine}")
    command = "toyvm ld -static -o program " + " ".join(file.name for file in files)
    given: tuple[Block, ...] = (
        paragraph("These objects and archives mention these global symbols:"),
        table("file, defines, refers to", list(_rows(files))),
        paragraph("They are linked by this command:"),
        Listing(command),
        paragraph(
            "An object always takes part. The linker reads the files once, from left to right. When it comes to an "
            "archive, it takes each member that defines a symbol which is undefined at that moment and to which some file "
            "refers strongly, until no more do, and never returns to the archive."
        ),
        paragraph(
            "Of several definitions, a strong one wins; two strong ones are an error. A common symbol wins over a weak "
            "definition, and the largest of several common symbols counts. Of several weak definitions the first one "
            "wins. A strong reference without a definition is an error; a weak one without a definition gives address 0."
        ),
    )
    parts = (_members_part(files, machine, steps), _winners_part(machine), _errors_part(machine))
    data = {
        "command": [file.name for file in files],
        "files": [_as_data(file) for file in files],
        "taken": list(machine.files),
        "winners": machine.winners,
        "sizes": machine.sizes,
        "twice": sorted(machine.twice),
        "missing": sorted(machine.missing),
    }
    return Question("symbols", seed, number, level, TITLE, given, parts, data)


# --- the case ---


def _files(rng: Random, level: int) -> tuple[File, ...]:
    """A main object, others, and archives, some of them before what needs them."""
    functions = rng.sample(FUNCTIONS, 4 + level)
    data = rng.sample(DATA, 1 + level)
    names = list(OBJECTS[1 : 1 + level])
    members = rng.sample(MEMBERS, 3 + level)
    objects = [_object(rng, f"{name}.o", functions, data) for name in names]
    archives = []
    cut = len(members) if level == 1 else 2 + rng.randrange(2)
    homes = rng.sample(functions, len(functions) - 1)
    for index, group in enumerate([members[:cut], members[cut:]]):
        if group:
            archives.append(ArchiveSource(f"lib{ARCHIVES[index]}.a", _members(rng, group, functions, homes)))
    rest: list[File] = [*objects, *archives]
    if rng.random() < 0.6:  # the usual order; otherwise an archive may come too early
        rest.sort(key=lambda file: isinstance(file, ArchiveSource))
    else:
        rng.shuffle(rest)
    main = _object(rng, "main.o", functions, data)
    main = ObjectSource("main.o", (Mention("_start", STRONG), *main.mentions))
    return (main, *rest)


def _object(rng: Random, name: str, functions: Sequence[str], data: Sequence[str]) -> ObjectSource:
    found: dict[str, Mention] = {}
    for function in rng.sample(functions, rng.randrange(2, 5)):
        kind = rng.choices((NEEDS, MAY_NEED, WEAK, STRONG), (55, 12, 23, 10))[0]
        found[function] = Mention(function, kind)
    for datum in rng.sample(data, rng.randrange(1, len(data) + 1)):
        kind = rng.choices((NEEDS, COMMON, WEAK, STRONG), (30, 45, 10, 15))[0]
        found[datum] = Mention(datum, kind, 8 * rng.randrange(1, 33) if kind == COMMON else 0)
    return ObjectSource(name, tuple(found.values()))


def _members(
    rng: Random, names: Sequence[str], functions: Sequence[str], homes: list[str]
) -> tuple[ObjectSource, ...]:
    """Members that define functions, taken from `homes`, and refer to others. No two define the same symbol."""
    found = []
    for name in names:
        mentions: dict[str, Mention] = {}
        for _ in range(rng.randrange(1, 3)):
            if homes:
                home = homes.pop()
                mentions[home] = Mention(home, WEAK if rng.random() < 0.15 else STRONG)
        if not mentions:
            own = f"{name}_version"
            mentions[own] = Mention(own, STRONG)
        for other in rng.sample(functions, rng.randrange(0, 3)):
            mentions.setdefault(other, Mention(other, MAY_NEED if rng.random() < 0.2 else NEEDS))
        found.append(ObjectSource(f"{name}.o", tuple(mentions.values())))
    return tuple(found)


# --- the linker ---


def _text(source: ObjectSource) -> str:
    """Assembly text of an object with these symbols."""
    lines = []
    for mention in source.mentions:
        name = mention.name
        if mention.kind == COMMON:
            lines.append(f"        .comm   {name}, {mention.size}, 8")
        elif mention.kind in (STRONG, WEAK):
            lines += [
                f"        {'.globl' if mention.kind == STRONG else '.weak'}  {name}",
                "        .data",
                f"{name}: .dword 1",
            ]
        else:
            if mention.kind == MAY_NEED:
                lines.append(f"        .weak   {name}")
            lines += ["        .data", f"        .dword  {name}"]
    return "\n".join(lines) + "\n"


def _input(file: File) -> Input:
    if isinstance(file, ObjectSource):
        return Input(object=assemble_text(_text(file), file.name, AssemblerOptions()))
    members = [
        archive.Member(
            member.name, 0, write_object(assemble_text(_text(member), member.name, AssemblerOptions()))
        )
        for member in file.members
    ]
    return Input(path=file.name, data=archive.write(members))


def _by_linker(inputs: Sequence[Input]) -> Resolved:
    """What toyvm's linker decides: its errors, and the resolution that it reaches when they are allowed."""
    twice = _named(inputs, LinkOptions(static=True, allow_undefined=True), r"multiple definition of `(\w+)'")
    missing = _named(
        inputs, LinkOptions(static=True, allow_multiple_definition=True), r"undefined references? to `(\w+)'"
    )
    result = link(inputs, LinkOptions(static=True, allow_undefined=True, allow_multiple_definition=True))
    table_ = result.resolution.table
    names = {
        name
        for file in result.resolution.files
        for name in file.object.symbols.names
        if name and name != "_start"
    }
    names = {name for name in names if name in table_}
    winners = {name: _winner(result, name) for name in sorted(names)}
    sizes = {n: table_[n].size for n in sorted(names) if table_[n].kind is DefinitionKind.COMMON}
    return Resolved(result.inputs, winners, sizes, twice, missing)


def _named(inputs: Sequence[Input], options: LinkOptions, pattern: str) -> frozenset[str]:
    """The symbols that the messages of a link name."""
    try:
        link(inputs, options)
    except LinkError as error:
        return frozenset(re.findall(pattern, str(error)))
    return frozenset()


def _winner(result: LinkResult, name: str) -> str:
    return result.definition(name).rpartition(":(")[0]


# --- the working ---


class _State(Record, frozen=False):
    """A symbol while the files are read."""

    kind: str = MAY_NEED
    file: str = ""
    size: int = 0
    needed: bool = False


def _work(files: Sequence[File]) -> tuple[Resolved, list[tuple[str, str]]]:
    """The resolution by the rules that the question states, and (file, what happens) for each file."""
    states: dict[str, _State] = {}
    taken: list[str] = []
    twice: set[str] = set()
    steps: list[tuple[str, str]] = []
    for file in files:
        if isinstance(file, ObjectSource):
            taken.append(file.name)
            _enter(file, file.name, states, twice)
            steps.append((file.name, f"takes part; {_open_text(states)}"))
            continue
        left = list(file.members)
        while any(_is_open(states.get(name)) for member in left for name in _defined(member)):
            for member in [*left]:  # the linker goes through an archive again and again
                name = next((name for name in _defined(member) if _is_open(states.get(name))), "")
                if name:
                    left.remove(member)
                    shown = f"{file.name}({member.name})"
                    taken.append(shown)
                    _enter(member, shown, states, twice)
                    why = f"{member.name} takes part: it defines {name}; {_open_text(states)}"
                    steps.append((file.name, why))
        if left:
            names = ", ".join(m.name for m in left)
            steps.append((file.name, f"nothing more needs {names}"))
    states.pop("_start", None)
    missing = frozenset(n for n, s in states.items() if s.kind == MAY_NEED and s.needed)
    winners = {name: states[name].file for name in sorted(states)}
    sizes = {name: states[name].size for name in sorted(states) if states[name].kind == COMMON}
    return Resolved(tuple(taken), winners, sizes, frozenset(twice), missing), steps


def _defined(source: ObjectSource) -> Iterator[str]:
    return (m.name for m in source.mentions if m.kind in (STRONG, WEAK, COMMON))


def _is_open(state: _State | None) -> bool:
    return state is not None and state.kind == MAY_NEED and state.needed


def _open_text(states: dict[str, _State]) -> str:
    names = sorted(name for name, state in states.items() if _is_open(state))
    return f"undefined: {', '.join(names)}" if names else "nothing is undefined"


def _enter(source: ObjectSource, shown: str, states: dict[str, _State], twice: set[str]) -> None:
    rank = {MAY_NEED: 0, WEAK: 1, COMMON: 2, STRONG: 3}
    for mention in source.mentions:
        state = states.setdefault(mention.name, _State())
        if mention.kind in (NEEDS, MAY_NEED):
            state.needed |= mention.kind == NEEDS
        elif mention.kind == STRONG == state.kind:
            twice.add(mention.name)
        elif mention.kind == COMMON == state.kind:
            state.size = max(state.size, mention.size)
        elif rank[mention.kind] > rank[state.kind]:
            state.kind, state.file, state.size = mention.kind, shown, mention.size


# --- the sheet ---


def _rows(files: Sequence[File]) -> Iterator[tuple[str, str, str]]:
    for file in files:
        for source in (file,) if isinstance(file, ObjectSource) else file.members:
            name = file.name if isinstance(file, ObjectSource) else f"{file.name}({source.name})"
            defines = [_mention(m) for m in source.mentions if m.kind in (STRONG, WEAK, COMMON)]
            refers = [_mention(m) for m in source.mentions if m.kind in (NEEDS, MAY_NEED)]
            yield name, ", ".join(defines) or "-", ", ".join(refers) or "-"


def _mention(mention: Mention) -> str:
    notes = {WEAK: " (weak)", MAY_NEED: " (weakly)", COMMON: f" (common, {mention.size} bytes)"}
    return mention.name + notes.get(mention.kind, "")


def _as_data(file: File) -> dict[str, object]:
    if isinstance(file, ArchiveSource):
        return {"name": file.name, "members": [_as_data(member) for member in file.members]}
    return {
        "name": file.name,
        "mentions": [[m.name, m.kind, m.size] for m in file.mentions],
        "source": _text(file),
    }


def _members_part(files: Sequence[File], machine: Resolved, steps: list[tuple[str, str]]) -> Part:
    members = [name for name in machine.files if "(" in name]
    return Part(
        "Which members of the archives take part in the link?",
        answer(f"{', '.join(members)}." if members else "None."),
        (table("the linker reads, and then", steps),),
    )


def _winners_part(machine: Resolved) -> Part:
    rows = []
    for name, file in machine.winners.items():
        size = f" (common, {machine.sizes[name]} bytes)" if name in machine.sizes else ""
        nothing = "nothing: an error" if name in machine.missing else "nothing: address 0"
        rows.append((name, f"{file}{size}" if file else nothing))
    return Part(
        "Where is the definition that each symbol of the files taking part means, and how large is a common symbol? If two "
        "strong definitions are in conflict, name the first.",
        (table("symbol, its definition", rows),),
    )


def _errors_part(machine: Resolved) -> Part:
    lines = [f"multiple definition of {name}" for name in sorted(machine.twice)]
    lines += [f"undefined reference to {name}" for name in sorted(machine.missing)]
    return Part(
        "Which errors are there: which symbols have two strong definitions, and which have none but need one?",
        answer(f"{'; '.join(lines)}." if lines else "None: the program is linked."),
    )
