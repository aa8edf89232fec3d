"""What native code and Python share: the layout of the state, of the tables, and how a region is left.

The state is an array of 64-bit words. Integer registers are words 0 to 31, floating-point registers words 32 to 63; while
a region runs, those in `PASSED` live in registers of the host instead, as arguments of the region's function, and every
function that leaves native code writes them back. Nothing here imports llvmlite, because a run whose translations are in
the cache never needs it.
"""

from __future__ import annotations

PASSED = (1, 2, 10, 11, 12, 13, 14, 15)  # ra, sp, a0 to a5: as many as the host's convention leaves room for

# Words of the state.
PC, LEFT, STATUS = 64, 65, 66
SHADOW = 67  # address of the shadow page table: reads first, writes behind them
JUMP = 68  # address of the table of entry points
MEMORY, FRAMES, ROOT = 69, 70, 71  # host address of physical memory, its frames, the root table's frame
REFILL = 72  # address of the function `outside`, which regions call when an access is outside its range
LEAVE = 73  # address of the function `leave`
MISSES = 74  # entries that `refill` has made
GENERATION = 75  # which runs in the shadow page table are true
FCSR = 76  # fcsr but for the flags that MXCSR has collected since native code was entered
MXCSR = 77  # where MXCSR goes through memory
FLOATS = 78  # not 0: a floating-point register has changed
RESERVATION = 79  # the physical address that lr holds, or NO_RESERVATION
NO_RESERVATION = (1 << 64) - 1
FAULT = 80  # address of the function that `refill` asks to resolve a page fault

WANTED, AT, REST = 81, 82, 83  # for that call: which access it is, its pc, the budget left there
# Of WANTED: the size in bytes, whether the access asks for natural alignment, whether it writes, and its range's first word.
WANTED_SIZE, WANTED_ALIGNED, WANTED_WRITE, WANTED_WORD_SHIFT = 15, 16, 32, 6
# Address of the words of the frame table (`machine.frame_table`), or 0: the kernel resolves every fault.
TABLE = 84
REFS, BORN, GIVEN, FREED = 85, 86, 87, 88  # addresses of what is in that table by frame, and of its stack
GONE = 89  # how many pages of GONE_LIST are no longer what they were, by a fault that native code resolved
BUMPS = 90  # how much GENERATION has grown by that

# Ranges: where a kind of access through some pointer last went. First virtual address, number of addresses at which 8 bytes
# are inside, host address - virtual address, and how many accesses outside it may be before another one is looked for.
RANGES = 128
RANGE_WORDS = 4
FIRST, INSIDE, DELTA, PATIENCE = 0, 1, 2, 3
SLOTS = 512
KEPT_SLOTS = 16  # for registers that point to one place as long as a thread runs; a hash shares the rest
RANGES_END = RANGES + SLOTS * RANGE_WORDS
GONE_LIST, GONE_MOST = RANGES_END, 128  # virtual page numbers
WORDS = GONE_LIST + GONE_MOST


def range_word(slot: int) -> int:
    """The first word of a range."""
    return RANGES + slot * RANGE_WORDS


# Why native code returned (STATUS); PC is the next instruction in every case.
LOOKUP = 1  # no entry point is known for PC
MISS = 2  # the access at PC needs the slow path: it may trap
BUDGET = 3  # the budget does not reach to the next check
STOP = 4  # regions cannot hold the instruction at PC

# The shadow page table: two words for each page of the user half. The first is host address - virtual address, or 0.
# The second is a run of pages around it that all have the same first word: first page, pages << 26, generation << 52;
# it says nothing unless the generation is the current one.
PAGE_BITS = 26
PAGES = 1 << PAGE_BITS
ENTRY_BYTES = 16
WRITES = ENTRY_BYTES * PAGES  # where those for writes begin, in bytes
SHADOW_BYTES = 2 * WRITES

# Behind it a byte for each 256 pages (their words fill a page of the host), not 0 where an entry was made: to drop an entry that
# was never made would cost the host a page.
MARK_BITS = 8

# Behind these the log of those groups: how many, and their numbers; one more than LOG_MOST means more than fit.
LOG = SHADOW_BYTES + (PAGES >> MARK_BITS)
LOG_MOST = 255
TABLES_BYTES = LOG + 8 * (1 + LOG_MOST)
GENERATION_SHIFT = 2 * PAGE_BITS
GENERATIONS = 1 << 64 - GENERATION_SHIFT  # none of them is 0
LAST_GENERATION = GENERATIONS - 2  # from which the next one is 1, and no run is left

# The table of entry points: (pc, address), indexed by the low bits of pc.
JUMP_BITS = 12
JUMP_BYTES = 16 << JUMP_BITS
