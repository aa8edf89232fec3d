# The heap: malloc(3), calloc, realloc, free, malloc_usable_size.
#
# Requests of 128 KiB or more get a mapping of their own, which free unmaps. Smaller ones are allocated from the heap,
# which sbrk extends. The layout is that of Doug Lea's malloc. Memory is a sequence of chunks:
#
#     chunk + 0    size of the previous chunk if that is free, else the last eight bytes of its data
#     chunk + 8    size of this chunk, a multiple of 16, + PREVIOUS_USED + MAPPED
#     chunk + 16   the data (the result of malloc); in a free chunk: next and previous chunk of its free list
#
# The overhead of a used chunk is eight bytes. A freed chunk finds both neighbours at once and is merged with them, so
# free chunks are never adjacent. Free lists are by size: one for each size below 1 KiB, and one for each power of two
# above. Two bit masks show which lists are not empty. The last chunk, top, is in no list: it grows with sbrk, and
# shrinks if a large part of it is free.
#
# A lock protects the heap once there are threads (locks.s).
#
# Double frees and invalid pointers are detected where that is cheap; the program aborts with a message.

        .include "defs.inc"

        .equ    PREVIOUS_USED, 1
        .equ    MAPPED, 2
        .equ    CHUNK_previous, 0
        .equ    CHUNK_size, 8
        .equ    CHUNK_data, 16
        .equ    CHUNK_next_free, 16
        .equ    CHUNK_previous_free, 24
        .equ    SMALLEST, 32            # two links, and the size at the end

        .equ    PAGE, 4096
        .equ    MAP_THRESHOLD, 128 * 1024
        .equ    GROWTH, 64 * 1024       # extra size requested from sbrk, and kept when top shrinks
        .equ    TRIM_THRESHOLD, 256 * 1024 # top shrinks if it is larger

        .equ    STATE_small, 0          # bit i: list i is not empty
        .equ    STATE_large, 8          # bit i: list 64 + i is not empty
        .equ    STATE_top, 16
        .equ    STATE_lists, 24
        .equ    LISTS, 128

# List number of a chunk size.
        .macro  LIST_OF list, size, scratch
        srli    \list, \size, 4
        li      \scratch, 64
        bltu    \list, \scratch, 9f
        srli    \scratch, \size, 10
        li      \list, 63
8:      addi    \list, \list, 1
        srli    \scratch, \scratch, 1
        bnez    \scratch, 8b
9:
        .endm

# number = the index of the lowest set bit of word (not 0); changes word. That bit times a de Bruijn sequence
# has a different pattern in its top six bits for each of the 64 cases (Leiserson, Prokop, Randall 1998).
        .macro  LOWEST_BIT number, word, scratch
        neg     \number, \word
        and     \number, \number, \word
        lla     \scratch, de_bruijn
        ld      \word, 0(\scratch)
        mul     \number, \number, \word
        srli    \number, \number, 58
        add     \number, \number, \scratch
        lbu     \number, 8(\number)
        .endm

# void *malloc(size_t n): n bytes, aligned to 16; NULL and ENOMEM if out of memory. malloc(0) returns a chunk too.
        FUNC    malloc
        LOCKED_BY unlocked_malloc, __malloc_lock
unlocked_malloc:
        li      t0, MAP_THRESHOLD
        bgeu    a0, t0, map_chunk
        addi    a1, a0, 8 + 15          # a1: size of the chunk
        andi    a1, a1, -16
        li      t0, SMALLEST
        bgeu    a1, t0, 1f
        mv      a1, t0
1:      lla     a5, state
        LIST_OF t0, a1, t1
        li      t2, 64
        bgeu    t0, t2, 2f
        ld      t1, STATE_small(a5)     # find a list of this size or larger
        srl     t1, t1, t0
        sll     t1, t1, t0
        bnez    t1, 4f
        ld      t1, STATE_large(a5)
        bnez    t1, 5f
        j       cut_top

2:      slli    t1, t0, 3               # large: the chunks in the list of this size may be too small
        add     t1, t1, a5
        ld      a0, STATE_lists(t1)
3:      beqz    a0, 6f
        ld      t1, CHUNK_size(a0)
        bgeu    t1, a1, take            # (flags do not matter, because sizes are multiples of 16)
        ld      a0, CHUNK_next_free(a0)
        j       3b
6:      addi    t0, t0, -63             # chunks of higher lists are large enough
        ld      t1, STATE_large(a5)
        srl     t1, t1, t0
        sll     t1, t1, t0
        bnez    t1, 5f
        j       cut_top

4:      LOWEST_BIT t0, t1, t2
        j       7f
5:      LOWEST_BIT t0, t1, t2
        addi    t0, t0, 64
7:      slli    t0, t0, 3
        add     t0, t0, a5
        ld      a0, STATE_lists(t0)
        # falls through
        END     malloc

# Use free chunk a0 for a chunk of a1 bytes; the rest becomes a free chunk. Returns to malloc's caller.
        LOCAL   take
        PUSH_RA
        sd      a1, 0(sp)
        ld      a1, CHUNK_size(a0)
        andi    a1, a1, -16
        call    unlink_chunk
        mv      t6, a0
        ld      t0, 0(sp)               # t0: requested size
        sub     t1, a1, t0              # t1: size of the rest
        li      t2, SMALLEST
        bltu    t1, t2, 1f
        ori     t2, t0, PREVIOUS_USED   # (the chunk before a free chunk is used)
        sd      t2, CHUNK_size(a0)
        add     a0, a0, t0
        mv      a1, t1
        ori     t1, t1, PREVIOUS_USED
        sd      t1, CHUNK_size(a0)
        call    link_chunk
        j       2f
1:      add     t1, a0, a1              # use all of it: set PREVIOUS_USED of the next chunk
        ld      t2, CHUNK_size(t1)
        ori     t2, t2, PREVIOUS_USED
        sd      t2, CHUNK_size(t1)
2:      addi    a0, t6, CHUNK_data
        POP_RA
        ret
        END     take

# Allocate a chunk of a1 bytes from the start of top, a5 = state. Returns to malloc's caller.
        LOCAL   cut_top
        ld      a0, STATE_top(a5)
        beqz    a0, 1f
        ld      t0, CHUNK_size(a0)
        andi    t0, t0, -16
        addi    t1, a1, SMALLEST        # the minimum size of top
        bltu    t0, t1, 1f
        sub     t0, t0, a1
        ori     t0, t0, PREVIOUS_USED
        add     t1, a0, a1
        sd      t0, CHUNK_size(t1)
        sd      t1, STATE_top(a5)
        ori     a1, a1, PREVIOUS_USED
        sd      a1, CHUNK_size(a0)
        addi    a0, a0, CHUNK_data
        ret
1:      PUSH_RA
        sd      a1, 0(sp)
        mv      a0, a1
        call    grow_top
        ld      a1, 0(sp)
        POP_RA
        lla     a5, state
        beqz    a0, cut_top
        li      a0, 0
        ret
        END     cut_top

# int grow_top(size_t size): extend the heap so that top has room for a chunk of that size; 0 or -1
        LOCAL   grow_top
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        li      t0, SMALLEST + 16 + GROWTH + PAGE - 1
        add     a0, a0, t0
        srli    a0, a0, 12
        slli    a0, a0, 12
        mv      s0, a0                  # s0: increment
        call    __libc_sbrk
        li      t0, -1
        beq     a0, t0, 5f
        lla     a5, state
        ld      t1, STATE_top(a5)       # t1: the old top
        add     t2, a0, s0              # t2: the new end
        beqz    t1, 1f
        ld      t3, CHUNK_size(t1)
        andi    t3, t3, -16
        add     t4, t1, t3              # t4: the old end
        bne     t4, a0, 2f
        sub     t0, t2, t1              # the heap is contiguous
        j       4f
1:      addi    t1, a0, 15              # the first call
        andi    t1, t1, -16
        sub     t0, t2, t1
        andi    t0, t0, -16
        j       4f

# Another caller of sbrk has moved the break. The old top ends with two 16-byte chunks that are never free (the second
# holds PREVIOUS_USED of the first), so nothing merges across them. The rest becomes an ordinary free chunk.
2:      addi    a0, a0, 15
        andi    a0, a0, -16
        sub     t0, t2, a0
        andi    t0, t0, -16
        ori     t0, t0, PREVIOUS_USED
        sd      t0, CHUNK_size(a0)
        sd      a0, STATE_top(a5)
        addi    t3, t3, -32
        ori     t0, t3, PREVIOUS_USED
        sd      t0, CHUNK_size(t1)
        add     t4, t1, t3
        li      t0, 16 + PREVIOUS_USED
        sd      t0, CHUNK_size(t4)
        sd      t0, CHUNK_size + 16(t4)
        li      t0, SMALLEST
        bltu    t3, t0, 3f              # too small for a free chunk
        addi    a0, t1, CHUNK_data
        call    unlocked_free
3:      li      a0, 0
        j       5f
4:      ori     t0, t0, PREVIOUS_USED
        sd      t0, CHUNK_size(t1)
        sd      t1, STATE_top(a5)
        li      a0, 0
5:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        addi    sp, sp, 32
        ret
        END     grow_top

# Allocate a chunk for a0 bytes as a separate mapping. Returns to malloc's caller.
        LOCAL   map_chunk
        li      t0, CHUNK_data + PAGE - 1
        add     a1, a0, t0
        srli    a1, a1, 12
        slli    a1, a1, 12
        bltu    a1, a0, 2f              # overflow
        PUSH_RA
        sd      a1, 0(sp)
        li      a0, 0
        li      a2, PROT_READ | PROT_WRITE
        li      a3, MAP_PRIVATE | MAP_ANONYMOUS
        li      a4, -1
        li      a5, 0
        call    __libc_mmap
        ld      a1, 0(sp)
        POP_RA
        li      t0, -1
        beq     a0, t0, 2f
        ori     a1, a1, MAPPED
        sd      a1, CHUNK_size(a0)
        addi    a0, a0, CHUNK_data
        ret
2:      PUSH_RA
        li      a0, ENOMEM
        call    __set_errno
        li      a0, 0
        POP_RA
        ret
        END     map_chunk

# Unlink free chunk a0 of a1 bytes from its list; a5 = state. Preserves a0, a1, a5, t6.
        LOCAL   unlink_chunk
        ld      t0, CHUNK_next_free(a0)
        ld      t1, CHUNK_previous_free(a0)
        beqz    t0, 1f
        sd      t1, CHUNK_previous_free(t0)
1:      beqz    t1, 2f
        sd      t0, CHUNK_next_free(t1)
        ret
2:      LIST_OF t1, a1, t2              # it was the first of its list
        slli    t2, t1, 3
        add     t2, t2, a5
        sd      t0, STATE_lists(t2)
        bnez    t0, 3f
        li      t2, 1                   # and the last
        sll     t2, t2, t1              # (a shift takes the low six bits: 64 + i is i)
        srli    t1, t1, 6
        slli    t1, t1, 3
        add     t1, t1, a5
        ld      t3, STATE_small(t1)
        xor     t3, t3, t2
        sd      t3, STATE_small(t1)
3:      ret
        END     unlink_chunk

# Make chunk a0 of a1 bytes free: link it, and update the next chunk. a5 = state. Preserves a0, a1, a5, t6.
        LOCAL   link_chunk
        add     t0, a0, a1
        sd      a1, CHUNK_previous(t0)
        ld      t1, CHUNK_size(t0)
        andi    t1, t1, ~PREVIOUS_USED
        sd      t1, CHUNK_size(t0)
        LIST_OF t1, a1, t2
        slli    t2, t1, 3
        add     t2, t2, a5
        ld      t0, STATE_lists(t2)
        sd      a0, STATE_lists(t2)
        sd      t0, CHUNK_next_free(a0)
        sd      zero, CHUNK_previous_free(a0)
        beqz    t0, 1f
        sd      a0, CHUNK_previous_free(t0)
        ret
1:      li      t2, 1
        sll     t2, t2, t1
        srli    t1, t1, 6
        slli    t1, t1, 3
        add     t1, t1, a5
        ld      t3, STATE_small(t1)
        or      t3, t3, t2
        sd      t3, STATE_small(t1)
        ret
        END     link_chunk

# void free(void *p): free p, which may be NULL. Preserves errno.
        FUNC    free
        beqz    a0, 1f
        LOCKED_BY unlocked_free, __malloc_lock
unlocked_free:
        addi    a0, a0, -CHUNK_data
        andi    t0, a0, 15
        bnez    t0, bad_pointer
        ld      a1, CHUNK_size(a0)
        andi    t0, a1, MAPPED
        bnez    t0, unmap_chunk
        j       release
1:      ret
        END     free

        LOCAL   unmap_chunk
        andi    a1, a1, ~MAPPED
        slli    t0, a0, 52
        slli    t1, a1, 52
        or      t0, t0, t1
        bnez    t0, bad_pointer         # not page-aligned
        li      a7, SYS_munmap          # (a failure is ignored; errno does not change)
        ecall
        ret
        END     unmap_chunk

# Free chunk a0, whose size field is a1, and merge it with free neighbours. Returns to free's caller.
        LOCAL   release
        PUSH_RA
        lla     a5, state
        ld      t4, STATE_top(a5)
        bgeu    a0, t4, bad_pointer_here
        andi    t0, a1, -16             # t0: its size
        li      t1, SMALLEST
        bltu    t0, t1, bad_pointer_here
        add     t5, a0, t0              # t5: the next chunk
        bgtu    t5, t4, bad_pointer_here
        ld      t1, CHUNK_size(t5)
        andi    t2, t1, PREVIOUS_USED
        beqz    t2, freed_twice_here
        andi    t2, a1, PREVIOUS_USED
        mv      t6, a0
        mv      a1, t0
        bnez    t2, 1f
        ld      a1, CHUNK_previous(a0)  # the previous chunk is free: unlink it
        sub     a0, a0, a1
        mv      t6, a0
        mv      a2, t0
        call    unlink_chunk
        add     a1, a1, a2
1:      ld      t4, STATE_top(a5)
        beq     t5, t4, 3f
        ld      a2, CHUNK_size(t5)
        andi    a2, a2, -16
        add     t0, t5, a2
        ld      t0, CHUNK_size(t0)
        andi    t0, t0, PREVIOUS_USED
        bnez    t0, 2f
        mv      a3, a1                  # the next chunk is free too
        mv      a0, t5
        mv      a1, a2
        call    unlink_chunk
        add     a1, a3, a2
        mv      a0, t6
2:      ori     t0, a1, PREVIOUS_USED
        sd      t0, CHUNK_size(a0)
        call    link_chunk
        POP_RA
        ret

3:      ld      t0, CHUNK_size(t5)      # the next chunk is top: merge with it
        andi    t0, t0, -16
        add     a1, a1, t0
        ori     t0, a1, PREVIOUS_USED
        sd      t0, CHUNK_size(a0)
        sd      a0, STATE_top(a5)
        li      t0, TRIM_THRESHOLD
        bltu    a1, t0, 4f
        call    trim_top
4:      POP_RA
        ret
        END     release

# Return the end of top (a1 bytes at a0) to the kernel, if it is still the end of the heap.
        LOCAL   trim_top
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        add     s0, a0, a1              # s0: its end
        li      t0, GROWTH
        sub     s1, a1, t0
        srli    s1, s1, 12
        slli    s1, s1, 12              # s1: number of bytes
        li      a0, 0
        call    __libc_sbrk
        bne     a0, s0, 1f
        neg     a0, s1
        call    __libc_sbrk
        bne     a0, s0, 1f
        lla     a5, state
        ld      t0, STATE_top(a5)
        ld      t1, CHUNK_size(t0)
        sub     t1, t1, s1
        sd      t1, CHUNK_size(t0)
1:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     trim_top

# Invalid use by the program: print a message and abort, as glibc does.
        LOCAL   freed_twice_here
        lla     a1, freed_twice
        j       1f
        END     freed_twice_here
        LOCAL   bad_pointer
        END     bad_pointer
        LOCAL   bad_pointer_here
        lla     a1, not_from_malloc
1:      mv      s0, a1
        mv      a0, a1
        call    __libc_strlen
        mv      a2, a0
        mv      a1, s0
        li      a0, 2
        call    __libc_write
        call    __libc_abort
        END     bad_pointer_here

# void *calloc(size_t count, size_t size): allocate count * size zero bytes; NULL and ENOMEM, also on overflow
        FUNC    calloc
        PUSH_RA
        mulhu   t0, a0, a1
        mul     a0, a0, a1
        beqz    t0, 1f
        li      a0, -1                  # too large: malloc will fail
1:      sd      a0, 0(sp)
        call    malloc
        beqz    a0, 2f
        ld      t0, CHUNK_size - CHUNK_data(a0)
        andi    t0, t0, MAPPED
        bnez    t0, 2f                  # new pages are zero already
        ld      a2, 0(sp)
        li      a1, 0
        call    __libc_memset
2:      POP_RA
        ret
        END     calloc

# size_t malloc_usable_size(void *p): the number of usable bytes at p
        FUNC    malloc_usable_size
        beqz    a0, 2f
        ld      t0, CHUNK_size - CHUNK_data(a0)
        andi    t1, t0, MAPPED
        andi    a0, t0, -16
        beqz    t1, 1f
        addi    a0, a0, -8              # a mapping has no next chunk whose first field it could use
1:      addi    a0, a0, -8
2:      ret
        END     malloc_usable_size

# void *realloc(void *p, size_t n): resize p to n bytes, in place if possible; NULL and ENOMEM, and p is unchanged.
# realloc(NULL, n) is malloc(n); realloc(p, 0) frees p and returns NULL.
        FUNC    realloc
        bnez    a0, 1f
        mv      a0, a1
        tail    malloc
1:      bnez    a1, 2f
        PUSH_RA
        call    free
        li      a0, 0
        POP_RA
        ret
2:      addi    sp, sp, -48
        sd      ra, 40(sp)
        sd      s0, 32(sp)
        sd      s1, 24(sp)
        sd      s2, 16(sp)
        mv      s0, a0                  # s0: p
        mv      s1, a1                  # s1: n
        call    __libc_malloc_usable_size
        mv      s2, a0                  # s2: current usable size
        ld      t0, CHUNK_size - CHUNK_data(s0)
        andi    t0, t0, MAPPED
        bnez    t0, 3f
        li      t0, MAP_THRESHOLD
        bgeu    s1, t0, 4f
        mv      a0, s0
        mv      a1, s1
        call    resize_in_place
        bnez    a0, 7f
        j       4f
3:      bgtu    s1, s2, 4f              # a mapping: keep it while n fits and little is wasted
        srli    t0, s2, 1
        bgeu    s1, t0, 7f
4:      mv      a0, s1
        call    malloc
        beqz    a0, 8f
        mv      a2, s2
        bleu    a2, s1, 5f
        mv      a2, s1
5:      mv      a1, s0
        sd      a0, 0(sp)
        call    __libc_memcpy
        mv      a0, s0
        call    free
        ld      s0, 0(sp)
7:      mv      a0, s0
8:      ld      ra, 40(sp)
        ld      s0, 32(sp)
        ld      s1, 24(sp)
        ld      s2, 16(sp)
        addi    sp, sp, 48
        ret
        END     realloc

# int resize_in_place(void *p, size_t n): resize p's chunk to n bytes, using the free space after it; 1 on success.
        LOCAL   resize_in_place
        LOCKED_BY unlocked_resize, __malloc_lock
unlocked_resize:
        addi    sp, sp, -32
        sd      ra, 24(sp)
        sd      s0, 16(sp)
        sd      s1, 8(sp)
        addi    s0, a0, -CHUNK_data     # s0: the chunk
        addi    s1, a1, 8 + 15
        andi    s1, s1, -16             # s1: new size
        li      t0, SMALLEST
        bgeu    s1, t0, 1f
        mv      s1, t0
1:      lla     a5, state
        ld      t0, CHUNK_size(s0)
        andi    a2, t0, -16             # a2: current size
        bgeu    a2, s1, 4f
        add     a0, s0, a2              # a0: the next chunk
        ld      a1, CHUNK_size(a0)
        andi    a1, a1, -16
        add     a3, a2, a1              # a3: both sizes
        ld      t1, STATE_top(a5)
        beq     a0, t1, 2f
        bltu    a3, s1, 6f
        add     t1, a0, a1
        ld      t1, CHUNK_size(t1)
        andi    t1, t1, PREVIOUS_USED
        bnez    t1, 6f                  # it is in use
        call    unlink_chunk
        mv      a2, a3
        j       3f
2:      addi    t1, s1, SMALLEST        # top: move its start up
        bltu    a3, t1, 6f
        sub     a3, a3, s1
        ori     a3, a3, PREVIOUS_USED
        add     t1, s0, s1
        sd      a3, CHUNK_size(t1)
        sd      t1, STATE_top(a5)
        mv      a2, s1
3:      ld      t0, CHUNK_size(s0)      # the chunk now has a2 bytes
        andi    t0, t0, PREVIOUS_USED
        or      t0, t0, a2
        sd      t0, CHUNK_size(s0)
        add     t1, s0, a2
        ld      t2, CHUNK_size(t1)
        ori     t2, t2, PREVIOUS_USED
        sd      t2, CHUNK_size(t1)
4:      sub     a1, a2, s1              # free the rest
        li      t0, SMALLEST
        bltu    a1, t0, 5f
        ld      t0, CHUNK_size(s0)
        andi    t0, t0, PREVIOUS_USED
        or      t0, t0, s1
        sd      t0, CHUNK_size(s0)
        add     a0, s0, s1
        ori     a1, a1, PREVIOUS_USED
        sd      a1, CHUNK_size(a0)
        call    release
5:      li      a0, 1
        j       7f
6:      li      a0, 0
7:      ld      ra, 24(sp)
        ld      s0, 16(sp)
        ld      s1, 8(sp)
        addi    sp, sp, 32
        ret
        END     resize_in_place

        .section .rodata
        .balign 8
de_bruijn:
        .dword  0x03f79d71b4cb0a89
        .byte   0, 1, 48, 2, 57, 49, 28, 3, 61, 58, 50, 42, 38, 29, 17, 4
        .byte   62, 55, 59, 36, 53, 51, 43, 22, 45, 39, 33, 30, 24, 18, 12, 5
        .byte   63, 47, 56, 27, 60, 41, 37, 16, 54, 35, 52, 21, 44, 32, 23, 11
        .byte   46, 26, 40, 15, 34, 20, 31, 10, 25, 14, 19, 9, 13, 8, 7, 6
freed_twice:
        .string "free(): double free detected\n"
not_from_malloc:
        .string "free(): invalid pointer\n"

        .bss
        .balign 16
state:  .skip   STATE_lists + 8 * LISTS

        .globl  __malloc_lock
        .hidden __malloc_lock
        .type   __malloc_lock, @object
        .size   __malloc_lock, 4
__malloc_lock:
        .skip   4
