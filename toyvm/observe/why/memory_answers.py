"""The answers about memory as values: addresses and page table entries are numbers, texts are for people.

`json_form.to_json` gives their form in JSON, `answer_text` their form as text.
"""

from __future__ import annotations

from toyvm.base.events import FaultKind
from toyvm.base.record import Record


class WalkStep(Record):
    """One step of the page table walk: entry `index` of the table in frame `table`, at physical `pte_address`.

    `meaning` is "table", "page", "megapage", "swap" or "nothing".
    """

    level: int
    table: int
    index: int
    pte_address: int
    pte: int
    meaning: str


class Mapping(Record):
    """One page table entry that maps a frame. `pid` is the lowest pid of the processes that use the table."""

    pid: int
    command: str
    address: int
    pte: int
    name: str  # of the area: the file's path, "[heap]", or "" for anonymous memory


class FrameAnswer(Record):
    """A frame of physical memory and everyone who refers to it.

    `use` is a value of `pictures.frame_map.Use`. The references are those of `mappings`, of the page
    cache, of the swap cache, of KSM, and of page tables; `other_references` are the rest.
    """

    frame: int
    use: str
    references: int
    mappings: tuple[Mapping, ...] = ()
    file: str = ""  # of the page cache's page; the path by which a process maps it, else device and inode
    page: int | None = None  # its number in the file
    dirty: bool = False  # it differs from its file
    swap_slot: int | None = None  # the slot whose page the swap cache has here
    merged: bool = False  # KSM holds it
    table_of: int = 0  # the process whose page table is in it
    other_references: int = 0


class SlotAnswer(Record):
    """A slot of the swap area: its references, and the frame of the swap cache that has the page too."""

    slot: int
    references: int
    cached_in: int | None = None


class Outcome(Record):
    """What an access would do now. `kind` is the fault's, or None if no fault happens."""

    access: str
    kind: FaultKind | None
    rule: str


class AddressAnswer(Record):
    """An address of a process, from its name down to its frame or swap slot.

    `state` is "present", "swapped", "absent" (the area is there, the page is not), "unmapped" or
    "physical" (a machine without an MMU).
    """

    pid: int
    command: str
    address: int
    state: str
    symbol: str = ""  # `counter+0x8 (cow.s:41)`
    section: str = ""
    file: str = ""
    file_offset: int | None = None
    area: str = ""  # its line of /proc/PID/maps
    origin: str = ""
    steps: tuple[WalkStep, ...] = ()
    physical: int | None = None
    frame: FrameAnswer | None = None
    slot: SlotAnswer | None = None
    outcomes: tuple[Outcome, ...] = ()


class AreaMemory(Record):
    """An area of a process: its pages by where they are, in pages of 4096 bytes."""

    area: str
    pages: int
    private: int  # frames that only this entry maps
    shared: int  # frames that other entries map too
    swapped: int
    untouched: int  # no frame, no slot: also pages that map the shared zero page
    proportional: float  # PSS: a frame with n mappings counts 1/n
    shared_with: tuple[int, ...]  # pids that map one of its frames


class ProcessAnswer(Record):
    """Where a process's memory is."""

    pid: int
    command: str
    areas: tuple[AreaMemory, ...]
    tables: int  # frames of its page tables
    shares_space_with: tuple[int, ...]  # processes that use the same address space


class FaultAnswer(Record):
    """One page fault and its resolution. `number` counts the faults of the machine from 1.

    The cost is in frames taken (page tables included) and bytes moved.
    """

    number: int
    time: int  # virtual nanoseconds
    pid: int
    command: str
    access: str
    address: int
    pc: int  # 0: the kernel made the access
    kind: FaultKind
    rule: str
    place: str = ""  # of the instruction: `main+0x34 (cow.s:41)`
    instruction: str = ""
    symbol: str = ""  # of the address
    area: str = ""
    pte_before: int = 0
    pte_after: int = 0
    frame: int | None = None
    old_frame: int | None = None
    old_references: int = 0
    grew_stack: bool = False
    tables_made: int = 0
    frames_taken: int = 0
    bytes_copied: int = 0
    bytes_zeroed: int = 0
    bytes_read: int = 0


class PageChange(Record):
    """One change of a page's entry: `cause` says what did it."""

    time: int
    cause: str
    pte_before: int
    pte_after: int
    fault: int = 0  # its number, if a fault did it


class PageAnswer(Record):
    """The history of one page of a process."""

    pid: int
    command: str
    address: int
    changes: tuple[PageChange, ...]
    left_out: int = 0  # changes beyond those that are kept
