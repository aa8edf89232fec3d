"""The layout of the state and the tables that native code and Python share.

The state is an array of 64-bit words. Integer registers are words 0 to 31, floating-point registers
words 32 to 63. While a region runs, the registers in `PASSED` are arguments of its function, in
registers of the host; the function that leaves native code writes them back.
"""

from __future__ import annotations

PASSED = (1, 2, 10, 11, 12, 13, 14, 15)  # ra, sp, a0 to a5: as many as the calling convention has room for

# Words of the state.
PC, LEFT, STATUS = 64, 65, 66
SHADOW = 67  # address of the shadow page table: entries for reads, then those for writes
JUMP = 68  # address of the table of entry points
MEMORY, FRAMES, ROOT = 69, 70, 71  # host address of physical memory, its frame count, the root table's frame
REFILL = 72  # address of the function `outside`, which regions call for an access outside its range
LEAVE = 73  # address of the function `leave`
MISSES = 74  # TLB misses: entries that native code has added to the shadow page table
GENERATION = 75  # the current generation of runs in the shadow page table
FCSR = 76  # fcsr without the flags that MXCSR has collected since native code was entered
MXCSR = 77  # scratch memory for stmxcsr and ldmxcsr
FLOATS = 78  # nonzero: a floating-point register has changed
RESERVATION = 79  # the physical address that lr reserved, or NO_RESERVATION
NO_RESERVATION = (1 << 64) - 1
FAULT = 80  # address of the callback that asks the kernel to resolve a page fault

WANTED, AT, REST = 81, 82, 83  # arguments of `outside`: the access, its pc, the budget left there
# Fields of WANTED: the access's size in bytes, whether it must be aligned, whether it writes, its
# range's first word.
WANTED_SIZE, WANTED_ALIGNED, WANTED_WRITE, WANTED_WORD_SHIFT = 15, 16, 32, 6
# Address of the words of the frame table (`machine.frame_table`), or 0: the kernel resolves every fault.
TABLE = 84
REFS, BORN, GIVEN, FREED = 85, 86, 87, 88  # addresses of that table's arrays
STALE = 89  # the number of pages in STALE_PAGES, whose entries a fault resolved in native code made stale
GENERATION_STEPS = 90  # by how much these faults have increased GENERATION
DISCARD = 91  # a word that takes what the interpreter's handlers write to x0
SEARCH = 92  # address of `refill`, for the interpreter's handlers
# The interpreter: addresses of its image and of its table of buckets, of the pages of decoded code by
# page number, of the counters of arrivals, and of the handler of a position without code (`interp`).
IMAGE, BUCKETS, CODE, ARRIVALS, SEEK = 93, 94, 95, 96, 97
CROSSING = 98  # three operations: an instruction that crosses into the next page, decoded at each execution
OP_WORDS = 2

# Ranges: the memory that one kind of access through some pointer last reached. First virtual address;
# the number of addresses where 8 bytes are inside; host address - virtual address; how many misses
# until a search for a new range. That word holds two counters: the low half counts misses down from
# PATIENT, the high half counts searches that found a run shorter than the range. Only after STRIKES_MOST
# of them does such a run replace a longer one, so that one page elsewhere does not cost an area its range.
RANGES = 128
RANGE_WORDS = 4
FIRST, INSIDE, DELTA, PATIENCE = 0, 1, 2, 3
PATIENT, STRIKES_SHIFT, STRIKES_MOST = 16, 32, 3
SLOTS = 512
KEPT_SLOTS = 16  # for registers that stay in one area (sp, gp, tp); a hash selects the other slots; odd ones are for writes
RANGES_END = RANGES + SLOTS * RANGE_WORDS
STALE_PAGES, STALE_MOST = RANGES_END, 128  # virtual page numbers
# Watched memory: the number of ranges, then the first address of each and the one after its last. Pages
# with watched bytes have no entry in the shadow page table, and `refill` looks at each access to them.
WATCHES, WATCHES_MOST = STALE_PAGES + STALE_MOST, 16
WORDS = WATCHES + 1 + 2 * WATCHES_MOST


def range_word(slot: int) -> int:
    """The first word of a range."""
    return RANGES + slot * RANGE_WORDS


# Why native code returned (STATUS); PC is the next instruction in every case.
LOOKUP = 1  # the table of entry points has no entry for PC
MISS = 2  # the instruction at PC needs the slow path; it may trap
BUDGET = 3  # the budget does not last until the next check
STOP = 4  # regions cannot contain the instruction at PC
PAGE = 5  # the interpreter has no decoded page for PC
ARRIVED = 6  # the interpreter has arrived at PC as often as its counter says
ECALL = 7  # the instruction at PC is an ecall

# The shadow page table: two words for each page of the user half. The first is host address - virtual
# address, or 0. The second is a run of pages around it that have the same first word: first page |
# pages << 26 | generation << 52. It is valid if its generation is the current one.
PAGE_BITS = 26
PAGES = 1 << PAGE_BITS
ENTRY_BYTES = 16
WRITES = ENTRY_BYTES * PAGES  # offset in bytes of the entries for writes
SHADOW_BYTES = 2 * WRITES

# After it, one mark (a byte) for each group of 256 pages, whose entries fill a page of the host. It is
# nonzero if the group has entries: dropping an entry in an unused group would make the host allocate a
# page.
MARK_BITS = 8

# After the marks, the log of marked groups: their count and numbers. A count of LOG_MOST + 1 means that
# not all fit.
LOG = SHADOW_BYTES + (PAGES >> MARK_BITS)
LOG_MOST = 255

# Then the interpreter's pages of code: two words for each page, the address of its operations, and of its
# bytes in the host's memory; or 0.
CODE_PAGES = LOG + 8 * (1 + LOG_MOST)
TABLES_BYTES = CODE_PAGES + ENTRY_BYTES * PAGES
GENERATION_SHIFT = 2 * PAGE_BITS
GENERATIONS = 1 << 64 - GENERATION_SHIFT  # generation 0 is unused
LAST_GENERATION = GENERATIONS - 2  # instead of reaching this one, the shadow is emptied and 1 is next

# The table of entry points: (pc, address), indexed by the low bits of pc.
JUMP_BITS = 14
JUMP_BYTES = 16 << JUMP_BITS

# The interpreter counts arrivals at targets of calls, of indirect jumps and of backward branches; the low
# bits of pc select one of these counters of 32 bits, which count down.
ARRIVAL_BITS = 12
ARRIVAL_BYTES = 4 << ARRIVAL_BITS

# An operation of the interpreter: address of its handler, then four bytes that are words of the state or
# register numbers, and an immediate of 32 bits. A page of code has one for each 2 bytes, and two more
# where execution continues in the next page.
OP_BYTES = 16
OP_REGISTERS, OP_IMMEDIATE = 8, 12  # offsets in bytes
OPS_OF_PAGE = 4096 // 2 + 2
