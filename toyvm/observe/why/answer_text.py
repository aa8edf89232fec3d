"""Answers about memory as text, at most 100 columns wide where names and paths allow it."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from textwrap import wrap

from toyvm.base.diagnostics import printable

from ..pte_text import entry_text
from .fault_rules import BAD
from .memory_answers import (
    AddressAnswer,
    FaultAnswer,
    FrameAnswer,
    Outcome,
    PageAnswer,
    ProcessAnswer,
    SlotAnswer,
    WalkStep,
)
from .process_answer import total

WIDTH = 100
_LABEL = 14  # columns of a label, with the two before it
_SHOWN = 20  # mappings of a frame that are listed


def walk_text(answer: AddressAnswer) -> str:
    """The page table walk of an address alone, a line for each entry that the machine reads."""
    lines = [text for step in answer.steps for text in _step(step)]
    return "\n".join([f"page table walk for {answer.address:#x} of process {answer.pid}", *lines])


def address_text(answer: AddressAnswer) -> str:
    """The chain of an address, from its name to its frame and to what an access would do."""
    lines = [f"address {answer.address:#x} of process {answer.pid} ({printable(answer.command)})"]
    where = ", ".join(part for part in (answer.symbol, answer.section) if part)
    lines += _field("name", where) if where else []
    lines += _field("mapping", answer.area or "none")
    lines += _field("origin", answer.origin) if answer.origin else []
    lines += [text for step in answer.steps for text in _step(step)]
    if answer.state == "physical":
        lines += _field("physical", f"{answer.address:#x}: a machine without an MMU translates nothing")
    elif answer.physical is not None:
        lines += _field("physical", f"{answer.physical:#x}")
    if answer.frame is not None:
        lines += _frame_lines(answer.frame)
    if answer.slot is not None:
        lines += _field("swap slot", slot_text(answer.slot))
    for outcome in answer.outcomes:
        lines += _field(f"to {outcome.access}", _outcome(outcome))
    return "\n".join(lines)


def frame_text(answer: FrameAnswer) -> str:
    """A frame, its use, and everyone who refers to it."""
    return "\n".join([f"frame {answer.frame:#x}", *_frame_lines(answer)])


def slot_text(answer: SlotAnswer) -> str:
    """A slot of the swap area: `0x7, 2 references, also in frame 0x41 of the swap cache`."""
    cached = "" if answer.cached_in is None else f"; the swap cache has it in frame {answer.cached_in:#x}"
    return f"{answer.slot:#x}, {_count(answer.references, 'reference')}{cached}"


def process_text(answer: ProcessAnswer) -> str:
    """A table of areas, with their sums."""
    lines = [f"memory of process {answer.pid} ({printable(answer.command)}), in pages of 4 KiB"]
    if answer.shares_space_with:
        lines.append(f"  the address space is also that of {_pids(answer.shares_space_with)}")
    head = ("pages", "private", "shared", "swapped", "untouched", "PSS")
    lines.append("".join(f"{word:>10}" for word in head) + "  area")
    for area in answer.areas:
        row = (area.pages, area.private, area.shared, area.swapped, area.untouched)
        figures = "".join(f"{number:>10,}" for number in row) + f"{area.proportional:>10,.2f}"
        start = area.area.partition(" ")[0]
        lines.append(f"{figures}  {start.partition('-')[0]} {area.area.split()[1]} {area.area[73:]}".rstrip())
        if area.shared_with:
            lines.append(f"{'':>62}shared with {_pids(area.shared_with)}")
    *sums, pss = total(answer)
    lines.append("".join(f"{number:>10,}" for number in sums) + f"{float(pss):>10,.2f}  in all")
    lines.append(f"{answer.tables:>10,} frames of page tables")
    return "\n".join(lines)


def fault_text(answer: FaultAnswer) -> str:
    """A page fault: who, the entry before, the rule, the entry after, the cost."""
    who = f"process {answer.pid}" + (f" ({printable(answer.command)})" if answer.command else "")
    lines = [f"fault {answer.number}: {answer.access} of {answer.address:#x} by {who}"]
    if answer.pc:
        lines += _field("at pc", f"{answer.pc:#x} {answer.place}".rstrip())
        lines += _field("instruction", answer.instruction) if answer.instruction else []
    else:
        lines += _field("by", "the kernel, for a system call, execve or the loader")
    lines += _field("address", answer.symbol) if answer.symbol else []
    lines += _field("mapping", answer.area or "none")
    if answer.grew_stack:
        lines += _field("stack", "the area grew down to the address")
    lines += _field("PTE before", entry_text(answer.pte_before))
    lines += _field("rule", f"{answer.kind.value}: {answer.rule}")
    if answer.old_frame is not None:
        held = _count(answer.old_references, "reference")
        lines += _field("old frame", f"{answer.old_frame:#x}, which had {held}")
    if answer.frame is not None:
        lines += _field("frame", f"{answer.frame:#x}")
    lines += _field("PTE after", entry_text(answer.pte_after))
    lines += _field("cost", _cost(answer))
    lines += _field("then", _afterwards(answer))
    return "\n".join(lines)


def page_text(answer: PageAnswer) -> str:
    """The history of a page, a line or two for each change of its entry."""
    lines = [f"page {answer.address:#x} of process {answer.pid} ({printable(answer.command)})"]
    if not answer.changes:
        lines.append("  its page table entry never changed: nothing used the page")
    for change in answer.changes:
        number = f"fault {change.fault}: " if change.fault else ""
        lines += wrap(
            f"at {change.time:,} ns  {number}{change.cause}",
            WIDTH,
            initial_indent="  ",
            subsequent_indent="      ",
        )
        lines.append(f"      {entry_text(change.pte_before)}  ->  {entry_text(change.pte_after)}")
    if answer.left_out:
        lines.append(f"  and {_count(answer.left_out, 'later change')}")
    return "\n".join(lines)


def _field(label: str, text: str) -> list[str]:
    """`text` behind a label, wrapped at words; a line of /proc/PID/maps stays whole."""
    first = f"  {label:<{_LABEL - 2}}"
    if label == "mapping":
        return [f"{first}{' '.join(text.split())}"]
    return wrap(text, WIDTH, initial_indent=first, subsequent_indent=" " * _LABEL, break_long_words=False)


def _step(step: WalkStep) -> list[str]:
    place = f"level {step.level}"
    text = (
        f"entry {step.index:>3} of the table in frame {step.table:#x}, at {step.pte_address:#x}: "
        f"{entry_text(step.pte)}"
    )
    return _field(place, text + (" (2 MiB)" if step.meaning == "megapage" else ""))


def _frame_lines(answer: FrameAnswer) -> list[str]:
    lines = _field("frame", f"{answer.frame:#x}: {answer.use}")
    if answer.table_of:
        lines += _field("", f"a table of process {answer.table_of}")
        return lines
    if not answer.mappings and answer.page is None and answer.swap_slot is None and not answer.merged:
        return lines
    lines += _field("references", f"{answer.references} = {' + '.join(_holders(answer))}")
    if answer.page is not None:
        state = ", dirty" if answer.dirty else ""
        lines += _field("page cache", f"page {answer.page} of {printable(answer.file)}{state}")
    if answer.swap_slot is not None:
        lines += _field(
            "swap cache", f"the page of slot {answer.swap_slot:#x}, never writable while it is there"
        )
    for number, mapping in enumerate(answer.mappings):
        if number == _SHOWN:
            lines += _field("", f"and {_count(len(answer.mappings) - _SHOWN, 'more mapping')}")
            break
        name = f" {printable(mapping.name)}" if mapping.name else ""
        text = f"process {mapping.pid} ({printable(mapping.command)}) at {mapping.address:#x}{name}: "
        lines += _field("mapped by" if not number else "", text + entry_text(mapping.pte))
    return lines


def _holders(answer: FrameAnswer) -> Iterator[str]:
    if answer.mappings:
        yield _count(len(answer.mappings), "mapping")
    if answer.page is not None:
        yield "1 of the page cache"
    if answer.swap_slot is not None:
        yield "1 of the swap cache"
    if answer.merged:
        yield "1 of KSM"
    if answer.other_references:
        yield f"{answer.other_references} of the kernel"


def _outcome(outcome: Outcome) -> str:
    if outcome.kind is None:
        return f"no fault: {outcome.rule}"
    end = f", {BAD[outcome.kind]}" if outcome.kind in BAD else ""
    return f"fault ({outcome.kind.value}{end}): {outcome.rule}"


def _cost(answer: FaultAnswer) -> str:
    parts = [_count(answer.frames_taken, "frame")] if answer.frames_taken else []
    if answer.tables_made:
        parts.append(f"{answer.tables_made} of them for page tables")
    parts += [
        f"{size:,} bytes {verb}"
        for size, verb in (
            (answer.bytes_zeroed, "zeroed"),
            (answer.bytes_copied, "copied"),
            (answer.bytes_read, "read"),
        )
        if size
    ]
    return ", ".join(parts) or "a trap; no frame, nothing copied"


def _afterwards(answer: FaultAnswer) -> str:
    by_kernel = not answer.pc or answer.instruction == "ecall"
    if answer.kind in BAD:
        return BAD[answer.kind] if not by_kernel else "the kernel gets EFAULT"
    return "the kernel makes the access again" if by_kernel else "the instruction is executed again"


def _count(number: int, noun: str) -> str:
    return f"{number:,} {noun}{'s' * (number != 1)}"


def _pids(pids: Iterable[int]) -> str:
    numbers = [str(pid) for pid in pids]
    noun = "process" if len(numbers) == 1 else "processes"
    shown = ", ".join(numbers[:_SHOWN])
    return f"{noun} {shown}" + (f" and {len(numbers) - _SHOWN} more" if len(numbers) > _SHOWN else "")
