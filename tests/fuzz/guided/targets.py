"""The targets: what reads an input, where inputs begin, and how they are changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

from . import file_readers, machines, mutators, text_readers

CORPORA = Path(__file__).parent / "corpora"
Mutate = Callable[[bytes, "mutators.Dice"], bytes]


@dataclass(frozen=True)
class Target:
    """One reader. `run` raises nothing that is not a fault; `share` is its part of the time."""

    name: str
    run: Callable[[bytes], None]
    seeds: Callable[[], Iterable[bytes]]
    mutate: Mutate
    share: int = 1
    longest: int = 4096  # bytes of an input
    tried: int = 60  # changed inputs in a run of the tests

    def corpus(self) -> list[bytes]:
        """The inputs that the tree keeps: those that reached new code, and those that were faults."""
        return [path.read_bytes() for path in sorted((CORPORA / self.name).glob("*"))]


def _text(words: Callable[[], list[str]]) -> Mutate:
    return lambda data, dice: mutators.text(data, dice, words())


_ALL = (
    Target("assembly", text_readers.assembly, text_readers.samples, _text(text_readers.assembly_words), 3),
    Target("linker_script", text_readers.linker_script, text_readers.scripts, _text(text_readers.script_words), 2),
    Target("version_script", text_readers.version_script, text_readers.versions, _text(text_readers.version_words)),
    Target("directives", text_readers.directives, text_readers.directive_seeds, _text(text_readers.directive_words)),
    Target("assignment", text_readers.assignment, text_readers.assignments, _text(text_readers.assignment_words)),
    Target("options", text_readers.options, text_readers.option_seeds, _text(text_readers.option_words)),
    Target("object", file_readers.relocatable, file_readers.objects, mutators.elf, 2, 1 << 14),
    Target("shared_object", file_readers.shared_object, file_readers.shared_objects, mutators.elf, 2, 1 << 14),
    Target("archive", file_readers.archive, file_readers.archives, mutators.archive, 1, 1 << 14),
    Target("elf", file_readers.elf, file_readers.elf_files, mutators.elf, 1, 1 << 14),
    Target("tools", file_readers.tools, file_readers.tool_files, mutators.elf, 1, 1 << 14),
    Target("dwarf", file_readers.dwarf, file_readers.debug_sections, mutators.raw, 1),
    Target("recording", file_readers.recording, file_readers.recordings, mutators.recording, 1, 1 << 14),
    Target("executable", machines.executable, machines.executables, mutators.elf, 1, 1 << 14),
    Target("instructions", machines.instructions, machines.instruction_seeds, mutators.words, 1, 400, 8),
    Target("calls", machines.calls, machines.call_seeds, mutators.raw, 2),
)  # fmt: skip
TARGETS = {target.name: target for target in _ALL}
